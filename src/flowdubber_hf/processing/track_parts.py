"""A sound track encoded in parts of ten seconds, each by an encoder of its own: two at once, and those that did not change not again.

AAC cuts sound into overlapping windows, so that a packet depends on its neighbours. Each encoder therefore begins half a second before its
part and throws away what it made of it: by then it cuts the sound as the one before it does, and nothing is heard where they meet.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from ..work.files import replace_file
from .encoding import SOUND_RATE, SoundTrack, TrackParts, sound_encoder


#: Codecs whose packets can be encoded in parts.
PARTED = ("aac",)
_PACKET = 1024  # samples
_PART = 470  # packets
_BEFORE, _BEHIND = 24, 3  # packets that are encoded too, and thrown away
_AT_ONCE = 2
_VERSION = 1  # of all this; another one makes other bytes
_SUFFIX = ".packets"


def encode_parts(track: SoundTrack, stream: av.AudioStream) -> Iterator[av.Packet]:
    """Packets of a track that has `parts`, in order, the first sample at time 0; what was encoded before is read.

    Raises:
        ValueError: the folder of the parts cannot be written.
    """
    store = _Store(track, track.parts)
    count = -(-track.samples // _PACKET) + 1  # the first one is half silence
    number = 0
    for packets in _in_order(store, range(0, count, _PART), count):
        for content in packets:
            packet = av.Packet(content)
            packet.pts = packet.dts = _PACKET * (number - 1)
            packet.duration = min(_PACKET, track.samples - packet.pts)
            packet.time_base, packet.is_keyframe, packet.stream = Fraction(1, SOUND_RATE), True, stream
            number += 1
            yield packet
    store.forget_others()


def _in_order(store: "_Store", starts: range, count: int) -> Iterator[list[bytes]]:
    """Packets of each part; sound is read here, since its readers hold what comes next, while others encode what was read."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting: deque[Future[list[bytes]]] = deque()
        for first in starts:
            waiting.append(store.begin(first, min(first + _PART, count), pool))
            if len(waiting) > _AT_ONCE:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class _Store:
    """Encoded parts in a folder, a file each, by all that they depend on."""

    def __init__(self, track: SoundTrack, parts: TrackParts):
        self._track, self._parts, self._used = track, parts, set()

    def begin(self, first: int, stop: int, pool: ThreadPoolExecutor) -> "Future[list[bytes]]":
        """Packets `first` to `stop`, encoded in the pool where they are not there."""
        begin = max(0, first - _BEFORE) * _PACKET
        end = min(self._track.samples, (stop + _BEHIND) * _PACKET)
        file = self._file(first, stop, begin, end)
        known = _stored(file, stop - first)
        if known is not None:
            done: Future[list[bytes]] = Future()
            done.set_result(known)
            return done
        return pool.submit(self._made, self._parts.read(begin, end), begin, first, stop, file)

    def _file(self, first: int, stop: int, begin: int, end: int) -> Path:
        track = self._track
        about = (
            f"{_VERSION} {av.__version__} {track.codec} {track.layout} {track.quick} {track.samples} {first} {stop}"
        )
        name = hashlib.sha256(f"{about} {self._parts.key(begin, end)}".encode()).hexdigest()[:32]
        self._used.add(f"{name}{_SUFFIX}")
        return self._parts.folder / f"{name}{_SUFFIX}"

    def _made(self, sound: np.ndarray, begin: int, first: int, stop: int, file: Path) -> list[bytes]:
        packets = _encoded(self._track, sound, begin, first, stop)
        sizes = np.array([len(packets), *map(len, packets)], "<u4")
        self._parts.folder.mkdir(parents=True, exist_ok=True)
        replace_file(file, sizes.tobytes() + b"".join(packets))
        return packets

    def forget_others(self) -> None:
        for file in self._parts.folder.glob(f"*{_SUFFIX}"):
            if file.name not in self._used:
                file.unlink(missing_ok=True)


def _stored(file: Path, count: int) -> list[bytes] | None:
    """Packets that were kept; `None` where there are none, or the file is damaged."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    head = 4 * (count + 1)
    if len(content) < head:
        return None
    told, *sizes = np.frombuffer(content[:head], "<u4").tolist()
    if told != count or sum(sizes) != len(content) - head:
        return None
    ends = np.cumsum(sizes) + head
    return [content[end - size : end] for size, end in zip(sizes, ends.tolist(), strict=True)]


def _encoded(track: SoundTrack, sound: np.ndarray, begin: int, first: int, stop: int) -> list[bytes]:
    """Packets `first` to `stop` of sound that begins at the sample `begin`."""
    encoder = sound_encoder(track.codec, track.layout, track.quick)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound, np.float32), "fltp", encoder.layout.name)
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, begin, Fraction(1, SOUND_RATE)
    made = {packet.pts // _PACKET + 1: bytes(packet) for part in (frame, None) for packet in encoder.encode(part)}
    return [made[number] for number in range(first, stop)]
