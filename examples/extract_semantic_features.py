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
"""Samples speech tokens for every training clip and caches the language model's hidden states for the dubber.

    python examples/extract_semantic_features.py --features features --model outputs/semantic/model \
        --tokenizer outputs/semantic/tokenizer

Writes `features/semantic/<id>.<seed>.npy` (float16, speech tokens x hidden size). Files that exist are kept, so the
command can be stopped and started again; remove the folder `semantic` after training the language model anew.
"""

import argparse
import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.models.semantic import FlowDubberSemanticForConditionalGeneration, check_tokenizer
from flowdubber_hf.training.semantic_data import read_spoken_clips
from flowdubber_hf.training.semantic_features import cache_semantic_features


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=Path, required=True, help="feature folder with phones/ and tokens/")
    parser.add_argument("--model", type=Path, required=True, help="folder of the trained language model")
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder of its tokenizer")
    parser.add_argument("--sources", nargs="+", default=["grid"])
    parser.add_argument("--train_seeds", type=int, default=2, help="samples of each training clip")
    parser.add_argument("--val_seeds", type=int, default=1, help="samples of each held-out clip")
    parser.add_argument("--own_reference", type=float, default=0.5, help="probability of the clip itself as reference")
    parser.add_argument("--without_transcript", type=float, default=0.5, help="probability of the voice-only prompt")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    args = parse_args(arguments)
    store = FeatureStore(args.features)
    tokenizer = AutoTokenizer.from_pretrained(args.tokenizer)
    model = FlowDubberSemanticForConditionalGeneration.from_pretrained(args.model, dtype=torch.float32).to(args.device)
    check_tokenizer(tokenizer, model.config)
    references = read_spoken_clips(store, "train", args.sources)
    for split, seeds in (("val", args.val_seeds), ("train", args.train_seeds)):
        if seeds == 0:
            continue
        targets = references if split == "train" else read_spoken_clips(store, split, args.sources)
        written = cache_semantic_features(
            model,
            tokenizer,
            store.root,
            targets,
            references,
            seeds,
            args.own_reference,
            args.without_transcript,
            batch_size=args.batch_size,
        )
        print(f"{split}: {written} files written for {len(targets)} clips")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
