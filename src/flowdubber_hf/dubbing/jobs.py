"""A dub that is to be made, and what can be said against it before a model is loaded."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..processing.outputs import check_file
from ..sampling import (
    DEFAULT_GUIDANCE_SCALE,
    DEFAULT_STEPS,
    MAX_GUIDANCE_SCALE,
    MAX_STEPS,
    MAX_STYLE_GUIDANCE_SCALE,
    MAX_TAKES,
    MAX_TEMPERATURE,
    TIMINGS,
    TURNS,
)
from ..work.faults import why


if TYPE_CHECKING:
    from ..processing.text import Phonemization
    from .loading import ModelFacts


OUTPUT_SUFFIXES = (".wav", ".mp4", ".mov", ".mkv")
MAX_SHOWN = 20


@dataclass(frozen=True)
class DubJob:
    """One clip to dub; the options of `flowdubber dub` have the same names.

    Attributes:
        video: file of the clip.
        script: the words to be spoken.
        reference: file with at least 1 s of the voice.
        output: file to write: `.mp4`, `.mov`, `.mkv`, or `.wav` for the sound alone.
        reference_text: what is said in the reference, where known.
        lexicon: file of pronunciations that go before the package's own.
        mouth_box: x0, y0, x1, y1 around the lips in pixels of the upright picture, where the mouth is not to be looked for.
        steps, guidance_scale, style_guidance_scale, colour_match, temperature: of the flow, see the pipeline; `None` leaves the model's own.
        seed: the same gives the same sound.
        best_of: takes, from that many seeds, of which one is kept.
        timing: where the words' times come from: `lips`, or `cue` for a clip that does not show the speaker.
        turn: degrees counter-clockwise, 0, 90, 180 or 270, by which the picture lies beside what its metadata says; the lips are
            read from it turned so, and players are asked to turn it. `None` looks for a face upright first.
        transcode: pictures that the output cannot hold are encoded anew.
        keep_sound: the clip's own sound stays in the output, as its second track.
    """

    video: Path
    script: str
    reference: Path
    output: Path
    reference_text: str | None = None
    lexicon: Path | None = None
    mouth_box: tuple[float, float, float, float] | None = None
    steps: int = DEFAULT_STEPS
    guidance_scale: float = DEFAULT_GUIDANCE_SCALE
    style_guidance_scale: float | None = None
    colour_match: float | None = None
    temperature: float | None = None
    seed: int = 0
    best_of: int = 1
    turn: int | None = None
    timing: str = "lips"
    transcode: bool = False
    keep_sound: bool = False


@dataclass(frozen=True)
class Problem:
    """Why a clip cannot be dubbed.

    Attributes:
        message: what is wrong and what to do.
        field: of the job, where one is to blame.
        line: of the listing.
        where: the listing and the line, or nothing.
    """

    message: str
    field: str | None = None
    line: int | None = None
    where: str = ""

    def __str__(self) -> str:
        return (
            ", ".join(filter(None, (self.where, self.field)))
            + (": " if self.where or self.field else "")
            + self.message
        )


class BadJobs(ValueError):
    """Jobs that cannot be done, before any of them was begun.

    Attributes:
        problems: all of them; the message shows the first ones.
        others: what is read of the lines without a problem.
    """

    def __init__(self, problems: Iterable[Problem], shown: Callable[[Problem], str] = str, others: Iterable[Any] = ()):
        self.problems, self.others = tuple(problems), tuple(others)
        more = len(self.problems) - MAX_SHOWN
        lines = [shown(problem) for problem in self.problems[:MAX_SHOWN]]
        super().__init__("\n".join([*lines, f"... and {more} more problems."] if more > 0 else lines))


def parse_mouth_box(text: str) -> tuple[float, float, float, float]:
    """Four numbers with commas between them.

    Raises:
        ValueError: other text.
    """
    try:
        x0, y0, x1, y1 = (float(value) for value in text.split(","))
    except ValueError:
        raise ValueError(f"give four numbers x0,y0,x1,y1 in pixels, got {text!r}.") from None
    return x0, y0, x1, y1


def check_files_and_text(job: DubJob) -> Iterator[Problem]:
    """What is seen at once, without a heavy import."""
    for field in ("video", "reference", "lexicon"):
        try:
            if getattr(job, field) is not None:
                check_file(getattr(job, field))
        except ValueError as error:
            yield Problem(str(error), field)
    if not job.script.strip():
        yield Problem("the script is empty; give the words to be spoken.", "script")
    if job.reference_text is not None and not job.reference_text.strip():
        yield Problem("it is empty; give the words of the reference, or leave it out.", "reference_text")
    if job.output.suffix.lower() not in OUTPUT_SUFFIXES:
        yield Problem(f"{job.output.name} must end in one of {', '.join(OUTPUT_SUFFIXES)}.", "output")


def check_sampling(job: DubJob) -> Iterator[Problem]:
    """Numbers out of their range."""
    if not 1 <= job.steps <= MAX_STEPS:
        yield Problem(f"must be a whole number from 1 to {MAX_STEPS}, got {job.steps}.", "steps")
    if not 0 <= job.guidance_scale <= MAX_GUIDANCE_SCALE:
        message = f"must lie between 0 and {MAX_GUIDANCE_SCALE} (1 is no guidance), got {job.guidance_scale}."
        yield Problem(message, "guidance_scale")
    of_style = job.style_guidance_scale
    if of_style is not None and not 0 <= of_style <= MAX_STYLE_GUIDANCE_SCALE:
        message = f"must lie between 0 and {MAX_STYLE_GUIDANCE_SCALE} (1 is no guidance), got {of_style}."
        yield Problem(message, "style_guidance_scale")
    if job.colour_match is not None and not 0 <= job.colour_match <= 1:
        yield Problem(f"must lie between 0 and 1, got {job.colour_match}.", "colour_match")
    if job.temperature is not None and not 0 <= job.temperature <= MAX_TEMPERATURE:
        yield Problem(f"must lie between 0 and {MAX_TEMPERATURE}, got {job.temperature}.", "temperature")
    if not 0 <= job.seed < 2**63 - MAX_TAKES:
        yield Problem(f"must lie between 0 and 2^63 - {MAX_TAKES + 1}, got {job.seed}.", "seed")
    if not 1 <= job.best_of <= MAX_TAKES:
        yield Problem(f"must lie between 1 and {MAX_TAKES}, got {job.best_of}.", "best_of")
    box = job.mouth_box
    if job.timing not in TIMINGS:
        yield Problem(f"must be one of {', '.join(TIMINGS)}, got {job.timing!r:.80}.", "timing")
    if job.timing == "cue" and box is not None:
        yield Problem("says where lips are read, and the timing `cue` reads none; leave one of them out.", "mouth_box")
    if job.turn not in (None, *TURNS):
        yield Problem(
            f"must be one of {', '.join(map(str, TURNS))} degrees counter-clockwise, got {job.turn}.", "turn"
        )
    if box is not None and not (all(map(math.isfinite, box)) and box[0] < box[2] and box[1] < box[3]):
        yield Problem(f"must be x0, y0, x1, y1 in pixels with x0 < x1 and y0 < y1, got {box}.", "mouth_box")


def check_model(job: DubJob, facts: "ModelFacts") -> Iterator[Problem]:
    """What the model cannot do."""
    if facts.has_language_model is not False:
        return
    if job.guidance_scale != 1:
        yield Problem(
            "it drops the language model's knowledge, and this model has none; set it to 1.", "guidance_scale"
        )
    if job.reference_text is not None:
        yield Problem("it serves the language model, and this model has none; leave it out.", "reference_text")


def check_content(job: DubJob, facts: "ModelFacts") -> Iterator[Problem]:
    """What is wrong with the script, the reference and the clip's packets, once [`check_files_and_text`] has found nothing."""
    from ..processing.text import lexicon_of

    try:
        lexicon_of(job.lexicon)
    except ValueError as error:
        yield Problem(str(error), "lexicon")
    else:
        try:
            _spoken(job, facts)
        except ValueError as error:
            yield Problem(str(error), "script")
    yield from _copy_problems(job)
    try:
        changed = job.reference.stat().st_mtime_ns
    except OSError as error:
        yield Problem(f"{job.reference} cannot be read ({why(error)}).", "reference")
        return
    problem = _voice_problem(job.reference, changed)
    if problem is not None:
        yield Problem(problem, "reference")


def _spoken(job: DubJob, facts: "ModelFacts", num_frames: int | None = None) -> "Phonemization":
    """The script as the model will say it, in so many frames; where its accent is not known yet, in the first one that fits.

    Raises:
        ValueError: it cannot be said so.
    """
    from ..processing.room import check_room
    from ..processing.text import lexicon_of, phonemize

    refused: list[ValueError] = []
    for accent in facts.accents:
        try:
            spoken = phonemize(job.script, accent, lexicon_of(job.lexicon))
            if num_frames is not None:
                check_room(spoken, num_frames)
        except ValueError as error:
            refused.append(error)
        else:
            return spoken
    raise refused[0]


def check_inside(job: DubJob, facts: "ModelFacts") -> Iterator[Problem]:
    """All that can be found in the files: [`check_content`], and [`check_clip`] of what that found nothing wrong with."""
    found = list(check_content(job, facts))
    yield from found
    wrong = {problem.field for problem in found}
    if "lexicon" in wrong:
        wrong.add("script")
    if "video" not in wrong:
        yield from (problem for problem in check_clip(job, facts) if problem.field not in wrong)


def script_warnings(job: DubJob, facts: "ModelFacts") -> list[str]:
    """What you should know of how the script is read, once [`check_content`] has found nothing."""
    return _spoken(job, facts).warnings


def _copy_problems(job: DubJob) -> Iterator[Problem]:
    """Whether the clip's pictures fit into the output."""
    try:
        copy_warnings(job)
    except ValueError as error:
        yield Problem(str(error), "video")


def copy_warnings(job: DubJob) -> tuple[str, ...]:
    """What of the clip will be missing or different in the output, one sentence each.

    Raises:
        ValueError: the output cannot hold the clip's pictures.
    """
    from ..processing.video import check_copy

    if job.output.suffix.lower() == ".wav":
        return ()
    return check_copy(job.video, job.output.suffix, job.transcode, job.keep_sound)


def check_clip(job: DubJob, facts: "ModelFacts") -> Iterator[Problem]:
    """What is wrong with the clip: it is decoded once, as it is when it is dubbed. Whether it shows a face is not checked."""
    from ..processing.mouth_box import check_mouth_box
    from ..processing.video import probe_video

    try:
        clip = probe_video(job.video)
    except ValueError as error:
        yield Problem(str(error), "video")
        return
    try:
        _spoken(job, facts, clip.num_frames)
    except ValueError as error:
        yield Problem(str(error), "script")
    try:
        if job.mouth_box is not None:
            lies = (job.turn or 0) % 180 != 0
            size = (clip.height, clip.width) if lies else (clip.width, clip.height)
            check_mouth_box(job.mouth_box, *size)
    except ValueError as error:
        yield Problem(str(error), "mouth_box")


@lru_cache(maxsize=256)
def _voice_problem(reference: Path, changed: int) -> str | None:
    """Of a file, as it was changed last, that may lend its voice to many clips."""
    from ..processing.references import check_reference
    from ..processing.sound import load_audio

    try:
        check_reference(load_audio(reference), f"the reference {reference}")
    except ValueError as error:
        return str(error)
    return None


def check_takes(jobs: Iterable[DubJob]) -> None:
    """Raises `ImportError` if one job's `best_of` is above 1 and the packages that rank takes are missing."""
    most = max(job.best_of for job in jobs)
    if most > 1:
        from .takes import require_selection

        require_selection(most)
