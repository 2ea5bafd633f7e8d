"""Which of the faces that are seen during a cue says it: by the film's own sound, else by the script, else by the mouths' movement."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoints.sources import bundled_checkpoints
from ..processing.sound import SAMPLES_PER_VIDEO_FRAME
from ..work.hashing import hash_checkpoint
from .faces import FaceTrack
from .kept import Kept


#: How well the script of a cue goes with a mouth, greater is better: `(text, crops (F, 96, 96), seen (F,)) -> float`.
PathScore = Callable[[str, np.ndarray, np.ndarray], float]
#: How well sound goes with a mouth, greater is better: `(crops (F, 96, 96), sound (640 F,)) -> float`.
SyncScore = Callable[[np.ndarray, np.ndarray], float]

LEAST_OVERLAP = 0.5  # of a cue's pictures in which a candidate is seen
MAX_OFFSET = 5  # pictures that sound and mouth are moved against each other
_NEAR_OFFSET = 2  # of them, within which a finished film's sound lies
# Between two faces. Of 40 GRID clips, half of them of unseen speakers: the judge's evidence of the true mouth was 0.3 and more in
# 95 %, another's below 0.3; the script's was greater by 0.94 in the middle, and the wrong way round in 6 %.
SURE_EVIDENCE, SURE_SCRIPT, SURE_MOVEMENT = 0.1, 0.3, 0.15
# Mean change from picture to picture of a mouth that speaks: 0.069 and more in 95 % of the same clips; before they speak 0.053.
STILL = 0.06
#: Below this a single face is held against the film's sound too, if there is any, and needs that much evidence.
HARDLY_MOVES, LEAST_EVIDENCE = 0.09, 0.2
_PRIOR = 0.15
_SAME_PLACE, _SAME_SIZE = 0.12, 1.35  # of the picture's height; ratio
_RECENT_SHOTS = 12
_JUDGE = "syncnet-grid-tiny"
_SILENCE = 1e-3  # of full scale


@dataclass(frozen=True)
class Candidate:
    """A face that may be the speaker.

    Attributes:
        track: its name.
        seen: share of the cue's pictures that show it.
        movement: of the mouth, see [`movement`].
        evidence: of the judge or of the script; `None` where neither could be asked.
        score: by which the choice was made.
    """

    track: str
    seen: float
    movement: float
    evidence: float | None = None
    score: float = 0.0


@dataclass(frozen=True)
class Choice:
    """Who says a cue.

    Attributes:
        track: name, or `None`: nobody who is seen.
        by: `sound`, `script`, `movement`, `place`, `only` (no other face is there), `given`, `none`.
        margin: of its score over the next one's; `None` without another candidate.
        unsure: the margin is small.
        candidates: best first.
    """

    track: str | None
    by: str
    margin: float | None = None
    unsure: bool = False
    candidates: tuple[Candidate, ...] = ()


def movement(crops: np.ndarray, seen: np.ndarray) -> float:
    """How much a mouth changes from picture to picture, in deviations of its grey levels; `(F, 96, 96)` uint8 and `(F,)` bool."""
    if seen.sum() < 2:
        return 0.0
    values = crops[seen].astype(np.float32)
    values = (values - values.mean()) / (values.std() + 4.0)
    return float(np.abs(np.diff(values[:, 30:76, 16:80], axis=0)).mean())


def sync_score(crops: np.ndarray, sound: np.ndarray, model: object) -> float:
    """By a judge of lip-sync: mean distance over offsets of up to 5 pictures less the least one near 0.

    Raises:
        ValueError: fewer pictures than the judge needs.
    """
    from ..metrics.sync import embed_clip, offset_distances

    lips, voice = embed_clip(model, crops, sound)
    distances = offset_distances(lips, voice, MAX_OFFSET)
    near = distances[MAX_OFFSET - _NEAR_OFFSET : MAX_OFFSET + _NEAR_OFFSET + 1]
    return float(distances.mean() - near.min())


class Judge:
    """The bundled judge of lip-sync, loaded at the first question that was not asked before; cues too short for it have no answer.

    Args:
        path (*optional*): of a file that keeps its answers.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._kept = Kept(path)
        self._model: object | None = None
        self._name: str | None = None

    def __call__(self, crops: np.ndarray, sound: np.ndarray) -> float | None:
        self._name = self._name or hash_checkpoint(bundled_checkpoints()[_JUDGE])
        content = hashlib.sha256(np.ascontiguousarray(crops))
        content.update(np.ascontiguousarray(sound))
        key = f"{self._name} {crops.shape} {content.hexdigest()}"
        (score,) = self._kept.of(key, 1, partial(self._ask, crops, sound)).tolist()
        return score if math.isfinite(score) else None

    def save(self) -> None:
        """Keeps what was asked, and nothing else."""
        self._kept.save()

    def _ask(self, crops: np.ndarray, sound: np.ndarray) -> np.ndarray:
        from ..metrics.sync import frames_needed, load_syncnet

        if self._model is None:
            self._model = load_syncnet(_JUDGE)
        needed = frames_needed(self._model, MAX_OFFSET)
        if len(crops) < needed or len(sound) < needed * SAMPLES_PER_VIDEO_FRAME:
            return np.array([math.nan])
        return np.array([sync_score(crops, sound, self._model)])


def candidates_of(
    tracks: Mapping[str, FaceTrack], cue: tuple[int, int], window: tuple[int, int]
) -> list[tuple[str, float, slice]]:
    """Tracks that are seen in half of a cue's pictures, with that share and the part of theirs that lies in its window.

    Args:
        cue, window: places of the grid.
    """
    found = []
    for name, track in tracks.items():
        first, stop = max(cue[0], track.first), min(cue[1], track.stop)
        share = float(track.seen[max(0, first - track.first) : max(0, stop - track.first)].sum()) / (cue[1] - cue[0])
        if share >= LEAST_OVERLAP:
            part = slice(max(0, window[0] - track.first), min(track.stop, window[1]) - track.first)
            found.append((name, share, part))
    return found


def longest_run(seen: np.ndarray, part: slice) -> slice:
    """The longest stretch of a part of a track in which it is seen, gaps of three pictures allowed."""
    places = np.flatnonzero(seen[part]) + part.start
    if not places.size:
        return slice(part.start, part.start)
    runs = np.split(places, np.flatnonzero(np.diff(places) > 4) + 1)
    longest = max(runs, key=len)
    return slice(int(longest[0]), int(longest[-1]) + 1)


def is_silent(sound: np.ndarray) -> bool:
    return not sound.size or float(np.sqrt(np.mean(np.square(sound)))) < _SILENCE


def decide(candidates: Sequence[Candidate], by: str, prior: Mapping[str, float]) -> Choice:
    """
    The speaker among several.

    Args:
        candidates: their evidence all asked of the same.
        by: `sound` or `script`, whom the evidence is of.
        prior: of tracks, from where the speaker and the others were seen before.
    """
    asked = all(one.evidence is not None for one in candidates)
    largest = max((one.movement for one in candidates), default=0.0) or 1.0
    scored = sorted(
        (
            Candidate(
                one.track,
                one.seen,
                one.movement,
                one.evidence,
                (one.evidence if asked else one.movement / largest) + prior.get(one.track, 0.0),
            )
            for one in candidates
        ),
        key=lambda one: (-one.score, one.track),
    )
    margin = scored[0].score - scored[1].score
    least = (SURE_EVIDENCE if by == "sound" else SURE_SCRIPT) if asked else SURE_MOVEMENT
    if margin >= least:
        told = any(prior.get(one.track) for one in candidates)
        return Choice(scored[0].track, by if asked else "place" if told else "movement", margin, False, tuple(scored))
    mover = max(scored, key=lambda one: (one.movement, one.track))
    return Choice(mover.track if mover.movement >= STILL else None, "movement", margin, True, tuple(scored))


def only(candidate: Candidate, needed: bool) -> Choice:
    """The one face that is seen; nobody where the sound is not its own or its mouth is still, unless a mouth is asked for."""
    moves = candidate.movement >= STILL
    speaks = needed or (moves if candidate.evidence is None else candidate.evidence >= LEAST_EVIDENCE)
    return Choice(candidate.track if speaks else None, "only" if speaks else "none", candidates=(candidate,))


class Places:
    """Where speakers were seen: in shot and reverse shot each keeps to a side.

    Args:
        height: of the picture, in pixels.
    """

    def __init__(self, height: int):
        self._height = height
        self._known: list[tuple[str, int, float, float, float]] = []

    def remember(self, speaker: str, place: Mapping[str, Any]) -> None:
        """A speaker's face for certain: its `shot`, and `x`, `y` and `side` of the mouth in pixels."""
        x, y, side = (place[name] / self._height for name in ("x", "y", "side"))
        self._known.append((speaker, place["shot"], x, y, side))

    def prior(self, speaker: str, place: Mapping[str, Any]) -> float:
        """Positive where the speaker was seen in that place in a shot nearby, negative where another one was."""
        x, y, side = (place[name] / self._height for name in ("x", "y", "side"))
        shot, nearest = place["shot"], {}
        for name, where, known_x, known_y, known_side in self._known:
            near = abs(where - shot) <= _RECENT_SHOTS and np.hypot(known_x - x, known_y - y) < _SAME_PLACE
            if near and 1 / _SAME_SIZE < known_side / side < _SAME_SIZE:
                nearest[name] = min(nearest.get(name, _RECENT_SHOTS), abs(where - shot))
        if not nearest:
            return 0.0
        here = min(nearest.values())
        names = [name for name, distance in nearest.items() if distance == here]
        if len(names) > 1:
            return 0.0
        return _PRIOR if names[0] == speaker else -_PRIOR
