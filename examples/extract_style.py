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
"""Writes the style vector of every prepared clip: `style/<id>.npy`, `(256,)` float32. Goes on where it stopped.

python examples/extract_style.py --features features --style_encoder runs/style_encoder
"""

from dataclasses import dataclass, field

import torch
from tqdm.auto import tqdm
from transformers import HfArgumentParser

from flowdubber_hf.data.features import FeatureStore, feature_path, save_array
from flowdubber_hf.models.style import FlowDubberStyleEncoder


@dataclass
class StyleArguments:
    """Where the features and the encoder lie."""

    features: str = field(metadata={"help": "folder written by examples/prepare_features.py"})
    style_encoder: str = field(metadata={"help": "folder of the style encoder"})
    overwrite: bool = field(default=False, metadata={"help": "compute those that exist again"})


@torch.no_grad()
def main() -> None:
    (arguments,) = HfArgumentParser(StyleArguments).parse_args_into_dataclasses()
    store = FeatureStore(arguments.features)
    encoder = FlowDubberStyleEncoder.from_pretrained(arguments.style_encoder, dtype=torch.float32).eval()
    written = 0
    for clip in tqdm(store.clips(), desc="style"):
        path = feature_path(store.root, "style", clip.id)
        if arguments.overwrite or not path.is_file():
            style = encoder(torch.from_numpy(store.audio(clip.id))[None]).style[0]
            save_array(path, style.numpy())
            written += 1
    print(f"{written} style vectors written for {len(store)} clips")


if __name__ == "__main__":
    main()
