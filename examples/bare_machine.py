"""Stand-ins for the packages that read and write media, on a machine where they are not installed.

Importing this before flowdubber_hf, which names them at import, is all there is to do. What a benchmark computes needs neither: its
sounds and pictures are arrays that it makes itself.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import sys
from collections.abc import Collection
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from types import ModuleType
from typing import Any


MEDIA = ("av", "cv2")


class Missing(type):
    """A class of a missing package: annotations may name it and what is in it, a call says what is missing."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{cls.__name__}.{name}", (), {})

    def __call__(cls, *_: Any, **__: Any) -> Any:
        package = cls.__name__.partition(".")[0]
        raise ImportError(f"{cls.__name__} was called, but {package} is not installed on this machine.")


class MissingModule(ModuleType):
    """A module of a missing package, with every name in it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{self.__name__}.{name}", (), {})


class StandIns:
    """Finds modules of the packages that are missing."""

    def __init__(self, packages: Collection[str]):
        self.packages = packages

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        missing = name.partition(".")[0] in self.packages
        return spec_from_loader(name, self, is_package=True) if missing else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return MissingModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


def stand_in(packages: Collection[str] = MEDIA) -> list[str]:
    """Stands in for those of `packages` that are not installed, and returns their names."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        sys.meta_path.append(StandIns(missing))
    return missing


stand_in()  # at import: the imports of a script stand together, and this one comes first
