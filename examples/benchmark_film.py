"""Dubs a film whose truth is known and measures everything that a film must keep; the table goes into docs/benchmarks.md.

    python examples/benchmark_film.py --output outputs/film --data ../shared/data/grid --docs .
    python examples/benchmark_film.py --output outputs/short --data ../shared/data/grid --num-cues 16 --gap 1 --kills 5

The film is that of make_test_film.py: 60 cues and 12 minutes, or fewer. The command `flowdubber film` runs as a user runs it, so that its
seconds, processor seconds and memory are those of the whole. Steps: `dub` (a run from nothing; cuts, speakers, memory), `film` (what is
heard of it), `starts` (of words), `mute` (the speakers without the film's sound), `redo` (one cue again, and back), `other` (a film of
another make), `processes` (two processes, and two of `accelerate launch`), `kills` (`kill -9` at random moments, and the same command
again), `lengths` (memory of a film ten times as long). What a step found is kept in `OUTPUT/figures.json`; a step that is not asked for
stands in the table as it was found before. (`pip install pyloudnorm` for a second opinion on loudness.)
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
import random
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from film_figures import (
    Dubbed,
    alone_starts,
    both,
    cuts_f1,
    film_starts,
    lip_rows,
    measure_sound,
    slope,
    speakers_right,
    what_is_kept,
)
from film_runs import (
    FIGURES,
    Bench,
    call,
    killed_after,
    make_film,
    repeated,
    spread_cues,
    takes_of,
    without_sound,
)
from film_table import table
from flowdubber_hf.dubbing.loading import load_pipeline
from flowdubber_hf.work.hashing import hash_file
from pages import insert, update_json


SECTION = "figures whole_film"
_SPREAD = 8  # cues of the films whose memory is compared


# ---------------------------------------------------------------------------------------------------------------------
# Steps


def measure_dub(bench: Bench) -> dict[str, Any]:
    """One run from nothing, and the plan that it made."""
    made = bench.forget("dubbed")
    ran = bench.run("dubbed", "--stems")
    speech = sum(row["words"][-1][2] - row["words"][0][1] for row in made.truth["cues"] if row["words"])
    return {
        "date": str(date.today()),
        "film_seconds": made.truth["frames"] / 25,
        "speech_seconds": speech,
        "cues": len(made.rows),
        "failed": made.report["totals"]["failed"],
        "wall": ran.wall,
        "processor": ran.processor,
        "memory": ran.memory,
        "seconds": made.report["seconds"],
        **measure_plan(made),
    }


def measure_plan(made: Dubbed) -> dict[str, Any]:
    plan = json.loads((made.work / "plan.json").read_text(encoding="utf-8"))
    found = {"cuts_f1": cuts_f1(plan, made.truth), "cuts": len(made.truth["cuts"])}
    return found | {"speakers": speakers_right(plan, made.truth)}


def measure_film(bench: Bench) -> dict[str, Any]:
    """All that is heard of the dubbed film. It is put together once more, so that it is what this version makes of the takes."""
    ran = bench.run("dubbed", "--stems")
    return measure_sound(bench.dubbed(), bench.root / "track.wav") | {"again": ran.wall}


def measure_starts(bench: Bench) -> dict[str, Any]:
    """Of words, against the truth, in the film and in the same clips alone."""
    made = bench.dubbed()
    if not lip_rows(made):
        return {}
    pipe = load_pipeline(bench.options.model, "cpu")
    pipe.set_progress_bar_config(disable=True)
    film, alone = both(film_starts(made), list(alone_starts(made, pipe)))
    rise, error = slope(*film)
    starts = {"words": len(film[0]), "slope": rise, "slope_error": error}
    for name, (late, _) in (("film_ms", film), ("alone_ms", alone)):
        starts[name] = 1e3 * float(np.abs(late).mean())
    return {"starts": starts}


def measure_mute(bench: Bench) -> dict[str, Any]:
    """The same film without its sound, planned."""
    mute = bench.folder / "mute.mkv"
    without_sound(bench.folder / "film.mkv", mute)
    made = bench.forget("mute_plan")
    bench.run("mute_plan", "--stop-after", "plan", source=mute.name)
    return {"speakers_mute": measure_plan(made)["speakers"]}


def measure_processes(bench: Bench) -> dict[str, Any]:
    """Whether two processes, and two of `accelerate launch`, come to the bytes of one."""
    bench, about = _short(bench)
    first = bench.dubbed()
    digest, takes = hash_file(first.output), takes_of(first)
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    found: dict[str, Any] = {}
    for name, command in (
        ("two", bench.command("two", "--num-proc", "2")),
        ("launched", [*launch, *bench.command("launched")[1:]]),
    ):
        made = bench.with_plan(name)
        ran = call(command, bench.root / f"{name}.log")
        same = hash_file(made.output) == digest and takes_of(made).items() <= takes.items()
        found[name] = {"same": same, "wall": ran.wall, "processor": ran.processor}
    return {"processes": found | about}


def _short(bench: Bench) -> tuple[Bench, dict[str, Any]]:
    """The film for what takes many runs, and its length where it is another one."""
    short = bench.short()
    return short, {} if short is bench else {"minutes": short.minutes}


def measure_kills(bench: Bench) -> dict[str, Any]:
    """Kills a run at random moments and begins it again, until so many kills have met it; a run that ends first is compared, and begun anew."""
    whole = bench.kept()["wall"] if bench.options.short_cues is None else 60.0
    bench, about = _short(bench)
    first, chance = bench.dubbed(), random.Random(bench.options.seed)
    digest, takes = hash_file(first.output), takes_of(first)
    longest = max(5.0, bench.options.kill_within or 0.6 * whole)
    kills, ends, same = 0, 0, True
    made = bench.forget("killed")
    stages: dict[str, int] = {}
    while kills < bench.options.kills:
        if killed_after(bench.command("killed"), chance.uniform(0.5, longest), bench.root / "killed.log"):
            kills += 1
            stage = stage_of(made)
            stages[stage] = stages.get(stage, 0) + 1
            continue
        ends += 1
        same &= hash_file(made.output) == digest and takes_of(made).items() <= takes.items()
        made = bench.forget("killed")
    bench.run("killed")
    same &= hash_file(made.output) == digest and takes_of(made).items() <= takes.items()
    left = [str(file) for file in (*made.work.rglob(".*"), *made.output.parent.glob(".*"))]
    return {"kills": {"count": kills, "ends": ends + 1, "same": same, "stages": stages, "left": left} | about}


def stage_of(made: Dubbed) -> str:
    """How far a run has come, by what it left."""
    if not (made.work / "plan.json").is_file():
        return "planning"
    if not (made.work / "sound").is_dir():
        return "dubbing"
    return "assembling"


def measure_redo(bench: Bench) -> dict[str, Any]:
    """One cue again, and the take before it taken back."""
    first = bench.dubbed()
    bench.run("dubbed")
    rows = first.report["cues"]
    number = str(rows[len(rows) // 2]["number"])
    before, digest = takes_of(first), hash_file(first.output)
    ran = bench.run("dubbed", "--redo", number)
    assembling = bench.dubbed().report["seconds"]["assembling"]
    after = takes_of(first)
    kept = before.items() <= after.items() and len(after) == len(before) + 1
    bench.run("dubbed", "--accept", f"{number}=0")
    back = hash_file(first.output) == digest
    found = {"wall": ran.wall, "processor": ran.processor, "assembling": assembling, "kept": kept, "back": back}
    return {"redo": found}


def measure_lengths(bench: Bench) -> dict[str, Any]:
    """Memory of whole runs of the film and of ten times the film, the same number of cues in both."""
    truth, rows = bench.dubbed().truth, []
    for times in (1, 10):
        source, cues = f"film_{times}.mkv", f"film_{times}.vtt"
        repeated(bench.dubbed().film, bench.folder / source, times, truth["frames"] / 25)
        spread_cues(truth, _SPREAD, times, bench.folder / cues)
        made = bench.forget("length")
        ran = bench.run("length", source=source, cues=cues)
        rows.append({"minutes": times * bench.minutes, "cues": _SPREAD, "memory": ran.memory, "wall": ran.wall})
        made.output.unlink()
        (bench.folder / source).unlink()
    return {"lengths": rows}


def measure_other(bench: Bench) -> dict[str, Any]:
    """A film of another make, its channels kept."""
    small, source = bench.small(), "other.mp4"
    made = small.forget("other", source)
    ran = small.run("other", "--stems", "--layout", "film", "--embed-subtitles", source=source)
    about = {"minutes": small.minutes, "cues_dubbed": len(made.rows)}
    about |= {"failed": made.report["totals"]["failed"], "wall": ran.wall, "memory": ran.memory}
    sound = measure_sound(made, small.root / "track.wav")
    return {"other": about | measure_plan(made) | sound | {"kept": what_is_kept(made)}}


STEPS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "dub": measure_dub,
    "film": measure_film,
    "starts": measure_starts,
    "mute": measure_mute,
    "redo": measure_redo,
    "other": measure_other,
    "processes": measure_processes,
    "kills": measure_kills,
    "lengths": measure_lengths,
}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder of everything that is made")
    parser.add_argument("--data", type=Path, help="folder of GRID's clips; without it the drawn head speaks")
    parser.add_argument("--num-cues", type=int, default=60, help="of the film (default: 60)")
    parser.add_argument(
        "--gap", type=float, default=7.3, help="mean seconds between its cues (default: 7.3, 12 minutes in all)"
    )
    parser.add_argument("--scale", type=float, default=2.0, help="of 360 x 288 pixels (default: 2)")
    parser.add_argument("--model", default="flowdubber-grid-tiny")
    parser.add_argument("--kills", type=int, default=20, help="how often a run is killed (default: 20)")
    parser.add_argument("--kill-within", type=float, help="seconds after which at most (default: 0.6 of a whole run)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument(
        "--short-cues", type=int, help="processes and kills on a film of so many cues (default: the same film)"
    )
    parser.add_argument("--remark", default="", help="a sentence of the machine for the table")
    parser.add_argument(
        "--steps", nargs="*", choices=tuple(STEPS), default=list(STEPS), help="(default: all; none: only the table)"
    )
    parser.add_argument("--docs", type=Path, help="folder of the repository whose docs/benchmarks.md gets the table")
    options = parser.parse_args(argv)
    bench = Bench(options.output.absolute(), options)
    bench.root.mkdir(parents=True, exist_ok=True)
    make_film(bench)
    for name in STEPS:
        if name in options.steps:
            print(f"== {name}", flush=True)
            update_json(bench.root / FIGURES, **STEPS[name](bench))
    cast = "People of GRID's clips" if options.data else "The drawn head"
    text = table(bench.kept(), cast, options.remark)
    print(text)
    if options.docs is not None:
        insert(options.docs / "docs" / "benchmarks.md", SECTION, text)


if __name__ == "__main__":
    main()
