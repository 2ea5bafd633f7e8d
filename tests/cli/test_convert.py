"""`flowdubber convert`: files in, folders out, refusals in one line."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import re
import shlex
from pathlib import Path

import pytest
import torch

from flowdubber_hf.cli import build_parser, main
from flowdubber_hf.cli.convert import SOURCES
from flowdubber_hf.models.style import FlowDubberStyleEncoder, FlowDubberStyleEncoderConfig


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A file as Resemblyzer's, with random weights."""
    torch.manual_seed(0)
    state = FlowDubberStyleEncoder(FlowDubberStyleEncoderConfig()).state_dict()
    file = tmp_path_factory.mktemp("public") / "pretrained.pt"
    torch.save({"model_state": state | {"similarity_weight": torch.ones(1)}}, file)
    return file


def test_a_folder_that_loads_with_its_card(checkpoint, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["convert", "ge2e", str(checkpoint), str(out)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert sorted(path.name for path in out.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    loaded = FlowDubberStyleEncoder.from_pretrained(out).state_dict()
    public = torch.load(checkpoint, weights_only=True)["model_state"]
    assert all(torch.equal(tensor, public[name]) for name, tensor in loaded.items())
    card = (out / "README.md").read_text()
    assert card.startswith("---\nlicense: apache-2.0\n") and "pretrained.pt" in card and str(tmp_path) not in card
    assert "wrote ge2e with 1,423,616 weights" in capsys.readouterr().out


def test_half_precision_has_half_the_size(checkpoint, tmp_path):
    for dtype in ("float16", "float32"):
        report = str(tmp_path / f"{dtype}.json")
        assert (
            main(["convert", "ge2e", str(checkpoint), str(tmp_path / dtype), "--dtype", dtype, "--json", report]) == 0
        )
        assert json.loads(Path(report).read_text())["dtype"] == dtype
    sizes = [(tmp_path / dtype / "model.safetensors").stat().st_size for dtype in ("float16", "float32")]
    assert 0.49 < sizes[0] / sizes[1] < 0.51


def test_what_is_there_stays_unless_told(checkpoint, tmp_path, capsys):
    kept = tmp_path / "out" / "mine.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    arguments = ["convert", "ge2e", str(checkpoint), str(tmp_path / "out"), "--quiet"]
    assert main(arguments) == 2
    assert "exists; give --overwrite" in capsys.readouterr().err and kept.read_text() == "mine"
    assert main([*arguments, "--overwrite"]) == 0
    assert not kept.exists() and (tmp_path / "out" / "model.safetensors").is_file()
    assert main([*arguments[:3], str(checkpoint), "--overwrite"]) == 2  # a file is never replaced by a folder
    assert "name another folder" in capsys.readouterr().err


def test_bad_files_end_in_one_line_and_leave_nothing(tmp_path, capsys):
    torch.save({"model_state": {"x": torch.zeros(1)}}, tmp_path / "pretrained.pt")
    assert main(["convert", "ge2e", str(tmp_path), str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.kind)
def test_every_kind_explains_itself(source, capsys):
    assert main(["convert", source.kind, "--help"]) == 0
    told = " ".join(capsys.readouterr().out.replace("\\\n", " ").split())
    assert f"flowdubber convert {source.kind} {source.example}" in told and "Licence of the weights" in told
    assert main(["convert", source.kind]) == 2


def test_commands_of_the_page_are_taken_by_the_parser(repository):
    page = (repository / "docs" / "pretrained.md").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```bash\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    called = [shlex.split(line)[1:] for line in lines if line.startswith("flowdubber ")]
    assert {words[1] for words in called if words[0] == "convert"} == {source.kind for source in SOURCES}
    for words in called:
        assert callable(build_parser().parse_args(words).run)
