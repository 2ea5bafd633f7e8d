"""`flowdubber push`: looks by default, sends when told, and says in a line why it does not."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json

import pytest

from flowdubber_hf import FlowDubberPipeline, cli
from support.hub_server import READER, WRITER
from support.tiny_models import tiny_pipeline


pytestmark = pytest.mark.slow


CARD = '---\nlicense: cc-by-4.0\n---\n```python\nFlowDubberPipeline.from_pretrained("PATH-OF-THIS-FOLDER")\n```\n'


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A pipeline folder with its card."""
    folder = tmp_path_factory.mktemp("model") / "mine"
    tiny_pipeline(language_model=False).save_pretrained(folder)
    (folder / "README.md").write_text(CARD)
    return folder


def test_looking_sends_nothing_at_all(hub, model, capsys, tmp_path):
    assert cli.main(["push", str(model), "--repo", "me/mine", "--output", str(tmp_path / "staged")]) == 0
    assert hub.requests == []
    printed = capsys.readouterr().out
    assert "nothing was sent to me/mine; give --yes to send it." in printed
    for file in (tmp_path / "staged").rglob("*.*"):
        line = f"{file.stat().st_size:,} bytes  {file.relative_to(tmp_path / 'staged').as_posix()}\n"
        assert line in printed
    total = sum(file.stat().st_size for file in (tmp_path / "staged").rglob("*") if file.is_file())
    assert f"{total:,} bytes  in all" in printed
    assert FlowDubberPipeline.from_pretrained(tmp_path / "staged").semantic_model is None


def test_sending(hub, model, capsys, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", WRITER)
    command = ["push", str(model), "--repo", "me/mine", "--yes", "--private", "--message", "First", "--json", "-"]
    assert cli.main(command) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    repository = hub.model("me/mine")
    assert repository.private and report["sent"] and report["commit"] == repository.branches["main"]
    assert {file["path"]: file["bytes"] for file in report["files"]} == {
        path: len(data) for path, data in repository.files.items()
    }
    assert report["bytes"] == sum(map(len, repository.files.values()))
    assert f"sent: {report['url']}" in captured.err
    assert 'from_pretrained("me/mine")' in repository.files["README.md"].decode()
    assert WRITER not in captured.out + captured.err


def test_a_branch_and_a_pull_request(hub, model):
    hub.add("me/mine", {"README.md": b"old"})
    hub.add("them/theirs", {"README.md": b"old"})
    assert cli.main(["push", str(model), "--repo", "me/mine", "--branch", "v2", "--yes", "--token", WRITER]) == 0
    assert "model_index.json" in hub.model("me/mine").commits[hub.model("me/mine").branches["v2"]]
    assert cli.main(["push", str(model), "--repo", "them/theirs", "--create-pr", "--yes", "--token", READER]) == 0
    assert len(hub.model("them/theirs").pull_requests) == 1
    assert hub.model("them/theirs").files == hub.model("me/mine").files == {"README.md": b"old"}


def test_a_prepared_dataset(hub, tmp_path, capsys):
    for name in ("data/train-0.parquet", "work/a.json"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("{}")
    (tmp_path / "README.md").write_text("---\nlicense: other\n---\n")
    command = ["push", str(tmp_path), "--repo", "me/clips", "--repo-type", "dataset", "--token", WRITER, "--yes"]
    assert cli.main(command) == 0
    assert "left out: work/" in capsys.readouterr().out
    assert set(hub.repositories["datasets", "me/clips"].files) == {"README.md", "data/train-0.parquet"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--repo", "mine"], "ORG/NAME"),
        (["--repo", "me/mine", "--yes", "--dry-run"], "not allowed with argument"),
        (["--repo", "me/mine", "--create-pr", "--branch", "v2"], "a pull request goes to main"),
        (["--repo", "me/mine", "--card", "none.md"], "there is no card none.md"),
        (["--repo", "me/mine", "--repo-type", "dataset", "--card", "x.md"], "README.md in its folder"),
        (["--repo", "me/mine", "--repo-type", "dataset", "--output", "x"], "as it lies in its folder"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(hub, model, capsys, more, words):
    assert cli.main(["push", str(model), *more]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("flowdubber: error: ")]
    assert words in line
    assert hub.requests == []


def test_a_refusal_of_the_hub(hub, model, capsys):
    assert cli.main(["push", str(model), "--repo", "them/new", "--yes", "--token", WRITER]) == 2
    assert "nothing was committed, them/new is as it was: the token may not write" in capsys.readouterr().err
    assert hub.repositories == {}


def test_stopping_while_sending(hub, model, capsys, monkeypatch):
    def stop(contents, target):
        raise KeyboardInterrupt

    monkeypatch.setattr("flowdubber_hf.hub.send", stop)
    assert cli.main(["push", str(model), "--repo", "me/mine", "--yes"]) == 130
    assert "me/mine has all files or none" in capsys.readouterr().err
