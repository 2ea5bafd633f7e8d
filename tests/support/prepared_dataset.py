"""Small prepared datasets for tests, made without recordings."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from flowdubber_hf.data.codec import encode_audio, encode_crops, to_pcm16
from flowdubber_hf.data.dataset import schema, write_data


def write_prepared(folder: Path, clips: Iterable[dict[str, Any]]) -> Path:
    """Writes a dataset that `FeatureStore(folder)` reads; returns the folder.

    Each clip is a dict with `id` and any of: `split` ("train"), `speaker` ("x"), `source` ("grid"), `text`, `reference`;
    `audio` `(samples,)` floats or int16 (default: as long as the crops, else 1 s of a tone); `crops` `(F, 96, 96)` uint8;
    `phones` a dict of `phonemes`, `word_index`, `words` (names or (word, start, end)) and `times`; `corpus_words`
    (word, start, end); `style` `(256,)`; `tokens` (semantic, global).
    """
    splits: dict[str, list[dict[str, Any]]] = {}
    for clip in clips:
        row = _row(**clip)
        splits.setdefault(row["split"], []).append(row)
    write_data(folder, {split: (rows, [1] * len(rows)) for split, rows in splits.items()})
    return folder


def _words(words: Iterable | None) -> list[dict] | None:
    if words is None:
        return None
    triples = [(word, 0.0, 0.0) if isinstance(word, str) else word for word in words]
    return [{"word": word, "start": start, "end": end} for word, start, end in triples]


def _row(
    id, split="train", speaker="x", source="grid", text=None, audio=None, crops=None, phones=None, **rest
) -> dict:
    if audio is None:
        audio = 0.3 * np.sin(np.arange(16000 if crops is None else 640 * len(crops)) * 0.2)
    pcm = audio if np.asarray(audio).dtype == np.int16 else to_pcm16(np.asarray(audio))
    semantic, voice = rest.get("tokens") or (None, None)
    row = dict.fromkeys(schema().names) | {
        "id": id,
        "file_name": f"{id}.mp4",
        "split": split,
        "speaker": speaker,
        "source": source,
        "text": text,
        "audio": encode_audio(pcm),
        "num_samples": len(pcm),
        "num_frames": 0 if crops is None else len(crops),
        "mouth": None if crops is None else encode_crops(crops),
        "corpus_words": _words(rest.get("corpus_words")),
        "style": rest.get("style"),
        "semantic_tokens": semantic,
        "global_tokens": voice,
        "reference": rest.get("reference"),
    }
    if phones is not None:
        row |= {"phonemes": phones["phonemes"], "word_index": phones["word_index"], "words": _words(phones["words"])}
        row["phoneme_times"] = [list(map(float, pair)) for pair in phones["times"]]
    return row
