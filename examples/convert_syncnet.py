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
"""Converts the public SyncNet to a `FlowDubberSyncNet` folder, for LSE-C and LSE-D as the literature reports them.

    python examples/convert_syncnet.py syncnet_v2.model --output_dir outputs/syncnet-v2

`syncnet_v2.model` is what `download_model.sh` of github.com/joonson/syncnet_python fetches from the authors' server (Chung
and Zisserman, 2016; see there for its terms). The file is read as plain tensors (`weights_only=True`), never as code. The
model takes 224 x 224 colour faces, as that repository's `run_pipeline.py` crops them, not mouth crops.
"""

import argparse
import pickle
from pathlib import Path

import torch

from flowdubber_hf.models.syncnet import FlowDubberSyncNet, syncnet_v2_config
from flowdubber_hf.models.syncnet.conversion import convert_syncnet_state_dict


def convert(checkpoint: Path) -> FlowDubberSyncNet:
    """Reads a public SyncNet; raises `ValueError` where it is none or lacks a weight."""
    if not checkpoint.is_file():
        raise ValueError(f"there is no file {checkpoint}.")
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f"{checkpoint} holds no plain tensors ({str(error).splitlines()[0]}).") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ValueError(f"{checkpoint} holds no mapping of names to tensors.")
    state = convert_syncnet_state_dict(state)
    width = state["lips.out.weight"].shape[0]  # an option of the public class
    model = FlowDubberSyncNet(syncnet_v2_config(embedding_size=width))
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ValueError(f"{checkpoint} has other sizes than SyncNet: {error}") from error
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="syncnet_v2.model")
    parser.add_argument("--output_dir", type=Path, required=True)
    args = parser.parse_args()
    try:
        model = convert(args.checkpoint)
    except ValueError as error:
        parser.error(str(error))
    model.save_pretrained(args.output_dir)
    print(f"saved {sum(weight.numel() for weight in model.parameters()):,} weights to {args.output_dir}")


if __name__ == "__main__":
    main()
