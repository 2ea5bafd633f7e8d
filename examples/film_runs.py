"""Runs of `flowdubber film` as a user starts them, with what they took; see benchmark_film.py."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

import make_test_film
from film_figures import Dubbed
from flowdubber_hf.processing.media import create_media, open_media
from flowdubber_hf.work.hashing import hash_file


FIGURES = "figures.json"
_FEW_CUES = 10
_REORDERED = 10  # packets that may be shown later than those behind them
_COMMAND = (sys.executable, "-m", "flowdubber_hf", "film")


# A process begins with the peak of the one that starts it, and that one has made films: so a small one stands between.
_MEASURED = """
import json, resource, subprocess, sys, time
begun = time.monotonic()
code = subprocess.call(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
row = {"wall": time.monotonic() - begun, "processor": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss * 1024}
with open(sys.argv[1], "w") as file:
    json.dump(row, file)
sys.exit(code)
"""


@dataclass(frozen=True)
class Ran:
    """A command that came to its end.

    Attributes:
        wall, processor: seconds; the latter of all its processes.
        memory: most bytes that one process held.
    """

    wall: float
    processor: float
    memory: int


def call(command: Sequence[str], log: Path) -> Ran:
    """Runs a command to its end.

    Raises:
        RuntimeError: it failed; with the last lines of what it said.
    """
    measured = log.with_suffix(".json")
    with log.open("wb") as said:
        between = [sys.executable, "-c", _MEASURED, str(measured), *command]
        code = subprocess.call(between, stdout=said, stderr=said, start_new_session=True)
    if code:
        raise RuntimeError(f"{' '.join(command)} failed:\n" + log.read_text(errors="replace")[-2000:])
    return Ran(**json.loads(measured.read_text()))


def killed_after(command: Sequence[str], seconds: float, log: Path) -> bool:
    """Whether a command was still running when it was killed.

    Raises:
        RuntimeError: it failed by itself.
    """
    with log.open("wb") as said:
        started = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
    try:
        code = started.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
        return True
    if code:
        raise RuntimeError(f"{' '.join(command)} failed:\n" + log.read_text(errors="replace")[-2000:])
    return False


@dataclass(frozen=True)
class Bench:
    """Where a film and what was made of it lie.

    Attributes:
        root: folder of everything.
        options: of the command line.
    """

    root: Path
    options: argparse.Namespace

    @property
    def folder(self) -> Path:
        return self.root / "film"

    def kept(self) -> dict[str, Any]:
        """What was found so far."""
        return json.loads((self.root / FIGURES).read_text(encoding="utf-8"))

    def dubbed(self, name: str = "dubbed", source: str = "film.mkv") -> Dubbed:
        """What is made of a film of the folder, in a file of its kind."""
        return Dubbed(
            self.folder, (self.root / name).with_suffix(Path(source).suffix), self.root / f"{name}.work", source
        )

    def command(self, name: str, *more: str, source: str = "film.mkv", cues: str = "film.vtt") -> list[str]:
        """`flowdubber film` into the file of that name."""
        made = self.dubbed(name, source)
        files = ["--cues", self.folder / cues, "--voices", self.folder / "voices.toml"]
        files += ["--output", made.output, "--work", made.work]
        given = [*_COMMAND, str(made.film), *map(str, files), "--quiet", "--device", "cpu"]
        return [*given, "--model", self.options.model, *more]

    def run(self, name: str, *more: str, source: str = "film.mkv", cues: str = "film.vtt") -> Ran:
        return call(self.command(name, *more, source=source, cues=cues), self.root / f"{name}.log")

    def forget(self, name: str, source: str = "film.mkv") -> Dubbed:
        """Removes what an earlier run of this name wrote."""
        made = self.dubbed(name, source)
        shutil.rmtree(made.work, ignore_errors=True)
        made.output.unlink(missing_ok=True)
        return made

    def with_plan(self, name: str) -> Dubbed:
        """A new work folder that has the faces of the first run's: no step looks for them again."""
        made, first = self.forget(name), self.dubbed()
        made.work.mkdir()
        shutil.copytree(first.work / "shots", made.work / "shots")
        shutil.copyfile(first.work / "shots.json", made.work / "shots.json")
        return made

    def small(self) -> "Bench":
        """A film of few cues that follow each other closely, and the same of another make."""
        count = self.options.short_cues or _FEW_CUES
        other = Bench(self.root / "short", argparse.Namespace(**{**vars(self.options), "num_cues": count, "gap": 0.6}))
        other.root.mkdir(exist_ok=True)
        make_film(other, "--other-make")
        return other

    def short(self) -> "Bench":
        """The small film, dubbed, for what takes many runs; this one where `--short-cues` was not asked for."""
        if self.options.short_cues is None:
            return self
        other = self.small()
        if not other.dubbed().output.is_file():
            other.run("dubbed")
        return other

    @property
    def minutes(self) -> float:
        """Length of the film."""
        return self.dubbed().truth["frames"] / 25 / 60


def make_film(bench: Bench, *more: str) -> None:
    """The film, once."""
    given = bench.options
    asked = ["--output", str(bench.folder), "--num-cues", str(given.num_cues), "--gap", str(given.gap)]
    asked += ["--scale", str(given.scale), *(["--data", str(given.data)] if given.data else []), *more]
    if not (bench.folder / "truth.json").is_file():
        make_test_film.main(asked)


def without_sound(film: Path, target: Path) -> None:
    with open_media(film) as source, create_media(target) as copy:
        pictures = source.streams.video[0]
        stream = copy.add_stream_from_template(pictures)
        for packet in source.demux(pictures):
            if packet.size:
                packet.stream = stream
                copy.mux(packet)


def repeated(film: Path, target: Path, times: int, seconds: float) -> None:
    """A film so many times in a row, its packets as they are; `seconds` is its length."""
    with create_media(target) as copy:
        streams: list[av.stream.Stream] = []
        latest: dict[int, int] = {}
        for turn in range(times):
            with open_media(film) as source:
                streams = streams or [copy.add_stream_from_template(one, opaque=True) for one in source.streams]
                for packet in source.demux():
                    if not packet.size:
                        continue
                    later = round(turn * seconds / packet.time_base)
                    packet.pts += later
                    before = latest.get(
                        packet.stream_index, -_REORDERED
                    )  # Matroska tells no dts of its first pictures
                    packet.dts = before + 1 if packet.dts is None else packet.dts + later
                    latest[packet.stream_index] = packet.dts
                    packet.stream = streams[packet.stream_index]
                    copy.mux(packet)


def spread_cues(truth: dict[str, Any], count: int, times: int, target: Path) -> None:
    """A sheet of few of a film's cues, spread evenly over the film that is so many times as long."""
    spoken = [cue for cue in truth["cues"] if cue["kind"] in ("one", "two", "off")]
    chosen = spoken[:: max(1, len(spoken) // count)][:count]
    length = truth["frames"] * 40_000
    blocks = ["WEBVTT\n"]
    for place, cue in enumerate(chosen):
        later = place * times // len(chosen) * length
        first, last = (make_test_film.clock(cue[name] + later) for name in ("start", "end"))
        blocks.append(f"{first} --> {last}\n<v {cue['speaker']}>{cue['text']}\n")
    target.write_text("\n".join(blocks), encoding="utf-8")


def takes_of(made: Dubbed) -> dict[str, str]:
    """Hash of every take that there is, by its name."""
    return {str(file.relative_to(made.work)): hash_file(file) for file in sorted(made.work.glob("takes/*/*.wav"))}
