"""How a planned film is dubbed: takes, sound, tracks."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from ..sampling import DEFAULT_GUIDANCE_SCALE, DEFAULT_STEPS, MAX_GUIDANCE_SCALE, MAX_STEPS, MAX_TAKES, check_takes
from .background import check_own_background, parse_background
from .levels import parse_loudness
from .own_files import check_outputs
from .plan import FilmPlan
from .separation import parse_separator
from .sound import FilmClock, channel_names
from .streams import OutputTracks, check_film_output, output_layout
from .subtitles import SUFFIXES


@dataclass(frozen=True)
class RunSettings:
    """What is made of a plan.

    Attributes:
        seed, best_of: of cues that name none: the first seed, and of how many takes the best is kept.
        steps, guidance_scale, temperature: of the flow.
        device: of the model: cpu, cuda, ... or auto.
        num_proc: processes.
        background: `gaps`, `duck`, `duck=-18`, `separate`, `none`, or a file of music and effects.
        separator: command of `separate`, with `{input}` and `{output}`.
        loudness: `film`, `ebu`, `none`, or LUFS.
        tracks: of the output.
        stems: write a wav file a speaker, of the background and of the mix, into the folder `stems` of the work folder.
        subtitles: file of what is spoken, `.srt`, `.vtt` or `.ass`.
        embed_subtitles: put them into the film too.
        overwrite: replace an output and subtitles that no earlier run of this work folder wrote.
        judge: hear the takes with the recogniser and the judge of lip-sync, for the report.
    """

    seed: int = 0
    best_of: int = 1
    steps: int = DEFAULT_STEPS
    guidance_scale: float = DEFAULT_GUIDANCE_SCALE
    temperature: float | None = None
    device: str = "auto"
    num_proc: int = 1
    background: str = "gaps"
    separator: str | None = None
    loudness: str = "film"
    tracks: OutputTracks = field(default_factory=OutputTracks)
    stems: bool = False
    subtitles: Path | None = None
    embed_subtitles: bool = False
    overwrite: bool = False
    judge: bool = True


def check_run(plan: FilmPlan, settings: RunSettings, clock: FilmClock) -> tuple[str, ...]:
    """Refuses what cannot be made of a plan, before a model is loaded.

    Returns:
        What of the film will be missing or different in the output, a sentence each.

    Raises:
        ValueError: naming the option.
        ImportError: what chooses takes is not installed.
    """
    check_takes(settings.best_of)
    if not 1 <= settings.steps <= MAX_STEPS:
        raise ValueError(f"steps must lie between 1 and {MAX_STEPS}, got {settings.steps}.")
    if not 0 <= settings.guidance_scale <= MAX_GUIDANCE_SCALE:
        raise ValueError(f"guidance_scale must lie between 0 and {MAX_GUIDANCE_SCALE}, got {settings.guidance_scale}.")
    if not 0 <= settings.seed < 2**63 - MAX_TAKES:
        raise ValueError(f"seed must lie between 0 and 2^63 - {MAX_TAKES + 1}, got {settings.seed}.")
    if settings.num_proc < 1:
        raise ValueError(f"num_proc must be at least 1, got {settings.num_proc}.")
    parse_loudness(settings.loudness)
    background = parse_background(settings.background)
    if (background.kind == "separate") != (settings.separator is not None):
        raise ValueError("background separate and a separator belong together; give both or none.")
    if settings.separator is not None:
        parse_separator(settings.separator)
    if background.kind == "file":
        check_own_background(background.file, clock)
    output = Path(plan.settings.output)
    check_outputs(plan.settings.work_folder, output, settings.subtitles, settings.overwrite)
    if settings.subtitles is not None and Path(settings.subtitles).suffix.lower() not in SUFFIXES:
        raise ValueError(f"subtitles: {settings.subtitles} must end in one of {', '.join(SUFFIXES)}.")
    remarks = check_film_output(plan.source.path, output, settings.tracks)
    _check_room(plan, settings, clock)
    return remarks


def stored_sound(plan: FilmPlan, layout: str) -> Path:
    """Where the film's own sound is kept, decoded."""
    return plan.settings.work_folder / "sound" / f"film-{plan.source.identity}-{layout}.wav"


def _check_room(plan: FilmPlan, settings: RunSettings, clock: FilmClock) -> None:
    """Raises `ValueError` where film, decoded sound and stems will not fit on their disks; stems of voices are mostly holes."""
    layout = output_layout(plan.source.path, settings.tracks.layout)
    track = 4 * len(channel_names(layout)) * clock.samples
    kept = plan.source.has_sound and not stored_sound(plan, layout).is_file()
    wanted = {
        plan.settings.work_folder: track * (kept + 2 * settings.stems),
        Path(plan.settings.output): plan.source.size,
    }
    disks: dict[int, tuple[Path, int]] = {}
    for path, size in wanted.items():
        there = next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
        disk = os.stat(there).st_dev
        disks[disk] = there, disks.get(disk, (there, 0))[1] + size
    for there, size in disks.values():
        free = shutil.disk_usage(there).free
        if free < size:
            raise ValueError(
                f"{there}: the film, its decoded sound and stems take about {size / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free; "
                "free some, or choose another disk for --output and --work."
            )
