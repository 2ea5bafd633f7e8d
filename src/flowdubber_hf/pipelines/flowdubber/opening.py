"""How a pipeline is opened: a bundled checkpoint, a folder or one of the Hub, none of whose code or pickled weights is run."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path
from typing import Any, Self

import torch

from ...checkpoints.fetching import fetch_checkpoint
from ...checkpoints.sources import FETCH_OPTIONS, local_checkpoint
from ...models.aligner import FlowDubberAlignerModel
from ...models.semantic import FlowDubberSemanticForConditionalGeneration
from ...models.speech_tokenizer import FlowDubberSpeechTokenizer
from ...models.style import FlowDubberStyleEncoder
from ...models.vector_field import FlowDubberVectorField
from ...models.vocoder import FlowDubberVocoder
from ...processing.lips import FlowDubberLipFeatureExtractor
from ...schedulers import FlowMatchMidpointDiscreteScheduler
from ...work.reading import in_a_line
from .loading import check_folder, check_weight_files, check_weights


HUB_MODULES = {
    "flowdubber_speech_tokenizer": FlowDubberSpeechTokenizer.__module__,
    "flowdubber_semantic": FlowDubberSemanticForConditionalGeneration.__module__,
    "flowdubber_style": FlowDubberStyleEncoder.__module__,
    "flowdubber_lips": FlowDubberLipFeatureExtractor.__module__,
    "flowdubber_aligner": FlowDubberAlignerModel.__module__,
    "flowdubber_vector_field": FlowDubberVectorField.__module__,
    "flowdubber_vocoder": FlowDubberVocoder.__module__,
    "flowdubber_midpoint": FlowMatchMidpointDiscreteScheduler.__module__,
}


class OpeningMixin:
    """`from_pretrained` of [`FlowDubberPipeline`], and what it stands on."""

    @classmethod
    def load_config(
        cls, pretrained_model_name_or_path, return_unused_kwargs=False, return_commit_hash=False, **kwargs
    ):
        """As diffusers', with the module names of a published checkpoint mapped to this package's.

        A published index names import files of its own so that plain diffusers can load it; the class at hand is
        installed already, so none of the repository's code is run.
        """
        result = super().load_config(
            pretrained_model_name_or_path,
            return_unused_kwargs=return_unused_kwargs,
            return_commit_hash=return_commit_hash,
            **kwargs,
        )
        config = result[0] if isinstance(result, tuple) else result
        if isinstance(config.get("_class_name"), (list, tuple)):
            config["_class_name"] = config["_class_name"][-1]
        for name, entry in config.items():
            if isinstance(entry, (list, tuple)) and len(entry) == 2 and entry[0] in HUB_MODULES:
                config[name] = [HUB_MODULES[entry[0]], entry[1]]
        return result

    @classmethod
    def download(cls, pretrained_model_name, **kwargs) -> str:
        """The local folder of a checkpoint; one on the Hub is downloaded, but never its code or pickled weights.

        Args:
            pretrained_model_name (`str`): a bundled name, a folder, `ORG/NAME` or `ORG/NAME@REVISION`.
            kwargs: `revision`, `cache_dir`, `token`, `local_files_only`, `force_download` and `variant` of
                `from_pretrained`; parts that are given as objects are not fetched.

        Raises:
            ValueError: there is no such checkpoint, or it cannot be reached; the message says why, and what to do.
        """
        folder = local_checkpoint(pretrained_model_name)
        if folder is not None:
            return str(folder)
        expected, _ = cls._get_signature_keys(cls)
        parts = [name for name in expected if name not in kwargs]
        options = {name: kwargs[name] for name in (*FETCH_OPTIONS, "variant") if name in kwargs}
        return str(fetch_checkpoint(str(pretrained_model_name), parts, **options))

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **kwargs: Any) -> Self:
        r"""
        Loads a checkpoint: the name of a bundled one (`"flowdubber-grid-tiny"`), a folder, or a Hub id.

        Args:
            pretrained_model_name_or_path (`str` or `Path`): see above, a Hub id also as `ORG/NAME@REVISION`; the network is
                used for Hub ids only.
            dtype (`torch.dtype` or `dict`, *optional*, defaults to `torch.float32`): of the models; weights stored in half
                precision are widened.
            variant (`str`, *optional*): `"fp16"` reads `model.fp16.safetensors` where a part has it.
            kwargs: as `DiffusionPipeline.from_pretrained`: `revision`, `cache_dir`, `token`, `local_files_only`,
                `force_download`, parts (`scheduler=...`).

        Raises:
            ValueError: no such checkpoint or variant; missing, damaged or wrong-shaped parts; pickled weights; parts whose
                settings disagree.
        """
        folder = Path(cls.download(pretrained_model_name_or_path, **kwargs))
        variant = kwargs.get("variant")
        expected, _ = cls._get_signature_keys(cls)
        given = {name for name in expected if name in kwargs}
        read = sorted(set(expected) - given)
        required = [name for name in expected if name not in cls._optional_components]
        check_folder(folder, required, cls._optional_components, given)
        check_weight_files(folder, read, variant)
        if kwargs.get("torch_dtype") is None and kwargs.get("dtype") is None:
            kwargs["dtype"] = torch.float32
        try:
            pipe = super().from_pretrained(str(folder), **{"use_safetensors": True, **kwargs})
        except Exception as error:  # of whatever kind the libraries' readers raise: one sentence for all
            raise ValueError(f"{folder} cannot be loaded ({in_a_line(error)}); get it anew.") from error
        models = {name: part for name, part in pipe.components.items() if isinstance(part, torch.nn.Module)}
        check_weights(folder, {name: model for name, model in models.items() if name not in given}, variant)
        return pipe
