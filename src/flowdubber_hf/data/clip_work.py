"""What is computed for one clip, part by part, each kept on the disk under a name made of everything it depends on.

A part's record is a small JSON file that is written last and under a temporary name first: a record that exists is
complete, another setting or another recording has another name, and an interrupted run resumes after its last record.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import av
import numpy as np

from ..processing.audio import SAMPLES_PER_VIDEO_FRAME, SAMPLING_RATE, load_audio
from ..processing.media import open_media, picture_stream, sound_stream
from ..processing.references import level_voice
from ..work.faults import machine_fault
from ..work.files import replace_file
from ..work.hashing import hash_json
from ..work.records import read_record, write_record
from .codec import decode_audio, encode_audio, encode_crops, to_pcm16
from .corpora.recording import Dropped, Recording, locate


PARTS = ("media", "phones", "style", "tokens")
_VERSIONS = {"media": 1, "phones": 2, "style": 2, "tokens": 1}  # raise one to have that part computed anew
MIN_CLIP_SECONDS = 0.2
MAX_CLIP_SECONDS = 60.0  # of a training clip: sentences, not films
SILENT_LEVEL = 1e-4  # root mean square; -80 dBFS
# Below a video frame it is the codecs' own delay, which FFmpeg has taken away already.
_MIN_SOUND_OFFSET = 0.04


@dataclass(frozen=True)
class WorkSettings:
    """What a worker must know.

    Attributes:
        folder: of the corpus.
        work: where records are kept.
        times: `forced` or `given`, see [`~data.phone_times.forced_phone_times`].
        style_encoder, speech_tokenizer: model folders; no tokens with `None`.
        style_digest, tokens_digest: of those folders' files.
        device: of the two models.
        follow_links: allow links out of the folder.
        lexicon: file of pronunciations that go before the package's own.
        lexicon_digest: of that file.
    """

    folder: Path
    work: Path
    times: str = "forced"
    style_encoder: Path | None = None
    style_digest: str = ""
    speech_tokenizer: Path | None = None
    tokens_digest: str = ""
    device: str = "cpu"
    follow_links: bool = False
    lexicon: Path | None = None
    lexicon_digest: str = ""

    def part_folder(self, part: str) -> Path:
        """Where records of a part lie: another folder for other settings."""
        choices = {
            "phones": [self.times, self.lexicon_digest],
            "style": self.style_digest,
            "tokens": self.tokens_digest,
        }
        return self.work / f"{part}-{hash_json([_VERSIONS[part], choices.get(part)])[:8]}"


@dataclass
class Outcome:
    """What became of a clip.

    Attributes:
        id: of the clip.
        dropped: reason and message, `None` where the clip is usable as far as it was looked at.
        records: file of each part's record.
        info: measures for the report and for the rules that keep or drop a clip.
        seconds: processor seconds that each part took; none for parts that were there.
    """

    id: str
    dropped: tuple[str, str] | None = None
    records: dict[str, Path] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def work_on(settings: WorkSettings, recording: Recording) -> Outcome:
    """Computes the parts of a clip that are not there yet.

    Raises:
        OSError: the work folder cannot be written (a full disk).
        ImportError: a library is missing.
    """
    outcome = Outcome(recording.id)
    try:
        _work_on(settings, recording, outcome)
    except Dropped as problem:
        outcome.dropped = (problem.reason, problem.message)
    return outcome


def _work_on(settings: WorkSettings, recording: Recording, outcome: Outcome) -> None:
    if recording.problem is not None:
        raise recording.problem
    video, audio = (
        locate(settings.folder, name, settings.follow_links) if name else None
        for name in (recording.video, recording.audio)
    )
    files = [_stamp(path) if path else None for path in (video, audio)]
    key = hash_json([recording.video, recording.audio, recording.mouth_box, files])
    media = _part(settings, "media", key, outcome, lambda base: _media(video, audio, recording.mouth_box, base))
    outcome.info.update(media)
    base = _record_base(settings, "media", key)

    @lru_cache(maxsize=1)
    def sound() -> np.ndarray:
        return decode_audio(base.with_suffix(".flac").read_bytes())

    if recording.text is not None or recording.textgrid or recording.phones:
        textgrid = _textgrid_path(settings, recording)
        given = [recording.text, recording.words, recording.phones, textgrid and _stamp(textgrid)]
        phones = _part(
            settings,
            "phones",
            hash_json([key, *given]),
            outcome,
            lambda _: _phones(settings, recording, textgrid, sound()),
        )
        outcome.info.update({name: phones[name] for name in ("score", "differences")})
        outcome.info["phonemes"] = len(phones["phonemes"]) - phones["phonemes"].count("sp")
        outcome.info["remarks"] = media["remarks"] + phones["remarks"]
    if settings.style_encoder is not None:
        _part(settings, "style", key, outcome, lambda _: _style(settings, sound()))
    if settings.speech_tokenizer is not None:
        _part(settings, "tokens", key, outcome, lambda _: _tokens(settings, sound()))


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _textgrid_path(settings: WorkSettings, recording: Recording) -> Path | None:
    if recording.textgrid is None:
        return None
    path = Path(recording.textgrid)
    return path if path.is_absolute() else locate(settings.folder, recording.textgrid, settings.follow_links)


def _record_base(settings: WorkSettings, part: str, key: str) -> Path:
    return settings.part_folder(part) / key[:2] / key


_NONE = type(None)
# What a usable record of a part holds.
_FIELDS: dict[str, dict[str, Any]] = {
    "media": {
        "num_samples": int,
        "num_frames": int,
        "sound_seconds": (int, float),
        "found": (int, _NONE),
        "bytes": int,
        "remarks": list,
    },
    "phones": {
        "phonemes": list,
        "word_index": list,
        "words": list,
        "times": list,
        "score": (int, float, _NONE),
        "differences": (list, _NONE),
        "remarks": list,
    },
    "style": {"style": list},
    "tokens": {"semantic_tokens": list, "global_tokens": list},
}


def _known(part: str, path: Path) -> dict[str, Any]:
    """The record of an earlier run; empty where there is none, or none that can be used."""
    record = read_record(path)
    if "dropped" in record:
        dropped = record["dropped"]
        usable = isinstance(dropped, list) and len(dropped) == 2 and all(isinstance(text, str) for text in dropped)
    else:
        usable = all(isinstance(record.get(name, ...), kind) for name, kind in _FIELDS[part].items())
    if usable and part == "media" and "dropped" not in record:
        needed = [".flac", ".jpg"] if record["num_frames"] else [".flac"]
        usable = all(path.with_suffix(suffix).is_file() for suffix in needed)
    return record if usable else {}


def _part(
    settings: WorkSettings, part: str, key: str, outcome: Outcome, make: Callable[[Path], dict[str, Any]]
) -> dict[str, Any]:
    """The record of a part, made where it is missing.

    Raises:
        Dropped: the clip cannot be used; known reasons are recorded too, so that a second run does not seek them again.
    """
    base = _record_base(settings, part, key)
    path = base.with_suffix(".json")
    record = _known(part, path)
    if not record:
        start = time.process_time()
        try:
            record = make(base)
        except Dropped as problem:
            record = {"dropped": [problem.reason, problem.message]}
        except ImportError:
            raise
        except Exception as error:  # whatever a hostile file provokes must not end a long run
            if machine_fault(error):
                raise
            message = " ".join(f"{type(error).__name__} in {part}: {error}".split())
            raise Dropped("unexpected error", message[:500]) from error
        write_record(path, record)
        outcome.seconds[part] = time.process_time() - start
    if "dropped" in record:
        raise Dropped(*record["dropped"])
    outcome.records[part] = path
    return record


# ---------------------------------------------------------------------------------------------------------------------
# Sound and mouth


def _media(video: Path | None, audio: Path | None, mouth_box: tuple[float, ...] | None, base: Path) -> dict[str, Any]:
    crops, found, remarks = (None, None, []) if video is None else _mouth(video, mouth_box)
    sound = _sound(audio or video)
    seconds = len(sound) / SAMPLING_RATE
    offset = 0.0 if video is None or audio is not None else _sound_offset(video)
    if offset:
        remarks.append(f"the sound starts {offset:+.2f} s from the picture; it was moved.")
        shift = round(offset * SAMPLING_RATE)
        sound = np.pad(sound, (max(0, shift), 0))[max(0, -shift) :]
    if crops is not None:
        samples = len(crops) * SAMPLES_PER_VIDEO_FRAME
        sound = np.pad(sound[:samples], (0, max(0, samples - len(sound))))
    _check_sound(sound)
    flac = encode_audio(to_pcm16(sound))
    jpeg = b"" if crops is None else encode_crops(crops)
    replace_file(base.with_suffix(".flac"), flac)
    if crops is not None:
        replace_file(base.with_suffix(".jpg"), jpeg)
    return {
        "num_samples": len(sound),
        "num_frames": 0 if crops is None else len(crops),
        "sound_seconds": round(seconds + offset, 3),
        "found": None if found is None else int(found.sum()),
        "bytes": len(flac) + len(jpeg),
        "remarks": remarks,
    }


@lru_cache(maxsize=1)
def _lip_extractor() -> Any:
    from ..processing.lips import FlowDubberLipFeatureExtractor

    return FlowDubberLipFeatureExtractor()


def _mouth(path: Path, mouth_box: tuple[float, ...] | None) -> tuple[np.ndarray, np.ndarray, list[str]]:
    from ..processing.lips import NoFaceError

    try:
        features = _lip_extractor()(str(path), mouth_box=mouth_box)
    except NoFaceError as error:
        raise Dropped(
            "no face", "no face was found in any frame; say where the lips are in a column mouth_box."
        ) from error
    except ValueError as error:
        reason = "too long" if " lasts " in str(error) else "unreadable video"
        raise Dropped(reason, _without_folder(error, path)) from error
    return np.asarray(features["crops"]), np.asarray(features["found"]), list(features["warnings"])


def _without_folder(error: Exception, path: Path) -> str:
    """An error's text with the file's name only: reports are published, folders of one's machine are not."""
    return str(error).replace(str(path), path.name)


def _sound(path: Path) -> np.ndarray:
    try:
        _check_length(path)
        return load_audio(path)
    except Dropped:
        raise
    except ValueError as error:
        raise Dropped("unreadable sound", _without_folder(error, path)) from error


def _check_length(path: Path) -> None:
    """Says that a recording is too long before it is decoded."""
    try:
        with open_media(path) as container:
            seconds = (container.duration or 0) / av.time_base
    except (av.FFmpegError, OSError):
        return  # reading it says why
    if seconds > MAX_CLIP_SECONDS + 0.1:
        raise Dropped(
            "too long", f"the sound lasts {seconds:.1f} s; cut it into sentences of at most {MAX_CLIP_SECONDS:.0f} s."
        )


def _sound_offset(path: Path) -> float:
    """Seconds from the start of a file's picture to the start of its sound; 0 below a frame."""
    with open_media(path) as container:
        starts = [
            float(stream.start_time * stream.time_base) if stream.start_time is not None else 0.0
            for stream in (picture_stream(container), sound_stream(container))
        ]
    offset = starts[1] - starts[0]
    return offset if abs(offset) > _MIN_SOUND_OFFSET else 0.0


def _check_sound(sound: np.ndarray) -> None:
    seconds = len(sound) / SAMPLING_RATE
    if not MIN_CLIP_SECONDS <= seconds <= MAX_CLIP_SECONDS + 0.1:
        reason = "too short" if seconds < MIN_CLIP_SECONDS else "too long"
        raise Dropped(
            reason, f"the clip lasts {seconds:.2f} s; {MIN_CLIP_SECONDS:g} to {MAX_CLIP_SECONDS:.0f} s can be used."
        )
    if float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) < SILENT_LEVEL:
        raise Dropped("silent", "the sound is silent (below -80 dBFS).")


# ---------------------------------------------------------------------------------------------------------------------
# Phonemes, voice, tokens


def _phones(settings: WorkSettings, recording: Recording, textgrid: Path | None, sound: np.ndarray) -> dict[str, Any]:
    from ..processing.text import lexicon_of, phonemize
    from .forced_alignment import AlignmentError
    from .phone_times import forced_phone_times, given_phone_times, textgrid_times

    words, phones = recording.words, recording.phones
    if textgrid is not None:
        try:
            words, phones = textgrid_times(textgrid)
        except ValueError as error:
            raise Dropped("bad times", _without_folder(error, textgrid)) from error
    lexicon = lexicon_of(settings.lexicon)
    text = recording.text or " ".join(word for word, _, _ in words or ())
    try:
        if phones and words:
            timed = given_phone_times(words, phones, len(sound) / SAMPLING_RATE)
        else:
            _speakable(text, partial(phonemize, lexicon=lexicon))
            timed = forced_phone_times(
                sound, text, words, keep_given=settings.times == "given" and bool(words), lexicon=lexicon
            )
    except AlignmentError as error:
        raise Dropped("alignment failed", str(error)) from error
    except Dropped:
        raise
    except ValueError as error:
        raise Dropped("bad times", str(error)) from error
    return {
        "phonemes": timed.phonemes,
        "word_index": timed.word_index,
        "words": timed.words,
        "times": timed.times,
        "corpus_words": words,
        "score": timed.score,
        "differences": timed.differences,
        "remarks": timed.remarks,
    }


def _speakable(text: str, phonemize: Callable[[str], Any]) -> None:
    try:
        phonemize(text)
    except ValueError as error:
        raise Dropped("bad text", str(error)) from error


def _load(name: str, folder: Path, device: str) -> Any:
    from transformers.utils import logging

    from ..models.parts import load_part

    # The bars of loading would tear the bar of the clips.
    logging.disable_progress_bar()
    try:
        return load_part(name, folder).to(device)
    finally:
        logging.enable_progress_bar()


@lru_cache(maxsize=1)
def _style_encoder(folder: Path, device: str) -> Any:
    return _load("style_encoder", folder, device)


@lru_cache(maxsize=1)
def _speech_tokenizer(folder: Path, device: str) -> Any:
    return _load("speech_tokenizer", folder, device)


def load_models(settings: WorkSettings) -> None:
    """Loads the models of a run once, so that a wrong folder ends it at its start.

    Raises:
        ValueError: a folder that holds another model or none.
    """
    for option, folder, load in (
        ("--style_encoder", settings.style_encoder, _style_encoder),
        ("--speech_tokenizer", settings.speech_tokenizer, _speech_tokenizer),
    ):
        if folder is not None:
            try:
                load(folder, settings.device)
            except ValueError as error:
                raise ValueError(f"{option}: no such model can be loaded from {folder}: {error}") from error


def _style(settings: WorkSettings, sound: np.ndarray) -> dict[str, Any]:
    import torch

    encoder = _style_encoder(settings.style_encoder, settings.device)
    with torch.inference_mode():
        style = encoder(torch.from_numpy(level_voice(sound))[None].to(settings.device)).style[0].float().cpu().numpy()
    if not np.isfinite(style).all():
        raise Dropped("not finite", "the style encoder's answer holds NaN or infinity.")
    return {"style": style.tolist()}


def _tokens(settings: WorkSettings, sound: np.ndarray) -> dict[str, Any]:
    import torch

    tokenizer = _speech_tokenizer(settings.speech_tokenizer, settings.device)
    with torch.inference_mode():
        output = tokenizer.encode(torch.from_numpy(sound)[None].to(settings.device))
    semantic = output.semantic_tokens[0][output.semantic_mask[0]].tolist()
    return {"semantic_tokens": semantic, "global_tokens": output.global_tokens[0].flatten().tolist()}
