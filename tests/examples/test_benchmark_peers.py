"""The comparison with other systems, on stand-ins that have the entry points it calls."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import sys
from textwrap import dedent

import pytest

from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.demo import DEMO_SCRIPT
from flowdubber_hf.processing.text import phonemize
from support.tiny_models import tiny_pipeline
from support.training_runs import load_script


pytestmark = pytest.mark.slow


GENERATOR = """
import torch
class Generator(torch.nn.Module):
    def __init__(self, h):
        super().__init__()
        self.hop = h.hop_size
    def remove_weight_norm(self):
        self.ready = True
    def forward(self, mel):
        assert self.ready and not self.training
        return torch.zeros(1, 1, mel.shape[-1] * self.hop)
"""
ATTRIBUTES = """
class AttrDict(dict):
    __getattr__ = dict.__getitem__
"""
MODEL = """
import torch
class {name}(torch.nn.Module):
    n_vocab, n_spks = 87, 2
    @classmethod
    def load_from_checkpoint(cls, path, map_location):
        print("loading", path)  # as theirs do, on the stream of the answers
        assert open(path).read() == "weights" and map_location == "cpu"
        return cls()
"""
EMODUBBER = """
    def synthesise(self, x, x_lengths, Lip, lip_lengths, n_timesteps, temperature, spks, VAfeature):
        assert x.shape == (1, 22) and int(x_lengths) == 22 and int(lip_lengths) == 75 and n_timesteps == 10
        assert Lip.shape == (1, 75, 512) and VAfeature.shape == (1, 75, 256) and spks.shape == (1, 256)
        return {"mel": torch.zeros(1, 80, 4 * Lip.shape[1])}
"""
MATCHA = """
    def synthesise(self, x, x_lengths, n_timesteps, temperature, spks, length_scale):
        assert x.shape == (1, 45) and not x[:, ::2].any() and x[:, 1::2].all() and spks.shape == (1,)
        frames = round(100 * length_scale)
        return {"mel": torch.zeros(1, 80, frames), "mel_lengths": torch.tensor([frames])}
"""


@pytest.fixture(scope="module")
def script(repository):
    return load_script(repository, "benchmark_peers")


@pytest.fixture
def peers(script, tmp_path):
    """Both stand-ins."""

    def write(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))

    emodubber, matcha = tmp_path / "emodubber", tmp_path / "matcha"
    networks = emodubber / "EmoDubber_Networks"
    for folder in (networks / "hifigan", matcha / "matcha" / "hifigan"):
        write(folder / "models.py", GENERATOR)
        write(folder / "env.py", ATTRIBUTES)
    write(networks / "models" / "EmoDubber.py", MODEL.format(name="EmoDubber_all") + EMODUBBER)
    write(emodubber / "Vocoder_16KHz" / "config.json", json.dumps({"hop_size": 160}))
    write(matcha / "matcha" / "models" / "matcha_tts.py", MODEL.format(name="MatchaTTS") + MATCHA)
    write(matcha / "matcha" / "hifigan" / "config.py", 'v1 = {"sampling_rate": 22050, "hop_size": 256}')
    write(tmp_path / "peer.ckpt", "weights")
    weights = str(tmp_path / "peer.ckpt")
    return [
        script.System("emodubber", sys.executable, str(emodubber), weights),
        script.System("matcha", sys.executable, str(matcha), weights),
    ]


def test_peers_are_called_as_their_own_scripts_call_them(script, peers):
    found = script.measure(peers, 2)
    assert list(found) == ["emodubber", "matcha"]
    assert all(row["seconds"] > 0 for row in found.values())
    assert found["emodubber"]["duration"] == 3.0
    assert found["matcha"]["duration"] == pytest.approx(3.0, abs=0.02)


def test_a_peer_that_fails_is_named(script, peers):
    broken = script.System("matcha", sys.executable, peers[0].checkout, peers[0].weights)
    with pytest.raises(ValueError, match="matcha ended with status 1"):
        script.measure([broken], 1)


def test_ours_dubs_the_whole_clip(script, monkeypatch):
    monkeypatch.setattr(FlowDubberPipeline, "from_pretrained", lambda name: tiny_pipeline(language_model=False))
    assert script.load_ours(script.System("ours", sys.executable, None, "any"))() == (48000, 16000)
    assert len(phonemize(DEMO_SCRIPT).phonemes) == script.NUM_PHONEMES


def test_table(script):
    rows = script.table(
        {"ours": {"seconds": 1.5, "duration": 3.0}, "matcha": {"seconds": 6.0, "duration": 4.0}},
    )
    assert rows[2:] == ["| ours | 1.50 | 3.00 s |  |", "| matcha | 6.00 | 4.00 s | 0.33 |"]


def test_arguments(script, tmp_path, capsys):
    for given, said in (
        (["--repeats", "0"], "--repeats must be at least 1"),
        (["--matcha", str(tmp_path)], "--matcha and --matcha_checkpoint go together"),
        (["--matcha", str(tmp_path), "--matcha_checkpoint", "none.ckpt"], "--matcha_checkpoint a file"),
    ):
        with pytest.raises(SystemExit):
            script.parse_arguments(given)
        assert said in capsys.readouterr().err
