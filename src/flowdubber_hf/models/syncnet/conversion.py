"""The public SyncNet (`syncnet_v2.model`) as [`FlowDubberSyncNet`], for LSE-C and LSE-D as the literature reports them.

`download_model.sh` of https://github.com/joonson/syncnet_python fetches the file from the authors' server (Chung and
Zisserman, 2016; see there for its terms). The model takes 224 x 224 colour faces, as that repository's `run_pipeline.py`
crops them, not mouth crops.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import torch

from ...checkpoints.foreign import load_strictly, locate, read_tensors
from .configuration_syncnet import syncnet_v2_config
from .modeling_syncnet import FlowDubberSyncNet


KNOWN_FILES = ("syncnet_v2.model", "*.model")
# Sequential positions of the convolutions, each followed by its batch norm.
_CONVOLUTIONS = (0, 4, 8, 11, 14, 18)
_LINEAR = {"hidden": "0", "norm": "1", "out": "3"}
_BRANCHES = {"lips": ("netcnnlip", "netfclip"), "audio": ("netcnnaud", "netfcaud")}
_WIDTH = "netfclip.3.weight"


def public_syncnet_name(name: str) -> str:
    """The public name of one of [`FlowDubberSyncNet`]'s tensors."""
    branch, place, *rest = name.split(".")
    layers, head = _BRANCHES[branch]
    if place != "layers":
        return ".".join([head, _LINEAR[place], *rest])
    number, module, kind = rest
    return f"{layers}.{_CONVOLUTIONS[int(number)] + (module == 'norm')}.{kind}"


def convert_syncnet(source: str | Path, file: str | None = None) -> FlowDubberSyncNet:
    """
    The public network reads pictures as blue, green, red; here the first convolution's channels are turned around, so that
    pictures are red, green, blue.

    Args:
        source: the checkpoint, a folder or a Hub id.
        file: its name in there, see [`~models.foreign.locate`].

    Raises:
        ValueError: no such file, or it is not the public SyncNet; the message names what differs.
    """
    path = locate(source, KNOWN_FILES, file)
    tensors = read_tensors(path)
    # An option of the public class
    width = {"embedding_size": len(tensors[_WIDTH])} if _WIDTH in tensors and tensors[_WIDTH].ndim else {}
    model = FlowDubberSyncNet(syncnet_v2_config(**width))
    load_strictly(model, tensors, f"{path} is not the public SyncNet", public_syncnet_name)
    with torch.no_grad():
        first = model.lips.layers[0].conv.weight
        first.copy_(first.flip(1))
    return model


__all__ = ["convert_syncnet", "public_syncnet_name"]
