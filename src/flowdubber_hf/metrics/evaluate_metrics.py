"""The metrics as `evaluate.Metric`, for programs that speak that interface: thin classes over the functions.

```python
from flowdubber_hf.metrics.evaluate_metrics import MelCepstralDistortion

metric = MelCepstralDistortion()
metric.add(predictions=dub, references=truth)  # clip by clip, or all at once: metric.compute(predictions=..., references=...)
metric.compute(mode="dtw_sl")  # {"mel_cepstral_distortion": 6.1, "..._per_clip": [6.1], "..._missing": 0}
```

Made directly, never by `evaluate.load`, which would fetch and run a script from the Hub; nothing here needs the network but the
weights that a class names in its first argument. Sounds are `(samples,)` at 16 kHz, word times lists of
`{"word": ..., "start": ..., "end": ...}` in seconds (`[time._asdict() for time in align_words(sound, text)]`).

A figure of sounds or times is the mean over the clips that have it. A clip that has none (silent, too short, other words) is
`None` in `..._per_clip` and counted in `..._missing`; without any value the mean is `None` too, never NaN.

`evaluate` keeps what is added in files of its cache (`HF_METRICS_CACHE`) until `compute`; `keep_in_memory=True` avoids that.
Needs `pip install ".[eval]"`.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from ..extras import require_extra
from . import functional
from .cepstrum import MODES
from .timing import WordTime


evaluate: Any = require_extra("eval", "evaluate", what=__name__)
datasets: Any = require_extra("eval", "datasets", what=__name__)
Array3D, Features, ListOf, Value = datasets.Array3D, datasets.Features, datasets.Sequence, datasets.Value

SOUND = ListOf(Value("float32"))
TEXT = Value("string")
WORD_TIMES = [{"word": TEXT, "start": Value("float64"), "end": Value("float64")}]
MOUTHS = Array3D(shape=(None, 96, 96), dtype="uint8")
CITATION = """@inproceedings{cong2025flowdubber,
  title = {FlowDubber: Movie Dubbing with LLM-based Semantic-aware Learning and Flow Matching based Voice Enhancing},
  author = {Cong, Gaoxiang and Li, Liang and Pan, Jiadong and Zhang, Zhedong and Beheshti, Amin and van den Hengel, Anton and
            Qi, Yuankai and Huang, Qingming},
  booktitle = {Proceedings of the 33rd ACM International Conference on Multimedia},
  year = {2025}
}"""


class _Metric(evaluate.Metric):
    """A metric whose docstring describes it and whose inputs are `PREDICTIONS` and, unless `None`, `REFERENCES`."""

    PREDICTIONS: ClassVar[Any] = SOUND
    REFERENCES: ClassVar[Any] = SOUND

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": self.PREDICTIONS}
        if self.REFERENCES is not None:
            features["references"] = self.REFERENCES
        description = " ".join((self.__doc__ or "").split())
        return evaluate.MetricInfo(
            description=description, citation=CITATION, inputs_description=description, features=Features(features)
        )


class _ClipMetric(_Metric):
    """A metric of each clip, which is averaged over the clips that have it."""

    KEY: ClassVar[str]

    def _check(self, **options: Any) -> None:
        """Raises `ValueError` on wrong options: later they would look like clips without a value."""

    def _score(self, *inputs: Any, **options: Any) -> float:
        raise NotImplementedError

    def _compute(self, predictions: Sequence[Any], references: Sequence[Any] | None = None, **options: Any) -> dict:
        self._check(**options)
        values: list[float | None] = []
        for clip in zip(*([predictions] if references is None else [predictions, references]), strict=True):
            try:
                values.append(float(self._score(*clip, **options)))
            except ValueError:
                values.append(None)
        return _summary(self.KEY, values)


def _summary(key: str, values: Sequence[float | None]) -> dict[str, Any]:
    had = [value for value in values if value is not None]
    return {
        key: float(np.mean(had)) if had else None,
        f"{key}_per_clip": list(values),
        f"{key}_missing": len(values) - len(had),
    }


def _wave(sound: Iterable[float]) -> np.ndarray:
    return np.asarray(sound, dtype=np.float32)


def _times(words: Iterable[dict[str, Any]]) -> list[WordTime]:
    return [WordTime(word["word"], word["start"], word["end"]) for word in words]


class WordErrorRate(_Metric):
    """Word error rate of heard texts (predictions) against scripts (references), 0 is best. Options of `compute`: those of
    `functional.word_error_rate`: average, swapped, normalization."""

    PREDICTIONS = REFERENCES = TEXT

    def _compute(self, predictions: Sequence[str], references: Sequence[str], **options: Any) -> dict[str, float]:
        return {"word_error_rate": functional.word_error_rate(references, predictions, **options)}


class FamilyWordErrorRate(_Metric):
    """Word error rate as the dubbing papers' scripts compute it, heard texts (predictions) and scripts (references) swapped;
    clips in which nothing was heard are left out and counted as missing."""

    PREDICTIONS = REFERENCES = TEXT

    def _compute(self, predictions: Sequence[str], references: Sequence[str]) -> dict[str, float | int]:
        found = functional.family_word_error_rate(references, predictions)
        return {"family_word_error_rate": found.rate, "family_word_error_rate_missing": found.skipped}


class WordStartError(_Metric):
    """Mean and 95th percentile over the words of all clips of |start - start in the reference|, in seconds, 0 is best.
    Predictions and references are word times."""

    PREDICTIONS = REFERENCES = WORD_TIMES

    def _compute(self, predictions: Sequence[Any], references: Sequence[Any]) -> dict[str, Any]:
        differences, per_clip = [], []
        for times, reference in zip(predictions, references, strict=True):
            try:
                differences.append(np.abs(functional.word_start_differences(_times(times), _times(reference))))
                per_clip.append(float(differences[-1].mean()))
            except ValueError:
                per_clip.append(None)
        words = np.concatenate(differences) if differences else None
        return _summary("word_start_error", per_clip) | {
            "word_start_error": None if words is None else float(words.mean()),
            "word_start_error_p95": None if words is None else float(np.percentile(words, 95)),
        }


class WordDurationError(_ClipMetric):
    """Mean over the words of |duration - duration in the reference|, in seconds, 0 is best. Predictions and references are
    word times."""

    PREDICTIONS = REFERENCES = WORD_TIMES
    KEY = "word_duration_error"

    def _score(self, times: Any, reference: Any) -> float:
        return functional.duration_error(_times(times), _times(reference))


class SyncKL(_ClipMetric):
    """Divergence of the words' shares of time, in nats, 0 is best (`functional.sync_kl`). Predictions and references are word
    times."""

    PREDICTIONS = REFERENCES = WORD_TIMES
    KEY = "sync_kl"

    def _score(self, times: Any, reference: Any) -> float:
        return functional.sync_kl(_times(times), _times(reference))


class LengthError(_ClipMetric):
    """|length - length of the picture| in seconds, 0 is best. Predictions are sounds, references the pictures' lengths in
    samples at 16 kHz."""

    REFERENCES = Value("int64")
    KEY = "length_error"

    def _score(self, sound: Any, num_samples: int) -> float:
        return functional.length_error(_wave(sound), num_samples)


class SpeakerSimilarity(_ClipMetric):
    """Cosine of the GE2E embeddings of sounds (predictions) and reference sounds, 0 to 1, 1 is the same voice. Option of
    `compute`: trim_silences."""

    KEY = "speaker_similarity"

    def _score(self, sound: Any, reference: Any, trim_silences: bool = False) -> float:
        return functional.speaker_similarity(_wave(sound), _wave(reference), trim_silences)


class Dnsmos(_ClipMetric):
    """DNSMOS mean opinion score (P.808 head) of sounds (predictions), 1 to 5, higher is better; no references."""

    REFERENCES = None
    KEY = "dnsmos"

    def _score(self, sound: Any) -> float:
        return functional.dnsmos_p808(_wave(sound))


class MelCepstralDistortion(_ClipMetric):
    """Mel-cepstral distortion by pymcd's definition, in dB, 0 is best, of sounds (predictions) against true sounds
    (references). Option of `compute`: mode, one of "plain" (default), "dtw", "dtw_sl"."""

    KEY = "mel_cepstral_distortion"

    def _check(self, mode: str = "plain") -> None:
        if mode not in MODES:
            raise ValueError(f"the mode is one of {', '.join(MODES)}, got {mode!r}.")

    def _score(self, sound: Any, truth: Any, mode: Any = "plain") -> float:
        return functional.mel_cepstral_distortion(_wave(sound), _wave(truth), mode)


class F0Correlation(_ClipMetric):
    """Correlation of log F0 of sounds (predictions) with that of true sounds (references), -1 to 1, 1 is best."""

    KEY = "f0_correlation"

    def _score(self, sound: Any, truth: Any) -> float:
        return functional.f0_correlation(_wave(sound), _wave(truth))


class EnergyCorrelation(_ClipMetric):
    """Correlation of the level in dB of sounds (predictions) with that of true sounds (references), -1 to 1, 1 is best."""

    KEY = "energy_correlation"

    def _score(self, sound: Any, truth: Any) -> float:
        return functional.energy_correlation(_wave(sound), _wave(truth))


class LipSyncError(_Metric):
    """LSE-D (lower is better), LSE-C (higher is better) and the offset in video frames (positive: sound late) of sounds
    (predictions) and grey mouth crops at 25 fps (references, uint8 `(frames, 96, 96)`), by a lip-sync judge: a bundled one, a
    folder or a Hub id."""

    REFERENCES = MOUTHS

    def __init__(self, judge: str = "syncnet-grid-tiny", **settings: Any):
        from .sync import load_syncnet

        super().__init__(**settings)
        self.judge = load_syncnet(judge)

    def _compute(self, predictions: Sequence[Any], references: Sequence[Any]) -> dict[str, Any]:
        from .sync import lip_sync

        found: list[Any] = []
        for sound, mouths in zip(predictions, references, strict=True):
            try:
                found.append(lip_sync(self.judge, np.asarray(mouths, np.uint8), _wave(sound)))
            except ValueError:
                found.append(None)
        figures = {"lse_d": "distance", "lse_c": "confidence", "lse_offset": "offset"}
        return {
            name: value
            for key, attribute in figures.items()
            for name, value in _summary(key, [clip and float(getattr(clip, attribute)) for clip in found]).items()
        }


class WhisperWordErrorRate(_Metric):
    """Word error rate of what Whisper hears in sounds (predictions) against scripts (references). The weights are a local
    folder, of transformers or of CTranslate2, or a Hub id. Options of `compute`: those of `functional.word_error_rate`."""

    REFERENCES = TEXT

    def __init__(self, weights: str = "openai/whisper-base", device: str = "cpu", **settings: Any):
        from .neural import load_whisper

        super().__init__(**settings)
        self.recognizer = load_whisper(weights, device)

    def _compute(self, predictions: Sequence[Any], references: Sequence[str], **options: Any) -> dict[str, Any]:
        heard = [self.recognizer(_wave(sound)) for sound in predictions]
        return {"word_error_rate": functional.word_error_rate(references, heard, **options), "heard": heard}


class WavLMSimilarity(_ClipMetric):
    """Cosine of the WavLM speaker embeddings of sounds (predictions) and reference sounds, -1 to 1, 1 is the same voice. The
    weights are a local folder or a Hub id."""

    KEY = "wavlm_similarity"

    def __init__(self, weights: str = "microsoft/wavlm-base-plus-sv", device: str = "cpu", **settings: Any):
        from .neural import WavLMSimilarity as Judge

        super().__init__(**settings)
        self.judge = Judge(weights, device)

    def _score(self, sound: Any, reference: Any) -> float:
        return self.judge(_wave(sound), _wave(reference))


class Utmos(_ClipMetric):
    """UTMOS naturalness of sounds (predictions), 1 to 5, higher is better; no references. The weights are a folder of
    converted weights or a Hub id."""

    REFERENCES = None
    KEY = "utmos"

    def __init__(self, weights: str = "utmos22_strong", device: str = "cpu", **settings: Any):
        from .neural import Utmos as Judge

        super().__init__(**settings)
        self.judge = Judge(weights, device)

    def _score(self, sound: Any) -> float:
        return self.judge(_wave(sound))


__all__ = [
    "Dnsmos",
    "EnergyCorrelation",
    "F0Correlation",
    "FamilyWordErrorRate",
    "LengthError",
    "LipSyncError",
    "MelCepstralDistortion",
    "SpeakerSimilarity",
    "SyncKL",
    "Utmos",
    "WavLMSimilarity",
    "WhisperWordErrorRate",
    "WordDurationError",
    "WordErrorRate",
    "WordStartError",
]
