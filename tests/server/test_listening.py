"""Who is answered, and how much is taken: other users and web pages reach the port as well."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import threading
from pathlib import Path
from time import monotonic, sleep

import pytest

from flowdubber_hf.server import dubs as room
from flowdubber_hf.server.protocol import HOST, MAX_REQUEST_BYTES, MAX_WAITING
from flowdubber_hf.version import __version__


def test_its_health_is_told(server):
    status, (state,) = server.asked("GET", "/health")
    assert status == 200
    assert (state["flowdubber"], state["model"], state["waiting"]) == (__version__, server.dubs.model, 0)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"Authorization": None}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": "Bearer \xff"}, 401),
        ({"Host": None}, 421),
        ({"Host": "rebound.example:80"}, 421),
        ({"Host": HOST}, 421),
        ({"Origin": "http://page.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Content_Type": None}, 415),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content_Length": "-1"}, 411),
        ({"Content_Length": "1e3"}, 411),
        ({"Content_Length": str(MAX_REQUEST_BYTES + 1)}, 413),
        ({"Content_Length": "9" * 5000}, 413),
        ({"Transfer_Encoding": "chunked"}, 411),
    ],
)
def test_others_are_not_answered(server, job, changed, status):
    code, (answer,) = server.asked("POST", "/dub", {"job": job}, **changed)
    assert code == status and answer["error"]["kind"] == "bad_input"
    assert server.token not in json.dumps(answer)
    assert not Path(job["output"]).exists()


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/dub", 404), ("POST", "/health", 404), ("PUT", "/", 501)]
)
def test_other_addresses_and_methods(server, method, path, status):
    connection, answer = server.send(method, path, b"{}")
    assert answer.status == status
    connection.close()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "is not valid JSON"),
        (b"[]", "must hold a JSON object"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"job": {}, "seed": 1}', "has a field 'seed'"),
        (b'{"job": []}', "the job is no JSON object"),
        (b'{"job": {}, "overwrite": 1}', "'overwrite' must be true or false"),
        (b'{"job": {}, "version": "0.0"}', "start it anew"),
        (b'{"job": {}, "model": "another"}', "the server has "),
        (b'{"job": {"video": "a.mp4"}}', "script: the job needs it."),
    ],
)
def test_bad_requests(server, body, words):
    status, (answer,) = server.asked("POST", "/dub", body)
    assert status == 400 and words in answer["error"]["message"]


@pytest.mark.parametrize("name", ["video", "reference", "output", "lexicon"])
def test_paths_are_whole(server, job, name):
    status, (answer,) = server.asked("POST", "/dub", {"job": {**job, name: "clip.wav"}})
    (problem,) = answer["error"]["problems"]
    assert status == 400 and problem["field"] == name and "full path" in problem["message"]


def test_a_dub_is_told_from_its_stages_to_its_report(server, job):
    status, events = server.asked("POST", "/dub", {"job": job})
    assert status == 200 and events[-1]["event"] == "done"
    assert events[-1]["report"]["output"] == job["output"] and Path(job["output"]).is_file()
    assert "vocoder" in [event.get("name") for event in events if event["event"] == "stage"]
    _, (event,) = server.asked("POST", "/dub", {"job": job})
    assert event["event"] == "failed" and "exists; give --overwrite" in event["error"]["problems"][0]["message"]


class Held:
    """Dubs that last until they are let go."""

    def __init__(self):
        self.begun, self.go = threading.Semaphore(0), threading.Event()

    def __call__(self, pipe, job, overwrite, progress):
        self.begun.release()
        stage = progress(0, 1, 1)["callback_on_stage"]
        while not self.go.wait(0.01):
            stage(pipe, "flow")
        raise ValueError("let go")


@pytest.fixture
def held(monkeypatch):
    held = Held()
    monkeypatch.setattr(room, "do_job", held)
    yield held
    held.go.set()


def until(condition):
    end = monotonic() + 60
    while not condition():
        assert monotonic() < end
        sleep(0.01)


def test_the_queue_is_bounded_and_in_order(server, job, held):
    open_connections = [server.send("POST", "/dub", {"job": job})]
    assert held.begun.acquire(timeout=60)
    for number in range(MAX_WAITING):
        open_connections.append(server.send("POST", "/dub", {"job": job}))
        until(lambda number=number: server.dubs.state()["waiting"] == number + 1)
    status, (answer,) = server.asked("POST", "/dub", {"job": job})
    assert status == 429 and f"{MAX_WAITING} dubs are waiting already" in answer["error"]["message"]
    assert json.loads(open_connections[3][1].readline()) == {"event": "waiting", "ahead": 3}
    held.go.set()
    for connection, answer in open_connections:
        assert json.loads(answer.read().splitlines()[-1])["error"]["message"] == "let go"
        connection.close()


def test_a_dub_whose_client_is_gone_is_given_up(server, job, held):
    first, second = (server.send("POST", "/dub", {"job": job}) for _ in range(2))
    assert held.begun.acquire(timeout=60)
    until(lambda: server.dubs.state()["waiting"] == 1)
    for (connection, answer), left in ((second, ("waiting", 0)), (first, ("dubbing", False))):
        answer.close()
        connection.close()
        until(lambda left=left: server.dubs.state()[left[0]] == left[1])
    assert not Path(job["output"]).exists() and not held.begun.acquire(blocking=False)
