"""Whatever a foreign file holds, its reader answers with a value or one sentence: no traceback of another kind, no library's
bare message, no hang, no memory that the file only claims.

    pytest tests/fuzz                              # 2,000 cases, the same every time
    pytest tests/fuzz --fuzz-cases 100000          # the first 100,000
    pytest tests/fuzz --case textgrid:1234         # one again
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import random
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fuzz.targets import TARGETS, Target


pytestmark = pytest.mark.slow


SECONDS = 30
MOST_MEMORY = 2 * 10**6  # kB


@contextmanager
def limited_time() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"no answer after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def complaint(error: BaseException, target: Target) -> str | None:
    """What is wrong with an error as an answer; `None` where it is a sentence of this package."""
    kind, message = type(error), str(error)
    if kind is not ValueError and not (isinstance(error, ValueError) and kind.__module__.startswith("flowdubber_hf")):
        return f"{kind.__module__}.{kind.__name__}: {message[:300]}"
    if not any(place in message for place in target.places) or not message.rstrip().endswith((".", "?", ")")):
        return f"a bare message: {message[:300]}"
    return None


def try_case(name: str, number: int, folder: Path) -> str | None:
    """Damages a target's file and reads it; what was wrong with the answer."""
    target = TARGETS[name]
    draw = random.Random(f"{name}:{number}")
    file, content, damage = target.choose(folder, draw)
    damaged = damage(content, draw)
    file.write_bytes(damaged)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        with limited_time():
            target.read(folder, draw)
    except Exception as error:
        return complaint(error, target)
    finally:
        file.write_bytes(content)
        target.tidy(folder)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return f"{grown} kB of memory" if grown > MOST_MEMORY / 2 else None


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_damaged_input_is_answered_in_a_sentence(name, tmp_path, pytestconfig):
    wanted = pytestconfig.getoption("--case")
    if wanted and wanted.partition(":")[0] != name:
        pytest.skip("another case is asked for")
    target = TARGETS[name]
    target.make(tmp_path)
    target.read(tmp_path, random.Random(0))  # what is not damaged is read
    shares = sum(target.share for target in TARGETS.values())
    count = -(-pytestconfig.getoption("--fuzz-cases") * target.share // shares)
    numbers = [int(wanted.partition(":")[2])] if wanted else range(count)
    found = {}
    for number in numbers:
        problem = try_case(name, number, tmp_path)
        if problem:
            found[f"{name}:{number}"] = problem
    told = [f"{case}: {problem}" for case, problem in list(found.items())[:10]]
    assert not found, f"{len(found)} of {len(numbers)} cases:\n" + "\n".join(told)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < MOST_MEMORY * 2, "the whole suite's process"
