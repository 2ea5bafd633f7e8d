"""Takes one speaker out of a corpus with a metadata.jsonl: some clips to fine-tune on, the others to test on.

    python examples/split_speaker.py --data ../shared/data/grid --speaker s4 --test 12 --output outputs/s4/grid
    MODEL=flowdubber-mine examples/recipes/finetune.sh outputs/s4/grid outputs/s4/tuned
    flowdubber evaluate --data outputs/s4/grid --model outputs/s4/tuned/dubber/pipeline --output outputs/s4/after

Of the speaker's `train` clips, `--test` become the split `dev`, chosen by a hash of their names so that every machine
chooses the same; the others stay `train`. The recordings are copied.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import hashlib
import json
import shutil
from pathlib import Path

from flowdubber_hf.data.features import save_text
from flowdubber_hf.training.arguments import run_script


def split_rows(rows: list[dict], speaker: str, test: int) -> list[dict]:
    """
    The speaker's rows of the split `train`, `test` of them moved to `dev`.

    Raises:
        ValueError: the speaker has no more than `test` clips.
    """
    own = [row for row in rows if row["speaker"] == speaker and row.get("split", "train") == "train"]
    if len(own) <= test:
        raise ValueError(f"{speaker} has {len(own)} clips to train on; --test must be smaller.")
    ranked = sorted(own, key=lambda row: hashlib.sha256(row["file_name"].encode()).digest())
    chosen = {row["file_name"] for row in ranked[:test]}
    return [{**row, "split": "dev" if row["file_name"] in chosen else "train"} for row in own]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with metadata.jsonl and the recordings")
    parser.add_argument("--speaker", required=True, help="as metadata.jsonl names it")
    parser.add_argument("--test", type=int, default=12, help="clips to test on")
    parser.add_argument("--output", type=Path, required=True, help="new folder")
    arguments = parser.parse_args()
    listing = arguments.data / "metadata.jsonl"
    if not listing.is_file():
        raise ValueError(f"there is no {listing}.")
    if arguments.output.exists():
        raise ValueError(f"{arguments.output} exists; name a new folder.")
    rows = [json.loads(line) for line in listing.read_text(encoding="utf-8").splitlines() if line.strip()]
    chosen = split_rows(rows, arguments.speaker, arguments.test)
    for row in chosen:
        target = arguments.output / row["file_name"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(arguments.data / row["file_name"], target)
    save_text(arguments.output / "metadata.jsonl", "".join(json.dumps(row) + "\n" for row in chosen))
    print(f"{len(chosen) - arguments.test} clips to train on, {arguments.test} to test on: {arguments.output}")


if __name__ == "__main__":
    run_script(main)
