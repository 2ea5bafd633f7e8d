"""Durations from the language model's states: the tie, its stage, and the aligner that hears them."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError

from flowdubber_hf.models.aligner.durations import Durations
from flowdubber_hf.training import semantic_duration_stage
from flowdubber_hf.training.duration_stage import TimedScript, duration_figures
from flowdubber_hf.training.semantic_duration_stage import SemanticTieStage, SpokenDurations, collate_states
from flowdubber_hf.training.semantic_features import SemanticCache
from support.timed_scripts import script
from support.tiny_models import tiny_aligner
from support.training_runs import OnAnotherDevice, check_batches, check_parts_equal_whole, unmoved


pytestmark = pytest.mark.slow


def hearing_aligner():
    torch.manual_seed(0)
    return tiny_aligner(
        num_duration_layers=1, duration_hidden_size=32, duration_dropout=0.0, duration_source="semantics"
    )


def told(one: TimedScript, hidden_size: int) -> np.ndarray:
    """States that name each token's phoneme: an own direction for each."""
    directions = np.random.default_rng(0).standard_normal((200, hidden_size)).astype(np.float32)
    counts = np.diff(np.rint(np.cumsum(one.seconds) * 50).astype(int), prepend=0)
    return directions[np.repeat(one.phonemes, counts)]


@pytest.fixture
def states(tmp_path) -> SemanticCache:
    hidden_size = hearing_aligner().config.semantic_hidden_size
    settings = {"model": "made", "hidden_size": hidden_size, "codes": "spoken", "max_new_tokens": 99}
    cache = SemanticCache(tmp_path / "states", {"own_reference": 0.5, "without_transcript": 0.5, **settings})
    for number in range(40):
        one = script(number)
        cache.write(one.name, 0, told(one, hidden_size))
    return cache


@pytest.fixture
def stage(states) -> SemanticTieStage:
    groups = [([script(number) for number in range(12)], 0.75), ([script(number) for number in range(20, 24)], 0.25)]
    return SemanticTieStage(hearing_aligner(), groups, [script(number) for number in range(30, 34)], states, 4, 0)


def test_stage_keeps_the_rules_of_the_loop(stage):
    check_batches(stage)
    check_parts_equal_whole(stage)


def test_only_the_tie_learns(stage):
    still = unmoved(stage)
    assert still == []
    trained = [name for name, value in stage.aligner.named_parameters() if value.requires_grad]
    assert trained and all(name.startswith("semantic_tie.") for name in trained)


def test_validation_goes_to_where_the_tie_is(stage, monkeypatch):
    """On a card the tie alone was moved there; natural durations need the aligner's predictor beside it."""
    model, asked = OnAnotherDevice("loss"), []
    monkeypatch.setattr(
        semantic_duration_stage, "duration_figures", lambda durations, _: asked.append(durations.aligner.device) or {}
    )
    assert stage.validate(model) == {"val_loss": 0}
    assert model.devices == {"meta"} and asked == [torch.device("meta")]


def test_it_learns_what_the_states_tell(stage, states):
    optimizer = torch.optim.AdamW(stage.model.parameters(), 5e-3)
    before = stage.validate(stage.model)
    for step in range(60):
        losses = stage.model(stage.batch(step, range(4)))
        losses["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    after = stage.validate(stage.model)
    assert after["val_own_share"] > 0.7 > before["val_own_share"]
    assert after["val_correlation"] > 0.9 and after["val_log_error"] < 0.2


def test_owners_follow_the_true_times(states):
    one = script(3)
    batch = collate_states([one, script(4)], states)
    owners = batch["owners"][0]
    np.testing.assert_allclose(owners.sum(1)[: len(one.seconds)] / 50, one.seconds, atol=0.021)
    assert owners.sum(0).max() == 1 and not batch["owners"][..., ~batch["semantic_mask"].all(0)].all()


def test_states_of_its_own_speech_cannot_be_tied(tmp_path):
    size = hearing_aligner().config.semantic_hidden_size
    settings = {"model": "made", "hidden_size": size, "own_reference": 0.5, "without_transcript": 0.5}
    cache = SemanticCache(tmp_path / "sampled", {**settings, "codes": "sampled", "max_new_tokens": 99})
    with pytest.raises(ValueError, match="spoken"):
        SemanticTieStage(hearing_aligner(), [([script(0)], 1.0)], [script(1)], cache, 4, 0)


# ---------------------------------------------------------------------------------------------------- the aligner


def test_lengths_are_those_of_the_tokens():
    tie = hearing_aligner().semantic_tie
    similarity = torch.full((1, 4, 12), -1.0)
    for phoneme, (first, last) in enumerate([(0, 3), (3, 5), (5, 5), (5, 12)]):
        similarity[0, phoneme, first:last] = 1.0
    natural = Durations(torch.full((1, 4), -2.0), torch.full((1, 4), 0.3), torch.zeros(1, 4))
    mask, optional = torch.ones(1, 4, dtype=torch.bool), torch.tensor([[False, False, True, False]])
    found = tie.durations(similarity, mask, torch.ones(1, 12, dtype=torch.bool), optional, natural)
    torch.testing.assert_close(found.mean.exp()[0, [0, 1, 3]], torch.tensor([3.0, 2.0, 7.0]) / 50)
    assert found.mean[0, 2] == -2.0 and found.present[0, 2] < 0.05  # a pause that was not made
    assert torch.equal(found.deviation, natural.deviation)
    too_few = tie.durations(similarity[..., :2], mask, torch.ones(1, 2, dtype=torch.bool), optional, natural)
    assert torch.equal(too_few.mean, natural.mean)


def test_timing_follows_what_the_model_says():
    aligner = hearing_aligner().eval()
    one = script(1)
    ids, pauses = torch.from_numpy(one.phonemes)[None], torch.from_numpy(one.pauses)[None]
    mask, style = torch.ones_like(ids, dtype=torch.bool), torch.zeros(1, aligner.config.style_size)
    states = torch.randn(2, 1, 80, aligner.config.semantic_hidden_size)
    with torch.no_grad():
        text = aligner.natural_durations(ids, mask, pauses, style)
        first, second = (aligner.natural_durations(ids, mask, pauses, style, row) for row in states)
        frames = torch.ones(1, 100, dtype=torch.bool)
        options = {"lip_mask": frames, "style": style, "pause_ids": pauses}
        paths = [aligner.encode(ids, mask, **options, semantic_features=row).path for row in (states[0], states[1])]
    assert not torch.equal(first.mean, second.mean) and not torch.equal(first.mean, text.mean)
    assert not torch.equal(*paths)


def test_a_source_needs_a_predictor_beside_it():
    with pytest.raises(StrictDataclassClassValidationError, match="num_duration_layers"):
        tiny_aligner(duration_source="semantics")
    with pytest.raises(StrictDataclassClassValidationError, match="text, semantics"):
        tiny_aligner(duration_source="lips")


def test_figures_of_the_spoken_durations(stage, states):
    figures = duration_figures(SpokenDurations(stage.aligner, states), stage.held_out)
    assert -1 <= figures["correlation"] <= 1 and figures["log_error"] > 0
