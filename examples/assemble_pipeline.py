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

    python examples/assemble_pipeline.py --style_encoder runs/style_encoder --vocoder runs/vocoder \
        --speech_tokenizer runs/speech_tokenizer --semantic_model runs/semantic_model --tokenizer runs/tokenizer \
        --aligner runs/dubber/aligner --vector_field runs/dubber/vector_field --output flowdubber-mine

Weights are stored in half precision unless `--dtype float32`; loading widens them again.
"""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from transformers import HfArgumentParser, PreTrainedTokenizerFast

from flowdubber_hf.models.aligner import FlowDubberAlignerModel
from flowdubber_hf.models.semantic import FlowDubberSemanticForConditionalGeneration
from flowdubber_hf.models.speech_tokenizer import FlowDubberSpeechTokenizer
from flowdubber_hf.models.style import FlowDubberStyleEncoder
from flowdubber_hf.models.vector_field import FlowDubberVectorField
from flowdubber_hf.models.vocoder import FlowDubberVocoder
from flowdubber_hf.pipelines.flowdubber import FlowDubberPipeline
from flowdubber_hf.processing.lips import FlowDubberLipFeatureExtractor


@dataclass
class AssembleArguments:
    """Folders of the parts; the language model's three may be left out together."""

    style_encoder: str = field()
    vocoder: str = field()
    aligner: str = field()
    vector_field: str = field()
    output: str = field(metadata={"help": "pipeline folder to write; must not exist unless --overwrite"})
    speech_tokenizer: str | None = field(default=None)
    semantic_model: str | None = field(default=None)
    tokenizer: str | None = field(default=None)
    dtype: str = field(default="float16", metadata={"help": "of the stored weights: float16 or float32"})
    overwrite: bool = field(default=False)

    def __post_init__(self):
        if self.dtype not in ("float16", "float32"):
            raise ValueError(f"--dtype must be float16 or float32, got {self.dtype}.")


def main() -> None:
    (arguments,) = HfArgumentParser(AssembleArguments).parse_args_into_dataclasses()
    output = Path(arguments.output)
    if output.exists() and not arguments.overwrite:
        raise SystemExit(f"{output} exists; choose another folder or add --overwrite.")

    def load(kind: type, folder: str | None) -> torch.nn.Module | None:
        return None if folder is None else kind.from_pretrained(folder, torch_dtype=torch.float32).eval()

    speech_tokenizer = load(FlowDubberSpeechTokenizer, arguments.speech_tokenizer)
    if speech_tokenizer is not None:
        speech_tokenizer.drop_postnet()
    tokenizer = arguments.tokenizer and PreTrainedTokenizerFast.from_pretrained(arguments.tokenizer)
    pipeline = FlowDubberPipeline(
        style_encoder=load(FlowDubberStyleEncoder, arguments.style_encoder),
        lip_feature_extractor=FlowDubberLipFeatureExtractor(),
        aligner=load(FlowDubberAlignerModel, arguments.aligner),
        vector_field=load(FlowDubberVectorField, arguments.vector_field),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0, invert_sigmas=True),
        vocoder=load(FlowDubberVocoder, arguments.vocoder),
        tokenizer=tokenizer or None,
        speech_tokenizer=speech_tokenizer,
        semantic_model=load(FlowDubberSemanticForConditionalGeneration, arguments.semantic_model),
    )
    pipeline.to(dtype=getattr(torch, arguments.dtype))
    pipeline.save_pretrained(output)
    total = 0
    for path in sorted(output.rglob("*")):
        if path.is_file():
            total += path.stat().st_size
            print(f"{path.stat().st_size / 1e6:8.2f} MB  {path.relative_to(output)}")
    print(f"{total / 1e6:8.2f} MB  in all, {output}")


if __name__ == "__main__":
    main()
