"""What the page takes: limits, and what is wrong with a request, said to the field that it concerns."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..processing.audio import SAMPLING_RATE, load_audio
from ..processing.references import check_reference
from ..processing.text import Phonemization, phonemize
from ..processing.video import MAX_VIDEO_SECONDS, VideoInfo, probe_video
from ..sampling import DEFAULT_GUIDANCE_SCALE, DEFAULT_STEPS


MIN_CLIP_SECONDS, MAX_CLIP_SECONDS = 0.4, 20.0  # the latter where nothing else is asked for
MAX_PICTURE_SIDE = 1920
MAX_FILE_BYTES = 50_000_000
MAX_SCRIPT_CHARACTERS = 400
MAX_VOICE_SECONDS = 30.0
STEPS = (1, 50)
GUIDANCE = (1.0, 4.0)
TEMPERATURE = (0.0, 1.5)
TAKES = (1, 4)
MAX_SEED = 2**31 - 1
QUEUE_LENGTH = 20

FIELDS = ("clip", "script", "voice", "consent", "settings")
HURRIED_PHONEMES_PER_SECOND = 17  # read English has about 12

NO_FACE = "No face was found in this clip. Use one that shows one face from the front, large and well lit."
NO_CONSENT = "Tick this box first: nobody is dubbed, and no voice is copied, without consent."


def check_max_seconds(value: object, name: str) -> float:
    """A limit for the length of clips, in seconds.

    Args:
        value: number, or text that stands for one.
        name: of what gave it, for the message.

    Raises:
        ValueError: no number between 1 and 60.
    """
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 1 <= seconds <= MAX_VIDEO_SECONDS:
        raise ValueError(f"{name} must lie between 1 and {MAX_VIDEO_SECONDS:g}, got {value!r}.")
    return seconds


class Problem(ValueError):
    """Something wrong with one field; its message is for the visitor."""


class Problems(ValueError):
    """What is wrong with a request, by field."""

    def __init__(self, by_field: dict[str, str]):
        super().__init__("\n".join(f"{field}: {message}" for field, message in by_field.items()))
        self.by_field = by_field


@dataclass(frozen=True)
class Request:
    """What a visitor asks for.

    Attributes:
        clip: path of the clip; `None` where there is none, as for the others.
        script: the words to be spoken.
        voice: path of the recording of the voice.
        own_sound: take the clip's own sound as the voice.
        consent: everybody seen and heard agreed.
        steps, guidance_scale, seed, takes, temperature: settings.
        phoneme_frames: how many mel frames each phoneme lasts, where words were moved; otherwise the lips say it.
    """

    clip: str | None
    script: str | None
    voice: str | None = None
    own_sound: bool = False
    consent: bool = False
    steps: int = DEFAULT_STEPS
    guidance_scale: float = DEFAULT_GUIDANCE_SCALE
    seed: int = 0
    takes: int = 1
    temperature: float | None = None
    phoneme_frames: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Checked:
    """What checking found out on the way.

    Attributes:
        info: of the clip.
        phonemes: of the script.
        voice: `(samples,)` float32 at 16 kHz.
    """

    info: VideoInfo
    phonemes: Phonemization
    voice: np.ndarray


def check_request(request: Request, accent: str, max_takes: int, max_seconds: float = MAX_CLIP_SECONDS) -> Checked:
    """Checks every field, so that a visitor hears of all mistakes at once.

    Args:
        request: to be checked.
        accent: of the model's phonemes.
        max_takes: 1 where the best of several cannot be chosen.
        max_seconds: of the clip.

    Raises:
        Problems: with a message for each field that is wrong.
    """
    problems: dict[str, str] = {}

    def tried(field, check, *arguments):
        try:
            return check(*arguments)
        except Problem as problem:
            problems[field] = str(problem)

    info = tried("clip", check_clip, request.clip, max_seconds)
    phonemes = tried("script", check_script, request.script, accent)
    if info is not None and phonemes is not None and request.phoneme_frames is None:
        tried("script", check_room, phonemes, info)
    if info is not None or not request.own_sound:
        voice = tried("voice", check_voice, request.voice, request.own_sound, request.clip)
    tried("consent", check_consent, request.consent)
    tried("settings", check_settings, request, max_takes)
    if problems:
        raise Problems({field: problems[field] for field in FIELDS if field in problems})
    return Checked(info, phonemes, voice)


def check_clip(path: str | None, max_seconds: float = MAX_CLIP_SECONDS) -> VideoInfo:
    """Decodes the clip once.

    Raises:
        Problem: no clip, not a video, too long, too short, too large.
    """
    if not path:
        raise Problem("Upload a clip, record one, or pick an example.")
    check_file(path, "clip")
    try:
        info = probe_video(path, max_seconds, MAX_PICTURE_SIDE)
    except ValueError as error:
        raise Problem(for_visitors(error, path, "The clip")) from error
    if info.duration < MIN_CLIP_SECONDS:
        raise Problem(
            f"The clip lasts {info.duration:.2f} s, hardly more than a picture; at least {MIN_CLIP_SECONDS} s."
        )
    return info


def check_script(text: str | None, accent: str) -> Phonemization:
    """Turns the script into phonemes.

    Raises:
        Problem: empty, too long, nothing in it can be spoken, not English.
    """
    if not isinstance(text, str) or not text.strip():
        raise Problem("Type the words to be spoken.")
    if len(text) > MAX_SCRIPT_CHARACTERS:
        raise Problem(f"The script has {len(text)} characters; at most {MAX_SCRIPT_CHARACTERS}.")
    try:
        return phonemize(text, accent)
    except ValueError as error:
        raise Problem(for_visitors(error)) from error


def check_room(phonemes: Phonemization, info: VideoInfo) -> None:
    """Raises `Problem` for a script that could not be said within the clip, however hurriedly."""
    if obligatory(phonemes) > info.num_frames:
        raise Problem(
            f"The script is too long for this clip: {len(phonemes.words)} words in {info.duration:.1f} s. Shorten it, or use a "
            "longer clip."
        )


def obligatory(phonemes: Phonemization) -> int:
    """Phonemes that each take at least one video frame."""
    return len(phonemes.phonemes) - sum(phonemes.optional)


def is_hurried(phonemes: Phonemization, info: VideoInfo) -> bool:
    """Whether the script fits only if spoken faster than people speak."""
    return obligatory(phonemes) > HURRIED_PHONEMES_PER_SECOND * info.duration


def check_voice(path: str | None, own_sound: bool, clip: str | None) -> np.ndarray:
    """Loads the voice.

    Returns:
        `(samples,)` float32 at 16 kHz; of the clip's own sound at most the first 30 s.

    Raises:
        Problem: missing, unreadable, too short, too long, silent.
    """
    sound, name = _own_sound(clip) if own_sound else _recording(path)
    try:
        check_reference(sound, name)
    except ValueError as error:
        raise Problem(for_visitors(error)) from error
    return sound


def _own_sound(clip: str) -> tuple[np.ndarray, str]:
    try:
        sound = load_audio(clip)
    except ValueError as error:
        message = (
            "This clip has no sound of its own that can be read. Untick the box and give a recording of the voice."
        )
        raise Problem(message) from error
    return sound[: round(MAX_VOICE_SECONDS * SAMPLING_RATE)], "The clip's own sound"


def _recording(path: str | None) -> tuple[np.ndarray, str]:
    if not path:
        raise Problem("Upload or record the voice, or tick the box to take the clip's own sound.")
    check_file(path, "recording")
    name = "The recording"
    try:
        sound = load_audio(path)
    except ValueError as error:
        raise Problem(for_visitors(error, path, name)) from error
    seconds = len(sound) / SAMPLING_RATE
    if seconds > MAX_VOICE_SECONDS:
        raise Problem(
            f"{name} lasts {seconds:.0f} s; at most {MAX_VOICE_SECONDS:g} s, and 3 to 10 s are best. Trim it."
        )
    return sound, name


def check_consent(given: bool) -> None:
    """Raises `Problem` without consent."""
    if given is not True:
        raise Problem(NO_CONSENT)


def check_settings(request: Request, max_takes: int) -> None:
    """Raises `Problem` for a setting that is no number or out of its range."""
    check_whole("Steps", request.steps, *STEPS)
    _check_number("Guidance", request.guidance_scale, *GUIDANCE)
    check_whole("Seed", request.seed, 0, MAX_SEED)
    if request.takes != 1 and max_takes == 1:
        raise Problem("This server cannot choose between takes; leave Takes at 1.")
    check_whole("Takes", request.takes, 1, max_takes)
    if request.temperature is not None:  # otherwise the model's own
        _check_number("Temperature", request.temperature, *TEMPERATURE)


def _check_number(name: str, value: object, low: float, high: float, kind: str = "a number") -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:
        raise Problem(f"{name} must be {kind} from {low:g} to {high:.15g}.")


def check_whole(name: str, value: object, low: int, high: int) -> None:
    _check_number(name, value, low, high, "a whole number")
    if value != int(value):
        raise Problem(f"{name} must be a whole number from {low} to {high}.")


def check_file(path: str, name: str) -> None:
    """Raises `Problem` for a file that is gone or too large."""
    if not Path(path).is_file():
        raise Problem(f"The {name} is no longer on the server. Give it again.")
    size = Path(path).stat().st_size
    if size > MAX_FILE_BYTES:
        raise Problem(f"The {name} has {size / 1e6:.0f} MB; at most {MAX_FILE_BYTES / 1e6:.0f} MB.")


def for_visitors(message: Exception | str, path: str | None = None, name: str = "") -> str:
    """A message of the package without the server's paths and without options of the command line."""
    text = str(message)
    if path is not None:
        text = text.replace(str(path), name)
    text = re.sub(r"\s*[^.;:]*(--|\w+=)[^.]*(\.|$)", "", text).strip()
    return text[:1].upper() + text[1:] or "This cannot be dubbed. Try another clip, script or voice."
