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
"""Parameter names of the public `utmos22_strong` weights to this package's: fairseq's wav2vec2 to transformers'."""

import re

import torch


# The vector that replaces masked frames in training.
UNUSED = ("wav2vec2.mask_emb",)
# Pattern of the public name, and the name here; in order, the first that matches counts.
RENAMES = (
    (r"wav2vec2\.feature_extractor\.conv_layers\.(\d+)\.0\.", r"wav2vec2.feature_extractor.conv_layers.\1.conv."),
    (r"wav2vec2\.feature_extractor\.conv_layers\.0\.2\.", r"wav2vec2.feature_extractor.conv_layers.0.layer_norm."),
    (r"wav2vec2\.layer_norm\.", r"wav2vec2.feature_projection.layer_norm."),
    (r"wav2vec2\.post_extract_proj\.", r"wav2vec2.feature_projection.projection."),
    (r"wav2vec2\.encoder\.pos_conv\.0\.bias", r"wav2vec2.encoder.pos_conv_embed.conv.bias"),
    # The two ways in which PyTorch names the halves of a normalised weight.
    (
        r"wav2vec2\.encoder\.pos_conv\.0\.(weight_g|parametrizations\.weight\.original0)",
        r"wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.original0",
    ),
    (
        r"wav2vec2\.encoder\.pos_conv\.0\.(weight_v|parametrizations\.weight\.original1)",
        r"wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.original1",
    ),
    (r"(wav2vec2\.encoder\.layers\.\d+)\.self_attn\.", r"\1.attention."),
    (r"(wav2vec2\.encoder\.layers\.\d+)\.self_attn_layer_norm\.", r"\1.layer_norm."),
    (r"(wav2vec2\.encoder\.layers\.\d+)\.fc1\.", r"\1.feed_forward.intermediate_dense."),
    (r"(wav2vec2\.encoder\.layers\.\d+)\.fc2\.", r"\1.feed_forward.output_dense."),
    (r"(wav2vec2\.encoder\.layers\.\d+\.final_layer_norm|wav2vec2\.encoder\.layer_norm)\.", r"\1."),
    (r"projection\.0\.", r"projection."),
    (r"projection\.2\.", r"head."),
    (r"(domain_emb|judge_emb|blstm\.)", r"\1"),
)


def rename_utmos_weight(name: str) -> str:
    """The name here of a public weight; raises `ValueError` for a name that UTMOS does not have."""
    for pattern, replacement in RENAMES:
        renamed, count = re.subn(rf"^{pattern}", replacement, name)
        if count:
            return renamed
    raise ValueError(f"utmos22_strong has no weight {name!r}.")


def convert_utmos_state_dict(state_dict: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Renames the tensors of `utmos22_strong_step7459_v1.pt` for [`FlowDubberUtmos`] with its default config.

    Args:
        state_dict: as loaded from the file.

    Returns:
        The same tensors but for the mask vector, which only training uses.

    Raises:
        ValueError: a name that UTMOS does not have.
    """
    return {rename_utmos_weight(name): tensor for name, tensor in state_dict.items() if name not in UNUSED}


__all__ = ["convert_utmos_state_dict", "rename_utmos_weight"]
