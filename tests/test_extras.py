"""Optional packages: every message names the extra that brings the package, and the extra is one that exists."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import ast
import sys
import tomllib

import pytest

from flowdubber_hf.extras import absent, pip_line, require_extra


def test_the_first_module_comes_back():
    assert require_extra("train", "json", "json.tool", what="a test").__name__ == "json"


def test_the_message_holds_the_line_to_run(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ImportError) as refusal:
        require_extra("train", "peft", what="LoRA", otherwise="leave --lora_rank out")
    message = str(refusal.value)
    assert message.startswith("LoRA needs peft (import failed: ")
    assert message.endswith(": pip install '.[train]', or leave --lora_rank out")


def test_what_no_extra_brings_has_a_line_of_its_own():
    line = "pip install '.[eval]' && pip install --no-deps resemblyzer"
    assert pip_line("eval", ["jiwer", "resemblyzer"]) == line
    assert pip_line("eval", ["jiwer"]) == "pip install '.[eval]'"


def test_absent_names_what_is_not_installed():
    assert absent(["json", "no_such_package_at_all"]) == ["no_such_package_at_all"]


def test_every_extra_that_the_code_names_exists(repository):
    """So that the line of a message can be run as it stands."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = set()
    for file in (repository / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id in ("require_extra", "pip_line") and node.args:
                first = node.args[0]
                named |= {first.value} if isinstance(first, ast.Constant) else set()
    assert "train" in named
    assert named <= set(project["optional-dependencies"])
