"""What the test film is made of: people who talk, landscapes, noises, music; and the files that it is written to."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path

import av
import cv2
import numpy as np

from flowdubber_hf.demo import demo_reference, demo_speech, demo_timeline, talking_head_frames
from flowdubber_hf.processing.encoding import sound_beside
from flowdubber_hf.processing.frames import fit_picture, iter_grid, probe_video
from flowdubber_hf.processing.media import create_media


SOUND_RATE, FRAME_RATE = 48000, 25
_ENCODING = {"preset": "superfast", "crf": "20", "g": "100"}
SAMPLES = SOUND_RATE // FRAME_RATE
WIDTH, HEIGHT = 360, 288  # of GRID's clips and of the drawn head
_DRAWN = (("anna", 1.6, 1.12), ("ben", 1.0, 1.0), ("carl", 0.8, 0.92), ("dora", 1.9, 1.18))  # pitch, tract
_MOUTH_OF = {
    "v": "UW1",
    "w": "AW1",
    "m": "B",
    "b": "B",
    "p": "P",
    "f": "F",
    "s": "S",
    "o": "UW1",
    "a": "AE1",
    "e": "EH1",
    "i": "EY1",
}


@dataclass(frozen=True)
class Talk:
    """A clip of somebody who says something.

    Attributes:
        speaker: name.
        text: that is said.
        count: of pictures, 25 a second.
        read: gives them, `(count, 288, 360, 3)` uint8; a film of them does not fit into the memory.
        sound: `(1920 count,)` float32 at 48 kHz.
        words: word, start and end in seconds.
        clip: file of which it is all; `None` for what is drawn.
    """

    speaker: str
    text: str
    count: int
    read: Callable[[], np.ndarray]
    sound: np.ndarray
    words: tuple[tuple[str, float, float], ...]
    clip: Path | None = None

    def still(self) -> np.ndarray:
        """As many pictures with the mouth at rest: what comes before the first word, forth and back."""
        count = max(2, int(self.words[0][1] * FRAME_RATE) - 3)
        turn = np.concatenate([np.arange(count), np.arange(count - 2, 0, -1)])
        return self.read()[np.resize(turn, self.count)]


class GridCast:
    """People of GRID's clips that no model has seen: `dev` and `zero_shot`."""

    def __init__(self, folder: Path):
        rows = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
        self._folder = folder
        self._rows = {}
        for row in rows:
            if row["split"] in ("dev", "zero_shot") and row.get("words"):
                self._rows.setdefault(row["speaker"], []).append(row)
        self.speakers = sorted(self._rows, key=lambda name: (-len(self._rows[name]), name))

    def talk(self, speaker: str, number: int) -> Talk:
        rows = self._rows[speaker]
        row = rows[number % len(rows)]
        file = self._folder / row["file_name"]
        count = probe_video(file).num_frames
        sound = sound_beside(file, 0.0, count / FRAME_RATE)
        words = tuple(map(tuple, row["words"]))
        return Talk(speaker, row["text"].capitalize() + ".", count, partial(_grid_frames, file), sound, words, file)

    def voice(self, speaker: str) -> np.ndarray:
        return self.talk(speaker, -1).sound


def _grid_frames(file: Path) -> np.ndarray:
    return np.stack([fit_picture(frame, HEIGHT, WIDTH) for frame in iter_grid(file, "rgb24")])


class DrawnCast:
    """The drawn head in four colours and voices, that always says the same."""

    speakers = tuple(name for name, _, _ in _DRAWN)

    def talk(self, speaker: str, number: int) -> Talk:
        _, pitch, tract = next(row for row in _DRAWN if row[0] == speaker)
        timeline = demo_timeline()
        place = self.speakers.index(speaker)
        words: dict[str, list[float]] = {}
        for part in timeline:
            if part["word"]:
                words.setdefault(part["word"], []).extend((part["start"], part["end"]))
        spoken = tuple((word, min(times), max(times)) for word, times in words.items())
        text = " ".join(word for word, _, _ in spoken).capitalize() + "."
        sound = _up(_drawn_speech(pitch, tract))
        return Talk(speaker, text, len(sound) // SAMPLES, partial(_drawn_frames, place), sound, spoken)

    def voice(self, speaker: str) -> np.ndarray:
        _, pitch, tract = next(row for row in _DRAWN if row[0] == speaker)
        return _up(demo_reference(pitch, tract))


@lru_cache(maxsize=4)
def _drawn_speech(pitch: float, tract: float) -> np.ndarray:
    return demo_speech(pitch, tract)


@lru_cache(maxsize=4)
def _drawn_frames(place: int) -> np.ndarray:
    frames = talking_head_frames(demo_timeline())
    return np.ascontiguousarray(np.roll(frames[:, :, ::-1] if place % 2 else frames, place, axis=3))


def _up(sound: np.ndarray) -> np.ndarray:
    """16 kHz to 48 kHz."""
    places = np.arange(len(sound) * 3) / 3
    return np.interp(places, np.arange(len(sound)), sound).astype(np.float32)


def drawn_talk(speaker: str, talks: Sequence[Talk]) -> Talk:
    """One drawn head that says what several clips do, one after another, in their sound: long, and without a cut."""
    words, timeline, at, clock = [], [], 0.0, 0.0
    for talk in talks:
        for word, start, end in talk.words:
            start, end = round(start + at, 3), round(end + at, 3)
            if start > clock:
                timeline.append({"phoneme": "sil", "word": None, "start": clock, "end": start})
            start, sounds = max(start, clock), [_MOUTH_OF.get(letter, "T") for letter in word]
            edges = [round(start + (end - start) * place / len(sounds), 3) for place in range(len(sounds) + 1)]
            timeline += [
                {"phoneme": sound, "word": word, "start": a, "end": b}
                for sound, a, b in zip(sounds, edges, edges[1:], strict=False)
            ]
            clock = edges[-1]
            words.append((word, start, end))
        at += talk.count / FRAME_RATE
    timeline.append({"phoneme": "sil", "word": None, "start": clock, "end": at})
    text = " ".join(talk.text for talk in talks)
    sound = np.concatenate([talk.sound for talk in talks])
    return Talk(speaker, text, round(at * FRAME_RATE), partial(talking_head_frames, timeline), sound, tuple(words))


def landscape(count: int, seed: int) -> Iterator[np.ndarray]:
    """`(288, 360, 3)` pictures of hills that pass slowly; nothing in them looks like a face."""
    generator = np.random.default_rng(seed)
    sky, ground = generator.integers(60, 230, 3), generator.integers(20, 150, 3)
    phase, height = generator.uniform(0, 6, 3), generator.uniform(100, 190)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    for number in range(count):
        hills = height + sum(24 / (k + 1) * np.sin((columns + number) / (50 / (k + 1)) + phase[k]) for k in range(3))
        below = rows > hills
        shade = (rows / HEIGHT)[..., None]
        picture = np.where(below[..., None], ground * (1.2 - shade), sky * (0.6 + 0.4 * shade))
        picture = picture + generator.normal(0, 2, (HEIGHT, WIDTH, 1))
        yield np.clip(picture, 0, 255).astype(np.uint8)


def black(count: int) -> Iterator[np.ndarray]:
    for _ in range(count):
        yield np.zeros((HEIGHT, WIDTH, 3), np.uint8)


def side_by_side(left: np.ndarray, right: np.ndarray) -> Iterator[np.ndarray]:
    """Two people in one picture: the middle half of each."""
    edge = WIDTH // 4
    for one, other in zip(left, right, strict=True):
        yield np.concatenate([one[:, edge : edge + WIDTH // 2], other[:, edge : edge + WIDTH // 2]], axis=1)


def music(count: int, seed: int = 0) -> np.ndarray:
    """`(count,)` samples of soft chords, four seconds each."""
    generator = np.random.default_rng(seed)
    times = np.arange(4 * SOUND_RATE) / SOUND_RATE
    envelope = np.minimum(1, np.minimum(times, 4 - times) * 4)
    parts = []
    for _ in range(-(-count // len(times))):
        root = 110 * 2 ** (generator.integers(0, 12) / 12)
        parts.append(envelope * sum(np.sin(2 * np.pi * root * ratio * times) for ratio in (1, 1.5, 2, 2.5)))
    return (0.008 * np.concatenate(parts)[:count]).astype(np.float32)


def bang(count: int, seed: int) -> np.ndarray:
    """`(count,)` samples of a noise that dies away."""
    generator = np.random.default_rng(seed)
    return (0.3 * generator.normal(size=count) * np.exp(-np.arange(count) / (0.15 * SOUND_RATE))).astype(np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# Files


class _Track:
    """A track of sound that is written beside the pictures, as far as they are.

    Args:
        channels: `(channels, samples)` float32.
    """

    def __init__(
        self, target: av.container.OutputContainer, codec: str, layout: str, language: str, channels: np.ndarray
    ):
        self._target, self._channels, self._done = target, channels, 0
        self._stream = target.add_stream(codec, rate=SOUND_RATE, layout=layout)
        self._stream.metadata["language"] = language
        self._integer = codec == "flac"

    def until(self, sample: int) -> None:
        """Writes what sounds before a sample."""
        while self._done < min(sample, self._channels.shape[1]):
            part = np.ascontiguousarray(self._channels[:, self._done : self._done + 4096])
            if self._integer:
                part = np.round(np.clip(part, -1, 1) * 32767).astype(np.int16).T.reshape(1, -1)
            layout = self._stream.codec_context.layout.name
            frame = av.AudioFrame.from_ndarray(part, "s16" if self._integer else "fltp", layout)
            frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, self._done, Fraction(1, SOUND_RATE)
            self._write(frame)
            self._done += 4096

    def finish(self) -> None:
        self.until(self._channels.shape[1])
        self._write(None)

    def _write(self, frame: av.AudioFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self._target.mux(packet)


def _write_pictures(
    target: av.container.OutputContainer,
    video: av.VideoStream,
    pictures: Iterable[np.ndarray],
    tracks: Sequence[_Track],
) -> None:
    for number, picture in enumerate(pictures, 1):
        picture = np.ascontiguousarray(
            cv2.resize(picture, (video.width, video.height), interpolation=cv2.INTER_LINEAR)
        )
        for packet in video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")):
            target.mux(packet)
        for track in tracks:
            track.until(int(number / video.average_rate * SOUND_RATE))
    for packet in video.encode(None):
        target.mux(packet)
    for track in tracks:
        track.finish()


def write_film(path: Path, pictures: Iterable[np.ndarray], speech: np.ndarray, bed: np.ndarray, scale: float) -> None:
    """25 pictures a second as H.264, speech and bed as one stereo track of FLAC, in Matroska."""
    with create_media(path) as target:
        video = target.add_stream("libx264", rate=FRAME_RATE, options=_ENCODING)
        video.width, video.height, video.pix_fmt = even(WIDTH * scale), even(HEIGHT * scale), "yuv420p"
        mix = speech + bed
        _write_pictures(target, video, pictures, [_Track(target, "flac", "stereo", "eng", np.stack([mix, mix]))])


def write_other_make(
    path: Path, pictures: Iterable[np.ndarray], speech: np.ndarray, bed: np.ndarray, scale: float, cues: Sequence[dict]
) -> Fraction:
    """The same film as other people would deliver it: 23.976 pictures a second of a portrait that lies on its side, 5.1 and a stereo
    commentary, subtitles, chapters, as MP4. Returns its rate."""
    rate = Fraction(24000, 1001)
    seconds = len(speech) / SOUND_RATE
    with create_media(path) as target:
        video = target.add_stream("libx264", rate=rate, options=_ENCODING)
        video.width, video.height, video.pix_fmt = even(HEIGHT * scale), even(WIDTH * scale), "yuv420p"
        video.set_display_rotation(90)
        side = 0.7 * bed
        surround = _Track(target, "aac", "5.1", "eng", np.stack([side, side, speech, 0 * bed, side, side]))
        comment = _Track(target, "aac", "stereo", "fra", np.stack([bed, bed]))
        texts = target.add_mux_stream("mov_text")
        texts.time_base = Fraction(1, 1000)
        texts.metadata["language"] = "eng"
        target.set_chapters(
            [
                {"id": number, "start": round(seconds * number * 250), "end": round(seconds * (number + 1) * 250)}
                | {"time_base": Fraction(1, 1000), "metadata": {"title": f"Part {number + 1}"}}
                for number in range(4)
            ]
        )
        lying = (np.rot90(picture, -1) for picture in at_rate(pictures, rate))
        _write_pictures(target, video, lying, [surround, comment])
        for cue in cues:
            data = cue["text"].encode()
            packet = av.Packet(len(data).to_bytes(2, "big") + data)
            packet.stream, packet.time_base = texts, Fraction(1, 1000)
            packet.pts = packet.dts = cue["start"] // 1000
            packet.duration = (cue["end"] - cue["start"]) // 1000
            target.mux(packet)
    return rate


def even(length: float) -> int:
    """The even number of pixels nearest to a length."""
    return round(length / 2) * 2


def at_rate(pictures: Iterable[np.ndarray], rate: Fraction) -> Iterator[np.ndarray]:
    """Pictures at 25 a second at another rate: at each time the one that is shown then."""
    number = 0
    for place, picture in enumerate(pictures):
        while number / rate < Fraction(place + 1, FRAME_RATE):
            yield picture
            number += 1
