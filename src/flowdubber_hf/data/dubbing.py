"""Prepared features to batches for the aligner and the vector field."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from ..processing.audio import (
    MEL_FRAME_RATE,
    MEL_FRAMES_PER_VIDEO_FRAME,
    NUM_MELS,
    SAMPLES_PER_VIDEO_FRAME,
    VIDEO_FRAME_RATE,
    log_mel,
)
from ..processing.references import VOICE_PIECE_SAMPLES, level_voice
from .augmentation import augment_crops, change_tempo, cut_silence, normalize_crops, pause_frames, unseen_spans
from .features import Clip, FeatureStore


_MEL_FRAMES_PER_STATE = 2  # of the language model, which has 50 a second


def phoneme_frames(
    times: np.ndarray, optional: np.ndarray, num_frames: int, frame_rate: int = VIDEO_FRAME_RATE
) -> np.ndarray:
    """Whole frames of each phoneme from its times.

    Boundaries go to the nearest frame; then every obligatory phoneme is given at least one frame at the cost of its
    neighbours, and the sum is exactly `num_frames`.

    Args:
        times (`np.ndarray` of shape `(P, 2)`): seconds, in order.
        optional (`np.ndarray` of shape `(P,)`, bool): phonemes that may take no frame.
        num_frames (`int`): of the clip at `frame_rate`.
        frame_rate (`int`, defaults to 25): frames a second: of the video, or of the mel.

    Returns:
        `np.ndarray` of shape `(P,)`, int.

    Raises:
        ValueError: more obligatory phonemes than frames.
    """
    least = np.where(optional, 0, 1)
    if least.sum() > num_frames:
        raise ValueError(f"{least.sum()} phonemes do not fit into {num_frames} frames.")
    ends = np.rint(times[:, 1] * frame_rate).astype(int)
    ends[-1] = num_frames
    floor = np.cumsum(least)
    ends = np.maximum(ends, floor)
    for index in range(1, len(ends)):
        ends[index] = max(ends[index], ends[index - 1] + least[index])
    ends = np.minimum(ends, num_frames - (floor[-1] - floor))
    for index in range(len(ends) - 2, -1, -1):
        ends[index] = min(ends[index], ends[index + 1] - least[index + 1])
    return np.diff(ends, prepend=0)


class KnownStates(NamedTuple):
    """States of the language model for a clip.

    Attributes:
        states: `(L, D)` float32, 50 a second, or one a phoneme.
        first: where on the clip's own clock its first state lies, in states; `None` for speech that the model made up, whose
            times nobody knows.
        phonemes: `(L,)` which phoneme of the script, by its index, each state belongs to, where it has no times but a phoneme.
        sounding: whether the sound may be made of them; else they only teach where the phonemes are in them.
    """

    states: np.ndarray
    first: int | None = None
    sounding: bool = True
    phonemes: np.ndarray | None = None


@dataclass
class DubbingExample:
    """One clip, ready to be batched.

    Attributes:
        phonemes: `(P,)` ids; optional: `(P,)` bool.
        frame_phonemes: `(F,)` which phoneme, by its index, each 25 fps frame belongs to; every phoneme that is not
            optional has at least one.
        mel_phonemes: `(4F,)` the same at the mel rate.
        lips: `(F, 88, 88)` float32, or cached `(F, hidden_size)` features, or `None` for sound alone.
        mel: `(80, 4F)` float32 natural-log mel, or `None`.
        style: `(256,)` float32.
        semantic: states of the language model, or `None`.
        seen: `(F,)` bool, False where the picture does not show the speaker, or `None` where it always does.
        voice_mel: `(80, V)` float32 natural-log mel of the voice's reference, or `None`.

    A frame of a word that the script lacks belongs to phoneme -1; a phoneme that nobody says has no frame.
    """

    phonemes: np.ndarray
    optional: np.ndarray
    frame_phonemes: np.ndarray
    mel_phonemes: np.ndarray
    lips: torch.Tensor | None
    mel: torch.Tensor | None
    style: np.ndarray
    semantic: KnownStates | None
    seen: np.ndarray | None = None
    voice_mel: torch.Tensor | None = None

    def token_phonemes(self) -> np.ndarray:
        """`(L,)` which phoneme, by its index, each state belongs to; -1 where nobody knows."""
        if self.semantic.phonemes is not None:
            return self.semantic.phonemes
        if self.semantic.first is None:
            return np.full(len(self.semantic.states), -1)
        places = _MEL_FRAMES_PER_STATE * (self.semantic.first + np.arange(len(self.semantic.states)))
        return self.mel_phonemes[np.minimum(places, len(self.mel_phonemes) - 1)]


@dataclass
class SpokenScript:
    """Phonemes and what the pictures show of them, before pictures are read.

    Attributes:
        phonemes: `(P,)` ids; optional: `(P,)` bool.
        clips: whose crops are shown, in order.
        frames: of each of `clips`, which of its video frames.
        owners: `(F,)` the phoneme of each frame, by its index, -1 where the script lacks the word.
    """

    phonemes: np.ndarray
    optional: np.ndarray
    clips: list[Clip]
    frames: list[np.ndarray]
    owners: np.ndarray


@dataclass(frozen=True)
class ScriptChanges:
    """How often what the lips say is made harder for the aligner, and how much.

    Attributes:
        longest_pause: between two joined clips, in video frames.
        tempo: greatest change of the tempo, each way.
        left_out: that words at an end are missing in the script; added: that the script has words there that nobody says.
        unseen: that the picture shows something else in between.
    """

    longest_pause: int = 40
    tempo: float = 0.25
    left_out: float = 0.1
    added: float = 0.1
    unseen: float = 0.3


class DubbingClips:
    """Reads clips of a prepared dataset into [`DubbingExample`]s, with augmentation when training.

    Args:
        store: the dataset.
        clips: which clips.
        style_swap: probability that the style vector is that of another clip of the same speaker (Setting 2) and not the
            clip's own (Setting 1).
        style_drop: probability that the style vector is replaced by zeros, which then stand for no voice in particular.
        knowledge: a clip's id and a generator (`None`: always the same sample) to states of the language model or `None`; no
            clip has any where not given.
        changes: of what the aligner is shown in training (`alignment_example`).
    """

    def __init__(
        self,
        store: FeatureStore,
        clips: list[Clip],
        style_swap: float = 0.5,
        style_drop: float = 0.0,
        knowledge: Callable[[str, np.random.Generator | None], KnownStates | None] | None = None,
        changes: ScriptChanges | None = None,
    ):
        self.store, self.clips = store, clips
        self.style_swap, self.style_drop, self.knowledge = style_swap, style_drop, knowledge
        self.changes = changes or ScriptChanges()
        self.by_speaker: dict[str, list[str]] = {}
        self.places: dict[str, list[int]] = {}
        for place, clip in enumerate(clips):
            self.by_speaker.setdefault(clip.speaker, []).append(clip.id)
            self.places.setdefault(clip.speaker, []).append(place)

    def __len__(self) -> int:
        return len(self.clips)

    def timing(self, clip: Clip) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Phoneme ids, optional flags and the phoneme index of each video frame and of each mel frame."""
        phones = self.store.phones(clip.id)
        optional = np.asarray(phones.optional)
        frames = clip.num_frames or clip.num_samples // SAMPLES_PER_VIDEO_FRAME
        durations = phoneme_frames(phones.times, optional, frames)
        fine = phoneme_frames(phones.times, optional, frames * MEL_FRAMES_PER_VIDEO_FRAME, MEL_FRAME_RATE)
        places = np.arange(len(durations))
        return np.asarray(phones.ids), optional, np.repeat(places, durations), np.repeat(places, fine)

    def style(self, clip: Clip, generator: np.random.Generator | None) -> np.ndarray:
        """The style vector `(256,)`; with a generator, now and then another clip's or zeros."""
        name, dropped = self._reference(clip, generator)
        style = self.store.style(name)
        return np.zeros_like(style) if dropped else style

    def _reference(self, clip: Clip, generator: np.random.Generator | None) -> tuple[str, bool]:
        """The clip whose style is heard, and whether it is dropped."""
        if generator is None:
            return clip.id, False
        name = clip.id
        if generator.random() < self.style_swap:
            name = self.by_speaker[clip.speaker][generator.integers(len(self.by_speaker[clip.speaker]))]
        return name, bool(generator.random() < self.style_drop)

    def voice_mel(self, clip: Clip, name: str, generator: np.random.Generator | None) -> torch.Tensor:
        """
        A part of a reference's mel, `(80, V)`, by which `clip` may be made: never the clip's own sound where the speaker has another
        clip, else a part of it that is too short to copy it from.

        Args:
            clip: to be made.
            name: the clip whose style is heard.
            generator: chooses the part; the next clip's first part without one.
        """
        fellows = [other for other in self.by_speaker[clip.speaker] if other != clip.id]
        if name == clip.id and fellows:
            # Without a generator the next in the list, so that held-out clips are not all heard by one.
            place = (
                self.by_speaker[clip.speaker].index(clip.id) if generator is None else generator.integers(len(fellows))
            )
            name = fellows[place % len(fellows)]
        sound = level_voice(self.store.audio(name))
        length, start = min(len(sound) if name != clip.id else len(sound) // 2, VOICE_PIECE_SAMPLES), 0
        if generator is not None:
            length = int(generator.integers(min(length, VOICE_PIECE_SAMPLES // 4), length + 1))
            start = int(generator.integers(len(sound) - length + 1))
        return log_mel(torch.from_numpy(sound[start : start + length]))

    def mel(self, clip: Clip, frames: int) -> torch.Tensor:
        sound = torch.from_numpy(self.store.audio(clip.id))[: frames * SAMPLES_PER_VIDEO_FRAME]
        return log_mel(sound)

    def moved_frames(self, index: int, generator: np.random.Generator) -> np.ndarray:
        """Which of a clip's video frames are seen, after silence was cut and the tempo changed at random."""
        _, _, frame_phonemes, _ = self.timing(self.clips[index])
        kept = cut_silence(frame_phonemes, generator)
        moved = kept[change_tempo(len(kept), self.changes.tempo, generator)]
        # A tempo that skips a phoneme's only frame would leave it without a positive: keep the clip's own.
        return moved if np.isin(frame_phonemes, frame_phonemes[moved]).all() else kept

    def draw_script(self, index: int, generator: np.random.Generator, followers: int = 0) -> SpokenScript:
        """What a training example shows: clip `index`, changed in tempo, with `followers` others of the speaker behind it, the
        script now and then with more or fewer words at its ends than the lips say."""
        script = self._moved(index, generator)
        for _ in range(followers):
            script = _join(script, self._moved(self._fellow(index, generator), generator), self.changes, generator)
        if generator.random() < self.changes.left_out:
            script = _leave_out(script, generator)
        if generator.random() < self.changes.added:
            other = self.timing(self.clips[self._fellow(index, generator)])
            script = _add(script, other[0], other[1], generator)
        return script

    def _fellow(self, index: int, generator: np.random.Generator) -> int:
        """Another clip of the speaker of the same kind."""
        same = self.places[self.clips[index].speaker]
        return same[generator.integers(len(same))]

    def _moved(self, index: int, generator: np.random.Generator) -> SpokenScript:
        clip = self.clips[index]
        phonemes, optional, frame_phonemes, _ = self.timing(clip)
        frames = self.moved_frames(index, generator)
        return SpokenScript(phonemes, optional, [clip], [frames], frame_phonemes[frames])

    def alignment_example(
        self, index: int, generator: np.random.Generator | None, followers: int = 0
    ) -> DubbingExample:
        """Lips and timing only. With a generator the crops are augmented and the script is drawn (`draw_script`)."""
        clip, seen = self.clips[index], None
        if generator is None:
            phonemes, optional, owners, _ = self.timing(clip)
            lips = normalize_crops(self.store.crops(clip.id))
        else:
            script = self.draw_script(index, generator, followers)
            phonemes, optional, owners = script.phonemes, script.optional, script.owners
            parts = zip(script.clips, script.frames, strict=True)
            lips = augment_crops(np.concatenate([self.store.crops(one.id)[rows] for one, rows in parts]), generator)
            if generator.random() < self.changes.unseen:
                seen = unseen_spans(len(owners), generator)
        style = self.style(clip, generator)
        mel_phonemes = np.repeat(owners, MEL_FRAMES_PER_VIDEO_FRAME)
        return DubbingExample(phonemes, optional, owners, mel_phonemes, lips, None, style, None, seen)

    def dubbing_example(
        self, index: int, generator: np.random.Generator | None, lips: torch.Tensor | None, voice: bool = False
    ) -> DubbingExample:
        """Everything the joint stage needs; `lips` are cached lip features `(F, hidden_size)` or `None`. With `voice` the voice's mel
        too, by draws of its own: without it all else is the same."""
        clip = self.clips[index]
        # A generator of its own, which takes nothing from the other.
        of_voice = None if generator is None or not voice else generator.spawn(1)[0]
        phonemes, optional, frame_phonemes, mel_phonemes = self.timing(clip)
        mel = self.mel(clip, len(frame_phonemes))
        seen = None
        if generator is not None and lips is not None and generator.random() < self.changes.unseen:
            seen = unseen_spans(len(frame_phonemes), generator)
        name, dropped = self._reference(clip, generator)
        style = self.store.style(name)
        return DubbingExample(
            phonemes,
            optional,
            frame_phonemes,
            mel_phonemes,
            lips,
            mel,
            np.zeros_like(style) if dropped else style,
            None if self.knowledge is None else self.knowledge(clip.id, generator),
            seen,
            self.voice_mel(clip, name, of_voice) if voice and not dropped else None,
        )


def _join(
    first: SpokenScript, second: SpokenScript, changes: ScriptChanges, generator: np.random.Generator
) -> SpokenScript:
    """One script after the other, with one silence between them that is drawn out at random."""
    last = len(first.phonemes) - 1
    silent = first.frames[-1][first.owners[-len(first.frames[-1]) :] == last]
    pause = pause_frames(silent, int(generator.integers(changes.longest_pause + 1)))
    frames = [*first.frames[:-1], np.concatenate([first.frames[-1], pause]), *second.frames]
    owners = np.concatenate([first.owners, np.full(len(pause), last), second.owners + last])
    return SpokenScript(
        np.concatenate([first.phonemes, second.phonemes[1:]]),
        np.concatenate([first.optional, second.optional[1:]]),
        first.clips + second.clips,
        frames,
        owners,
    )


def _leave_out(script: SpokenScript, generator: np.random.Generator) -> SpokenScript:
    """The script without up to a third of its phonemes at one end, cut where a word ends."""
    borders = np.flatnonzero(script.optional)
    at_start = generator.random() < 0.5
    third = len(script.phonemes) // 3
    borders = borders[borders < third] if at_start else borders[borders >= len(script.phonemes) - third]
    if len(borders) == 0:
        return script
    border = int(generator.choice(borders))
    kept = np.ones(len(script.phonemes), dtype=bool)
    if at_start:
        kept[1 : border + 1] = False
    else:
        kept[border:-1] = False
    places = np.where(kept, np.cumsum(kept) - 1, -1)
    return replace(
        script,
        phonemes=script.phonemes[kept],
        optional=script.optional[kept],
        owners=places[script.owners],
    )


def _add(
    script: SpokenScript, phonemes: np.ndarray, optional: np.ndarray, generator: np.random.Generator
) -> SpokenScript:
    """The script with the first words of another, which nobody says, at its start or end."""
    borders = np.flatnonzero(optional)
    if len(borders) == 0:
        return script
    until = int(generator.choice(borders[:3])) + 1
    more, more_optional = phonemes[1:until], optional[1:until]
    if generator.random() < 0.5:
        parts = [
            (script.phonemes[:1], script.optional[:1]),
            (more, more_optional),
            (script.phonemes[1:], script.optional[1:]),
        ]
        moved = np.where(script.owners > 0, script.owners + len(more), script.owners)
    else:
        end, pause = len(script.phonemes) - 1, phonemes[until - 1 : until]
        words, flags = np.concatenate([pause, more[:-1]]), np.concatenate([[True], more_optional[:-1]])
        parts = [
            (script.phonemes[:end], script.optional[:end]),
            (words, flags),
            (script.phonemes[end:], script.optional[end:]),
        ]
        moved = np.where(script.owners == end, end + len(words), script.owners)
    joined = [np.concatenate(part) for part in zip(*parts, strict=True)]
    return replace(script, phonemes=joined[0], optional=joined[1].astype(bool), owners=moved)


def _pad(rows: list[torch.Tensor]) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def _pad_frames(rows: list[torch.Tensor], size: int) -> torch.Tensor:
    padded = _pad(rows)
    return torch.cat([padded, padded.new_zeros(len(rows), size - padded.shape[1], *padded.shape[2:])], dim=1)


def _mask(lengths: list[int], size: int | None = None) -> torch.Tensor:
    return torch.arange(size or max(lengths)) < torch.tensor(lengths)[:, None]


def _paths(owners: list[np.ndarray], num_phonemes: int, num_frames: int) -> torch.Tensor:
    """Which phoneme each frame belongs to, as 0/1 `(B, P, num_frames)`."""
    path = torch.zeros(len(owners), num_phonemes, num_frames)
    for row, owner in enumerate(owners):
        frames = np.flatnonzero(owner >= 0)
        path[row, torch.from_numpy(owner[frames]), torch.from_numpy(frames)] = 1.0
    return path


def _seen(examples: list[DubbingExample], num_frames: int) -> torch.Tensor:
    """`(B, num_frames)` bool: real frames that show the speaker."""
    seen = torch.zeros(len(examples), num_frames, dtype=torch.bool)
    for row, example in enumerate(examples):
        frames = len(example.frame_phonemes)
        seen[row, :frames] = True if example.seen is None else torch.from_numpy(example.seen)
    return seen


def collate(examples: list[DubbingExample], num_frames: int = 0) -> dict[str, torch.Tensor]:
    """Pads examples to a batch of at least `num_frames` video frames.

    Returns a dict with `input_ids`, `attention_mask`, `optional_mask` `(B, P)`, the true alignment as `path` `(B, P, 4F)`
    at the mel rate and as `frame_path` `(B, P, F)` at 25 fps, `lip_mask` and `seen_mask` `(B, F)`, `style` `(B, 256)`, and where the
    examples have them `lips` `(B, F, ...)`, `mel` `(B, 80, 4F)` with `mel_mask` `(B, 4F)`, `semantic_features`
    `(B, L, D)` with `semantic_mask` `(B, L)`, `voice_mel` `(B, 80, V)` with `voice_mask` `(B, V)`, and the tokens of each phoneme, `owners` `(B, P, L)`, zeros where nobody knows
    (an example without states has one zero state; `has_semantic` `(B,)` is False there and where the sound may not be made of
    them).
    """
    phonemes = [len(example.phonemes) for example in examples]
    frames = [len(example.frame_phonemes) for example in examples]
    longest = max(num_frames, *frames)
    batch = {
        "input_ids": _pad([torch.from_numpy(example.phonemes) for example in examples]).long(),
        "attention_mask": _mask(phonemes),
        "optional_mask": _pad([torch.from_numpy(example.optional) for example in examples]).bool(),
        "path": _paths(
            [example.mel_phonemes for example in examples], max(phonemes), longest * MEL_FRAMES_PER_VIDEO_FRAME
        ),
        "frame_path": _paths([example.frame_phonemes for example in examples], max(phonemes), longest),
        "lip_mask": _mask(frames, longest),
        "seen_mask": _seen(examples, longest),
        "style": torch.from_numpy(np.stack([example.style for example in examples])),
    }
    if examples[0].lips is not None:
        batch["lips"] = _pad_frames([example.lips for example in examples], longest)
    if examples[0].mel is not None:
        mels = [example.mel.T for example in examples]
        batch["mel"] = _pad_frames(mels, longest * MEL_FRAMES_PER_VIDEO_FRAME).transpose(1, 2)
        batch["mel_mask"] = batch["lip_mask"].repeat_interleave(MEL_FRAMES_PER_VIDEO_FRAME, dim=1)
    heard = [example.voice_mel for example in examples]
    if any(mel is not None for mel in heard):
        rows = [torch.zeros(0, NUM_MELS) if mel is None else mel.T for mel in heard]
        batch["voice_mel"] = _pad(rows).transpose(1, 2)
        batch["voice_mask"] = _mask([len(row) for row in rows])
    known = [example.semantic for example in examples if example.semantic is not None]
    if known:
        nothing = KnownStates(np.zeros((1, known[0].states.shape[1]), dtype=np.float32), sounding=False)
        rows = [nothing if example.semantic is None else example.semantic for example in examples]
        owners = [np.full(1, -1) if example.semantic is None else example.token_phonemes() for example in examples]
        lengths = [len(row.states) for row in rows]
        batch["semantic_features"] = _pad([torch.from_numpy(row.states) for row in rows])
        batch["semantic_mask"] = _mask(lengths)
        batch["owners"] = _paths(owners, max(phonemes), max(lengths))
        batch["has_semantic"] = torch.tensor([row.sounding for row in rows])
    return batch
