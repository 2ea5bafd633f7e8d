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
"""Converts Resemblyzer's speaker encoder to a `FlowDubberStyleEncoder` folder.

    pip install resemblyzer
    python examples/convert_style_encoder.py --output_dir outputs/style_encoder

The weights come from the `resemblyzer` package (Resemble AI, Apache-2.0) and stay under that licence: the GE2E encoder
trained by Corentin Jemine on LibriSpeech-other, VoxCeleb1 and VoxCeleb2. Another checkpoint of the same layout is taken
with `--checkpoint`. The file is read as plain tensors (`weights_only=True`), never as code.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path

import torch

from flowdubber_hf.models.style import FlowDubberStyleEncoder, FlowDubberStyleEncoderConfig


def packaged_checkpoint() -> Path:
    """The weights inside the installed `resemblyzer` package, found without importing it."""
    spec = find_spec("resemblyzer")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError("resemblyzer is not installed; pip install resemblyzer or give --checkpoint.")
    return Path(next(iter(spec.submodule_search_locations))) / "pretrained.pt"


def convert(checkpoint: Path) -> FlowDubberStyleEncoder:
    """Reads a Resemblyzer checkpoint; raises `ValueError` where it lacks a weight or has another shape."""
    if not checkpoint.is_file():
        raise ValueError(f"there is no file {checkpoint}.")
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["model_state"]
    model = FlowDubberStyleEncoder(FlowDubberStyleEncoderConfig())
    # The checkpoint also holds the scale and offset of the training loss, which inference does not use.
    state = {name: value for name, value in state.items() if name in model.state_dict()}
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ValueError(f"{checkpoint} is not a Resemblyzer speaker encoder: {error}") from error
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, help="default: the file inside the installed resemblyzer")
    parser.add_argument("--fp16", action="store_true", help="half the size on disk; computes in float32 all the same")
    args = parser.parse_args()
    try:
        model = convert(args.checkpoint or packaged_checkpoint())
    except ValueError as error:
        parser.error(str(error))
    (model.half() if args.fp16 else model).save_pretrained(args.output_dir)
    print(f"saved {sum(weight.numel() for weight in model.parameters()):,} weights to {args.output_dir}")


if __name__ == "__main__":
    main()
