"""Rows for the speech tokenizer: pairs of segments of one voice, a reference of that voice, and phoneme labels."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..data.features import AlignedPhonemes, Clip, FeatureStore
from ..models.speech_tokenizer import FlowDubberSpeechTokenizerConfig
from ..models.speech_tokenizer.front_end import normalize_volume
from ..processing.phonemes import SILENCE_CLASS, phoneme_class
from .clip_choice import source_shares
from .speech_tokenizer_melody import MELODY, melody_targets


IGNORED = -100
SEGMENTS_PER_VOICE = 2


def frame_labels(phones: AlignedPhonemes, num_tokens: int, token_rate: int) -> np.ndarray:
    """`(num_tokens,)` int64 phoneme class at the middle of each token; silence where no phoneme is."""
    labels = np.full(num_tokens, SILENCE_CLASS, dtype=np.int64)
    for phoneme, (start, end) in zip(phones.phonemes, phones.times, strict=True):
        first, last = (int(np.ceil(seconds * token_rate - 0.5)) for seconds in (start, end))
        labels[max(0, first) : max(0, last)] = phoneme_class(phoneme)
    return labels


@dataclass(frozen=True)
class SegmentSettings:
    """How training segments are drawn.

    Attributes:
        seconds: length of a segment; shorter clips are padded.
        sources: share of each source, see [`~training.clip_choice.source_shares`]; none for all.
        melody: whether rows tell voicing, F0 and loudness.
    """

    seconds: float = 2.0
    sources: Mapping[str, float] | None = None
    melody: bool = False

    def __post_init__(self):
        if self.seconds < 0.1:
            raise ValueError(f"segments must last at least 0.1 s, got {self.seconds}.")


@dataclass(frozen=True)
class VoicePlan:
    """What a row will be, before any sound is read: its clips and the first token of the segment of each."""

    clips: tuple[Clip, ...]
    first_tokens: tuple[int, ...]


class VoiceRows:
    """Rows of training batches. A row is a voice with two segments and a reference.

    The two segments come from two clips where the speaker has several, and share the reference of the first: the global
    tokens learn the voice rather than the words.

    Args:
        store: the prepared dataset; labels are those phonemes that are there.
        config: of the tokenizer.
        clips: to draw from.
        settings: how.

    Raises:
        ValueError: no clip of the sources.
    """

    def __init__(
        self,
        store: FeatureStore,
        config: FlowDubberSpeechTokenizerConfig,
        clips: Sequence[Clip],
        settings: SegmentSettings,
    ):
        self.store, self.config, self.settings = store, config, settings
        self.by_speaker: dict[str, dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
        for clip in clips:
            self.by_speaker[clip.source][clip.speaker].append(clip)
        self.by_speaker = {source: dict(speakers) for source, speakers in self.by_speaker.items()}
        self.shares = source_shares(self.by_speaker, settings.sources)
        self.speakers = sorted({clip.speaker for clip in clips})
        self.speaker_ids = {speaker: index for index, speaker in enumerate(self.speakers)}
        self.tokens = round(settings.seconds * config.token_rate)

    def plan(self, random: np.random.Generator) -> VoicePlan:
        """Draws a voice, two of its clips and where their segments begin."""
        speakers = self.by_speaker[_draw(random, self.shares)]
        # The square root lets the few voices with many clips be heard often without drowning the others.
        clips = speakers[_draw(random, {name: len(clips) ** 0.5 for name, clips in speakers.items()})]
        chosen = random.choice(len(clips), SEGMENTS_PER_VOICE, replace=len(clips) < SEGMENTS_PER_VOICE)
        pair = tuple(clips[index] for index in chosen)
        spare = [max(0, clip.num_samples // self.config.hop_length - self.tokens) for clip in pair]
        return VoicePlan(pair, tuple(int(random.integers(most + 1)) for most in spare))

    def row(self, plan: VoicePlan) -> dict[str, torch.Tensor]:
        """Sound and labels of a planned row.

        Returns:
            `input_values` and `attention_mask` `(2, samples)`, `labels` `(2, tokens)`, -100 where the phoneme is unknown,
            `reference_values` `(reference samples,)` and `speakers`, a scalar. With the melody `melody` `(2, tokens, 3)`, see
            [`~training.speech_tokenizer_melody.melody_targets`].
        """
        sounds = [normalize_volume(torch.from_numpy(self.store.audio(clip.id))) for clip in plan.clips]
        segments = [self._segment(*args) for args in zip(plan.clips, sounds, plan.first_tokens, strict=True)]
        values, mask, labels = (torch.stack(parts) for parts in zip(*segments, strict=True))
        melody = {"melody": self._melody(plan, sounds)} if self.settings.melody else {}
        return melody | {
            "input_values": values,
            "attention_mask": mask,
            "labels": labels,
            "reference_values": self._reference(sounds[0]),
            "speakers": torch.tensor(self.speaker_ids[plan.clips[0].speaker]),
        }

    def labelled_segments(self, plan: VoicePlan) -> int:
        """Segments of a row with phoneme labels."""
        return sum(self.store.has("phones", clip.id) for clip in plan.clips)

    def _melody(self, plan: VoicePlan, sounds: Sequence[torch.Tensor]) -> torch.Tensor:
        rows = torch.zeros(SEGMENTS_PER_VOICE, self.tokens, len(MELODY))
        for row, sound, first in zip(rows, sounds, plan.first_tokens, strict=True):
            whole = melody_targets(sound, len(sound) // self.config.hop_length, self.config.token_rate)
            part = whole[first : first + self.tokens]
            row[: len(part)] = part
        return rows

    def _reference(self, sound: torch.Tensor) -> torch.Tensor:
        samples = self.config.speaker_seconds * self.config.sampling_rate
        return sound[torch.arange(samples) % len(sound)]

    def _segment(self, clip: Clip, sound: torch.Tensor, first: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        hop = self.config.hop_length
        piece = sound[first * hop : (first + self.tokens) * hop]
        values = torch.zeros(self.tokens * hop)
        values[: len(piece)] = piece
        mask = torch.arange(self.tokens * hop) < len(piece)
        labels = torch.full((self.tokens,), IGNORED)
        if self.store.has("phones", clip.id):
            of_clip = frame_labels(self.store.phones(clip.id), len(sound) // hop, self.config.token_rate)
            part = torch.from_numpy(of_clip[first : first + self.tokens])
            labels[: len(part)] = part
        return values, mask, labels


def _draw(random: np.random.Generator, weights: Mapping[str, float]) -> str:
    shares = np.fromiter(weights.values(), float)
    return list(weights)[random.choice(len(shares), p=shares / shares.sum())]
