"""Films: cue sheets and voices in, a plan of what is dubbed when and by which mouth, then the dubbed film. Names are imported when
they are used."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from importlib import import_module
from typing import Any


_HOMES = {
    "BadFilm": "problems",
    "Cue": "cues",
    "CueSheet": "cues",
    "FilmPlan": "plan",
    "FilmProblem": "problems",
    "FilmSettings": "settings",
    "DubbedFilm": "run",
    "OutputTracks": "streams",
    "RunSettings": "run_settings",
    "run_film": "run",
    "check_film": "plan",
    "plan_film": "plan",
    "read_cues": "cues",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
