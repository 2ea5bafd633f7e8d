"""`flowdubber assemble`: parts in, a model out."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json

import pytest
import torch
from safetensors.torch import load_file

from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.cli import main
from support.tiny_models import tiny_components, tiny_pipeline


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`model`, a small pipeline, and `vocoder`, another one of that kind."""
    root = tmp_path_factory.mktemp("made")
    tiny_pipeline().save_pretrained(root / "model")
    tiny_components(seed=3)["vocoder"].save_pretrained(root / "vocoder")
    return root


def test_a_part_named_and_the_others_from_a_base(folder, tmp_path, capsys):
    (tmp_path / "card.md").write_text("# Mine\n")
    arguments = [
        "assemble",
        str(tmp_path / "out"),
        "--base",
        str(folder / "model"),
        "--vocoder",
        str(folder / "vocoder"),
    ]
    assert main([*arguments, "--card", str(tmp_path / "card.md"), "--json", str(tmp_path / "report.json")]) == 0
    assert "vocoder/model.safetensors" in capsys.readouterr().out
    assert (tmp_path / "out" / "README.md").read_text() == "# Mine\n"
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["parts"] == {"vocoder": str(folder / "vocoder")} and report["dtype"] == "float16"
    expected = load_file(folder / "vocoder" / "model.safetensors")
    stored = load_file(tmp_path / "out" / "vocoder" / "model.safetensors")
    assert all(torch.equal(value, expected[name].half()) for name, value in stored.items())
    assert FlowDubberPipeline.from_pretrained(tmp_path / "out").vocoder.dtype == torch.float32


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["{out}"], "no part is named"),
        (["{here}", "--vocoder", "{made}/vocoder"], "exists; give --overwrite"),
        (["{out}", "--vocoder", "{made}/vocoder"], "the pipeline lacks style_encoder, aligner, vector_field"),
        (["{out}", "--base", "{made}/model", "--aligner", "{made}/vocoder"], "does not hold the part aligner"),
        (["{out}", "--base", "{made}/none", "--vocoder", "{made}/vocoder"], "there is no folder"),
        (["{out}", "--vocoder", "{made}/vocoder", "--card", "{made}/none"], "there is no such file"),
    ],
)
def test_what_cannot_be_put_together(folder, tmp_path, capsys, arguments, reason):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "mine.txt").touch()
    places = {"out": tmp_path / "out", "here": tmp_path / "here", "made": folder}
    assert main(["assemble", *(part.format(**places) for part in arguments)]) == 2
    assert reason in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here"]
