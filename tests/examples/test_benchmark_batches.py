"""Batches and processes: the script dubs the drawn clip in both ways and prints a table of each."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re

import pytest

from support.training_runs import load_script


pytestmark = pytest.mark.slow


def test_batches_and_processes(repository, capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(repository / "examples"))
    script = load_script(repository, "benchmark_batches")
    script.main(["--clips", "3", "--sizes", "2", "--processes", "1", "--repeats", "1"])
    said = capsys.readouterr().out
    batches, processes = said.split("\n\n")
    for title, size, part in (("clips at once", "2", batches), ("processes", "1", processes)):
        heads, _, row = part.strip().splitlines()
        assert heads == f"| {title} | processor seconds a clip | seconds a clip | clips a second |"
        found = re.fullmatch(rf"\| {size} \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", row)
        processor, clock, rate = map(float, found.groups())
        assert processor > 0 and rate == pytest.approx(1 / clock, rel=0.1)
