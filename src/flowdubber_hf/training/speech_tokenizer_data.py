# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Batches for the speech tokenizer: pairs of segments of one voice, a reference of that voice, and phoneme labels."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.utils.data import Dataset

from ..data.features import AlignedPhonemes, Clip, FeatureStore
from ..models.speech_tokenizer import FlowDubberSpeechTokenizerConfig
from ..models.speech_tokenizer.front_end import normalize_volume
from ..processing.text import PHONEMES, SILENCE_PHONEME


IGNORED = -100
SEGMENTS_PER_VOICE = 2
SILENCES = ("<pad>", "sil", "sp", "spn")


def plain_phoneme(phoneme: str) -> str:
    """A phoneme without its stress; all silences are one class."""
    return SILENCE_PHONEME if phoneme in SILENCES else phoneme.rstrip("012")


#: Classes of the auxiliary phoneme loss: 39 phonemes without stress, and silence.
PHONEME_CLASSES: tuple[str, ...] = tuple(dict.fromkeys(plain_phoneme(phoneme) for phoneme in PHONEMES))
_CLASS_IDS = {name: index for index, name in enumerate(PHONEME_CLASSES)}


def frame_labels(phones: AlignedPhonemes, num_tokens: int, token_rate: int) -> np.ndarray:
    """`(num_tokens,)` int64 phoneme class at the middle of each token; silence where no phoneme is."""
    labels = np.full(num_tokens, _CLASS_IDS[SILENCE_PHONEME], dtype=np.int64)
    for phoneme, (start, end) in zip(phones.phonemes, phones.times, strict=True):
        first, last = (int(np.ceil(seconds * token_rate - 0.5)) for seconds in (start, end))
        labels[max(0, first) : max(0, last)] = _CLASS_IDS[plain_phoneme(phoneme)]
    return labels


@dataclass(frozen=True)
class SegmentSettings:
    """How training segments are drawn.

    Attributes:
        voices: voices in a batch; each gives two segments.
        seconds: length of a segment; shorter clips are padded.
        source_weights: share of each source.
    """

    voices: int = 8
    seconds: float = 2.0
    source_weights: Mapping[str, float] = field(
        default_factory=lambda: {"grid": 0.45, "librispeech": 0.2, "an4": 0.15, "speechocean762": 0.2}
    )


class SpeechTokenizerBatches(Dataset):
    """Training batches by number: the same seed and number give the same batch, so that a run resumes exactly.

    The two segments of a voice come from two clips where the speaker has several, and share the reference of the first:
    the global tokens learn the voice rather than the words.

    Args:
        store: prepared features; labels are those phones that are there.
        config: of the tokenizer.
        clips: to draw from.
        settings: how.
        seed, num_batches: of the sequence of batches.
    """

    def __init__(
        self,
        store: FeatureStore,
        config: FlowDubberSpeechTokenizerConfig,
        clips: Sequence[Clip],
        settings: SegmentSettings,
        seed: int,
        num_batches: int,
    ):
        self.store = store
        self.config = config
        self.settings = settings
        self.seed = seed
        self.num_batches = num_batches
        self.by_speaker: dict[str, dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
        for clip in clips:
            self.by_speaker[clip.source][clip.speaker].append(clip)
        self.sources = [source for source in settings.source_weights if source in self.by_speaker]
        if not self.sources:
            raise ValueError(f"there is no clip of {', '.join(settings.source_weights)} to train on.")
        self.speakers = sorted({clip.speaker for clip in clips})
        self.speaker_ids = {speaker: index for index, speaker in enumerate(self.speakers)}

    def __len__(self) -> int:
        return self.num_batches

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        """Batch `number`: `input_values` and `labels` of `2 * voices` rows, `reference_values` and `speakers` of `voices`."""
        draw = random.Random(f"{self.seed}-{number}")
        segments, references, speakers = [], [], []
        for _ in range(self.settings.voices):
            pair = self._pair(draw)
            sounds = [normalize_volume(torch.from_numpy(self.store.audio(clip.id))) for clip in pair]
            segments += [self._segment(draw, clip, sound) for clip, sound in zip(pair, sounds, strict=True)]
            references.append(self._reference(sounds[0]))
            speakers.append(self.speaker_ids[pair[0].speaker])
        return {
            "input_values": torch.stack([segment[0] for segment in segments]),
            "attention_mask": torch.stack([segment[1] for segment in segments]),
            "labels": torch.stack([segment[2] for segment in segments]),
            "reference_values": torch.stack(references),
            "speakers": torch.tensor(speakers),
        }

    def _pair(self, draw: random.Random) -> list[Clip]:
        weights = [self.settings.source_weights[source] for source in self.sources]
        speakers = self.by_speaker[draw.choices(self.sources, weights)[0]]
        names = list(speakers)
        # The square root lets the few voices with many clips be heard often without drowning the others.
        clips = speakers[draw.choices(names, [len(speakers[name]) ** 0.5 for name in names])[0]]
        return draw.sample(clips, SEGMENTS_PER_VOICE) if len(clips) > 1 else clips * SEGMENTS_PER_VOICE

    def _reference(self, sound: torch.Tensor) -> torch.Tensor:
        samples = self.config.speaker_seconds * self.config.sampling_rate
        return sound[torch.arange(samples) % len(sound)]

    def _segment(
        self, draw: random.Random, clip: Clip, sound: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        hop = self.config.hop_length
        tokens = round(self.settings.seconds * self.config.token_rate)
        available = len(sound) // hop
        first = draw.randint(0, max(0, available - tokens))
        piece = sound[first * hop : (first + tokens) * hop]
        values = torch.zeros(tokens * hop)
        values[: len(piece)] = piece
        mask = torch.arange(tokens * hop) < len(piece)
        labels = torch.full((tokens,), IGNORED)
        if self.store.path("phones", clip.id).is_file():
            of_clip = frame_labels(self.store.phones(clip.id), available, self.config.token_rate)
            part = torch.from_numpy(of_clip[first : first + tokens])
            labels[: len(part)] = part
        return values, mask, labels
