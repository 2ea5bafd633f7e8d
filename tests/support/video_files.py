"""Real little video files for the tests."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np

from flowdubber_hf.demo import demo_frames


def noise_frames(count: int, height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """`(count, height, width, 3)` uint8: slow noise, so that packets differ and nothing looks like a face."""
    generator = np.random.default_rng(seed)
    base = generator.integers(0, 255, (1, height // 8 + 1, width // 8 + 1, 3)).repeat(8, axis=1).repeat(8, axis=2)
    frames = base[:, :height, :width] + np.arange(count)[:, None, None, None] * 3
    return (frames % 255).astype(np.uint8)


def numbered_frames(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Flat grey frames whose brightness tells their number: 40 + 6 * number."""
    return np.broadcast_to(
        (40 + 6 * np.arange(count)).astype(np.uint8)[:, None, None, None], (count, height, width, 3)
    )


@lru_cache(maxsize=1)
def head_frames() -> np.ndarray:
    """The demo's head, drawn once for all tests: `(75, 288, 360, 3)`."""
    return demo_frames()


def write_clip(
    path: Path,
    frames: np.ndarray,
    rate: int | Fraction = 25,
    pts: Iterable[int] | None = None,
    sound: np.ndarray | None = None,
    rotation: int = 0,
    pixel_format: str = "yuv420p",
    codec: str = "libx264",
    container_options: dict[str, str] | None = None,
    gop: int | None = None,
    start: int = 0,
) -> Path:
    """Writes `(F, H, W, 3)` uint8 RGB.

    Args:
        pts: times of the frames in thousandths of a second, for a variable rate.
        sound: `(samples,)` at 16 kHz, written as AAC.
        rotation: degrees counter-clockwise in the display matrix.
        gop: every so many frames one that builds on no other; the encoder's choice where it is left out.
        start: number of the first frame, for clips that go on where another ends.
    """
    with av.open(str(path), "w", options=container_options or {}) as container:
        # These settings give the same bytes every time (x264's tree rate control does not).
        options = {"x264-params": "threads=1:mbtree=0"} if codec == "libx264" else {}
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], pixel_format
        if gop is not None:
            stream.codec_context.gop_size = gop
        if rotation:
            stream.set_display_rotation(rotation)
        if pts is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        audio = None
        if sound is not None:
            audio = container.add_stream("aac", rate=16000, layout="mono")
        times = list(pts) if pts is not None else range(start, start + len(frames))
        for picture, time in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            frame.pts = time
            frame.time_base = Fraction(1, 1000) if pts is not None else 1 / Fraction(rate)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
        if audio is not None:
            for start in range(0, len(sound), 1024):
                part = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(sound[None, start : start + 1024]), "fltp", "mono"
                )
                part.sample_rate, part.pts, part.time_base = 16000, start, Fraction(1, 16000)
                for packet in audio.encode(part):
                    container.mux(packet)
            for packet in audio.encode(None):
                container.mux(packet)
    return path


def write_sound(path: Path, seconds: float = 1.0) -> Path:
    """A file with sound and no video."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        for start in range(0, int(seconds * 16000), 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def video_packets(path: Path) -> list[bytes]:
    """Bytes of the video packets in the order of the file."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]
