"""The mouths of a film: found stretch by stretch, one stretch in memory at a time, and asked who speaks."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .cues import Cue
from .faces import CROP_SIZE, FaceTrack, fixed_place, is_continued, join_tracks
from .own_faces import OwnTrack, places_in
from .shots import Shot
from .source import GRID_STEP, FilmSource, film_sound
from .speaker import (
    HARDLY_MOVES,
    Candidate,
    Choice,
    Judge,
    PathScore,
    Places,
    candidates_of,
    decide,
    is_silent,
    longest_run,
    movement,
    only,
)
from .stretches import Stretch, group_spans, load_stretch, read_stretch
from .windows import mouths_in


_KEPT = 4  # stretches in memory; a window touches two or three
SYNC_NAME = "sync.npz"  # the judge's answers
_JOIN = "+"  # between the names of a face's tracks in several shots
#: A cue, what is said of it, its own pictures and those of its window, as places of the grid.
Asked = tuple[Cue, str, tuple[int, int], tuple[int, int]]


class Mouths:
    """All stretches of a film, and their tracks from files as they are asked for."""

    def __init__(self, source: FilmSource | None, folder: Path, stretches: Sequence[Stretch]):
        self._source, self._folder = source, folder
        self._stretches = {one.name: one for one in stretches}
        self._homes: dict[str, str] = {}
        self._places: dict[str, dict[str, Any]] = {}
        self._load = lru_cache(maxsize=_KEPT)(lambda name: load_stretch(folder, name))

    @classmethod
    def stored(cls, folder: Path) -> "Mouths":
        """Those of an earlier plan, by the names of their stretches."""
        return cls(None, folder, ())

    @classmethod
    def find(
        cls,
        source: FilmSource,
        folder: Path,
        shots: Sequence[Shot],
        spans: Sequence[tuple[int, int]],
        own: Mapping[str, OwnTrack],
        boxes: Mapping[str, tuple[tuple[int, int], Sequence[float]]],
        progress: Callable[[float], None],
    ) -> "Mouths":
        """
        Decodes what of a film is needed and not yet kept.

        Args:
            spans: of the grid, in which speakers may be seen.
            own: tracks of one's own; no others are looked for in the stretches that have some.
            boxes: by the ids of cues, their window and the box around the mouth.
        """
        mouths = cls(source, folder, group_spans(shots, spans))
        for number, stretch in enumerate(mouths._stretches.values(), 1):
            given = places_in(own, stretch)
            for identity, (window, box) in boxes.items():
                if window[0] < stretch.stop and window[1] > stretch.first:
                    given[f"m-{identity}-{stretch.name}"] = fixed_place(box, stretch.stop - stretch.first)
            for name, track in read_stretch(source, stretch, folder, given, bool(places_in(own, stretch))).items():
                mouths._note(name, stretch, track)
            progress(number / len(mouths._stretches))
        return mouths

    def _note(self, name: str, stretch: Stretch, track: FaceTrack) -> None:
        self._homes.setdefault(name, stretch.name)
        x, y = track.centre
        about = {"shot": stretch.shot, "stretch": stretch.name, "first": track.first, "stop": track.stop}
        about |= {
            "x": round(x, 1),
            "y": round(y, 1),
            "side": round(track.side, 1),
            "seen": round(float(track.seen.mean()), 3),
        }
        self._places[name] = about | ({"profile": True} if track.profile else {})

    def places(self) -> dict[str, dict[str, Any]]:
        """Where each face is."""
        return self._places

    def place(self, name: str) -> dict[str, Any]:
        """Of a track, or of the first part of one that goes on in other shots."""
        return self._places[name.partition(_JOIN)[0]]

    def stretch_of(self, name: str | None) -> str | None:
        """The names of the files of a track, as many as it has parts; `None` for no track."""
        return None if name is None else _JOIN.join(self._homes[part] for part in name.split(_JOIN))

    def track(self, name: str | None) -> FaceTrack | None:
        return None if name is None else self._joined(self.stretch_of(name), name)

    def face(self, stretch: str, name: str) -> FaceTrack:
        """A track by the files that it is in, see [`stretch_of`]."""
        return self._joined(stretch, name)

    def _joined(self, homes: str, name: str) -> FaceTrack:
        parts = zip(homes.split(_JOIN), name.split(_JOIN), strict=True)
        return join_tracks([self._load(home)[part] for home, part in parts])

    def seen_share(self, name: str, window: tuple[int, int]) -> float:
        return float(mouths_in(self.track(name), window)[1].mean())

    def around(self, name: str | None, place: int, reach: int) -> tuple[np.ndarray, np.ndarray] | None:
        """The mouths of so many pictures to both sides of a place, as [`of_window`]; `None` for no track."""
        return None if name is None else mouths_in(self.track(name), (place - reach, place + reach))

    def hash_of(self, name: str, window: tuple[int, int]) -> str:
        """24 hexadecimal digits of the mouths of a window."""
        crops, seen = mouths_in(self.track(name), window)
        return hashlib.sha256(crops.tobytes() + seen.tobytes()).hexdigest()[:24]

    def of_window(
        self, stretch: str | None, name: str | None, window: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The mouths of a window and which of them are seen; see [`~film.windows.mouths_in`]."""
        if stretch is None:
            count = window[1] - window[0]
            return np.zeros((count, CROP_SIZE, CROP_SIZE), np.uint8), np.zeros(count, bool)
        return mouths_in(self._joined(stretch, name), window)

    # -----------------------------------------------------------------------------------------------------------------

    def choose(
        self, asked: Sequence[Asked], path_score: PathScore | None, progress: Callable[[float], None]
    ) -> list[Choice]:
        """Who says each cue: first those that are clear, then the others with what these tell of places."""
        judge, places = Judge(self._folder / SYNC_NAME), Places(self._source.height)
        found: list[tuple[Sequence[Candidate], str] | Choice] = []
        for number, one in enumerate(asked, 1):
            found.append(self._weigh(one, judge, path_score))
            progress(number / len(asked))
        judge.save()
        choices = [one if isinstance(one, Choice) else decide(*one, {}) for one in found]
        for one, choice in zip(asked, choices, strict=True):
            if choice.track is not None and choice.by != "given" and not choice.unsure and one[0].speaker:
                places.remember(one[0].speaker, self.place(choice.track))
        for number, (one, weighed) in enumerate(zip(asked, found, strict=True)):
            if isinstance(weighed, Choice) or not choices[number].unsure or one[0].speaker is None:
                continue
            prior = {
                candidate.track: places.prior(one[0].speaker, self.place(candidate.track)) for candidate in weighed[0]
            }
            choices[number] = decide(*weighed, prior)
        return choices

    def _weigh(
        self, asked: Asked, judge: Judge, path_score: PathScore | None
    ) -> tuple[Sequence[Candidate], str] | Choice:
        """The candidates of a cue with their evidence and whom it is of, or the choice where there is none."""
        cue, text, own, window = asked
        if cue.timing == "cue" or cue.face == "none":
            return Choice(None, "none")
        tracks = {
            name: track
            for stretch in self._stretches.values()
            if stretch.first < window[1] and stretch.stop > window[0]
            for name, track in self._load(stretch.name).items()
        }
        given = self._given(cue, tracks, window)
        if given is not None:
            return given
        tracks = _continued({name: track for name, track in tracks.items() if not name.startswith("m-")})
        found = candidates_of(tracks, own, window)
        candidates = [
            Candidate(name, share, movement(tracks[name].crops[part], tracks[name].seen[part]))
            for name, share, part in found
        ]
        if not candidates:
            return Choice(None, "none")
        if len(candidates) == 1:
            needed = cue.timing in ("lips", "activity")
            if not needed and candidates[0].movement < HARDLY_MOVES:
                (evidence,), by = self._evidence(text, tracks, found, judge, None)
                candidates = [replace(candidates[0], evidence=evidence if by == "sound" else None)]
            return only(candidates[0], needed)
        evidence, by = self._evidence(text, tracks, found, judge, path_score)
        rows = [
            Candidate(one.track, one.seen, one.movement, value)
            for one, value in zip(candidates, evidence, strict=True)
        ]
        return rows, by

    def _given(self, cue: Cue, tracks: Mapping[str, FaceTrack], window: tuple[int, int]) -> Choice | None:
        """The face that the cue itself names, by name or by a box."""
        names = (
            [name for name in tracks if name.startswith(f"m-{cue.id}-")] if cue.mouth_box is not None else [cue.face]
        )
        seen = {name: mouths_in(tracks[name], window)[1].sum() for name in names if name in tracks}
        if seen:
            return Choice(max(seen, key=lambda name: (seen[name], name)), "given")
        return Choice(None, "none") if cue.mouth_box is not None or cue.face is not None else None

    def _evidence(
        self,
        text: str,
        tracks: Mapping[str, FaceTrack],
        found: Sequence[tuple[str, float, slice]],
        judge: Judge,
        path_score: PathScore | None,
    ) -> tuple[list[float | None], str]:
        parts = [(tracks[name], longest_run(tracks[name].seen, part)) for name, _, part in found]
        spans = [
            ((track.first + part.start) * GRID_STEP, (track.first + part.stop) * GRID_STEP) for track, part in parts
        ]
        sounds = [film_sound(self._source, start, end) for start, end in spans] if self._source.has_sound else []
        if sounds and not all(map(is_silent, sounds)):
            return [
                judge(track.crops[part], sound) for (track, part), sound in zip(parts, sounds, strict=True)
            ], "sound"
        if path_score is not None:
            return [path_score(text, track.crops[part], track.seen[part]) for track, part in parts], "script"
        return [None] * len(parts), "movement"


def _continued(tracks: Mapping[str, FaceTrack]) -> dict[str, FaceTrack]:
    """The faces of a window's shots, those that go on in a later shot as one."""
    groups: list[list[str]] = []
    for name in sorted(tracks, key=lambda name: (tracks[name].first, name)):
        group = next((group for group in groups if is_continued(tracks[group[-1]], tracks[name])), None)
        if group is None:
            groups.append([name])
        else:
            group.append(name)
    return {_JOIN.join(group): join_tracks([tracks[name] for name in group]) for group in groups}
