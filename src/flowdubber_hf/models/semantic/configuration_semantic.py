"""Configuration of the semantic language model: a Qwen2 text configuration plus the ids of the speech tokens.

The layout of the vocabulary is that of Spark-TTS (the paper's semantic model): a text vocabulary first, then families of
speech tokens in an order that the configuration keeps, then unused rows up to `vocab_size`.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig, Qwen2Config

from .spelling import NUM_PHONE_CODES


SEMANTIC_TOKEN_RATE = 50  # semantic tokens a second
# The language model speaks at a tempo of its own, so that a short clip leaves it twice its length, up to 8 s, as in training.
LEAST_SPEECH_ROOM = 400
GLOBAL_CODEBOOK_SIZE = 4096
NUM_GLOBAL_TOKENS = 32

TASK_NAMES = ("vc", "tts", "asr", "s2s", "t2s", "cap", "understand", "controllable_tts", "prompt_tts", "edit")
SECTION_NAMES = ("content", "style_label", "style_prompt", "acoustic_token", "global_token", "semantic_token")

# Attribute families of Spark-TTS's controllable speech; only the base vocabulary carries them.
ATTRIBUTE_FAMILIES = (
    ("pitch_value", 1001),
    ("pitch_var_value", 11),
    ("pitch_label", 5),
    ("pitch_var_label", 5),
    ("speed_value", 11),
    ("speed_label", 5),
    ("loudness_value", 31),
    ("loudness_label", 5),
    ("age", 5),
    ("gender", 3),
    ("emotion", 101),
)

PROMPT_TEXTS = ("words", "script")
ANSWERS = ("speech", "spelling")
# Tokens that every prompt and its answer are made of.
NEEDED_MARKERS = (
    ("task", "tts"),
    *((edge, section) for edge in ("start", "end") for section in ("content", "global_token", "semantic_token")),
)


def default_families(
    global_codebook_size: int, semantic_codebook_size: int, attribute_tokens: bool
) -> tuple[tuple[str, int | tuple[str, ...]], ...]:
    """Spark-TTS's families of speech tokens in id order."""
    return (
        ("bicodec_global", global_codebook_size),
        ("bicodec_semantic", semantic_codebook_size),
        *(ATTRIBUTE_FAMILIES if attribute_tokens else ()),
        ("task", TASK_NAMES),
        ("start", SECTION_NAMES),
        ("end", SECTION_NAMES),
    )


@strict
class FlowDubberSemanticConfig(PreTrainedConfig):
    r"""
    Configuration of [`FlowDubberSemanticForConditionalGeneration`]. The defaults are the `base` preset: Qwen2.5-0.5B
    sizes and Spark-TTS's vocabulary. `semantic_config("tiny")` gives the bundled sizes.

    text_config (`Qwen2Config` or `dict`, *optional*):
        The decoder. Its `vocab_size` covers text and speech tokens.
    text_vocab_size (`int`, *optional*, defaults to 151665):
        Number of text tokens; the id of the first speech token.
    semantic_codebook_size (`int`, *optional*, defaults to 8192):
        Number of 50 Hz semantic tokens of the speech tokenizer.
    global_codebook_size (`int`, *optional*, defaults to 4096):
        Number of different global tokens.
    num_global_tokens (`int`, *optional*, defaults to 32):
        Global tokens of one voice.
    attribute_tokens (`bool`, *optional*, defaults to `True`):
        Whether the vocabulary carries the attribute families (pitch, speed, loudness, age, gender, emotion).
    speech_token_families (`list`, *optional*):
        The families in id order, where they are not those of `default_families`: `[name, count]` for the numbered tokens
        `<|name_0|>`, `<|name_1|>` ..., `[name, [endings]]` for `<|name_ending|>`.
    prompt_text (`str`, *optional*, defaults to `"words"`):
        How a script stands in a prompt: `"words"`, the spoken words in lower case, joined to the transcript's by a space;
        `"script"`, as it is written, blanks and all, joined to the transcript by nothing (as Spark-TTS does).
    answer (`str`, *optional*, defaults to `"speech"`):
        What the model is asked for, and so what its hidden states are of: `"speech"`, 50 semantic tokens a second that it
        writes itself; `"spelling"`, the script's phonemes, one code each, which are known beforehand: a single look at
        all of them, the same at every call.
    pad_token_id (`int`, *optional*, defaults to 151643):
        Padding.
    end_of_text_token_id (`int`, *optional*, defaults to 151645):
        `<|im_end|>`; ends generation as the end-of-semantics token does.
    """

    model_type = "flowdubber_semantic"
    sub_configs_defaults = {"text_config": Qwen2Config}
    keys_to_ignore_at_inference = ["past_key_values", "cache"]

    text_config: dict | PreTrainedConfig | None = None
    text_vocab_size: int = 151665
    semantic_codebook_size: int = 8192
    global_codebook_size: int = GLOBAL_CODEBOOK_SIZE
    num_global_tokens: int = NUM_GLOBAL_TOKENS
    attribute_tokens: bool = True
    speech_token_families: list | tuple | None = None
    prompt_text: str = "words"
    answer: str = "speech"
    tie_word_embeddings: bool = True
    initializer_range: float | int = 0.02
    use_cache: bool = True
    pad_token_id: int | None = 151643
    end_of_text_token_id: int = 151645
    eos_token_id: int | list[int] | None = None

    def __post_init__(self, **kwargs: Any):
        if self.text_config is None:
            self.text_config = dict(TEXT_PRESETS["base"])
        super().__post_init__(**kwargs)
        self.text_config.tie_word_embeddings = self.tie_word_embeddings
        self.text_config.pad_token_id = self.pad_token_id
        self._validate_families()
        if self.eos_token_id is None:
            self.eos_token_id = list(self.stop_token_ids)

    def _validate_families(self) -> None:
        """The families are well formed, hold the codes that the configuration names, and what a prompt is made of."""
        try:
            families = self._families()
            counts = {name: len(endings) for name, endings in families}
        except (TypeError, ValueError) as error:
            raise ValueError("speech_token_families must be a list of [name, count] and [name, [endings]].") from error
        if len(counts) < len(families):
            raise ValueError("speech_token_families names a family twice.")
        for family, size in (
            ("bicodec_global", self.global_codebook_size),
            ("bicodec_semantic", self.semantic_codebook_size),
        ):
            if counts.get(family) != size:
                raise ValueError(f"the vocabulary has {counts.get(family, 0)} {family} tokens, the codebook {size}.")
        for family, ending in NEEDED_MARKERS:
            self.marker_id(family, ending)

    def validate_prompt_text(self) -> None:
        """The text of a prompt is of a known kind."""
        if self.prompt_text not in PROMPT_TEXTS:
            raise ValueError(f"prompt_text must be one of {', '.join(PROMPT_TEXTS)}, got {self.prompt_text!r}.")

    def validate_answer(self) -> None:
        """The answer is of a known kind, and its codes are there."""
        if self.answer not in ANSWERS:
            raise ValueError(f"answer must be one of {', '.join(ANSWERS)}, got {self.answer!r}.")
        if self.answer == "spelling" and self.semantic_codebook_size < NUM_PHONE_CODES:
            raise ValueError(
                f"a model that spells needs a semantic_codebook_size of at least {NUM_PHONE_CODES}, got "
                f"{self.semantic_codebook_size}."
            )

    def validate_architecture(self) -> None:
        """The speech tokens must fit behind the text tokens and inside the vocabulary."""
        needed = self.text_vocab_size + sum(count for _, count in self.token_families)
        if needed > self.text_config.vocab_size:
            raise ValueError(
                f"the text and speech tokens need a vocab_size of at least {needed}, "
                f"but text_config.vocab_size is {self.text_config.vocab_size}."
            )
        if self.end_of_text_token_id >= self.text_vocab_size:
            raise ValueError("end_of_text_token_id must be a text token, so smaller than text_vocab_size.")
        if "sliding_attention" in self.text_config.layer_types:
            raise ValueError("sliding windows are not supported; prompts need attention over their whole length.")
        super().validate_architecture()

    @property
    def vocab_size(self) -> int:
        """Rows of the embedding, as generation utilities ask for it."""
        return self.text_config.vocab_size

    @property
    def hidden_size(self) -> int:
        """Width of the hidden states that the aligner receives."""
        return self.text_config.hidden_size

    @property
    def prompt_separator(self) -> str:
        """What stands between the transcript and the script of a prompt."""
        return " " if self.prompt_text == "words" else ""

    @property
    def token_families(self) -> tuple[tuple[str, int], ...]:
        """`(family, count)` in id order, the first at `text_vocab_size`."""
        return tuple((name, len(endings)) for name, endings in self._families())

    def _families(self) -> list[tuple[str, Sequence[int | str]]]:
        """Each family with the endings of its tokens."""
        families = self.speech_token_families or default_families(
            self.global_codebook_size, self.semantic_codebook_size, self.attribute_tokens
        )
        return [(name, range(content) if isinstance(content, int) else content) for name, content in families]

    def family_offset(self, family: str) -> int:
        """Id of the first token of a family of `token_families`."""
        offset = self.text_vocab_size
        for name, count in self.token_families:
            if name == family:
                return offset
            offset += count
        raise ValueError(f"there is no token family {family!r}; known: {[name for name, _ in self.token_families]}.")

    def marker_id(self, family: str, ending: str) -> int:
        """Id of a token with a name, such as `<|start_content|>` of the family `start`."""
        endings = dict(self._families()).get(family, ())
        if ending not in endings:
            raise ValueError(f"the vocabulary has no token <|{family}_{ending}|>.")
        return self.family_offset(family) + list(endings).index(ending)

    def speech_tokens(self) -> list[str]:
        """All speech tokens, written as in Spark-TTS, in id order."""
        return [f"<|{name}_{ending}|>" for name, endings in self._families() for ending in endings]

    @property
    def semantic_token_offset(self) -> int:
        """Id of `<|bicodec_semantic_0|>`."""
        return self.family_offset("bicodec_semantic")

    @property
    def start_semantic_token_id(self) -> int:
        """Id of `<|start_semantic_token|>`."""
        return self.marker_id("start", "semantic_token")

    @property
    def end_semantic_token_id(self) -> int:
        """Id of `<|end_semantic_token|>`."""
        return self.marker_id("end", "semantic_token")

    @property
    def end_global_token_id(self) -> int:
        """Id of `<|end_global_token|>`, the last token of a prompt without a transcript."""
        return self.marker_id("end", "global_token")

    @property
    def stop_token_ids(self) -> tuple[int, int]:
        """Ids that end the speech: `<|end_semantic_token|>` and `<|im_end|>`."""
        return self.end_semantic_token_id, self.end_of_text_token_id


TEXT_PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "vocab_size": 5184,
        "hidden_size": 192,
        "intermediate_size": 384,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
    },
    "base": {  # Qwen2.5-0.5B with Spark-TTS's vocabulary
        "vocab_size": 166000,
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    },
}

# What differs from the defaults of `FlowDubberSemanticConfig`, which are the base preset.
VOCABULARY_PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "text_vocab_size": 512,
        "semantic_codebook_size": 512,
        "attribute_tokens": False,
        "pad_token_id": 0,
        "end_of_text_token_id": 1,
    },
    "base": {},
}


def semantic_config(preset: str = "tiny", **overrides: Any) -> FlowDubberSemanticConfig:
    """A preset, `tiny` (bundled, 2.3M parameters) or `base` (Qwen2.5-0.5B sizes).

    Args:
        preset (`str`): `tiny` or `base`.
        overrides: fields of [`FlowDubberSemanticConfig`]; a `text_config` dict is merged into the preset's.
    """
    if preset not in TEXT_PRESETS:
        raise ValueError(f"preset must be one of {sorted(TEXT_PRESETS)}, got {preset!r}.")
    text_config = {**TEXT_PRESETS[preset], **(overrides.pop("text_config", None) or {})}
    return FlowDubberSemanticConfig(text_config=text_config, **{**VOCABULARY_PRESETS[preset], **overrides})


AutoConfig.register(FlowDubberSemanticConfig.model_type, FlowDubberSemanticConfig, exist_ok=True)


__all__ = ["FlowDubberSemanticConfig", "semantic_config"]
