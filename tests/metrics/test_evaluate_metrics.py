"""The `evaluate.Metric` classes give what the functions give, offline, and count clips without a value."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import inspect

import numpy as np
import pytest

from flowdubber_hf.metrics import functional
from flowdubber_hf.metrics.sync import lip_sync, load_syncnet
from support.signals import glide


pytest.importorskip("evaluate")

from flowdubber_hf.metrics import evaluate_metrics


pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path) -> dict:
    return {"cache_dir": str(tmp_path)}


def words(*starts: float) -> list[dict]:
    return [{"word": f"w{index}", "start": start, "end": start + 0.1} for index, start in enumerate(starts)]


def test_texts(settings):
    pytest.importorskip("jiwer")
    metric = evaluate_metrics.WordErrorRate(**settings)
    heard, scripts = ["a b", "x"], ["a b c d", "x"]
    assert metric.compute(predictions=heard, references=scripts) == {"word_error_rate": pytest.approx(2 / 5)}
    found = metric.compute(predictions=heard, references=scripts, average="clips", swapped=True)
    assert found == {"word_error_rate": pytest.approx((2 / 2 + 0) / 2)}
    found = evaluate_metrics.FamilyWordErrorRate(**settings).compute(predictions=["a", ""], references=["a", "b"])
    assert found == {"family_word_error_rate": 0.0, "family_word_error_rate_missing": 1}


def test_word_times_are_taken_over_all_words_and_other_words_are_counted(settings):
    metric = evaluate_metrics.WordStartError(**settings)
    metric.add(predictions=words(0.3, 0.5, 0.7), references=words(0.1, 0.5, 0.7))
    metric.add(predictions=words(0.2), references=words(0.2, 0.4))
    found = metric.compute()
    assert found["word_start_error"] == pytest.approx(0.2 / 3)
    assert found["word_start_error_p95"] == pytest.approx(0.18)
    assert found["word_start_error_per_clip"] == [pytest.approx(0.2 / 3), None]
    assert found["word_start_error_missing"] == 1


@pytest.mark.parametrize("name", ["WordDurationError", "SyncKL"])
def test_a_copy_of_word_times_costs_nothing(name, settings):
    metric = getattr(evaluate_metrics, name)(**settings)
    found = metric.compute(predictions=[words(0.1, 0.3)], references=[words(0.1, 0.3)])
    assert found[metric.KEY] == pytest.approx(0.0)


def test_sounds_give_what_the_function_gives(settings):
    sound, truth = glide(0.3, 200, 900), glide(0.3, 160, 700)
    found = evaluate_metrics.EnergyCorrelation(**settings).compute(predictions=[sound], references=[truth])
    assert found["energy_correlation"] == pytest.approx(functional.energy_correlation(sound, truth), abs=1e-6)


def test_options_reach_the_function_and_wrong_ones_are_refused(settings):
    pytest.importorskip("pyworld")
    sound, truth = glide(0.2, 200, 900), glide(0.3, 160, 700)
    metric = evaluate_metrics.MelCepstralDistortion(**settings)
    found = metric.compute(predictions=[sound], references=[truth], mode="dtw_sl")
    expected = functional.mel_cepstral_distortion(sound, truth, "dtw_sl")
    assert found["mel_cepstral_distortion"] == pytest.approx(expected)
    with pytest.raises(ValueError, match="dtw_sl"):
        metric.compute(predictions=[sound], references=[truth], mode="sl")


def test_a_clip_without_a_value_is_counted_and_not_in_the_mean(settings):
    sound = glide(0.3, 160, 700)
    silence = np.zeros_like(sound)
    metric = evaluate_metrics.EnergyCorrelation(**settings)
    found = metric.compute(predictions=[sound, silence], references=[sound, sound])
    assert found["energy_correlation"] == pytest.approx(1.0)
    assert found["energy_correlation_per_clip"] == [pytest.approx(1.0), None]
    assert found["energy_correlation_missing"] == 1
    found = metric.compute(predictions=[silence], references=[sound])
    assert found == {
        "energy_correlation": None,
        "energy_correlation_per_clip": [None],
        "energy_correlation_missing": 1,
    }


def test_lengths_are_compared_in_seconds(settings):
    found = evaluate_metrics.LengthError(**settings).compute(predictions=[np.zeros(1600)], references=[3200])
    assert found["length_error"] == pytest.approx(0.1)


def test_lips_are_judged_and_clips_that_are_too_short_are_counted(settings):
    generator = np.random.default_rng(0)
    mouths = generator.integers(0, 256, (45, 96, 96), dtype=np.uint8)
    sound = 0.1 * generator.standard_normal(45 * 640).astype(np.float32)
    metric = evaluate_metrics.LipSyncError(**settings)
    found = metric.compute(predictions=[sound, sound[:6400]], references=[mouths, mouths[:10]])
    expected = lip_sync(load_syncnet(), mouths, sound)
    assert found["lse_d_per_clip"] == [pytest.approx(expected.distance, abs=1e-5), None]
    assert found["lse_c"] == pytest.approx(expected.confidence, abs=1e-5)
    assert found["lse_offset"] == expected.offset
    assert [found[f"{key}_missing"] for key in ("lse_d", "lse_c", "lse_offset")] == [1, 1, 1]


def test_every_metric_describes_itself_and_its_inputs():
    metrics = [getattr(evaluate_metrics, name) for name in evaluate_metrics.__all__]
    loaded = {"LipSyncError", "WavLMSimilarity", "WhisperWordErrorRate", "Utmos"}
    for metric in metrics:
        description = inspect.getdoc(metric)
        assert description
        if metric.__name__ not in loaded:
            assert metric(keep_in_memory=True).description == " ".join(description.split())


@pytest.mark.parametrize("name", ["LipSyncError", "WavLMSimilarity", "WhisperWordErrorRate", "Utmos"])
def test_weights_that_are_not_there_are_named_before_any_work(name, tmp_path):
    missing = str(tmp_path / "no_such_weights")
    with pytest.raises(ValueError, match="no_such_weights"):
        getattr(evaluate_metrics, name)(missing, keep_in_memory=True)
