"""The notebook: its code runs as it stands, without jupyter, and its outputs are those of a run, small and of no machine."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import re
import sys
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def cells(repository):
    return json.loads((repository / "examples/quickstart.ipynb").read_text(encoding="utf-8"))["cells"]


def source(cell):
    return "".join(cell["source"])


def printed(cell):
    return "".join("".join(output.get("text", ())) for output in cell["outputs"])


@pytest.mark.slow
def test_code_runs(cells, tmp_path, monkeypatch, capsys):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    # jupyter's player is not what is tested, and it need not be here
    shell, display = ModuleType("IPython"), ModuleType("IPython.display")
    shell.get_ipython, shell.version_info = lambda: None, (9, 0)  # matplotlib asks
    display.Audio = lambda data, rate: (data, rate)
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.chdir(tmp_path)
    names = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile(source(cell), "quickstart.ipynb", "exec"), names)
            if "dub.words[0]:" in source(cell) and "print" in source(cell):
                said = re.findall(r"s  (\w+)", capsys.readouterr().out)
                assert said == names["demo"].script.split() == re.findall(r"s  (\w+)", printed(cell))
    assert (tmp_path / "dubbed.mp4").stat().st_size > 10_000
    assert "first take as before: True" in capsys.readouterr().out
    names["plt"].close("all")


def test_outputs_are_those_of_a_whole_run(cells, repository):
    outputs = [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"stream", "execute_result", "display_data"}
    assert all(output.get("name") != "stderr" for output in outputs)
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert sum("audio" in "".join(output.get("data", {}).get("text/html", "")) for output in outputs) == 1
    counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))  # from top to bottom, once
    file = repository / "examples/quickstart.ipynb"
    assert file.stat().st_size < 300_000
    assert not re.search(r'"[^"]*(/home/|/root/|/work/|/tmp/|/usr/|[A-Z]:\\\\)', file.read_text(encoding="utf-8"))


def test_links_lead_somewhere(cells, repository):
    text = "\n".join(source(cell) for cell in cells if cell["cell_type"] == "markdown")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (repository / "examples" / target).exists(), target
