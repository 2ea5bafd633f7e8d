"""When each phoneme of a known text is spoken, through PocketSphinx (BSD; its acoustic model is inside the wheel).

The words are given to the decoder with this package's own pronunciations, so the times belong to exactly the phonemes
that training uses. Resolution 10 ms.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..extras import require_extra
from ..processing.audio import SAMPLING_RATE
from ..processing.text import (
    NO_WORDS,
    Lexicon,
    Phonemization,
    assemble,
    phonemize,
    pronunciation_choices,
)


if TYPE_CHECKING:
    from pocketsphinx import Decoder


FRAME_SECONDS = 0.01
# A frame's features come from a window of 25.6 ms that starts with it: it speaks for the 10 ms in the window's middle.
FRAME_OFFSET_SECONDS = 0.0078
MAX_ALIGNMENT_SECONDS = 60.0
# Beams wider than the recogniser's own: there is one path of words, so nothing is lost by keeping more of it. Without
# `bestpath`, whose word lattice now and then yields a word shorter than its phones, on which the second pass fails.
SEARCH = {"beam": 1e-100, "pbeam": 1e-100, "wbeam": 1e-100, "bestpath": False, "cmn": "batch"}
# A stop after a pause begins in silence, so the decoder may draw it out over the whole pause: no closure lasts longer.
STOPS = frozenset(["B", "CH", "D", "G", "JH", "K", "P", "T"])
MAX_STOP_SECONDS = 0.15
DITHER_AMPLITUDE = 2.0  # of 32768: digital silence has no spectrum


class AlignmentError(ValueError):
    """The text cannot be found in the sound: other words, too short, too noisy."""


class _SpokenWord(NamedTuple):
    name: str  # of the dictionary entry that fitted; "<sil>" and "[NOISE]" for pauses
    phones: list[tuple[float, float]]  # seconds
    score: float = 0.0  # sum over the word's frames of how far its sounds are from the best-fitting ones
    frames: int = 0


class ScoredAlignment(NamedTuple):
    """What was spoken when, and how well it fits.

    Attributes:
        phonemization: the pronunciations that were heard.
        times: of its phonemes, `(start, end)` in seconds.
        score: mean over the words' frames of the acoustic score that the text's sound has below the best sound's; 0 is the
            best. Right transcripts have -5 to -35, the texts of other clips mostly below -35.
    """

    phonemization: Phonemization
    times: list[tuple[float, float]]
    score: float


def align(waveform: np.ndarray, phonemization: Phonemization) -> list[tuple[float, float]]:
    """Times of the phonemes of a text in its recording.

    Args:
        waveform: `(samples,)` floats in [-1, 1], 16 kHz, 0.1 to 60 s.
        phonemization: what is said.

    Returns:
        `(start, end)` in seconds for every phoneme, contiguous from 0 to the end of the sound. An `sp` that was not
        spoken starts where it ends.

    Raises:
        AlignmentError: the text does not fit the sound.
        ValueError: sound of a wrong shape or length.
        ImportError: PocketSphinx is not installed.
    """
    pronunciations = [[pronunciation] for pronunciation in phonemization.pronunciations]
    return _align(waveform, phonemization, pronunciations).times


def align_text(waveform: np.ndarray, text: str) -> tuple[Phonemization, list[tuple[float, float]]]:
    """Like [`align`] from the text; where a word has several pronunciations ("zee", "zed") the spoken one is returned.

    Raises:
        AlignmentError, ValueError, ImportError: see [`align`] and [`~processing.text.phonemize`].
    """
    aligned = align_with_score(waveform, text)
    return aligned.phonemization, aligned.times


def align_with_score(waveform: np.ndarray, text: str, lexicon: Lexicon = NO_WORDS) -> ScoredAlignment:
    """Like [`align_text`], with a score that tells whether the text was spoken at all.

    Raises:
        AlignmentError, ValueError, ImportError: see [`align_text`].
    """
    guess = phonemize(text, lexicon=lexicon)
    pairs = zip(guess.words, guess.pronunciations, strict=True)
    return _align(waveform, guess, [pronunciation_choices(*pair) for pair in pairs])


def _align(waveform: np.ndarray, guess: Phonemization, choices: Sequence[Sequence[list[str]]]) -> ScoredAlignment:
    words = guess.words
    waveform = np.asarray(waveform, dtype=np.float32)
    seconds = waveform.size / SAMPLING_RATE
    if waveform.ndim != 1 or not 0.1 <= seconds <= MAX_ALIGNMENT_SECONDS:
        raise ValueError(
            f"alignment needs (samples,) of 0.1 to {MAX_ALIGNMENT_SECONDS:.0f} s at 16 kHz, got {waveform.shape}."
        )
    segments = _decode(_pcm(waveform), choices)
    spoken = _without_long_stops(segments, choices)
    if len(spoken) != len(words):
        raise AlignmentError(f"only {len(spoken)} of {len(words)} words were found in the sound.")
    chosen = [choices[index][_choice(segment.name)] for index, segment in enumerate(spoken)]
    score = sum(word.score for word in spoken) / max(1, sum(word.frames for word in spoken))
    times = contiguous_times([word.phones for word in spoken], seconds)
    return ScoredAlignment(assemble(words, chosen, guess.breaks), times, score)


def _without_long_stops(segments: Sequence[_SpokenWord], choices: Sequence[Sequence[list[str]]]) -> list[_SpokenWord]:
    """The words among the segments; a stop that follows a pause is cut to the longest closure."""
    words: list[_SpokenWord] = []
    after_pause = True
    for segment in segments:
        if _is_word(segment.name):
            (start, end), *rest = segment.phones
            pronunciation = choices[len(words)][_choice(segment.name)]
            if after_pause and pronunciation[0] in STOPS:
                start = max(start, end - MAX_STOP_SECONDS)
            words.append(segment._replace(phones=[(start, end), *rest]))
        after_pause = not _is_word(segment.name)
    return words


def contiguous_times(words: Sequence[Sequence[tuple[float, float]]], seconds: float) -> list[tuple[float, float]]:
    """Times of `sil w1 sp w2 ... wn sil` from the times of the words' phones.

    Args:
        words: `(start, end)` of the phones of each word, in seconds.
        seconds: length of the sound.

    Returns:
        `(start, end)` of every phoneme: edges are moved inside the sound and kept in order, the outer silences last at
        least 10 ms, and pauses last until the next word.
    """
    starts = [0.0]
    for phones in words:
        starts += [start for start, _ in phones] + [phones[-1][1]]
    # starts: sil, phones of word 1, the pause after it, phones of word 2, ... , the final sil
    edges = np.maximum.accumulate(np.clip([*starts, seconds], 0.0, seconds))
    edges[1] = min(max(edges[1], FRAME_SECONDS), edges[2])  # the outer silences last at least a frame
    edges[-2] = max(min(edges[-2], seconds - FRAME_SECONDS), edges[-3])
    return [(float(start), float(end)) for start, end in itertools.pairwise(edges)]


def _pcm(waveform: np.ndarray) -> bytes:
    noise = np.random.default_rng(0).uniform(-DITHER_AMPLITUDE, DITHER_AMPLITUDE, waveform.size)
    return np.clip(np.rint(waveform * 32767.0 + noise), -32768, 32767).astype("<i2").tobytes()


def _entry(index: int, choice: int) -> str:
    """Name of a dictionary entry; PocketSphinx marks further pronunciations of a word as `word(2)`."""
    return f"w{index}" if choice == 0 else f"w{index}({choice + 1})"


def _choice(entry: str) -> int:
    return int(entry.partition("(")[2].rstrip(")") or 1) - 1


def _is_word(entry: str) -> bool:
    return entry.startswith("w")


def _decoder(choices: Sequence[Sequence[list[str]]]) -> "Decoder":
    """A decoder whose dictionary holds just these words. New for every text: a failed alignment spoils a decoder, and
    its running mean of the sound would make results depend on what was aligned before."""
    pocketsphinx = require_extra("train", "pocketsphinx", what="forced alignment")
    decoder = pocketsphinx.Decoder(lm=None, dict=None, samprate=SAMPLING_RATE, loglevel="FATAL", **SEARCH)
    for index, pronunciations in enumerate(choices):
        for choice, pronunciation in enumerate(pronunciations):
            phones = " ".join(phoneme.rstrip("012") for phoneme in pronunciation)
            decoder.add_word(_entry(index, choice), phones, True)
    return decoder


def _decode(pcm: bytes, choices: Sequence[Sequence[list[str]]]) -> list[_SpokenWord]:
    decoder = _decoder(choices)
    try:
        decoder.set_align_text(" ".join(_entry(index, 0) for index in range(len(choices))))
        _process(decoder, pcm)  # words
        decoder.set_alignment()
        _process(decoder, pcm)  # phones inside the words
        # The entries live only while they are iterated over: copy, never keep them.
        return [_spoken_word(word) for word in decoder.get_alignment()]
    except (RuntimeError, TypeError) as error:
        raise AlignmentError("the words do not fit the sound.") from error


def _process(decoder: "Decoder", pcm: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()


def _spoken_word(word) -> _SpokenWord:
    phones, score, frames = [], 0.0, 0
    for phone in word:
        phones.append(_seconds(phone))
        score += phone.score
        frames += phone.duration
    return _SpokenWord(word.name, phones, score, frames)


def _seconds(phone) -> tuple[float, float]:
    start = phone.start * FRAME_SECONDS + FRAME_OFFSET_SECONDS
    return start, start + phone.duration * FRAME_SECONDS
