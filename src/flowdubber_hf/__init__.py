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
"""FlowDubber for the Hugging Face ecosystem: a script, a silent clip and a voice in, lip-synced speech out.

The public names are loaded when they are first used, so that importing the package costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

from .version import __version__


_PUBLIC = {
    "pipelines.flowdubber": ("FlowDubberPipeline", "FlowDubberPipelineOutput", "FlowDubberProcessor"),
    "models.aligner": ("FlowDubberAlignerConfig", "FlowDubberAlignerModel"),
    "models.lip_reader": ("FlowDubberLipReader", "FlowDubberLipReaderConfig"),
    "models.parts": ("bundled_checkpoint", "load_part"),
    "models.semantic": ("FlowDubberSemanticConfig", "FlowDubberSemanticForConditionalGeneration"),
    "models.speech_tokenizer": ("FlowDubberSpeechTokenizer", "FlowDubberSpeechTokenizerConfig"),
    "models.style": ("FlowDubberStyleEncoder", "FlowDubberStyleEncoderConfig"),
    "models.syncnet": ("FlowDubberSyncNet", "FlowDubberSyncNetConfig"),
    "models.utmos": ("FlowDubberUtmos", "FlowDubberUtmosConfig"),
    "models.vector_field": ("FlowDubberVectorField",),
    "models.vocoder": ("FlowDubberVocoder", "FlowDubberVocoderConfig"),
    "processing.audio": ("load_audio", "log_mel"),
    "processing.lips": ("FlowDubberLipFeatureExtractor",),
    "processing.text": ("PHONEMES", "Phonemization", "phonemize"),
    "schedulers": ("FlowMatchMidpointDiscreteScheduler", "flow_sigmas"),
}
_MODULES = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = ["__version__", *sorted(_MODULES)]

if TYPE_CHECKING:
    from .models.aligner import FlowDubberAlignerConfig, FlowDubberAlignerModel
    from .models.lip_reader import FlowDubberLipReader, FlowDubberLipReaderConfig
    from .models.parts import bundled_checkpoint, load_part
    from .models.semantic import FlowDubberSemanticConfig, FlowDubberSemanticForConditionalGeneration
    from .models.speech_tokenizer import FlowDubberSpeechTokenizer, FlowDubberSpeechTokenizerConfig
    from .models.style import FlowDubberStyleEncoder, FlowDubberStyleEncoderConfig
    from .models.syncnet import FlowDubberSyncNet, FlowDubberSyncNetConfig
    from .models.utmos import FlowDubberUtmos, FlowDubberUtmosConfig
    from .models.vector_field import FlowDubberVectorField
    from .models.vocoder import FlowDubberVocoder, FlowDubberVocoderConfig
    from .pipelines.flowdubber import FlowDubberPipeline, FlowDubberPipelineOutput, FlowDubberProcessor
    from .processing.audio import load_audio, log_mel
    from .processing.lips import FlowDubberLipFeatureExtractor
    from .processing.text import PHONEMES, Phonemization, phonemize
    from .schedulers import FlowMatchMidpointDiscreteScheduler, flow_sigmas


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
