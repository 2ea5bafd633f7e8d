"""Types as users see them: README's example and what a call returns, checked by mypy against this package alone."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.pipelines.flowdubber.inputs import DubbingInputs, DubbingOptions


pytestmark = pytest.mark.slow


# Other packages count as untyped: their own types are not what is tested, and reading torch takes minutes.
SETTINGS = """
[mypy]
strict = True
follow_imports = skip
ignore_missing_imports = True
[mypy-flowdubber_hf.*]
follow_imports = silent
"""
TYPES = """
from flowdubber_hf import FlowDubberPipeline
pipe = FlowDubberPipeline.from_pretrained("flowdubber-grid-tiny")
reveal_type(pipe("a", "b", "c"))
reveal_type(pipe("a", "b", "c", 25, 16000, return_dict=True, guidance_scale=1))
reveal_type(pipe("a", "b", "c", return_dict=False)[0])
reveal_type(pipe.aligner)
reveal_type(pipe.semantic_model)
"""
WRONG = """
from flowdubber_hf import FlowDubberPipeline
pipe = FlowDubberPipeline.from_pretrained("flowdubber-grid-tiny")
pipe("a", "b", "c", guidance=2)
pipe("a", "b", "c", return_dict=False).audios
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """One for all tests, so that what mypy found of the package is kept."""
    return tmp_path_factory.mktemp("types")


def checked(folder: Path, repository: Path, code: str) -> list[str]:
    """What mypy says of a script, a line each, without the path."""
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed: pip install '.[test]'")
    (folder / "mypy.ini").write_text(SETTINGS, encoding="utf-8")
    (folder / "script.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--no-error-summary", "script.py"]
    found = subprocess.run(
        command, cwd=folder, env={"MYPYPATH": str(repository / "src"), "PATH": ""}, capture_output=True, text=True
    )
    assert not found.stderr, found.stderr
    return [line.removeprefix("script.py:") for line in found.stdout.splitlines()]


def test_the_examples_of_the_readme_are_clean(repository, folder):
    blocks = re.findall(r"```python\n(.*?)```", (repository / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        assert checked(folder, repository, block) == []


def test_what_a_call_returns_and_what_the_parts_are(repository, folder):
    lines = checked(folder, repository, TYPES)
    types = [re.search(r'Revealed type is "(?:[\w.]*\.)?(\w+.*)"', line)[1] for line in lines]
    output = "FlowDubberPipelineOutput"
    assert types[:2] == [output, output] and types[2:4] == ["Any", "FlowDubberAlignerModel"]
    assert "FlowDubberSemanticForConditionalGeneration | None" in types[4]


def test_misspelt_options_and_wrong_results_are_found(repository, folder):
    lines = checked(folder, repository, WRONG)
    assert any(line.startswith("4: error") and '"guidance"' in line for line in lines)
    assert any(line.startswith("5: error") and '"audios"' in line for line in lines)


def test_the_typed_options_are_those_of_the_call():
    call = set(inspect.signature(FlowDubberPipeline.__call__).parameters) - {"self", "return_dict"}
    leading = {"script", "video", "reference_audio", "fps", "reference_sampling_rate"}
    assert set(DubbingOptions.__annotations__) == call - leading
    assert set(DubbingInputs.__annotations__) - {"prepared"} <= call
