"""Which clips are evaluated, and whose voice each of them takes.

The three settings are the benchmarks': 1, the clip's own sound is the reference; 2, another clip of the same speaker; 3,
another speaker. Clips, speakers and recordings are always taken in a fixed order, so a pairing is the same on every machine.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np

from ..data.corpora import read_corpus
from ..data.corpora.recording import AUDIO_SUFFIXES, VIDEO_SUFFIXES, Dropped, Recording, locate
from ..data.corpora.split import DEFAULT_VALIDATION_SHARE
from ..data.textgrid import Interval
from ..processing.audio import load_audio
from ..processing.references import check_reference
from ..processing.video import probe_video
from ..work.hashing import hash_number
from ..work.reading import parse_json, read_text


OUTPUT_SUFFIXES = (*AUDIO_SUFFIXES, *VIDEO_SUFFIXES)  # of a clip's sound and its video, the sound is taken


@dataclass(frozen=True)
class Voice:
    """A recording that lends its voice.

    Attributes:
        id: of the recording in its corpus, or the path in a pairing file.
        speaker: who speaks; empty where a file was named.
        path: of the sound.
        text: what is said, where it is known.
    """

    id: str
    speaker: str
    path: Path
    text: str | None = None


@dataclass(frozen=True)
class EvaluationClip:
    """A clip to be dubbed or scored.

    Attributes:
        name: unique and usable as a file's name: the id without its source, `/` as `_`.
        id, speaker, text: as the corpus has them.
        video: file with the picture.
        audio: file with the true sound; the video itself where the corpus has no other.
        words: `(word, start, end)` in seconds that the corpus gives, `None` where it gives none.
        mouth_box: of the corpus, for faces that no detector finds.
        reference: whose voice is taken.
    """

    name: str
    id: str
    speaker: str
    text: str
    video: Path
    audio: Path
    words: tuple[Interval, ...] | None = None
    mouth_box: tuple[float, ...] | None = None
    reference: Voice | None = None

    @property
    def own_reference(self) -> bool:
        """Whether the clip's own sound is its reference."""
        return self.reference is not None and self.reference.path == self.audio

    @cached_property
    def num_samples(self) -> int:
        """Samples at 16 kHz that a dub of the clip has."""
        return probe_video(self.video).num_samples

    def load_truth(self) -> np.ndarray:
        """The clip's own sound, `(num_samples,)` float32 at 16 kHz: cut or padded to the length of the picture.

        Raises:
            ValueError: it has none.
        """
        sound = load_audio(self.audio)[: self.num_samples]
        return np.pad(sound, (0, self.num_samples - len(sound)))


@dataclass(frozen=True)
class Clips:
    """The clips of an evaluation.

    Attributes:
        clips: in the order of their files' names.
        skipped: id to reason, of clips of the split that cannot be evaluated.
        pairing_rule: one sentence for the summary.
    """

    clips: tuple[EvaluationClip, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    pairing_rule: str = ""

    def named(self, name: str) -> EvaluationClip:
        """The clip of a name or id.

        Raises:
            ValueError: there is none.
        """
        for clip in self.clips:
            if name in (clip.name, clip.id):
                return clip
        known = ", ".join(clip.name for clip in self.clips[:3])
        raise ValueError(f"there is no clip {name!r} among the {len(self.clips)} that are evaluated ({known}, ...).")


# ---------------------------------------------------------------------------------------------------------------------
# Reading


def _names(recordings: Iterable[Recording]) -> dict[str, str]:
    """A short file name for every id; ids that would share one are told apart by a number made of the id."""
    plain = {item.id: item.id.removeprefix(f"{item.source}/").replace("/", "_") for item in recordings}
    counts: dict[str, int] = {}
    for name in plain.values():
        counts[name] = counts.get(name, 0) + 1
    return {
        key: name if counts[name] == 1 else f"{name}_{hash_number(key) % 10**6:06d}" for key, name in plain.items()
    }


def _usable(folder: Path, item: Recording) -> str | None:
    """Why a recording cannot be evaluated; `None` where it can."""
    if item.problem is not None:
        return item.problem.message
    if item.video is None:
        return "it has no picture"
    if not item.text:
        return "nobody wrote down what is said"
    try:
        for name in filter(None, (item.video, item.audio)):
            locate(folder, name)
    except Dropped as problem:
        return problem.message
    return None


def _in_order(recordings: Iterable[Recording]) -> list[Recording]:
    return sorted(recordings, key=lambda item: item.file_name)


def read_clips(
    data: Path, split: str, corpus: str = "auto", val_share: float | None = None
) -> tuple[Clips, list[Recording]]:
    """The clips of a split in the order of their files' names, without references yet, and all recordings of the folder.

    Raises:
        ValueError: no such folder, split, or no clip in it that can be evaluated.
    """
    found = read_corpus(data, corpus, val_share=DEFAULT_VALIDATION_SHARE if val_share is None else val_share)
    chosen = _in_order(item for item in found.recordings if item.split == split)
    if not chosen:
        splits = sorted({item.split for item in found.recordings})
        raise ValueError(f"{data} has no clips of the split {split!r}; it has {', '.join(splits)}.")
    problems = {item.id: _usable(data, item) for item in chosen}
    names = _names(chosen)
    clips = tuple(
        EvaluationClip(
            name=names[item.id],
            id=item.id,
            speaker=item.speaker,
            text=item.text,
            video=data / item.video,
            audio=data / (item.audio or item.video),
            words=item.words,
            mouth_box=item.mouth_box,
        )
        for item in chosen
        if problems[item.id] is None
    )
    skipped = {key: reason for key, reason in problems.items() if reason is not None}
    if not clips:
        key, reason = next(iter(skipped.items()))
        raise ValueError(f"none of the {len(chosen)} clips of {split!r} can be evaluated; for example {key}: {reason}")
    return Clips(clips, skipped), list(found.recordings)


# ---------------------------------------------------------------------------------------------------------------------
# Pairing


def _voice(folder: Path, item: Recording) -> Voice:
    return Voice(item.id, item.speaker, folder / (item.audio or item.video or ""), item.text)


def _own_voice(clip: EvaluationClip) -> Voice:
    return Voice(clip.id, clip.speaker, clip.audio, clip.text)


def _next_of_speaker(clips: Sequence[EvaluationClip], given: Mapping[str, Voice]) -> list[Voice]:
    """Setting 2: what the corpus names, else the speaker's next clip in the order of names, the last taking the first."""
    speakers: dict[str, list[EvaluationClip]] = {}
    for clip in clips:
        speakers.setdefault(clip.speaker, []).append(clip)
    voices = []
    for clip in clips:
        own = speakers[clip.speaker]
        voices.append(given.get(clip.id) or _own_voice(own[(own.index(clip) + 1) % len(own)]))
    return voices


def _is_usable_voice(path: Path) -> bool:
    try:
        check_reference(load_audio(path))
    except ValueError:
        return False
    return True


def _other_speaker(clips: Sequence[EvaluationClip], voices: Sequence[Voice]) -> list[Voice]:
    """Setting 3: see [`pair_clips`]."""
    speakers: dict[str, list[Voice]] = {}
    for voice in voices:
        speakers.setdefault(voice.speaker, []).append(voice)
    order = sorted(speakers, key=hash_number)
    chosen = []
    for number, clip in enumerate(clips):
        others = [name for name in order if name != clip.speaker]
        chosen.append(_first_usable(others, speakers, number))
    return chosen


def _first_usable(others: Sequence[str], speakers: Mapping[str, Sequence[Voice]], number: int) -> Voice:
    """The recording for clip `number`; where it is too short or silent, the speaker's next, then the next speaker's."""
    for offset in range(len(others)):
        own = speakers[others[(number + offset) % len(others)]]
        first = number // len(others)
        for index in range(len(own)):
            voice = own[(first + index) % len(own)]
            if _is_usable_voice(voice.path):
                return voice
    raise ValueError(
        "setting 3 needs another speaker with at least 1 s of sound; name a folder of them with --voices."
    )


def pair_clips(
    clips: Clips,
    setting: int,
    data: Path,
    recordings: Sequence[Recording],
    voices: Path | None = None,
    voices_split: str | None = None,
    pairing: Path | None = None,
) -> Clips:
    """Gives every clip its reference.

    - Setting 1: the clip's own sound.
    - Setting 2: the reference that the corpus names, else the next clip of the same speaker in the order of the file names,
      the last one taking the first; a speaker with a single clip in the split lends it to itself, which is counted apart.
    - Setting 3: of the speakers of `voices` (all of `data` by default) other than the clip's own, in the order of the SHA-256
      of their names, clip number i takes speaker number i mod n, and of that speaker's recordings, in the order of the file
      names, number i div n, starting again at the end. Recordings under 1 s or silent are passed over.

    Args:
        clips: of the split, in order; every rule looks at all of them, so pair before limiting.
        setting: 1, 2 or 3.
        data, recordings: folder and content of the corpus.
        voices, voices_split, pairing: see [`EvaluateSettings`].

    Raises:
        ValueError: no other speaker, or a pairing file that cannot be used.
    """
    folder = voices or data
    if pairing is not None:
        known = _known_voices(data, recordings)
        if voices is not None:
            known |= _known_voices(voices, read_corpus(voices).recordings)
        chosen = _read_pairing(pairing, clips, known)
        rule = f"the references of the file {pairing.name}"
    elif setting == 1:
        chosen = [_own_voice(clip) for clip in clips.clips]
        rule = "the clip's own sound"
    elif setting == 2:
        known = {item.id: _voice(data, item) for item in recordings if item.problem is None and item.file_name}
        named = {item.id: known[item.reference] for item in recordings if item.reference in known}
        given = {key: voice for key, voice in named.items() if voice.path.is_file()}
        chosen = _next_of_speaker(clips.clips, given)
        rule = "the next clip of the same speaker in the order of names, the last taking the first"
    else:
        pool = recordings if voices is None else read_corpus(voices).recordings
        usable = [
            item
            for item in _in_order(pool)
            if item.problem is None and item.file_name and voices_split in (None, item.split)
        ]
        if voices_split is not None and not usable:
            raise ValueError(f"{folder} has no recordings of the split {voices_split!r}.")
        chosen = _other_speaker(clips.clips, [_voice(folder, item) for item in usable])
        rule = f"another speaker of {folder.resolve().name}{f', split {voices_split}' if voices_split else ''}"
    paired = tuple(replace(clip, reference=voice) for clip, voice in zip(clips.clips, chosen, strict=True))
    return Clips(paired, clips.skipped, rule)


def _known_voices(folder: Path, recordings: Sequence[Recording]) -> dict[str, Voice]:
    """Voices by id, by id without its source, and by path without suffix."""
    known = {}
    for item in recordings:
        if item.problem is None and item.file_name:
            voice = _voice(folder, item)
            short = item.id.removeprefix(f"{item.source}/")
            stem = str(PurePosixPath(item.file_name).with_suffix(""))
            known |= {stem: voice, short: voice, short.replace("/", "_"): voice, item.id: voice}
    return known


def _read_pairing(file: Path, clips: Clips, known: Mapping[str, Voice]) -> list[Voice]:
    """References of a file of JSON lines `{"clip": name or id, "reference": name, id or path from the file's folder}`."""
    try:
        lines = read_text(file).splitlines()
    except ValueError as error:
        raise ValueError(f"--pairing: {error}") from error
    pairs: dict[str, Voice] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = parse_json(line, "the line")
            clip, reference = row["clip"], row["reference"]
        except (ValueError, LookupError, TypeError):
            raise ValueError(f'{file.name}:{number} must be {{"clip": ..., "reference": ...}}.') from None
        path = file.parent / str(reference)
        voice = known.get(str(reference)) or (Voice(str(reference), "", path) if path.is_file() else None)
        if voice is None:
            raise ValueError(
                f"{file.name}:{number}: there is no recording {reference!r} (an id, or a path beside it)."
            )
        pairs[str(clip)] = voice
    chosen = [pairs.get(clip.name) or pairs.get(clip.id) for clip in clips.clips]
    missing = [clip.name for clip, voice in zip(clips.clips, chosen, strict=True) if voice is None]
    if missing:
        raise ValueError(f"{file.name} names no reference for {len(missing)} clips, first {missing[0]}.")
    return [voice for voice in chosen if voice is not None]


# ---------------------------------------------------------------------------------------------------------------------
# Sounds of another system


def find_outputs(folder: Path, clips: Sequence[EvaluationClip]) -> dict[str, Path]:
    """The file of each clip in a folder of a system's outputs, by the clip's name; clips without one are left out.

    A file belongs to a clip if its path below the folder, without suffix and with `/` or `_` between its parts, is the clip's
    name or id, or if its own name is that of exactly one clip's file ("bbaf2n.wav" for s1/bbaf2n, where only one speaker
    says it). Of several files for a clip wav comes first, then other sounds, then videos.

    Raises:
        ValueError: no such folder, or no file of it belongs to a clip.
    """
    if not folder.is_dir():
        raise ValueError(f"--outputs: there is no folder {folder}.")
    keys: dict[str, str] = {}
    stems: dict[str, list[str]] = {}
    for clip in clips:
        keys |= {clip.name: clip.name, clip.id.replace("/", "_"): clip.name}
        stems.setdefault(clip.video.stem, []).append(clip.name)
    keys |= {stem: names[0] for stem, names in stems.items() if len(names) == 1 and stem not in keys}
    found: dict[str, Path] = {}
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in OUTPUT_SUFFIXES and path.is_file()]
    for path in sorted(files, key=lambda path: OUTPUT_SUFFIXES.index(path.suffix.lower())):
        relative = path.relative_to(folder).with_suffix("")
        name = keys.get(relative.as_posix().replace("/", "_")) or keys.get(relative.name)
        if name is not None:
            found.setdefault(name, path)
    if not found:
        example = clips[0].name
        raise ValueError(
            f"none of the {len(files)} sounds and videos in {folder} is named by a clip; for example {example}.wav."
        )
    return found
