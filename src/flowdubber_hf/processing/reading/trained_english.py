"""gruut's trained models for English (MIT, inside the package `gruut_lang_en`): a lexicon, a tagger, a guesser.

They are read without the package `gruut` itself, whose normaliser this package does not use; what a model was trained to
see of a word stands here as it does there.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import sqlite3
import string
import threading
from base64 import b64decode, b64encode
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any


_LOCK = threading.RLock()  # a tagger and a connection serve one thread at a time


def _folder() -> Path:
    import gruut_lang_en

    return Path(gruut_lang_en.__file__).parent


@lru_cache(maxsize=1)
def _lexicon() -> sqlite3.Connection:
    """The lexicon in memory with an index: its file has none, so that every look-up reads all 120,000 words."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.execute(
        "PRAGMA temp_store = MEMORY"
    )  # sorting would go through the temporary folder, which may be full
    connection.execute("ATTACH ? AS wheel", (str(_folder() / "lexicon.db"),))
    connection.execute(
        "CREATE TABLE word_phonemes AS SELECT word, pron_order, role, phonemes FROM wheel.word_phonemes"
    )
    connection.execute("CREATE INDEX by_word ON word_phonemes (word)")
    connection.commit()
    connection.execute("DETACH wheel")
    return connection


@lru_cache(maxsize=8192)
def pronunciations(word: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(part of speech or nothing, IPA) pairs of a word as written, the commonest first; none where it is unknown."""
    with _LOCK:
        rows = _lexicon().execute(
            "SELECT role, phonemes FROM word_phonemes WHERE word = ? ORDER BY pron_order", (word,)
        )
        return tuple((role.removeprefix("gruut:"), tuple(phonemes.split())) for role, phonemes in rows)


@lru_cache(maxsize=2)
def _model(name: str) -> Any:
    import pycrfsuite

    tagger = pycrfsuite.Tagger()
    tagger.open(str(_folder() / name / "model.crf"))
    return tagger


def _coded(text: str) -> str:
    return b64encode(text.encode()).decode("ascii")


def _word_features(word: str, place: str) -> dict[str, Any]:
    seen: dict[str, Any] = {
        "bias": 1.0,
        "word": _coded(word),
        "len(word)": len(word),
        "word.ispunctuation": word in string.punctuation,
        "word.isdigit()": word.isdigit(),
    }
    for size in (2, 3):
        seen[f"word[:{size}]"] = word[:size]
        seen[f"word[-{size}:]"] = word[-size:]
    return {place + name: value for name, value in seen.items()}


def parts_of_speech(words: Sequence[str]) -> list[str]:
    """Penn Treebank tags of the words of a sentence."""
    features = []
    for index, _ in enumerate(words):
        seen: dict[str, Any] = {}
        for step in (0, -1, -2, 1, 2):
            if 0 <= index + step < len(words):
                seen |= _word_features(words[index + step], f"{step:+d}:" if step else "")
        if index == 0:
            seen["BOS"] = True
        if index == len(words) - 1:
            seen["EOS"] = True
        features.append(seen)
    with _LOCK:
        return list(_model("pos").tag(features)) if features else []


@lru_cache(maxsize=2048)
def guess(word: str) -> tuple[str, ...]:
    """IPA of a word that no lexicon has, by a model from letters."""
    features = []
    for index, letter in enumerate(word):
        seen: dict[str, Any] = {"bias": 1.0, "grapheme": _coded(letter)}
        for step in (-3, -2, -1, 1, 2, 3):
            if 0 <= index + step < len(word):
                seen[f"grapheme{step:+d}"] = _coded(word[index + step])
        if index == 0:
            seen["begin"] = True
        if index == len(word) - 1:
            seen["end"] = True
        features.append(seen)
    with _LOCK:
        coded = _model("g2p").tag(features)
    symbols = (symbol for code in coded for symbol in b64decode(code.encode("ascii")).decode().split("|"))
    return tuple(symbol for symbol in symbols if symbol != "_")
