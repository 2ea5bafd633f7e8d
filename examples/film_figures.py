"""What is measured of a dubbed film whose truth is known; see benchmark_film.py."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib
import importlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

from flowdubber_hf.dubbing.takes import best_take
from flowdubber_hf.film.background import FADE, joined
from flowdubber_hf.film.levels import momentary_loudness, programme_loudness
from flowdubber_hf.film.mix import blocks_of
from flowdubber_hf.film.sound import FilmClock, decoded_sound, film_clock, store_sound
from flowdubber_hf.film.streams import track_peak
from flowdubber_hf.metrics import functional
from flowdubber_hf.pipelines.flowdubber import FlowDubberPipeline
from flowdubber_hf.processing.encoding import to_sound_rate
from flowdubber_hf.processing.frames import metadata_rotation
from flowdubber_hf.processing.long_wav import RATE, LongWav
from flowdubber_hf.processing.media import open_media
from flowdubber_hf.processing.sound import SAMPLING_RATE, load_audio
from flowdubber_hf.sampling import DEFAULT_GUIDANCE_SCALE, DEFAULT_STEPS


CUT_TOLERANCE = 0.0401  # seconds: one picture
_SEARCH = RATE // 50  # samples by which a take may be out of its place and is still found
#: Word starts less the truth in seconds, and the times of the film at which those words should begin.
Starts = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Dubbed:
    """A dubbed film and its truth.

    Attributes:
        folder: of the film that `make_test_film.py` wrote.
        output: the dubbed film.
        work: folder of its run, with stems.
        source: name of the film in the folder.
    """

    folder: Path
    output: Path
    work: Path
    source: str = "film.mkv"

    @property
    def film(self) -> Path:
        return self.folder / self.source

    @cached_property
    def truth(self) -> dict[str, Any]:
        return json.loads((self.folder / "truth.json").read_text(encoding="utf-8"))

    @cached_property
    def report(self) -> dict[str, Any]:
        return json.loads((self.work / "report.json").read_text(encoding="utf-8"))

    @cached_property
    def clock(self) -> FilmClock:
        return film_clock(self.film)

    @cached_property
    def rows(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """What was made of each cue that has a take, beside its truth."""
        truth = {(cue["start"], cue["text"]): cue for cue in self.truth["cues"]}
        found = [(cue, truth[cue["start"], cue["text"]]) for cue in self.report["cues"] if cue["take"]]
        return [(cue | {"window": window_of(cue)}, known) for cue, known in found]


def window_of(cue: dict[str, Any]) -> list[int]:
    """Microseconds from the beginning of a cue's first part to the end of its last."""
    parts = cue.get("parts") or [cue]
    return [parts[0]["window"][0], parts[-1]["window"][1]]


# ---------------------------------------------------------------------------------------------------------------------
# The plan


def cuts_f1(plan: dict[str, Any], truth: dict[str, Any]) -> float:
    """Of the plan's cuts against the true ones, a picture to either side allowed."""
    found = [shot["start"] / 1e6 for shot in plan["shots"][1:]]
    open_, hits = [frame / 25 for frame in truth["cuts"]], 0
    for cut in found:
        near = [one for one in open_ if abs(one - cut) < CUT_TOLERANCE]
        if near:
            open_.remove(min(near, key=lambda one: abs(one - cut)))
            hits += 1
    return 2 * hits / max(1, len(found) + len(truth["cuts"]))


def speakers_right(plan: dict[str, Any], truth: dict[str, Any]) -> list[tuple[str, bool]]:
    """Kind of each cue that is spoken, and whether the plan reads the mouth of who says it, or none where nobody is seen."""
    width = plan["film"]["width"]
    known = {(cue["start"], cue["text"]): cue for cue in truth["cues"]}
    found = []
    for cue in plan["cues"]:
        true = known[cue["start"], cue["text"]]
        if not true["words"]:
            continue
        track = next((part["track"] for part in cue.get("parts") or [cue] if part.get("track")), None)
        if track is None or true["box"] is None:
            found.append((true["kind"], track is None and true["box"] is None))
        else:
            x = plan["tracks"][track.partition("+")[0]]["x"] / width
            found.append((true["kind"], true["box"][0] < x < true["box"][2]))
    return found


# ---------------------------------------------------------------------------------------------------------------------
# Times


def lip_rows(dubbed: Dubbed) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Cues that follow a mouth all the time, one clip each."""
    return [row for row in dubbed.rows if row[1]["clip"] and row[1]["kind"] in ("one", "two", "overlap")]


def word_starts(sound: np.ndarray, text: str, words: Sequence[Sequence[Any]], begin: float) -> Starts | None:
    """Of a sound that begins at a time of the film; `None` where the recogniser does not find the words."""
    try:
        heard = functional.align_words_steadily(sound, text)
        moved = [(word, first + begin, last + begin) for word, first, last in heard]
        return functional.word_start_differences(moved, words), np.array([word[1] for word in words])
    except ValueError:
        return None


def film_starts(dubbed: Dubbed) -> list[Starts | None]:
    """Of the takes of [`lip_rows`], in their places."""
    return [
        word_starts(load_audio(cue["take"]), cue["text"], true["words"], cue["window"][0] / 1e6)
        for cue, true in lip_rows(dubbed)
    ]


def alone_starts(dubbed: Dubbed, pipe: FlowDubberPipeline) -> Iterator[Starts | None]:
    """The clips of [`lip_rows`], each dubbed by itself with the same voice and seed."""
    scale = 1.0 if pipe.semantic_model is None else DEFAULT_GUIDANCE_SCALE
    for cue, true in lip_rows(dubbed):
        voice = load_audio(dubbed.folder / "voices" / f"{true['speaker']}.wav")
        ready = pipe.prepare(cue["text"], true["clip"], pipe.prepare_voice(voice, SAMPLING_RATE))
        made = best_take(pipe, ready, [0], DEFAULT_STEPS, guidance_scale=scale).dub.audios[0]
        yield word_starts(np.asarray(made, np.float32), cue["text"], true["words"], true["first"] / 25)


def both(film: Sequence[Starts | None], alone: Sequence[Starts | None]) -> tuple[Starts, Starts]:
    """All words of the cues whose words were found in both."""
    pairs = [(a, b) for a, b in zip(film, alone, strict=True) if a is not None and b is not None]
    if not pairs:
        raise ValueError("no cue follows a mouth and has words that are found.")
    first, second = (
        tuple(np.concatenate(one) for one in zip(*side, strict=True)) for side in zip(*pairs, strict=True)
    )
    return first, second


def slope(values: np.ndarray, times: np.ndarray) -> tuple[float, float]:
    """Of seconds over seconds, with its standard error, as milliseconds in ten minutes."""
    spread = times - times.mean()
    power = max(1e-9, float((spread**2).sum()))
    value = float((spread * values).sum()) / power
    rest = values - values.mean() - value * spread
    return 6e5 * value, 6e5 * math.sqrt(float((rest**2).sum()) / max(1, len(values) - 2) / power)


def lags(dubbed: Dubbed, track: LongWav) -> np.ndarray:
    """`(cues, 2)`: seconds at which each take should begin, and by how many it is late in the track that is heard."""
    found = []
    for cue, _ in dubbed.rows:
        take = np.diff(to_sound_rate(load_audio(cue["take"]), SAMPLING_RATE), prepend=0.0)
        place = dubbed.clock.sample(cue["window"][0])
        heard = np.diff(track.read(place - _SEARCH, place + len(take) + _SEARCH).mean(0), prepend=0.0)
        size = 1 << (len(heard) + len(take)).bit_length()
        product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(take, size)), size)
        late = int(np.argmax(product[: 2 * _SEARCH + 1])) - _SEARCH
        found.append((place / RATE, late / RATE))
    return np.array(found)


def kept_inside(dubbed: Dubbed) -> list[bool]:
    """Of each cue that nobody says who is seen, whether all its words lie in its window."""
    found = []
    for cue, true in dubbed.rows:
        if true["box"] is None:
            first, last = cue["window"]
            found.append(all(first <= start < end <= last for _, start, end in cue["words"]))
    return found


# ---------------------------------------------------------------------------------------------------------------------
# Sound


def decoded(path: Path) -> Iterator[np.ndarray]:
    """`(channels, n)` float32 of a film's first sound track as it is stored, by nothing but PyAV."""
    with open_media(path) as container:
        stream = container.streams.audio[0]
        to_floats = av.AudioResampler("fltp", stream.layout.name, stream.rate)
        for frame in container.decode(stream):
            frame.pts = None
            yield from (part.to_ndarray() for part in to_floats.resample(frame))
        yield from (part.to_ndarray() for part in to_floats.resample(None))


def samples_of(film: Path) -> int:
    """At 48 kHz, as long as all its pictures at their nominal rate."""
    with open_media(film) as container:
        stream = container.streams.video[0]
        count = sum(bool(packet.size) for packet in container.demux(stream))
        return round(count * RATE / stream.average_rate)


def changed_outside(dubbed: Dubbed) -> int:
    """Samples outside of the windows and their fades in which the background is not the film's own sound, bit for bit."""
    background = LongWav(dubbed.work / "stems" / "background.wav")
    spans = joined([tuple(map(dubbed.clock.sample, cue["window"])) for cue, _ in dubbed.rows], background.samples)
    place, changed = 0, 0
    for block in decoded(dubbed.film):
        stop = min(background.samples, place + block.shape[1])
        other = (background.read(place, stop) != block[:, : stop - place]).any(0)
        for first, last in spans:
            other[max(0, first - FADE - place) : max(0, last + FADE - place)] = False
        changed += int(other.sum())
        place = stop
    rest = background.read(place, background.samples)  # the film's sound may end before its pictures
    return changed + int(rest.any(0).sum())


def loudness(path: Path) -> tuple[float, str]:
    """LUFS of the track that players take and by whose meter: pyloudnorm's if it is installed, else FFmpeg's."""
    try:
        meter = importlib.import_module("pyloudnorm")
    except ImportError:
        return programme_loudness(momentary_loudness(decoded_sound(path, "stereo"), "stereo")), "FFmpeg"
    sound = np.concatenate(list(decoded_sound(path, "stereo")), axis=1).T
    return float(meter.Meter(RATE).integrated_loudness(sound)), "pyloudnorm"


def what_is_kept(dubbed: Dubbed) -> dict[str, bool]:
    """Of the film's own tracks, whether each is in the dubbed one as it was, packet by packet; and how players show it."""
    found = {}
    with open_media(dubbed.film) as film, open_media(dubbed.output) as output:
        for kind, name in (("video", "pictures"), ("audio", "sound"), ("subtitle", "subtitles")):
            written = [_packets(dubbed.output, stream) for stream in output.streams if stream.type == kind]
            for stream in film.streams:
                if stream.type == kind:
                    language, content = _packets(dubbed.film, stream)
                    same = _is_inside if kind == "audio" else list.__eq__
                    is_there = any(language == other and same(copy, content) for other, copy in written)
                    found[" ".join(filter(None, (name, language)))] = is_there
        first, *others = output.streams.audio
        found["dub first and default"] = bool(first.disposition & Disposition.default) and not any(
            other.disposition & Disposition.default for other in others
        )
        found["chapters"] = _chapters(output) == _chapters(film) != []
        turns = {metadata_rotation(next(one.decode(video=0))) for one in (output, film)}
        found["rotation"] = len(turns) == 1 and turns != {0}
    return found


def _packets(path: Path, stream: av.stream.Stream) -> tuple[str | None, list[bytes]]:
    """A track's language, and a hash of each of its packets."""
    with open_media(path) as container:
        packets = container.demux(container.streams[stream.index])
        content = [hashlib.sha256(bytes(packet)).digest() for packet in packets if packet.size]
    return stream.metadata.get("language") if stream.type != "video" else None, content


def _is_inside(copy: Sequence[bytes], content: Sequence[bytes]) -> bool:
    """Whether a copy is the whole; of sound, a packet before the first picture and one behind the last may be left out."""
    starts = [place for place in range(2) if content[place : place + len(copy)] == copy]
    return bool(starts) and len(content) - len(copy) <= 2


def _chapters(container: av.container.InputContainer) -> list[tuple[float, str]]:
    return [
        (round(float(one["start"] * one["time_base"]), 2), one["metadata"]["title"]) for one in container.chapters()
    ]


def measure_sound(dubbed: Dubbed, kept: Path) -> dict[str, Any]:
    """Of the dubbed film; its track is decoded into the file `kept`."""
    kept.unlink(missing_ok=True)
    track = store_sound(dubbed.output, kept, dubbed.clock, "stereo")
    late = lags(dubbed, track)
    leaks = [cue["levels"]["leakage_db"] for cue, _ in dubbed.rows]
    lengths, of_film = (
        {LongWav(file).samples for file in (dubbed.work / "stems").glob("*.wav")},
        samples_of(dubbed.film),
    )
    error = max(abs(length - of_film) for length in lengths)
    heard = [cue["checks"] for cue, _ in dubbed.rows if cue["checks"].get("words_wrong") is not None]
    mix = LongWav(dubbed.work / "stems" / "mix.wav")
    (before, meter), (after, _) = loudness(dubbed.film), loudness(dubbed.output)
    silent = sum(block.shape[1] for block in blocks_of(mix) if not block.any())
    return {
        "lag_samples": round(RATE * float(np.abs(late[:, 1]).max())),
        "lag_slope": slope(late[:, 1], late[:, 0])[0],
        "inside": kept_inside(dubbed),
        "changed_outside": changed_outside(dubbed),
        "leakage": max((leak for leak in leaks if leak is not None), default=None),
        "loudness": [before, after],
        "meter": meter,
        "true_peak": track_peak(dubbed.output),
        "length_error": error,
        "words": sum(one["words"] for one in heard),
        "words_wrong": sum(one["words_wrong"] for one in heard),
        "silent_seconds": silent / RATE,
    }
