"""The recognisers that the scripts share: PocketSphinx, which knows little and imagines nothing, and Whisper, which knows much
of English and guesses what is usually said."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flowdubber_hf.metrics import ctranslate, functional, recognition
from flowdubber_hf.processing import english
from pages import file_hash


@dataclass(frozen=True)
class Listener:
    """A recogniser.

    Attributes:
        hears: `(samples,)` at 16 kHz to words.
        mark: of the files of what it heard; another where another recogniser might hear something else.
    """

    hears: Callable[[np.ndarray], str]
    mark: str


def pocketsphinx() -> Listener:
    """With its own dictionary and language model."""
    return Listener(
        lambda sound: " ".join(functional.recognize_words(sound, grammar=None)),
        file_hash([Path(recognition.__file__)]),
    )


def whisper(folder: Path) -> Listener:
    """Whisper, what it writes in figures written out.

    Raises:
        ValueError, ImportError: it cannot be loaded.
    """
    from flowdubber_hf.metrics.neural import load_whisper

    recognizer = load_whisper(str(folder))
    weights = sorted(path for path in folder.iterdir() if path.suffix in (".bin", ".safetensors"))
    return Listener(
        lambda sound: written_out(recognizer(sound)), f"whisper-{file_hash([*weights, Path(ctranslate.__file__)])}"
    )


def written_out(heard: str) -> str:
    """What was heard with its numbers and abbreviations as words, since "20 minutes" is not another thing than "twenty minutes".

    Of a sound that it does not know Whisper now and then writes another alphabet: those words are wrong as they stand.
    """
    try:
        return " ".join(word.text for word in english.spoken_words(heard) if word.ipa) if heard else ""
    except ValueError:
        return heard
