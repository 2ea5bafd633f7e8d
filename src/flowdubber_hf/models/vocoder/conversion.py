"""A public HiFi-GAN generator (Kong et al., arXiv 2010.05646) as transformers' `SpeechT5HifiGan`.

The method's siblings use the one of EmoDubber, 16 kHz, rates 8, 5, 2, 2 (github.com/GalaxyCong/EmoDubber, `Vocoder_16KHz/`):
a checkpoint whose `generator` holds the weights and a `config.json` beside it, as github.com/jik876/hifi-gan lays them out.
`SpeechT5HifiGan` computes the same network from plain weights, without the normalisation that SpeechT5 has in front.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

from flowdubber_hf.processing.audio import MEL_FLOOR, MEL_SETTINGS

from ...checkpoints.foreign import check_names, fold_weight_norm, load_strictly, locate, read_tensors, rename
from ...work.reading import read_json


KNOWN_FILES = ("generator.pt", "g_*", "*.pt", "*.pth", "*.ckpt")
CONFIG_FILE = "config.json"
# The network and the mel of EmoDubber's config.json, without what only its training reads.
FAMILY_SETTINGS: Mapping[str, Any] = {
    "resblock": "1",
    "upsample_rates": [8, 5, 2, 2],
    "upsample_kernel_sizes": [16, 10, 4, 4],
    "upsample_initial_channel": 512,
    "resblock_kernel_sizes": [3, 7, 11],
    "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
    "num_mels": 80,
    "n_fft": 640,
    "hop_size": 160,
    "win_size": 640,
    "sampling_rate": 16000,
    "fmin": 0,
    "fmax": 8000,
}
# Own names to public ones.
PUBLIC_NAMES = ((r"upsampler\.", "ups."),)
# Settings of the public config.json to the package's.
MEL_NAMES = {
    "sampling_rate": "sampling_rate",
    "n_fft": "n_fft",
    "win_size": "win_length",
    "hop_size": "hop_length",
    "num_mels": "num_mels",
    "fmin": "fmin",
    "fmax": "fmax",
}


def hifigan_config(public: Mapping[str, Any]) -> SpeechT5HifiGanConfig:
    """
    The settings of a public `config.json`, with those of the mel spectrogram that the generator takes, under the package's
    names.

    Raises:
        ValueError: one is missing or of another kind; a network that `SpeechT5HifiGan` cannot express; or another mel
            spectrogram than this package's, which no part of it could feed.
    """
    if public.get("fmax", 0) is None:  # librosa's way to say half the sampling rate
        public = {**public, "fmax": _number(public, "sampling_rate") / 2}
    mel = {own: _number(public, name) for name, own in MEL_NAMES.items()} | {"mel_floor": MEL_FLOOR}
    for name, value in mel.items():
        if value != MEL_SETTINGS[name]:
            raise ValueError(
                f"this HiFi-GAN takes mel spectrograms with {name} {value}, but every part of this package makes them with "
                f"{MEL_SETTINGS[name]}; take one of 16 kHz, such as EmoDubber's."
            )
    if str(public.get("resblock")) != "1":
        raise ValueError(f"only HiFi-GANs with resblock 1 can be converted, this one has {public.get('resblock')!r}.")
    rates, kernels = _numbers(public, "upsample_rates"), _numbers(public, "upsample_kernel_sizes")
    blocks, dilations = _numbers(public, "resblock_kernel_sizes"), public.get("resblock_dilation_sizes")
    channels = int(_number(public, "upsample_initial_channel"))
    if not isinstance(dilations, list) or len(dilations) != len(blocks) or len(rates) != len(kernels):
        raise ValueError("config.json must have a kernel for each of upsample_rates and dilations for each resblock.")
    dilations = [_numbers({"resblock_dilation_sizes": part}, "resblock_dilation_sizes") for part in dilations]
    if math.prod(rates) != mel["hop_length"]:
        raise ValueError(f"upsample_rates {rates} must multiply to hop_size {mel['hop_length']}.")
    if any(kernel < rate for rate, kernel in zip(rates, kernels, strict=True)):
        raise ValueError(f"upsample_kernel_sizes {kernels} must not be less than upsample_rates {rates}.")
    if channels % 2 ** len(rates):
        raise ValueError(f"upsample_initial_channel {channels} cannot be halved {len(rates)} times.")
    return SpeechT5HifiGanConfig(
        model_in_dim=mel["num_mels"],
        upsample_initial_channel=channels,
        upsample_rates=rates,
        upsample_kernel_sizes=kernels,
        resblock_kernel_sizes=blocks,
        resblock_dilation_sizes=dilations,
        normalize_before=False,
        **mel,
    )


def _number(public: Mapping[str, Any], name: str) -> int | float:
    value = public.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1e6:
        raise ValueError(f"config.json must give {name} as a number, got {value!r}.")
    return value


def _numbers(public: Mapping[str, Any], name: str) -> list[int]:
    values = public.get(name)
    whole = isinstance(values, list) and all(isinstance(value, int) and 1 <= value <= 1000 for value in values)
    if not whole or not 1 <= len(values) <= 16:
        raise ValueError(f"config.json must give {name} as a list of whole numbers, got {values!r}.")
    return values


def convert_hifigan(
    source: str | Path, file: str | None = None, settings: str | Path | None = None
) -> SpeechT5HifiGan:
    """
    Args:
        source: the checkpoint, a folder or a Hub id.
        file: its name in there, see [`~models.foreign.locate`].
        settings: the public `config.json`; the one beside the checkpoint by default.

    Raises:
        ValueError: no such file, settings or weights that do not fit; the message names what differs.
    """
    path = locate(source, KNOWN_FILES, file, beside=(CONFIG_FILE,))
    settings = Path(settings) if settings else path.with_name(CONFIG_FILE)
    if not settings.is_file():
        raise ValueError(f"there is no {settings}; give the vocoder's config.json with --settings.")
    network = hifigan_config(read_json(settings))
    with torch.device("meta"):
        sizes = SpeechT5HifiGan(network)
    tensors = fold_weight_norm(read_tensors(path, ("generator",)))
    tensors |= {"mean": torch.zeros(network.model_in_dim), "scale": torch.ones(network.model_in_dim)}
    what = f"{path} does not fit {settings.name}"
    # Sizes from outside take no memory before they are known to be those of the weights.
    check_names(sizes, tensors, what, _public_name)
    model = SpeechT5HifiGan(network)
    load_strictly(model, tensors, what, _public_name)
    return model


def _public_name(name: str) -> str:
    return rename(name, PUBLIC_NAMES)


__all__ = ["convert_hifigan", "hifigan_config"]
