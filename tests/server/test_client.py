"""`flowdubber dub --server` does what `flowdubber dub` does: the same sound, report, messages and exit codes."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import shutil
import socket
import subprocess
import sys

import pytest

from flowdubber_hf import cli
from flowdubber_hf.server import dubs as room
from flowdubber_hf.server.protocol import port_of
from flowdubber_hf.server.token import token_file


pytestmark = pytest.mark.slow


@pytest.fixture
def call(demo, model, server, tmp_path, monkeypatch, capsys):
    """Runs the command in the folder of the files, here or by the server; returns its code and what it printed."""
    monkeypatch.chdir(tmp_path)
    for file in demo.iterdir():
        shutil.copy(file, tmp_path)

    def run(there, **changed):
        options = {
            "video": "demo.mp4",
            "script": "place blue at f two now",
            "reference": "demo_reference.wav",
            "output": "dubbed.wav",
            "steps": 1,
            "guidance_scale": 1,
            "overwrite": True,
            **({"server": server.url} if there else {"model": model, "device": "cpu"}),
            **changed,
        }
        words = ["dub"]
        for name, value in options.items():
            words += [] if value is None else [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
        code = cli.main(words)
        printed = capsys.readouterr()
        return code, printed.out, [line for line in printed.err.splitlines() if not line.endswith(" ...")]

    return run


def test_the_same_dub_and_the_same_report(call, tmp_path):
    reports, sounds, subtitles = [], [], []
    for there in (False, True):
        code, out, _ = call(there, json="report.json", srt="dubbed.srt", seed=3)
        assert code == 0 and out.startswith("wrote dubbed.wav and dubbed.srt: dubbed ")
        reports.append(json.loads((tmp_path / "report.json").read_text()))
        sounds.append((tmp_path / "dubbed.wav").read_bytes())
        subtitles.append((tmp_path / "dubbed.srt").read_text())
    here, there = reports
    assert here["seconds"].keys() == there["seconds"].keys() and there["seconds"]["loading"] > 0
    for report in reports:
        del report["seconds"], report["real_time_factor"]
    assert here == there and here["output"] == "dubbed.wav"
    assert sounds[0] == sounds[1] and subtitles[0] == subtitles[1]


@pytest.mark.parametrize(
    "changed",
    [
        {"dry_run": True},
        {"steps": 0, "script": " ", "reference": "none.wav"},
        {"guidance_scale": 2},
        {"reference": "short.wav"},
        {"reference": "short.wav", "dry_run": True},
        {"lexicon": "names.txt"},
        {"output": "demo.mp4"},
        {"output": "there.wav", "overwrite": None},
        {"output": "none/dubbed.wav"},
        {"script": "place blue at f two now " * 40},
        {"mouth_box": "0,0,9000,9000", "dry_run": True},
        {"model": "flowdubber-gird-tiny"},
    ],
)
def test_the_same_words_and_codes(call, tmp_path, changed):
    (tmp_path / "short.wav").write_bytes((tmp_path / "demo_reference.wav").read_bytes()[: 44 + 6000])
    (tmp_path / "names.txt").write_text("blue  NOTHING\n")
    (tmp_path / "there.wav").write_bytes(b"somebody's")
    here, there = (call(where, **changed) for where in (False, True))
    assert here == there
    assert here[0] == (0 if changed == {"dry_run": True} else 2)
    assert (tmp_path / "there.wav").read_bytes() == b"somebody's" and not (tmp_path / "dubbed.wav").exists()


def test_a_file_that_has_changed_is_looked_into_again(call, tmp_path):
    whole = (tmp_path / "demo_reference.wav").read_bytes()
    (tmp_path / "voice.wav").write_bytes(whole[: 44 + 6000])
    assert call(True, reference="voice.wav")[0] == 2
    (tmp_path / "voice.wav").write_bytes(whole)
    assert call(True, reference="voice.wav")[0] == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": "flowdubber-grid-tiny"}, "error: --model: the server has "),
        ({"device": "cuda"}, "error: --device is chosen when the server starts"),
        ({"server": "http://example.com:7871"}, "servers of other machines are not asked"),
        ({"video": None, "batch": "jobs.jsonl"}, "error: --batch loads its model once"),
    ],
)
def test_what_the_server_decides_is_left_to_it(call, changed, message):
    code, _, err = call(True, **changed)
    assert code == 2 and message in err[0]


def test_the_model_may_be_named(call, model):
    assert call(True, model=model)[0] == 0


def test_a_fault_of_the_server_is_none_of_the_input(call, monkeypatch, tmp_path):
    monkeypatch.setattr(room, "do_job", lambda *_: 1 // 0)
    code, _, err = call(True)
    assert code == 1 and "ZeroDivisionError: integer division or modulo by zero" in err[-1]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert call(True)[0] == 0


def test_a_server_that_is_gone_is_told(call, server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code, _, (line,) = call(True, server=f"http://127.0.0.1:{port}")
    assert code == 2 and "no server of yours is ready there" in line
    token = token_file(port)
    token.write_text("left by a killed one")
    token.chmod(0o600)
    code, _, (line,) = call(True, server=f"http://127.0.0.1:{port}")
    assert code == 2 and f"no server answers at http://127.0.0.1:{port}" in line


def test_the_client_imports_nothing_heavy():
    code = (
        "import sys, flowdubber_hf.cli.dub, flowdubber_hf.server.client; "
        "print(sorted(set(sys.modules) & {'torch', 'transformers', 'diffusers', 'numpy', 'huggingface_hub'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("url", "port"),
    [("http://127.0.0.1:80", 80), ("localhost:9000", 9000), ("http://127.0.0.1", 7871), ("http://localhost:1/", 1)],
)
def test_addresses_of_this_machine(url, port):
    assert port_of(url) == port


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com:7871",
        "https://127.0.0.1:7871",
        "http://me@127.0.0.1:7871",
        "http://127.0.0.1:7871/dub",
        "http://127.0.0.1:99999",
        "http://127.0.0.1.example.com:7871",
        "http://127.0.0.1:7871@example.com",
        "http://[::1",
        "file:///etc/passwd",
        "",
    ],
)
def test_other_addresses_are_refused(url):
    with pytest.raises(ValueError, match="must be http://127\\.0\\.0\\.1:PORT"):
        port_of(url)
