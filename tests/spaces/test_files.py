"""The files that make a folder a Space."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import tomllib

import gradio
from huggingface_hub import SpaceCard
from packaging.requirements import Requirement


def project(repository):
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_front_matter(space_folder):
    data = SpaceCard.load(space_folder / "README.md").data.to_dict()
    assert (data["sdk"], data["app_file"], data["python_version"]) == ("gradio", "app.py", "3.12")
    assert (space_folder / data["app_file"]).is_file()
    assert len(data["short_description"]) <= 60
    assert data["suggested_hardware"] == "cpu-basic"
    assert data["pinned"] is False
    assert {"title", "emoji", "colorFrom", "colorTo", "license", "models", "tags"} <= set(data)
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {data["colorFrom"], data["colorTo"]} <= colours


def test_gradio_is_the_one_that_the_tests_run(space_folder, repository):
    wanted = SpaceCard.load(space_folder / "README.md").data.to_dict()["sdk_version"]
    extras = project(repository)["optional-dependencies"]
    (tested,) = [line for line in map(Requirement, extras["test"]) if line.name == "gradio"]
    (offered,) = [line for line in map(Requirement, extras["space"]) if line.name == "gradio"]
    assert str(tested.specifier) == f"=={wanted}"
    assert offered.specifier.contains(wanted)
    assert gradio.__version__ == wanted


def test_requirements_name_this_package_with_the_extra(space_folder, repository):
    lines = (space_folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    (requirement,) = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert requirement.name == project(repository)["name"]
    assert requirement.extras == {"space"}
    assert requirement.url.startswith("git+https://")


def test_nothing_binary_is_part_of_it(space_folder):
    kinds = {file.suffix for file in space_folder.iterdir() if file.is_file()}
    assert kinds == {".py", ".md", ".txt"}
