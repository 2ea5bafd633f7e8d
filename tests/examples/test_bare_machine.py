"""The benchmark for cards runs where there is nothing but torch, transformers, diffusers, accelerate and this package's source."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from support.training_runs import load_script


CARRIED = ("torch", "transformers", "diffusers", "accelerate")
ABSENT = ("av", "cv2", "pyarrow", "gruut_lang_en", "pycrfsuite", "shtab", "peft", "scipy", "matplotlib", "datasets")


def needed(*names: str) -> list[Distribution]:
    """What pip would install for some packages, without extras."""
    waiting, found = list(names), {}
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # not for this platform, or a name that only a newer library asks for
            continue
        for text in found[name].requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return list(found.values())


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder of packages that holds these alone, as links."""
    folder = tmp_path_factory.mktemp("site")
    for package in needed(*CARRIED):
        for name in {Path(file).parts[0] for file in package.files or [] if ".." not in Path(file).parts}:
            source = Path(package.locate_file(name))
            if source.exists() and not (folder / name).exists():
                (folder / name).symlink_to(source)
    return folder


@pytest.fixture(scope="module")
def run(repository, site):
    """The script in a process that sees no other package."""
    places = [str(repository / "examples"), str(repository / "src"), str(site)]
    code = (
        f"import sys; sys.path[:0] = {places!r}\n"
        "from importlib.util import find_spec\n"
        f"assert not [name for name in {ABSENT!r} if find_spec(name)]\n"
        "import torch, benchmark_gpu; torch.set_num_threads(1); benchmark_gpu.main()\n"
    )

    def start(*options: str) -> str:
        command = [sys.executable, "-I", "-S", "-c", code, "--device", "cpu", *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return start


@pytest.mark.slow
def test_dubbing(run):
    said = run("--presets", "bundled", "--dtypes", "float32", "--batches", "1", "--repeats", "1")
    assert "| bundled | float32 | 1 |" in said


@pytest.mark.slow
def test_training(run):
    stages = ("durations", "semantic_spelling", "vocoder")
    options = ("--batch_size", "2", "--steps", "1", "--warm_up", "0", "--mixed_precision", "no")
    said = run("--training", "--presets", "bundled", "--stages", *stages, *options)
    assert [line.split(" | ")[0] for line in said.splitlines()[4:]] == [f"| {stage}" for stage in stages]


@pytest.fixture
def stand_ins(repository, monkeypatch):
    module = load_script(repository, "bare_machine")
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    return module


def test_a_package_that_is_there_is_left_alone(stand_ins):
    assert stand_ins.stand_in(("numpy",)) == []
    assert not any(isinstance(finder, stand_ins.StandIns) for finder in sys.meta_path)


def test_a_missing_package_can_be_named_and_not_used(stand_ins, monkeypatch):
    assert stand_ins.stand_in(("no_such_package",)) == ["no_such_package"]
    import no_such_package
    from no_such_package.inner.place import Reader

    for name in ("no_such_package", "no_such_package.inner", "no_such_package.inner.place"):
        monkeypatch.delitem(sys.modules, name)
    assert Reader.Mode | None
    with pytest.raises(ImportError, match=r"no_such_package\.decode was called, but no_such_package is not installed"):
        no_such_package.decode(b"")
    with pytest.raises(ModuleNotFoundError):
        import no_such_other_package  # noqa: F401
