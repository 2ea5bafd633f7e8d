"""Spark-TTS as it is published, at any size and with random weights: names, shapes, settings and files of its folder.

The lists are written from the published layout (the project's own code and file listings), not from this package's classes.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import Qwen2Config, Qwen2ForCausalLM, Wav2Vec2Config, Wav2Vec2ForPreTraining


Shapes = dict[str, tuple[int, ...]]

# ECAPA-TDNN c512 and the perceiver resampler have these sizes in the code; no file of settings names them.
ECAPA, STATISTICS, BOTTLENECK = 512, 1536, 128
HEADS, HEAD_SIZE = 8, 64
RATES, KERNELS = (8, 5, 4, 2), (16, 11, 8, 4)


@dataclass(frozen=True)
class Sizes:
    """What BiCodec's settings decide; as published by default."""

    feature: int = 1024
    hidden: int = 384
    inner: int = 2048
    latent: int = 1024
    encoder_layers: int = 12
    prenet_layers: int = 12
    postnet_layers: int = 6
    codes: int = 8192
    code_size: int = 8
    mels: int = 128
    speaker_latent: int = 128
    voice_tokens: int = 32
    levels: tuple[int, ...] = (4, 4, 4, 4, 4, 4)
    channels: int = 1536


PUBLISHED = Sizes()
SMALL = Sizes(32, 16, 24, 20, 2, 2, 1, 40, 4, 24, 12, 8, (4, 4, 4), 32)
NORMS = {
    "new": (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
    "old": (".weight_g", ".weight_v"),
}

# Spark-TTS's families of speech tokens, in their order.
FAMILIES = {
    "bicodec_global": 4096,
    "bicodec_semantic": 8192,
    "pitch_value": 1001,
    "pitch_var_value": 11,
    "pitch_label": 5,
    "pitch_var_label": 5,
    "speed_value": 11,
    "speed_label": 5,
    "loudness_value": 31,
    "loudness_label": 5,
    "age": 5,
    "gender": 3,
    "emotion": 101,
}
TASKS = ("vc", "tts", "asr", "s2s", "t2s", "cap", "understand", "controllable_tts", "prompt_tts", "edit")
SECTIONS = ("content", "style_label", "style_prompt", "acoustic_token", "global_token", "semantic_token")
# Those that Qwen2.5 adds to its byte pairs, special ones first.
QWEN_SPECIAL = (
    "endoftext",
    "im_start",
    "im_end",
    *(f"{what}_{edge}" for what in ("object_ref", "box", "quad", "vision") for edge in ("start", "end")),
    "vision_pad",
    "image_pad",
    "video_pad",
)
QWEN_ADDED = [f"<|{name}|>" for name in QWEN_SPECIAL]
QWEN_ADDED += ["<tool_call>", "</tool_call>", *(f"<|fim_{part}|>" for part in ("prefix", "middle", "suffix", "pad"))]
QWEN_ADDED += ["<|repo_name|>", "<|file_sep|>"]


def speech_tokens(counts: dict[str, int]) -> list[str]:
    """All added tokens of Spark-TTS in id order."""
    tokens = [f"<|{family}_{number}|>" for family, count in counts.items() for number in range(count)]
    tokens += [f"<|task_{name}|>" for name in TASKS]
    return tokens + [f"<|{edge}_{name}|>" for edge in ("start", "end") for name in SECTIONS]


# ------------------------------------------------------------------------------------------------------ BiCodec's tensors


def _layer(name: str, *weight: int, bias: bool = True) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", weight
    if bias:
        yield f"{name}.bias", weight[:1]


def _normed(name: str, *weight: int, outputs: int, norm: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A weight-normalised convolution: one magnitude for each index of the first dimension."""
    magnitude, direction = NORMS[norm]
    yield f"{name}{magnitude}", (weight[0], *[1] * (len(weight) - 1))
    yield f"{name}{direction}", weight
    yield f"{name}.bias", (outputs,)


def _batch_norm(name: str, size: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for kind in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{kind}", (size,)
    yield f"{name}.num_batches_tracked", ()


def _norm(name: str, size: int, condition: int | None) -> Iterator[tuple[str, tuple[int, ...]]]:
    if condition is None:
        yield from _layer(name, size)
        return
    yield from _layer(f"{name}.scale", size, condition)
    yield from _layer(f"{name}.shift", size, condition)


def _backbone(
    name: str, inputs: int, sizes: Sizes, layers: int, condition: int | None = None
) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _layer(f"{name}.embed", sizes.hidden, inputs, 7)
    yield from _norm(f"{name}.norm", sizes.hidden, condition)
    for number in range(layers):
        block = f"{name}.convnext.{number}"
        yield f"{block}.gamma", (sizes.hidden,)
        yield from _layer(f"{block}.dwconv", sizes.hidden, 1, 7)
        yield from _norm(f"{block}.norm", sizes.hidden, condition)
        yield from _layer(f"{block}.pwconv1", sizes.inner, sizes.hidden)
        yield from _layer(f"{block}.pwconv2", sizes.hidden, sizes.inner)
    yield from _layer(f"{name}.final_layer_norm", sizes.hidden)


def _decoder(
    name: str, sizes: Sizes, layers: int, outputs: int, condition: int | None = None
) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _layer(f"{name}.linear_pre", sizes.hidden, sizes.latent)
    for stage in range(2):  # at the ratio 1 the resampling of a stage has no weights
        yield from _backbone(f"{name}.downsample.{stage}.1", sizes.hidden, sizes, 2)
    yield from _backbone(f"{name}.vocos_backbone", sizes.hidden, sizes, layers, condition)
    yield from _layer(f"{name}.linear", outputs, sizes.hidden)


def _ecapa(name: str, sizes: Sizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _layer(f"{name}.layer1.conv", ECAPA, sizes.mels, 5)
    yield from _batch_norm(f"{name}.layer1.bn", ECAPA)
    for layer in (2, 3, 4):
        block, group = f"{name}.layer{layer}.se_res2block", ECAPA // 8
        for part in (0, 2):
            yield from _layer(f"{block}.{part}.conv", ECAPA, ECAPA, 1)
            yield from _batch_norm(f"{block}.{part}.bn", ECAPA)
        for number in range(7):
            yield from _layer(f"{block}.1.convs.{number}", group, group, 3)
            yield from _batch_norm(f"{block}.1.bns.{number}", group)
        yield from _layer(f"{block}.3.linear1", BOTTLENECK, ECAPA)
        yield from _layer(f"{block}.3.linear2", ECAPA, BOTTLENECK)
    yield from _layer(f"{name}.conv", STATISTICS, 3 * ECAPA, 1)
    yield from _layer(f"{name}.pool.linear1", BOTTLENECK, 3 * STATISTICS, 1)
    yield from _layer(f"{name}.pool.linear2", STATISTICS, BOTTLENECK, 1)
    yield from _batch_norm(f"{name}.bn", 2 * STATISTICS)
    yield from _layer(f"{name}.linear", sizes.latent, 2 * STATISTICS)


def _speaker_encoder(name: str, sizes: Sizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _ecapa(f"{name}.speaker_encoder", sizes)
    sampler, size = f"{name}.perceiver_sampler", sizes.speaker_latent
    inner = size * 4 * 2 // 3
    yield f"{sampler}.latents", (sizes.voice_tokens, size)
    yield from _layer(f"{sampler}.proj_context", size, STATISTICS)
    for number in range(2):
        yield from _layer(f"{sampler}.layers.{number}.0.to_q", HEADS * HEAD_SIZE, size, bias=False)
        yield from _layer(f"{sampler}.layers.{number}.0.to_kv", 2 * HEADS * HEAD_SIZE, size, bias=False)
        yield from _layer(f"{sampler}.layers.{number}.0.to_out", size, HEADS * HEAD_SIZE, bias=False)
        yield from _layer(f"{sampler}.layers.{number}.1.0", 2 * inner, size)
        yield from _layer(f"{sampler}.layers.{number}.1.2", size, inner)
    yield f"{sampler}.norm.gamma", (size,)
    yield from _layer(f"{name}.quantizer.project_in", len(sizes.levels), size)
    yield from _layer(f"{name}.quantizer.project_out", size, len(sizes.levels))
    yield from _layer(f"{name}.project", sizes.latent, size * sizes.voice_tokens)


def _wave_generator(name: str, sizes: Sizes, norm: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _normed(f"{name}.model.0", sizes.channels, sizes.latent, 7, outputs=sizes.channels, norm=norm)
    for stage, kernel in enumerate(KERNELS):
        inputs, outputs, block = (
            sizes.channels // 2**stage,
            sizes.channels // 2 ** (stage + 1),
            f"{name}.model.{stage + 1}.block",
        )
        yield f"{block}.0.alpha", (1, inputs, 1)
        yield from _normed(f"{block}.1", inputs, outputs, kernel, outputs=outputs, norm=norm)
        for unit in (2, 3, 4):
            for part, width in ((1, 7), (3, 1)):
                yield f"{block}.{unit}.block.{part - 1}.alpha", (1, outputs, 1)
                yield from _normed(f"{block}.{unit}.block.{part}", outputs, outputs, width, outputs=outputs, norm=norm)
    last = sizes.channels // 2 ** len(KERNELS)
    yield f"{name}.model.5.alpha", (1, last, 1)
    yield from _normed(f"{name}.model.6", 1, last, 7, outputs=1, norm=norm)


def bicodec_shapes(sizes: Sizes = PUBLISHED, norm: str = "new") -> Shapes:
    """Names and shapes in `BiCodec/model.safetensors`, with weight normalisation in PyTorch's new or old names."""
    shapes: Shapes = {}
    shapes |= _backbone("encoder.encoder", sizes.feature, sizes, sizes.encoder_layers)
    for stage in range(2):
        shapes |= _backbone(f"encoder.downsample.{stage}.1", sizes.hidden, sizes, 2)
    shapes |= _layer("encoder.project", sizes.latent, sizes.hidden)
    shapes |= _normed("quantizer.in_project", sizes.code_size, sizes.latent, 1, outputs=sizes.code_size, norm=norm)
    shapes |= _normed("quantizer.out_project", sizes.latent, sizes.code_size, 1, outputs=sizes.latent, norm=norm)
    shapes |= {"quantizer.codebook.weight": (sizes.codes, sizes.code_size), "quantizer.cluster_size": (sizes.codes,)}
    shapes |= _speaker_encoder("speaker_encoder", sizes)
    shapes |= _decoder("prenet", sizes, sizes.prenet_layers, sizes.latent, condition=sizes.latent)
    shapes |= _decoder("postnet", sizes, sizes.postnet_layers, sizes.feature)
    shapes |= _wave_generator("decoder", sizes, norm)
    return shapes


def random_tensors(shapes: Shapes, seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights that keep signals of a like size everywhere, so that every layer counts."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, shape in shapes.items():
        kind = name.rpartition(".")[2]
        draw = torch.randn(shape, generator=generator)
        if kind == "num_batches_tracked":
            tensors[name] = torch.tensor(7)
        elif kind in ("original0", "weight_g"):
            tensors[name] = 0.3 + 0.2 * draw.abs()
        elif kind in ("running_var", "alpha", "gamma", "cluster_size"):
            tensors[name] = 0.5 + draw.abs()
        elif len(shape) > 1 and kind != "latents":
            tensors[name] = draw / math.prod(shape[1:]) ** 0.5
        elif kind == "weight":  # of a norm
            tensors[name] = 1 + 0.3 * draw
        else:
            tensors[name] = draw if kind == "latents" else 0.3 * draw
    return tensors


# ------------------------------------------------------------------------------------------------------------ the folder


def codec_settings(sizes: Sizes) -> dict:
    """`BiCodec/config.yaml`."""
    backbone = {"vocos_dim": sizes.hidden, "vocos_intermediate_dim": sizes.inner}
    net = {"input_channels": sizes.latent, **backbone, "out_channels": sizes.latent}
    return {
        "audio_tokenizer": {
            "mel_params": {
                "sample_rate": 16000,
                "n_fft": 1024,
                "win_length": 640,
                "hop_length": 320,
                "mel_fmin": 10,
                "mel_fmax": None,
                "num_mels": sizes.mels,
            },
            "encoder": {
                "input_channels": sizes.feature,
                **backbone,
                "vocos_num_layers": sizes.encoder_layers,
                "out_channels": sizes.latent,
                "sample_ratios": [1, 1],
            },
            "decoder": {
                "input_channel": sizes.latent,
                "channels": sizes.channels,
                "rates": list(RATES),
                "kernel_sizes": list(KERNELS),
            },
            "quantizer": {
                "input_dim": sizes.latent,
                "codebook_size": sizes.codes,
                "codebook_dim": sizes.code_size,
                "commitment": 0.25,
                "codebook_loss_weight": 2.0,
                "use_l2_normlize": True,
                "threshold_ema_dead_code": 0.2,
            },
            "speaker_encoder": {
                "input_dim": sizes.mels,
                "out_dim": sizes.latent,
                "latent_dim": sizes.speaker_latent,
                "token_num": sizes.voice_tokens,
                "fsq_levels": list(sizes.levels),
                "fsq_num_quantizers": 1,
            },
            "prenet": {
                **net,
                "vocos_num_layers": sizes.prenet_layers,
                "condition_dim": sizes.latent,
                "sample_ratios": [1, 1],
                "use_tanh_at_final": False,
            },
            "postnet": {
                **net,
                "vocos_num_layers": sizes.postnet_layers,
                "out_channels": sizes.feature,
                "use_tanh_at_final": False,
            },
        }
    }


SETTINGS = {
    "highpass_cutoff_freq": 40,
    "sample_rate": 16000,
    "segment_duration": 2.4,
    "max_val_duration": 12,
    "latent_hop_length": 320,
    "ref_segment_duration": 6,
    "volume_normalize": True,
}


def small_wav2vec2(feature: int) -> Wav2Vec2ForPreTraining:
    """As wav2vec2-large-xlsr-53 was published: with its pre-training heads."""
    torch.manual_seed(5)
    config = Wav2Vec2Config(
        hidden_size=feature,
        num_hidden_layers=17,
        num_attention_heads=2,
        intermediate_size=48,
        conv_dim=[16] * 7,
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        layerdrop=0.1,
        mask_time_prob=0.075,
        codevector_dim=16,
        proj_codevector_dim=16,
        num_codevectors_per_group=8,
    )
    return Wav2Vec2ForPreTraining(config).eval()


def old_names(name: str) -> str:
    """What PyTorch called the halves of a normalised weight when wav2vec2 was published."""
    for new, old in zip(NORMS["new"], NORMS["old"], strict=True):
        name = name.replace(new, old)
    return name


def write_tokenizer(folder: Path, counts: dict[str, int]) -> None:
    """All files of `LLM`'s tokenizer: few byte pairs, Qwen2.5's added tokens, then Spark-TTS's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    tokenizer.train_from_iterator(["Place the blue bin. Now set it down again, please!"] * 4, trainer)
    tokenizer.add_special_tokens(
        [AddedToken(token, normalized=False, special=True) for token in QWEN_ADDED[: len(QWEN_SPECIAL)]]
    )
    tokenizer.add_tokens(
        [AddedToken(token, normalized=False) for token in QWEN_ADDED[len(QWEN_SPECIAL) :] + speech_tokens(counts)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    whole = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    added = {entry["content"]: entry["id"] for entry in whole["added_tokens"]}
    decoder = {str(entry["id"]): {**entry, "id": None} for entry in whole["added_tokens"]}
    for entry in decoder.values():
        del entry["id"]
    end = {"content": "<|im_end|>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    settings = {
        "add_prefix_space": False,
        "added_tokens_decoder": decoder,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "tokenizer_class": "Qwen2Tokenizer",
    }
    files = {
        "vocab.json": whole["model"]["vocab"],
        "added_tokens.json": added,
        "tokenizer_config.json": settings,
        "special_tokens_map.json": {"eos_token": end, "pad_token": "<|endoftext|>"},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    merges = (pair if isinstance(pair, str) else " ".join(pair) for pair in whole["model"]["merges"])
    (folder / "merges.txt").write_text("\n".join(("#version: 0.2", *merges)), encoding="utf-8")


# Few of each, so that nothing that is taken from a list of constants would fit.
SMALL_COUNTS = dict(zip(FAMILIES, (64, 40, 13, 3, 2, 2, 3, 2, 4, 2, 2, 3, 6), strict=True))


@dataclass
class SparkTts:
    """A written folder and the networks in it."""

    folder: Path
    sizes: Sizes
    language_model: Qwen2ForCausalLM
    bicodec: dict[str, torch.Tensor]
    wav2vec2: Wav2Vec2ForPreTraining


def write_spark_tts(
    folder: Path, sizes: Sizes = SMALL, counts: dict[str, int] | None = None, norm: str = "new", tied: bool = True
) -> SparkTts:
    """A whole small Spark-TTS with random weights."""
    counts = counts or SMALL_COUNTS
    for name in ("LLM", "BiCodec", "wav2vec2-large-xlsr-53"):
        (folder / name).mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")

    write_tokenizer(folder / "LLM", counts)
    known = len(json.loads((folder / "LLM" / "vocab.json").read_text(encoding="utf-8")))
    known += len(QWEN_ADDED) + len(speech_tokens(counts))
    torch.manual_seed(3)
    qwen = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=known + 23,  # rows without a token, as the published model has
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            tie_word_embeddings=tied,
            initializer_range=0.3,
        )
    ).eval()
    qwen.save_pretrained(folder / "LLM")
    settings = json.loads((folder / "LLM" / "config.json").read_text(encoding="utf-8"))
    # As transformers 4 wrote it.
    settings |= {"rope_theta": 1e6, "torch_dtype": "bfloat16", "sliding_window": 512, "max_window_layers": 2}
    settings |= {"eos_token_id": 302, "bos_token_id": 300, "use_sliding_window": False}
    for name in ("rope_parameters", "layer_types", "dtype"):
        settings.pop(name, None)
    (folder / "LLM" / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "LLM" / "generation_config.json").unlink(missing_ok=True)
    qwen = Qwen2ForCausalLM.from_pretrained(folder / "LLM", dtype=torch.float32).eval()

    bicodec = random_tensors(bicodec_shapes(sizes, norm))
    save_file(bicodec, folder / "BiCodec" / "model.safetensors")
    (folder / "BiCodec" / "config.yaml").write_text(yaml.safe_dump(codec_settings(sizes)), encoding="utf-8")

    wav2vec2 = small_wav2vec2(sizes.feature)
    front_end = folder / "wav2vec2-large-xlsr-53"
    wav2vec2.config.save_pretrained(front_end)
    processor = {"do_normalize": True, "feature_size": 1, "padding_value": 0, "sampling_rate": 16000}
    (front_end / "preprocessor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    torch.save(
        {old_names(name): value for name, value in wav2vec2.state_dict().items()}, front_end / "pytorch_model.bin"
    )
    return SparkTts(folder, sizes, qwen, bicodec, wav2vec2)
