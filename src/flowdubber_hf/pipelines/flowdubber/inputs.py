"""The arguments of a dub: as lists, one entry for each clip, and checked before any work is done."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias, TypedDict, TypeVar

import numpy as np
import torch

from ...processing.audio import VIDEO_FRAME_RATE
from ...processing.clips import Frames, as_clip, is_picture_list
from ...processing.frames import MAX_VIDEO_SECONDS
from ...processing.held import HeldFile
from ...processing.mouth_box import check_turn
from ...processing.outputs import check_file
from ...processing.sound import as_sound, is_pair
from ...processing.text import NO_WORDS, Lexicon
from ...sampling import (
    DEFAULT_GUIDANCE_SCALE,
    DEFAULT_STEPS,
    GUIDANCE_FORMS,
    MAX_GUIDANCE_SCALE,
    MAX_STEPS,
    MAX_STYLE_GUIDANCE_SCALE,
    MAX_TEMPERATURE,
    PARTS,
    TIMINGS,
)
from .prepared import PreparedClip, PreparedDub, PreparedVoice


OUTPUT_TYPES = ("np", "pt", "latent")
_MAX_SEMANTIC_TEMPERATURE = 10
_OF_EACH_CLIP = ("script", "video", "reference_audio", "reference_text", "mouth_box", "phoneme_frames")
_OF_ALL_CLIPS = ("fps", "turn")
# What a prepared dub has, with the values that say nothing.
_OF_PREPARATION: Mapping[str, Any] = {
    "video": None,
    "reference_audio": None,
    "fps": None,
    "reference_sampling_rate": None,
    "reference_text": None,
    "mouth_box": None,
    "turn": None,
    "lexicon": NO_WORDS,
    "timing": "lips",
    "phoneme_frames": None,
}
_FIRST_WORD = re.compile(r"`?(\w+)`?")
_Made = TypeVar("_Made")


class VideoDecoder(Protocol):
    """A decoder of torchcodec, as `datasets` gives it."""

    metadata: Any

    def get_frame_at(self, index: int) -> Any: ...

    def __len__(self) -> int: ...


class AudioDecoder(Protocol):
    """A decoder of torchcodec, as `datasets` gives it."""

    def get_all_samples(self) -> Any: ...


File: TypeAlias = str | Path | bytes | BinaryIO | Mapping[str, Any]
#: What [`~processing.clips.as_clip`] takes.
VideoInput: TypeAlias = File | np.ndarray | torch.Tensor | VideoDecoder | Sequence[Any] | PreparedClip
#: What [`~processing.sound.load_audio`] takes.
AudioInput: TypeAlias = File | np.ndarray | torch.Tensor | AudioDecoder | tuple[Any, Any] | PreparedVoice


class DubbingOptions(TypedDict, total=False):
    """Keywords of [`FlowDubberPipeline.__call__`] beside those that say what is dubbed, for type checkers."""

    reference_text: str | list[str | None] | None
    mouth_box: Sequence[float] | list[Sequence[float] | None] | None
    num_inference_steps: int
    guidance_scale: float
    guidance_form: str
    style_guidance_scale: float | None
    colour_match: float | None
    temperature: float | None
    generator: torch.Generator | list[torch.Generator] | None
    latents: torch.Tensor | None
    semantic_temperature: float
    semantic_top_k: int
    semantic_top_p: float
    semantic_max_new_tokens: int | None
    output_type: str
    callback_on_step_end: Callable[[Any, int, torch.Tensor, dict[str, Any]], dict[str, Any]] | None
    callback_on_step_end_tensor_inputs: Sequence[str]
    sigmas: Sequence[float] | None
    phoneme_frames: Sequence[int] | np.ndarray | list[Any] | None
    without: Sequence[str]
    callback_on_stage: Callable[[Any, str], None] | None
    timing: str
    lexicon: Lexicon
    turn: int | None


@contextmanager
def naming(argument: str, values: Sequence[Any], index: int) -> Iterator[None]:
    """A `ValueError` raised inside says which argument is at fault, and of several clips, which one's.

    What is said of the only file or text that was given needs no more than its name, which the message has.
    """
    try:
        yield
    except ValueError as error:
        message, alone = str(error), len(values) == 1
        place = "" if alone else f"[{index}]"
        first = _FIRST_WORD.match(message)
        if first and first[1] in _OF_EACH_CLIP:
            message = f"`{first[1]}{place}`{message[first.end() :]}"
        elif not (first and first[1] in _OF_ALL_CLIPS) and not (alone and isinstance(values[index], (str, Path))):
            message = f"`{argument}{place}`: {message}"
        error.args = (message,)
        raise


def each(argument: str, values: Sequence[Any], convert: Callable[[Any], _Made]) -> list[_Made]:
    """What `convert` makes of each entry of an argument; what stands there several times is converted once."""
    made: dict[int, _Made] = {}
    for index, value in enumerate(values):
        if id(value) not in made:
            with naming(argument, values, index):
                made[id(value)] = convert(value)
    return [made[id(value)] for value in values]


@dataclass(kw_only=True)
class DubbingInputs:
    """
    The arguments of [`FlowDubberPipeline.__call__`], which explains them. A list has one entry for each script; what was
    given once is repeated for all. Of a [`PreparedDub`] as `script`, the rows are what it holds.

    Raises:
        ValueError: arguments that a prepared dub has already; [`check`](`DubbingInputs.check`) says what else is wrong and what
            to do.
    """

    script: Any
    video: Any = None
    reference_audio: Any = None
    fps: float | None = None
    reference_sampling_rate: int | None = None
    reference_text: Any = None
    mouth_box: Any = None
    turn: int | None = None
    lexicon: Lexicon = NO_WORDS
    timing: str = "lips"
    phoneme_frames: Any = None
    without: Sequence[str] = ()
    num_inference_steps: int = DEFAULT_STEPS
    sigmas: Sequence[float] | None = None
    guidance_scale: float = DEFAULT_GUIDANCE_SCALE
    guidance_form: str = GUIDANCE_FORMS[0]
    style_guidance_scale: float | None = None
    colour_match: float | None = None
    temperature: float | None = None
    generator: Any = None
    latents: torch.Tensor | None = None
    semantic_temperature: float = 0.8
    semantic_top_k: int = 50
    semantic_top_p: float = 0.95
    semantic_max_new_tokens: int | None = None
    output_type: str = "np"
    callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",)
    prepared: PreparedDub | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if isinstance(self.script, PreparedDub):
            self._adopt(self.script)
        for name in ("video", "reference_audio"):
            if getattr(self, name) is None:
                raise ValueError(f"`{name}` is missing; only a `script` of `prepare` has it already.")
        self.script = list(self.script) if isinstance(self.script, (list, tuple)) else [self.script]
        video, sound = self.video, self.reference_audio
        self.video = self._rows(video, not isinstance(video, (list, tuple)) or is_picture_list(video))
        self.reference_audio = self._rows(sound, not isinstance(sound, (list, tuple)) or is_pair(sound))
        text, box, frames = self.reference_text, self.mouth_box, self.phoneme_frames
        self.reference_text = self._rows(text, text is None or isinstance(text, str))
        self.mouth_box = self._rows(box, box is None or (len(box) > 0 and isinstance(box[0], (int, float, np.number))))
        if frames is not None:
            self.phoneme_frames = self._rows(frames, len(frames) == 0 or np.ndim(frames[0]) == 0)

    def _adopt(self, ready: PreparedDub) -> None:
        """Takes the rows of a prepared dub, beside which nothing else that it holds can be given."""
        for name, unset in _OF_PREPARATION.items():
            value = getattr(self, name)
            if not (value is unset or (isinstance(value, str) and value == unset)):
                raise ValueError(f"`{name}` belongs to `prepare`, and `script` is prepared already; give it there.")
        if not set(self.without) <= {*ready.without, "semantics"}:
            raise ValueError(f"`without` {list(self.without)} changes what was prepared; give it to `prepare`.")
        self.prepared = ready
        self.script, self.video, self.reference_audio = list(ready.scripts), list(ready.clips), list(ready.voices)
        self.reference_text = list(ready.reference_texts)
        self.without = tuple(dict.fromkeys((*ready.without, *self.without)))
        self.timing = "cue" if ready.cue else "lips"

    def _rows(self, value: Any, single: bool) -> list[Any]:
        return [value] * len(self.script) if single else list(value)

    def check(self, has_language_model: bool, callback_tensors: Sequence[str] = ("latents",)) -> None:
        """Refuses what can be refused before any work.

        Args:
            has_language_model: of the pipeline.
            callback_tensors: what a callback may ask for.

        Raises:
            ValueError: saying what is wrong and what to do.
        """
        self._check_lengths()
        self._check_rows()
        self._check_parts()
        self._check_sampling(has_language_model)
        self._check_semantic_sampling(has_language_model)
        self._check_noise()
        if self.output_type not in OUTPUT_TYPES:
            raise ValueError(f"`output_type` must be one of {', '.join(OUTPUT_TYPES)}, got {self.output_type!r}.")
        unknown = [name for name in self.callback_on_step_end_tensor_inputs if name not in callback_tensors]
        if unknown:
            raise ValueError(
                f"`callback_on_step_end_tensor_inputs` has to be in {list(callback_tensors)}, but found {unknown}."
            )
        check_turn(self.turn)

    def _check_lengths(self) -> None:
        batch = len(self.script)
        if batch == 0:
            raise ValueError("the list of scripts is empty; give at least one.")
        for name in _OF_EACH_CLIP:
            values = getattr(self, name)
            if values is not None and len(values) != batch:
                raise ValueError(f"`script` has {batch} entries but `{name}` has {len(values)}; give as many of each.")

    def _check_rows(self) -> None:
        each("script", self.script, _check_script)
        self.video = each("video", self.video, partial(_checked_video, fps=self.fps))
        self.reference_audio = each(
            "reference_audio", self.reference_audio, partial(checked_sound, rate=self.reference_sampling_rate)
        )
        each("reference_text", self.reference_text, _check_reference_text)
        each("mouth_box", self.mouth_box, _check_mouth_box)
        each("phoneme_frames", self.phoneme_frames or (), _check_phoneme_frames)

    def _check_parts(self) -> None:
        if isinstance(self.without, str) or not set(self.without) <= set(PARTS):
            raise ValueError(f"`without` must be a list of some of {', '.join(PARTS)}, got {self.without!r}.")
        _check_timing(self.timing, self.mouth_box)
        for row, (clip, box) in enumerate(zip(self.video, self.mouth_box, strict=True)):
            if isinstance(clip, PreparedClip) and (box is not None or self.turn is not None):
                with naming("video", self.video, row):
                    raise ValueError("`mouth_box` and `turn` belong to `prepare_clip`; this clip is read already.")

    def _check_sampling(self, has_language_model: bool) -> None:
        steps, guidance, temperature = self.num_inference_steps, self.guidance_scale, self.temperature
        if self.sigmas is not None:
            grid = [*self.sigmas, 0.0]
            if len(grid) < 2 or grid[0] > 1 or any(later >= one for one, later in pairwise(grid)):
                raise ValueError("`sigmas` must fall strictly from at most 1 and stay above 0.")
        elif not isinstance(steps, int) or isinstance(steps, bool) or not 1 <= steps <= MAX_STEPS:
            raise ValueError(f"`num_inference_steps` must be a whole number from 1 to {MAX_STEPS}, got {steps!r}.")
        if "semantics" in self.without:
            guidance = 1.0  # it falls away with what it sharpens
        if not 0 <= guidance <= MAX_GUIDANCE_SCALE:
            raise ValueError(
                f"`guidance_scale` must lie between 0 and {MAX_GUIDANCE_SCALE} (1 is no guidance), got {guidance}."
            )
        if self.guidance_form not in GUIDANCE_FORMS:
            raise ValueError(
                f"`guidance_form` must be one of {', '.join(GUIDANCE_FORMS)}, got {self.guidance_form!r}."
            )
        if guidance != 1 and not has_language_model:
            raise ValueError(
                f"guidance drops the language model's knowledge, but this pipeline has no language model; set "
                f"`guidance_scale` to 1 (got {guidance})."
            )
        of_style = self.style_guidance_scale
        if of_style is not None and not 0 <= of_style <= MAX_STYLE_GUIDANCE_SCALE:
            raise ValueError(
                f"`style_guidance_scale` must lie between 0 and {MAX_STYLE_GUIDANCE_SCALE} (1 is no guidance), got {of_style}."
            )
        if self.colour_match is not None and not 0 <= self.colour_match <= 1:
            raise ValueError(f"`colour_match` must lie between 0 and 1, got {self.colour_match}.")
        if temperature is not None and not 0 <= temperature <= MAX_TEMPERATURE:
            raise ValueError(f"`temperature` must lie between 0 and {MAX_TEMPERATURE}, got {temperature}.")

    def _check_semantic_sampling(self, has_language_model: bool) -> None:
        temperature, top_k, top_p = self.semantic_temperature, self.semantic_top_k, self.semantic_top_p
        limit = self.semantic_max_new_tokens
        if not math.isfinite(temperature) or not 0 <= temperature <= _MAX_SEMANTIC_TEMPERATURE:
            raise ValueError(
                f"`semantic_temperature` must lie between 0 and {_MAX_SEMANTIC_TEMPERATURE}, got {temperature}."
            )
        if not isinstance(top_k, int) or top_k < 0:
            raise ValueError(f"`semantic_top_k` must be a whole number of at least 0 (0 is no limit), got {top_k}.")
        if not 0 < top_p <= 1:
            raise ValueError(f"`semantic_top_p` must lie in (0, 1], got {top_p}.")
        if limit is not None and (not isinstance(limit, int) or limit < 1):
            raise ValueError(f"`semantic_max_new_tokens` must be a whole number of at least 1, got {limit}.")
        if not has_language_model and any(text is not None for text in self.reference_text):
            raise ValueError("`reference_text` serves the language model, and this pipeline has none; leave it out.")

    def _check_noise(self) -> None:
        batch, generator, latents = len(self.script), self.generator, self.latents
        several = isinstance(generator, (list, tuple))
        if several and len(generator) != batch:
            raise ValueError(f"a list of {len(generator)} generators was given for {batch} clips; give one for each.")
        if generator is not None and not all(
            isinstance(one, torch.Generator) for one in (generator if several else [generator])
        ):
            raise ValueError("`generator` must be a torch.Generator or a list of them.")
        if latents is not None and (
            not isinstance(latents, torch.Tensor) or latents.ndim != 3 or len(latents) != batch
        ):
            raise ValueError(f"`latents` must be a tensor of shape ({batch}, num_mels, mel_frames).")


def _check_script(text: Any) -> None:
    if not isinstance(text, str):
        raise ValueError(f"`script` must be text or a list of texts, got {type(text).__name__}.")
    if not text.strip():
        raise ValueError("the script is empty; give the words to be spoken.")


def checked_clip(
    video: Any, fps: float | None, mouth_box: Any, turn: int | None, timing: str
) -> Path | HeldFile | Frames | PreparedClip:
    """One clip to be read, with what is said of it.

    Raises:
        ValueError: saying what is wrong and what to do.
    """
    _check_mouth_box(mouth_box)
    check_turn(turn)
    _check_timing(timing, [mouth_box])
    return _checked_video(video, fps)


def checked_mouths(crops: Any, seen: Any, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Mouth pictures `(F, size, size)` uint8, and the frames `(F,)` bool that show the mouth.

    Raises:
        ValueError: of another form, more than a call takes, or none that shows it.
    """
    pictures = np.asarray(crops)
    if pictures.dtype != np.uint8 or pictures.shape[1:] != (size, size) or not len(pictures):
        raise ValueError(
            f"`crops` must be grey pictures (frames, {size}, {size}) as uint8, got {pictures.shape} of {pictures.dtype}."
        )
    most = int(MAX_VIDEO_SECONDS * VIDEO_FRAME_RATE)
    if len(pictures) > most:
        raise ValueError(f"`crops` has {len(pictures)} frames; a call takes at most {most} ({MAX_VIDEO_SECONDS:g} s).")
    shown = np.ones(len(pictures), dtype=bool) if seen is None else np.asarray(seen, dtype=bool)
    if shown.shape != (len(pictures),):
        raise ValueError(f"`seen` must have one value a frame, {len(pictures)}, got the shape {shown.shape}.")
    if not shown.any():
        raise ValueError("no frame shows the mouth; dub with timing='cue' instead.")
    return pictures, shown


def _check_timing(timing: str, mouth_boxes: Sequence[Any]) -> None:
    if timing not in TIMINGS:
        raise ValueError(f"`timing` must be one of {', '.join(TIMINGS)}, got {timing!r}.")
    if timing == "cue" and any(box is not None for box in mouth_boxes):
        raise ValueError("`mouth_box` says where lips are read, and timing='cue' reads none; leave one of them out.")


def _checked_video(clip: Any, fps: float | None) -> Any:
    if isinstance(clip, PreparedClip):
        return clip
    found = as_clip(clip, fps)
    if isinstance(found, Path):
        check_file(found, "video file", "give a video file")
    return found


def checked_sound(sound: Any, rate: float | None) -> Any:
    """One voice to be heard.

    Raises:
        ValueError: saying what is wrong and what to do.
    """
    if isinstance(sound, PreparedVoice):
        return sound
    found = as_sound(sound, rate)
    if isinstance(found, Path):
        check_file(found, "reference file", "give a recording")
    return found


def _check_reference_text(text: Any) -> None:
    if text is not None and (not isinstance(text, str) or not text.strip()):
        raise ValueError("`reference_text` must be the words of the reference, or None if they are not known.")


def _check_mouth_box(box: Any) -> None:
    if box is None:
        return
    if len(box) != 4 or not all(math.isfinite(value) for value in box) or box[2] <= box[0] or box[3] <= box[1]:
        raise ValueError(f"`mouth_box` must be (x0, y0, x1, y1) in pixels with x0 < x1 and y0 < y1, got {box}.")


def _check_phoneme_frames(frames: Any) -> None:
    counts = np.asarray(frames)
    if counts.ndim != 1 or not np.issubdtype(counts.dtype, np.integer) or (counts < 0).any():
        raise ValueError(
            "`phoneme_frames` must hold one whole number of mel frames (100 a second), 0 or more, for each phoneme."
        )
