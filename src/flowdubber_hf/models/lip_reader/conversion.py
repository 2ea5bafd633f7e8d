"""The LRW-trained front end of "Lipreading using Temporal Convolutional Networks" as [`FlowDubberLipReader`].

Source: github.com/mpc001/Lipreading_using_Temporal_Convolutional_Networks, whose model zoo links to the checkpoints
(`resnet18_mstcn` and `resnet18_dctcn`, video) and whose licence allows non-commercial use only. The network behind the front
end, which guesses words, is left out: the method takes the features before it.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

from ...checkpoints.foreign import load_strictly, locate, read_tensors, rename
from .configuration_lip_reader import FlowDubberLipReaderConfig
from .modeling_lip_reader import FlowDubberLipReader


KNOWN_FILES = ("lrw_resnet18_mstcn_video.pth", "lrw_*.pth", "*.pth", "*.pth.tar")
# What guesses the word from the features.
WORD_NETWORK = ("tcn.", "tcn_output.")
SLOPES = "frontend3D.2.weight"
# What the public settings call the activations.
ACTIVATIONS = {"prelu": "prelu", "relu": "relu", "swish": "silu"}
# Own names to public ones, but for the number of a block, which the public network counts by stage.
PUBLIC_NAMES = (
    (r"trunk\.stem\.", "frontend3D.0."),
    (r"trunk\.stem_norm\.", "frontend3D.1."),
    (r"trunk\.stem_act\.", "frontend3D.2."),
)


def public_lip_reader_name(name: str, blocks_per_stage: int = 2) -> str:
    """The public name of one of [`FlowDubberLipReader`]'s tensors."""
    if not name.startswith("trunk.trunk."):
        return rename(name, PUBLIC_NAMES)
    number, _, rest = name.removeprefix("trunk.trunk.").partition(".")
    stage, block = divmod(int(number), blocks_per_stage)
    return f"trunk.layer{stage + 1}.{block}.{rest}"


def convert_lip_reader(
    source: str | Path, file: str | None = None, activation: str | None = None
) -> FlowDubberLipReader:
    """
    Args:
        source: the checkpoint, a folder or a Hub id.
        file: its name in there, see [`~models.foreign.locate`].
        activation: `prelu`, `relu` or `swish`, `relu_type` of the checkpoint's settings. Slopes among the weights tell `prelu`;
            the other two leave no trace and must be named.

    Raises:
        ValueError: no such file, an activation that is not known, or it is not that front end; the message names what differs.
    """
    path = locate(source, KNOWN_FILES, file)
    tensors = {
        name: tensor
        for name, tensor in read_tensors(path, ("model_state_dict", "state_dict")).items()
        if not name.startswith(WORD_NETWORK)
    }
    if activation is None and SLOPES not in tensors:
        raise ValueError(
            f"{path} does not tell which activation its network has; name it with --activation. The repository's "
            "configs/*.json have it as relu_type: swish for lrw_resnet18_mstcn."
        )
    model = FlowDubberLipReader(FlowDubberLipReaderConfig(activation=ACTIVATIONS[activation or "prelu"]))
    load_strictly(model, tensors, f"{path} is not the ResNet-18 lip reader", public_lip_reader_name)
    return model


__all__ = ["convert_lip_reader", "public_lip_reader_name"]
