"""Which clips a run uses, and whether each of them is fit for it: found out before the first step, by name."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from accelerate import Accelerator
from accelerate.utils import gather_object
from tqdm.auto import tqdm

from ..data.dubbing import phoneme_frames
from ..data.features import Clip, FeatureStore, save_text
from ..processing.audio import SAMPLES_PER_VIDEO_FRAME, SAMPLING_RATE
from ..processing.text import PHONEMES
from ..work.records import read_record
from .arguments import TrainingArguments


SKIPPED_NAME = "skipped_clips.json"
_LISTED = 20
# Times of words and phonemes are rounded; a last one may end this much behind the sound.
_TIME_TOLERANCE = 0.1


def of_speakers(clips: Iterable[Clip], arguments: TrainingArguments) -> list[Clip]:
    """The clips that `--speakers` and `--exclude_speakers` leave."""
    wanted, unwanted = set(arguments.speakers), set(arguments.exclude_speakers)
    return [clip for clip in clips if clip.speaker not in unwanted and (not wanted or clip.speaker in wanted)]


def check_audio(store: FeatureStore, clip: Clip) -> None:
    """Raises a ValueError where the sound is empty, silent throughout, not finite or of another length than listed."""
    sound = store.audio(clip.id)
    if not len(sound):
        raise ValueError("the sound is empty")
    if not np.isfinite(sound).all():
        raise ValueError("the sound has samples that are not finite")
    if not sound.any():
        raise ValueError("the sound is silent throughout")
    if len(sound) != clip.num_samples:
        raise ValueError(f"the sound has {len(sound)} samples, {clip.num_samples} are listed")
    if clip.num_frames and len(sound) != clip.num_frames * SAMPLES_PER_VIDEO_FRAME:
        raise ValueError(f"the sound has {len(sound)} samples but there are {clip.num_frames} video frames")


def check_phones(store: FeatureStore, clip: Clip) -> None:
    """Raises a ValueError where there is no text, a phoneme is unknown, times are out of order or the clip is too short."""
    if not (clip.text or "").strip():
        raise ValueError("the text is empty")
    phones = store.phones(clip.id)
    if not phones.phonemes:
        raise ValueError("there are no phonemes")
    unknown = sorted(set(phones.phonemes) - set(PHONEMES))
    if unknown:
        raise ValueError(f"unknown phonemes {', '.join(unknown)}")
    times = np.asarray(phones.times, dtype=np.float64)
    if times.shape != (len(phones.phonemes), 2):
        raise ValueError(f"{len(times)} times for {len(phones.phonemes)} phonemes")
    if not np.isfinite(times).all() or (times < 0).any() or (np.diff(times.ravel()) < -1e-3).any():
        raise ValueError("the phonemes' times are not in order")
    if times[-1, 1] > clip.num_samples / SAMPLING_RATE + _TIME_TOLERANCE:
        raise ValueError(f"the phonemes end at {times[-1, 1]:.2f} s, behind the sound's end")
    frames = clip.num_frames or clip.num_samples // SAMPLES_PER_VIDEO_FRAME
    phoneme_frames(times, np.asarray(phones.optional), frames)


def check_crops(store: FeatureStore, clip: Clip) -> None:
    """Raises a ValueError where the mouth crops are not as many as the video frames."""
    crops = store.crops(clip.id)
    if not clip.num_frames or len(crops) != clip.num_frames:
        raise ValueError(f"{len(crops)} mouth crops for {clip.num_frames} video frames")


def check_style(store: FeatureStore, clip: Clip) -> None:
    """Raises a ValueError where the style vector is not finite or is zero."""
    style = store.style(clip.id)
    if style.ndim != 1 or not np.isfinite(style).all() or not style.any():
        raise ValueError("the style vector is not a finite vector")


def check_tokens(store: FeatureStore, clip: Clip) -> None:
    """Raises a ValueError where there are no tokens or negative ones; a model's own vocabulary is checked by its stage."""
    for name, tokens in zip(("semantic", "global"), store.tokens(clip.id), strict=True):
        if not len(tokens) or (tokens < 0).any():
            raise ValueError(f"the {name} tokens are missing or negative")


CHECKS: Mapping[str, Callable[[FeatureStore, Clip], None]] = {
    "audio": check_audio,
    "phones": check_phones,
    "crops": check_crops,
    "style": check_style,
    "tokens": check_tokens,
}


def find_problem(store: FeatureStore, clip: Clip, kinds: Sequence[str]) -> str | None:
    """What is wrong with a clip, `None` where nothing is."""
    for kind in kinds:
        try:
            CHECKS[kind](store, clip)
        except (ValueError, OSError) as error:
            return str(error).rstrip(".")
    return None


def usable_clips(
    store: FeatureStore,
    clips: Sequence[Clip],
    kinds: Sequence[str],
    arguments: TrainingArguments,
    accelerator: Accelerator,
) -> list[Clip]:
    """
    The clips that can be trained on, after a look at every one, divided over the processes.

    Args:
        clips: without repetition.
        kinds: what of a clip is used, any of `audio`, `phones`, `crops`, `style`, `tokens`.

    Raises:
        ValueError: some clips are bad and `--skip_bad_clips` is not given; names them with the reasons.
    """
    mine = clips[accelerator.process_index :: accelerator.num_processes]
    bar = tqdm(
        mine, desc="checking clips", disable=not accelerator.is_local_main_process, leave=False, mininterval=1.0
    )
    found = [(clip.id, find_problem(store, clip, kinds)) for clip in bar]
    problems = {name: problem for name, problem in gather_object(found) if problem is not None}
    if not problems:
        return list(clips)
    lines = [f"  {name}: {problem}" for name, problem in list(problems.items())[:_LISTED]]
    if len(problems) > _LISTED:
        lines.append(f"  and {len(problems) - _LISTED} more")
    if not arguments.skip_bad_clips:
        lines += ["Repair them, or add --skip_bad_clips to leave them out."]
        raise ValueError("\n".join([f"{len(problems)} of {len(clips)} clips cannot be trained on:", *lines]))
    accelerator.print("\n".join([f"left out {len(problems)} of {len(clips)} clips:", *lines]))
    if accelerator.is_main_process:
        _add_skipped(Path(arguments.output_dir) / SKIPPED_NAME, problems)
    return [clip for clip in clips if clip.id not in problems]


def _add_skipped(path: Path, problems: Mapping[str, str]) -> None:
    save_text(path, json.dumps({**read_record(path), **problems}, indent=1) + "\n")
