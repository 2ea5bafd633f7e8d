"""`flowdubber doctor`: lines, report and exit code."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json

import numpy as np
import pytest
import torch

from flowdubber_hf.cli import main
from flowdubber_hf.demo import demo_reference
from flowdubber_hf.models.style import FlowDubberStyleEncoder, FlowDubberStyleEncoderConfig
from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.video import write_wav
from support.tiny_models import tiny_hifigan


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """`good`, a style encoder, and `bad`, a vocoder that makes no sound."""
    root = tmp_path_factory.mktemp("parts")
    torch.manual_seed(0)
    encoder = FlowDubberStyleEncoder(FlowDubberStyleEncoderConfig())
    torch.nn.init.constant_(encoder.linear.bias, 0.1)
    encoder.save_pretrained(root / "good")
    vocoder = tiny_hifigan()
    for parameter in vocoder.parameters():
        torch.nn.init.zeros_(parameter)
    vocoder.save_pretrained(root / "bad")
    return root


def test_a_good_part(parts, capsys):
    assert main(["doctor", str(parts / "good"), "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok    style_encoder: 1,423,616 weights")
    assert lines[-2].endswith("0 wrong") and lines[-1].startswith("nothing is damaged")


def test_a_bad_part_with_a_report(parts, tmp_path, capsys):
    report = tmp_path / "report.json"
    assert main(["doctor", str(parts / "bad"), "--device", "cpu", "--quiet", "--json", str(report)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("note", "wrong")) for line in lines) and any("silent" in line for line in lines)
    found = json.loads(report.read_text())
    assert not found["healthy"] and found["counts"]["wrong"] == sum(line.startswith("wrong") for line in lines)
    assert {one["part"] for one in found["findings"]} == {"vocoder"}
    assert main(["doctor", str(parts / "bad"), "--no-trials", "--quiet"]) == 0  # on the disk nothing is wrong


def test_sounds_to_listen_to(parts, tmp_path, capsys):
    write_wav(tmp_path / "voice.wav", demo_reference()[:20000], 16000)
    options = ["--device", "cpu", "--voice", str(tmp_path / "voice.wav"), "--sounds", str(tmp_path / "sounds")]
    main(["doctor", str(parts / "bad"), *options])
    sound = load_audio(tmp_path / "sounds" / "vocoder.wav")
    assert len(sound) == 20000 and not np.any(sound)
    assert main(["doctor", str(parts / "bad"), *options]) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_bad_input_is_no_finding(parts, tmp_path, capsys):
    for arguments, reason in (
        ([str(tmp_path)], "neither a model"),
        ([str(parts / "good"), "--voice", str(tmp_path / "none.wav")], "there is no file"),
        ([str(parts / "good"), "--no-trials", "--sounds", str(tmp_path / "x")], "--sounds needs the trials"),
    ):
        assert main(["doctor", *arguments]) == 2
        assert reason in capsys.readouterr().err
