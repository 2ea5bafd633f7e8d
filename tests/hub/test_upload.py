"""Sending: one commit with exactly the files that were listed, or the repository as it was, with the reason in a line."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from huggingface_hub import get_token
from safetensors.torch import save_file

from flowdubber_hf.hub import Target, push, read_contents, send
from support.hub_server import READER, WRITER


@pytest.fixture
def contents(tmp_path):
    """One small model with a card, checked."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n# A model\n")
    (folder / "config.json").write_text("{}")
    save_file({"weight": torch.arange(4.0)}, folder / "model.safetensors", metadata={"format": "pt"})
    return read_contents(folder)


def bytes_of(contents):
    return {file.path: (contents.folder / file.path).read_bytes() for file in contents.files}


def test_all_files_arrive_in_one_commit(hub, contents):
    sent = send(contents, Target("me/new", token=WRITER, private=True, message="First"))
    repository = hub.model("me/new")
    assert repository.private
    assert repository.files == bytes_of(contents)
    assert len(repository.commits) == 2  # the empty one that the Hub makes, and this
    assert sent.commit == repository.branches["main"] and sent.pull_request is None
    assert sent.url == f"{hub.url}/me/new/commit/{sent.commit}"
    assert sum(path.startswith("/api/models/me/new/commit/") for _, path in hub.writes) == 1


def test_a_repository_that_is_there_gets_one_more_commit(hub, contents):
    hub.add("me/old", {"README.md": b"old", "note.txt": b"stays"})
    sent = send(contents, Target("me/old", token=WRITER))
    repository = hub.model("me/old")
    assert repository.files == {"note.txt": b"stays", **bytes_of(contents)}
    again = send(contents, Target("me/old", token=WRITER))
    assert again.commit == sent.commit and sent.changed and not again.changed  # nothing new: no empty commit
    assert len(repository.commits) == 3


def test_private_means_private(hub, contents):
    before = hub.add("me/public", {"README.md": b"old"})
    hub.add("me/hidden", {"README.md": b"old"}, private=True)
    with pytest.raises(ValueError, match="me/public is as it was: me/public is public, but private was asked for"):
        send(contents, Target("me/public", token=WRITER, private=True))
    assert len(before.commits) == 2
    send(contents, Target("me/hidden", token=WRITER, private=True))
    assert hub.model("me/hidden").files == bytes_of(contents)


def test_what_is_left_over_goes_with_the_same_commit(hub, contents):
    shards = {"model-00001-of-00002.safetensors": b"a", "model.safetensors.index.json": b"{}", "note.txt": b"stays"}
    hub.add("me/old", {**shards, "model.safetensors": b"old"})
    send(contents, Target("me/old", token=WRITER, delete=("*.safetensors", "*.index.json")))
    repository = hub.model("me/old")
    assert repository.files == {"note.txt": b"stays", **bytes_of(contents)}
    assert len(repository.commits) == 3


def test_a_branch_is_made_where_it_is_missing(hub, contents):
    hub.add("me/old", {"README.md": b"old"})
    for _ in range(2):
        sent = send(contents, Target("me/old", token=WRITER, revision="v2"))
    repository = hub.model("me/old")
    assert repository.files == {"README.md": b"old"}
    assert repository.commits[repository.branches["v2"]] == bytes_of(contents)
    assert repository.branches["v2"] == sent.commit


def test_a_pull_request_leaves_main_alone(hub, contents):
    hub.add("them/theirs", {"README.md": b"theirs"})
    sent = send(contents, Target("them/theirs", token=READER, create_pr=True))
    repository = hub.model("them/theirs")
    assert repository.files == {"README.md": b"theirs"}
    assert repository.commits[repository.branches["refs/pr/1"]] == {"README.md": b"theirs", **bytes_of(contents)}
    assert sent.pull_request == sent.url == f"{hub.url}/them/theirs/discussions/1"
    assert not [path for _, path in hub.writes if path.endswith("/create")]


def test_datasets_and_spaces_have_their_own_place(hub, tmp_path):
    dataset, space = tmp_path / "dataset", tmp_path / "space"
    (dataset / "data").mkdir(parents=True)
    (dataset / "data" / "train-0.parquet").write_bytes(b"PAR1")
    (dataset / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n")
    space.mkdir()
    (space / "app.py").write_text("print()\n")
    (space / "README.md").write_text("---\ntitle: Dub\nsdk: gradio\n---\n")
    sent = push(dataset, Target("me/clips", repo_type="dataset", token=WRITER))
    assert hub.repositories["datasets", "me/clips"].files["data/train-0.parquet"] == b"PAR1"
    assert sent.url.startswith(f"{hub.url}/datasets/me/clips/commit/")
    push(space, Target("me/dub", repo_type="space", token=WRITER))
    assert set(hub.repositories["spaces", "me/dub"].files) == {"app.py", "README.md"}


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target("me/old"), r"me/old is as it was: the token is missing or not known \(401\).*hf auth login"),
        (Target("me/old", token="hf_wrong"), r"me/old is as it was: the token is missing or not known \(401\)"),
        (Target("me/old", token=READER), r"may not write to me/old \(403\)"),
        (Target("them/new", token=WRITER), r"may not write to them/new \(403\)"),
        (Target("me/none", token=WRITER, create_pr=True), "there is no model repository me/none"),
    ],
)
def test_a_refusal_is_one_clear_line(hub, contents, target, words):
    before = hub.add("me/old", {"README.md": b"old"})
    with pytest.raises(ValueError, match=f"nothing was committed, .*{words}"):
        send(contents, target)
    assert before.files == {"README.md": b"old"} and len(before.commits) == 2
    assert set(hub.repositories) == {("models", "me/old")}


@pytest.mark.parametrize("step", ["PUT /large/", "POST .*/preupload/", "POST .*/commit/", "POST .*/validate-yaml"])
def test_a_failure_on_the_way_leaves_the_repository_as_it_was(hub, contents, step):
    before = hub.add("me/old", {"README.md": b"old"})
    hub.fails = step
    with pytest.raises(ValueError, match="nothing was committed, me/old is as it was"):
        send(contents, Target("me/old", token=WRITER))
    assert before.files == {"README.md": b"old"} and len(before.commits) == 2
    with pytest.raises(ValueError, match="me/new was made and is empty"):
        send(contents, Target("me/new", token=WRITER))
    assert hub.model("me/new").files == {}


def test_files_that_the_hub_ignores_are_told(hub, contents, monkeypatch):
    """A .gitignore of the repository makes the Hub skip files of a commit without an error."""
    from support.hub_server import Repository

    commit = Repository.commit
    monkeypatch.setattr(
        Repository, "commit", lambda self, branch, files: commit(self, branch, {**files, "config.json": b"other"})
    )
    with pytest.raises(ValueError, match=r"was made, but it lacks config\.json"):
        send(contents, Target("me/new", token=WRITER))


def test_no_hub_at_all(hub, contents, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ValueError, match="the connection to the Hub broke"):
        send(contents, Target("me/new", token=WRITER))


def test_a_saved_token_is_used(hub, contents, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", WRITER)
    assert get_token() == WRITER
    send(contents, Target("me/new"))
    assert hub.model("me/new").files == bytes_of(contents)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"repo_id": "name"}, "ORG/NAME"),
        ({"repo_id": "a/b/c"}, "ORG/NAME"),
        ({"repo_id": "me/a b"}, "no name of a repository"),
        ({"repo_id": "me/it", "create_pr": True, "revision": "v2"}, "a pull request goes to main"),
        ({"repo_id": "me/it", "message": " "}, "message of the commit is empty"),
    ],
)
def test_targets_that_cannot_be(options, words):
    with pytest.raises(ValueError, match=words):
        Target(**options)
