"""`flowdubber evaluate`: from settings to clips.jsonl, summary.json, tables and pictures.

[`plan_evaluation`] refuses everything that can be refused before a sound is made; [`run_evaluation`] does the work, in one
process, in several (`num_proc`), or as one of the processes of `accelerate launch`. The files are written from the clips'
records in the order of their names, so that any number of processes writes the same bytes.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from tqdm.auto import tqdm

from ..dubbing.loading import model_folder
from ..dubbing.takes import require_selection
from ..extras import EVALUATION, require_extra
from ..libraries import quiet_libraries
from ..pipelines.flowdubber.loading import choose_device
from ..processing.audio import SAMPLING_RATE
from ..work.files import replace_file
from ..work.machine import describe_machine
from ..work.reading import read_json
from ..work.workers import join_world, run_in_processes, single_thread, world
from .clips import Clips, EvaluationClip, find_outputs, pair_clips, read_clips
from .scorers import Scorer, choose_scorers
from .settings import EvaluateSettings, check_settings
from .sounds import call_arguments
from .summary import summarize_columns, write_tables
from .work import (
    DUB_OPTIONS,
    SCORE_CODE,
    SOUND_CODE,
    WORK_NAME,
    Record,
    SharedPlan,
    clip_record,
    hash_code,
    hash_weights,
    sound_file,
    work_on,
)


CLIPS_NAME = "clips.jsonl"
SUMMARY_NAME = "summary.json"
TABLE_NAME = "table.md"
PICTURE_NAME = "figures.png"
PAIRING_NAME = "pairing.jsonl"
STAMP_NAME = "evaluation.json"
# Options that make another evaluation of the same folder; the rest only adds to it.
IDENTITY = ("split", "val_share", "setting", "model", *DUB_OPTIONS)


@dataclass(frozen=True)
class Plan:
    """An evaluation that can begin.

    Attributes:
        settings: checked.
        clips: with their references.
        scorers: loaded.
        left_out: default scorers that cannot be had here, and why.
        job: what the processes need to know.
    """

    settings: EvaluateSettings
    clips: Clips
    scorers: tuple[Scorer, ...]
    left_out: dict[str, str]
    job: SharedPlan


@dataclass(frozen=True)
class Evaluation:
    """What a run did.

    Attributes:
        summary: content of summary.json; `None` in the processes of `accelerate launch` that write nothing.
        written: files that were written.
        seconds: wall-clock time.
    """

    summary: dict[str, Any] | None
    written: tuple[Path, ...]
    seconds: float


# ---------------------------------------------------------------------------------------------------------------------
# Before the work


def plan_evaluation(settings: EvaluateSettings) -> Plan:
    """Reads the clips, pairs them and gets the scorers ready.

    Raises:
        ValueError, ImportError: whatever forbids the evaluation, with what to do.
    """
    check_settings(settings)
    if world()[1] > 1 and settings.num_proc > 1:
        raise ValueError("accelerate launch starts the processes; leave --num-proc out.")
    require_extra(EVALUATION, "matplotlib", what="drawing the pictures")
    _check_output(settings)
    settings = dataclasses.replace(settings, device=choose_device(settings.device))
    clips, recordings = read_clips(settings.data, settings.split, settings.corpus, settings.val_share)
    clips = pair_clips(
        clips,
        settings.setting,
        settings.data,
        recordings,
        settings.voices,
        settings.voices_split,
        settings.pairing,
    )
    clips = dataclasses.replace(clips, clips=clips.clips[: settings.limit])
    for name in settings.pictures:
        clips.named(name)
    if settings.dubs:
        call_arguments(settings)  # refuses a grid that cannot be
    outputs = find_outputs(settings.outputs, clips.clips) if settings.outputs is not None else None
    folder = model_folder(settings.model) if settings.needs_model else None
    quiet_libraries()
    scorers, left_out = choose_scorers(settings.metrics, clips.clips, settings.device)
    require_selection(settings.best_of)
    job = SharedPlan(
        settings=settings,
        model=hash_weights(str(folder)) or "" if folder is not None else "",
        sound_code=hash_code(SOUND_CODE),
        score_code=hash_code(SCORE_CODE),
        scorers=tuple((scorer.name, scorer.weights) for scorer in scorers),
        outputs=outputs,
    )
    return Plan(settings, clips, tuple(scorers), left_out, job)


def _identity(settings: EvaluateSettings) -> dict[str, Any]:
    """The options that may not differ between runs on the same folder."""
    identity = {name: getattr(settings, name) for name in IDENTITY}
    if not settings.needs_model:
        identity["model"] = None
    if not settings.dubs:
        identity |= dict.fromkeys(DUB_OPTIONS)
    identity["sound"] = settings.sound
    identity["without"] = sorted(settings.without)
    for name in ("data", "outputs", "voices", "pairing"):
        value = getattr(settings, name)
        identity[name] = None if value is None else str(value.resolve())
    identity["voices_split"] = settings.voices_split
    return identity


def _check_output(settings: EvaluateSettings) -> None:
    """Refuses a folder that holds something else or another evaluation."""
    output = settings.output
    if output.exists() and not output.is_dir():
        raise ValueError(f"--output {output} is a file; give a folder.")
    for name in ("data", "outputs", "voices"):
        source = getattr(settings, name)
        if source is not None and output.resolve() == source.resolve():
            raise ValueError(f"--output and --{name} are the same folder; choose another for the results.")
    if not output.is_dir() or not any(output.iterdir()):
        return
    stamp = output / WORK_NAME / STAMP_NAME
    if not stamp.is_file():
        raise ValueError(f"--output {output} is not empty and no evaluation; choose another folder.")
    try:
        before = read_json(stamp)
    except ValueError:
        raise ValueError(f"{stamp} cannot be read; remove {output} or choose another folder.") from None
    now = json.loads(json.dumps(_identity(settings)))
    changed = [f"{name} {before.get(name)} -> {now[name]}" for name in now if before.get(name) != now[name]]
    if changed and not settings.overwrite:
        raise ValueError(
            f"{output} holds an evaluation with other settings ({'; '.join(changed)}); choose another folder, or give "
            "--overwrite."
        )


# ---------------------------------------------------------------------------------------------------------------------
# The work


def run_evaluation(plan: Plan) -> Evaluation:
    """Makes and scores the sounds and writes the results.

    Raises:
        ValueError: not one clip has a sound.
        KeyboardInterrupt: what was finished is kept.
    """
    start = time.monotonic()
    settings, clips = plan.settings, plan.clips.clips
    rank, processes = world()
    wait_for_everyone = join_world(processes, settings.device)
    if rank == 0:
        (settings.output / WORK_NAME).mkdir(parents=True, exist_ok=True)
        replace_file(settings.output / WORK_NAME / STAMP_NAME, json.dumps(_identity(settings)).encode())
    _run_all(plan.job, clips[rank::processes], settings)
    wait_for_everyone()
    if rank != 0:
        return Evaluation(None, (), time.monotonic() - start)
    records = [clip_record(settings.output, clip) for clip in clips]
    if all(record.problem is not None for record in records):
        raise ValueError(f"none of the {len(clips)} clips has a sound; {clips[0].name}: {records[0].problem}")
    speed = None
    if settings.speed:
        from .speed import measure_speed

        speed = measure_speed(
            settings, [clip for clip, record in zip(clips, records, strict=True) if not record.problem]
        )
    summary, written = _write(plan, records, speed)
    return Evaluation(summary, tuple(written), time.monotonic() - start)


def _run_all(job: SharedPlan, clips: Sequence[EvaluationClip], settings: EvaluateSettings) -> None:
    missing = 0
    with tqdm(total=len(clips), desc="clips", unit="clip", disable=settings.quiet, mininterval=0.5) as bar:

        def done(result: tuple[str, str | None]) -> None:
            nonlocal missing
            missing += result[1] is not None
            bar.update()
            if missing:
                bar.set_postfix(without_sound=missing, refresh=False)

        if settings.num_proc == 1 or len(clips) < 2:
            with single_thread():
                for clip in clips:
                    done(work_on(job, clip))
        else:
            lost = run_in_processes(partial(work_on, job), clips, settings.num_proc, done)
            if lost:
                raise ValueError(
                    f"a process died twice while it worked on {lost[0].name}, most likely for want of memory; the other clips are "
                    "kept."
                )


# ---------------------------------------------------------------------------------------------------------------------
# Writing


def _row(clip: EvaluationClip, record: Record, scorers: Sequence[Scorer]) -> dict[str, Any]:
    """A line of clips.jsonl: nothing in it differs between runs."""
    row: dict[str, Any] = {
        "clip": clip.name,
        "id": clip.id,
        "speaker": clip.speaker,
        "text": clip.text,
        "reference": clip.reference.id,
        "reference_speaker": clip.reference.speaker,
        "own_reference": clip.own_reference,
        "problem": record.problem,
        "seed": record.details.get("seed"),
    }
    if record.details.get("takes"):
        row["takes"] = record.details["takes"]
    problems: dict[str, str] = {}
    for scorer in scorers:
        score = record.scores.get(scorer.name) if record.problem is None else None
        empty = {column.name: None for column in scorer.columns if column.summary != "p95"}
        row |= score["values"] if score else empty
        problems |= score["problems"] if score else {}
    row["problems"] = problems
    return row


def _write(plan: Plan, records: Sequence[Record], speed: dict[str, Any] | None) -> tuple[dict[str, Any], list[Path]]:
    from .pictures import draw_clip, draw_figures

    settings, clips, folder = plan.settings, plan.clips, plan.settings.output
    rows = [_row(clip, record, plan.scorers) for clip, record in zip(clips.clips, records, strict=True)]
    columns = [column for scorer in plan.scorers for column in scorer.columns]
    summary = _summary(plan, records, rows, speed)
    pairs = [{"clip": row["id"], "reference": row["reference"]} for row in rows]
    written = {
        CLIPS_NAME: _lines(rows),
        PAIRING_NAME: _lines(pairs),
        SUMMARY_NAME: (json.dumps(summary, indent=1, ensure_ascii=False) + "\n").encode(),
        TABLE_NAME: write_tables(summary).encode(),
        PICTURE_NAME: draw_figures(columns, rows, summary),
    }
    for name in settings.pictures:
        clip = clips.named(name)
        index = clips.clips.index(clip)
        if records[index].problem is None:
            written[f"{clip.name}.png"] = draw_clip(
                folder, clip, sound_file(plan.job, clip), records[index], rows[index], settings.title
            )
    for name, content in written.items():
        replace_file(folder / name, content)
    return summary, [folder / name for name in written]


def _lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _summary(
    plan: Plan, records: Sequence[Record], rows: Sequence[dict[str, Any]], speed: dict[str, Any] | None
) -> dict[str, Any]:
    settings, clips = plan.settings, plan.clips
    columns = [column for scorer in plan.scorers for column in scorer.columns]
    sounding = [row for row in rows if row["problem"] is None]
    used = {name: getattr(settings, name) for name in DUB_OPTIONS} if settings.dubs else {"sound": settings.sound}
    return {
        "name": settings.title,
        "model": settings.model if settings.needs_model else None,
        "weights": plan.job.model or None,
        "split": settings.split,
        "setting": settings.setting,
        "pairing": clips.pairing_rule,
        "clips": len(rows),
        "own_references": sum(row["own_reference"] for row in rows),
        "without_sound": {row["clip"]: row["problem"] for row in rows if row["problem"] is not None},
        "skipped": dict(clips.skipped),
        "settings": used,
        "metrics": {scorer.name: scorer.weights for scorer in plan.scorers},
        "left_out": plan.left_out,
        "figures": summarize_columns(columns, sounding, settings.setting),
        "dubbing": _dubbing_times(clips.clips, records),
        "speed": speed,
        "machine": describe_machine(),
        "date": time.strftime("%Y-%m-%d"),
    }


def _dubbing_times(clips: Sequence[EvaluationClip], records: Sequence[Record]) -> dict[str, Any] | None:
    """Real-time factor of the dubs as they were made, one thread each, whatever else the machine did: no benchmark."""
    factors = [
        record.details["timings"]["total"] * SAMPLING_RATE / clip.num_samples
        for clip, record in zip(clips, records, strict=True)
        if record.details.get("timings")
    ]
    return {"mean_real_time_factor": fmean(factors), "clips": len(factors)} if factors else None
