"""What comes after training: the card holds the run's facts, nothing is sent unless asked, and then in one commit."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
import yaml
from accelerate import Accelerator

from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.data.features import Clip
from flowdubber_hf.pipelines.flowdubber.parts import build_pipeline
from flowdubber_hf.training.arguments import TrainingArguments
from flowdubber_hf.training.export import (
    dataset_licence,
    folder_sizes,
    model_card,
    part_card,
    push_folder,
    summarize_clips,
    write_pipeline,
)
from support.hub_server import WRITER
from support.tiny_models import tiny_components, tiny_pipeline


pytestmark = pytest.mark.slow


def options(tmp_path, **changed) -> TrainingArguments:
    return TrainingArguments(**{"dataset": [str(tmp_path)], "output_dir": str(tmp_path / "out"), **changed})


def clips() -> list[Clip]:
    video = [Clip(f"a/{n}", "train", f"s{n % 2}", "hi", "mine", 16000 * 36, 900) for n in range(3)]
    return [*video, Clip("b", "train", "t", "hi", "books", 16000 * 3600)]


def test_the_card_holds_the_runs_facts(tmp_path):
    (tmp_path / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n# Data\n")
    arguments = options(tmp_path, max_steps=7, batch_size=4, learning_rate=3e-4, hub_model_id="me/my-dubber")
    summary = {"steps": 7, "minutes": 2.5, "val_flow": 0.123456, "loss": 3.0}
    card = model_card("my-dubber", arguments, summary, summarize_clips(clips()), ["aligner"], "some/base", 2)
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["base_model"] == "some/base"
    assert front["library_name"] == "diffusers" and front["language"] == "en" and front["license"] == "other"
    for text in (
        "# my-dubber",
        'from_pretrained("me/my-dubber")',
        "| mine | video and sound | 3 | 2 | 0.03 |",
        "| books | sound | 1 | 1 | 1.00 |",
        "7 steps of 4 clips in 2.5 minutes",
        "2 processes",
        "| `learning_rate` | 0.0003 |",
        "| `val_flow` | 0.1235 |",
        "cc-by-4.0",
        "the other parts are those of `base`",
        "consent",
    ):
        assert text in card, text
    assert "`loss`" not in card and str(tmp_path) not in card and "None" not in card


@pytest.mark.parametrize("text", ["", "# no front matter\n", "---\nlanguage: en\n---\n"])
def test_a_licence_that_is_not_stated(tmp_path, text):
    (tmp_path / "README.md").write_text(text)
    assert dataset_licence(tmp_path) == "not stated"
    assert dataset_licence(tmp_path / "none") == "not stated"


def test_a_pipeline_replaces_the_one_before(tmp_path):
    folder = tmp_path / "pipeline"
    write_pipeline(tiny_pipeline(), folder, "old", "float32")
    (folder / "left-over").write_text("")
    pipeline = build_pipeline({"aligner": tiny_components(seed=3)["aligner"]}, folder)
    write_pipeline(pipeline, folder, "new", "float16")
    assert (folder / "README.md").read_text() == "new" and not (folder / "left-over").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["pipeline"]
    loaded = FlowDubberPipeline.from_pretrained(folder)
    assert loaded.aligner.dtype == torch.float32  # widened
    assert "model_index.json" in folder_sizes(folder)


def test_a_pipeline_of_parts_alone(tmp_path):
    parts = tiny_components(language_model=False)
    parts = {name: part for name, part in parts.items() if name not in ("scheduler", "lip_feature_extractor")}
    assert build_pipeline(parts).semantic_model is None
    with pytest.raises(ValueError, match="the pipeline lacks vocoder"):
        build_pipeline({name: part for name, part in parts.items() if name != "vocoder"})
    with pytest.raises(ValueError, match="has no part 'nose'"):
        build_pipeline({**parts, "nose": str(tmp_path)})


@pytest.fixture
def pipeline(tmp_path):
    """A pipeline folder with its card, as training writes it."""
    card = model_card("it", options(tmp_path), {}, [], ["aligner"], None)
    return write_pipeline(tiny_pipeline(language_model=False), tmp_path / "pipeline", card)


def test_nothing_is_sent_unless_asked(hub, pipeline, tmp_path):
    push_folder(pipeline, options(tmp_path, hub_model_id="me/it"), Accelerator(cpu=True))
    assert hub.requests == []


def test_a_pipeline_goes_to_the_hub_in_one_commit(hub, pipeline, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", WRITER)
    push_folder(pipeline, options(tmp_path, push_to_hub=True, hub_model_id="me/it"), Accelerator(cpu=True))
    repository = hub.model("me/it")
    assert repository.private and len(repository.commits) == 2
    assert 'from_pretrained("me/it")' in repository.files["README.md"].decode()
    assert FlowDubberPipeline.from_pretrained("me/it").semantic_model is None


def test_a_part_goes_to_the_hub_with_a_card_of_its_own(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", WRITER)
    folder = tmp_path / "run" / "best"
    tiny_components()["vocoder"].save_pretrained(folder)
    arguments = options(tmp_path, push_to_hub=True, hub_model_id="me/vocoder", max_steps=7)
    card = part_card(arguments, {"steps": 7, "minutes": 1.0, "val_mel": 0.5})
    push_folder(folder, arguments, Accelerator(cpu=True), card)
    files = hub.model("me/vocoder").files
    assert set(files) == {"README.md", "config.json", "model.safetensors"}
    assert "| `val_mel` | 0.5 |" in files["README.md"].decode() and "consent" in files["README.md"].decode()
    assert not (folder / "README.md").exists()


def test_a_refusal_of_the_hub_is_told(hub, pipeline, tmp_path):
    with pytest.raises(ValueError, match=r"--push_to_hub: nothing was committed, .*hf auth login"):
        push_folder(pipeline, options(tmp_path, push_to_hub=True, hub_model_id="me/it"), Accelerator(cpu=True))
