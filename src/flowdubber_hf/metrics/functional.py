"""Figures of merit of a dub, as pure functions of text, word times and 16 kHz sound.

| function | unit | range | better | source |
|---|---|---|---|---|
| `word_error_rate` | share of the reference's words | 0 to any | lower | jiwer; over all clips together, or the mean of clips |
| `family_word_error_rate` | share of the heard words | 0 to any | lower | the dubbing papers' script, swapped order and all |
| `word_errors` | words | 0 to any | lower | jiwer, one clip |
| `word_sync` | s | 0 to the clip's length | lower | word starts of forced alignments, mean and 95th percentile |
| `speech_shift` | s | any | nearest to the known delay | the same, median |
| `duration_error` | s | 0 to the clip's length | lower | word durations of forced alignments |
| `sync_kl` | nats | 0 to any | lower | shares of time of the words, after CoSyncDiT's Sync-KL |
| `length_error` | s | 0 to any | lower | |
| `speaker_similarity` | cosine | 0 to 1 | higher | GE2E embeddings of resemblyzer |
| `dnsmos_p808` | mean opinion score | 1 to 5 | higher | Microsoft DNSMOS, P.808 head, of speechmos |
| `mel_cepstral_distortion` | dB | 0 to any | lower | pymcd: plain, DTW, DTW-SL |
| `f0_correlation` | | -1 to 1 | higher | log F0 of WORLD where both are voiced |
| `energy_correlation` | | -1 to 1 | higher | levels in dB |
| `bootstrap_interval` | the value's | | | Efron 1979 |
| `sign_flip_test` | | 0 to 1 | | Fisher 1935: p of paired differences |

Sound is mono, `(samples,)` at 16 kHz in [-1, 1]; times are in seconds. What cannot be measured (silence, too short, other words)
raises `ValueError` and is never NaN: count such clips. Everything here works offline; the packages come with
`pip install ".[eval]"`. Networks with weights of their own are in `metrics.neural` (Whisper, WavLM, UTMOS) and
`metrics.sync` (SyncNet); docs/metrics.md describes them all.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from .cepstrum import fast_dtw, mel_cepstral_distortion, mel_cepstrum
from .checks import check_sound, require
from .intervals import bootstrap_interval, sign_flip_test
from .prosody import (
    energy_contour,
    energy_correlation,
    f0_correlation,
    pitch_contour,
)
from .recognition import (
    ALIGNMENT_FRAME_SECONDS,
    GRID_GRAMMAR,
    align_words,
    align_words_steadily,
    pronunciations,
    recognize_words,
)
from .timing import (
    WordSync,
    WordTime,
    duration_error,
    length_difference,
    length_error,
    mean_word_start_difference,
    speech_onset,
    speech_shift,
    sync_kl,
    word_start_differences,
    word_sync,
)
from .voice import dnsmos_p808, speaker_embedding, speaker_similarity
from .words import (
    DIGITS,
    LETTER_Z,
    FamilyRate,
    WordErrors,
    family_word_error_rate,
    normalize_words,
    normalize_words_as_the_field,
    word_error_rate,
    word_errors,
)


__all__ = [
    "ALIGNMENT_FRAME_SECONDS",
    "DIGITS",
    "GRID_GRAMMAR",
    "LETTER_Z",
    "FamilyRate",
    "WordErrors",
    "WordSync",
    "WordTime",
    "align_words",
    "align_words_steadily",
    "bootstrap_interval",
    "check_sound",
    "dnsmos_p808",
    "duration_error",
    "energy_contour",
    "energy_correlation",
    "f0_correlation",
    "family_word_error_rate",
    "fast_dtw",
    "length_difference",
    "length_error",
    "mean_word_start_difference",
    "mel_cepstral_distortion",
    "mel_cepstrum",
    "normalize_words",
    "normalize_words_as_the_field",
    "pitch_contour",
    "pronunciations",
    "recognize_words",
    "require",
    "sign_flip_test",
    "speaker_embedding",
    "speaker_similarity",
    "speech_onset",
    "speech_shift",
    "sync_kl",
    "word_error_rate",
    "word_errors",
    "word_start_differences",
    "word_sync",
]
