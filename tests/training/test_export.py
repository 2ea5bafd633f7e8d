# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""What comes after training: the card holds the run's facts, nothing is sent unless asked, and then in one commit."""

import json

import pytest
import torch
import yaml
from accelerate import Accelerator

from components import tiny_components, tiny_pipeline
from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.data.features import Clip
from flowdubber_hf.pipelines.flowdubber.parts import build_pipeline
from flowdubber_hf.training import export
from flowdubber_hf.training.arguments import TrainingArguments
from flowdubber_hf.training.export import (
    dataset_licence,
    folder_sizes,
    model_card,
    push_folder,
    summarize_clips,
    write_pipeline,
)


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


class Hub:
    """Stands for `HfApi`."""

    def __init__(self, refuses: bool = False):
        self.calls, self.refuses = [], refuses

    def __call__(self):
        return self

    def create_repo(self, repo_id, **rest):
        if self.refuses:
            raise OSError("401")
        self.calls.append(("create_repo", repo_id, rest))

    def upload_folder(self, **rest):
        self.calls.append(("upload_folder", rest["repo_id"], rest))
        return "https://hub/commit"


def test_nothing_is_sent_unless_asked(tmp_path, monkeypatch):
    hub = Hub()
    monkeypatch.setattr(export, "HfApi", hub)
    push_folder(tmp_path, options(tmp_path, hub_model_id="me/it"), Accelerator(cpu=True))
    assert hub.calls == []


def test_a_folder_goes_to_the_hub_in_one_commit(tmp_path, monkeypatch):
    hub = Hub()
    monkeypatch.setattr(export, "HfApi", hub)
    push_folder(tmp_path, options(tmp_path, push_to_hub=True, hub_model_id="me/it"), Accelerator(cpu=True))
    assert [call[:2] for call in hub.calls] == [("create_repo", "me/it"), ("upload_folder", "me/it")]
    assert hub.calls[0][2] == {"private": True, "exist_ok": True} and hub.calls[1][2]["folder_path"] == tmp_path
    json.dumps(hub.calls[1][2]["commit_message"])


def test_a_refusal_of_the_hub_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "HfApi", Hub(refuses=True))
    with pytest.raises(ValueError, match="the Hub refused me/it: 401"):
        push_folder(tmp_path, options(tmp_path, push_to_hub=True, hub_model_id="me/it"), Accelerator(cpu=True))
