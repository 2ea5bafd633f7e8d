"""What takes cost: the script runs on the drawn clip and says what it measured."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re

import pytest

from support.training_runs import load_script


pytestmark = pytest.mark.slow


def test_one_and_several_takes(repository, capsys):
    pytest.importorskip("pocketsphinx")
    load_script(repository, "benchmark_takes").main(["--clips", "2", "--takes", "2"])
    said = capsys.readouterr().out
    found = re.fullmatch(
        r"one take ([\d.]+) s, 2 takes ([\d.]+) s, of which choosing ([\d.]+) s: ([\d.]+) times one take, "
        r"([\d.]+) without the choosing \(medians of 1 clips\)\n",
        said,
    )
    one, several, choosing, times, without = map(float, found.groups())
    assert 0 < choosing < several and one > 0 and without < times
