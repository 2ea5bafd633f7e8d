"""The scorers that `--metrics` names, and how their values become one figure of all clips.

A scorer gives several values of a clip. One that cannot be had (nothing spoken, words not found, a clip too short) is `None`
with its reason; the summary counts it and leaves it out of the mean.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..extras import EVALUATION, absent, pip_line
from ..metrics import functional
from ..metrics.grammar import is_grid_sentence
from ..processing.audio import SAMPLING_RATE
from .clips import EvaluationClip
from .samples import Sample


Value = float | int | str | list[float] | None
HIGHER, LOWER, ZERO = "higher", "lower", "nearer to 0"
MILLISECONDS = 1000.0
DECIMALS = 6  # of values in clips.jsonl: far finer than any of them is meant


@dataclass(frozen=True)
class Column:
    """A figure of a clip and how it is summed up.

    Attributes:
        name: of the value in clips.jsonl and of the figure in summary.json.
        title: for people.
        unit: of both.
        better: `higher`, `lower`, or `nearer to 0`.
        digits: after the point in tables.
        summary: over clips: `mean`; `ratio`, 100 times the sum of the first of `of` over the sum of the second; `p95`, the 95th
            percentile of the absolute values of all lists `of`; `largest` in absolute value.
        of: values of the clip that the summary is made of; the figure's own by default.
        voice: a clip that is its own reference is left out of settings 2 and 3 and given apart.
    """

    name: str
    title: str
    unit: str
    better: str
    digits: int
    summary: str = "mean"
    of: tuple[str, ...] = ()
    voice: bool = False


@dataclass
class Scorer:
    """Measures one thing of a sample.

    Attributes:
        name: for `--metrics`.
        columns: what it gives.
        parts: functions of a sample that each give some of the values; a part may raise `ValueError`, which makes its values
            `None`.
        packages: that must be installed.
        weights: name or folder of downloaded weights, or `None`.
        source: who publishes the weights, for messages; `None` where they are part of the package.
        suits: whether it makes sense for a clip.
        unsuited: what to say where it does not.
        by_default: whether `default` stands for it too where it suits.
        passed_over: what to say where it does not.
        prepare: loads the weights and returns the parts.
    """

    name: str
    columns: tuple[Column, ...]
    parts: tuple[Callable[[Sample], dict[str, Value]], ...] = ()
    packages: tuple[str, ...] = ()
    weights: str | None = None
    source: str | None = None
    suits: Callable[[EvaluationClip], bool] = lambda clip: True
    unsuited: str = ""
    by_default: Callable[[EvaluationClip], bool] = lambda clip: True
    passed_over: str = ""
    prepare: Callable[[str, str], tuple[Callable[[Sample], dict[str, Value]], ...]] | None = None
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def needs_hub(self) -> bool:
        """Whether the weights come from the Hub unless a folder is given."""
        return self.source is not None and self.weights is not None and not Path(self.weights).is_dir()

    def missing_packages(self) -> list[str]:
        """Packages that have to be installed first."""
        return absent(self.packages)

    def load(self, device: str = "cpu") -> None:
        """Gets ready; the weights are read here.

        Raises:
            ImportError, ValueError: a package or the weights are missing, with what to do.
        """
        missing = self.missing_packages()
        if missing:
            raise ImportError(f"the metric {self.name} needs {', '.join(missing)}: {pip_line(EVALUATION, missing)}")
        with warnings.catch_warnings():  # about how a library of a library is packed: nothing that a user could change
            warnings.simplefilter("ignore", UserWarning)
            for name in self.packages:
                functional.require(name)
        if self.prepare is not None and not self.parts:
            self.parts = self.prepare(self.weights or "", device)

    def score(self, sample: Sample) -> dict[str, Value]:
        """Values of a sample, every column among them; `problems` then says why some are `None`."""
        self.problems = {}
        values: dict[str, Value] = {column.name: None for column in self.columns if column.summary != "p95"}
        if not self.suits(sample.clip):
            self.problems[self.name] = self.unsuited
            return values
        for part in self.parts:
            try:
                values |= {name: _plain(value) for name, value in part(sample).items()}
            except ValueError as error:
                name = getattr(part, "__name__", self.name).strip("_")
                self.problems[name] = " ".join(str(error).split())
        return values


def _plain(value: Any) -> Value:
    """Numbers as JSON writes them; what is not finite is no value."""
    if isinstance(value, np.ndarray):
        return [round(float(item), DECIMALS) for item in value]
    if isinstance(value, (float, np.floating)):
        return round(float(value), DECIMALS) if np.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    return value


# ---------------------------------------------------------------------------------------------------------------------
# Words


def _count_words(name: str, errors: functional.WordErrors, heard: str) -> dict[str, Value]:
    return {
        name: 100 * errors.rate,
        f"{name}_errors": errors.errors,
        f"{name}_words": errors.words,
        f"{name}_heard": heard,
    }


def _recognized(name: str, sample: Sample, grammar: str | None) -> dict[str, Value]:
    heard = " ".join(functional.recognize_words(sample.sound, grammar))
    return _count_words(name, functional.word_errors(sample.text, heard), heard)


def _word_error_column(name: str, title: str) -> Column:
    return Column(name, title, "%", LOWER, 1, "ratio", (f"{name}_errors", f"{name}_words"))


def _heard_by_grammar(sample: Sample) -> dict[str, Value]:
    return _recognized("wer_grammar", sample, functional.GRID_GRAMMAR)


def _heard_openly(sample: Sample) -> dict[str, Value]:
    return _recognized("wer_open", sample, None)


def _load_whisper(weights: str, device: str) -> tuple[Callable[[Sample], dict[str, Value]], ...]:
    from ..metrics.neural import load_whisper

    recognizer = load_whisper(weights, device)

    def wer(sample: Sample) -> dict[str, Value]:
        heard = recognizer(sample.sound)
        errors = functional.word_errors(sample.text, heard, normalization="field")
        swapped = errors.swapped_rate
        return {
            **_count_words("wer", errors, heard),
            "wer_clips": 100 * errors.rate,
            "wer_swapped": None if swapped is None else 100 * swapped,
        }

    return (wer,)


# ---------------------------------------------------------------------------------------------------------------------
# Time


def _starts(name: str, differences: np.ndarray) -> dict[str, Value]:
    milliseconds = MILLISECONDS * np.asarray(differences)
    return {f"{name}_ms": float(np.abs(milliseconds).mean()), f"{name}_differences_ms": milliseconds}


def _sync_columns(name: str, title: str) -> tuple[Column, Column]:
    of = (f"{name}_differences_ms",)
    return (
        Column(f"{name}_ms", title, "ms", LOWER, 0),
        Column(f"{name}_p95_ms", f"{title}, 95th percentile", "ms", LOWER, 0, "p95", of),
    )


def _word_sync(sample: Sample) -> dict[str, Value]:
    differences = functional.word_start_differences(sample.sound_words(), sample.truth_words())
    return _starts("word_sync", differences)


def _word_sync_steady(sample: Sample) -> dict[str, Value]:
    differences = functional.word_start_differences(sample.sound_words(True), sample.truth_words(True))
    return _starts("word_sync_steady", differences)


def _word_sync_given(sample: Sample) -> dict[str, Value]:
    given = sample.words
    return _starts("word_sync_given", functional.word_start_differences(sample.sound_words(), given))


def _word_sync_given_steady(sample: Sample) -> dict[str, Value]:
    given = sample.words
    return _starts("word_sync_given_steady", functional.word_start_differences(sample.sound_words(True), given))


def _sync_kl(sample: Sample) -> dict[str, Value]:
    return {"sync_kl": functional.sync_kl(sample.sound_words(True), sample.truth_words(True))}


def _duration(sample: Sample) -> dict[str, Value]:
    error = functional.duration_error(sample.sound_words(True), sample.truth_words(True))
    return {"duration_ms": MILLISECONDS * error}


def _length(sample: Sample) -> dict[str, Value]:
    samples = functional.length_difference(sample.sound, sample.num_samples)
    return {"length_ms": MILLISECONDS * samples / SAMPLING_RATE}


def _load_lip_sync(weights: str, device: str) -> tuple[Callable[[Sample], dict[str, Value]], ...]:
    from ..metrics.sync import lip_sync, load_syncnet

    model = load_syncnet(weights).to(device)
    colour = model.config.crop_channels == 3  # the public one looks at faces, those trained here at mouths

    def lse(sample: Sample) -> dict[str, Value]:
        pictures = sample.faces(model.config.crop_size) if colour else sample.mouths
        found = lip_sync(model, pictures, sample.sound)
        return {"lse_c": found.confidence, "lse_d": found.distance, "lse_offset": found.offset}

    return (lse,)


# ---------------------------------------------------------------------------------------------------------------------
# Voice and quality


def _ge2e(sample: Sample) -> dict[str, Value]:
    return {"ge2e": functional.speaker_similarity(sample.sound, sample.reference)}


def _ge2e_trimmed(sample: Sample) -> dict[str, Value]:
    return {"ge2e_trimmed": functional.speaker_similarity(sample.sound, sample.reference, trim_silences=True)}


def _load_wavlm(weights: str, device: str) -> tuple[Callable[[Sample], dict[str, Value]], ...]:
    from ..metrics.neural import WavLMSimilarity

    similarity = WavLMSimilarity(weights, device)
    return (lambda sample: {"wavlm": similarity(sample.sound, sample.reference)},)


def _dnsmos(sample: Sample) -> dict[str, Value]:
    return {"dnsmos": functional.dnsmos_p808(sample.sound)}


def _load_utmos(weights: str, device: str) -> tuple[Callable[[Sample], dict[str, Value]], ...]:
    from ..metrics.neural import Utmos

    utmos = Utmos(weights, device)
    return (lambda sample: {"utmos": utmos(sample.sound)},)


def _distortion(mode: str, name: str) -> Callable[[Sample], dict[str, Value]]:
    def part(sample: Sample) -> dict[str, Value]:
        return {name: functional.mel_cepstral_distortion(sample.sound, sample.truth, mode)}

    part.__name__ = name
    return part


def _f0(sample: Sample) -> dict[str, Value]:
    return {"f0": functional.f0_correlation(sample.sound, sample.truth)}


def _energy(sample: Sample) -> dict[str, Value]:
    return {"energy": functional.energy_correlation(sample.sound, sample.truth)}


# ---------------------------------------------------------------------------------------------------------------------


def registry() -> dict[str, Scorer]:
    """Fresh scorers by name, in the order of the tables."""
    sphinx = ("pocketsphinx",)
    scorers = (
        Scorer(
            "lse",
            (
                Column("lse_c", "LSE-C", "", HIGHER, 2),
                Column("lse_d", "LSE-D", "", LOWER, 2),
                Column("lse_offset", "lip offset", "frames", ZERO, 2),
            ),
            weights="syncnet-grid-tiny",
            prepare=_load_lip_sync,
        ),
        Scorer(
            "word-sync",
            (
                *_sync_columns("word_sync", "word starts"),
                *_sync_columns("word_sync_steady", "word starts, steadier alignment"),
            ),
            (_word_sync, _word_sync_steady),
            packages=sphinx,
        ),
        Scorer(
            "word-sync-given",
            (
                *_sync_columns("word_sync_given", "word starts against given times"),
                *_sync_columns("word_sync_given_steady", "word starts against given times, steadier alignment"),
            ),
            (_word_sync_given, _word_sync_given_steady),
            packages=sphinx,
            suits=lambda clip: clip.words is not None,
            unsuited="the corpus gives no word times",
        ),
        Scorer(
            "sync-kl",
            (Column("sync_kl", "Sync-KL", "nats", LOWER, 3),),
            (_sync_kl,),
            packages=sphinx,
        ),
        Scorer(
            "duration",
            (Column("duration_ms", "duration of words", "ms", LOWER, 0),),
            (_duration,),
            packages=sphinx,
        ),
        Scorer("length", (Column("length_ms", "length (largest)", "ms", ZERO, 0, "largest"),), (_length,)),
        Scorer(
            "wer",
            (
                _word_error_column("wer", "WER, Whisper"),
                Column("wer_clips", "WER, Whisper, mean of clips", "%", LOWER, 1),
                Column("wer_swapped", "WER, Whisper, mean of clips, over the heard words", "%", LOWER, 1),
            ),
            packages=("jiwer",),
            weights="openai/whisper-base",
            source="the Hub",
            prepare=_load_whisper,
        ),
        Scorer(
            "wer-grammar",
            (_word_error_column("wer_grammar", "WER, GRID's grammar"),),
            (_heard_by_grammar,),
            packages=("pocketsphinx", "jiwer"),
            suits=lambda clip: is_grid_sentence(clip.text),
            unsuited="the scripts are not sentences of GRID",
        ),
        Scorer(
            "wer-open",
            (_word_error_column("wer_open", "WER, any English"),),
            (_heard_openly,),
            packages=("pocketsphinx", "jiwer"),
            by_default=lambda clip: not is_grid_sentence(clip.text),
            passed_over="the scripts are sentences of GRID, which wer-grammar hears better",
        ),
        Scorer(
            "wavlm",
            (Column("wavlm", "SIM, WavLM", "", HIGHER, 3, voice=True),),
            weights="microsoft/wavlm-base-plus-sv",
            source="the Hub",
            prepare=_load_wavlm,
        ),
        Scorer(
            "ge2e",
            (
                Column("ge2e", "SIM, GE2E", "", HIGHER, 3, voice=True),
                Column("ge2e_trimmed", "SIM, GE2E, silences trimmed", "", HIGHER, 3, voice=True),
            ),
            (_ge2e, _ge2e_trimmed),
            packages=("resemblyzer",),
        ),
        Scorer(
            "utmos",
            (Column("utmos", "UTMOS", "", HIGHER, 2),),
            weights="utmos22_strong",
            source="a folder of converted weights",
            prepare=_load_utmos,
        ),
        Scorer(
            "dnsmos",
            (Column("dnsmos", "DNSMOS P.808", "", HIGHER, 2),),
            (_dnsmos,),
            packages=("speechmos", "onnxruntime", "librosa"),
        ),
        Scorer(
            "mcd",
            (
                Column("mcd", "MCD", "dB", LOWER, 2),
                Column("mcd_dtw", "MCD-DTW", "dB", LOWER, 2),
                Column("mcd_dtw_sl", "MCD-DTW-SL", "dB", LOWER, 2),
            ),
            (_distortion("plain", "mcd"), _distortion("dtw", "mcd_dtw"), _distortion("dtw_sl", "mcd_dtw_sl")),
            packages=("pyworld", "soxr"),
        ),
        Scorer(
            "f0",
            (Column("f0", "F0 correlation", "", HIGHER, 2),),
            (_f0,),
            packages=("pyworld",),
        ),
        Scorer("energy", (Column("energy", "energy correlation", "", HIGHER, 2),), (_energy,)),
    )
    return {scorer.name: scorer for scorer in scorers}


def choose_scorers(
    metrics: Iterable[str], clips: Sequence[EvaluationClip], device: str = "cpu"
) -> tuple[list[Scorer], dict[str, str]]:
    """The scorers that were asked for, and which of the default ones are left out and why.

    `default` stands for all that work offline with what is installed and suit these clips. A scorer asked for by name is
    loaded here, so that a run never ends with a metric that cannot be had.

    Args:
        metrics: names, `default`, or `name=weights`.
        clips: that will be scored.
        device: of networks.

    Raises:
        ValueError, ImportError: an unknown name, or one asked for that cannot work, with what to do.
    """
    known = registry()
    asked: dict[str, str | None] = {}
    for metric in metrics:
        name, given, weights = metric.partition("=")
        if name != "default" and name not in known:
            raise ValueError(f"--metrics: unknown {name!r}; choose from default, {', '.join(known)}.")
        if given and (name == "default" or known[name].weights is None or not weights):
            raise ValueError(f"--metrics: {metric!r} names weights that the metric does not take.")
        asked[name] = weights or None
    left_out: dict[str, str] = {}
    chosen = []
    for name, scorer in known.items():
        if name in asked:
            scorer.weights = asked[name] or scorer.weights
            if not any(scorer.suits(clip) for clip in clips):
                raise ValueError(f"the metric {name} cannot be had here: {scorer.unsuited}.")
            scorer.load(device)
            chosen.append(scorer)
        elif "default" in asked:
            reason = _reason_to_leave_out(scorer, clips)
            if reason is None:
                scorer.load(device)
                chosen.append(scorer)
            else:
                left_out[name] = reason
    if not chosen:
        raise ValueError("none of the metrics can be had here; " + "; ".join(f"{k}: {v}" for k, v in left_out.items()))
    return chosen, left_out


def _reason_to_leave_out(scorer: Scorer, clips: Sequence[EvaluationClip]) -> str | None:
    if scorer.needs_hub:
        return f"needs {scorer.weights} from {scorer.source}"
    missing = scorer.missing_packages()
    if missing:
        return f"needs {', '.join(missing)} ({pip_line(EVALUATION, missing)})"
    if not all(scorer.suits(clip) for clip in clips):
        return scorer.unsuited
    if not any(scorer.by_default(clip) for clip in clips):
        return scorer.passed_over
    return None
