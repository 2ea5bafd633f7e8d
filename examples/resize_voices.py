"""Makes further voices of those that there are: the same recordings as larger and smaller heads would have said them.

    python examples/resize_voices.py --dataset prepared/speech --output outputs/resized --sources librispeech speechocean762
    flowdubber prepare outputs/resized prepared/resized --val_share 0

A head that is larger by a tenth has its resonances and its pitch a tenth lower, and says everything a tenth slower: its sound is
that of the smaller head played slower. Each speaker gets `--sizes` such voices, by `--seed`: half of them larger, half smaller, each
always of the same size, so that a clip of such a voice can be the reference of another. The phoneme times of the dataset are stretched
with the sound and need not be looked for again.

For a dubber that has few voices to learn from (`train_dubber.py --sources ... librispeech-resized`). Only clips of the split `train`
are taken, and their rights are those of the recordings. Finished clips are kept, so the command can be stopped and started again.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from flowdubber_hf.data.codec import encode_audio
from flowdubber_hf.data.features import Clip, FeatureStore
from flowdubber_hf.processing.audio import SAMPLING_RATE
from flowdubber_hf.processing.sound import resample
from flowdubber_hf.work.files import replace_file
from made_speech import claim_folder, intervals, write_listing


SMALLER, LARGER = (0.86, 0.94), (1.06, 1.16)  # of the recorded size; nearer ones would hardly be other voices
MAX_SECONDS = 15.0


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", nargs="+", required=True, help="prepared folders whose phoneme times are known")
    parser.add_argument("--output", type=Path, required=True, help="folder for metadata.jsonl and the recordings")
    parser.add_argument("--sources", nargs="+", default=None, help="only clips of these corpora (default: all)")
    parser.add_argument("--sizes", type=int, default=2, help="voices made of each speaker")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def check_args(args: argparse.Namespace) -> None:
    """Refuses a number that makes no sense, and a folder that other settings have filled.

    Raises:
        ValueError: it does not, or it holds something else.
    """
    if args.sizes < 1:
        raise ValueError(f"--sizes must be at least 1, got {args.sizes}.")
    claim_folder(args.output, {"sizes": args.sizes, "seed": args.seed})


def draw_size(speaker: str, number: int, seed: int) -> float:
    """How large that voice's head is: of a speaker's voices, every other one is smaller."""
    return random.Random(f"size {seed} {speaker} {number}").uniform(*(LARGER if number % 2 else SMALLER))


def resized(store: FeatureStore, clip: Clip, number: int, size: float) -> tuple[dict[str, Any], np.ndarray]:
    """The row of `metadata.jsonl` and the sound `(samples,)` int16 of a clip in another size."""
    aligned = store.phones(clip.id)
    row = {
        "text": clip.text,
        "speaker": f"{clip.speaker}-{number}",
        "source": f"{clip.source}-resized",
        "audio": f"{clip.id}-{number}.flac",
    }
    row |= intervals(aligned.words, aligned.phonemes, aligned.word_index, size * aligned.times)
    sound = resample(store.audio(clip.id), round(SAMPLING_RATE / size))
    return row, np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16)


def wanted(store: FeatureStore, args: argparse.Namespace) -> Iterator[tuple[Clip, int, float]]:
    """Clips, each with the numbers and sizes of the voices that are to say it."""
    for clip in store.clips("train", args.sources, needs=("audio", "phones")):
        for number in range(args.sizes):
            size = draw_size(clip.speaker, number, args.seed)
            if size * clip.num_samples <= MAX_SECONDS * SAMPLING_RATE:
                yield clip, number, size


def main(arguments: list[str] | None = None) -> None:
    args = parse_args(arguments)
    check_args(args)
    store = FeatureStore(args.dataset)
    todo = list(wanted(store, args))
    if not todo:
        raise ValueError("no clip of the split train with known phoneme times and of these --sources is there.")
    rows = []
    for clip, number, size in tqdm(todo, desc="voices", unit="clip"):
        row, sound = resized(store, clip, number, size)
        if not (args.output / row["audio"]).is_file():
            replace_file(args.output / row["audio"], encode_audio(sound))
        rows.append(row)
    write_listing(args.output, rows)
    print(f"{len(rows)} clips of {len({row['speaker'] for row in rows})} voices in {args.output}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
