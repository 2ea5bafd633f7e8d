"""The search that weighs lips against natural durations, and the predictor of these."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math

import pytest
import torch

from flowdubber_hf.models.aligner import FlowDubberAlignerConfig, FlowDubberAlignerModel, durations_to_path
from flowdubber_hf.models.aligner.durations import (
    LEAST_DEVIATION,
    Durations,
    FlowDubberDurationPredictor,
    duration_loss,
)
from flowdubber_hf.models.aligner.lip_encoder import clip_statistics
from flowdubber_hf.models.aligner.searches import pauses_of
from flowdubber_hf.models.aligner.timing import SLOWEST_TEMPO, timed_search
from flowdubber_hf.processing.text import PAUSES, phonemize


SIZES = {
    "vocab_size": 73,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "intermediate_size": 16,
    "num_prenet_layers": 1,
    "style_size": 8,
    "lip_stem_size": 4,
    "lip_stem_stride": 4,
    "lip_stage_sizes": [4],
    "lip_blocks_per_stage": 1,
    "num_lip_layers": 1,
    "semantic_hidden_size": 8,
    "num_fusion_layers": 1,
    "num_duration_layers": 2,
    "duration_hidden_size": 12,
    "hidden_dropout": 0.0,
}


def make_model(**changes) -> FlowDubberAlignerModel:
    torch.manual_seed(0)
    return FlowDubberAlignerModel(FlowDubberAlignerConfig(**{**SIZES, **changes})).eval()


def durations_of(seconds: list[float], present: float = 0.5) -> Durations:
    mean = torch.tensor([seconds]).log()
    logit = math.log(present / (1 - present))
    return Durations(mean, torch.full_like(mean, 0.4), torch.full_like(mean, logit))


def search(evidence, kinds, seconds, rate=100, weight=0.1, heed=True, cue=False, present=0.5):
    pauses = torch.tensor([[PAUSES.index(kind) for kind in kinds]])
    mask = torch.ones_like(pauses, dtype=torch.bool)
    steps = torch.ones(1, evidence.shape[2], dtype=torch.bool)
    heeded = torch.tensor([heed])
    counts = timed_search(evidence, mask, steps, pauses, durations_of(seconds, present), rate, weight, heeded, cue)
    return durations_to_path(counts, evidence.shape[2])[0]


SENTENCE = ["edge", "", "", "", "edge"]


def test_nothing_seen_gives_natural_durations_in_the_middle_of_the_clip():
    path = search(torch.zeros(1, 5, 200), SENTENCE, [1, 0.1, 0.2, 0.1, 1], heed=False)
    lengths = path.sum(1).tolist()
    assert sum(lengths) == 200
    assert all(
        0.95 <= ours / natural <= SLOWEST_TEMPO + 0.1 for ours, natural in zip(lengths[1:4], [10, 20, 10], strict=True)
    )
    assert abs(lengths[0] - lengths[4]) <= 1


def test_a_cue_begins_at_once_and_leaves_the_rest_at_its_end():
    lengths = search(torch.zeros(1, 5, 200), SENTENCE, [1, 0.1, 0.2, 0.1, 1], heed=False, cue=True).sum(1).tolist()
    assert lengths[0] <= 10
    assert [abs(ours - natural) <= 1 for ours, natural in zip(lengths[1:4], [10, 20, 10], strict=True)] == [True] * 3


def test_too_little_time_hurries_all_alike():
    lengths = search(torch.zeros(1, 5, 26), SENTENCE, [1, 0.1, 0.2, 0.1, 1], heed=False).sum(1)
    spoken = lengths[1:4]
    assert spoken[1] / spoken[0] == pytest.approx(2, abs=0.4)
    assert spoken.sum() >= 16


def test_evidence_moves_a_sentence_to_where_it_is_seen():
    evidence = torch.full((1, 5, 300), -4.0)
    borders = [0, 180, 190, 210, 220, 300]
    for phoneme in range(5):
        evidence[0, phoneme, borders[phoneme] : borders[phoneme + 1]] = 0.0
    path = search(evidence, SENTENCE, [1, 0.1, 0.2, 0.1, 1])
    assert path.argmax(1).tolist() == borders[:-1]


def test_pauses_between_sentences_last_as_long_as_they_are_seen():
    kinds = ["edge", "", "sentence", "", "edge"]
    evidence = torch.full((1, 5, 400), -4.0)
    borders = [0, 20, 30, 330, 340, 400]  # three seconds of silence
    for phoneme in range(5):
        evidence[0, phoneme, borders[phoneme] : borders[phoneme + 1]] = 0.0
    assert search(evidence, kinds, [1, 0.1, 0.4, 0.1, 1]).argmax(1).tolist() == borders[:-1]


def test_a_pause_that_is_not_likely_is_not_made():
    kinds = ["edge", "", "word", "", "edge"]
    seconds = [1, 0.1, 0.1, 0.1, 1]
    evidence = torch.zeros(1, 5, 200)
    assert search(evidence, kinds, seconds, heed=False, present=0.1).sum(1)[2] == 0
    assert search(evidence, kinds, seconds, heed=False, present=0.95).sum(1)[2] > 3


def test_each_sentence_finds_its_own_tempo():
    # The second sentence is said twice as slowly; evidence shows its ends alone.
    kinds = ["edge", "", "", "sentence", "", "", "edge"]
    evidence = torch.zeros(1, 7, 150)
    evidence[0, [0, 3, 6]] = -6.0
    evidence[0, 0, :20] = evidence[0, 3, 40:60] = evidence[0, 6, 100:] = 6.0
    path = search(evidence, kinds, [1, 0.1, 0.1, 0.3, 0.1, 0.1, 1])
    assert path.argmax(1).tolist() == [0, 20, 30, 40, 60, 80, 100]


def test_unseen_frames_are_not_read_and_give_no_evidence():
    model = make_model()
    written = phonemize("bin blue")
    ids = torch.tensor([written.ids])
    mask, optional = torch.ones_like(ids, dtype=torch.bool), torch.tensor([written.optional])
    lips, style = torch.randn(1, 30, 88, 88), torch.randn(1, 8)
    seen = torch.ones(1, 30, dtype=torch.bool)
    seen[0, 10:20] = False
    changed = lips.clone()
    changed[0, 10:20] = 5.0
    encodings = [
        model.encode(ids, mask, optional, pictures, style=style, seen_mask=seen) for pictures in (lips, changed)
    ]
    assert torch.equal(encodings[0].alignment, encodings[1].alignment)
    assert torch.equal(encodings[0].lip_states, encodings[1].lip_states)
    unseen = encodings[0].alignment[0, :, 10:20].exp()
    assert torch.allclose(unseen, torch.full_like(unseen, 1 / ids.shape[1]))
    assert torch.equal(encodings[0].lip_states[0, 12], model.null_lips)
    whole = model.encode(ids, mask, optional, lips, style=style)
    assert not torch.equal(whole.alignment, encodings[0].alignment)


def test_a_clip_that_is_never_seen_is_as_sound_alone():
    model = make_model()
    written = phonemize("bin blue. now")
    ids = torch.tensor([written.ids])
    mask, optional = torch.ones_like(ids, dtype=torch.bool), torch.tensor([written.optional])
    pauses, style = torch.tensor([written.pause_ids]), torch.randn(1, 8)
    frames = torch.ones(1, 60, dtype=torch.bool)
    unseen = model.encode(
        ids, mask, optional, torch.randn(1, 60, 88, 88), frames, style, seen_mask=~frames, pause_ids=pauses
    )
    alone = model.encode(ids, mask, optional, None, frames, style, pause_ids=pauses)
    for name in ("phoneme_states", "lip_states", "path"):
        torch.testing.assert_close(getattr(unseen, name), getattr(alone, name).expand_as(getattr(unseen, name)))
    assert unseen.telling.item() == pytest.approx(0.0, abs=1e-6)


def test_without_lips_a_predictor_or_a_path_is_needed():
    model = make_model(num_duration_layers=0)
    ids = torch.tensor([phonemize("now").ids])
    with pytest.raises(ValueError, match="predictor"):
        model.encode(ids, torch.ones_like(ids), style=torch.zeros(1, 8), lip_mask=torch.ones(1, 20))


def test_pauses_from_phonemes_alone():
    written = phonemize("Now, go. Stop")
    ids = torch.tensor([written.ids, [*written.ids[:3], *[0] * (len(written.ids) - 3)]])
    found = pauses_of(ids, ids > 0)
    told = ["word" if kind == "clause" else kind for kind in written.pauses]
    assert [PAUSES[kind] for kind in found[0]] == told
    assert [PAUSES[kind] for kind in found[1, :3]] == ["edge", "", "edge"]


def test_predictor_ignores_padding_and_knows_the_voice():
    predictor = FlowDubberDurationPredictor(FlowDubberAlignerConfig(**SIZES)).eval()
    ids, pauses = torch.tensor([[1, 5, 40, 1]]), torch.tensor([[1, 0, 0, 1]])
    style = torch.randn(1, 8)
    alone = predictor(ids, torch.ones_like(ids, dtype=torch.bool), pauses, style)
    padded = torch.nn.functional.pad(ids, (0, 3))
    mask = padded > 0
    batch = predictor(padded, mask, torch.nn.functional.pad(pauses, (0, 3)), style)
    torch.testing.assert_close(batch.mean[:, :4], alone.mean)
    assert (alone.deviation > LEAST_DEVIATION).all()
    other = predictor(ids, torch.ones_like(ids, dtype=torch.bool), pauses, style + 1)
    assert not torch.allclose(other.mean, alone.mean)


def test_duration_loss_by_hand():
    kinds = ["edge", "", "", "word", "", "edge"]
    pauses = torch.tensor([[PAUSES.index(kind) for kind in kinds]])
    seconds = torch.tensor([[0.5, 0.2, 0.2, 0.0, 0.2, 0.5]])
    durations = Durations(torch.full((1, 6), math.log(0.1)), torch.ones(1, 6), torch.zeros(1, 6))
    losses = duration_loss(durations, seconds, torch.ones(1, 6, dtype=torch.bool), pauses)
    # The tempo takes the whole residual, log 2, out of the likelihood; the mean keeps it; ends do not count.
    assert losses["duration"].item() == pytest.approx(0.5 * math.log(2) ** 2, abs=1e-5)
    assert losses["pause"].item() == pytest.approx(math.log(2), abs=1e-5)
    assert losses["loss"].item() == pytest.approx(losses["duration"].item() + losses["pause"].item())


def test_clips_look_alike_whatever_their_light():
    values = torch.randn(2, 6, 8, 8)
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    mean, deviation = clip_statistics(values, mask)
    shifted, scaled = clip_statistics(0.2 * values - 3, mask)
    torch.testing.assert_close(shifted, 0.2 * mean - 3)
    torch.testing.assert_close(scaled, 0.2 * deviation, atol=1e-3, rtol=1e-3)
    assert mean[1].item() == pytest.approx(values[1, :4].mean().item(), abs=1e-5)
    assert deviation[1].item() == pytest.approx(values[1, :4].std(correction=0).item(), abs=1e-4)
