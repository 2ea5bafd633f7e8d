"""BiCodec (Spark-TTS's speech tokenizer) and its wav2vec2 to [`FlowDubberSpeechTokenizer`].

The public names of BiCodec's tensors are those of this package; weight normalisation is folded into plain weights.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import Wav2Vec2Config

from flowdubber_hf.processing.audio import SAMPLING_RATE

from ...checkpoints.foreign import WEIGHT_NORM_ENDINGS
from ...checkpoints.streaming import Recipe, plan_weights, shapes_of
from ...work.wording import listed
from .configuration_speech_tokenizer import FlowDubberSpeechTokenizerConfig
from .front_end import speaker_filters
from .modeling_speech_tokenizer import FlowDubberSpeechTokenizer


# What of the checkpoints is left out on purpose, by the beginnings of its names.
POSTNET = "postnet."
MEL_TRANSFORMER = "mel_transformer."
CONSTANTS = (MEL_TRANSFORMER, "speaker_encoder.quantizer.layers.", "speaker_encoder.quantizer.scales")
WAV2VEC2_PREFIX = "wav2vec2."
PRETRAINING = ("quantizer.", "project_q.", "project_hid.", "lm_head.")  # of wav2vec2, or of a recogniser made from it
MASK = "masked_spec_embed"

FEATURE_LAYERS = (11, 14, 16)
MAX_LAYERS = 256  # no public network of these kinds has more; a damaged file may ask for any number
_BACKBONE = ("vocos_dim", "vocos_intermediate_dim")
_DECODER = ("input_channels", *_BACKBONE, "vocos_num_layers", "out_channels")
# Settings of each section: those that must be there, and those that may be with what they are otherwise. Others would stop
# Spark-TTS's own code, but for the two sections from which it reads what it knows and passes the rest over.
_SECTIONS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "mel_params": (("sample_rate", "n_fft", "win_length", "hop_length", "mel_fmin", "num_mels"), {"mel_fmax": None}),
    "encoder": (_DECODER, {"sample_ratios": [1, 1]}),
    "decoder": (("input_channel", "channels", "rates", "kernel_sizes"), {"d_out": 1}),
    "quantizer": (
        ("input_dim", "codebook_size", "codebook_dim", "commitment"),
        {"codebook_loss_weight": 1.0, "decay": 0.99, "threshold_ema_dead_code": 2},
    ),
    "speaker_encoder": (
        ("input_dim", "out_dim", "latent_dim", "token_num"),
        {"fsq_levels": [4] * 6, "fsq_num_quantizers": 1},
    ),
    "prenet": ((*_DECODER, "condition_dim"), {"sample_ratios": [1, 1], "use_tanh_at_final": False}),
    "postnet": (_DECODER, {"condition_dim": None, "sample_ratios": [1, 1], "use_tanh_at_final": False}),
}
_PASSED_OVER = ("mel_params", "quantizer")


def _sections(codec: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """BiCodec's settings by section, complete.

    Raises:
        ValueError: a section or a setting is missing or unknown.
    """
    sections = {}
    for name, (needed, optional) in _SECTIONS.items():
        given = codec.get(name)
        if not isinstance(given, Mapping):
            raise ValueError(f"BiCodec's configuration has no section {name!r}.")
        given = {key: value for key, value in given.items() if key != "_target_"}
        missing = [key for key in needed if key not in given]
        unknown = [] if name in _PASSED_OVER else [key for key in given if key not in needed and key not in optional]
        for problem, keys in (("lacks", missing), ("has the unknown", unknown)):
            if keys:
                raise ValueError(f"BiCodec's configuration {problem} {listed([f'{name}.{key}' for key in keys])}.")
        sections[name] = {**optional, **given}
        if "vocos_num_layers" in given:
            _check_layers(f"BiCodec's {name}.vocos_num_layers", given["vocos_num_layers"])
    return sections


def bicodec_config(
    settings: Mapping[str, Any], codec: Mapping[str, Any], front_end: Wav2Vec2Config
) -> FlowDubberSpeechTokenizerConfig:
    """The configuration of BiCodec in this package.

    Args:
        settings: of Spark-TTS's `config.yaml`: sampling rate, reference window, volume.
        codec: what lies under `audio_tokenizer` in `BiCodec/config.yaml`.
        front_end: see [`wav2vec2_config`].

    Raises:
        ValueError: a setting is missing, unknown, or of a kind that this package does not compute.
    """
    part = _sections(codec)
    _check_agreement(settings, part)
    mel, encoder, quantizer, speaker = (
        part[name] for name in ("mel_params", "encoder", "quantizer", "speaker_encoder")
    )
    seconds = settings["ref_segment_duration"]
    fields = {
        "sampling_rate": mel["sample_rate"],
        "hop_length": mel["hop_length"],
        "feature_type": "wav2vec2",
        "feature_size": encoder["input_channels"],
        "wav2vec2_config": front_end,
        "wav2vec2_layers": list(FEATURE_LAYERS),
        "wav2vec2_tail": 0,
        "volume_normalize": settings["volume_normalize"],
        "hidden_size": encoder["vocos_dim"],
        "intermediate_size": encoder["vocos_intermediate_dim"],
        "latent_size": encoder["out_channels"],
        "num_encoder_layers": encoder["vocos_num_layers"],
        "num_prenet_layers": part["prenet"]["vocos_num_layers"],
        "num_postnet_layers": part["postnet"]["vocos_num_layers"],
        "sample_ratios": encoder["sample_ratios"],
        "codebook_size": quantizer["codebook_size"],
        "codebook_dim": quantizer["codebook_dim"],
        "commitment_weight": quantizer["commitment"],
        "codebook_weight": quantizer["codebook_loss_weight"],
        "codebook_decay": quantizer["decay"],
        "dead_code_threshold": quantizer["threshold_ema_dead_code"],
        "speaker_mel_bins": mel["num_mels"],
        "speaker_n_fft": mel["n_fft"],
        "speaker_win_length": mel["win_length"],
        "speaker_fmin": mel["mel_fmin"],
        "speaker_seconds": int(seconds) if isinstance(seconds, float) and seconds.is_integer() else seconds,
        "num_global_tokens": speaker["token_num"],
        "speaker_latent_size": speaker["latent_dim"],
        "fsq_levels": speaker["fsq_levels"],
        "decoder_channels": part["decoder"]["channels"],
        "upsample_rates": part["decoder"]["rates"],
        "upsample_kernel_sizes": part["decoder"]["kernel_sizes"],
    }
    try:
        return FlowDubberSpeechTokenizerConfig(**fields)
    except StrictDataclassError as error:
        raise ValueError(f"BiCodec's configuration: {error}") from error


def _check_agreement(settings: Mapping[str, Any], part: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuses settings that this package keeps as one where they differ, and those that it cannot compute."""
    for name in ("sample_rate", "latent_hop_length", "ref_segment_duration", "volume_normalize"):
        if name not in settings:
            raise ValueError(f"Spark-TTS's config.yaml lacks {name}.")
    mel, encoder, decoder, prenet, postnet = (
        part[name] for name in ("mel_params", "encoder", "decoder", "prenet", "postnet")
    )
    quantizer, speaker = part["quantizer"], part["speaker_encoder"]
    latent, hop = encoder["out_channels"], mel["hop_length"]
    same = [
        ("sample_rate", settings["sample_rate"], "this package's", SAMPLING_RATE),
        ("mel_params.sample_rate", mel["sample_rate"], "this package's", SAMPLING_RATE),
        ("mel_params.mel_fmax", mel["mel_fmax"] or SAMPLING_RATE / 2, "half the sampling rate", SAMPLING_RATE / 2),
        ("latent_hop_length", settings["latent_hop_length"], "mel_params.hop_length", hop),
        ("quantizer.input_dim", quantizer["input_dim"], "encoder.out_channels", latent),
        ("speaker_encoder.input_dim", speaker["input_dim"], "mel_params.num_mels", mel["num_mels"]),
        ("speaker_encoder.out_dim", speaker["out_dim"], "encoder.out_channels", latent),
        ("speaker_encoder.fsq_num_quantizers", speaker["fsq_num_quantizers"], "the only number known", 1),
        ("decoder.input_channel", decoder["input_channel"], "encoder.out_channels", latent),
        ("decoder.d_out", decoder["d_out"], "the only number known", 1),
        ("prenet.condition_dim", prenet["condition_dim"], "speaker_encoder.out_dim", latent),
        ("prenet.out_channels", prenet["out_channels"], "encoder.out_channels", latent),
        ("postnet.condition_dim", postnet["condition_dim"], "the only value known", None),
        ("postnet.out_channels", postnet["out_channels"], "encoder.input_channels", encoder["input_channels"]),
    ]
    for name in ("prenet", "postnet"):
        same.append((f"{name}.input_channels", part[name]["input_channels"], "encoder.out_channels", latent))
        same.append((f"{name}.use_tanh_at_final", part[name]["use_tanh_at_final"], "the only value known", False))
        for key in (*_BACKBONE, "sample_ratios"):
            same.append((f"{name}.{key}", part[name][key], f"encoder.{key}", encoder[key]))
    for name, value, other, expected in same:
        if value != expected:
            raise ValueError(f"BiCodec's {name} is {value!r}, {other} {expected!r}; this package cannot compute that.")


# Settings of a wav2vec2 that decide what its hidden states are.
_WAV2VEC2_SETTINGS = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "layer_norm_eps",
    "feat_extract_norm",
    "feat_extract_activation",
    "conv_dim",
    "conv_stride",
    "conv_kernel",
    "conv_bias",
    "num_conv_pos_embeddings",
    "num_conv_pos_embedding_groups",
    "do_stable_layer_norm",
)


def wav2vec2_config(settings: Mapping[str, Any], processor: Mapping[str, Any]) -> Wav2Vec2Config:
    """The front end's configuration, without what only training it asks.

    Args:
        settings: its `config.json`.
        processor: its `preprocessor_config.json`: how sound is prepared for it.

    Raises:
        ValueError: it is no wav2vec2, or wants another sound than this package makes for it.
    """
    if settings.get("model_type") != "wav2vec2" or settings.get("add_adapter"):
        raise ValueError("the front end's config.json is that of no wav2vec2 without an adapter.")
    for name, wanted in (("sampling_rate", SAMPLING_RATE), ("do_normalize", True), ("feature_size", 1)):
        if processor.get(name, wanted) != wanted:
            raise ValueError(f"the front end's {name} is {processor[name]!r}; this package makes {wanted!r}.")
    _check_layers("the front end's num_hidden_layers", settings.get("num_hidden_layers", 0))
    kept = {name: settings[name] for name in _WAV2VEC2_SETTINGS if settings.get(name) is not None}
    try:
        return Wav2Vec2Config(
            **kept, layerdrop=0.0, apply_spec_augment=False, mask_time_prob=0.0, mask_feature_prob=0.0
        )
    except (StrictDataclassError, TypeError) as error:
        raise ValueError(f"the front end's config.json: {error}") from error


def _check_layers(name: str, count: Any) -> None:
    if not isinstance(count, int) or not 0 < count <= MAX_LAYERS:
        raise ValueError(f"{name} is {count!r}; 1 to {MAX_LAYERS} layers are read.")


def plan_bicodec(
    model: FlowDubberSpeechTokenizer, bicodec: Mapping[str, torch.Tensor], wav2vec2: Mapping[str, torch.Tensor]
) -> tuple[dict[str, Recipe], list[str]]:
    """Where each tensor of the speech tokenizer comes from, see [`~models.streaming.plan_weights`].

    Args:
        model: with the configuration of [`bicodec_config`], on the meta device or not; without its postnet, that of the
            checkpoint is left out.
        bicodec: `BiCodec/model.safetensors`.
        wav2vec2: the front end's tensors, as a bare model or as pre-training or a recogniser keep them.

    Returns:
        The plan, and in words what of the checkpoints is left out.

    Raises:
        ValueError: tensors that are missing, unexpected or of another shape; constants that differ from this package's.
    """
    unused = CONSTANTS if model.postnet is not None else (*CONSTANTS, POSTNET)
    names = [name for name in model.state_dict() if not name.startswith(WAV2VEC2_PREFIX)]
    plan = plan_weights(model, bicodec, "BiCodec", names=names, unused=unused)
    _check_constants(model.config, bicodec)

    prefix = WAV2VEC2_PREFIX if any(name.startswith(WAV2VEC2_PREFIX) for name in wav2vec2) else ""
    heads = (*PRETRAINING, prefix + MASK)
    names = [name for name in model.state_dict() if name.startswith(WAV2VEC2_PREFIX)]
    plan |= plan_weights(
        model,
        wav2vec2,
        "wav2vec2",
        names=names,
        public_name=lambda name: _front_end_name(name, prefix, wav2vec2),
        unused=heads,
    )
    left_out = [
        f"{what} ({count} tensors)"
        for what, count in (
            ("BiCodec's postnet, training's", _count(bicodec, (POSTNET,) if model.postnet is None else ())),
            ("BiCodec's constants, computed here", _count(bicodec, CONSTANTS)),
            ("wav2vec2's pre-training heads", _count(wav2vec2, heads)),
        )
        if count
    ]
    return plan, left_out


def _count(names: Iterable[str], beginnings: tuple[str, ...]) -> int:
    return sum(name.startswith(beginnings) for name in names)


def _front_end_name(name: str, prefix: str, tensors: Mapping[str, torch.Tensor]) -> str:
    """The public name of a tensor of the front end: halves of a weight normalisation under the names that they have there."""
    public = prefix + name.removeprefix(WAV2VEC2_PREFIX)
    for new, old in zip(*WEIGHT_NORM_ENDINGS, strict=True):
        if public.endswith(new) and public.removesuffix(new) + old in tensors:
            return public.removesuffix(new) + old
    return public


def _check_constants(config: FlowDubberSpeechTokenizerConfig, tensors: Mapping[str, torch.Tensor]) -> None:
    """The constants that some checkpoints carry are those that this package computes."""
    bins, size, window = config.speaker_mel_bins, config.speaker_n_fft, config.speaker_win_length
    lowest = float(config.speaker_fmin)
    shapes = shapes_of(tensors)
    for name, shape, compute in (
        ("mel_scale.fb", (size // 2 + 1, bins), lambda: speaker_filters(bins, size, lowest, config.sampling_rate).T),
        ("spectrogram.window", (window,), lambda: torch.hann_window(window)),
    ):
        name = MEL_TRANSFORMER + name
        # The shape first: what a damaged file asks for may be too large to compute.
        if name in shapes and (
            shapes[name] != shape or not torch.allclose(tensors[name].float(), compute(), atol=1e-6)
        ):
            raise ValueError(f"BiCodec's {name} is not what its configuration says; this package cannot compute that.")


__all__ = ["bicodec_config", "plan_bicodec", "wav2vec2_config"]
