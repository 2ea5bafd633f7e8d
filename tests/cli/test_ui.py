"""`flowdubber ui`: refuses what it can before the models are loaded, and serves the page until Ctrl-C."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from flowdubber_hf import cli
from flowdubber_hf.cli import ui


pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "flowdubber-grid-tinny"], "did you mean the bundled flowdubber-grid-tiny?"),
        (["--port", "70000"], "--port must lie between 1 and 65535, got 70000."),
        (["--max-seconds", "601"], "--max-seconds must lie between 1 and 600"),
    ],
)
def test_mistakes_are_told_before_anything_is_loaded(options, message, capsys):
    assert cli.main(["ui", *options]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and "loading" not in captured.err


def test_what_to_install_is_said_where_gradio_is_absent(monkeypatch, capsys):
    monkeypatch.setattr(ui, "absent", lambda packages: packages)
    assert cli.main(["ui"]) == 2
    assert "needs gradio: pip install '.[space]'" in capsys.readouterr().err


def test_only_this_machine_unless_asked():
    assert cli.build_parser().parse_args(["ui"]).host == "127.0.0.1"


def test_it_serves_the_page_until_it_is_interrupted(tmp_path):
    pytest.importorskip("gradio", reason="gradio is not installed: pip install '.[space]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "GRADIO_TEMP_DIR": str(tmp_path / "gradio")}
    report = tmp_path / "report.json"
    command = [
        sys.executable,
        "-m",
        "flowdubber_hf",
        "ui",
        "--port",
        str(port),
        "--max-seconds",
        "7",
        "--json",
        str(report),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as process:
        try:
            line = next(line for line in process.stdout if "The page is at" in line)
            url = re.search(r"http\S+", line)[0]
            assert url == f"http://127.0.0.1:{port}/"
            with urllib.request.urlopen(f"{url}config", timeout=60) as answer:
                assert "Clip of the speaker (up to 7 s)" in answer.read().decode()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=120) == 0
        finally:
            process.kill()
    told = json.loads(report.read_text())
    assert (told["url"], told["model"], told["max_seconds"]) == (url, "flowdubber-grid-tiny", 7.0)
