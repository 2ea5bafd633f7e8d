"""The work on one clip, kept in a record of its own, so that a stopped run goes on where it was.

A record holds the sound's key and, by scorer, a key and the values. A key is a hash of all that the result depends on: files,
options, weights and the code of the package that makes it. What has its key already is not done again.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..libraries import quiet_libraries
from ..processing.audio import load_audio
from ..processing.video import write_wav
from ..work.faults import machine_fault
from ..work.files import replacing
from ..work.hashing import hash_checkpoint, hash_file, hash_json
from ..work.reading import read_json, require
from ..work.records import write_record
from .clips import EvaluationClip
from .samples import Sample
from .scorers import Scorer, registry
from .settings import EvaluateSettings
from .sounds import Made, SoundMaker


SOUNDS_NAME = "sounds"
WORK_NAME = "work"
# Folders and files of the package whose code decides over the sounds, and over the values.
_TIMING_CODE = ("processing", "data/dubbing.py", "data/forced_alignment.py", "data/phone_times.py")
SOUND_CODE = (*_TIMING_CODE, "models", "pipelines", "schedulers", "dubbing", "evaluation/sounds.py")
_SCORER_CODE = ("evaluation/scorers.py", "evaluation/samples.py", "metrics/grammar.py")
SCORE_CODE = (*_TIMING_CODE, "metrics", "models/syncnet", "models/utmos", *_SCORER_CODE)
# Options that decide over the sound of a dub.
DUB_OPTIONS = (
    "sound",
    "steps",
    "guidance_scale",
    "style_guidance_scale",
    "colour_match",
    "temperature",
    "solver",
    "sway",
    "without",
    "reference_text",
    "seed",
    "best_of",
)


@dataclass(frozen=True)
class SharedPlan:
    """What the processes need to know beside the clip.

    Attributes:
        settings: of the evaluation.
        model: hash of the weights, empty where none are used.
        sound_code, score_code: hashes of the code.
        scorers: name and weights of each scorer.
        outputs: file of each clip where another system's sounds are scored.
    """

    settings: EvaluateSettings
    model: str
    sound_code: str
    score_code: str
    scorers: tuple[tuple[str, str | None], ...]
    outputs: dict[str, Path] | None = None

    @property
    def folder(self) -> Path:
        """Of the results."""
        return self.settings.output


@dataclass
class Record:
    """What is kept of a clip.

    Attributes:
        sound_key: of the sound; another key than the one that is due means that it has to be made again.
        problem: why there is no sound, `None` where there is one.
        details: `words`, `phonemes`, `warnings`, `seed`, `takes` and `timings` of a dub.
        scores: scorer to `{"key", "values", "problems"}`.
    """

    sound_key: str = ""
    problem: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)


_FIELDS: dict[str, Any] = {"sound_key": str, "problem": (str, type(None)), "details": dict, "scores": dict}


def hash_code(names: Sequence[str]) -> str:
    """24 hexadecimal digits of source files of the package."""
    package = Path(__file__).parents[1]
    files = sorted(
        file
        for name in names
        for file in ((package / name).rglob("*.py") if (package / name).is_dir() else [package / name])
    )
    return hash_json([[file.relative_to(package).as_posix(), hash_file(file)] for file in files])


def record_file(folder: Path, clip: EvaluationClip) -> Path:
    """Where a clip's record lies."""
    return folder / WORK_NAME / f"{clip.name}.json"


def maps_file(folder: Path, clip: EvaluationClip) -> Path:
    """Where a dub's alignment lies, for pictures."""
    return folder / WORK_NAME / f"{clip.name}.npz"


def clip_record(folder: Path, clip: EvaluationClip) -> Record:
    """A clip's record; an empty one where there is none or it cannot be read."""
    file = record_file(folder, clip)
    try:
        known = require(read_json(file), _FIELDS, file)
        for score in known["scores"].values():
            require(score, {"key": str, "values": dict, "problems": dict}, file)
        require(known["details"].get("timings") or {"total": 0.0}, {"total": (int, float)}, file)
        return Record(**{name: known[name] for name in _FIELDS})
    except ValueError:
        return Record()


def sound_file(job: SharedPlan, clip: EvaluationClip) -> Path | None:
    """The file that is scored; `None` where the other system has none."""
    if job.outputs is not None:
        return job.outputs.get(clip.name)
    return job.folder / SOUNDS_NAME / f"{clip.name}.wav"


def _write_record(job: SharedPlan, clip: EvaluationClip, record: Record) -> None:
    write_record(record_file(job.folder, clip), vars(record))


def _sound_key(job: SharedPlan, clip: EvaluationClip) -> str:
    """Of the file itself for another system's sounds, else of all that the sound is made of."""
    if job.outputs is not None:
        file = job.outputs.get(clip.name)
        return hash_file(file) if file is not None else "missing"
    options = {name: getattr(job.settings, name) for name in DUB_OPTIONS} if job.settings.dubs else {}
    reference = hash_file(clip.reference.path) if job.settings.dubs else ""
    return hash_json(
        [
            job.sound_code,
            job.model,
            job.settings.sound,
            options,
            hash_file(job.settings.lexicon) if job.settings.lexicon else None,
            [clip.text, clip.mouth_box, hash_file(clip.video), hash_file(clip.audio), reference],
            clip.reference.text if job.settings.reference_text else None,
        ]
    )


def _score_keys(job: SharedPlan, clip: EvaluationClip, file: Path) -> dict[str, str]:
    """By scorer."""
    files = [hash_file(path) for path in (file, clip.video, clip.audio, clip.reference.path)]
    common = [job.score_code, files, clip.text, clip.words, clip.mouth_box]
    return {
        name: hash_json([name, weights, weights and hash_weights(weights), *common]) for name, weights in job.scorers
    }


@lru_cache(maxsize=16)
def hash_weights(name: str) -> str | None:
    """Of the files of a folder of weights or of bundled ones; `None` for names on the Hub."""
    bundled = Path(__file__).parents[1] / "pretrained" / name
    folder = next((path for path in (Path(name), bundled) if path.is_dir()), None)
    return hash_checkpoint(folder) if folder is not None else None


# ---------------------------------------------------------------------------------------------------------------------
# In a process


@lru_cache(maxsize=1)
def _maker(settings: EvaluateSettings) -> SoundMaker:
    return SoundMaker(settings)


@lru_cache(maxsize=32)
def _scorer(name: str, weights: str | None, device: str) -> Scorer:
    scorer = registry()[name]
    scorer.weights = weights
    quiet_libraries()
    scorer.load(device)
    return scorer


def _write_sound(job: SharedPlan, clip: EvaluationClip, made: Made) -> None:
    folder = job.folder / SOUNDS_NAME
    folder.mkdir(parents=True, exist_ok=True)
    write_wav(folder / f"{clip.name}.wav", made.sound, overwrite=True)
    if made.maps:
        with replacing(maps_file(job.folder, clip)) as temporary:
            np.savez_compressed(temporary, **made.maps)


def read_maps(folder: Path, clip: EvaluationClip) -> dict[str, np.ndarray]:
    """`alignment` and `path` of a dub; empty for other sounds, and where the file cannot be read."""
    try:
        with np.load(maps_file(folder, clip), allow_pickle=False) as maps:
            return dict(maps)
    except Exception:  # whatever a damaged archive brings its reader to
        return {}


def _make_sound(job: SharedPlan, clip: EvaluationClip, record: Record) -> Record:
    """The record with the sound that is due, made now or before."""
    key = _sound_key(job, clip)
    file = sound_file(job, clip)
    done = record.sound_key == key and (record.problem is not None or (file is not None and file.is_file()))
    if done:
        return record
    record = Record(key)
    if job.outputs is not None:
        record.problem = None if file is not None else "there is no file of this name"
        return record
    try:
        made = _maker(job.settings)(clip)
        _write_sound(job, clip, made)
    except ValueError as error:
        fault = machine_fault(error)
        if fault:  # every clip that follows would fail too
            raise ValueError(f"nothing can be written to {job.folder}: {fault}; finished clips are kept.") from error
        record.problem = " ".join(str(error).split())
        return record
    names = ("words", "phonemes", "warnings", "seed", "takes", "timings")
    record.details = {name: getattr(made, name) for name in names}
    return record


def work_on(job: SharedPlan, clip: EvaluationClip) -> tuple[str, str | None]:
    """Makes a clip's sound and values, as far as they are missing; returns its name and why there is no sound.

    Raises:
        ValueError: what no clip can be blamed for, such as too little memory on the device.
    """
    try:
        return _work_on(job, clip)
    except RuntimeError as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(f"the work on {clip.name} failed: {reason} Finished clips are kept.") from error


def _work_on(job: SharedPlan, clip: EvaluationClip) -> tuple[str, str | None]:
    record = _make_sound(job, clip, clip_record(job.folder, clip))
    file = sound_file(job, clip)
    if record.problem is None and file is not None:
        try:
            _score(job, clip, record, file)
        except ValueError as error:  # a file of another system that holds no sound
            record.problem = " ".join(str(error).split())
    _write_record(job, clip, record)
    return clip.name, record.problem


def _score(job: SharedPlan, clip: EvaluationClip, record: Record, file: Path) -> None:
    due = _score_keys(job, clip, file)
    missing = [(name, weights) for name, weights in job.scorers if record.scores.get(name, {}).get("key") != due[name]]
    if not missing:
        return
    sample = Sample(clip, load_audio(file))
    for name, weights in missing:
        scorer = _scorer(name, weights, job.settings.device)
        values = scorer.score(sample)
        record.scores[name] = {"key": due[name], "values": values, "problems": dict(scorer.problems)}
