"""Figures of merit against cases worked out by hand; recognition and voices on real clips where they are present."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import math

import numpy as np
import pytest

from flowdubber_hf.metrics import functional
from flowdubber_hf.metrics.functional import WordTime
from flowdubber_hf.processing.audio import load_audio


TEXT = "bin blue in r eight please"


def times(*starts: float) -> list[WordTime]:
    return [WordTime(f"w{index}", start, start + 0.1) for index, start in enumerate(starts)]


@pytest.fixture(scope="module")
def rows(shared_data) -> list[dict]:
    """Metadata of the GRID corpus."""
    return [json.loads(line) for line in (shared_data / "grid" / "metadata.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def real_clip(shared_data, rows) -> tuple[np.ndarray, dict]:
    """Sound and metadata of a development clip of the GRID corpus."""
    row = next(row for row in rows if row["text"] == TEXT and row["split"] == "dev")
    return load_audio(shared_data / "grid" / row["file_name"]), row


@pytest.fixture(scope="module")
def other_voice(shared_data, rows) -> np.ndarray:
    """Sound of somebody else."""
    row = next(row for row in rows if row["split"] == "zero_shot")
    return load_audio(shared_data / "grid" / row["file_name"])


@pytest.fixture(scope="module")
def same_voice(shared_data, rows) -> np.ndarray:
    """Another sentence of the development clips' speaker."""
    row = next(row for row in rows if row["split"] == "dev" and row["text"] != TEXT)
    return load_audio(shared_data / "grid" / row["file_name"])


def late(wave: np.ndarray, seconds: float) -> np.ndarray:
    """The sound at the same length, `seconds` later."""
    samples = round(16000 * seconds)
    return np.concatenate([np.zeros(samples, np.float32), wave[: len(wave) - samples]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Bin blue, at F2 now!", ["bin", "blue", "at", "f", "two", "now"]),
        ("place red by ZED 0 again", ["place", "red", "by", "z", "zero", "again"]),
        ("set white in zee nine soon", ["set", "white", "in", "z", "nine", "soon"]),
        ("it's", ["it's"]),
        (" ... ", []),
    ],
)
def test_words_are_compared_without_case_punctuation_and_spelling_of_digits(text, words):
    assert functional.normalize_words(text) == words


def test_word_error_rate_counts_over_all_clips():
    pytest.importorskip("jiwer")
    # one of four words substituted, two of two deleted: three errors in six words
    rate = functional.word_error_rate(["bin blue at f", "two now"], ["bin red at f", ""])
    assert rate == pytest.approx(3 / 6)


def test_word_error_rate_divides_by_the_reference_length():
    pytest.importorskip("jiwer")
    assert functional.word_error_rate(["a"], ["a b c"]) == pytest.approx(2.0)


def test_zed_and_zee_are_the_same_word():
    pytest.importorskip("jiwer")
    assert functional.word_error_rate(["bin z 2"], ["bin zed two"]) == 0.0


@pytest.mark.parametrize(("references", "hypotheses"), [([], []), (["a"], []), ([""], ["a"])])
def test_word_error_rate_refuses_what_it_cannot_count(references, hypotheses):
    pytest.importorskip("jiwer")
    with pytest.raises(ValueError, match="text"):
        functional.word_error_rate(references, hypotheses)


def test_word_starts_differ_by_the_mean_absolute_difference():
    assert functional.mean_word_start_difference(times(0.1, 0.5, 0.9), times(0.2, 0.5, 0.7)) == pytest.approx(0.1)


def test_shift_is_the_median_and_keeps_its_sign():
    reference = times(0.1, 0.5, 0.9)
    assert functional.speech_shift(times(0.5, 0.9, 2.0), reference) == pytest.approx(0.4)
    assert functional.speech_shift(times(0.0, 0.4, 0.9), reference) == pytest.approx(-0.1)


@pytest.mark.parametrize("other", [[], [WordTime("x", 0.0, 0.1)]])
def test_alignments_of_other_words_do_not_compare(other):
    with pytest.raises(ValueError, match="same words"):
        functional.mean_word_start_difference(times(0.1), other)


def test_onset_is_where_the_level_rises():
    wave = np.zeros(16000, np.float32)
    wave[4800:8000] = 0.1 * np.sin(np.arange(3200))
    wave[1000] = 0.1  # a click is no speech
    assert functional.speech_onset(wave) == pytest.approx(0.3)


def test_silence_has_no_onset():
    with pytest.raises(ValueError, match="silent"):
        functional.speech_onset(np.zeros(16000, np.float32))


def test_length_difference_has_a_sign():
    assert functional.length_difference(np.zeros(10), 12) == -2
    assert functional.length_difference(np.zeros(12), 12) == 0


def test_grammar_hears_the_words_of_a_real_clip(real_clip):
    pytest.importorskip("pocketsphinx")
    assert functional.recognize_words(real_clip[0]) == TEXT.split()


def test_silence_holds_no_words():
    pytest.importorskip("pocketsphinx")
    silence = np.zeros(16000, np.float32)
    assert functional.recognize_words(silence) == []
    assert functional.recognize_words(silence, grammar=None) == []
    assert functional.recognize_words(silence[:0]) == []


@pytest.mark.parametrize("align", [functional.align_words, functional.align_words_steadily])
@pytest.mark.parametrize(
    ("sound", "text", "reason"),
    [
        (np.zeros(16000, np.float32), TEXT, "silent"),
        (np.ones(1000, np.float32), TEXT, "too short"),
        (np.full(16000, np.nan, np.float32), TEXT, "finite"),
        (np.ones((2, 16000), np.float32), TEXT, "shape"),
        (np.ones(1600, np.float32), TEXT, r"cannot be found|do not fit"),
        (np.ones(16000, np.float32), " ... ", "no word"),
    ],
)
def test_words_that_cannot_be_aligned_are_refused(align, sound, text, reason):
    pytest.importorskip("pocketsphinx")
    with pytest.raises(ValueError, match=reason):
        align(sound, text)


@pytest.mark.parametrize("align", [functional.align_words, functional.align_words_steadily])
def test_alignment_agrees_with_the_corpus_and_follows_a_delay(real_clip, align):
    pytest.importorskip("pocketsphinx")
    wave, row = real_clip
    aligned = align(wave, row["text"])
    assert [time.word for time in aligned] == TEXT.split()
    corpus = [WordTime(*word) for word in row["words"]]
    assert functional.mean_word_start_difference(aligned, corpus) < 0.05
    delayed = align(np.concatenate([np.zeros(6400, np.float32), wave]), row["text"])
    assert functional.speech_shift(delayed, aligned) == pytest.approx(0.4, abs=0.02)


def test_words_that_the_dictionary_lacks_are_refused():
    pytest.importorskip("pocketsphinx")
    with pytest.raises(ValueError, match="cannot"):
        functional.align_words(np.ones(16000, np.float32), "xqzzzt")
    with pytest.raises(ValueError, match="lacks"):
        functional.align_words_steadily(np.ones(16000, np.float32), "xqzzzt")


def test_a_voice_is_like_itself(real_clip):
    pytest.importorskip("resemblyzer")
    wave = real_clip[0]
    embedding = functional.speaker_embedding(wave)
    assert embedding.shape == (256,)
    assert math.isclose(float(np.linalg.norm(embedding)), 1.0, abs_tol=1e-5)
    assert functional.speaker_similarity(0.01 * wave, 0.001 * wave) > 0.999  # quiet sound is raised to one level
    assert functional.speaker_similarity(wave, wave, trim_silences=True) == pytest.approx(1.0, abs=1e-5)


def test_silence_has_no_voice():
    pytest.importorskip("resemblyzer")
    with pytest.raises(ValueError, match="silent"):
        functional.speaker_embedding(np.zeros(16000, np.float32))


def test_dnsmos_prefers_clean_speech_to_noisy_speech(real_clip):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("speechmos.dnsmos")
    wave = real_clip[0]
    noise = 0.05 * np.random.default_rng(0).standard_normal(len(wave)).astype(np.float32)
    assert 2.8 < functional.dnsmos_p808(wave) < 4.5
    assert functional.dnsmos_p808(wave + noise) < functional.dnsmos_p808(wave)


def test_a_missing_package_is_named_with_its_remedy():
    with pytest.raises(ImportError, match=r"pip install .*\[eval\]"):
        functional.require("a_package_that_is_not_there")


def test_a_copy_of_a_real_clip_scores_perfectly(real_clip):
    pytest.importorskip("pocketsphinx")
    pytest.importorskip("pyworld")
    wave, row = real_clip
    heard = functional.recognize_words(wave)
    assert functional.word_error_rate([row["text"]], [" ".join(heard)]) == 0.0
    times, reference = functional.align_words(wave, row["text"]), functional.align_words(wave, row["text"])
    assert functional.word_sync(times, reference) == (0.0, 0.0)
    assert functional.duration_error(times, reference) == functional.sync_kl(times, reference) == 0.0
    assert [functional.mel_cepstral_distortion(wave, wave, mode) for mode in ("plain", "dtw", "dtw_sl")] == [0.0] * 3
    assert functional.f0_correlation(wave, wave) == pytest.approx(1.0)
    assert functional.energy_correlation(wave, wave) == pytest.approx(1.0)
    assert functional.length_error(wave, len(wave)) == 0.0


@pytest.mark.parametrize("align", [functional.align_words, functional.align_words_steadily])
def test_a_shift_of_200_ms_of_a_real_clip_costs_200_ms(real_clip, align):
    pytest.importorskip("pocketsphinx")
    wave, row = real_clip
    times, reference = align(late(wave, 0.2), row["text"]), align(wave, row["text"])
    sync = functional.word_sync(times, reference)
    assert sync.mean == pytest.approx(0.2, abs=0.02)
    assert functional.speech_shift(times, reference) == pytest.approx(0.2, abs=0.02)
    assert functional.duration_error(times, reference) < 0.03


def test_a_shift_costs_frames_compared_on_the_clock_and_little_where_time_is_warped(real_clip):
    pytest.importorskip("pyworld")
    wave = real_clip[0]
    shifted = late(wave, 0.2)
    plain, warped = (functional.mel_cepstral_distortion(shifted, wave, mode) for mode in ("plain", "dtw"))
    assert plain > 3 * warped
    assert functional.f0_correlation(shifted, wave) < 0.9
    assert functional.energy_correlation(shifted, wave) < 0.9


def test_another_speaker_is_less_alike(real_clip, same_voice, other_voice):
    pytest.importorskip("resemblyzer")
    wave = real_clip[0]
    assert functional.speaker_similarity(wave, wave) == pytest.approx(1.0, abs=1e-5)
    assert functional.speaker_similarity(wave, other_voice) < functional.speaker_similarity(wave, same_voice) < 0.99
