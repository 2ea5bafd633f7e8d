"""Writes down what is said in recordings that have no text, and keeps what two recognisers agree on.

    python examples/transcribe_speech.py --data ../shared/data/speech --whisper FOLDER --output outputs/transcribed
    flowdubber prepare outputs/transcribed prepared/transcribed --val_by speaker

`--data` is a folder with `metadata.jsonl` as `flowdubber prepare` reads it; its lines without `text` are heard. Whisper (a folder of
transformers or of CTranslate2, as `wer=FOLDER` of `flowdubber evaluate`) writes the text. PocketSphinx, which knows far less English but
makes nothing up, hears the same sound. A text is kept where the phonemes of both are alike enough (`--min_agreement`) and
where this package can say it. `--output` gets the recordings that are kept, in its folder `transcribed/`, and their `metadata.jsonl`;
it can be trained on beside `--data`.

What was heard is kept by recording: the command can be stopped and given again, and another `--min_agreement` hears nothing anew.
Needs the extras `train` and `eval`.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from flowdubber_hf.metrics import functional
from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.text import phonemize
from flowdubber_hf.work.files import replace_file, replacing
from flowdubber_hf.work.reading import parse_json, read_text
from listeners import pocketsphinx


LISTING, HEARD = "metadata.jsonl", "heard"
KEPT = "transcribed"  # folder of what is kept: a clip's name has to differ from that of `--data`'s, or both cannot be trained on
MAX_LISTING_BYTES = 200_000_000


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with metadata.jsonl and the recordings")
    parser.add_argument("--whisper", required=True, help="folder of a Whisper model, or its name on the Hub")
    parser.add_argument("--output", type=Path, required=True, help="folder for what is kept")
    parser.add_argument("--sources", nargs="+", help="only lines with these in the column `source`")
    parser.add_argument("--min_agreement", type=float, default=0.5, help="share of phonemes that both heard")
    parser.add_argument("--limit", type=int, help="only the first recordings")
    return parser.parse_args(arguments)


def rows_without_text(data: Path, sources: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The lines of a listing that nobody wrote down, in order.

    Raises:
        ValueError: no such file, a line that is no row, a recording that is not inside the folder, or no line without text.
    """
    listing = data / LISTING
    rows = []
    for number, line in enumerate(read_text(listing, MAX_LISTING_BYTES).splitlines(), 1):
        row = parse_json(line, f"{listing}, line {number}") if line.strip() else {}
        name = row.get("file_name") or row.get("audio") if isinstance(row, dict) else None
        if row and not isinstance(name, str):
            raise ValueError(f"{listing}, line {number} names no recording (`file_name` or `audio`).")
        if not row or row.get("text") or (sources and row.get("source") not in sources):
            continue
        if not (data / name).resolve().is_relative_to(data.resolve()):
            raise ValueError(f"{listing}, line {number}: {name} lies outside of the folder.")
        rows.append({**row, "file_name": name})
    if not rows:
        raise ValueError(f"{listing} has no line without text{' of these sources' if sources else ''}.")
    return rows


def sounds_of(text: str) -> list[str]:
    """The phonemes of a text, without stress and silences.

    Raises:
        ValueError: it cannot be said.
    """
    return [phoneme.rstrip("012") for spoken in phonemize(text).pronunciations for phoneme in spoken]


def agreement(first: str, second: str) -> float:
    """The share of the phonemes of the first text that the second has at the same place, 0 to 1; 0 where one cannot be said."""
    try:
        sounds = [" ".join(sounds_of(text)) for text in (first, second)]
    except ValueError:
        return 0.0
    return max(0.0, 1.0 - functional.word_errors(*sounds).rate)


def hear(
    data: Path, cache: Path, rows: Sequence[dict[str, Any]], listeners: dict[str, Callable[[np.ndarray], str]]
) -> list[dict[str, Any]]:
    """What each listener hears in each recording, from the cache where it did; `problem` where there is no sound."""
    found = []
    for row in tqdm(rows, desc="listening", unit="recording"):
        kept = cache / f"{row['file_name']}.json"
        if not kept.is_file():
            try:
                sound = load_audio(data / row["file_name"])
                texts: dict[str, Any] = {name: listener(sound) for name, listener in listeners.items()}
                texts["seconds"] = len(sound) / 16000
            except ValueError as error:
                texts = {"problem": " ".join(str(error).split())}
            replace_file(kept, json.dumps(texts).encode())
        found.append(parse_json(read_text(kept), kept))
    return found


def judge(heard: dict[str, Any], min_agreement: float) -> str | None:
    """Why a text is not kept; `None` where it is."""
    if "problem" in heard:
        return "the recording cannot be read"
    if not heard["whisper"].strip():
        return "nothing was heard"
    if agreement(heard["whisper"], heard["pocketsphinx"]) < min_agreement:
        return "the recognisers disagree"
    return None


def write_kept(data: Path, output: Path, rows: Sequence[dict[str, Any]], heard: Sequence[dict[str, Any]]) -> None:
    """Recordings and listing of what is kept."""
    lines = []
    for row, texts in zip(rows, heard, strict=True):
        name = f"{KEPT}/{row['file_name']}"
        copy = output / name
        if not copy.is_file():
            with replacing(copy) as temporary:
                shutil.copyfile(data / row["file_name"], temporary)
        lines.append(json.dumps({**row, "file_name": name, "text": texts["whisper"].strip()}) + "\n")
    replace_file(output / LISTING, "".join(lines).encode())


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_args(arguments)
    if not 0 <= args.min_agreement <= 1:
        raise ValueError("`min_agreement` must lie between 0 and 1.")
    if args.output.resolve() == args.data.resolve():
        raise ValueError("`output` must be another folder than `data`, whose listing would be lost.")
    rows = rows_without_text(args.data, args.sources)[: args.limit]
    from flowdubber_hf.metrics.neural import load_whisper

    cache = args.output / HEARD / Path(args.whisper).name  # another model hears anew
    heard = hear(args.data, cache, rows, {"whisper": load_whisper(args.whisper), "pocketsphinx": pocketsphinx().hears})
    reasons = [judge(texts, args.min_agreement) for texts in heard]
    good = [number for number, reason in enumerate(reasons) if reason is None]
    write_kept(args.data, args.output, [rows[number] for number in good], [heard[number] for number in good])
    seconds = sum(heard[number]["seconds"] for number in good)
    speakers = [len({row.get("speaker") for row in part}) for part in ([rows[number] for number in good], rows)]
    print(
        f"kept {len(good)} of {len(rows)} recordings, {seconds / 60:.1f} min, {speakers[0]} of {speakers[1]} speakers"
    )
    for reason, count in Counter(reason for reason in reasons if reason).most_common():
        print(f"  left out {count}: {reason}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, ImportError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
