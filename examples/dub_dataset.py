"""Dub the rows of a dataset: clips, scripts and voices as columns; the dubs are a dataset again.

    flowdubber demo demo
    echo '{"video": "demo.mp4", "script": "place blue at f two now", "reference": "demo_reference.wav"}' > demo/rows.jsonl
    python examples/dub_dataset.py --batch demo/rows.jsonl --output dubs

`--batch` is a listing as above (paths relative to it), the id of a dataset on the Hub, or its folder. Cells of the types `Video` and
`Audio` are not decoded before they are dubbed: `decode=False` leaves them as `{"path", "bytes"}`, which the pipeline reads itself,
so torchcodec is not needed. Where it is installed and cells are decoded, the pipeline takes its decoders as well.

The folder of the dubs has a `metadata.jsonl`, so `load_dataset("audiofolder", data_dir="dubs")` reads it and `push_to_hub` sends it.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Audio, Dataset, Video, load_dataset

from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.processing.wav import write_wav


def open_rows(name: str, split: str) -> Dataset:
    """The dataset with its media as files, not decoded."""
    if name.endswith(".jsonl"):
        folder = Path(name).parent
        rows = load_dataset("json", data_files=name, split="train")
        return rows.map(lambda row: {column: str(folder / row[column]) for column in ("video", "reference")})
    rows = load_dataset(name, split=split)
    for column, feature in rows.features.items():
        if isinstance(feature, (Audio, Video)):
            rows = rows.cast_column(column, type(feature)(decode=False))
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Dub the rows of a dataset.")
    parser.add_argument(
        "--batch", required=True, help="listing, id or folder with the columns video, script, reference"
    )
    parser.add_argument("--split", default="train", help="of the dataset")
    parser.add_argument("--output", type=Path, required=True, help="folder of the dubs, a new one")
    parser.add_argument("--model", default="flowdubber-grid-tiny", help="bundled name, folder or Hub id")
    parser.add_argument("--guidance_scale", type=float, default=1.4, help="1 is none and costs half")
    parser.add_argument("--seed", type=int, default=0, help="of every row")
    args = parser.parse_args(argv)

    rows = open_rows(args.batch, args.split)
    pipe = FlowDubberPipeline.from_pretrained(args.model)
    pipe.to("cuda" if torch.cuda.is_available() else "cpu")
    args.output.mkdir(parents=True)

    dubbed: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        dub = pipe(
            script=row["script"],
            video=row["video"],
            reference_audio=row["reference"],
            guidance_scale=args.guidance_scale,
            generator=torch.Generator("cpu").manual_seed(args.seed),
        )
        name = f"{number}.wav"
        write_wav(args.output / name, dub.audios[0], dub.sampling_rate)
        dubbed.append({"file_name": name, "script": row["script"], "words": [word for word, *_ in dub.words[0]]})
        print(f"{args.output / name}: {dub.durations[0]:.2f} s")
    lines = "".join(json.dumps(one) + "\n" for one in dubbed)
    (args.output / "metadata.jsonl").write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main()
