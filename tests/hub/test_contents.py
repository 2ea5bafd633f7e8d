"""What may go into a repository: everything is listed, and what must not be sent is named before anything is."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import os

import pytest
import torch
from safetensors.torch import save_file

from flowdubber_hf.hub import read_contents
from flowdubber_hf.hub.contents import front_matter


CARD = "---\nlicense: cc-by-4.0\n---\n# A model\n"


@pytest.fixture
def folder(tmp_path):
    """One small model."""
    folder = tmp_path / "model"
    (folder / "part").mkdir(parents=True)
    (folder / "README.md").write_text(CARD)
    (folder / "part" / "config.json").write_text(
        '{"hidden_size": 4, "kind": "text/html", "base": "Qwen/Qwen2.5-0.5B"}'
    )
    save_file({"weight": torch.zeros(2)}, folder / "part" / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_every_file_is_listed_with_its_size(folder):
    (folder / "samples").mkdir()
    (folder / "samples" / "dub.wav").write_bytes(b"RIFF")
    (folder / "LICENSE").write_text("all of it")
    (folder / "part" / "flowdubber_vocoder.py").write_text("from flowdubber_hf import FlowDubberVocoder\n")
    contents = read_contents(folder)
    assert [file.path for file in contents.files] == [
        "LICENSE",
        "README.md",
        "part/config.json",
        "part/flowdubber_vocoder.py",
        "part/model.safetensors",
        "samples/dub.wav",
    ]
    assert all(file.size == (folder / file.path).stat().st_size for file in contents.files)
    assert contents.total == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    last = contents.table().splitlines()[-1]
    assert f"{contents.total:,} bytes  in all, 6 files" in last


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("part/pytorch_model.bin", "not safetensors"),
        ("optimizer.pt", "not safetensors"),
        ("part/states.pkl", "not safetensors"),
        ("notes.docx", "do not belong into a model repository"),
        ("part/modeling.py", "do not belong"),
        (".env", "do not belong"),
        (".git/config", "do not belong"),
        ("data/train.parquet", "do not belong"),
    ],
)
def test_what_does_not_belong_is_refused_by_name(folder, name, words):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("import os\n")
    with pytest.raises(ValueError, match=words) as refusal:
        read_contents(folder)
    assert name in str(refusal.value)


@pytest.mark.parametrize(
    "value",
    ["/home/ann/models/vocoder", "~/models/vocoder", "C:\\Users\\ann\\vocoder", "file:///home/ann/x"],
)
def test_paths_of_this_machine_are_refused(folder, value):
    config = {"sizes": [{"_name_or_path": value}]}
    (folder / "part" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"part/config.json holds a path of this machine \(_name_or_path"):
        read_contents(folder)


def test_paths_in_weights_and_texts_are_refused_too(folder):
    readme = folder / "README.md"
    readme.write_text(f"{CARD}Trained from {folder.resolve()}/part.\n")
    with pytest.raises(ValueError, match=r"README.md holds a path of this machine"):
        read_contents(folder)
    readme.write_text(f"{CARD}Give the path of a clip, /data/clip.mp4 say.\n")
    read_contents(folder)
    save_file({"weight": torch.zeros(2)}, folder / "part" / "model.safetensors", metadata={"from": "/home/ann/x"})
    with pytest.raises(ValueError, match=r"model.safetensors holds a path of this machine"):
        read_contents(folder)


def test_a_link_may_not_lead_out(folder, tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text("{}")
    link = folder / "part" / "generation_config.json"
    os.symlink(secret, link)
    with pytest.raises(ValueError, match="leads out"):
        read_contents(folder)
    link.unlink()
    os.symlink(folder / "part" / "config.json", link)
    assert "part/generation_config.json" in [file.path for file in read_contents(folder).files]
    os.symlink(folder / "part", folder / "again")
    with pytest.raises(ValueError, match="link to a folder"):
        read_contents(folder)


def test_damaged_files_are_refused(folder):
    weights = folder / "part" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:20])
    with pytest.raises(ValueError, match="damaged"):
        read_contents(folder)
    weights.unlink()
    (folder / "part" / "config.json").write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        read_contents(folder)


@pytest.mark.parametrize(
    ("card", "words"),
    [
        (None, "has no card"),
        ("# A model\n", "no front matter"),
        ("---\nlicense: [\n---\n", "not valid YAML"),
        ("---\n- license\n---\n", "must hold names"),
        ("---\nlanguage: en\n---\n", "lacks license"),
    ],
)
def test_a_card_is_needed(folder, card, words):
    (folder / "README.md").unlink() if card is None else (folder / "README.md").write_text(card)
    with pytest.raises(ValueError, match=words):
        read_contents(folder)


def test_a_dataset_stays_without_its_work(tmp_path):
    for name in ("data/train-0.parquet", "work/clips/a.json", "report.json", "report.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "README.md").write_text(CARD)
    contents = read_contents(tmp_path, "dataset")
    assert [file.path for file in contents.files] == [
        "README.md",
        "data/train-0.parquet",
        "report.json",
        "report.png",
    ]
    assert contents.left_out == ("work/",)


def test_a_space_has_code_and_says_how_it_runs(tmp_path):
    (tmp_path / "app.py").write_text("import gradio\n")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "app.cpython-311.pyc").write_bytes(b"")
    (tmp_path / "README.md").write_text("---\ntitle: Dub\n---\n")
    with pytest.raises(ValueError, match="lacks sdk"):
        read_contents(tmp_path, "space")
    (tmp_path / "README.md").write_text("---\ntitle: Dub\nsdk: gradio\n---\n")
    contents = read_contents(tmp_path, "space")
    assert [file.path for file in contents.files] == ["README.md", "app.py"]
    assert contents.left_out == ("__pycache__/",)


def test_the_space_of_the_repository_can_be_sent(repository):
    contents = read_contents(repository / "spaces" / "flowdubber", "space")
    assert {"README.md", "app.py", "requirements.txt"} <= {file.path for file in contents.files}


def test_there_are_three_kinds_of_repositories(folder):
    with pytest.raises(ValueError, match="model, dataset, space"):
        read_contents(folder, "bucket")
    with pytest.raises(ValueError, match="no folder"):
        read_contents(folder / "none")


def test_front_matter_ends_at_its_second_line():
    assert front_matter("---\na: 1\n---\nb: 2\n---\n") == {"a": 1}
