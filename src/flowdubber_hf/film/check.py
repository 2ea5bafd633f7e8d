"""A film, its cues and its voices looked at without decoding more than a picture: `--dry-run`, and the first step of every plan."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..checkpoints.fetching import fetch
from ..checkpoints.sources import local_checkpoint
from ..work.reading import read_json
from ..work.records import read_record
from .checks import check_cues
from .cues import Cue, CueSheet, read_cues
from .own_faces import OwnTrack, read_faces
from .problems import FilmProblem, in_order
from .settings import PLAN_NAME, FilmSettings
from .shots import read_shots
from .source import FilmSource, probe_film
from .voices import VoiceTable, check_voices, read_voices


Value = TypeVar("Value")
_ALIGNER = "aligner/config.json"


@dataclass(frozen=True)
class FilmCheck:
    """What was read, and all that is wrong with it.

    Attributes:
        settings: as they were given.
        source: of the film; `None` where it cannot be read.
        table: of the voices, without those that are wrong.
        cues: in the order of their times, without those that are wrong.
        accent: `us` or `gb`: how scripts are read.
        own_faces: tracks of a file of faces.
        problems: errors and warnings.
    """

    settings: FilmSettings
    source: FilmSource | None
    table: VoiceTable
    cues: tuple[Cue, ...]
    accent: str
    own_faces: Mapping[str, OwnTrack] = field(default_factory=dict)
    problems: tuple[FilmProblem, ...] = ()

    @property
    def used_voices(self) -> list[str]:
        """Names of the voices that are needed."""
        return [voice.name for cue in self.cues if not cue.skip and (voice := self.table.find(cue.voice_name))]


def check_film(settings: FilmSettings) -> FilmCheck:
    """
    Everything that can be said against a film without decoding it; nothing is raised for it.

    Raises:
        ImportError: cues as ASS or SSA without the extra `film`.
        ValueError: the model cannot be had.
    """
    problems: list[FilmProblem] = []

    def read(where: str, work: Callable[..., Value], *args: Any, **kwargs: Any) -> Value | None:
        try:
            return work(*args, **kwargs)
        except (ValueError, OSError) as error:
            problems.append(FilmProblem(str(error), where=where))
            return None

    accent = model_accent(settings.model)
    source = read("film", probe_film, settings.film)
    needs_voices = settings.voices is not None
    table = read("voices", read_voices, settings.voices) if needs_voices else VoiceTable({})
    sheet = read(
        "cues",
        read_cues,
        settings.cues,
        known=table.named if table else (),
        rttm=settings.rttm,
        speakers=settings.speakers,
        split_dashes=settings.split_dashes,
        cue_rate=settings.cue_rate,
    )
    faces: Mapping[str, OwnTrack] = {}
    if source is not None:
        problems += _work_problems(settings, source)
        problems += [FilmProblem(remark, where="film", is_error=False) for remark in source.warnings]
        if settings.faces is not None:
            faces = read("faces", read_faces, source, settings.faces) or {}
        if str(settings.shots) not in ("auto", "none"):
            read("shots", read_shots, source, settings.shots)
    sheet = sheet or CueSheet(())
    problems += [*sheet.problems, *(table.problems if table else ())]
    if source is not None and table is not None:
        limits = (settings.max_phonemes_per_second, settings.borrow)
        problems += check_cues(sheet.cues, source.duration, table if needs_voices else None, accent, *limits)
        problems += _face_problems(sheet.cues, faces, source, settings)
        used = [voice.name for cue in sheet.cues if not cue.skip and (voice := table.find(cue.voice_name))]
        problems += check_voices(table, used, str(settings.voices), source.duration, source.has_sound)
    if sheet.cues and all(cue.skip for cue in sheet.cues) and not sheet.problems:
        problems.append(FilmProblem("no cue of it is speech; there is nothing to dub.", where="cues"))
    empty = VoiceTable({})
    return FilmCheck(settings, source, table or empty, sheet.cues, accent, faces, tuple(in_order(problems)))


def _work_problems(settings: FilmSettings, source: FilmSource) -> list[FilmProblem]:
    """A work folder is of one film: another one's takes and mouths would be mixed with it. A copy of the film is the same film."""
    planned = read_record(settings.work_folder / PLAN_NAME, {"film": dict})
    about = planned.get("film", {})
    before = [about.get("size"), about.get("duration")]
    if not planned or before == [source.size, source.duration]:
        return []
    message = f"{settings.work_folder} is of another film ({about.get('path')}); give another folder by --work, or remove this one."
    return [FilmProblem(message, where="work")]


def _face_problems(
    cues: tuple[Cue, ...], faces: Mapping[str, OwnTrack], source: FilmSource, settings: FilmSettings
) -> list[FilmProblem]:
    from ..processing.mouth_box import check_mouth_box

    found = []
    for cue in cues:
        if settings.faces is not None and cue.face not in (None, "none") and cue.face not in faces:
            found.append(cue.problem(f'the face "{cue.face}" is not in {settings.faces}.'))
        if cue.mouth_box is not None:
            try:
                check_mouth_box(cue.mouth_box, source.width, source.height)
            except ValueError as error:
                found.append(cue.problem(str(error)))
    return found


def model_accent(model: str) -> str:
    """How a model's scripts are read, from its configuration alone.

    Raises:
        ValueError: there is no such model.
    """
    folder = local_checkpoint(model)
    if folder is None:
        folder = fetch(model, [_ALIGNER])
    file = Path(folder) / _ALIGNER
    if not file.is_file():
        raise ValueError(f"{model} has no {_ALIGNER} and is no dubbing model; give another.")
    return str(read_json(file).get("phoneme_accent", "us"))
