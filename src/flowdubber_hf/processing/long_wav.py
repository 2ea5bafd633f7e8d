"""Wav files of any length and number of channels, in 32-bit floats, written and read by the piece: RF64 where 4 GB do not hold them.

Floats, because what is summed must stay exact and nothing may clip before the last step. Silence is left out as a hole where the
disk knows them, so that a voice that speaks a tenth of the time takes a tenth of the room.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import struct
from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np

from .outputs import new_file


RATE = 48000
BLOCK = 10 * RATE  # samples that are held at a time
MAX_CHANNELS = 64
_WIDTH = 4  # bytes of a sample
_LARGEST = 2**32 - 1  # of what a RIFF file tells its size with
_FLOAT = 3  # WAVE_FORMAT_IEEE_FLOAT
_EXTENSIBLE = 0xFFFE
_SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")  # of the GUID that begins with the format
# Places of channels in the order of their bits in a wav file's mask.
_PLACES = (
    *(["FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR"]),
    *(["TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR"]),
)


def channel_names(layout: str) -> tuple[str, ...]:
    """Names of the channels of one of FFmpeg's layouts, in order.

    Raises:
        ValueError: there is no such layout.
    """
    try:
        return tuple(channel.name for channel in av.AudioLayout(layout).channels)
    except ValueError as error:
        raise ValueError(
            f"there is no layout {layout!r}; give mono, stereo, 5.1 or another one of FFmpeg's."
        ) from error


def write_long_wav(
    path: str | Path,
    blocks: Iterable[np.ndarray],
    samples: int,
    layout: str = "mono",
    overwrite: bool = False,
    comment: str | None = None,
) -> Path:
    """Writes sound at 48 kHz in 32-bit floats, all or nothing.

    Args:
        path: ends in .wav.
        blocks: `(channels, n)` float32 pieces.
        samples: of all pieces together.
        layout: FFmpeg's name of the channels.
        overwrite (`bool`, defaults to `False`): replace a file that exists.
        comment (*optional*): goes into the file's metadata (`ICMT`).

    Raises:
        ValueError: pieces of another number of channels or samples, or as `write_wav`.
    """
    path = Path(path)
    channels = len(channel_names(layout))
    with new_file(path, (".wav",), overwrite) as temporary, temporary.open("r+b") as file:
        file.write(_header(samples, layout, comment))
        place = 0
        for block in blocks:
            if block.ndim != 2 or block.shape[0] != channels:
                raise ValueError(f"sound laid out as {layout} has {channels} channels, got the shape {block.shape}.")
            place += block.shape[1]
            if block.any():
                file.write(np.ascontiguousarray(block.T, dtype="<f4").tobytes())
            else:
                file.seek(block.size * _WIDTH, 1)
        if place != samples:
            raise ValueError(f"{path}: the sound has {place} samples in place of {samples}.")
        file.truncate(file.tell())
    return path


def _header(samples: int, layout: str, comment: str | None) -> bytes:
    """All that stands before the samples."""
    names = channel_names(layout)
    size = samples * len(names) * _WIDTH
    frame = len(names) * _WIDTH
    plain = struct.pack("<HIIHH", len(names), RATE, RATE * frame, frame, 8 * _WIDTH)
    if len(names) <= 2:
        kind = struct.pack("<H", _FLOAT) + plain + struct.pack("<H", 0)
    else:
        mask = sum(1 << _PLACES.index(name) for name in names if name in _PLACES)
        more = struct.pack("<HI", 8 * _WIDTH, mask) + struct.pack("<H", _FLOAT) + _SUBFORMAT
        kind = struct.pack("<H", _EXTENSIBLE) + plain + struct.pack("<H", len(more)) + more
    chunks = _chunk(b"fmt ", kind) + _chunk(b"fact", struct.pack("<I", min(samples, _LARGEST)))
    if comment is not None:
        chunks += _chunk(b"LIST", b"INFO" + _chunk(b"ICMT", comment.encode() + b"\0"))
    whole = 4 + len(chunks) + 8 + size
    if whole <= _LARGEST:
        return b"RIFF" + struct.pack("<I", whole) + b"WAVE" + chunks + b"data" + struct.pack("<I", size)
    whole += 8 + 28
    sizes = _chunk(b"ds64", struct.pack("<QQQI", whole, size, samples, 0))
    unknown = struct.pack("<I", _LARGEST)
    return b"RF64" + unknown + b"WAVE" + sizes + chunks + b"data" + unknown


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


class LongWav:
    """A file of [`write_long_wav`], read by the piece.

    Attributes:
        channels: how many.
        samples: of each.

    Raises:
        ValueError: it cannot be read, is of another kind, or shorter than it says.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        try:
            with self.path.open("rb") as file:
                self.channels, self._start, size = _read_header(file.read(2**16))
            found = self.path.stat()
        except OSError as error:
            raise ValueError(f"{path} cannot be read ({error.strerror or error}).") from error
        except (struct.error, KeyError) as error:
            raise ValueError(
                f"{path} is no wav file of 32-bit floats at 48 kHz; remove it and make it anew."
            ) from error
        self._identity = f"{self.path.absolute()} {found.st_size} {found.st_mtime_ns}"
        if found.st_size - self._start < size:
            raise ValueError(f"{path} is shorter than it says; remove it and make it anew.")
        self.samples = size // (self.channels * _WIDTH)

    def key(self, start: int, stop: int) -> str:
        """Text that tells this file from others and from itself at another time."""
        return self._identity

    def read(self, start: int, stop: int) -> np.ndarray:
        """`(channels, stop - start)` float32; what lies outside of the file is silence."""
        first, last = max(0, start), max(0, start, min(stop, self.samples))
        with self.path.open("rb") as file:
            file.seek(self._start + first * self.channels * _WIDTH)
            data = np.fromfile(file, "<f4", (last - first) * self.channels).reshape(-1, self.channels).T
        if (first, last) == (start, stop):
            return data
        sound = np.zeros((self.channels, stop - start), np.float32)
        sound[:, first - start : last - start] = data
        return sound


def _read_header(data: bytes) -> tuple[int, int, int]:
    """Channels, place of the first sample, bytes of samples; raises `KeyError` or `struct.error` for other files."""
    if data[:4] not in (b"RIFF", b"RF64") or data[8:12] != b"WAVE":
        raise KeyError("RIFF")
    chunks: dict[bytes, bytes] = {}
    place = 12
    while place + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        if name == b"data":
            if size == _LARGEST:
                (size,) = struct.unpack_from("<Q", chunks[b"ds64"], 8)
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunks[b"fmt "])
            if kind == _EXTENSIBLE:
                (kind,) = struct.unpack_from("<H", chunks[b"fmt "], 24)
            if (kind, rate, bits) != (_FLOAT, RATE, 8 * _WIDTH) or not 1 <= channels <= MAX_CHANNELS:
                raise KeyError("fmt ")
            return channels, place + 8, size
        chunks[name] = data[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
    raise KeyError("data")
