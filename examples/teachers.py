"""Programs and models that read sentences aloud: what a voice of theirs is, and two of them.

Another teacher is a class with `name`, `families` and `speak`, as [`Teacher`] describes, and an entry in [`TEACHERS`]. Nothing
else in the project needs any of them.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from flowdubber_hf.processing.audio import SAMPLING_RATE, load_audio
from flowdubber_hf.processing.text import Phonemization, phonemize


@dataclass(frozen=True)
class Voice:
    """One that a teacher has or that is mixed from several of its own.

    Attributes:
        name: also the speaker's in the dataset.
        parts: the teacher's voices and their shares, which sum to 1.
        tempo: of speech; 1 is the teacher's own.
        size: of the speaker's head and throat; above 1 pitch and resonances lie lower.
    """

    name: str
    parts: tuple[tuple[str, float], ...]
    tempo: float = 1.0
    size: float = 1.0


@dataclass(frozen=True)
class Spoken:
    """A sentence said.

    Attributes:
        sound: `(samples,)` float32 in [-1, 1].
        sampling_rate: of `sound`, Hz.
        phonemization: the phonemes that are said.
        starts: when the teacher itself says that each begins, in seconds, or `None` where it does not know.
    """

    sound: np.ndarray
    sampling_rate: int
    phonemization: Phonemization
    starts: list[float] | None = None


class Teacher(Protocol):
    """What reads aloud.

    Attributes:
        name: the `source` of what it says in the dataset.
        families: its voices; those of one family can be mixed.
    """

    name: str
    families: tuple[tuple[str, ...], ...]

    def speak(self, text: str, parts: Sequence[tuple[str, float]], tempo: float) -> Spoken:
        """Says a sentence in a mixture of voices of one family.

        Raises:
            ValueError: this sentence cannot be said.
        """
        ...


TEMPOS, SIZES = (0.87, 1.15), (0.88, 1.13)
LEAST_SHARE = 0.2  # of a voice in a mixture


def draw_voice(teacher: Teacher, number: int, seed: int) -> Voice:
    """The voice of that number: first the teacher's own as they are, then mixtures with a tempo and a size of their own."""
    own = [name for family in teacher.families for name in family]
    if number < len(own):
        return Voice(f"{teacher.name}-{own[number]}", ((own[number], 1.0),))
    generator = random.Random(f"voice {seed} {number}")
    (family,) = generator.choices(teacher.families, weights=list(map(len, teacher.families)))
    names = generator.sample(family, min(len(family), generator.choice((1, 2, 2, 2, 3))))
    raw = [LEAST_SHARE + generator.random() for _ in names]
    parts = tuple((name, share / sum(raw)) for name, share in zip(names, raw, strict=True))
    return Voice(f"{teacher.name}-{number:04d}", parts, generator.uniform(*TEMPOS), generator.uniform(*SIZES))


# ----------------------------------------------------------------------------------------------------------------------
# flite
# ----------------------------------------------------------------------------------------------------------------------


class Flite:
    """The program flite (Debian: `apt install flite`; permissive licence, voices included). Its voices cannot be mixed, and its
    own phonemes are not this package's, so that it tells no times.

    Raises:
        ValueError: the program is not there.
    """

    name = "flite"
    families = (("slt",), ("rms",), ("awb",), ("kal16",))

    def __init__(self) -> None:
        program = shutil.which("flite")
        if program is None:
            raise ValueError("there is no program `flite` on the PATH; install it (Debian: apt install flite).")
        self._program = program

    def speak(self, text: str, parts: Sequence[tuple[str, float]], tempo: float) -> Spoken:
        """See [`Teacher`]."""
        ((voice, _),) = parts
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "said.wav"
            command = [self._program, "-voice", voice, "--setf", f"duration_stretch={1 / tempo:.3f}"]
            subprocess.run([*command, "-t", text, "-o", str(path)], check=True, capture_output=True)
            return Spoken(load_audio(path), SAMPLING_RATE, phonemize(text))


# ----------------------------------------------------------------------------------------------------------------------
# Kokoro
# ----------------------------------------------------------------------------------------------------------------------

# The symbols of Kokoro-82M, each with its number, for the project's phonemes; `:` makes long, and capitals are diphthongs.
_SYMBOLS = {
    ",": 3, ".": 4, "!": 5, "?": 6, " ": 16, "A": 24, "I": 25, "O": 31, "Q": 33, "W": 39, "Y": 41, "b": 44, "d": 46, "f": 48,
    "h": 50, "i": 51, "j": 52, "k": 53, "l": 54, "m": 55, "n": 56, "p": 58, "s": 61, "t": 62, "u": 63, "v": 64, "w": 65,
    "z": 68, "ɑ": 69, "æ": 72, "ɔ": 76, "ð": 81, "ʤ": 82, "ə": 83, "ɛ": 86, "ɜ": 87, "ɡ": 92, "ɪ": 102, "ŋ": 112, "θ": 119,
    "ɹ": 123, "ʃ": 131, "ʧ": 133, "ʊ": 135, "ʌ": 138, "ʒ": 147, "ˈ": 156, "ˌ": 157, "ː": 158,
}  # fmt: skip
_WRITTEN = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "W", "AY": "I", "B": "b", "CH": "ʧ", "D": "d", "DH": "ð", "EH": "ɛ",
    "ER": "ɜɹ", "EY": "A", "F": "f", "G": "ɡ", "HH": "h", "IH": "ɪ", "IY": "i", "JH": "ʤ", "K": "k", "L": "l", "M": "m",
    "N": "n", "NG": "ŋ", "OW": "O", "OY": "Y", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ", "UH": "ʊ",
    "UW": "u", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
_UNSTRESSED = {"AH": "ə", "ER": "əɹ"}
_BRITISH, _BRITISH_UNSTRESSED = {"ER": "ɜː", "OW": "Q"}, {"ER": "ə"}
_STRESSES = {"1": "ˈ", "2": "ˌ"}
_PAUSES = {"word": " ", "clause": ", ", "sentence": ". "}


def kokoro_symbols(phoneme: str, british: bool) -> str:
    """How Kokoro writes a phoneme: `"AY1"` is `"ˈI"`."""
    plain, stress = phoneme.rstrip("012"), phoneme[-1]
    written = _WRITTEN | (_BRITISH if british else {})
    if stress == "0":
        written |= _UNSTRESSED | (_BRITISH_UNSTRESSED if british else {})
    return _STRESSES.get(stress, "") + written[plain]


class Kokoro:
    """Kokoro-82M v1.0 as an ONNX file (Apache-2.0; needs the packages `onnxruntime` and `onnx`): it says this package's phonemes,
    and its own durations, in steps of 25 ms, tell about when.

    Args:
        model: with the inputs `tokens`, `style` and `speed`; int8 is good enough.
        voices: folder of its voices, `af_heart.bin` and the like: float32, `510 x 256`.

    Raises:
        ValueError: files that are not there or not such, or a package that is missing.
    """

    name = "kokoro"
    RATE, STEP = 24000, 0.025
    DURATIONS = "/encoder/Clip_output_0"  # the value in the model that holds the steps of each token
    ODD = ("af_nicole", "am_santa")  # whispers; puts on a voice

    def __init__(self, model: Path, voices: Path) -> None:
        self._styles = {path.stem: _kokoro_voice(path) for path in sorted(voices.glob("[ab][fm]_*.bin"))}
        names = [name for name in self._styles if name not in self.ODD]
        if not names:
            raise ValueError(
                f"{voices} has no voices of Kokoro (af_heart.bin and the like, as the package kokoro-js has)."
            )
        accents = ([name for name in names if name[0] == accent] for accent in "ab")  # American, British
        self.families = tuple(tuple(family) for family in accents if family)
        self._session = _kokoro_session(model, self.DURATIONS)

    def speak(self, text: str, parts: Sequence[tuple[str, float]], tempo: float) -> Spoken:
        """See [`Teacher`]."""
        british = parts[0][0].startswith("b")
        spoken = phonemize(text, "gb" if british else "us")
        tokens, owners = _kokoro_tokens(spoken, british, text.rstrip()[-1:])
        style = sum(share * self._styles[name] for name, share in parts)
        if len(tokens) - 2 >= len(style):
            raise ValueError(f"the sentence has {len(tokens)} tokens, Kokoro reads {len(style)}; give a shorter one.")
        inputs = {
            "tokens": np.array([tokens], np.int64),
            "style": style[len(tokens) - 2][None],
            "speed": np.array([tempo], np.float32),
        }
        sound, steps = self._session.run(["audio", self.DURATIONS], inputs)
        lengths = np.bincount(owners, np.ravel(steps) * self.STEP, len(spoken.phonemes))
        starts = [0.0, *accumulate(lengths.tolist())][:-1]
        return Spoken(np.ravel(sound).astype(np.float32), self.RATE, spoken, starts)


def _kokoro_voice(path: Path) -> np.ndarray:
    """`(510, 256)` float32, a style for each number of tokens."""
    values = np.fromfile(path, np.float32)
    if values.size != 510 * 256 or not np.isfinite(values).all():
        raise ValueError(f"{path} is no voice of Kokoro (510 x 256 float32).")
    return values.reshape(510, 256)


def _kokoro_session(model: Path, durations: str) -> Any:
    """The model, with its durations among its outputs."""
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise ValueError("Kokoro needs `pip install onnxruntime onnx`.") from error
    if not model.is_file():
        raise ValueError(f"there is no file {model}; give Kokoro's ONNX file.")
    try:
        graph = onnx.load(str(model))
        graph.graph.output.append(onnx.ValueInfoProto(name=durations))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # each has error types of its own
        raise ValueError(f"{model} is not Kokoro-82M as ONNX with the value {durations}: {error}") from error


def _kokoro_tokens(spoken: Phonemization, british: bool, last_mark: str) -> tuple[list[int], list[int]]:
    """Numbers of what Kokoro is to say, and of which phoneme each is a part."""
    last = len(spoken.phonemes) - 1
    tokens, owners = [0], [0]
    for place, (phoneme, pause) in enumerate(zip(spoken.phonemes, spoken.pauses, strict=True)):
        if place == 0:
            continue
        if place == last:
            symbols = last_mark if last_mark in _SYMBOLS and not last_mark.isalpha() else "."
        else:
            symbols = _PAUSES[pause] if pause else kokoro_symbols(phoneme, british)
        tokens += [_SYMBOLS[symbol] for symbol in symbols]
        owners += [place] * len(symbols)
    return [*tokens, 0], [*owners, last]


def _kokoro(args: argparse.Namespace) -> Kokoro:
    if args.model is None or args.voices is None:
        raise ValueError("Kokoro needs --model (its ONNX file) and --voices (the folder of its voices).")
    return Kokoro(args.model, args.voices)


TEACHERS: dict[str, Callable[[argparse.Namespace], Teacher]] = {"flite": lambda args: Flite(), "kokoro": _kokoro}
