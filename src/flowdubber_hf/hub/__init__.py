"""Publishing on the Hub: a pipeline as a folder that everyone loads, what may be sent, and one commit that sends it.

The names are loaded when they are first used: what a target or a dataset is wrong in is said without torch.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import importlib
from typing import TYPE_CHECKING, Any


_MODULES = {
    "Contents": "contents",
    "Sent": "upload",
    "StagedFile": "contents",
    "Target": "upload",
    "push": "publish",
    "read_contents": "contents",
    "send": "upload",
    "stage": "publish",
    "stage_for_hub": "staging",
    "stage_model_for_hub": "staging",
}

__all__ = [
    "Contents",
    "Sent",
    "StagedFile",
    "Target",
    "push",
    "read_contents",
    "send",
    "stage",
    "stage_for_hub",
    "stage_model_for_hub",
]

if TYPE_CHECKING:
    from .contents import Contents, StagedFile, read_contents
    from .publish import push, stage
    from .staging import stage_for_hub, stage_model_for_hub
    from .upload import Sent, Target, send


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value
