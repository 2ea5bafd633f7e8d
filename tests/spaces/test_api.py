"""The served app as programs see it: `/dub` through gradio_client, and the MCP tool's description."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import pytest
from gradio.route_utils import delete_files_created_by_app
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from flowdubber_hf.demo import make_demo
from flowdubber_hf.extras import absent
from flowdubber_hf.processing.video import SYNTHETIC_SPEECH_NOTICE, probe_video


pytestmark = pytest.mark.slow


def connect(url, folder):
    return Client(url, verbose=False, download_files=folder)


def dub(client, media, **changed):
    given = {
        "clip": handle_file(media / "head.mp4"),
        "script": "place blue at f two now",
        "voice": handle_file(media / "voice.wav"),
        "consent": True,
        "steps": 1,
    }
    video, report = client.predict(**{**given, **changed}, api_name="/dub")
    return Path(video), report


@pytest.fixture
def client(url, tmp_path):
    return connect(url, tmp_path)


def test_round_trip(client, media):
    video, report = dub(client, media, seed=7)
    assert probe_video(video).num_samples == probe_video(media / "head.mp4").num_samples
    with av.open(str(video)) as container:
        assert container.metadata["comment"] == SYNTHETIC_SPEECH_NOTICE
    assert report["seed"] == 7
    assert report["duration"] == 3.0
    assert [word["word"] for word in report["words"]] == ["place", "blue", "at", "f", "two", "now"]


def test_what_is_wrong_is_said_by_field(client, media):
    with pytest.raises(AppError) as refusal:
        dub(client, media, script="", consent=False, steps=99)
    lines = str(refusal.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["script", "consent", "settings"]
    with pytest.raises(AppError, match="clip: The clip cannot be read as a video"):
        dub(client, media, clip=handle_file(media / "text.mp4"))


def test_two_visitors_get_their_own_results(url, media, tmp_path):
    wishes = [
        {"seed": 1, "script": "place blue at f two now"},
        {"seed": 2, "script": "set red by nine again", "clip": handle_file(media / "mute.mp4")},
    ]
    folders = [tmp_path / name for name in ("a", "b", "c", "d")]
    for folder in folders:
        folder.mkdir()
    clients = [connect(url, folder) for folder in folders]
    alone = [dub(client, media, **wish) for client, wish in zip(clients[:2], wishes, strict=True)]
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(dub, client, media, **wish) for client, wish in zip(clients[2:], wishes, strict=True)]
        together = [one.result() for one in waiting]
    for (video, report), (other, told) in zip(alone, together, strict=True):
        assert video.read_bytes() == other.read_bytes()
        assert report["words"] == told["words"]
    assert alone[0][0].read_bytes() != alone[1][0].read_bytes()


def test_uploads_and_results_are_deleted_but_not_the_examples_and_the_first_dub(app, client, media):
    cache = Path(app.demo.GRADIO_CACHE)
    dub(client, media, seed=11)
    before = {path.name for path in cache.rglob("*") if path.is_file()}
    assert {"head.mp4", "dubbed.mp4", "example_1.mp4", "demo_reference.wav"} <= before
    assert len(list(cache.rglob("dubbed.mp4"))) > 1
    delete_files_created_by_app(app.demo, age=None)  # what runs every ten minutes, with the age of an hour
    left = {path.name for path in cache.rglob("*") if path.is_file()}
    assert left == {
        "dubbed.mp4", "example_1.mp4", "example_2.mp4", "example_3.mp4", "demo_reference.wav", "voice_2.wav", "voice_3.wav",
    }  # fmt: skip
    assert len(list(cache.rglob("dubbed.mp4"))) == 1


def test_description(client):
    ((name, endpoint),) = client.view_api(return_format="dict", print_info=False)["named_endpoints"].items()
    assert name == "/dub"
    assert [parameter["parameter_name"] for parameter in endpoint["parameters"]] == [
        "clip", "script", "voice", "own_sound", "consent", "steps", "guidance_scale", "seed", "takes", "temperature",
    ]  # fmt: skip
    required = [one["parameter_name"] for one in endpoint["parameters"] if not one["parameter_has_default"]]
    assert required == ["clip", "script"]


def test_mcp_tool(url):
    if absent(["mcp"]):
        pytest.skip("no mcp here: pip install 'gradio[mcp]'")
    with urllib.request.urlopen(f"{url}gradio_api/mcp/schema", timeout=20) as answer:
        (tool,) = json.load(answer)
    assert tool["name"] == "dub"
    assert tool["description"].startswith("Dubs a clip")
    properties = tool["inputSchema"]["properties"]
    assert "have agreed" in properties["consent"]["description"]
    assert tool["inputSchema"]["required"] == ["clip", "script"]


def test_example_of_the_documentation(url, repository, tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", (repository / "docs" / "space.md").read_text(encoding="utf-8"), re.S)
    make_demo(tmp_path / "demo")
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace("http://127.0.0.1:7860", url), "docs/space.md", "exec"), {})
    assert "'word': 'place'" in capsys.readouterr().out
