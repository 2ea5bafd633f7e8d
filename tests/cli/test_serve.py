"""`flowdubber serve`: refuses what it can before the model is loaded, and dubs until it is ended."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from flowdubber_hf import cli


pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "flowdubber-grid-tinny"], "did you mean the bundled flowdubber-grid-tiny?"),
        (["--port", "70000"], "--port must lie between 0 and 65535, got 70000."),
    ],
)
def test_mistakes_are_told_before_anything_is_loaded(options, message, capsys):
    assert cli.main(["serve", *options]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and "loading" not in captured.err


def test_a_port_that_is_taken_is_told(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.main(["serve", "--port", str(port)]) == 2
    assert f"nothing can listen on 127.0.0.1, port {port}" in capsys.readouterr().err


def test_it_cannot_be_told_to_listen_elsewhere(capsys):
    assert cli.main(["serve", "--host", "0.0.0.0"]) == 2


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_ended(stop, tmp_path):
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)}
    report = tmp_path / "report.json"
    words = [sys.executable, "-m", "flowdubber_hf", "serve", "--port", "0", "--json", str(report)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=variables) as process:
        try:
            line = next(line for line in process.stdout if "The server is at" in line)
            url, token = re.search(r"at (\S+) .* is in (.*)\.$", line).groups()
            assert Path(token).is_relative_to(tmp_path) and Path(token).is_file()
            process.send_signal(stop)
            assert process.wait(timeout=120) == 0
        finally:
            process.kill()
    told = json.loads(report.read_text())
    assert (told["url"], told["model"], told["made"]) == (url, "flowdubber-grid-tiny", 0)
    assert not Path(token).exists()
