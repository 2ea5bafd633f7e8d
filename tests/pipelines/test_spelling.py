"""A pipeline whose language model spells the script in place of speaking it."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from huggingface_hub.errors import StrictDataclassError

from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.diagnosis import examine
from flowdubber_hf.models.semantic import build_prompt, semantic_config, spelled, spelled_script
from flowdubber_hf.processing.text import phonemize
from support.pipeline_calls import SCRIPTS, generator, inputs, same_dub
from support.tiny_models import tiny_pipeline, tiny_semantic_model


pytestmark = pytest.mark.slow


def spelling_pipeline() -> FlowDubberPipeline:
    torch.manual_seed(0)
    model = tiny_semantic_model().eval()
    model.config.answer = "spelling"
    return tiny_pipeline(semantic_model=model)


@pytest.fixture(scope="module")
def pipe() -> FlowDubberPipeline:
    return spelling_pipeline()


def test_codes_by_hand():
    # B is the first consonant behind silence, AH0 and AH1 are one class.
    assert spelled(["sil", "B", "CH", "sp"]) == [0, 3, 6, 0] and spelled(["AH0"]) == spelled(["AH1"])
    assert spelled_script(["sil", "B", "sp", "CH", "sil"], [False, False, True, False, False]) == [0, 3, 6, 0]


def test_configuration():
    with pytest.raises(StrictDataclassError, match="answer must be one of speech, spelling"):
        semantic_config("tiny", answer="song")
    with pytest.raises(StrictDataclassError, match="at least 120"):
        semantic_config("tiny", answer="spelling", semantic_codebook_size=64)


def heard_states(pipe: FlowDubberPipeline, monkeypatch, **changed) -> torch.Tensor:
    """The states that reach the aligner in a dub."""
    heard, original = [], pipe.generate_semantics

    def listen(*arguments):
        heard.append(original(*arguments))
        return heard[-1]

    with monkeypatch.context() as patch:
        patch.setattr(pipe, "generate_semantics", listen)
        pipe(**inputs(**changed))
    (states, mask), script = heard[0], phonemize(SCRIPTS[0])
    assert states.shape[1] == int(mask.sum()) == script.optional.count(False)
    return states[0]


@torch.no_grad()
def test_states_are_those_of_the_scripts_phonemes_and_nothing_is_drawn(pipe, monkeypatch):
    states = heard_states(pipe, monkeypatch)
    assert torch.equal(states, heard_states(pipe, monkeypatch, generator=generator(7), semantic_temperature=2.0))
    script, model = phonemize(SCRIPTS[0]), pipe.semantic_model
    voice = pipe.prepare_voice(inputs()["reference_audio"], 16000).global_tokens
    prompt = build_prompt(pipe.tokenizer, " ".join(script.words), None, voice, None)
    codes = spelled_script(script.phonemes, script.optional)
    offset = model.config.semantic_token_offset
    whole = [*prompt, model.config.start_semantic_token_id, *(code + offset for code in codes)]
    expected = model.model(torch.tensor([whole])).last_hidden_state[0, -len(codes) :]
    torch.testing.assert_close(states, expected, atol=1e-5, rtol=1e-4)


def test_the_voice_is_read_and_the_transcript_is_not(pipe, monkeypatch):
    states = heard_states(pipe, monkeypatch)
    assert torch.equal(states, heard_states(pipe, monkeypatch, reference_text=None))
    other = torch.from_numpy(inputs()["reference_audio"]).flip(0).numpy()
    assert not torch.equal(states, heard_states(pipe, monkeypatch, reference_audio=other))


def test_the_answer_survives_saving(pipe, tmp_path):
    pipe.save_pretrained(tmp_path)
    loaded = FlowDubberPipeline.from_pretrained(tmp_path)
    assert loaded.semantic_model.config.answer == "spelling"
    same_dub(pipe, loaded)


def test_a_checkup_tells_how_well_it_spells(pipe, tmp_path):
    pipe.save_pretrained(tmp_path)
    told = [one.text for one in examine(tmp_path).findings if one.part == "semantic_model"]
    assert any("of the phonemes of" in one for one in told)
