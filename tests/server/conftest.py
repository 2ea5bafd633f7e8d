"""A server of a tiny model in threads of this process, and a home folder for its token."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import http.client
import json
import threading

import pytest

from flowdubber_hf.demo import make_demo
from flowdubber_hf.dubbing.loading import load_pipeline, model_facts
from flowdubber_hf.server.dubs import Dubs
from flowdubber_hf.server.listening import Listener
from flowdubber_hf.server.protocol import HOST
from flowdubber_hf.server.token import remove_token, token_file, write_token
from support.tiny_models import tiny_pipeline


SCRIPT = "place blue at f two now"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    tiny_pipeline(language_model=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    make_demo(folder)
    return folder


class Running:
    """A server that answers, and the raw requests that a test sends it."""

    def __init__(self, listener, dubs, token):
        self.listener, self.dubs, self.token = listener, dubs, token
        self.port, self.url = listener.port, f"http://{HOST}:{listener.port}"

    def headers(self, **changed):
        headers = {
            "Host": f"{HOST}:{self.port}",
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in changed.items()},
        }
        return {name: value for name, value in headers.items() if value is not None}

    def send(self, method, path, body=None, **changed):
        """The open connection and its answer."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        connection.putrequest(method, path, skip_host=True)
        headers = self.headers(**changed)
        if data is not None and "Content-Length" not in headers:
            headers["Content-Length"] = str(len(data))
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(data)
        return connection, connection.getresponse()

    def asked(self, method, path, body=None, **changed):
        """The status and the lines of an answer."""
        connection, answer = self.send(method, path, body, **changed)
        lines = [json.loads(line) for line in answer.read().splitlines()]
        connection.close()
        return answer.status, lines


@pytest.fixture(scope="module")
def server(model, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("OMP_NUM_THREADS", "1")
        pipe = load_pipeline(str(model), "cpu")
        pipe.set_progress_bar_config(disable=True)
        dubs = Dubs(pipe, str(model), "cpu", model_facts(model), lambda text: None)
        with Listener(0) as listener:
            file = token_file(listener.port)
            token = write_token(file)
            listener.open(dubs, token)
            for work in (dubs.work, listener.serve_forever):
                threading.Thread(target=work, daemon=True).start()
            yield Running(listener, dubs, token)
            listener.shutdown()
            remove_token(file, token)


@pytest.fixture
def job(demo, tmp_path):
    """The fields of a good job, with full paths."""
    return {
        "video": str(demo / "demo.mp4"),
        "script": SCRIPT,
        "reference": str(demo / "demo_reference.wav"),
        "output": str(tmp_path / "dubbed.wav"),
        "steps": 1,
        "guidance_scale": 1,
    }
