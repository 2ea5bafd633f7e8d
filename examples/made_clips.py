"""Clips that the benchmarks make of GRID's: some speakers alone, sentences joined into one clip, clips as hard as a film's.

Each is a folder of a corpus with `metadata.jsonl`, whole or not there, made once and found again by later runs. Its one split has
the name that stands in `MADE`; clips that only lend a voice are of the split `voices`.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import shutil
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm.auto import tqdm

from flowdubber_hf.data.augmentation import pause_frames
from flowdubber_hf.evaluation.clips import EvaluationClip, read_clips
from flowdubber_hf.processing.audio import SAMPLES_PER_VIDEO_FRAME, SAMPLING_RATE, VIDEO_FRAME_RATE
from flowdubber_hf.processing.encoding import write_silent_video
from flowdubber_hf.processing.video import iter_frames, write_wav
from flowdubber_hf.work.files import replace_folder
from pages import file_hash


METADATA = "metadata.jsonl"
VOICES = "voices"  # split and folder of the clips that only lend a voice
MOUSTACHE = "s26"
PAUSE_SECONDS = (0.2, 2.0)
PAUSE_SEED = 0
LEAST_SECONDS = 60.0  # of the long clip
LONGEST_SECONDS = 590.0  # of the longest: a call takes ten minutes
LEAST_SENTENCE_SECONDS = 2.0  # of GRID's sentences with the shortest pause
HALF, BRIGHTNESS, GRAIN, FILM_QUALITY = (
    0.5,
    0.35,
    4.0,
    34,
)  # grain: deviation in levels of 256; quality: x264's rate factor


@dataclass(frozen=True)
class Stretch:
    """What a joined clip shows and sounds of one of its clips.

    Attributes:
        clip: which is shown.
        frames: `(n,)` its frames in the order in which they are shown.
        samples: `(640 n,)` of its sound.
    """

    clip: EvaluationClip
    frames: np.ndarray
    samples: np.ndarray


@dataclass(frozen=True)
class Joined:
    """Clips joined into one.

    Attributes:
        stretches: in their order.
        pauses: seconds between the last word of a sentence and the first of the next, one fewer than the sentences.
        words: `(word, start, end)` in seconds of the joined clip.
    """

    stretches: tuple[Stretch, ...]
    pauses: tuple[float, ...]
    words: tuple[tuple[str, float, float], ...]

    @property
    def text(self) -> str:
        """The sentences, a full stop behind each."""
        return " ".join(f"{stretch.clip.text}." for stretch in self.stretches)

    @property
    def num_frames(self) -> int:
        """At 25 a second."""
        return sum(len(stretch.frames) for stretch in self.stretches)

    def sound(self) -> np.ndarray:
        """`(640 num_frames,)` float32 at 16 kHz."""
        return np.concatenate([stretch.clip.load_truth()[stretch.samples] for stretch in self.stretches])

    def pictures(self) -> Iterator[np.ndarray]:
        """`num_frames` pictures `(H, W, 3)` uint8, of one clip in memory at a time."""
        for stretch in self.stretches:
            shown = list(iter_frames(stretch.clip.video, "rgb24"))
            yield from (shown[frame] for frame in stretch.frames)


def _speech(clip: EvaluationClip) -> tuple[int, int, int]:
    """First frame of speech, the one behind its last, and the number of frames."""
    if not clip.words:
        raise ValueError(f"{clip.id} has no word times, which joined clips need; leave it out.")
    frames = clip.num_samples // SAMPLES_PER_VIDEO_FRAME
    first = floor(clip.words[0][1] * VIDEO_FRAME_RATE + 1e-6)
    return min(first, frames - 1), min(ceil(clip.words[-1][2] * VIDEO_FRAME_RATE - 1e-6), frames - 1), frames


def _shared_out(length: int, tail: int, head: int) -> tuple[int, int]:
    """How many frames of a pause the silence behind a sentence gives, and that before the next: in proportion where they are
    more than the pause, else all of the second and as many as it takes of the first, to and fro."""
    before = min(head, round(length * head / (tail + head)))
    return length - before, before


def _stretch(clip: EvaluationClip, begin: int, end: int, hold: int) -> Stretch:
    """Frames `begin` to `end`, then `hold` of the silence behind speech, to and fro."""
    size, (_, spoken, frames) = SAMPLES_PER_VIDEO_FRAME, _speech(clip)
    held = pause_frames(np.arange(spoken, frames), hold)
    # The sound goes to and fro by samples, so that nothing clicks where it turns.
    heard = pause_frames(np.arange(spoken * size, frames * size), hold * size)
    return Stretch(
        clip,
        np.concatenate([np.arange(begin, end), held]),
        np.concatenate([np.arange(begin * size, end * size), heard]),
    )


def join(clips: Sequence[EvaluationClip], pauses: Sequence[float]) -> Joined:
    """One clip of several: speech as it was recorded, and between the sentences pauses of given lengths.

    A pause shows and sounds the silences of the clips' own ends, cut, or played to and fro where they are too short.

    Args:
        clips: with word times.
        pauses: seconds, one fewer than the clips; each becomes a whole number of frames, to which up to two frames come since
            speech begins and ends within one.

    Raises:
        ValueError: no word times, or another number of pauses.
    """
    if len(pauses) != len(clips) - 1:
        raise ValueError(f"{len(clips)} clips have {len(clips) - 1} pauses between them, got {len(pauses)}.")
    stretches, words, now, begin = [], [], 0, 0
    for clip, pause, following in zip(clips, [*pauses, None], [*clips[1:], None], strict=True):
        _, spoken, frames = _speech(clip)
        if following is None:
            stretch, next_begin = _stretch(clip, begin, frames, 0), 0
        else:
            first, _, _ = _speech(following)
            hold, before = _shared_out(max(1, round(pause * VIDEO_FRAME_RATE)), frames - spoken, first)
            stretch, next_begin = _stretch(clip, begin, spoken, hold), first - before
        shift = (now - begin) / VIDEO_FRAME_RATE
        words.append([(word, round(start + shift, 3), round(stop + shift, 3)) for word, start, stop in clip.words])
        stretches.append(stretch)
        now, begin = now + len(stretch.frames), next_begin
    made = tuple(round(after[0][1] - before[-1][2], 3) for before, after in pairwise(words))
    return Joined(tuple(stretches), made, tuple(word for sentence in words for word in sentence))


def draw_pauses(count: int, generator: np.random.Generator) -> list[float]:
    """Seconds of pauses, evenly drawn from `PAUSE_SECONDS`."""
    return generator.uniform(*PAUSE_SECONDS, size=count).tolist()


def join_all(clips: Sequence[EvaluationClip], size: int) -> list[Joined]:
    """Every `size` clips that follow each other joined, pauses drawn by `PAUSE_SEED`; clips that are left over are not used."""
    generator = np.random.default_rng(PAUSE_SEED)
    chosen = [clips[first : first + size] for first in range(0, len(clips) - size + 1, size)]
    if not chosen:
        raise ValueError(f"{len(clips)} clips are too few to join {size}.")
    return [join(part, draw_pauses(size - 1, generator)) for part in chosen]


def join_long(clips: Sequence[EvaluationClip], least_seconds: float = LEAST_SECONDS) -> Joined:
    """As many clips as make `least_seconds`, joined; all of them where they are shorter together."""
    pauses = draw_pauses(len(clips) - 1, np.random.default_rng(PAUSE_SEED))

    def first(count: int) -> Joined:
        return join(clips[:count], pauses[: count - 1])

    least_frames = least_seconds * VIDEO_FRAME_RATE
    counts = range(1, len(clips) + 1)
    return first(counts[bisect_left(counts[:-1], least_frames, key=lambda count: first(count).num_frames)])


def darkened(pictures: Iterator[np.ndarray], generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Pictures `(H, W, 3)` as a film shows a face that is far away and in the dark: half the size, dark, with grain."""
    for picture in pictures:
        height, width = (round(side * HALF / 2) * 2 for side in picture.shape[:2])
        small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        noise = generator.normal(0.0, GRAIN, (height, width, 1))
        yield np.clip(np.round(small * BRIGHTNESS + noise), 0, 255).astype(np.uint8)


# ----------------------------------------------------------------------------------------------------------------------
# Folders
# ----------------------------------------------------------------------------------------------------------------------


def _speaker(clip: EvaluationClip) -> str:
    """As the corpus' own files call the speaker."""
    return clip.speaker.rpartition("-")[2]


def _row(clip: EvaluationClip, split: str, text: str | None = None, **more: Any) -> dict[str, Any]:
    return {"speaker": _speaker(clip), "text": text or clip.text, "split": split, **more}


def _copied(folder: Path, clip: EvaluationClip, place: str) -> dict[str, str]:
    """The clip's files in a folder, as a row names them."""
    (folder / place).mkdir(exist_ok=True)
    files = {}
    for kind, path in (("video", clip.video), ("audio", clip.audio)):
        files[kind] = f"{place}/{clip.name}{path.suffix}"
        shutil.copyfile(path, folder / files[kind])
    return files


def _write_part(folder: Path, clips: Sequence[EvaluationClip], split: str) -> list[dict[str, Any]]:
    return [_row(clip, split, **_copied(folder, clip, "clips"), words=clip.words) for clip in clips]


def _write_film(folder: Path, clips: Sequence[EvaluationClip], split: str) -> list[dict[str, Any]]:
    """Hard pictures beside the sound as it was recorded."""
    rows = []
    for number, clip in enumerate(tqdm(clips, desc=split, unit="clip")):
        pictures = darkened(iter_frames(clip.video, "rgb24"), np.random.default_rng(number))
        rows.append(
            _row(
                clip,
                split,
                words=clip.words,
                **_write_clip(folder, clip.name, pictures, clip.load_truth(), FILM_QUALITY),
            )
        )
    return rows


def _write_clip(
    folder: Path, name: str, pictures: Iterable[np.ndarray], sound: np.ndarray, quality: int = 16
) -> dict[str, str]:
    """Picture and sound, two files, as a row names them."""
    files = {"video": f"{name}.mp4", "audio": f"{name}.wav"}
    write_silent_video(folder / files["video"], pictures, quality)
    write_wav(folder / files["audio"], sound, SAMPLING_RATE)
    return files


def _write_joined(
    folder: Path, clips: Sequence[EvaluationClip], split: str, joined: Sequence[Joined]
) -> list[dict[str, Any]]:
    """Joined clips; the voice of each is the clip behind its last one, the first clip where there is none."""
    rows, used = [], 0
    for number, one in enumerate(tqdm(joined, desc=split, unit="clip")):
        used += len(one.stretches)
        voice = clips[used % len(clips)]
        lent = _copied(folder, voice, VOICES)
        rows.append(_row(voice, VOICES, **lent))
        files = _write_clip(folder, f"joined_{number:02d}", one.pictures(), one.sound())
        rows.append(_row(voice, split, one.text, **files, words=one.words, reference=lent["video"]))
    return rows


def _write_longest(folder: Path, clips: Sequence[EvaluationClip], split: str) -> list[dict[str, Any]]:
    """All clips again and again, until `LONGEST_SECONDS` are full."""
    rounds = ceil(LONGEST_SECONDS / (len(clips) * LEAST_SENTENCE_SECONDS))
    return _write_joined(folder, clips, split, [join_long(list(clips) * rounds, LONGEST_SECONDS)])


@dataclass(frozen=True)
class Made:
    """How clips are made: of which split of GRID, and by what.

    Attributes:
        split: of the corpus.
        write: folder, clips, name of the new split and the most clips that are wanted, to rows of the metadata.
    """

    split: str
    write: Callable[[Path, Sequence[EvaluationClip], str, int | None], list[dict[str, Any]]]


def _part(with_moustache: bool) -> Callable[..., list[dict[str, Any]]]:
    return lambda folder, clips, split, limit: _write_part(
        folder, [clip for clip in clips if (_speaker(clip) == MOUSTACHE) == with_moustache], split
    )


def _of_size(size: int) -> Callable[..., list[dict[str, Any]]]:
    return lambda folder, clips, split, limit: _write_joined(folder, clips, split, join_all(clips, size)[:limit])


MADE = {
    "without_s26": Made("zero_shot", _part(False)),
    "s26": Made("zero_shot", _part(True)),
    "film": Made("zero_shot", lambda folder, clips, split, limit: _write_film(folder, clips, split)),
    "joined_3": Made("dev", _of_size(3)),
    "joined_6": Made("dev", _of_size(6)),
    "long": Made(
        "dev", lambda folder, clips, split, limit: _write_joined(folder, clips, split, [join_long(clips[:limit])])
    ),
    "longest": Made("dev", lambda folder, clips, split, limit: _write_longest(folder, clips[:limit], split)),
}


def make_clips(name: str, grid: Path, output: Path, limit: int | None = None) -> Path:
    """The folder of a corpus, made unless an earlier run has made it.

    Args:
        name: of [`MADE`], which is also the split of its clips.
        grid: GRID's folder.
        output: in whose folder `clips` it lies, named by a hash of what it is made of.
        limit: of clips, where making more would take time for nothing; of sentences in the long clip.

    Raises:
        ValueError: an unknown name, or too few clips.
    """
    if name not in MADE:
        raise ValueError(f"there is no recipe for clips {name!r}; choose from {', '.join(MADE)}.")
    made = MADE[name]
    clips, _ = read_clips(grid, made.split)
    files = [Path(__file__), *(clip.video for clip in clips.clips)]
    folder = output / "clips" / f"{name}-{file_hash(files)}{f'-{limit}' if limit else ''}"
    if not folder.is_dir():
        replace_folder(folder, lambda new: _fill(new, made.write(new, clips.clips, name, limit), name))
    return folder


def _fill(folder: Path, rows: Sequence[Mapping[str, Any]], name: str) -> None:
    if not rows:
        raise ValueError(f"none of the clips are such as {name} is made of.")
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / METADATA).write_text(lines, encoding="utf-8")
