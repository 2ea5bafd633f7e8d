"""Settings of every test: no network, no cache of the user's, one thread."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from support.hub_server import HubServer


# Before any test module is imported, and with it the libraries that read these once.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_XET"] = "1"  # its protocol is no HTTP interface that a test could stand in for
os.environ.pop("HF_TOKEN", None)
# With these pytest shows the whole difference of two long texts, bytes or lists, for which it may need hours.
for _name in ("CI", "BUILD_NUMBER"):
    os.environ.pop(_name, None)
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="flowdubber-tests-")
# A run in the background may have been told to ignore Ctrl-C, and what it starts with it: some tests send one.
signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST_DIFFERENCE = 5000  # characters or bytes
REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz-cases", type=int, default=2000, help="damaged inputs that tests/fuzz tries in all")
    parser.addoption("--case", default=None, help="one of them, as its failure names it: target:number")


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Long texts and files that differ are told by their first difference: pytest's own comparison of them takes hours."""
    if op != "==" or type(left) is not type(right) or not isinstance(left, (str, bytes)):
        return None
    if max(len(left), len(right)) <= LONGEST_DIFFERENCE:
        return None
    place = next((at for at, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]), -1)
    shown = slice(max(0, place - 40), place + 40)
    return [
        f"{type(left).__name__} of {len(left)} and {len(right)}, the first difference at {place}",
        f"left  {left[shown]!r}",
        f"right {right[shown]!r}",
    ]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """More threads make small tests slower and floating-point sums depend on the machine."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with `grid/` and `speech/`; tests that need it are skipped where it is not there."""
    folder = Path(os.environ.get("FLOWDUBBER_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "grid" / "metadata.jsonl").is_file():
        pytest.skip("no test data; set FLOWDUBBER_TEST_DATA to the folder that holds grid/ and speech/")
    return folder


@pytest.fixture(scope="session")
def shared_data(data_folder: Path) -> Path:
    """Another name of `data_folder`."""
    return data_folder


@pytest.fixture(scope="session")
def untrained_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained checkpoint without a language model, which loads in half the time. Nothing may be written to it."""
    from support.tiny_models import tiny_pipeline

    folder = tmp_path_factory.mktemp("untrained")
    tiny_pipeline(language_model=False).save_pretrained(folder)
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator["HubServer"]:
    """A stand-in for the Hub that this process's libraries talk to, with a cache of its own and no saved token."""
    from huggingface_hub import constants, hf_api

    from support.hub_server import HubServer

    with HubServer().running() as server:
        # HF_ENDPOINT and the others are read once, at the library's import.
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(hf_api.api, "endpoint", server.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        yield server
