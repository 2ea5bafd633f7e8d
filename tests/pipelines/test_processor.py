"""The processor: the aligner's inputs are those of the pipeline, prompts those of the language model; saved and loaded."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import diffusers
import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoProcessor

from flowdubber_hf import FlowDubberAlignerModel, FlowDubberProcessor, FlowDubberVectorField, bundled_checkpoint
from flowdubber_hf.models.semantic import build_prompt, pad_prompts
from support.pipeline_calls import BOXES, FPS, SCRIPTS, frames, inputs
from support.tiny_models import tiny_pipeline


@pytest.fixture(scope="module")
def pipe():
    return tiny_pipeline()


@pytest.fixture(scope="module")
def processor(pipe):
    parts = pipe.components
    return FlowDubberProcessor.of_parts(
        parts["lip_feature_extractor"], parts["tokenizer"], parts["aligner"].config, parts["semantic_model"].config
    )


def test_the_aligner_sees_what_the_pipeline_gives_it(pipe, processor):
    seen = {}
    encode = pipe.aligner.encode

    def look(*args, **kwargs):
        seen.update(zip(("input_ids", "attention_mask", "optional_mask"), args, strict=True))
        seen.update(kwargs)
        return encode(*args, **kwargs)

    def note_values(_, args):
        seen["lip_values"] = args[0]

    pipe.aligner.encode = look
    hook = pipe.aligner.lip_encoder.register_forward_pre_hook(note_values)
    try:
        pipe(**inputs(num_inference_steps=1))
    finally:
        hook.remove()
        del pipe.aligner.encode
    made = processor(SCRIPTS[0], frames(20), fps=FPS, mouth_box=BOXES[0])
    assert set(made) == {
        "input_ids", "attention_mask", "optional_mask", "pause_ids", "lip_values", "lip_mask", "seen_mask",
    }  # fmt: skip
    for name, value in made.items():
        assert torch.equal(value, seen[name]), name


def test_rows_are_padded_and_the_aligner_takes_them(pipe, processor):
    both = processor(list(SCRIPTS), [frames(20), frames(27, seed=1)], fps=FPS, mouth_box=list(BOXES))
    alone = processor(SCRIPTS[1], frames(27, seed=1), fps=FPS, mouth_box=BOXES[1])
    assert both["lip_mask"].sum(1).tolist() == [20, 27] and both["seen_mask"].sum(1).tolist() == [20, 27]
    torch.testing.assert_close(both["lip_values"][1], alone["lip_values"][0])
    real = both["attention_mask"][1]
    assert torch.equal(both["input_ids"][1][real], alone["input_ids"][0])
    with torch.no_grad():
        style = torch.zeros(2, pipe.aligner.config.style_size)
        assert pipe.aligner.encode(**both, style=style).path.shape[2] == 4 * 27


def test_phonemes_alone(processor):
    assert set(processor("bin blue")) == {"input_ids", "attention_mask", "optional_mask", "pause_ids"}


@pytest.mark.parametrize("reference_text", [None, "place green"])
def test_prompts_are_those_of_the_language_model(pipe, processor, reference_text):
    codes, spoken = torch.arange(32)[None], [torch.tensor([3, 5, 8])]
    config = pipe.semantic_model.config
    assert config.prompt_text == "words", "the tiny model's prompts hold words"
    expected = build_prompt(
        pipe.tokenizer, "two", reference_text, codes[0], spoken[0], separator=config.prompt_separator
    )
    found = processor.prompts("2", codes, reference_text, spoken)
    for one, other in zip(found.values(), pad_prompts([expected], config.pad_token_id), strict=True):
        assert torch.equal(one, other)


def test_saved_and_loaded_it_gives_the_same(processor, tmp_path):
    processor.phoneme_accent = "gb"
    processor.save_pretrained(tmp_path)
    for loaded in (FlowDubberProcessor.from_pretrained(tmp_path), AutoProcessor.from_pretrained(tmp_path)):
        assert isinstance(loaded, FlowDubberProcessor)
        assert (loaded.phoneme_accent, loaded.prompt_text) == ("gb", processor.prompt_text)
        one, other = (each("at z now", frames(20), fps=FPS, mouth_box=BOXES[0]) for each in (processor, loaded))
        assert all(torch.equal(one[name], other[name]) for name in one)
        codes = np.arange(32)[None]
        assert torch.equal(loaded.prompts("bin", codes)["input_ids"], processor.prompts("bin", codes)["input_ids"])
    assert str(tmp_path) not in (tmp_path / "processor_config.json").read_text()


def test_that_of_a_pipeline(pipe, processor, tmp_path):
    pipe.save_pretrained(tmp_path)
    loaded = FlowDubberProcessor.from_pretrained(tmp_path)
    assert torch.equal(loaded("at z")["input_ids"], FlowDubberProcessor.of_parts(
        pipe.lip_feature_extractor, pipe.tokenizer, pipe.aligner.config, pipe.semantic_model.config
    )("at z")["input_ids"])  # fmt: skip
    bundled = FlowDubberProcessor.from_pretrained("flowdubber-grid-tiny")
    assert bundled.phoneme_accent == "gb"


def test_messages_name_the_row(processor):
    with pytest.raises(ValueError, match=r"^`script\[1\]`: "):
        processor(["bin", "?!"])
    with pytest.raises(ValueError, match=r"^`video\[1\]`: a clip is a path"):
        processor(list(SCRIPTS), [frames(20), 7], fps=FPS, mouth_box=list(BOXES))
    with pytest.raises(ValueError, match="2 scripts, 1 clips"):
        processor(list(SCRIPTS), [frames(20)], fps=FPS, mouth_box=list(BOXES))


def test_auto_classes_take_the_folder_of_a_bundled_checkpoint():
    folder = bundled_checkpoint("flowdubber-grid-tiny")
    aligner = AutoModel.from_pretrained(folder, subfolder="aligner")
    assert isinstance(aligner, FlowDubberAlignerModel)
    assert isinstance(diffusers.AutoModel.from_pretrained(folder, subfolder="vector_field"), FlowDubberVectorField)
    with pytest.raises(ValueError, match=r"no checkpoint 'other' is bundled; there are flowdubber-grid-tiny"):
        bundled_checkpoint("other")
