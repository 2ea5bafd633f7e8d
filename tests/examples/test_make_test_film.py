"""The film to test with: its truth is what its files hold, and what the plan finds."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import importlib
import json
from pathlib import Path
from types import ModuleType

import av
import pytest

from flowdubber_hf.film import FilmSettings, plan_film
from flowdubber_hf.film.run import RunSettings, run_film
from flowdubber_hf.film.streams import OutputTracks


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def example(repository: Path) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(repository / "examples")
        return importlib.import_module("make_test_film")


@pytest.fixture(scope="module")
def made(example: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    example.main(["--output", str(folder), "--num-cues", "5", "--gap", "0.5", "--scale", "1", "--other-make"])
    return folder


def test_the_kinds_of_cues(example: ModuleType) -> None:
    counts = {kind: example.KINDS.count(kind) for kind in set(example.KINDS)}
    listeners = counts.pop("listener") + counts.pop("off")
    assert listeners == 6 and counts == {"one": 36, "two": 8, "overlap": 2, "away": 2, "long": 2, "noise": 2}


@pytest.mark.parametrize("name", ["film.mkv", "other.mp4"])
def test_the_plan_finds_the_truth(made: Path, name: str) -> None:
    truth = json.loads((made / "truth.json").read_text())
    files = {"film": made / name, "cues": made / "film.vtt", "voices": made / "voices.toml"}
    plan = plan_film(FilmSettings(**files, output=made / "dubbed.mkv", work=made / f"{name}.work"))
    cuts = [shot.start / 1e6 for shot in plan.shots[1:]]
    assert len(cuts) == len(truth["cuts"])
    assert all(abs(found - frame / 25) < 0.043 for found, frame in zip(cuts, truth["cuts"], strict=True))
    for cue, row in zip(plan.cues, truth["cues"], strict=True):
        assert cue.cue.skip == (row["kind"] == "noise")
        if row["box"] is None:
            assert cue.track is None
        else:
            x = plan.tracks[cue.track.partition("+")[0]]["x"] / plan.source.width
            assert row["box"][0] < x < row["box"][2], row["kind"]


def test_the_other_make_is_what_it_says(made: Path) -> None:
    with av.open(str(made / "other.mp4")) as film:
        # MP4 keeps the names of its chapters in a track of data.
        assert [stream.type for stream in film.streams] == ["video", "audio", "audio", "subtitle", "data"]
        assert film.streams.audio[0].channels == 6 and len(film.chapters()) == 4
        assert abs(float(film.streams.video[0].average_rate) - 23.976) < 0.001
        assert [stream.metadata.get("language") for stream in film.streams.audio] == ["eng", "fra"]


def test_the_other_make_is_dubbed_and_keeps_its_tracks(made: Path) -> None:
    files = {"film": made / "other.mp4", "cues": made / "film.vtt", "voices": made / "voices.toml"}
    plan = plan_film(FilmSettings(**files, output=made / "other_dubbed.mp4", work=made / "other.mp4.work"))
    assert (plan.source.width, plan.source.height, plan.source.rotation) == (360, 288, 90)
    done = run_film(plan, RunSettings(steps=1, device="cpu", judge=False, tracks=OutputTracks(layout="film")))
    assert done.failed == []
    with av.open(str(done.output.path)) as dub, av.open(str(made / "other.mp4")) as film:
        assert [stream.type for stream in dub.streams if stream.type != "data"] == [
            "video",
            "audio",
            "audio",
            "audio",
            "subtitle",
        ]
        assert [stream.channels for stream in dub.streams.audio] == [6, 6, 2]
        assert [stream.metadata.get("language") for stream in dub.streams.audio] == ["eng", "eng", "fra"]
        assert [one["metadata"] for one in dub.chapters()] == [one["metadata"] for one in film.chapters()]
        assert next(dub.decode(video=0)).rotation == next(film.decode(video=0)).rotation != 0
    same = []
    for path in (done.output.path, made / "other.mp4"):
        with av.open(str(path)) as container:
            same.append([bytes(packet) for packet in container.demux(video=0) if packet.size])
    assert same[0] == same[1]
    assert done.output.levels.true_peak <= -1.0
