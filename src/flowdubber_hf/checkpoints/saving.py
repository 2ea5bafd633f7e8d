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
"""Saved settings without the folder they were loaded from."""

from diffusers import ConfigMixin


class PathlessConfigMixin(ConfigMixin):
    """A diffusers configuration whose JSON leaves out `_name_or_path`, the local path that loading records."""

    def to_json_string(self) -> str:
        """The configuration as JSON, as diffusers writes it, without the local path."""
        recorded = self._internal_dict
        self._internal_dict = type(recorded)({k: v for k, v in recorded.items() if k != "_name_or_path"})
        try:
            return super().to_json_string()
        finally:
            self._internal_dict = recorded
