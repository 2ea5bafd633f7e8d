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
"""Publishing on the Hub: a pipeline as a folder that everyone loads, what may be sent, and one commit that sends it.

The names are loaded when they are first used: what a target or a dataset is wrong in is said without torch.
"""

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
