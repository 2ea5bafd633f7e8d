"""Makes a film whose truth is known: cuts, words, who speaks, where the face is.

    python examples/make_test_film.py --output film --data ../shared/data/grid
    python examples/make_test_film.py --output short --num-cues 6 --gap 0.6 --scale 1

Of 60 cues 36 show one face, 8 two of which one speaks, 6 nobody who speaks, 4 overlap, 2 have a cut-away inside, 2 last over a minute,
2 are noises; landscapes and black slates stand between, music lies under it. People are those of GRID's clips in `--data` that no
model has seen; without it the drawn head of the package. Written are `film.mkv`, `film.vtt`, `voices.toml`, `voices/`, `truth.json`,
and with `--other-make` `other.mp4`: 23.976 pictures a second, a portrait on its side, 5.1, two sound tracks, subtitles, chapters.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from film_pieces import (
    FRAME_RATE,
    HEIGHT,
    SAMPLES,
    SOUND_RATE,
    WIDTH,
    DrawnCast,
    GridCast,
    Talk,
    bang,
    black,
    drawn_talk,
    even,
    landscape,
    music,
    side_by_side,
    write_film,
    write_other_make,
)
from flowdubber_hf.processing.wav import write_wav


# One of each kind stands in the first eight; long cues follow late, so that short films have none.
KINDS = ["one", "two", "off", "away", "noise", "one", "listener", "overlap"]
KINDS += ["one", "two", "one", "one", "off", "one", "one", "one", "two", "one", "one", "one", "one", "long"] * 2
KINDS += [
    "one",
    "two",
    "one",
    "listener",
    "one",
    "two",
    "one",
    "away",
    "one",
    "noise",
    "one",
    "overlap",
    "one",
    "two",
    "one",
]
KINDS += ["off", *["one"] * 6]
LEFT, RIGHT, WHOLE = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0)
LONG_SECONDS = 63.0
LEVEL = 0.3  # of speech and music: about -22 LUFS, as films are mixed
AWAY = (1.1, 1.7)  # seconds of a clip in which something else is shown


@dataclass
class Film:
    """What was put together so far.

    Attributes:
        pictures: makers of the pictures of each shot.
        cuts: numbers of the first frames of all shots but the first.
        speech: pieces of sound with the sample where each begins.
        cues: rows of the truth.
        length: frames.
    """

    pictures: list[Callable[[], Iterator[np.ndarray]]] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    speech: list[tuple[int, np.ndarray]] = field(default_factory=list)
    cues: list[dict[str, Any]] = field(default_factory=list)
    length: int = 0

    def shot(self, count: int, pictures: Callable[[], Iterator[np.ndarray]]) -> None:
        if self.length:
            self.cuts.append(self.length)
        self.pictures.append(pictures)
        self.length += count

    def say(self, kind: str, talk: Talk, at: int, box: Sequence[float] | None, generator: np.random.Generator) -> None:
        """A talk's sound and its cue from a frame on; subtitles lead and lag a little."""
        start, end = talk.words[0][1] + at / FRAME_RATE, talk.words[-1][2] + at / FRAME_RATE
        lead, lag = generator.uniform(0.0, 0.2), generator.uniform(0.0, 0.2)
        words = [[word, round(a + at / FRAME_RATE, 3), round(b + at / FRAME_RATE, 3)] for word, a, b in talk.words]
        self.speech.append((at * SAMPLES, talk.sound))
        row = {"kind": kind, "speaker": talk.speaker, "text": talk.text, "words": words, "box": box}
        row |= {"clip": talk.clip and str(talk.clip.resolve()), "first": at}
        times = {"start": round(max(0, start - lead) * 1000) * 1000, "end": round((end + lag) * 1000) * 1000}
        self.cues.append(row | times)


def compose(cast: GridCast | DrawnCast, num_cues: int, gap: float, seed: int = 0) -> Film:
    """The film's shots one after another, with something without a face between them."""
    film, generator = Film(), np.random.default_rng(seed)
    turn, kinds = 0, iter(KINDS)
    while len(film.cues) < num_cues:
        kind = next(kinds)
        speaker, other = (cast.speakers[(turn + step) % len(cast.speakers)] for step in (0, 1))
        _SCENES[kind](film, cast.talk(speaker, turn), cast.talk(other, turn), generator, cast)
        turn += 1
        _between(film, max(3, round(gap * FRAME_RATE * generator.uniform(0.5, 1.5))), turn)
    return film


def _between(film: Film, count: int, seed: int) -> None:
    film.shot(count, (lambda: black(count)) if seed % 5 == 0 else (lambda: landscape(count, seed)))


def _one(film: Film, talk: Talk, other: Talk, generator: np.random.Generator, cast: Any) -> None:
    film.say("one", talk, film.length, WHOLE, generator)
    film.shot(talk.count, lambda: iter(talk.read()))


def _two(film: Film, talk: Talk, other: Talk, generator: np.random.Generator, cast: Any) -> None:
    """The other one listens; every second time the other's mouth moves too, to words that are not heard."""
    moves = sum(cue["kind"] == "two" for cue in film.cues) % 2 == 1
    left, count = bool(generator.integers(2)), min(talk.count, other.count)

    def pictures() -> Iterator[np.ndarray]:
        pair = talk.read()[:count], (other.read() if moves else other.still())[:count]
        return side_by_side(*(pair if left else pair[::-1]))

    film.say("two", talk, film.length, LEFT if left else RIGHT, generator)
    film.cues[-1]["other_moves"] = moves
    film.shot(count, pictures)


def _off(film: Film, talk: Talk, other: Talk, generator: np.random.Generator, cast: Any) -> None:
    seed = film.length
    film.say("off", talk, film.length, None, generator)
    film.shot(talk.count, lambda: landscape(talk.count, seed + 1000))


def _listener(film: Film, talk: Talk, other: Talk, generator: np.random.Generator, cast: Any) -> None:
    """Nobody speaks who is seen: a face that listens."""
    film.say("listener", talk, film.length, None, generator)
    film.shot(other.count, lambda: iter(other.still()))


def _away(film: Film, talk: Talk, other: Talk, generator: np.random.Generator, cast: Any) -> None:
    """In the middle of a line something else is shown."""
    first, stop = (round(one * FRAME_RATE) for one in AWAY)
    seed = film.length
    film.say("away", talk, film.length, WHOLE, generator)
    film.shot(first, lambda: iter(talk.read()[:first]))
    film.shot(stop - first, lambda: landscape(stop - first, seed + 2000))
    film.shot(talk.count - stop, lambda: iter(talk.read()[stop:]))


def _overlap(film: Film, talk: Talk, other: Talk, generator: np.random.Generator, cast: Any) -> None:
    """Two speak into each other, both seen."""
    late = FRAME_RATE

    def pictures() -> Iterator[np.ndarray]:
        left = np.concatenate([talk.read(), talk.still()[:late]])
        right = np.concatenate([other.still()[:late], other.read()])
        count = min(len(left), len(right))
        return side_by_side(left[:count], right[:count])

    film.say("overlap", talk, film.length, LEFT, generator)
    film.say("overlap", other, film.length + late, RIGHT, generator)
    film.shot(min(talk.count, other.count) + late, pictures)


def _long(film: Film, talk: Talk, other: Talk, generator: np.random.Generator, cast: Any) -> None:
    talks: list[Talk] = []
    while sum(one.count for one in talks) < LONG_SECONDS * FRAME_RATE:
        talks.append(cast.talk(talk.speaker, len(talks)))
    whole = drawn_talk(talk.speaker, talks)
    film.say("long", whole, film.length, WHOLE, generator)
    film.shot(whole.count, lambda: iter(whole.read()))


def _noise(film: Film, talk: Talk, other: Talk, generator: np.random.Generator, cast: Any) -> None:
    start, count = film.length, 2 * FRAME_RATE
    film.speech.append(((start + 10) * SAMPLES, bang(SOUND_RATE, start)))
    times = {"start": (start + 10) * 40_000, "end": (start + 35) * 40_000}
    film.cues.append({"kind": "noise", "speaker": None, "text": "[door slams]", "words": [], "box": None} | times)
    film.shot(count, lambda: landscape(count, start + 3000))


_SCENES = {
    "one": _one,
    "two": _two,
    "off": _off,
    "listener": _listener,
    "away": _away,
    "overlap": _overlap,
    "long": _long,
    "noise": _noise,
}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder")
    parser.add_argument("--data", type=Path, help="folder of GRID's clips, with metadata.jsonl")
    parser.add_argument("--num-cues", type=int, default=60, help="at least so many (default: 60)")
    parser.add_argument(
        "--gap", type=float, default=7.3, help="mean seconds between them (default: 7.3, 12 minutes in all)"
    )
    parser.add_argument("--scale", type=float, default=2.0, help="of 360 x 288 pixels (default: 2)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--other-make", action="store_true", help="the second file too")
    options = parser.parse_args(argv)
    if not 1 <= options.num_cues <= 60:
        parser.error("--num-cues must lie between 1 and 60.")
    options.output.mkdir(parents=True, exist_ok=True)
    cast = DrawnCast() if options.data is None else GridCast(options.data)
    film = compose(cast, options.num_cues, options.gap, options.seed)
    samples = film.length * SAMPLES
    speech, bed = np.zeros(samples, np.float32), music(samples, options.seed)
    for start, sound in film.speech:
        end = min(samples, start + len(sound))
        speech[start:end] += sound[: end - start]
    speech, bed = np.float32(LEVEL) * speech, np.float32(LEVEL) * bed
    write_film(options.output / "film.mkv", _pictures(film), speech, bed, options.scale)
    rate = None
    if options.other_make:
        spoken = [cue for cue in film.cues if cue["words"]]
        rate = write_other_make(options.output / "other.mp4", _pictures(film), speech, bed, options.scale, spoken)
    _write_texts(options.output, film, cast, options.scale, rate)
    print(f"{options.output}: {film.length / FRAME_RATE:.1f} s, {len(film.cues)} cues, {len(film.cuts)} cuts")


def _pictures(film: Film) -> Iterator[np.ndarray]:
    return chain.from_iterable(make() for make in film.pictures)


def _write_texts(folder: Path, film: Film, cast: GridCast | DrawnCast, scale: float, rate: Any) -> None:
    film.cues.sort(key=lambda cue: cue["start"])
    blocks = ["WEBVTT\n"]
    for cue in film.cues:
        head = f"<v {cue['speaker']}>" if cue["speaker"] else ""
        blocks.append(f"{clock(cue['start'])} --> {clock(cue['end'])}\n{head}{cue['text']}\n")
    (folder / "film.vtt").write_text("\n".join(blocks), encoding="utf-8")
    speakers = sorted({cue["speaker"] for cue in film.cues if cue["speaker"]})
    (folder / "voices").mkdir(exist_ok=True)
    for name in speakers:
        write_wav(folder / "voices" / f"{name}.wav", cast.voice(name), SOUND_RATE, overwrite=True)
    tables = [f'[{name}]\nreference = "voices/{name}.wav"\nconsent = "a made film"\n' for name in speakers]
    (folder / "voices.toml").write_text("\n".join(tables), encoding="utf-8")
    size = [even(WIDTH * scale), even(HEIGHT * scale)]
    truth = {
        "size": size,
        "frames": film.length,
        "cuts": film.cuts,
        "cues": film.cues,
        "other_rate": rate and str(rate),
    }
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


def clock(microseconds: int) -> str:
    """As cue sheets write it."""
    milliseconds = microseconds // 1000
    return f"{milliseconds // 3600000:02}:{milliseconds // 60000 % 60:02}:{milliseconds // 1000 % 60:02}.{milliseconds % 1000:03}"


if __name__ == "__main__":
    main()
