"""A pipeline as it is published: one form that this package and plain diffusers load, and nothing else in the folder."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import shutil
import sys

import pytest
import torch
from diffusers import DiffusionPipeline
from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, AutoTokenizer

import flowdubber_hf
from flowdubber_hf import FlowDubberPipeline, FlowDubberVectorField, FlowDubberVocoder
from flowdubber_hf.checkpoints.sources import bundled_checkpoints
from flowdubber_hf.hub import stage_for_hub, stage_model_for_hub
from flowdubber_hf.hub.staging import publish_index
from support.pipeline_calls import same_dub
from support.tiny_models import tiny_components, tiny_pipeline, tiny_vocoder


pytestmark = pytest.mark.slow


CARD = """---
license: cc-by-4.0
---
```python
pipe = FlowDubberPipeline.from_pretrained("PATH-OF-THIS-FOLDER")
```
"""


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    file = tmp_path_factory.mktemp("card") / "card.md"
    file.write_text(CARD)
    return file


@pytest.fixture(scope="module")
def pipe():
    return tiny_pipeline()


@pytest.fixture(scope="module")
def staged(pipe, card, tmp_path_factory):
    """A staged tiny pipeline."""
    folder = tmp_path_factory.mktemp("staged") / "model"
    stage_for_hub(pipe, folder, card=card)
    return folder


@pytest.fixture(scope="module")
def saved(pipe, tmp_path_factory):
    """The same as `save_pretrained` writes it, with its card."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    pipe.save_pretrained(folder)
    (folder / "README.md").write_text(CARD)
    return folder


def test_the_bundled_model_has_the_index_that_the_repository_shows(repository, tmp_path):
    """hub_cards/model/model_index.json is what readers of the repository see of a published model."""
    shutil.copytree(bundled_checkpoints()["flowdubber-grid-tiny"], tmp_path / "model")
    index = publish_index(tmp_path / "model")
    shown = json.loads((repository / "hub_cards/model/model_index.json").read_text(encoding="utf-8"))
    version = "_diffusers_version"
    assert {**index, version: ""} == {**shown, version: ""}
    named = {(name, entry[0]) for name, entry in index.items() if isinstance(entry, list) and name[0] != "_"}
    for part, module in named - {("scheduler", "diffusers"), ("tokenizer", "transformers")}:
        assert (tmp_path / "model" / part / f"{module}.py").is_file()


def test_import_files_are_one_import_each(staged):
    shims = sorted(staged.rglob("*.py"))
    assert len(shims) == 8
    for file in shims:
        words = file.read_text().split()
        assert words[:3] == ["from", "flowdubber_hf", "import"] and len(words) == 4
        assert hasattr(flowdubber_hf, words[3])


def test_nothing_else_is_in_the_folder(pipe, card, tmp_path):
    contents = stage_for_hub(pipe, tmp_path / "out" / "model", card=card)
    found = {path.relative_to(contents.folder).as_posix() for path in contents.folder.rglob("*") if path.is_file()}
    assert found == {file.path for file in contents.files}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model"]
    assert str(tmp_path) not in "".join(file.read_text() for file in contents.folder.rglob("*.json"))


def test_this_package_loads_it_and_runs_none_of_its_code(pipe, staged, tmp_path):
    folder = shutil.copytree(staged, tmp_path / "model")
    for file in folder.rglob("*.py"):
        file.write_text("raise RuntimeError('code of the repository was run')\n")
    same_dub(pipe, FlowDubberPipeline.from_pretrained(folder))


def test_plain_diffusers_loads_it_with_consent_only(staged):
    with pytest.raises(ValueError, match="trust_remote_code"):
        DiffusionPipeline.from_pretrained(staged)
    loaded = DiffusionPipeline.from_pretrained(staged, trust_remote_code=True)
    assert type(loaded) is FlowDubberPipeline
    assert type(loaded.vocoder) is FlowDubberVocoder and type(loaded.vector_field) is FlowDubberVectorField


def test_without_the_package_diffusers_says_what_is_missing(staged, monkeypatch):
    monkeypatch.setitem(sys.modules, "flowdubber_hf", None)  # as if it were not installed
    with pytest.raises(ImportError, match="flowdubber_hf"):
        DiffusionPipeline.from_pretrained(staged, trust_remote_code=True)


def test_each_model_loads_alone(staged):
    assert isinstance(FlowDubberVocoder.from_pretrained(staged, subfolder="vocoder"), FlowDubberVocoder)
    for part in ("speech_tokenizer", "semantic_model", "style_encoder", "aligner", "vocoder"):
        model = AutoModel.from_pretrained(staged / part)
        assert type(model).__module__.startswith("flowdubber_hf.models.")
        assert type(AutoConfig.from_pretrained(staged / part)) is type(model.config)
    extractor = AutoFeatureExtractor.from_pretrained(staged / "lip_feature_extractor")
    assert type(extractor) is flowdubber_hf.FlowDubberLipFeatureExtractor
    assert AutoTokenizer.from_pretrained(staged / "tokenizer")("blue")["input_ids"]
    field = FlowDubberVectorField.from_pretrained(staged / "vector_field")
    assert field.config.fused_size == 32


def test_the_bundled_names_are_known_to_each_model():
    vocoder = FlowDubberVocoder.from_pretrained("flowdubber-grid-tiny", subfolder="vocoder")
    field = FlowDubberVectorField.from_pretrained("flowdubber-grid-tiny", subfolder="vector_field")
    judge = flowdubber_hf.FlowDubberSyncNet.from_pretrained("syncnet-grid-tiny")
    assert vocoder.config.sampling_rate == 16000 and field.config.num_mels == 80 and not judge.training


def test_a_folder_is_copied_as_it_is_stored(saved, tmp_path):
    half = FlowDubberPipeline.from_pretrained(saved, dtype=torch.float16)
    half.save_pretrained(tmp_path / "half")
    (tmp_path / "half" / "README.md").write_text(CARD)
    stage_for_hub(tmp_path / "half", tmp_path / "staged", repo_id="me/mine")
    name = "vector_field/diffusion_pytorch_model.safetensors"
    assert (tmp_path / "staged" / name).read_bytes() == (tmp_path / "half" / name).read_bytes()
    assert 'from_pretrained("me/mine")' in (tmp_path / "staged" / "README.md").read_text()


def test_what_is_staged_can_be_staged_again(staged, tmp_path):
    again = stage_for_hub(staged, tmp_path / "again")
    for file in again.files:
        assert (staged / file.path).read_bytes() == (again.folder / file.path).read_bytes()


def test_the_card_beside_a_loaded_pipeline_is_found(saved, tmp_path):
    loaded = FlowDubberPipeline.from_pretrained(saved)
    contents = stage_for_hub(loaded, tmp_path / "staged", repo_id="me/mine")
    assert 'from_pretrained("me/mine")' in (contents.folder / "README.md").read_text()
    assert "_name_or_path" not in (contents.folder / "model_index.json").read_text()


def test_a_variant_is_staged_and_loaded_as_such(pipe, card, tmp_path):
    pipe = tiny_pipeline().to(dtype=torch.float16)
    folder = tmp_path / "fp16"
    stage_for_hub(pipe, folder, card=card, variant="fp16")
    assert (folder / "vocoder" / "model.fp16.safetensors").is_file()
    loaded = FlowDubberPipeline.from_pretrained(folder, variant="fp16")
    assert loaded.vocoder.dtype == torch.float32  # widened
    with pytest.raises(ValueError, match=r"holds no plain weights of aligner.*it has fp16: give it as `variant`"):
        FlowDubberPipeline.from_pretrained(folder)
    stage_for_hub(folder, tmp_path / "again")  # what has one variant only can be published too
    weights = folder / "vocoder" / "model.fp16.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match="damaged"):
        stage_for_hub(folder, tmp_path / "damaged")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "README.md").unlink(), "there is no card"),
        (lambda folder: (folder / "optimizer.bin").write_bytes(b""), "not safetensors"),
        (lambda folder: (folder / "vocoder" / "notes.log").write_text(""), r"vocoder/notes\.log"),
        (lambda folder: (folder / "checkpoint-7").mkdir(), "folders that its index does not name"),
        (lambda folder: shutil.rmtree(folder / "aligner"), "aligner"),
        (lambda folder: (folder / "vocoder" / "model.safetensors").unlink(), "vocoder"),
    ],
)
def test_a_folder_that_must_not_be_published(saved, tmp_path, spoil, words):
    folder = shutil.copytree(saved, tmp_path / "model")
    spoil(folder)
    with pytest.raises(ValueError, match=words):
        stage_for_hub(folder, tmp_path / "staged")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_part_that_others_do_not_have_is_refused(card, tmp_path):
    class OwnVocoder(FlowDubberVocoder):
        pass

    own = OwnVocoder(tiny_vocoder().config)
    with pytest.raises(ValueError, match=r"the part vocoder is a OwnVocoder of the module .*others do not have"):
        stage_for_hub(FlowDubberPipeline(**{**tiny_components(), "vocoder": own}), tmp_path / "staged", card=card)


def test_a_folder_that_is_there_is_kept(saved, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("keep")
    with pytest.raises(ValueError, match="exists and is not empty"):
        stage_for_hub(saved, tmp_path / "mine")
    with pytest.raises(ValueError, match="give the pipeline itself"):
        stage_for_hub(saved, tmp_path / "new", variant="fp16")


def test_one_model_is_staged_alone(card, tmp_path):
    contents = stage_model_for_hub("syncnet-grid-tiny", tmp_path / "judge", card=card)
    assert [file.path for file in contents.files] == ["README.md", "config.json", "model.safetensors"]
    with pytest.raises(ValueError, match="neither a pipeline"):
        stage_model_for_hub(card.parent, tmp_path / "nothing", card=card)
