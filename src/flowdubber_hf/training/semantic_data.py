"""Training sequences of the semantic language model: spoken clips, prompts with the codes that follow, batches."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from ..data.features import Clip, FeatureStore
from ..models.semantic import FlowDubberSemanticConfig, build_prompt, prompt_text, spelled_script
from ..models.semantic.configuration_semantic import GLOBAL_CODEBOOK_SIZE, NUM_GLOBAL_TOKENS, SEMANTIC_TOKEN_RATE
from ..processing.audio import SAMPLING_RATE
from .batching import row_generator
from .clip_choice import source_shares
from .semantic_phones import phone_codes, spelled_codes, voice_codes
from .speech_tokenizer_tokens import speech_span


IGNORED = -100
CODES = ("tokens", "phones", "spelling")


@dataclass(frozen=True)
class SpokenClip:
    """A clip as the language model sees it.

    Attributes:
        clip: the manifest's line.
        text: the spoken words, normalised as the pipeline normalises a script.
        semantic_tokens: 50 Hz codes of the whole clip.
        global_tokens: 32 codes of the voice.
        speech: first and last + 1 token of the speech, with a margin of 0.1 s.
        separator: between a transcript and this text in a prompt.
    """

    clip: Clip
    text: str
    semantic_tokens: list[int]
    global_tokens: list[int]
    speech: tuple[int, int]
    separator: str = " "

    @property
    def spoken_tokens(self) -> list[int]:
        """The codes of the speech, without the silence around it: what the model has to write."""
        return self.semantic_tokens[slice(*self.speech)]


def codes_needed(codes: str) -> tuple[str, ...]:
    """What of a clip the language model trains on, as `FeatureStore.clips(needs=...)` wants it; for codes also `"script"`."""
    return ("phones", "tokens") if codes == "tokens" else ("phones",)


def _read_clip(store: FeatureStore, clip: Clip, codes: str) -> SpokenClip:
    phones = store.phones(clip.id)
    semantic, voice = None, voice_codes(clip.speaker, NUM_GLOBAL_TOKENS, GLOBAL_CODEBOOK_SIZE)
    if store.has("tokens", clip.id):
        semantic, voice = (tokens.tolist() for tokens in store.tokens(clip.id))
    if codes == "phones":
        length = clip.num_samples * SEMANTIC_TOKEN_RATE // SAMPLING_RATE
        semantic = phone_codes(phones, length, SEMANTIC_TOKEN_RATE)
    elif codes == "spelling":
        semantic = spelled_codes(phones)
    elif codes == "script":
        semantic = spelled_script(phones.phonemes, phones.optional)
    if codes in ("spelling", "script"):
        return SpokenClip(clip, " ".join(phones.words), semantic, voice, (0, len(semantic)))
    span = speech_span(store, clip, len(semantic), SEMANTIC_TOKEN_RATE)
    return SpokenClip(clip, " ".join(phones.words), semantic, voice, span)


def read_spoken_clips(
    store: FeatureStore, clips: Sequence[Clip], codes: str = "tokens", max_tokens: int = 300
) -> list[SpokenClip]:
    """The clips that have a text and a speech that is not too long.

    Args:
        clips: with what [`codes_needed`] names.
        codes (`str`): `tokens` of the speech tokenizer, or `phones` or their `spelling` (see `training.semantic_phones`), or the
            spelling of the `script`, which has none of the pauses that were made (see `models.semantic.spelled_script`). The voice
            is that of the speech tokenizer where the dataset has it.
        max_tokens (`int`): leave out clips with more speech than this (50 tokens a second).

    Raises:
        ValueError: there is none.
    """
    spoken = [_read_clip(store, clip, codes) for clip in clips]
    spoken = [item for item in spoken if item.text and 0 < len(item.spoken_tokens) <= max_tokens]
    if not spoken:
        raise ValueError(
            f"none of {len(clips)} clips has a text, phoneme times and 1 to {max_tokens} {codes} of speech; prepare the "
            "dataset with texts" + (" and --speech_tokenizer." if codes == "tokens" else ".")
        )
    return spoken


def as_prompted(clips: Sequence[SpokenClip], config: FlowDubberSemanticConfig) -> list[SpokenClip]:
    """The clips with their texts as the model's prompts hold them, see `FlowDubberSemanticConfig.prompt_text`."""
    return [
        replace(
            item,
            text=prompt_text(config, item.clip.text or item.text, item.text.split()),
            separator=config.prompt_separator,
        )
        for item in clips
    ]


def check_codes(clips: Sequence[SpokenClip], config: FlowDubberSemanticConfig) -> None:
    """Raises a ValueError where a clip has codes that the model's vocabulary lacks."""
    for item in clips:
        for kind, codes, size in (
            ("semantic", item.semantic_tokens, config.semantic_codebook_size),
            ("global", item.global_tokens, config.global_codebook_size),
        ):
            if max(codes) >= size:
                raise ValueError(
                    f"{item.clip.id} has the {kind} token {max(codes)}, the language model knows {size}: the dataset was "
                    "prepared with a speech tokenizer of another size."
                )
        if len(item.global_tokens) != config.num_global_tokens:
            raise ValueError(
                f"{item.clip.id} has {len(item.global_tokens)} global tokens, the language model reads "
                f"{config.num_global_tokens}."
            )


@dataclass(frozen=True)
class SequenceSettings:
    """How training sequences are drawn.

    Attributes:
        sources: share of each source, see [`~training.sources.source_shares`]; none for all.
        own_reference: probability that the reference is the clip itself and not another one of its speaker.
        without_transcript: probability of the prompt with the voice only.
        whole_reference: probability that the reference keeps the silence around its speech, as a user's recording does.
        token_noise: share of the semantic tokens replaced in the input (never in the labels), so that the model learns to
            go on after a wrong token of its own.
        max_length: of a sequence; a pair that is longer is used without transcript.
    """

    sources: Mapping[str, float] | None = None
    own_reference: float = 0.2
    without_transcript: float = 0.3
    whole_reference: float = 0.3
    token_noise: float = 0.1
    max_length: int = 512

    def __post_init__(self):
        for name in ("own_reference", "without_transcript", "whole_reference", "token_noise"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"`{name}` is a probability and must lie in 0 .. 1, got {getattr(self, name)}.")


@dataclass(frozen=True)
class SequencePlan:
    """What a training sequence will be: cheap to draw for a whole batch, long before its tokens are made."""

    target: SpokenClip
    reference: SpokenClip
    with_transcript: bool
    whole_reference: bool

    @property
    def reference_codes(self) -> list[int]:
        """The reference's codes that the prompt ends with."""
        if not self.with_transcript:
            return []
        return self.reference.semantic_tokens if self.whole_reference else self.reference.spoken_tokens

    @property
    def num_target(self) -> int:
        """Tokens that the model has to write: the speech, the end token and, without a transcript, the start token."""
        return len(self.target.spoken_tokens) + (1 if self.with_transcript else 2)


@dataclass(frozen=True)
class SemanticSequence:
    """One training sequence: `prompt` + `target` + the end token. `reference_length` of the prompt's last tokens are the
    reference's speech."""

    prompt: list[int]
    reference_length: int
    target: list[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.target) + 1


def make_sequence(
    tokenizer: PreTrainedTokenizerBase,
    target: SpokenClip,
    reference: SpokenClip,
    with_transcript: bool,
    whole_reference: bool = True,
    text: str | None = None,
) -> SemanticSequence:
    """Prompt of `reference` for `target`'s text (or another `text`), and `target`'s codes."""
    codes = reference.semantic_tokens if whole_reference else reference.spoken_tokens
    prompt = build_prompt(
        tokenizer,
        text or target.text,
        reference.text if with_transcript else None,
        reference.global_tokens,
        codes if with_transcript else None,
        target.separator,
    )
    return SemanticSequence(prompt, len(codes) if with_transcript else 0, target.spoken_tokens)


def collate(
    sequences: Sequence[SemanticSequence],
    config: FlowDubberSemanticConfig,
    token_noise: float = 0.0,
    generators: Sequence[np.random.Generator] = (),
) -> dict[str, torch.Tensor]:
    """Right-padded batch. It needs no attention mask: no token sees the padding behind it.

    Args:
        token_noise: share of the semantic tokens that are replaced by random ones in the input.
        generators: of that noise, one a sequence.

    Returns:
        `dict` with `input_ids`, `labels` (the target's tokens and the end token, -100 elsewhere) and `reference_labels`
        (the reference's semantic tokens, -100 elsewhere), all `(batch, length)` int64.
    """
    first, size = config.semantic_token_offset, config.semantic_codebook_size
    start, end = config.start_semantic_token_id, config.end_semantic_token_id
    rows, labels, reference_labels = [], [], []
    for sequence in sequences:
        prompt = sequence.prompt if sequence.reference_length else [*sequence.prompt, start]
        written = [code + first for code in sequence.target] + [end]
        rows.append(np.array(prompt + written))
        # Without a transcript the model must also write the start token.
        known = len(prompt) - (0 if sequence.reference_length else 1)
        labels.append([IGNORED] * known + prompt[known:] + written)
        heard = len(prompt) - sequence.reference_length
        reference_labels.append([IGNORED] * heard + prompt[heard:] + [IGNORED] * len(written))
    for row, random in zip(rows, generators, strict=False):
        wrong = (row >= first) & (row < first + size) & (random.random(len(row)) < token_noise)
        row[wrong] = first + random.integers(size, size=int(wrong.sum()))
    return {
        "input_ids": _pad_right(rows, config.pad_token_id),
        "labels": _pad_right(labels, IGNORED),
        "reference_labels": _pad_right(reference_labels, IGNORED),
    }


def _pad_right(rows: Sequence[Sequence[int] | np.ndarray], value: int) -> torch.Tensor:
    tensors = [torch.as_tensor(row, dtype=torch.long) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=value)


class SemanticSequences:
    """Random sequences of like length a step, a function of the seed, the step and the row only.

    Args:
        clips: see [`read_spoken_clips`].
        tokenizer: see [`~models.semantic.build_tokenizer`].
        batch_size (`int`): sequences of a step's global batch.
        settings: see [`SequenceSettings`].
        seed (`int`): of all draws.
    """

    POOL = 8  # steps whose sequences are drawn together and sorted by length, to pad little

    def __init__(
        self,
        clips: Sequence[SpokenClip],
        tokenizer: PreTrainedTokenizerBase,
        batch_size: int,
        settings: SequenceSettings | None = None,
        seed: int = 0,
    ):
        self.tokenizer, self.batch_size, self.seed = tokenizer, batch_size, seed
        self.settings = settings or SequenceSettings()
        self.by_source: dict[str, list[SpokenClip]] = defaultdict(list)
        self.by_speaker: dict[str, list[SpokenClip]] = defaultdict(list)
        for item in clips:
            self.by_source[item.clip.source].append(item)
            self.by_speaker[item.clip.speaker].append(item)
        shares = source_shares(self.by_source, self.settings.sources)
        self.sources, total = list(shares), sum(shares.values())
        self.probabilities = [share / total for share in shares.values()]
        texts = sorted({item.text for item in clips})
        lengths = [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]
        self.text_lengths = dict(zip(texts, lengths, strict=True))
        self._pool: tuple[int, list[list[SequencePlan]]] = (-1, [])

    def draw(self, random: np.random.Generator) -> SequencePlan:
        """One random sequence."""
        settings = self.settings
        group = self.by_source[self.sources[random.choice(len(self.sources), p=self.probabilities)]]
        target = group[random.integers(len(group))]
        others = [item for item in self.by_speaker[target.clip.speaker] if item is not target]
        own = random.random() < settings.own_reference or not others
        reference = target if own else others[random.integers(len(others))]
        with_transcript = bool(random.random() >= settings.without_transcript)
        whole = bool(random.random() < settings.whole_reference)
        plan = SequencePlan(target, reference, with_transcript, whole)
        if self.length(plan) > settings.max_length:
            plan = SequencePlan(target, reference, False, whole)
        return plan

    def length(self, plan: SequencePlan) -> int:
        """Tokens of a sequence, give or take one where transcript and script join."""
        markers = 5 + len(plan.reference.global_tokens)
        text = self.text_lengths[plan.target.text]
        if plan.with_transcript:
            text += self.text_lengths[plan.reference.text] + 1
        return markers + text + len(plan.reference_codes) + plan.num_target

    def plans(self, step: int) -> list[SequencePlan]:
        """The step's global batch, by row."""
        pool = step // self.POOL
        if self._pool[0] != pool:
            first = pool * self.POOL
            plans = [
                self.draw(row_generator(self.seed, first + number, row))
                for number in range(self.POOL)
                for row in range(self.batch_size)
            ]
            plans.sort(key=self.length)
            batches = [plans[row : row + self.batch_size] for row in range(0, len(plans), self.batch_size)]
            order = row_generator(self.seed, first, self.batch_size).permutation(self.POOL)
            self._pool = (pool, [batches[number] for number in order])
        return self._pool[1][step % self.POOL]

    def sequence(self, plan: SequencePlan) -> SemanticSequence:
        """A planned sequence with its tokens."""
        return make_sequence(self.tokenizer, plan.target, plan.reference, plan.with_transcript, plan.whole_reference)
