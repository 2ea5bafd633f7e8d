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
"""Parameter names of the public SyncNet (`syncnet_v2.model` of joonson/syncnet_python) to this package's."""

import torch


# Sequential positions of the convolutions, each followed by its batch norm.
_CONVOLUTIONS = (0, 4, 8, 11, 14, 18)
_LINEAR = {"0": "hidden", "1": "norm", "3": "out"}
_BRANCHES = {"lips": ("netcnnlip", "netfclip"), "audio": ("netcnnaud", "netfcaud")}
_COUNTER = "num_batches_tracked"


def _places() -> dict[str, str]:
    """Module names, public to own."""
    places = {}
    for own, (layers, head) in _BRANCHES.items():
        for number, position in enumerate(_CONVOLUTIONS):
            places[f"{layers}.{position}"] = f"{own}.layers.{number}.conv"
            places[f"{layers}.{position + 1}"] = f"{own}.layers.{number}.norm"
        places |= {f"{head}.{position}": f"{own}.{name}" for position, name in _LINEAR.items()}
    return places


def convert_syncnet_state_dict(state_dict: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """
    Renames the tensors of the public SyncNet for [`FlowDubberSyncNet`] with [`syncnet_v2_config`].

    The public network reads pictures as blue, green, red; here the first convolution's channels are turned around, so that
    pictures are red, green, blue.

    Args:
        state_dict: as loaded from the file, which may lack the batch norms' step counters.

    Returns:
        Tensors under this package's names.

    Raises:
        ValueError: a tensor that the public network does not have, or one that it has is missing or has another shape.
    """
    places, converted = _places(), {}
    for name, tensor in state_dict.items():
        module, _, kind = name.rpartition(".")
        if module not in places:
            raise ValueError(f"this is no SyncNet: it has a weight {name!r}.")
        converted[f"{places[module]}.{kind}"] = tensor
    for module in places.values():
        kinds = ["weight", "bias", *(["running_mean", "running_var"] if module.endswith("norm") else [])]
        missing = [f"{module}.{kind}" for kind in kinds if f"{module}.{kind}" not in converted]
        if missing:
            public = next(name for name, own in places.items() if own == module)
            raise ValueError(f"this is no whole SyncNet: it lacks {missing[0].rpartition('.')[2]} of {public!r}.")
        if module.endswith("norm"):
            converted.setdefault(f"{module}.{_COUNTER}", torch.zeros((), dtype=torch.long))
    first = "lips.layers.0.conv.weight"
    if converted[first].ndim != 5:
        raise ValueError(f"this is no SyncNet: its first layer has the shape {tuple(converted[first].shape)}.")
    converted[first] = converted[first].flip(1).contiguous()
    return converted


__all__ = ["convert_syncnet_state_dict"]
