"""Vocabulary and prompts of the semantic language model, as in Spark-TTS."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable, Sequence

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers import Regex as TokenizersRegex
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from .configuration_semantic import FlowDubberSemanticConfig, semantic_config


PAD_TOKEN = "<|endoftext|>"
END_OF_TEXT_TOKEN = "<|im_end|>"


def _text_tokenizer(size: int, texts: Iterable[str]) -> Tokenizer:
    """A lower-casing byte-level BPE with exactly `size` tokens: padding, `<|im_end|>`, 256 bytes, then merges.

    Where `texts` are too few for that many merges, unused reserved tokens fill the rest, so that the ids of the speech
    tokens behind do not depend on the texts.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(TokenizersRegex(r"\s+"), " ")]
    )
    # With the prefix space a word has the same token wherever it stands, first in a script too.
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[PAD_TOKEN, END_OF_TEXT_TOKEN],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    missing = size - tokenizer.get_vocab_size()
    if missing < 0:
        raise ValueError(f"the text vocabulary needs at least {tokenizer.get_vocab_size()} tokens, got {size}.")
    tokenizer.add_tokens([AddedToken(f"<|reserved_{index}|>", normalized=False) for index in range(missing)])
    return tokenizer


def build_tokenizer(
    preset: str = "tiny",
    texts: Iterable[str] = (),
    text_tokenizer: PreTrainedTokenizerBase | None = None,
    config: FlowDubberSemanticConfig | None = None,
) -> PreTrainedTokenizerBase:
    """Builds the vocabulary: text tokens, then the speech token families in Spark-TTS's order.

    Args:
        preset (`str`): `tiny` makes its own small text vocabulary, byte-level (no text is unknown) and lower-casing;
            `base` extends `text_tokenizer`.
        texts: scripts of the training split, from which the merges of `tiny` are learned; none gives plain bytes.
        text_tokenizer: for `base`, the tokenizer of Qwen2.5 (151,665 tokens). It is extended in place.
        config: the model's configuration, if it differs from the preset's.

    Returns:
        A fast tokenizer that `save_pretrained` stores and `AutoTokenizer.from_pretrained` loads.

    Raises:
        ValueError: `base` without a text tokenizer, or with one of another size.
    """
    config = config or semantic_config(preset)
    if preset == "base":
        if text_tokenizer is None or len(text_tokenizer) != config.text_vocab_size:
            raise ValueError(
                f"the base vocabulary extends a Qwen2.5 tokenizer of {config.text_vocab_size} tokens; give it as "
                f"text_tokenizer (got {None if text_tokenizer is None else len(text_tokenizer)})."
            )
        tokenizer = text_tokenizer
    else:
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=_text_tokenizer(config.text_vocab_size, texts),
            pad_token=PAD_TOKEN,
            eos_token=END_OF_TEXT_TOKEN,
            padding_side="left",
            clean_up_tokenization_spaces=False,
        )
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in config.speech_tokens()])
    check_tokenizer(tokenizer, config)
    return tokenizer


def check_tokenizer(tokenizer: PreTrainedTokenizerBase, config: FlowDubberSemanticConfig) -> None:
    """Raises `ValueError` unless every speech token has in `tokenizer` the id that `config` expects."""
    tokens = config.speech_tokens()
    found = tokenizer.convert_tokens_to_ids(tokens)
    for position, (token, token_id) in enumerate(zip(tokens, found, strict=True)):
        expected = config.text_vocab_size + position
        if token_id != expected:
            raise ValueError(
                f"the tokenizer gives {token} the id {token_id}, the semantic model expects {expected}; "
                "tokenizer and model do not belong together."
            )


def _speech_ids(tokenizer: PreTrainedTokenizerBase, family: str, codes: Sequence[int] | torch.Tensor) -> list[int]:
    codes = codes.tolist() if isinstance(codes, torch.Tensor) else [int(code) for code in codes]
    ids = tokenizer.convert_tokens_to_ids([f"<|{family}_{code}|>" for code in codes])
    for code, token_id in zip(codes, ids, strict=True):
        if token_id is None or token_id == tokenizer.unk_token_id:
            raise ValueError(f"the vocabulary has no {family} token {code}; tokenizers do not belong together.")
    return ids


def _text_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    first_speech_id = tokenizer.convert_tokens_to_ids("<|bicodec_global_0|>")
    special = set(tokenizer.all_special_ids)
    if any(token_id >= first_speech_id or token_id in special for token_id in ids):
        raise ValueError("the text holds control tokens (<|...|>); remove them.")
    return ids


def prompt_text(config: FlowDubberSemanticConfig, script: str, words: Sequence[str]) -> str:
    """What stands for a script in the model's prompts.

    Args:
        script: as it was written.
        words: as it is spoken, see [`~processing.text.phonemize`].
    """
    return " ".join(words) if config.prompt_text == "words" else script


def build_prompt(
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    reference_text: str | None,
    global_tokens: Sequence[int] | torch.Tensor,
    reference_semantic_tokens: Sequence[int] | torch.Tensor | None,
    separator: str = " ",
) -> list[int]:
    """The prompt that the language model continues with semantic tokens (Spark-TTS's layout).

    With a transcript: `<|task_tts|><|start_content|>` transcript, script `<|end_content|><|start_global_token|>` 32
    global tokens `<|end_global_token|><|start_semantic_token|>` the reference's semantic tokens. Without: the same up to
    `<|end_global_token|>`; the model writes `<|start_semantic_token|>` itself.

    Args:
        tokenizer: made by [`build_tokenizer`].
        text (`str`): the script.
        reference_text (`str`, *optional*): what is said in the reference. Without it the reference's semantic tokens
            are not used, since the model could not tell which text they belong to.
        global_tokens (`(32,)`): codes of the reference's voice.
        reference_semantic_tokens (`(length,)`, *optional*): codes of the reference's speech.
        separator (`str`): between transcript and script, the model's `config.prompt_separator`. The default keeps words
            apart; `""` joins as Spark-TTS does.

    Returns:
        `list[int]`: token ids.

    Raises:
        ValueError: an empty script, codes outside the vocabulary, control tokens in the text, a transcript without
            semantic tokens.
    """
    if not text.strip():
        raise ValueError("the script is empty; give the words to be spoken.")
    with_transcript = reference_text is not None and reference_text.strip() != ""
    if with_transcript and reference_semantic_tokens is None:
        raise ValueError("a reference transcript needs the reference's semantic tokens.")
    content = f"{reference_text}{separator}{text}" if with_transcript else text

    def marker(name: str) -> int:
        return tokenizer.convert_tokens_to_ids(f"<|{name}|>")

    prompt = [marker("task_tts"), marker("start_content"), *_text_ids(tokenizer, content), marker("end_content")]
    prompt += [marker("start_global_token"), *_speech_ids(tokenizer, "bicodec_global", global_tokens)]
    prompt.append(marker("end_global_token"))
    if with_transcript:
        prompt.append(marker("start_semantic_token"))
        prompt += _speech_ids(tokenizer, "bicodec_semantic", reference_semantic_tokens)
    return prompt


def pad_prompts(prompts: Sequence[Sequence[int]], pad_token_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Left-pads prompts to `(batch, length)` ids and the `(batch, length)` int64 mask of real tokens."""
    length = max(len(prompt) for prompt in prompts)
    input_ids = torch.full((len(prompts), length), pad_token_id, dtype=torch.long)
    attention_mask = torch.zeros_like(input_ids)
    for row, prompt in enumerate(prompts):
        input_ids[row, length - len(prompt) :] = torch.as_tensor(prompt)
        attention_mask[row, length - len(prompt) :] = 1
    return input_ids, attention_mask


__all__ = ["build_prompt", "build_tokenizer", "check_tokenizer", "pad_prompts", "prompt_text"]
