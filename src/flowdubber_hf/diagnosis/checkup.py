"""The whole examination, in the order in which a fault is best understood: files, weights, settings, trials."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..models.parts import load_part
from ..pipelines.flowdubber import FlowDubberPipeline
from ..pipelines.flowdubber.loading import disagreements
from ..processing.audio import VIDEO_FRAME_RATE
from ..processing.lips import FlowDubberLipFeatureExtractor
from .files import PIPELINE, ModelFolder, examine_files, missing_parts, open_model
from .findings import OK, WRONG, Finding
from .profile import StageCost, profile_dub
from .trials import TRIALS, Bench, make_bench, try_dub


LIPS = "lip_feature_extractor"


@dataclass
class Checkup:
    """
    Attributes:
        model: what was examined.
        findings: in the order in which they were made.
        sounds: name to `(samples,)` float32 at 16 kHz that the trials made.
        costs: of a dub, by stage, where they were asked for and the model dubs.
        duration: seconds of the clip that was dubbed for them.
    """

    model: ModelFolder
    findings: list[Finding] = field(default_factory=list)
    sounds: dict[str, torch.Tensor] = field(default_factory=dict)
    costs: list[StageCost] = field(default_factory=list)
    duration: float = 0.0

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return all(finding.level != WRONG for finding in self.findings)


def examine(
    name: str | Path,
    device: str | torch.device = "cpu",
    voice: np.ndarray | None = None,
    trials: bool = True,
    tell: Callable[[Finding], Any] = lambda finding: None,
    profile: bool = False,
) -> Checkup:
    """
    Examines a model, or parts of one.

    Args:
        name: bundled model, folder or Hub id; a folder may also hold a single part, or several side by side.
        device: where it is tried out.
        voice (`np.ndarray` of shape `(samples,)`, *optional*): a recording at 16 kHz to try it with, in place of the demo's
            synthetic voice.
        trials (`bool`, defaults to `True`): whether to try the parts out, or only look at files, weights and settings.
        tell: called with each finding as soon as it is made.
        profile (`bool`, defaults to `False`): measure what a dub costs on this machine, too.

    Raises:
        ValueError: there is no such model; or what a dub costs is asked of single parts.
    """
    checkup = Checkup(open_model(name))
    if profile and checkup.model.kind != PIPELINE:
        raise ValueError(f"{name} is no whole model, so it dubs nothing whose cost could be measured.")
    for finding in _examine(checkup, torch.device(device), voice, trials, profile):
        checkup.findings.append(finding)
        tell(finding)
    return checkup


def _examine(
    checkup: Checkup, device: torch.device, voice: np.ndarray | None, trials: bool, profile: bool
) -> Iterator[Finding]:
    model = checkup.model
    parts: dict[str, Any] = {}
    yield from missing_parts(model)
    yield from _load(model, parts)
    differences = disagreements(parts)
    yield from (Finding("model", WRONG, told) for told in differences)
    if not differences and len(parts) > 1:
        yield Finding("model", OK, "the settings of the parts agree with each other.")
    pipe = None
    if model.kind == PIPELINE and checkup.healthy:
        try:
            pipe = FlowDubberPipeline.from_pretrained(model.folder, **parts).to(device)
        except ValueError as error:
            yield Finding("model", WRONG, str(error))
    bench = make_bench(parts, device, voice)
    if trials:
        for part in parts.values():
            if isinstance(part, torch.nn.Module):
                part.to(device)
        checkup.sounds = bench.sounds
        yield from _try(bench, pipe)
    if profile and pipe is not None:
        yield from _guarded("dub", lambda: _profile(checkup, bench, pipe))


def _profile(checkup: Checkup, bench: Bench, pipe: FlowDubberPipeline) -> Iterator[Finding]:
    checkup.costs = profile_dub(pipe, bench.frames, bench.voice.numpy())
    checkup.duration = len(bench.frames) / VIDEO_FRAME_RATE
    whole = checkup.costs[-1]
    told = f"{checkup.duration:.1f} s take {whole.seconds:.2f} s, {whole.processor_seconds:.2f} s of the processor"
    yield Finding("dub", OK, f"{told}.", {"real_time_factor": round(whole.seconds / checkup.duration, 3)})


def _load(model: ModelFolder, parts: dict[str, Any]) -> Iterator[Finding]:
    """Looks at the files of each part and fills `parts` with those that can be loaded."""
    for name, folder in model.parts.items():
        findings = list(examine_files(name, folder))
        yield from findings
        try:
            parts[name] = load_part(name, folder)
        except ValueError as error:
            if all(finding.level != WRONG for finding in findings):  # else it was told why
                yield Finding(name, WRONG, str(error))
    if model.kind == PIPELINE:
        try:
            parts[LIPS] = FlowDubberLipFeatureExtractor.from_pretrained(model.folder / LIPS)
        except (OSError, ValueError, TypeError) as error:
            yield Finding(LIPS, WRONG, f"it cannot be loaded: {error}")


@torch.no_grad()
def _try(bench: Bench, pipe: FlowDubberPipeline | None) -> Iterator[Finding]:
    for trial, needed in TRIALS:
        if all(name in bench.parts for name in needed):
            yield from _guarded(needed[0], lambda trial=trial: trial(bench))
    if pipe is not None:
        yield from _guarded("dub", lambda: try_dub(bench, pipe))


def _guarded(part: str, trial: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """A trial's findings; one that breaks off is a finding, whatever breaks it."""
    try:
        yield from trial()
    except Exception as error:
        yield Finding(part, WRONG, f"it fails: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
