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
"""Puts separately trained parts together as one pipeline folder that `FlowDubberPipeline.from_pretrained` loads.

    python examples/assemble_pipeline.py --style_encoder runs/style_encoder --vocoder runs/vocoder/best \
        --speech_tokenizer runs/speech_tokenizer/best --semantic_model runs/semantic/best/model \
        --tokenizer runs/semantic/best/tokenizer --aligner runs/dubber/best/aligner \
        --vector_field runs/dubber/best/vector_field --output flowdubber-mine

Parts that are not named come from `--base_pipeline` where it is given. Weights are stored in half precision unless
`--dtype float32`; loading widens them again.
"""

from dataclasses import dataclass, field
from pathlib import Path

from transformers import HfArgumentParser

from flowdubber_hf.training.arguments import choose_from, run_script
from flowdubber_hf.training.export import DTYPES, PART_CLASSES, build_pipeline, folder_sizes, write_pipeline


@dataclass
class AssembleArguments:
    """Folders of the parts; without a base pipeline the language model's three may be left out together."""

    output: str = field(metadata={"help": "pipeline folder to write; must not exist unless --overwrite"})
    base_pipeline: str | None = field(default=None, metadata={"help": "name or folder that gives what is not named"})
    style_encoder: str | None = field(default=None)
    vocoder: str | None = field(default=None)
    aligner: str | None = field(default=None)
    vector_field: str | None = field(default=None)
    speech_tokenizer: str | None = field(default=None)
    semantic_model: str | None = field(default=None)
    tokenizer: str | None = field(default=None)
    card: str | None = field(default=None, metadata={"help": "README.md to put beside the parts"})
    dtype: str = field(default="float16", metadata={"help": "of the stored weights: float16 or float32"})
    overwrite: bool = field(default=False)

    def __post_init__(self):
        choose_from("--dtype", self.dtype, DTYPES)


def main() -> None:
    (arguments,) = HfArgumentParser(AssembleArguments).parse_args_into_dataclasses()
    if Path(arguments.output).exists() and not arguments.overwrite:
        raise ValueError(f"{arguments.output} exists; choose another folder or add --overwrite.")
    parts = {name: getattr(arguments, name) for name in PART_CLASSES}
    pipeline = build_pipeline({name: part for name, part in parts.items() if part}, arguments.base_pipeline)
    card = arguments.card and Path(arguments.card).read_text(encoding="utf-8")
    print(folder_sizes(write_pipeline(pipeline, arguments.output, card, arguments.dtype)))


if __name__ == "__main__":
    run_script(main)
