"""What an evaluation is to do: the options of `flowdubber evaluate`, without any heavy import."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import sys
from dataclasses import dataclass
from pathlib import Path

from ..sampling import DEFAULT_GUIDANCE_SCALE, DEFAULT_STEPS, MAX_TAKES, PARTS, check_takes


SOUNDS = ("dub", "truth", "vocoded", "true_times")
SOLVERS = ("euler", "heun", "midpoint")
SETTINGS = (1, 2, 3)


@dataclass(frozen=True)
class EvaluateSettings:
    """The command's options have the same names.

    Attributes:
        data: folder of the corpus, in any layout that [`~data.corpora.read_corpus`] knows.
        output: folder of the results.
        split: which clips.
        val_share: of train that becomes val where `data` has none, as given to [`~data.prepare.prepare`].
        corpus: layout of `data`; found out by itself with `auto`.
        setting: 1, 2 or 3: whose voice is the reference, see [`~evaluation.clips.pair_clips`].
        model: bundled name, folder or Hub id.
        outputs: folder with the sounds of any system, named by clip, which are scored in place of dubs.
        sound: `dub`; `truth`, the clip's own sound; `vocoded`, the truth through log-mel and vocoder; `true_times`, the dub with
            the truth's phoneme times.
        voices: folder whose speakers are the references of setting 3; `data` itself by default.
        voices_split: only that split of it.
        pairing: file of lines `{"clip": ..., "reference": ...}` in place of the setting's rule.
        metrics: names of scorers, `default` for all that work offline; `name=weights` chooses weights.
        steps, guidance_scale, style_guidance_scale, colour_match, temperature, solver, sway, without: of the dub, see the pipeline; `None` leaves the model's own.
        lexicon: file of pronunciations that go before the package's own.
        reference_text: give the pipeline the transcripts of the references.
        seed: every clip starts from it.
        best_of: takes of each clip, of which one is kept, see [`~dubbing.takes.choose_take`].
        limit: only the first clips.
        pictures: names of clips to draw.
        num_proc: processes.
        device: of the models: cpu, cuda, ... or auto.
        speed: measure cold and warm speed and peak memory too.
        name: of the row in the tables.
        overwrite: replace an evaluation with other settings.
        quiet: no progress bar.
    """

    data: Path
    output: Path
    split: str = "dev"
    corpus: str = "auto"
    val_share: float | None = None
    setting: int = 2
    model: str = "flowdubber-grid-tiny"
    outputs: Path | None = None
    sound: str = "dub"
    voices: Path | None = None
    voices_split: str | None = None
    pairing: Path | None = None
    metrics: tuple[str, ...] = ("default",)
    steps: int = DEFAULT_STEPS
    guidance_scale: float = DEFAULT_GUIDANCE_SCALE
    style_guidance_scale: float | None = None
    colour_match: float | None = None
    temperature: float | None = None
    solver: str | None = None
    sway: float | None = None
    without: tuple[str, ...] = ()
    lexicon: Path | None = None
    reference_text: bool = False
    seed: int = 0
    best_of: int = 1
    limit: int | None = None
    pictures: tuple[str, ...] = ()
    num_proc: int = 1
    device: str = "cpu"
    speed: bool = False
    name: str | None = None
    overwrite: bool = False
    quiet: bool = False

    @property
    def needs_model(self) -> bool:
        """Whether a checkpoint is loaded at all."""
        return self.outputs is None and self.sound != "truth"

    @property
    def dubs(self) -> bool:
        """Whether the whole pipeline runs, with its sampling options."""
        return self.outputs is None and self.sound in ("dub", "true_times")

    @property
    def title(self) -> str:
        """Of the row in the tables: the model, and which of its options are not the default."""
        if self.name:
            return self.name
        if self.outputs is not None:
            return self.outputs.resolve().name
        if not self.dubs:
            return {"truth": "true sound", "vocoded": "true sound, vocoded"}[self.sound]
        parts = [self.model, *(["true times"] if self.sound == "true_times" else [])]
        parts += [f"without {part}" for part in self.without]
        for name in (
            "steps",
            "guidance_scale",
            "style_guidance_scale",
            "colour_match",
            "temperature",
            "solver",
            "sway",
            "seed",
        ):
            value = getattr(self, name)
            if value != EvaluateSettings.__dataclass_fields__[name].default:
                parts.append(f"{name.replace('_', ' ')} {value}")
        parts += [f"best of {self.best_of}"] if self.best_of > 1 else []
        parts += [f"voices of {self.voices.resolve().name}"] if self.voices is not None else []
        return ", ".join(parts)


def check_settings(settings: EvaluateSettings) -> None:
    """Refuses what can be refused without reading a file.

    Raises:
        ValueError: a value out of range, or options that exclude each other.
    """
    if settings.setting not in SETTINGS:
        raise ValueError(f"--setting must be 1, 2 or 3, got {settings.setting}.")
    if settings.sound not in SOUNDS:
        raise ValueError(f"--sound must be one of {', '.join(SOUNDS)}, got {settings.sound!r}.")
    if settings.solver is not None and settings.solver not in SOLVERS:
        raise ValueError(f"--solver must be one of {', '.join(SOLVERS)}, got {settings.solver!r}.")
    unknown = [part for part in settings.without if part not in PARTS]
    if unknown:
        raise ValueError(f"--without takes {', '.join(PARTS)}, got {', '.join(map(repr, unknown))}.")
    if settings.outputs is not None and settings.sound != "dub":
        raise ValueError("--outputs scores sounds that are there; leave --sound out.")
    if settings.outputs is not None and settings.speed:
        raise ValueError("--speed times a model; leave --outputs out.")
    if settings.speed and settings.sound != "dub":
        raise ValueError("--speed times the dub; leave --sound out.")
    if settings.speed and sys.platform == "win32":
        raise ValueError("--speed reads peak memory in a way that Windows does not have; leave it out there.")
    check_takes(settings.best_of)
    if settings.best_of > 1 and not settings.dubs:
        raise ValueError("--best-of chooses among dubs; leave it out with --outputs and with sounds without a draw.")
    if settings.setting != 3 and (settings.voices or settings.voices_split):
        raise ValueError("--voices and --voices-split belong to --setting 3.")
    if settings.pairing is not None and settings.voices_split:
        raise ValueError("--pairing names every reference; leave --voices-split out.")
    if settings.num_proc < 1:
        raise ValueError(f"--num-proc must be at least 1, got {settings.num_proc}.")
    if settings.limit is not None and settings.limit < 1:
        raise ValueError(f"--limit must be at least 1, got {settings.limit}.")
    if not 0 <= settings.seed < 2**63 - MAX_TAKES:
        raise ValueError(f"--seed must lie between 0 and 2^63 - {MAX_TAKES + 1}, got {settings.seed}.")
    if not settings.metrics:
        raise ValueError("--metrics is empty; name at least one, or default.")
