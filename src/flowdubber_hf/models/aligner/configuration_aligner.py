"""Configuration of the FlowDubber aligner."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from flowdubber_hf.models.lip_reader.configuration_lip_reader import ACTIVATIONS, FlowDubberLipReaderConfig


# Fields that an aligner shares with a lip reader, under their names there.
LIP_READER_FIELDS = {
    "lip_crop_size": "crop_size",
    "lip_image_mean": "image_mean",
    "lip_image_std": "image_std",
    "lip_stem_size": "stem_size",
    "lip_stem_stride": "stem_stride",
    "lip_stage_sizes": "stage_sizes",
    "lip_blocks_per_stage": "blocks_per_stage",
    "lip_activation": "activation",
}


DURATION_SOURCES = ("text", "semantics")
LIP_NORMALIZATIONS = ("fixed", "clip")
SEMANTIC_CHANNELS = ("attention", "path")


@strict
class FlowDubberAlignerConfig(PreTrainedConfig):
    r"""
    Sizes of the lip encoder, the phoneme encoder, dual contrastive aligning, semantic-aware phoneme learning and the
    fusion. The defaults are the paper family's (`base`).

    Args:
        vocab_size (`int`, defaults to 73): phonemes, id 0 is padding and the CTC blank.
        phoneme_accent (`str`, defaults to `"us"`): `us` or `gb`: how scripts name the letter z ("zee" or "zed"); as the
            training data do.
        hidden_size (`int`, defaults to 256): width of every sequence.
        num_hidden_layers (`int`, defaults to 16): transformer layers of the phoneme encoder.
        num_attention_heads (`int`, defaults to 2): heads of the phoneme encoder.
        intermediate_size (`int`, defaults to 768): its feed-forward width.
        phoneme_attention_window (`int`, *optional*): how many phonemes each way the phoneme encoder's attention sees; all if not
            given. With a window a long script reads like its sentences.
        num_prenet_layers (`int`, defaults to 3): convolutions before the phoneme encoder, each 5 wide.
        hidden_dropout (`float`, defaults to 0.1): dropout of encoders and fusion.
        style_size (`int`, defaults to 256): width of the speaker's style vector.
        lip_crop_size (`int`, defaults to 88): side of the grey mouth crops in pixels.
        lip_stem_size (`int`, defaults to 64): channels of the 3-D convolution stem (5 x 7 x 7).
        lip_stem_stride (`int`, defaults to 2): its stride over the picture; 2 is followed by a max-pool of 2 as in the
            lip-reading ResNet, 4 does both at once for a quarter of the work.
        lip_stage_sizes (`list[int]`, defaults to `[64, 128, 256, 512]`): channels of the residual trunk's stages.
        lip_blocks_per_stage (`int`, defaults to 2): residual blocks in a stage (2 is ResNet-18).
        lip_activation (`str`, defaults to `"prelu"`): of stem and trunk: `prelu`, `relu` or `silu`.
        lip_image_mean (`float`, defaults to 0.421), lip_image_std (`float`, defaults to 0.165): how the crops are normalised.
        lip_normalization (`str`, defaults to `"fixed"`): `fixed` takes the crops as they are; `clip` brings all crops of a clip
            to mean 0 and deviation 1 first, so that dark, pale and flat pictures look alike.
        num_lip_layers (`int`, defaults to 4): temporal convolution blocks over the lip features.
        alignment_temperature (`float`, defaults to 0.1): tau of the contrastive loss and of both attention maps.
        path_steps_per_frame (`int`, defaults to 2): steps of the monotonic search a video frame: 1, 2 or 4. Beyond 1 the
            boundaries of phonemes fall inside video frames (2: 20 ms) and the fusion gets them at the mel rate.
        num_duration_layers (`int`, defaults to 0): convolutions of the predictor of natural durations, which the search weighs
            against the lips; with 0 there is none, and the lips decide alone.
        duration_hidden_size (`int`, defaults to 128): its width.
        duration_dropout (`float`, defaults to 0.1): its dropout.
        duration_source (`str`, defaults to `"text"`): where natural durations come from: `"text"`, the predictor, or
            `"semantics"`, the speech that the language model writes, tied to the phonemes.
        evidence_weight (`float`, defaults to 0.1): of the lips' log-probability in each hundredth of a second against the
            logarithm of durations' likelihood, in the search with durations.
        semantic_channel (`str`, defaults to `"attention"`): how the language model's states reach the phonemes: `"attention"`, one
            vector a phoneme, or `"path"`, a taught tie with a monotonic path that keeps their place (see
            [`~models.aligner.semantic_knowledge.FlowDubberSemanticPath`]).
        semantic_hidden_size (`int`, defaults to 896): width of the language model's hidden states.
        num_semantic_heads (`int`, defaults to 4): heads of the phoneme-to-speech-token attention.
        num_fusion_layers (`int`, defaults to 5): Conformer blocks of the fusion.
        num_fusion_heads (`int`, defaults to 4): their heads.
        fusion_kernel_size (`int`, defaults to 15): their depthwise kernel.
        fusion_feedforward_ratio (`int`, defaults to 4): their feed-forward ratio.
        fusion_attention_window (`int`, *optional*): how many video frames each way the fusion's attention sees; all if
            not given.
        initializer_range (`float`, defaults to 0.02): standard deviation of embeddings and the learned null.

    Source: the paper's semantic-aware phoneme learning and dual contrastive aligning. What it leaves open, and the answers taken
    here, are listed in docs/architecture.md.
    """

    model_type = "flowdubber_aligner"

    vocab_size: int = 73
    phoneme_accent: str = "us"
    hidden_size: int = 256
    num_hidden_layers: int = 16
    num_attention_heads: int = 2
    intermediate_size: int = 768
    phoneme_attention_window: int | None = None
    num_prenet_layers: int = 3
    hidden_dropout: float | int = 0.1
    style_size: int = 256
    lip_crop_size: int = 88
    lip_stem_size: int = 64
    lip_stem_stride: int = 2
    lip_stage_sizes: list[int] | tuple[int, ...] = (64, 128, 256, 512)
    lip_blocks_per_stage: int = 2
    lip_activation: str = "prelu"
    lip_image_mean: float | int = 0.421
    lip_image_std: float | int = 0.165
    lip_normalization: str = "fixed"
    num_lip_layers: int = 4
    alignment_temperature: float | int = 0.1
    path_steps_per_frame: int = 2
    num_duration_layers: int = 0
    duration_hidden_size: int = 128
    duration_dropout: float | int = 0.1
    duration_source: str = "text"
    evidence_weight: float | int = 0.1
    semantic_channel: str = "attention"
    semantic_hidden_size: int = 896
    num_semantic_heads: int = 4
    num_fusion_layers: int = 5
    num_fusion_heads: int = 4
    fusion_kernel_size: int = 15
    fusion_feedforward_ratio: int = 4
    fusion_attention_window: int | None = None
    initializer_range: float | int = 0.02

    def __post_init__(self, **kwargs):
        self.lip_stage_sizes = list(self.lip_stage_sizes)
        super().__post_init__(**kwargs)

    @staticmethod
    def lip_reader_settings(config: FlowDubberLipReaderConfig) -> dict[str, Any]:
        """The fields of an aligner whose lip encoder has a lip reader's stem and trunk."""
        return {own: getattr(config, name) for own, name in LIP_READER_FIELDS.items()}

    def validate_sizes(self):
        """Raises `ValueError` for sizes that do not fit each other."""
        for name in ("num_attention_heads", "num_semantic_heads", "num_fusion_heads"):
            heads = getattr(self, name)
            if heads < 1 or self.hidden_size % (2 * heads):
                raise ValueError(f"`hidden_size` ({self.hidden_size}) must be a multiple of 2 * `{name}` ({heads}).")
        if self.phoneme_accent not in ("us", "gb"):
            raise ValueError(f"`phoneme_accent` must be us or gb, got {self.phoneme_accent!r}.")
        if not self.alignment_temperature > 0:
            raise ValueError(f"`alignment_temperature` must be positive, got {self.alignment_temperature}.")
        if self.lip_activation not in ACTIVATIONS:
            raise ValueError(f"`lip_activation` must be one of {', '.join(ACTIVATIONS)}, got {self.lip_activation!r}.")
        if self.lip_normalization not in LIP_NORMALIZATIONS:
            raise ValueError(
                f"`lip_normalization` must be one of {', '.join(LIP_NORMALIZATIONS)}, got {self.lip_normalization!r}."
            )
        if self.lip_stem_stride not in (2, 4):
            raise ValueError(f"`lip_stem_stride` must be 2 or 4, got {self.lip_stem_stride}.")
        if self.path_steps_per_frame not in (1, 2, 4):
            raise ValueError(f"`path_steps_per_frame` must be 1, 2 or 4, got {self.path_steps_per_frame}.")
        if self.duration_source not in DURATION_SOURCES:
            raise ValueError(
                f"`duration_source` must be one of {', '.join(DURATION_SOURCES)}, got {self.duration_source!r}."
            )
        if self.semantic_channel not in SEMANTIC_CHANNELS:
            raise ValueError(
                f"`semantic_channel` must be one of {', '.join(SEMANTIC_CHANNELS)}, got {self.semantic_channel!r}."
            )
        if self.duration_source == "semantics" and not self.num_duration_layers:
            raise ValueError(
                "`duration_source` semantics needs a predictor beside it: `num_duration_layers` of 1 or more."
            )
        if not self.lip_stage_sizes:
            raise ValueError("`lip_stage_sizes` needs at least one stage.")
        if self.fusion_kernel_size % 2 == 0:
            raise ValueError(f"`fusion_kernel_size` must be odd, got {self.fusion_kernel_size}.")


__all__ = ["FlowDubberAlignerConfig"]
