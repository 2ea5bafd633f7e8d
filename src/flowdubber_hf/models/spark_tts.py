"""Spark-TTS's folder to this package's tokenizer, language model and speech tokenizer."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Mapping
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from ..checkpoints.fetching import fetch
from ..checkpoints.foreign import is_hub_id, read_tensors
from ..checkpoints.streaming import PlannedModel, StoredTensors
from ..work.reading import read_json, read_yaml
from .semantic import FlowDubberSemanticForConditionalGeneration
from .semantic.conversion import (
    plan_spark_semantic,
    read_tokenizer,
    spark_generation_config,
    spark_semantic_config,
)
from .speech_tokenizer import FlowDubberSpeechTokenizer
from .speech_tokenizer.conversion import bicodec_config, plan_bicodec, wav2vec2_config


WAV2VEC2 = "wav2vec2-large-xlsr-53"
# All that is fetched from the Hub: no code, no pickle but the one that wav2vec2 was published as.
PATTERNS = (
    "config.yaml",
    "BiCodec/config.yaml",
    "BiCodec/*.safetensors*",
    *(f"LLM/{name}" for name in ("*.json", "*.safetensors", "merges.txt")),
    *(f"{WAV2VEC2}/{name}" for name in ("*.json", "*.safetensors", "pytorch_model.bin")),
)


def convert_spark_tts(
    source: str | Path, file: str | None = None, revision: str | None = None, keep_postnet: bool = False
) -> dict[str, PlannedModel | PreTrainedTokenizerBase]:
    """
    Spark-TTS as parts of a pipeline. All names and shapes are checked at once; the weights are read when a part is saved.

    Args:
        source: the folder (`LLM`, `BiCodec` and `wav2vec2-large-xlsr-53` in it), or its Hub id.
        file: must not be given: the folder is needed as a whole.
        revision: branch, tag or commit of a Hub id.
        keep_postnet: keep BiCodec's postnet, which only training the speech tokenizer further asks.

    Returns:
        `semantic_model`, `tokenizer` and `speech_tokenizer`, each with `save_pretrained`.

    Raises:
        ValueError: something is missing, damaged, of another shape, or does not fit the rest; the message names it.
    """
    if file is not None:
        raise ValueError("spark-tts is converted from its whole folder; leave --file out.")
    folder = spark_folder(source, revision)
    speech = _plan_speech_tokenizer(folder, keep_postnet)
    config = spark_semantic_config(folder / "LLM", speech.model.config.num_global_tokens)
    for kind, ours, codes in (
        ("semantic", config.semantic_codebook_size, speech.model.config.codebook_size),
        ("global", config.global_codebook_size, speech.model.config.global_codebook_size),
    ):
        if ours != codes:
            raise ValueError(f"{folder}: the vocabulary has {ours} {kind} tokens, BiCodec {codes} codes.")
    with torch.device("meta"):
        model = FlowDubberSemanticForConditionalGeneration(config)
    plan = plan_spark_semantic(model, StoredTensors(folder / "LLM"))
    return {
        "semantic_model": PlannedModel(model, plan, spark_generation_config(config)),
        "tokenizer": read_tokenizer(folder / "LLM", config),
        "speech_tokenizer": speech,
    }


def spark_folder(source: str | Path, revision: str | None = None) -> Path:
    """The local folder of Spark-TTS; of a Hub id, what is needed is fetched.

    Raises:
        ValueError: there is no such folder, or the Hub cannot be reached.
    """
    if not is_hub_id(source):
        if not Path(source).is_dir():
            raise ValueError(f"there is no folder {source}; give Spark-TTS's folder or its Hub id (owner/name).")
        if revision is not None:
            raise ValueError(f"{source} is a folder, which has no revisions; leave --revision out.")
        return Path(source)
    return fetch(str(source), list(PATTERNS), revision=revision)


def _plan_speech_tokenizer(folder: Path, keep_postnet: bool) -> PlannedModel:
    codec = read_yaml(folder / "BiCodec" / "config.yaml").get("audio_tokenizer")
    if not isinstance(codec, Mapping):
        raise ValueError(f"{folder / 'BiCodec' / 'config.yaml'} has no section audio_tokenizer.")
    front_end = folder / WAV2VEC2
    config = bicodec_config(
        read_yaml(folder / "config.yaml"),
        codec,
        wav2vec2_config(read_json(front_end / "config.json"), read_json(front_end / "preprocessor_config.json")),
    )
    if not keep_postnet:
        config.num_postnet_layers = 0
    with torch.device("meta"):
        model = FlowDubberSpeechTokenizer(config)
    stored = StoredTensors(folder / "BiCodec")
    # Published as a pickle only; `read_tensors` takes plain tensors from it and runs no code.
    safe = any(front_end.glob("*.safetensors"))
    wav2vec2 = StoredTensors(front_end) if safe else read_tensors(front_end / "pytorch_model.bin")
    recipes, left_out = plan_bicodec(model, stored, wav2vec2)
    # Rounded weights would choose other codes than the language model was trained on.
    return PlannedModel(model, recipes, fixed_dtype=True, left_out=left_out)


__all__ = ["convert_spark_tts", "spark_folder"]
