"""Saved settings without the folder they were loaded from."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

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
