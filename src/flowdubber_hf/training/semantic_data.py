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
"""Training sequences of the semantic language model, made from prepared features and speech tokens.

A feature folder holds, beside what [`~data.features.FeatureStore`] reads, the speech tokenizer's codes (see
[`~training.speech_tokenizer_tokens.extract_tokens`]).
"""

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from transformers import PreTrainedTokenizerBase

from ..data.features import Clip, FeatureStore
from ..models.semantic import FlowDubberSemanticConfig, build_prompt
from ..models.semantic.configuration_semantic import GLOBAL_CODEBOOK_SIZE, NUM_GLOBAL_TOKENS, SEMANTIC_TOKEN_RATE
from ..processing.audio import SAMPLING_RATE
from .semantic_phones import phone_codes, voice_codes
from .speech_tokenizer_tokens import speech_span, tokens_path


IGNORED = -100


@dataclass(frozen=True)
class SpokenClip:
    """A clip as the language model sees it.

    Attributes:
        clip: the manifest's line.
        text: the spoken words, normalised as the pipeline normalises a script.
        semantic_tokens: 50 Hz codes of the whole clip.
        global_tokens: 32 codes of the voice.
        speech: first and last + 1 token of the speech, with a margin of 0.1 s.
    """

    clip: Clip
    text: str
    semantic_tokens: list[int]
    global_tokens: list[int]
    speech: tuple[int, int]

    @property
    def spoken_tokens(self) -> list[int]:
        """The codes of the speech, without the silence around it: what the model has to write."""
        return self.semantic_tokens[slice(*self.speech)]


def _read_clip(store: FeatureStore, clip: Clip, codes: str) -> SpokenClip | None:
    phones = store.phones(clip.id)
    text = " ".join(phones.words)
    if codes == "phones":
        length = clip.num_samples * SEMANTIC_TOKEN_RATE // SAMPLING_RATE
        return SpokenClip(
            clip,
            text,
            phone_codes(phones, length, SEMANTIC_TOKEN_RATE),
            voice_codes(clip.speaker, NUM_GLOBAL_TOKENS, GLOBAL_CODEBOOK_SIZE),
            speech_span(store, clip, length, SEMANTIC_TOKEN_RATE),
        )
    path = tokens_path(store.root, clip.id)
    if not path.is_file():
        return None
    row = json.loads(path.read_text(encoding="utf-8"))
    return SpokenClip(clip, text, row["semantic_tokens"], row["global_tokens"], tuple(row["speech"]))


def read_spoken_clips(
    store: FeatureStore, split: str, sources: Sequence[str], max_tokens: int = 300, codes: str = "tokens"
) -> list[SpokenClip]:
    """Clips of a split that have a text, aligned phonemes and speech codes.

    Args:
        max_tokens (`int`): leave out clips with more speech than this (50 tokens a second).
        codes (`str`): `tokens` of the speech tokenizer, or `phones` (see `training.semantic_phones`).

    Raises:
        ValueError: there is none.
    """
    spoken = []
    for clip in store.clips(split=split, source=sources, needs=("phones",)):
        item = _read_clip(store, clip, codes)
        if item is not None and item.text and 0 < len(item.spoken_tokens) <= max_tokens:
            spoken.append(item)
    if not spoken:
        raise ValueError(f"{store.root} holds no {split} clip of {', '.join(sources)} with text, phones and {codes}.")
    return spoken


@dataclass(frozen=True)
class SequenceSettings:
    """How training sequences are drawn.

    Attributes:
        source_weights: share of the sequences from each source.
        own_reference: probability that the reference is the clip itself and not another one of its speaker.
        without_transcript: probability of the prompt with the voice only.
        whole_reference: probability that the reference keeps the silence around its speech, as a user's recording does.
        token_noise: share of the semantic tokens replaced in the input (never in the labels), so that the model learns to
            go on after a wrong token of its own.
        max_length: of a sequence; a pair that is longer is used without transcript.
    """

    source_weights: Mapping[str, float] = field(
        default_factory=lambda: {"grid": 0.6, "an4": 0.2, "speechocean762": 0.2}
    )
    own_reference: float = 0.2
    without_transcript: float = 0.3
    whole_reference: float = 0.3
    token_noise: float = 0.1
    max_length: int = 512


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
    )
    return SemanticSequence(prompt, len(codes) if with_transcript else 0, target.spoken_tokens)


def collate(
    sequences: Sequence[SemanticSequence],
    config: FlowDubberSemanticConfig,
    token_noise: float = 0.0,
    rng: random.Random | None = None,
) -> dict[str, torch.Tensor]:
    """Right-padded batch. It needs no attention mask: no token sees the padding behind it.

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
        rows.append(prompt + written)
        # Without a transcript the model must also write the start token.
        known = len(prompt) - (0 if sequence.reference_length else 1)
        labels.append([IGNORED] * known + rows[-1][known:])
        heard = len(prompt) - sequence.reference_length
        reference_labels.append([IGNORED] * heard + prompt[heard:] + [IGNORED] * len(written))
    if token_noise and rng is not None:
        rows = [
            [
                first + rng.randrange(size) if first <= token < first + size and rng.random() < token_noise else token
                for token in row
            ]
            for row in rows
        ]
    return {
        "input_ids": _pad_right(rows, config.pad_token_id),
        "labels": _pad_right(labels, IGNORED),
        "reference_labels": _pad_right(reference_labels, IGNORED),
    }


def _pad_right(rows: Sequence[Sequence[int]], value: int) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=value)


class SemanticBatches:
    """Random batches that depend on the seed and the batch's number only, so that training resumes where it stopped.

    Args:
        clips: see [`read_spoken_clips`].
        tokenizer: see [`~models.semantic.build_tokenizer`].
        config: of the model.
        batch_size (`int`): sequences a batch.
        settings: see [`SequenceSettings`].
        seed (`int`): of all draws.
    """

    POOL = 8  # batches drawn together and sorted by length, to pad little

    def __init__(
        self,
        clips: Sequence[SpokenClip],
        tokenizer: PreTrainedTokenizerBase,
        config: FlowDubberSemanticConfig,
        batch_size: int,
        settings: SequenceSettings | None = None,
        seed: int = 0,
    ):
        self.tokenizer, self.config, self.batch_size, self.seed = tokenizer, config, batch_size, seed
        self.settings = settings or SequenceSettings()
        self.by_source: dict[str, list[SpokenClip]] = defaultdict(list)
        self.by_speaker: dict[str, list[SpokenClip]] = defaultdict(list)
        for item in clips:
            self.by_source[item.clip.source].append(item)
            self.by_speaker[item.clip.speaker].append(item)
        self.sources = [source for source in self.settings.source_weights if source in self.by_source]
        if not self.sources:
            raise ValueError(f"no clips of the sources {', '.join(self.settings.source_weights)}.")
        self._pool: tuple[int, list[list[SemanticSequence]]] = (-1, [])

    def draw(self, rng: random.Random) -> SemanticSequence:
        """One random sequence."""
        weights = [self.settings.source_weights[source] for source in self.sources]
        target = rng.choice(self.by_source[rng.choices(self.sources, weights)[0]])
        others = [item for item in self.by_speaker[target.clip.speaker] if item is not target]
        own = not others or rng.random() < self.settings.own_reference
        reference = target if own else rng.choice(others)
        with_transcript = rng.random() >= self.settings.without_transcript
        whole = rng.random() < self.settings.whole_reference
        sequence = make_sequence(self.tokenizer, target, reference, with_transcript, whole)
        if len(sequence) > self.settings.max_length:
            sequence = make_sequence(self.tokenizer, target, reference, with_transcript=False)
        return sequence

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        """Batch `number`, see [`collate`]."""
        pool = number // self.POOL
        if self._pool[0] != pool:
            rng = random.Random(f"{self.seed}-{pool}")
            sequences = sorted((self.draw(rng) for _ in range(self.POOL * self.batch_size)), key=len)
            batches = [sequences[row : row + self.batch_size] for row in range(0, len(sequences), self.batch_size)]
            rng.shuffle(batches)
            self._pool = (pool, batches)
        rng = random.Random(f"{self.seed}-{number}-noise")
        return collate(self._pool[1][number % self.POOL], self.config, self.settings.token_noise, rng)
