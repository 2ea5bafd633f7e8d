"""The Space as it is uploaded: its app loaded once, served once."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from flowdubber_hf.demo import demo_reference, demo_speech
from flowdubber_hf.processing.video import write_wav
from support.video_files import head_frames, write_clip


pytest.importorskip("gradio", reason="gradio is not installed: pip install '.[space]'")

STARTING_SECONDS = 300  # of a machine with much else to do
SPACE = Path(__file__).resolve().parents[2] / "spaces" / "flowdubber"
sys.path.insert(0, str(SPACE))


@pytest.fixture(scope="session")
def space_folder() -> Path:
    return SPACE


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """`app.py`, imported: the bundled model is loaded, the page built."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        environment.setenv("GRADIO_ANALYTICS_ENABLED", "False")
        environment.setenv("OMP_NUM_THREADS", "1")
        for name in ("FLOWDUBBER_MODEL", "FLOWDUBBER_MAX_SECONDS"):
            environment.delenv(name, raising=False)
        import app

        yield app


@pytest.fixture(scope="session")
def dubber(app: ModuleType) -> Any:
    """The model behind the page."""
    return app.dubber


@pytest.fixture(scope="session")
def url(app: ModuleType) -> Iterator[str]:
    """Address of the served page."""
    _, address, _ = app.demo.launch(prevent_thread_lock=True, quiet=True, **app.launch_settings())
    yield address
    app.demo.close(verbose=False)


@pytest.fixture(scope="session")
def own_url(space_folder: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the page served by a process of its own: whatever it does, a browser's waiting has an end."""
    folder = tmp_path_factory.mktemp("served")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    paths = [str(repository / "src"), os.environ.get("PYTHONPATH", "")]
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "OMP_NUM_THREADS": "1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
    }
    address, deadline = f"http://127.0.0.1:{port}/", time.monotonic() + STARTING_SECONDS
    with (folder / "log.txt").open("wb") as log:
        server = subprocess.Popen([sys.executable, "app.py"], cwd=space_folder, env=variables, stdout=log, stderr=log)
    try:
        while not answers(address):
            said = (folder / "log.txt").read_text(errors="replace")
            assert server.poll() is None and time.monotonic() < deadline, f"the page does not start: {said[-2000:]}"
            time.sleep(0.2)
        yield address
    finally:
        server.kill()
        server.wait(30)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A browser that had to be ended while the page still answers says nothing about the page."""
    try:
        return (yield)
    except Exception:
        if hasattr(item, "hung") and answers(item.hung):
            pytest.skip("Chromium stopped answering and was ended; the page itself answers")
        raise


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=20):
            return True
    except OSError:
        return False


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`head.mp4` (drawn, 3 s, with sound), `mute.mp4` (2 s), `webcam.webm`, `voice.wav`, and `text.mp4`, which is none."""
    folder = tmp_path_factory.mktemp("media")
    write_clip(folder / "head.mp4", head_frames(), sound=demo_speech())
    write_clip(folder / "mute.mp4", head_frames()[10:60])
    write_clip(folder / "webcam.webm", head_frames()[10:60], codec="libvpx")
    write_wav(folder / "voice.wav", demo_reference())
    (folder / "text.mp4").write_text("this is no clip")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium on this machine."""
    named = os.environ.get("FLOWDUBBER_TEST_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium here: apt-get install chromium, or FLOWDUBBER_TEST_CHROMIUM=/path/to/it")
    return found
