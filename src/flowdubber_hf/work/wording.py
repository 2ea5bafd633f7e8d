"""Small pieces of messages: the first few of many names, and the known name that an unknown one is nearest to."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import difflib
from collections.abc import Iterable, Sequence


SHOWN_NAMES = 3  # before a message only counts
MAX_NAME = 120  # characters of a name in a message


def listed(names: Sequence[str], most: int = SHOWN_NAMES, quoted: bool = False) -> str:
    """The first few of some names, and how many more there are: `a, b, c and 4 more`."""
    shown = ", ".join(f'"{name[:MAX_NAME]}"' if quoted else name[:MAX_NAME] for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name that looks most like `name`, if one does: at least as much as `cutoff`, 0 to 1."""
    return next(iter(difflib.get_close_matches(name, list(known), 1, cutoff=cutoff)), None)


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The ending of a message about a name that is not known: the one that it is nearest to, or nothing."""
    near = nearest(name, known, cutoff)
    return f"; did you mean {near}?" if near else ""
