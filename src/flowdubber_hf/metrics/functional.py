# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Figures of merit of a dub, as pure functions of 16 kHz sound.

| function | unit | range | better | source |
|---|---|---|---|---|
| `word_error_rate` | share of the reference's words | 0 to any | lower | jiwer, over all clips together |
| `mean_word_start_difference` | s | 0 to the clip's length | lower | forced alignment by PocketSphinx, 10 ms steps |
| `speech_shift` | s | any | nearest to the known delay | the same |
| `speaker_similarity` | cosine | 0 to 1 | higher | GE2E embeddings of resemblyzer |
| `dnsmos_p808` | mean opinion score | 1 to 5 | higher | Microsoft DNSMOS, P.808 head, of speechmos |
| `length_difference` | samples | any | 0 | |

Recognition and alignment use PocketSphinx with its own US English dictionary and never the phonemes of the package: a
mistake in our phonemes must not flatter the measure. Everything here works offline; the packages come with
`pip install "flowdubber-hf[eval]"`.
"""

import importlib
import re
from collections.abc import Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..data import forced_alignment
from ..processing.audio import SAMPLING_RATE


# The fixed grammar of the GRID corpus (Cooke, Barker, Cunningham, Shao 2006): six slots, letters without w.
# Its speakers are British and say "zed"; a synthetic voice may say "zee". Both count as the letter z.
GRID_GRAMMAR = """#JSGF V1.0;
grammar grid;
public <sentence> = <command> <colour> <preposition> <letter> <digit> <adverb>;
<command> = bin | lay | place | set;
<colour> = blue | green | red | white;
<preposition> = at | by | in | with;
<letter> = a | b | c | d | e | f | g | h | i | j | k | l | m | n | o | p | q | r | s | t | u | v | x | y | zed | zee;
<digit> = zero | one | two | three | four | five | six | seven | eight | nine;
<adverb> = again | now | please | soon;
"""
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LETTER_Z = {"zed": "z", "zee": "z"}

ALIGNMENT_FRAME_SECONDS = 0.01
ONSET_FRAME_SAMPLES = 160
ONSET_RANGE_DB = 25.0


class WordTime(NamedTuple):
    """A spoken word with its start and end in seconds."""

    word: str
    start: float
    end: float


def require(package: str) -> ModuleType:
    """Imports an optional package, or raises `ImportError` that says how to install it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"this figure needs the package {package.split('.')[0]} (import failed: {error}); "
            'install it with: pip install "flowdubber-hf[eval]"'
        ) from error


def normalize_words(text: str) -> list[str]:
    """Words as they are compared: lower case, no punctuation, single digits spelled, z for "zed" and "zee".

    The family's convention (punctuation removed, each digit a word), with the letter names of GRID made one.
    """
    spelled = re.sub(r"\d", lambda digit: f" {DIGITS[int(digit[0])]} ", text.lower())
    words = re.sub(r"[^\w\s']", " ", spelled).split()
    return [LETTER_Z.get(word, word) for word in words]


def word_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """Substituted, deleted and inserted words of all clips over the reference words of all clips.

    Args:
        references: what should be heard, one text a clip.
        hypotheses: what was heard, in the same order; an empty text is all words deleted.
    """
    jiwer = require("jiwer")
    if len(references) != len(hypotheses) or not references:
        raise ValueError(f"as many heard texts as scripts are needed, got {len(hypotheses)} and {len(references)}.")
    truth = [" ".join(normalize_words(text)) for text in references]
    heard = [" ".join(normalize_words(text)) for text in hypotheses]
    if not all(truth):
        raise ValueError("a reference text holds no word; leave that clip out.")
    return float(jiwer.wer(truth, heard))


def _pcm16(waveform: np.ndarray) -> bytes:
    wave = np.asarray(waveform, dtype=np.float32)
    if wave.ndim != 1:
        raise ValueError(f"one sound of the shape (samples,) is needed, got {wave.shape}.")
    return (np.clip(wave, -1.0, 1.0) * 32767).round().astype("<i2").tobytes()


def _decode(waveform: np.ndarray, **search: Any) -> Any:
    """Runs a fresh decoder over `(samples,)` 16 kHz sound: one that failed an alignment is unusable afterwards.

    `grammar` or `text` (to align) limit what may be said; without either the language model of the wheel decides.
    """
    pocketsphinx = require("pocketsphinx")
    limits = {"lm": None} if search else {}
    decoder = pocketsphinx.Decoder(samprate=SAMPLING_RATE, loglevel="FATAL", **limits)
    if "grammar" in search:
        decoder.add_jsgf_string("grammar", search["grammar"])
        decoder.activate_search("grammar")
    elif search:
        decoder.set_align_text(search["text"])
    decoder.start_utt()
    decoder.process_raw(_pcm16(waveform), full_utt=True)
    decoder.end_utt()
    return decoder


def recognize_words(waveform: np.ndarray, grammar: str | None = GRID_GRAMMAR) -> list[str]:
    """Words that PocketSphinx hears in `(samples,)` 16 kHz sound; empty where it hears none.

    Args:
        grammar: JSGF grammar of what may be said. `None` for any English, by PocketSphinx's own dictionary and language
            model at the decoder's default settings.
    """
    search = {} if grammar is None else {"grammar": grammar}
    hypothesis = _decode(waveform, **search).hyp()
    return normalize_words(hypothesis.hypstr) if hypothesis is not None else []


def align_words(waveform: np.ndarray, text: str) -> list[WordTime]:
    """When each word of `text` is spoken in `(samples,)` 16 kHz sound, by forced alignment (10 ms steps).

    Raises:
        ValueError: the words cannot be found in the sound, or the recogniser's dictionary lacks one of them.
    """
    words = normalize_words(text)
    spoken = ["zed" if word == "z" else word for word in words]
    try:
        decoder = _decode(waveform, text=" ".join(spoken))
        segments = list(decoder.seg() or [])  # they point into the decoder, which must outlive them
    except RuntimeError as error:
        raise ValueError(f"the recogniser cannot align {text!r}: {error}.") from error
    times = [
        WordTime(segment.word, segment.start_frame, segment.end_frame + 1)
        for segment in segments
        if not segment.word.startswith(("<", "["))
    ]
    found = [re.sub(r"\(\d+\)$", "", time.word) for time in times]
    if found != spoken:
        raise ValueError(f"the words of {text!r} cannot be found in the sound.")
    step = ALIGNMENT_FRAME_SECONDS
    return [WordTime(word, time.start * step, time.end * step) for word, time in zip(words, times, strict=True)]


def pronunciations(word: str) -> list[list[str]]:
    """Every pronunciation of a word in the recogniser's own dictionary, the commonest first, as ARPAbet phones without
    stress; "z" is zed or zee.

    Raises:
        ValueError: the dictionary lacks the word.
    """
    if word == "z":
        return pronunciations("zed") + pronunciations("zee")
    found = []
    while phones := _dictionary().lookup_word(word if not found else f"{word}({len(found) + 1})"):
        found.append(phones.split())
    if not found:
        raise ValueError(f"the recogniser's dictionary lacks {word!r}.")
    return found


@lru_cache(maxsize=1)
def _dictionary() -> Any:
    return require("pocketsphinx").Decoder(lm=None, loglevel="FATAL")


def align_words_steadily(waveform: np.ndarray, text: str) -> list[WordTime]:
    """As [`align_words`], hardened as for the training data: wider search, mean of the whole sound removed, dither, and no
    stop drawn out over the pause before it.

    With [`align_words`] alone, noise 50 dB below the peak moves the first word of a GRID clip by 0.08 s, with this by 0.03 s.
    """
    words = normalize_words(text)
    choices = [pronunciations(word) for word in words]
    segments = forced_alignment._decode(forced_alignment._pcm(np.asarray(waveform, np.float32)), choices)
    spoken = forced_alignment._without_long_stops(segments, choices)
    if len(spoken) != len(words):
        raise ValueError(f"the words of {text!r} cannot be found in the sound.")
    return [
        WordTime(word, segment.phones[0][0], segment.phones[-1][1])
        for word, segment in zip(words, spoken, strict=True)
    ]


def _start_differences(times: Sequence[WordTime], reference: Sequence[WordTime]) -> np.ndarray:
    if [time[0] for time in times] != [time[0] for time in reference] or not times:
        raise ValueError("word starts compare only between two alignments of the same words.")
    return np.array([time[1] for time in times]) - np.array([time[1] for time in reference])


def mean_word_start_difference(times: Sequence[WordTime], reference: Sequence[WordTime]) -> float:
    """Mean over the words of |start - start in the reference|, in seconds; 0 is perfect.

    Args:
        times, reference: `(word, start, end)` in seconds of the same words, from [`align_words`].
    """
    return float(np.abs(_start_differences(times, reference)).mean())


def speech_shift(times: Sequence[WordTime], reference: Sequence[WordTime]) -> float:
    """Median over the words of start - start in the reference, in seconds; positive where `times` is later."""
    return float(np.median(_start_differences(times, reference)))


def speech_onset(waveform: np.ndarray) -> float:
    """Start of speech in `(samples,)` 16 kHz sound, in seconds, by level alone.

    The first of three 10 ms frames in a row that are all within 25 dB of the loudest frame. Raises `ValueError` on silence.
    """
    wave = np.asarray(waveform, dtype=np.float64)
    frames = wave[: len(wave) // ONSET_FRAME_SAMPLES * ONSET_FRAME_SAMPLES].reshape(-1, ONSET_FRAME_SAMPLES)
    level = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-12)
    if len(level) < 3 or level.max() < -80:
        raise ValueError("the sound is silent: it has no onset.")
    loud = level > level.max() - ONSET_RANGE_DB
    starts = np.flatnonzero(loud[:-2] & loud[1:-1] & loud[2:])
    if starts.size == 0:
        raise ValueError("the sound holds no 30 ms of speech: it has no onset.")
    return float(starts[0] * ONSET_FRAME_SAMPLES / SAMPLING_RATE)


@lru_cache(maxsize=1)
def _voice_encoder() -> Any:
    return require("resemblyzer").VoiceEncoder("cpu", verbose=False)


def speaker_embedding(waveform: np.ndarray, trim_silences: bool = False) -> np.ndarray:
    """GE2E embedding `(256,)`, L2-normalised, of `(samples,)` 16 kHz sound by resemblyzer, whatever style encoder the
    model uses.

    Args:
        waveform: the sound; its volume is raised to -30 dBFS where it is lower, as resemblyzer does.
        trim_silences (`bool`, defaults to `False`): leave silences out by WebRTC voice activity. A 3 s clip with 1.5 s of
            speech then fills one window of the encoder hardly once, and even true clips of one speaker look less alike.
    """
    resemblyzer = require("resemblyzer")
    wave = np.asarray(waveform, dtype=np.float32)
    if wave.ndim != 1 or not np.any(wave):
        raise ValueError("the sound is silent: there is no voice to tell.")
    audio = require("resemblyzer.audio")
    speech = audio.normalize_volume(wave, resemblyzer.hparams.audio_norm_target_dBFS, increase_only=True)
    if trim_silences:
        speech = audio.trim_long_silences(speech)
    if len(speech) < SAMPLING_RATE // 10:
        raise ValueError("the sound holds no speech to tell a voice from.")
    return _voice_encoder().embed_utterance(speech)


def speaker_similarity(waveform: np.ndarray, reference: np.ndarray, trim_silences: bool = False) -> float:
    """Cosine of the GE2E embeddings of two `(samples,)` 16 kHz sounds: 0 to 1, 1 is the same voice."""
    pair = (speaker_embedding(waveform, trim_silences), speaker_embedding(reference, trim_silences))
    return float(np.dot(*pair))


def dnsmos_p808(waveform: np.ndarray) -> float:
    """DNSMOS mean opinion score (P.808 head), 1 to 5, of `(samples,)` 16 kHz sound; shorter sound than 9 s is repeated."""
    dnsmos = require("speechmos.dnsmos")
    wave = np.clip(np.asarray(waveform, dtype=np.float32), -1.0, 1.0)
    if wave.ndim != 1 or wave.size == 0:
        raise ValueError(f"one sound of the shape (samples,) is needed, got {wave.shape}.")
    return float(dnsmos.run(wave, SAMPLING_RATE)["p808_mos"])


def length_difference(waveform: np.ndarray, num_samples: int) -> int:
    """Samples that `(samples,)` sound has more (positive) or fewer than the clip's `num_samples`; 0 is right."""
    return len(waveform) - num_samples
