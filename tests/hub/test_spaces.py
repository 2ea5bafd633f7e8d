"""Spaces that need this package bring it along; all others are taken as they are."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import importlib.metadata
import os
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

from flowdubber_hf.hub import spaces
from flowdubber_hf.hub.spaces import package_requirements, stage_space


@pytest.fixture(scope="module")
def staged(repository, tmp_path_factory):
    folder = tmp_path_factory.mktemp("staged")
    stage_space(repository / "spaces" / "flowdubber", folder)
    return folder


def test_the_package_lies_beside_the_app(staged):
    names = {path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file()}
    assert {"README.md", "app.py", "flowdubber_hf/page/assets/page.css"} <= names
    assert "flowdubber_hf/pretrained/flowdubber-grid-tiny/vocoder/model.safetensors" in names
    assert not [name for name in names if "__pycache__" in name]


def test_its_requirements_are_the_packages_own(staged):
    lines = (staged / "requirements.txt").read_text(encoding="utf-8").splitlines()
    needed = {Requirement(line).name for line in lines if line and not line.startswith("#")}
    assert {"torch", "transformers", "gradio", "pocketsphinx"} <= needed
    assert not {"flowdubber-hf", "pytest", "librosa"} & needed
    assert not [line for line in lines if "extra" in line]


def test_what_was_staged_is_what_the_app_imports(staged):
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = "import flowdubber_hf; print(flowdubber_hf.__file__)"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=staged, env=variables, capture_output=True, text=True, timeout=300
    )
    assert said.stdout.strip() == str(staged / "flowdubber_hf" / "__init__.py"), said.stderr


def test_markers_of_other_kinds_stay(monkeypatch):
    stated = [
        "numpy>=1.26",
        'pytest>=8; extra == "test"',
        'gradio[mcp]>=6.31; extra == "space"',
        "pocketsphinx>=5.1; python_version != '3.12' and extra == 'space'",
    ]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: stated)
    expected = ["numpy>=1.26", "gradio[mcp]>=6.31", "pocketsphinx>=5.1; python_version != '3.12'"]
    assert package_requirements() == expected


def test_a_space_without_this_package_is_taken_as_it_is(tmp_path):
    source, folder = tmp_path / "source", tmp_path / "staged"
    source.mkdir()
    (source / "README.md").write_text("---\ntitle: Other\nsdk: static\n---\n")
    (source / "requirements.txt").write_text("numpy\n")
    contents = stage_space(source, folder)
    assert contents.folder == source and not folder.exists()


def test_without_an_installation_nobody_knows_what_is_needed(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(spaces.importlib.metadata, "requires", absent)
    with pytest.raises(ValueError, match="not installed"):
        package_requirements()
