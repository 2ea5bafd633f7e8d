"""Loudness by EBU R128, measured by FFmpeg's own meter, and the gains that follow from it.

The meter gives the loudness of the last 400 ms at every tenth of a second. All else is made of these numbers: the programme's loudness by
the two gates of ITU-R BS.1770, and that of a window. They are measured in blocks, each with a second before it for the filters to settle,
so that only blocks that changed are measured again.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np

from ..processing.encoding import to_sound_rate
from ..processing.long_wav import BLOCK, RATE
from ..processing.sound import SAMPLING_RATE, load_audio
from .kept import Kept
from .sound import MICROSECONDS, Sound


EBU_LOUDNESS = -23.0  # LUFS
TICK = RATE // 10  # samples from one measurement to the next
_TICKS = 4  # that a measurement covers
_SETTLE = 10 * TICK
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0
SPEECH_FLOOR = -50.0  # LUFS; what is quieter than this is no speech to follow
LINE_RANGE = 6.0  # decibels that a line may be louder or quieter than the others
LINE_STEP = 3.0  # decibels from a line of a speaker to the next one
MAX_LINE_GAIN = 30.0
LOUDNESS_CHOICES = ("film", "ebu", "none")


# ----------------------------------------------------------------------------------------------------------------------
# Measuring
# ----------------------------------------------------------------------------------------------------------------------


def _metered(blocks: Iterable[np.ndarray], layout: str, peak: bool) -> Iterator[dict[str, str]]:
    """What the meter says every 100 ms of `(channels, n)` float32 pieces at 48 kHz."""
    graph = av.filter.Graph()
    clock = Fraction(1, RATE)
    source = graph.add_abuffer(sample_rate=RATE, format="fltp", layout=layout, time_base=clock)
    meter = graph.add("ebur128", "metadata=1:framelog=quiet" + (":peak=true" if peak else ""))
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    place = 0
    for block in blocks:
        for start in range(0, block.shape[1], RATE):
            piece = np.ascontiguousarray(block[:, start : start + RATE], np.float32)
            frame = av.AudioFrame.from_ndarray(piece, "fltp", layout)
            frame.sample_rate, frame.pts, frame.time_base = RATE, place, clock
            place += piece.shape[1]
            graph.push(frame)
            yield from _pulled(graph)
    graph.push(None)
    yield from _pulled(graph)


def _pulled(graph: av.filter.Graph) -> Iterator[dict[str, str]]:
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        yield dict(frame.metadata)


def _number(text: str | None) -> float:
    """The meter's word for a level; silence is minus infinity."""
    value = float(text) if text is not None else -math.inf
    return value if math.isfinite(value) and value > -120 else -math.inf


def momentary_loudness(blocks: Iterable[np.ndarray], layout: str) -> np.ndarray:
    """`(samples // 4800,)` float64 LUFS of the 400 ms that end there, at every full tenth of a second; `-inf` is silence.

    Args:
        blocks: `(channels, n)` float32 pieces at 48 kHz.
        layout: FFmpeg's name of the channels, which counts the surrounds more and the low-frequency channel not.
    """
    return np.array([_number(found.get("lavfi.r128.M")) for found in _metered(blocks, layout, peak=False)], np.float64)


def true_peak(blocks: Iterable[np.ndarray], layout: str) -> float:
    """The highest peak between and on the samples, dBTP, by the meter's own fourfold oversampling; `-inf` is silence."""
    return _decibels(
        max((float(one.get("lavfi.r128.true_peak", 0)) for one in _metered(blocks, layout, True)), default=0)
    )


def _decibels(peak: float) -> float:
    return 20 * math.log10(peak) if peak > 0 else -math.inf


class BlockLevels:
    """Loudness of a film's sound, block by block, with what was measured before.

    Args:
        path (*optional*): of the file of measurements.
    """

    def __init__(self, path: Path | None = None):
        self._kept = Kept(path)

    def measure(self, sound: Sound, layout: str, peak: bool = False) -> tuple[np.ndarray, float | None]:
        """As [`momentary_loudness`] and [`true_peak`], of a whole film; what is no longer needed is forgotten.

        Args:
            sound: of the film.
            layout: of its channels.
            peak (`bool`, defaults to `False`): measure the true peak, too, which takes twice as long; `None` else, and for silence.
        """
        measured, highest = [], -math.inf
        for start in range(0, sound.samples, BLOCK):
            stop = min(start + BLOCK, sound.samples)
            before = min(start, _SETTLE)
            key = f"{layout} {peak} {start} {stop} {sound.key(start - before, stop)}"
            block = partial(_block_levels, sound, start - before, start, stop, layout, peak)
            levels = self._kept.of(key, (stop - start) // TICK + 1, block)
            measured.append(levels[:-1])
            highest = max(highest, float(levels[-1]))
        self._kept.save()
        return np.concatenate(measured), highest if math.isfinite(highest) else None


def _block_levels(sound: Sound, begin: int, start: int, stop: int, layout: str, peak: bool) -> np.ndarray:
    """Momentary loudness from `start` to `stop`, and behind it the true peak; the meter hears the sound from `begin` on."""
    found = list(_metered([sound.read(begin, stop)], layout, peak))
    top = _decibels(max(float(one.get("lavfi.r128.true_peak", 0)) for one in found)) if found else -math.inf
    return np.array([*(_number(one.get("lavfi.r128.M")) for one in found[(start - begin) // TICK :]), top])


def programme_loudness(momentary: np.ndarray) -> float | None:
    """The programme's loudness in LUFS by the gates of ITU-R BS.1770; `None` where nothing is louder than -70.

    Args:
        momentary: as of [`momentary_loudness`]; the first three have no whole 400 ms behind them.
    """
    return _gated(momentary[_TICKS - 1 :])


def _gated(levels: np.ndarray) -> float | None:
    loud = levels[levels > _ABSOLUTE_GATE]
    if not loud.size:
        return None
    loud = loud[loud > _mean(loud) + _RELATIVE_GATE]
    return _mean(loud)


def _mean(levels: np.ndarray) -> float:
    """Mean of power, in decibels."""
    return float(10 * np.log10(np.mean(10 ** (levels / 10))))


def window_loudness(momentary: np.ndarray, start: int, end: int) -> float | None:
    """Loudness of a window in LUFS, its pauses left out; `None` for silence.

    Args:
        momentary: as of [`momentary_loudness`].
        start, end: microseconds from the first sample. Of a window shorter than 400 ms, what lies around it is measured too.
    """
    tick = MICROSECONDS // 10
    first, last = -(-start // tick) + _TICKS - 1, end // tick  # measurements that lie wholly inside
    if last <= first:
        middle = (start + end) // (2 * tick) + _TICKS // 2
        first, last = middle - 1, middle + 1
    return _gated(momentary[max(0, first) : max(0, last)])


# ----------------------------------------------------------------------------------------------------------------------
# Gains
# ----------------------------------------------------------------------------------------------------------------------


def line_gains(
    film: Sequence[float | None],
    takes: Sequence[float | None],
    speakers: Sequence[str],
    usual: float | None = None,
) -> list[float]:
    """Decibels by which each take is made louder, so that it is as loud as the line that it takes the place of.

    A line may be up to 6 dB louder or quieter than the film's lines are in the middle, and at most 3 dB from the same speaker's line
    before it. Where the film is silent, a speaker stays as loud as before.

    Args:
        film: loudness of the film's sound in each line's window, LUFS, in the order of the film; `None` for silence.
        takes: loudness of each take, LUFS; `None` for silence, which gets no gain.
        speakers: of each line.
        usual (*optional*): loudness of a line of no particular one, LUFS; the middle of the film's, or -23, where it is left out.

    Returns:
        Decibels, one a line, at most 30 either way.
    """
    heard = [level for level in film if level is not None and level > SPEECH_FLOOR]
    if usual is None:
        usual = float(np.median(heard)) if heard else EBU_LOUDNESS
    latest: dict[str, float] = {}
    gains = []
    for level, take, speaker in zip(film, takes, speakers, strict=True):
        before = latest.get(speaker)
        wanted = level if level is not None and level > SPEECH_FLOOR else before if before is not None else usual
        wanted = float(np.clip(wanted, usual - LINE_RANGE, usual + LINE_RANGE))
        if before is not None:
            wanted = float(np.clip(wanted, before - LINE_STEP, before + LINE_STEP))
        latest[speaker] = wanted
        gains.append(0.0 if take is None else float(np.clip(wanted - take, -MAX_LINE_GAIN, MAX_LINE_GAIN)))
    return gains


def take_loudness(sound: np.ndarray) -> float | None:
    """Loudness of a take in LUFS; `None` for silence.

    Args:
        sound: `(samples,)` float32 mono at 48 kHz.
    """
    missing = max(0, _TICKS * TICK - len(sound))  # a word of less than 400 ms is measured with silence behind it
    return programme_loudness(momentary_loudness([np.pad(sound, (0, missing))[None]], "mono"))


def takes_loudness(files: Sequence[Path], folder: Path | None = None) -> list[float | None]:
    """[`take_loudness`] of takes at any rate, each measured once.

    Args:
        files: of the takes.
        folder (*optional*): where measurements are kept.
    """
    kept = Kept(None if folder is None else folder / "take-levels.npz")

    def measured(file: Path) -> np.ndarray:
        level = take_loudness(to_sound_rate(load_audio(file), SAMPLING_RATE))
        return np.array([-math.inf if level is None else level])

    levels = []
    for file in files:
        found = file.stat()
        key = f"{file.absolute()} {found.st_size} {found.st_mtime_ns}"
        (level,) = kept.of(key, 1, partial(measured, file)).tolist()
        levels.append(level if math.isfinite(level) else None)
    kept.save()
    return levels


def parse_loudness(text: str) -> str | float:
    """`film`, `ebu`, `none` or LUFS.

    Raises:
        ValueError: none of these, or out of -60 to -5.
    """
    if text in LOUDNESS_CHOICES:
        return text
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not -60 <= value <= -5:
        raise ValueError(f"loudness: give film, ebu, none or LUFS from -60 to -5, got {text!r}.")
    return value


def programme_gain(choice: str | float, film: float | None, mix: float | None) -> float:
    """Decibels by which the mix is made louder.

    Args:
        choice: `film` for the loudness that the film had, `ebu` for -23 LUFS, `none`, or LUFS.
        film, mix: loudness of both, LUFS; `None` for silence, which changes nothing.
    """
    if choice == "none" or mix is None or (choice == "film" and film is None):
        return 0.0
    wanted = {"film": film, "ebu": EBU_LOUDNESS}.get(choice, choice) if isinstance(choice, str) else choice
    return float(wanted) - mix
