"""FlowDubber for the Hugging Face ecosystem: a script, a silent clip and a voice in, lip-synced speech out.

The public names are loaded when they are first used, so that importing the package costs nothing.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import importlib
from typing import TYPE_CHECKING, Any

from .version import __version__


_PUBLIC = {
    "pipelines.flowdubber": (
        "FlowDubberPipeline",
        "FlowDubberPipelineOutput",
        "FlowDubberProcessor",
        "PreparedClip",
        "PreparedDub",
        "PreparedVoice",
    ),
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

if TYPE_CHECKING:  # `X as X` tells type checkers that X is public
    from .models.aligner import FlowDubberAlignerConfig as FlowDubberAlignerConfig
    from .models.aligner import FlowDubberAlignerModel as FlowDubberAlignerModel
    from .models.lip_reader import FlowDubberLipReader as FlowDubberLipReader
    from .models.lip_reader import FlowDubberLipReaderConfig as FlowDubberLipReaderConfig
    from .models.parts import bundled_checkpoint as bundled_checkpoint
    from .models.parts import load_part as load_part
    from .models.semantic import FlowDubberSemanticConfig as FlowDubberSemanticConfig
    from .models.semantic import (
        FlowDubberSemanticForConditionalGeneration as FlowDubberSemanticForConditionalGeneration,
    )
    from .models.speech_tokenizer import FlowDubberSpeechTokenizer as FlowDubberSpeechTokenizer
    from .models.speech_tokenizer import FlowDubberSpeechTokenizerConfig as FlowDubberSpeechTokenizerConfig
    from .models.style import FlowDubberStyleEncoder as FlowDubberStyleEncoder
    from .models.style import FlowDubberStyleEncoderConfig as FlowDubberStyleEncoderConfig
    from .models.syncnet import FlowDubberSyncNet as FlowDubberSyncNet
    from .models.syncnet import FlowDubberSyncNetConfig as FlowDubberSyncNetConfig
    from .models.utmos import FlowDubberUtmos as FlowDubberUtmos
    from .models.utmos import FlowDubberUtmosConfig as FlowDubberUtmosConfig
    from .models.vector_field import FlowDubberVectorField as FlowDubberVectorField
    from .models.vocoder import FlowDubberVocoder as FlowDubberVocoder
    from .models.vocoder import FlowDubberVocoderConfig as FlowDubberVocoderConfig
    from .pipelines.flowdubber import FlowDubberPipeline as FlowDubberPipeline
    from .pipelines.flowdubber import FlowDubberPipelineOutput as FlowDubberPipelineOutput
    from .pipelines.flowdubber import FlowDubberProcessor as FlowDubberProcessor
    from .pipelines.flowdubber import PreparedClip as PreparedClip
    from .pipelines.flowdubber import PreparedDub as PreparedDub
    from .pipelines.flowdubber import PreparedVoice as PreparedVoice
    from .processing.audio import load_audio as load_audio
    from .processing.audio import log_mel as log_mel
    from .processing.lips import FlowDubberLipFeatureExtractor as FlowDubberLipFeatureExtractor
    from .processing.text import PHONEMES as PHONEMES
    from .processing.text import Phonemization as Phonemization
    from .processing.text import phonemize as phonemize
    from .schedulers import FlowMatchMidpointDiscreteScheduler as FlowMatchMidpointDiscreteScheduler
    from .schedulers import flow_sigmas as flow_sigmas


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
