"""The public weights of UTMOS (`utmos22_strong_step7459_v1.pt`) as [`FlowDubberUtmos`].

The weights are the strong learner of https://github.com/sarulab-speech/UTMOS22 (MIT, Saruwatari & Koyama laboratory, the
University of Tokyo), in the form of https://github.com/tarepan/SpeechMOS. fairseq's names on their side, transformers' on
ours.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

from ...checkpoints.foreign import WEIGHT_NORM_ENDINGS, load_strictly, locate, read_tensors, rename
from .configuration_utmos import FlowDubberUtmosConfig
from .modeling_utmos import FlowDubberUtmos


KNOWN_FILES = ("utmos22_strong_step7459_v1.pt", "*.pt")
# The vector that replaces masked frames in training.
UNUSED = ("wav2vec2.mask_emb",)
# Own names to public ones.
PUBLIC_NAMES = (
    (r"wav2vec2\.feature_extractor\.conv_layers\.(\d+)\.conv\.", r"wav2vec2.feature_extractor.conv_layers.\1.0."),
    (r"wav2vec2\.feature_extractor\.conv_layers\.0\.layer_norm\.", r"wav2vec2.feature_extractor.conv_layers.0.2."),
    (r"wav2vec2\.feature_projection\.layer_norm\.", r"wav2vec2.layer_norm."),
    (r"wav2vec2\.feature_projection\.projection\.", r"wav2vec2.post_extract_proj."),
    (r"wav2vec2\.encoder\.pos_conv_embed\.conv\.", r"wav2vec2.encoder.pos_conv.0."),
    (r"(wav2vec2\.encoder\.layers\.\d+)\.attention\.", r"\1.self_attn."),
    (r"(wav2vec2\.encoder\.layers\.\d+)\.layer_norm\.", r"\1.self_attn_layer_norm."),
    (r"(wav2vec2\.encoder\.layers\.\d+)\.feed_forward\.intermediate_dense\.", r"\1.fc1."),
    (r"(wav2vec2\.encoder\.layers\.\d+)\.feed_forward\.output_dense\.", r"\1.fc2."),
    (r"projection\.", r"projection.0."),
    (r"head\.", r"projection.2."),
)


def convert_utmos(
    source: str | Path, file: str | None = None, config: FlowDubberUtmosConfig | None = None
) -> FlowDubberUtmos:
    """
    Args:
        source: the checkpoint, a folder or a Hub id.
        file: its name in there, see [`~models.foreign.locate`].
        config: sizes of the network; those of the public weights by default.

    Raises:
        ValueError: no such file, or it is not `utmos22_strong`; the message names what differs.
    """
    path = locate(source, KNOWN_FILES, file)
    tensors = {_newer_name(name): value for name, value in read_tensors(path).items() if name not in UNUSED}
    model = FlowDubberUtmos(config or FlowDubberUtmosConfig())
    load_strictly(model, tensors, f"{path} is not utmos22_strong", lambda name: rename(name, PUBLIC_NAMES))
    return model


def _newer_name(name: str) -> str:
    """A half of a normalised weight by the name that PyTorch has given it since version 2.1."""
    newer = WEIGHT_NORM_ENDINGS[0]
    for pair in WEIGHT_NORM_ENDINGS[1:]:
        for old, new in zip(pair, newer, strict=True):
            if name.endswith(old):
                return name.removesuffix(old) + new
    return name


__all__ = ["convert_utmos"]
