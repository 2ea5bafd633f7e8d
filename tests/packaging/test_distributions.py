"""The distributions: what is in them, and that the wheel works in an environment where this checkout is not."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import av
import pytest
import yaml

from flowdubber_hf import __version__
from flowdubber_hf.demo import make_demo


pytestmark = pytest.mark.slow


pytest.importorskip("setuptools", minversion="77")

# What the build reads; the rest of the checkout may hold anything.
NEEDED = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "MANIFEST.in",
    "CHANGELOG.md",
    "CITATION.cff",
    "SECURITY.md",
    "src",
)


@pytest.fixture(scope="module")
def tree(repository, tmp_path_factory):
    """A copy of the sources: building leaves files beside them."""
    tree = tmp_path_factory.mktemp("tree")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    for name in NEEDED:
        source = repository / name
        shutil.copytree(source, tree / name, ignore=ignore) if source.is_dir() else shutil.copy(source, tree / name)
    return tree


@pytest.fixture(scope="module")
def wheel(tree, tmp_path_factory):
    output = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(output), str(tree))
    (file,) = output.glob("*.whl")
    return file


def pip(*arguments):
    run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments)


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_the_wheel_holds(wheel, repository):
    assert wheel.name == f"flowdubber_hf-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(f"flowdubber_hf-{__version__}.dist-info/METADATA").decode()
    package = repository / "src" / "flowdubber_hf"
    kept = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    expected = {path.relative_to(package.parent).as_posix() for path in kept}
    information = {name for name in names if ".dist-info/" in name}
    assert names - information == expected
    for name in ("py.typed", "pretrained/flowdubber-grid-tiny/vocoder/model.safetensors"):
        assert f"flowdubber_hf/{name}" in names
    for name in ("flowdubber-grid-tiny", "syncnet-grid-tiny"):
        assert f"flowdubber_hf/pretrained/{name}/README.md" in names  # the licence of the weights
    assert any(name.endswith("/licenses/LICENSE") for name in information)
    assert "License-Expression: Apache-2.0" in metadata
    extras = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"^Provides-Extra: (\S+)$", metadata, re.MULTILINE)) == set(extras)


def test_what_the_source_distribution_holds(tree):
    build = "import sys, setuptools.build_meta as build; build.build_sdist(sys.argv[1])"
    run(sys.executable, "-c", build, str(tree / "dist"), cwd=tree)
    (file,) = (tree / "dist").glob("*.tar.gz")
    with tarfile.open(file) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in ("pyproject.toml", "LICENSE", "CITATION.cff", "SECURITY.md", "src/flowdubber_hf/py.typed"):
        assert name in names
    assert "src/flowdubber_hf/pretrained/flowdubber-grid-tiny/model_index.json" in names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """A fresh environment with the wheel, which sees the libraries of this one, so that nothing is downloaded."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, system_site_packages=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    own = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # of a virtual environment, `system_site_packages` gives the packages of the Python below
    outer = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    (own / "outer.pth").write_text("\n".join(sorted(outer)), encoding="utf-8")
    # the tests' own copy of the package, seen from here, would pass for the wheel
    pip("--python", str(python), "install", "--ignore-installed", "--no-deps", "--no-index", str(wheel))
    return python


def test_an_installed_wheel_dubs_the_demo(environment, tmp_path):
    demo = make_demo(tmp_path / "demo")
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    variables["OMP_NUM_THREADS"] = "1"
    place = run(environment, "-c", "import flowdubber_hf; print(flowdubber_hf.__file__)", cwd=tmp_path, env=variables)
    assert Path(place.strip()).is_relative_to(environment.parents[1])
    command = [environment.parent / "flowdubber", "dub", "--video", demo.video, "--script", demo.script]
    command += ["--reference", demo.reference, "--output", "dubbed.mp4"]
    printed = run(*map(str, command), cwd=tmp_path, env=variables)
    assert "dubbed 3.00 s" in printed
    with av.open(str(tmp_path / "dubbed.mp4")) as container:
        assert len(container.streams.video) == len(container.streams.audio) == 1


def test_the_citation_names_this_version_and_the_paper(repository):
    citation = yaml.safe_load((repository / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0" and citation["version"] == __version__
    assert citation["type"] == "software" and citation["license"] == "Apache-2.0"
    assert {"message", "title", "authors"} <= set(citation)
    (paper,) = citation["references"]
    assert paper["type"] == "conference-paper" and len(paper["authors"]) == 8 and paper["year"] == 2025
    assert paper["conference"]["name"] and "2505.01263" in str(paper["identifiers"])
    assert f"## {__version__}" in (repository / "CHANGELOG.md").read_text(encoding="utf-8")
