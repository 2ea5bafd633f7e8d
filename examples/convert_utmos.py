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
"""Converts the public weights of UTMOS (`utmos22_strong`) to a `FlowDubberUtmos` folder for `--metrics utmos`.

    python examples/convert_utmos.py --output_dir utmos22_strong

fetches `mos/utmos22_strong_step7459_v1.pt` of `k2-fsa/TTS_eval_models` from the Hugging Face Hub once (about 400 MB).
A file already at hand, from there or from the releases of https://github.com/tarepan/SpeechMOS, is taken with
`--checkpoint`, without the network. The file is read as plain tensors (`weights_only=True`), never as code.

The weights are the strong learner of https://github.com/sarulab-speech/UTMOS22 (MIT, Saruwatari & Koyama laboratory, the
University of Tokyo) and stay under that licence.
"""

import argparse
import pickle
from pathlib import Path

import torch
from huggingface_hub import hf_hub_download

from flowdubber_hf.models.utmos import FlowDubberUtmos, FlowDubberUtmosConfig, convert_utmos_state_dict


HUB_ID = "k2-fsa/TTS_eval_models"
HUB_FILE = "mos/utmos22_strong_step7459_v1.pt"


def fetch() -> Path:
    """The public file from the Hub or its cache; raises `ValueError` where neither has it."""
    try:
        return Path(hf_hub_download(HUB_ID, HUB_FILE))
    except OSError as error:
        raise ValueError(
            f"{HUB_FILE} of {HUB_ID} cannot be fetched from the Hub ({type(error).__name__}); get it where there is a "
            "network and give --checkpoint."
        ) from error


def convert(checkpoint: Path, config: FlowDubberUtmosConfig | None = None) -> FlowDubberUtmos:
    """Reads a public checkpoint; raises `ValueError` where it lacks a weight or has another shape.

    Args:
        config: sizes of the network; those of the public weights by default.
    """
    if not checkpoint.is_file():
        raise ValueError(f"there is no file {checkpoint}.")
    model = FlowDubberUtmos(config or FlowDubberUtmosConfig())
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model.load_state_dict(convert_utmos_state_dict(state), strict=True)
    except (RuntimeError, ValueError, AttributeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{checkpoint} does not hold the weights of utmos22_strong: {error}") from error
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, help="utmos22_strong_step7459_v1.pt; default: fetched from the Hub")
    args = parser.parse_args()
    try:
        model = convert(args.checkpoint or fetch())
    except ValueError as error:
        parser.error(str(error))
    model.save_pretrained(args.output_dir)
    print(f"saved {sum(weight.numel() for weight in model.parameters()):,} weights to {args.output_dir}")


if __name__ == "__main__":
    main()
