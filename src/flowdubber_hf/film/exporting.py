"""A dubbed film for another editor, by the editor's name."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

from ..processing.audio import SAMPLING_RATE
from ..processing.video import write_wav
from .export_opendub import ExportVoice, export_opendub
from .export_otio import export_otio
from .exports import ExportLine, export_subtitleedit
from .mix import file_name
from .planned import CuePlan
from .run import DubbedFilm
from .voices import DEFAULT
from .voicing import voice_sound


EXPORTS = ("subtitleedit", "opendub", "otio")


def export_film(done: DubbedFilm, kind: str, folder: Path, overwrite: bool = False) -> Path:
    """Writes the takes of a run as `subtitleedit`, `opendub` or `otio` reads them.

    Raises:
        ValueError: another kind, no take, or a folder that holds an export already.
        ImportError: `otio` without its package.
    """
    plan = done.plan
    lines = [
        ExportLine(
            id=cue.plan.id,
            text=" ".join(part.text for part in cue.plan.parts),
            start=cue.plan.window[0],
            end=cue.plan.window[1],
            speaker=cue.plan.cue.speaker or "",
            sound=cue.file,
            seed=cue.seed,
        )
        for cue in done.cues
        if cue.file is not None
    ]
    film = plan.source.path
    if kind == "subtitleedit":
        return export_subtitleedit(folder, film, lines, overwrite)
    if kind == "otio":
        return export_otio(folder, film, plan.source.duration, float(plan.source.frame_rate), lines, overwrite)
    if kind == "opendub":
        voices = {cue.plan.cue.speaker or "": _voice(done, cue.plan) for cue in done.cues if cue.file is not None}
        return export_opendub(folder, film, lines, voices, model=plan.settings.model, overwrite=overwrite)
    raise ValueError(f"an export is one of {', '.join(EXPORTS)}, got {kind!r}.")


def _voice(done: DubbedFilm, cue: CuePlan) -> ExportVoice:
    """A speaker's recording; one that was taken from the film is written into the work folder."""
    plan = done.plan
    voice = plan.voices.get(cue.cue.voice_name or DEFAULT) or plan.voices[DEFAULT]
    if voice.reference is not None:
        return ExportVoice(voice.reference, voice.consent)
    file = plan.settings.work_folder / "voices" / f"{file_name(voice.name)}.wav"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_wav(file, voice_sound(voice, plan.source), SAMPLING_RATE, overwrite=True)
    return ExportVoice(file, voice.consent)
