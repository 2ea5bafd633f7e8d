"""What the machine and not somebody's input is to blame for: a full disk, a folder that may not be written, too many open files."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import errno
import os
import re
from collections.abc import Iterator


_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FAULTS = (*_NO_SPACE, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
# Libraries that are not Python's put the system's number into a text: safetensors, Arrow.
_NUMBER = re.compile(r"(?:os error |errno )(\d{1,3})\b", re.IGNORECASE)


def why(error: OSError) -> str:
    """What the system said, in words."""
    return _in_words(error.errno) or error.strerror or str(error)


def _in_words(number: int | None) -> str | None:
    if number in _NO_SPACE:
        return "there is no space left for it; free some, or choose a folder on another disk"
    return None if number is None else os.strerror(number)


def machine_fault(error: BaseException | None) -> str | None:
    """The fault of the machine that an error, or what caused it, tells of, in words; `None` where it tells of none.

    Such a fault meets every clip alike: work on the others ends too.
    """
    for number in _numbers(error):
        if number in _FAULTS:
            return _in_words(number)
    return None


def refusal(error: BaseException) -> str | None:
    """A sentence for what the system refused; `None` for an error of another kind."""
    fault = machine_fault(error)
    if fault is None and not isinstance(error, OSError):
        return None
    file = getattr(error, "filename", None)
    reason = fault or (why(error) if isinstance(error, OSError) else str(error))
    return f"{file}: {reason}." if file else f"a file could not be written: {reason}." if fault else f"{error}"


def _numbers(error: BaseException | None) -> Iterator[int]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno is not None:
            yield error.errno
        elif not isinstance(error, ValueError):  # a sentence of ours may quote a number, and is none
            yield from (int(number) for number in _NUMBER.findall(str(error)))
        error = error.__cause__ or error.__context__
