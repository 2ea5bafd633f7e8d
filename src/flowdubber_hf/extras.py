"""Packages that only some of the work needs: the extra that brings each, and the line that installs it."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import importlib
import importlib.util
from collections.abc import Sequence
from types import ModuleType


EVALUATION = "eval"  # the extra that brings what judges speech

# It asks for webrtcvad, which needs a compiler; the extra `eval` brings the same module ready built.
_WITHOUT_ITS_LIST = ("resemblyzer",)


def pip_line(extra: str, packages: Sequence[str] = ()) -> str:
    """The command that installs an extra, and those of `packages` that no extra can bring; given in the folder of this repository,
    since no index has the package."""
    apart = "".join(f" && pip install --no-deps {name}" for name in packages if name in _WITHOUT_ITS_LIST)
    return f"pip install '.[{extra}]'{apart}"


def absent(packages: Sequence[str]) -> list[str]:
    """Those of `packages` that are not installed; none is imported."""
    return [name for name in packages if importlib.util.find_spec(name) is None]


def require_extra(extra: str, *modules: str, what: str, otherwise: str = "") -> ModuleType:
    """
    Imports modules that an extra brings.

    Args:
        extra: of this package.
        modules: to import, `"matplotlib"` or `"matplotlib.figure"`.
        what: needs them, for the message.
        otherwise: what can be done without them, for the message.

    Returns:
        The first of `modules`.

    Raises:
        ImportError: one of them cannot be imported; the message holds the line that installs it.
    """
    imported = []
    for name in modules:
        try:
            imported.append(importlib.import_module(name))
        except (ImportError, AttributeError) as error:  # the latter: an attribute of a package that lost a dependency
            package = name.split(".")[0]
            remedy = pip_line(extra, [package]) + (f", or {otherwise}" if otherwise else "")
            raise ImportError(f"{what} needs {package} (import failed: {error}): {remedy}") from error
    return imported[0]
