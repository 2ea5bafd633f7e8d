"""The language model of Spark-TTS to [`FlowDubberSemanticForConditionalGeneration`].

The tensors keep their names. What the vocabulary holds, and in which order, is read from the tokenizer's files.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import GenerationConfig, PreTrainedTokenizerBase, PreTrainedTokenizerFast, Qwen2Config

from ...checkpoints.streaming import Recipe, plan_weights
from ...work.reading import read_json
from ...work.wording import listed
from .configuration_semantic import FlowDubberSemanticConfig
from .modeling_semantic import FlowDubberSemanticForConditionalGeneration
from .tokenization_semantic import END_OF_TEXT_TOKEN, PAD_TOKEN, check_tokenizer


# Spark-TTS's own sampling; also the defaults of `generate_semantics`.
SAMPLING = {"do_sample": True, "temperature": 0.8, "top_k": 50, "top_p": 0.95, "max_new_tokens": 3000}
MAX_LAYERS = 256  # no public model of this kind has more; a damaged file may ask for any number

_TIED, _TABLE = "lm_head.weight", "model.embed_tokens.weight"
# Settings of a Qwen2 that decide what it computes; older files name the rotary ones otherwise.
_NEEDED = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
_OPTIONAL = (
    "num_key_value_heads",
    "hidden_act",
    "max_position_embeddings",
    "rms_norm_eps",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "use_sliding_window",
    "sliding_window",
    "max_window_layers",
    "layer_types",
    "attention_dropout",
    "initializer_range",
)
_NUMBERED = re.compile(r"<\|([a-z][a-z_]*)_(0|[1-9]\d*)\|>")
_NAMED = re.compile(r"<\|(task|start|end)_([a-z][a-z0-9_]*)\|>")


# ----------------------------------------------------------------------------------------------------------- vocabulary


def read_vocabulary(folder: Path) -> list[str]:
    """The tokens of a tokenizer by id, from its files, which must agree with each other.

    Args:
        folder: with `tokenizer.json`, and where they are there `vocab.json`, `added_tokens.json` and
            `tokenizer_config.json`.

    Raises:
        ValueError: a file is missing or damaged, two name different ids, or the ids leave a gap.
    """
    ids: dict[str, int] = {}
    for file, token, token_id in _stored_ids(folder):
        if not isinstance(token, str) or not isinstance(token_id, int) or token_id < 0:
            raise ValueError(f"{file} gives {str(token)[:80]!r} the id {str(token_id)[:80]!r}; it is damaged.")
        if ids.setdefault(token, token_id) != token_id:
            raise ValueError(f"{file} gives {token!r} the id {token_id}, another file of {folder} {ids[token]}.")
    tokens = {token_id: token for token, token_id in ids.items()}
    if len(tokens) < len(ids):
        twice = next(token for token, token_id in ids.items() if tokens[token_id] != token)
        raise ValueError(f"{folder} gives {twice!r} and {tokens[ids[twice]]!r} the same id {ids[twice]}.")
    missing = next((number for number in range(len(tokens)) if number not in tokens), None)
    if missing is not None:
        raise ValueError(f"the ids of {folder} leave a gap: no token has the id {missing}.")
    return [tokens[number] for number in range(len(tokens))]


def _stored_ids(folder: Path) -> Iterator[tuple[str, Any, Any]]:
    """`(file, token, id)` of everything that the files say."""
    whole = read_json(folder / "tokenizer.json")
    model, added = whole.get("model"), whole.get("added_tokens")
    if not isinstance(model, dict) or not isinstance(model.get("vocab"), dict) or not isinstance(added, list):
        raise ValueError(f"{folder / 'tokenizer.json'} has no model with a vocabulary and no list of added tokens.")
    for token, token_id in model["vocab"].items():
        yield "tokenizer.json", token, token_id
    for entry in added:
        entry = entry if isinstance(entry, dict) else {}
        yield "tokenizer.json", entry.get("content"), entry.get("id")
    for file in ("vocab.json", "added_tokens.json"):
        if (folder / file).is_file():
            for token, token_id in read_json(folder / file).items():
                yield file, token, token_id
    for number, entry in _tokenizer_settings(folder).get("added_tokens_decoder", {}).items():
        token = entry.get("content") if isinstance(entry, dict) else None
        yield "tokenizer_config.json", token, int(number) if str(number).isdecimal() else number


def _tokenizer_settings(folder: Path) -> dict[str, Any]:
    file = folder / "tokenizer_config.json"
    return read_json(file) if file.is_file() else {}


def split_vocabulary(tokens: list[str]) -> tuple[int, list[list]]:
    """Where the speech tokens begin, and their families in id order as the configuration keeps them.

    Args:
        tokens: by id.

    Returns:
        The id of the first speech token and `speech_token_families`.

    Raises:
        ValueError: no speech tokens; one that is out of its place; a text token behind the first of them.
    """
    parts = [_NUMBERED.fullmatch(token) or _NAMED.fullmatch(token) for token in tokens]
    first = next((number for number, part in enumerate(parts) if part), None)
    if first is None:
        raise ValueError("the tokenizer has no speech tokens (<|bicodec_semantic_0|> ...); this is no Spark-TTS.")
    families: dict[str, list[str]] = {}
    for token_id, part in enumerate(parts[first:], start=first):
        if part is None:
            raise ValueError(f"the token {tokens[token_id]!r} (id {token_id}) stands among the speech tokens.")
        family, ending = part.groups()
        if family in families and family != next(reversed(families)):
            raise ValueError(
                f"the tokens <|{family}_...|> are not all together: {tokens[token_id]} has the id {token_id}."
            )
        endings = families.setdefault(family, [])
        if part.re is _NUMBERED and int(ending) != len(endings):
            raise ValueError(f"{tokens[token_id]} has the id {token_id}, where <|{family}_{len(endings)}|> should be.")
        endings.append(ending)
    layout = [
        [family, len(endings) if _NUMBERED.fullmatch(f"<|{family}_{endings[0]}|>") else endings]
        for family, endings in families.items()
    ]
    return first, layout


def read_tokenizer(folder: Path, config: FlowDubberSemanticConfig) -> PreTrainedTokenizerBase:
    """The tokenizer exactly as `tokenizer.json` says, with the ids that `config` expects.

    Raises:
        ValueError: it cannot be read, or gives a token another id.
    """
    special = [
        entry["content"]
        for entry in read_json(folder / "tokenizer.json")["added_tokens"]
        if entry.get("special") and entry["id"] < config.text_vocab_size
    ]
    try:
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_file=str(folder / "tokenizer.json"),
            eos_token=END_OF_TEXT_TOKEN,
            pad_token=_pad_token(folder),
            additional_special_tokens=special,
            padding_side="left",
            model_max_length=config.text_config.max_position_embeddings,
            clean_up_tokenization_spaces=False,
        )
    except Exception as error:  # what the reader of a damaged file brings up
        raise ValueError(f"{folder / 'tokenizer.json'} cannot be read ({str(error)[:200]}).") from error
    check_tokenizer(tokenizer, config)
    return tokenizer


def _pad_token(folder: Path) -> str:
    token = _tokenizer_settings(folder).get("pad_token") or PAD_TOKEN
    return token.get("content") if isinstance(token, dict) else token


# ---------------------------------------------------------------------------------------------- configuration, weights


def spark_semantic_config(folder: Path, num_global_tokens: int) -> FlowDubberSemanticConfig:
    """The configuration of Spark-TTS's language model.

    Args:
        folder: `LLM` of Spark-TTS: `config.json` and the tokenizer's files.
        num_global_tokens: of its BiCodec.

    Raises:
        ValueError: it is no Qwen2, a setting is missing, or vocabulary and model do not fit.
    """
    settings = read_json(folder / "config.json")
    if settings.get("model_type") != "qwen2":
        raise ValueError(f"{folder / 'config.json'} is of the type {settings.get('model_type')!r}, not qwen2.")
    missing = [name for name in _NEEDED if name not in settings]
    if missing:
        raise ValueError(f"{folder / 'config.json'} lacks {listed(missing)}.")
    if not isinstance(settings["num_hidden_layers"], int) or not 0 < settings["num_hidden_layers"] <= MAX_LAYERS:
        raise ValueError(f"{folder / 'config.json'} has {settings['num_hidden_layers']!r} layers.")
    tokens = read_vocabulary(folder)
    first, families = split_vocabulary(tokens)
    ids = {token: token_id for token_id, token in enumerate(tokens[:first])}
    for token in (END_OF_TEXT_TOKEN, _pad_token(folder)):
        if token not in ids:
            raise ValueError(f"the tokenizer of {folder} has no text token {token!r}.")
    counts = {family: content for family, content in families if isinstance(content, int)}
    kept = {name: settings[name] for name in (*_NEEDED, *_OPTIONAL) if settings.get(name) is not None}
    try:
        return FlowDubberSemanticConfig(
            text_config=Qwen2Config.from_dict(kept),
            text_vocab_size=first,
            semantic_codebook_size=counts.get("bicodec_semantic", 0),
            global_codebook_size=counts.get("bicodec_global", 0),
            num_global_tokens=num_global_tokens,
            speech_token_families=families,
            prompt_text="script",
            tie_word_embeddings=bool(settings.get("tie_word_embeddings", False)),
            pad_token_id=ids[_pad_token(folder)],
            end_of_text_token_id=ids[END_OF_TEXT_TOKEN],
        )
    except StrictDataclassError as error:
        raise ValueError(f"{folder / 'config.json'}: {error}") from error


def spark_generation_config(config: FlowDubberSemanticConfig) -> GenerationConfig:
    """Spark-TTS's sampling with both of its stop tokens, for the library's `generate`."""
    return GenerationConfig(
        **SAMPLING, eos_token_id=list(config.stop_token_ids), pad_token_id=config.pad_token_id, use_cache=True
    )


def plan_spark_semantic(
    model: FlowDubberSemanticForConditionalGeneration, tensors: Mapping[str, torch.Tensor]
) -> dict[str, Recipe]:
    """Where each tensor of the language model comes from, see [`~models.streaming.plan_weights`].

    Raises:
        ValueError: tensors that are missing, unexpected or of another shape; a head beside a tied embedding that is none.
    """
    names = list(model.state_dict())
    if not model.config.tie_word_embeddings:
        return plan_weights(model, tensors, "the language model", names=names)
    names.remove(_TIED)
    plan = plan_weights(model, tensors, "the language model", names=names, unused=(_TIED,))
    if _TIED in tensors and not torch.equal(tensors[_TIED], tensors[_TABLE]):
        raise ValueError(
            f"the language model's configuration ties its head to the embedding, but {_TIED} and {_TABLE} differ."
        )
    return plan


__all__ = [
    "SAMPLING",
    "plan_spark_semantic",
    "read_tokenizer",
    "read_vocabulary",
    "spark_generation_config",
    "spark_semantic_config",
    "split_vocabulary",
]
