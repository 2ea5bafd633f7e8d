"""Ctrl-C once, and once more while the first one unwinds."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import signal
import subprocess
import sys
import textwrap

import pytest

from flowdubber_hf.work.interrupts import ending_at_second_interrupt


pytestmark = pytest.mark.slow


# Work that begins a file, says so, and takes its time when it is stopped.
SLOW = """
    import sys, time
    from pathlib import Path
    from flowdubber_hf.work.files import replacing

    def slow(*_):
        with replacing(Path({file!r})) as temporary:
            temporary.write_text("half")
            try:
                print("begun", flush=True)
                time.sleep(60)
            finally:
                time.sleep(60)
"""
COMMAND = """
    from flowdubber_hf import cli
    from flowdubber_hf.cli import demo
    demo._demo = slow
    sys.exit(cli.main(["demo", "x"]))
"""
TRAINING = """
    from flowdubber_hf.training.arguments import run_script
    run_script(slow)
"""
POOL = """
    from flowdubber_hf import cli
    from flowdubber_hf.cli import demo
    from flowdubber_hf.work.workers import run_pool
    demo._demo = lambda arguments: run_pool(time.sleep, [0, 60, 60], 2, lambda _: print("begun", flush=True))
    if __name__ == "__main__":
        sys.exit(cli.main(["demo", "x"]))
"""


def start(folder, code):
    file = folder / "script.py"
    file.write_text(
        textwrap.dedent(SLOW.format(file=str(folder / "made.txt"))) + textwrap.dedent(code), encoding="utf-8"
    )
    process = subprocess.Popen(
        [sys.executable, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
    )
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.parametrize("code", [COMMAND, TRAINING, POOL], ids=["command", "training", "processes"])
def test_a_second_interrupt_ends_at_once_and_without_a_word(tmp_path, code):
    with start(tmp_path, code) as process:
        process.send_signal(signal.SIGINT)
        if code == POOL:
            assert process.stderr.readline() == "\n"
            assert "Ctrl-C again" in process.stderr.readline()
        else:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(timeout=1)  # it unwinds
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert process.stderr.read() == ""
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


def test_one_interrupt_is_told_of(tmp_path):
    with start(tmp_path, COMMAND.replace("slow", "lambda _: (print('begun', flush=True), time.sleep(60))")) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert process.stderr.read() == "flowdubber: interrupted\n"


def test_a_programs_own_way_with_interrupts_stays():
    def own(*_):
        pass

    before = signal.signal(signal.SIGINT, own)
    try:
        with ending_at_second_interrupt():
            assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)
    with ending_at_second_interrupt():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
