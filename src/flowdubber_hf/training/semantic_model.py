"""The language model that training starts from: fresh, an earlier one, or a published Qwen2."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase, Qwen2ForCausalLM

from ..checkpoints.fetching import fetch, fetch_checkpoint
from ..checkpoints.sources import CONFIG_FILE, INDEX_FILE, local_checkpoint, part_folder
from ..models.parts import check_settings, load_part, open_part
from ..models.semantic import (
    FlowDubberSemanticConfig,
    FlowDubberSemanticForConditionalGeneration,
    build_tokenizer,
    check_tokenizer,
    semantic_config,
)
from ..models.semantic.tokenization_semantic import END_OF_TEXT_TOKEN
from ..work.reading import in_a_line, read_json


# Where a model and its tokenizer may lie in a folder: a training run's `model`, a run, a pipeline.
_PLACES = ((".", "."), ("model", "model"), ("semantic_model", "tokenizer"))
_ROUND_TO = 64  # rows of an embedding; sizes that divide by it are fast on GPUs

Start = tuple[FlowDubberSemanticForConditionalGeneration, PreTrainedTokenizerBase]


def fresh_model(
    preset: str, texts: Iterable[str], text_tokenizer: str | None = None, text_config: dict[str, Any] | None = None
) -> Start:
    """An untrained model.

    Args:
        preset: `tiny` or `base`.
        texts: scripts of the training split, from which the merges of the `tiny` vocabulary are learned.
        text_tokenizer: for `base`, folder or Hub id of Qwen2.5's tokenizer.
        text_config: settings of the Qwen2 decoder that differ from the preset's.

    Raises:
        ValueError: unknown preset, or `base` without a text tokenizer.
    """
    base = _tokenizer(text_tokenizer) if text_tokenizer else None
    config = semantic_config(preset, text_config=text_config or {})
    tokenizer = build_tokenizer(preset, texts, base, config)
    return FlowDubberSemanticForConditionalGeneration(config), tokenizer


def load_model(source: str | Path, preset: str = "base", seed: int = 0) -> Start:
    """An earlier model: one that training wrote, a whole pipeline's, or a plain Qwen2.

    Args:
        source: folder, bundled name or Hub id.
        preset: whose speech tokens a plain Qwen2 gets, see [`from_qwen2`].
        seed: of their embeddings.

    Raises:
        ValueError: nothing of that kind is there, or model and tokenizer do not belong together.
    """
    source = _folder_of(source)
    for model_place, tokenizer_place in _PLACES:
        folder = Path(source, model_place)
        if not (folder / "config.json").is_file():
            continue
        kind = read_json(folder / "config.json").get("model_type")
        if kind == FlowDubberSemanticConfig.model_type:
            tokenizer = _tokenizer(Path(source, tokenizer_place))
            model = load_part("semantic_model", folder)
            check_tokenizer(tokenizer, model.config)
            return model, tokenizer
        if kind == "qwen2":
            return from_qwen2(folder, preset, seed)
        raise ValueError(f"{folder} is a model of type {kind!r}; the language model starts from qwen2.")
    raise ValueError(f"{source} holds no language model: neither config.json nor model/ nor semantic_model/.")


def _tokenizer(source: str | Path) -> PreTrainedTokenizerBase:
    """A tokenizer of any kind; raises a `ValueError` where there is none, and never runs a repository's own code."""
    if Path(source).is_dir():
        check_settings(Path(source))
    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except Exception as error:  # of whatever kind its many readers raise
        raise ValueError(f"{source} holds no tokenizer that can be read ({in_a_line(error)}); get it anew.") from error


def _folder_of(source: str | Path) -> Path:
    folder = local_checkpoint(source)
    if folder is not None:
        return folder
    name = str(source)
    if (fetch(name, [INDEX_FILE, CONFIG_FILE]) / INDEX_FILE).is_file():
        return fetch_checkpoint(name, ["semantic_model", "tokenizer"])
    return part_folder(name, "semantic_model")


def from_qwen2(source: str | Path, preset: str = "base", seed: int = 0) -> Start:
    """A plain Qwen2 language model that learns to speak: its own weights and text tokens, and new speech tokens behind
    them.

    The embeddings of the new tokens are drawn from a normal distribution with the mean and the deviation that the text
    tokens' embeddings have in each dimension.

    Args:
        source: folder or Hub id of a `Qwen2ForCausalLM` with its tokenizer, such as `Qwen/Qwen2.5-0.5B`.
        preset: gives the speech tokens: `base` for BiCodec's 8192 semantic ones, `tiny` for 512.
        seed: of the new embeddings.

    Raises:
        ValueError: there is no such model, it is none of Qwen2, or its head is not tied to its embedding.
    """
    folder = part_folder(source, "semantic_model")
    config = read_json(folder / CONFIG_FILE)
    if config.get("model_type") != "qwen2":
        raise ValueError(
            f"{source} is a model of type {config.get('model_type')!r}; the language model starts from qwen2."
        )
    tokenizer = _tokenizer(folder)
    if not config.get("tie_word_embeddings", False):
        raise ValueError(f"the head of {source} is not tied to its embedding; take a Qwen2 of at most 3B parameters.")
    qwen = open_part(Qwen2ForCausalLM, folder, "language model")
    num_text = len(tokenizer)
    model = FlowDubberSemanticForConditionalGeneration(_config_for(qwen.config, tokenizer, preset))
    build_tokenizer("base", text_tokenizer=tokenizer, config=model.config)
    state = qwen.model.state_dict()
    old = state.pop("embed_tokens.weight")[:num_text]
    model.model.load_state_dict(state, strict=False)
    with torch.no_grad():
        table = model.get_input_embeddings().weight
        generator = torch.Generator().manual_seed(seed)
        table.copy_(old.mean(dim=0) + old.std(dim=0) * torch.randn(table.shape, generator=generator))
        table[: len(old)] = old
    return model, tokenizer


def _config_for(qwen: Any, tokenizer: PreTrainedTokenizerBase, preset: str) -> FlowDubberSemanticConfig:
    """The configuration of a Qwen2 with the speech tokens of `preset` behind the tokens of `tokenizer`."""
    end = tokenizer.convert_tokens_to_ids(END_OF_TEXT_TOKEN)
    if end is None or end == tokenizer.unk_token_id:
        end = tokenizer.eos_token_id
    pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    if end is None or pad is None:
        raise ValueError("the tokenizer has neither an end nor a padding token.")
    speech = semantic_config(preset)
    text_config = copy.deepcopy(qwen)
    needed = len(tokenizer) + sum(count for _, count in speech.token_families)
    text_config.vocab_size = max(qwen.vocab_size, -(-needed // _ROUND_TO) * _ROUND_TO)
    return FlowDubberSemanticConfig(
        text_config=text_config,
        text_vocab_size=len(tokenizer),
        semantic_codebook_size=speech.semantic_codebook_size,
        attribute_tokens=speech.attribute_tokens,
        pad_token_id=pad,
        end_of_text_token_id=end,
    )
