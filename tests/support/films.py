"""Little films of the drawn head for the tests of films."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowdubber_hf.demo import demo_reference, demo_speech
from flowdubber_hf.film import FilmPlan, FilmSettings, plan_film
from flowdubber_hf.processing.wav import write_wav
from support.video_files import head_frames, noise_frames, write_clip


TEXT = "Place blue at f two now."


def still_head() -> np.ndarray:
    """`(75, 288, 360, 3)`: the head with its mouth at rest."""
    return head_frames()[np.resize(np.concatenate([np.arange(11), np.arange(9, 0, -1)]), 75)]


def beside(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Two heads in one picture `(F, 288, 360, 3)`."""
    return np.concatenate([left[:, :, 90:270], right[:, :, 90:270]], axis=2)


def elsewhere(count: int) -> np.ndarray:
    """Pictures without a face."""
    return noise_frames(count, 288, 360)


@lru_cache(maxsize=1)
def speech() -> np.ndarray:
    """`(48000,)` what the head says."""
    return demo_speech()


def make_film(folder: Path) -> Path:
    """15 s: the head alone; two, the right one speaks; nobody; a black slate; the head with a cut-away in its line.

    Shots begin at 0, 3, 6, 9, 10, 11.2 and 11.8 s; every line is said 0.5 to 2.4 s after its scene begins.
    """
    head, silence = head_frames(), np.zeros(16000, np.float32)
    pictures = [head, beside(still_head(), head), elsewhere(75), np.zeros_like(head[:25])]
    pictures += [head[:30], elsewhere(15), head[45:], still_head()[:50]]
    sound = np.concatenate([speech(), speech(), speech(), silence, speech(), silence, silence])
    write_clip(folder / "film.mp4", np.concatenate(pictures), sound=sound, gop=50)
    write_wav(folder / "anna.wav", demo_reference())
    (folder / "voices.toml").write_text('[anna]\nreference = "anna.wav"\n[ben]\nfrom = [[3.0, 5.5]]\n')
    rows = [(0, "ANNA"), (3, "BEN"), (6, "ANNA"), (10, "BEN")]
    blocks = [
        f"{n}\n00:00:{s:02},400 --> 00:00:{s + 2:02},500\n{name}: {TEXT}\n" for n, (s, name) in enumerate(rows, 1)
    ]
    (folder / "film.srt").write_text("\n".join(blocks) + "\n5\n00:00:13,000 --> 00:00:14,000\n[door slams]\n")
    return folder / "film.mp4"


def film_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the film of [`make_film`]; a file of tests makes it its fixture, so that it has one to write to."""
    folder = tmp_path_factory.mktemp("film")
    make_film(folder)
    return folder


def film_files(folder: Path) -> dict[str, Path]:
    """Film, cue sheet and voices that [`make_film`] has left in a folder, by the options' names."""
    return {"film": folder / "film.mp4", "cues": folder / "film.srt", "voices": folder / "voices.toml"}


def film_settings(folder: Path, **given: Any) -> FilmSettings:
    """To dub it to `dubbed.mkv` beside it, unless said otherwise."""
    return FilmSettings(**{**film_files(folder), "output": folder / "dubbed.mkv", **given})


def plan_in(folder: Path, output: Path, **given: Any) -> FilmPlan:
    """Its plan."""
    return plan_film(film_settings(folder, output=output, **given))
