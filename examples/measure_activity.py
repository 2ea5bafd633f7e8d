"""Measures the timing `activity`: films whose people say something else than the script, dubbed by the mouth's movement and by the cue alone.

    python examples/measure_activity.py --output outputs/activity --data ../shared/data/grid --docs .

Scenes are lines of GRID's clips that no model has seen: as they are (`one`), with something else shown in their middle (`away`), and two
lines with the rest between them as one cue (`pause`). Each cue gets the words of other clips, so that the mouth says another sentence of
like length. Where the dub is heard (its sound is within 30 dB of its loudest 20 ms) is held against when the actor spoke.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from film_pieces import FRAME_RATE, SAMPLES, GridCast, Talk, landscape, music, write_film
from flowdubber_hf.film import FilmSettings, RunSettings, plan_film, run_film
from flowdubber_hf.processing.sound import SAMPLING_RATE, load_audio
from flowdubber_hf.processing.wav import write_wav
from make_test_film import AWAY, LEVEL, WHOLE, Film
from pages import insert


SECTION = "figures activity"
KINDS, TIMINGS = ("one", "away", "pause"), ("activity", "cue")
_STEP = SAMPLING_RATE // 50  # samples of a piece of sound that is heard or not
_HEARD = 10 ** (-30 / 20)
_PAUSE = 0.2  # seconds between two words that are no pause


def compose(cast: GridCast, count: int, seed: int = 0) -> Film:
    """So many scenes, of all kinds in turn."""
    film, generator = Film(), np.random.default_rng(seed)
    for turn in range(count):
        speaker, kind = cast.speakers[turn // len(KINDS) % len(cast.speakers)], KINDS[turn % len(KINDS)]
        talks = [cast.talk(speaker, turn), *([cast.talk(speaker, turn + 1)] if kind == "pause" else [])]
        _scene(film, kind, talks, generator)
        other = cast.speakers[(turn // len(KINDS) + 1) % len(cast.speakers)]
        film.cues[-1]["script"] = " ".join(cast.talk(other, turn + place).text for place in range(len(talks)))
        film.shot(FRAME_RATE // 2, partial(landscape, FRAME_RATE // 2, turn))
    return film


def _scene(film: Film, kind: str, talks: Sequence[Talk], generator: np.random.Generator) -> None:
    """A cue and its pictures."""
    begin = len(film.cues)
    first, stop = (round(one * FRAME_RATE) for one in AWAY)
    for talk in talks:
        film.say(kind, talk, film.length, WHOLE, generator)
        if kind == "away":
            film.shot(first, partial(_pictures, talk, 0, first))
            film.shot(stop - first, partial(landscape, stop - first, begin + 2000))
            film.shot(talk.count - stop, partial(_pictures, talk, stop, talk.count))
        else:
            film.shot(talk.count, partial(_pictures, talk, 0, talk.count))
    rows = film.cues[begin:]
    whole = rows[0] | {"end": rows[-1]["end"], "words": [word for row in rows for word in row["words"]]}
    film.cues[begin:] = [whole]


def _pictures(talk: Talk, first: int, stop: int) -> Iterator[np.ndarray]:
    return iter(talk.read()[first:stop])


def write_files(folder: Path, film: Film, cast: GridCast) -> None:
    """`film.mkv`, `cues.jsonl` with the other sentences, `voices.toml`."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = film.length * SAMPLES
    speech = np.zeros(samples, np.float32)
    for start, sound in film.speech:
        end = min(samples, start + len(sound))
        speech[start:end] += sound[: end - start]
    pictures = (picture for make in film.pictures for picture in make())
    write_film(folder / "film.mkv", pictures, np.float32(LEVEL) * speech, np.float32(LEVEL) * music(samples), 1.0)
    rows = [{name: cue[name] for name in ("start", "end", "speaker")} | {"text": cue["script"]} for cue in film.cues]
    (folder / "cues.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    tables = []
    for name in sorted({cue["speaker"] for cue in film.cues}):
        write_wav(folder / f"{name}.wav", cast.voice(name), SAMPLES * FRAME_RATE, overwrite=True)
        tables.append(f'[{name}]\nreference = "{name}.wav"\n')
    (folder / "voices.toml").write_text("\n".join(tables), encoding="utf-8")


def actor_speaks(words: Sequence[Sequence[Any]], start: float, count: int) -> np.ndarray:
    """`(count,)` bool: whether the actor speaks in each 20 ms from a time of the film on."""
    times = start + (np.arange(count) + 0.5) * _STEP / SAMPLING_RATE
    found = np.zeros(count, dtype=bool)
    before = None
    for _, first, last in words:
        begin = before if before is not None and first - before <= _PAUSE else first
        found |= (begin <= times) & (times < last)
        before = last
    return found


def heard(sound: np.ndarray) -> np.ndarray:
    """`(n,)` bool: whether anything is to be heard in each 20 ms of a dub, `(samples,)` at 16 kHz."""
    pieces = sound[: len(sound) // _STEP * _STEP].reshape(-1, _STEP)
    loudness = np.sqrt(np.mean(np.square(pieces, dtype=np.float64), axis=1))
    return loudness > _HEARD * loudness.max()


def measure(folder: Path, film: Film, timing: str) -> list[dict[str, Any]]:
    """Of each cue its kind, the share of the dub that is heard while the actor speaks, and that of the actor's speech with a dub on it."""
    settings = FilmSettings(
        film=folder / "film.mkv",
        cues=folder / "cues.jsonl",
        voices=folder / "voices.toml",
        output=folder / "dubbed.mkv",
        timing=timing,
    )
    done = run_film(plan_film(settings), RunSettings(judge=False, device="cpu"), stop_after="dub")
    truth = {cue["start"]: cue for cue in film.cues}
    found = []
    for cue in done.cues:
        if cue.file is None:
            raise ValueError(f"cue {cue.plan.cue.number} has no take: {cue.problem}")
        known = truth[cue.plan.cue.start]
        dub = heard(load_audio(cue.file))
        speaks = actor_speaks(known["words"], cue.plan.window[0] / 1e6, len(dub))
        both = (dub & speaks).sum()
        spoken = actor_speaks(known["words"], 0.0, film.length * 2).sum()  # beyond the window, too
        found.append({"kind": known["kind"], "inside": both / dub.sum(), "covered": both / spoken})
    return found


def table(rows: dict[str, list[dict[str, Any]]]) -> str:
    """The figures for docs/benchmarks.md."""
    lines = [
        "| scenes | cues | dub heard while the actor speaks: `activity` | `cue` | actor's speech with a dub on it: `activity` | `cue` |"
    ]
    lines.append("|---|---|---|---|---|---|")
    titles = {"one": "a line", "away": "with a cut-away inside", "pause": "two lines as one cue", None: "all"}
    for kind, title in titles.items():
        cells = [
            f"{100 * np.mean([row[name] for row in rows[timing] if kind in (None, row['kind'])]):.1f} %"
            for name in ("inside", "covered")
            for timing in TIMINGS
        ]
        count = sum(kind in (None, row["kind"]) for row in rows["cue"])
        lines.append(f"| {title} | {count} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder of everything that is made")
    parser.add_argument("--data", type=Path, required=True, help="folder of GRID's clips, with metadata.jsonl")
    parser.add_argument("--num-cues", type=int, default=24, help="scenes (default: 24)")
    parser.add_argument("--docs", type=Path, help="folder of the repository whose docs/benchmarks.md gets the table")
    options = parser.parse_args(argv)
    if options.num_cues < len(KINDS):
        parser.error(f"--num-cues must be at least {len(KINDS)}, one of each kind.")
    cast = GridCast(options.data)
    film = compose(cast, options.num_cues)
    write_files(options.output, film, cast)
    text = table({timing: measure(options.output, film, timing) for timing in TIMINGS})
    print(text)
    if options.docs is not None:
        insert(options.docs / "docs" / "benchmarks.md", SECTION, text)


if __name__ == "__main__":
    main()
