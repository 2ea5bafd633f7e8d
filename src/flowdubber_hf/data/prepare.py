"""`flowdubber prepare`: from a folder of recordings to a prepared dataset.

Each clip's work is kept under `work/` (see [`clip_work`](clip_work.py)); a run that was stopped goes on where it was, and a
run with another setting computes only what depends on it. The rows are written in the corpus' order from those records, so
that any number of processes writes the same bytes.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import dataclasses
import json
import math
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from ..checkpoints.sources import part_folder
from ..extras import require_extra
from ..processing.audio import SAMPLES_PER_VIDEO_FRAME, VIDEO_FRAME_RATE
from ..processing.text import lexicon_of
from ..version import __version__
from ..work.files import replace_file
from ..work.hashing import hash_file, hash_folder, hash_json
from ..work.records import read_record, write_record
from ..work.workers import run_in_processes, single_thread
from .card import CARD_NAME, write_card
from .clip_work import Outcome, WorkSettings, load_models, work_on
from .corpora import read_corpus
from .corpora.recording import Corpus, Recording
from .corpora.split import DEFAULT_VALIDATION_SHARE
from .dataset import DATA_FOLDER, require_pyarrow, write_data
from .report import build_report, draw_report


SETTINGS_NAME = "settings.json"
REPORT_NAME = "report.json"
PICTURE_NAME = "report.png"
WORK_NAME = "work"
TIMES = ("forced", "given")
BUNDLED_CHECKPOINT = "flowdubber-grid-tiny"


@dataclass(frozen=True)
class PrepareSettings:
    """What `flowdubber prepare` is to do. The command's options have the same names.

    Attributes:
        input, output: the corpus' folder and the dataset's.
        corpus: `auto`, `metadata`, `grid`, `chem`, `v2c` or `lrs`.
        name: of the source; first part of the clips' ids.
        license: of the recordings, by the Hub's name ("cc-by-4.0"), for the card; that of a known corpus by default.
        num_proc: processes.
        speech_tokenizer, style_encoder: model folders, `bundled`, or (tokenizer) `none`.
        times: `forced`: word times that the corpus gives are only compared; `given`: the words start and end at them.
        lexicon: file of pronunciations that go before the package's own.
        textgrids: folder of TextGrids, named as the clips.
        val_share, val_by: see [`~data.corpora.split.carve_validation`].
        min_face_share: a clip is dropped if the face was seen in fewer of its frames.
        min_alignment_score: ... if its text fits its sound worse (0 is the best; another text has -35 to -70).
        max_word_difference: ... if the forced word times differ by more on average from those that the corpus gives, seconds.
        max_length_difference: ... if picture and sound differ by more in length, seconds.
        device: of style encoder and tokenizer.
        follow_links: allow links that lead out of the input folder.
        limit: only the first clips of the corpus, for trying out.
        quiet: no progress bar.
    """

    input: Path
    output: Path
    corpus: str = "auto"
    name: str | None = None
    license: str | None = None
    num_proc: int = 1
    speech_tokenizer: str = "bundled"
    style_encoder: str = "bundled"
    times: str = "forced"
    textgrids: Path | None = None
    lexicon: Path | None = None
    val_share: float = DEFAULT_VALIDATION_SHARE
    val_by: str = "clip"
    min_face_share: float = 0.5
    min_alignment_score: float = -40.0
    max_word_difference: float = 0.25
    max_length_difference: float = 0.5
    device: str = "cpu"
    follow_links: bool = False
    limit: int | None = None
    quiet: bool = False


@dataclass
class Prepared:
    """What a run did.

    Attributes:
        report: content of `report.json`.
        written: False where the dataset was up to date.
        seconds: wall-clock time.
        work_seconds: processor seconds by part.
    """

    report: dict[str, Any]
    written: bool
    seconds: float
    work_seconds: dict[str, float] = field(default_factory=dict)


def prepare(settings: PrepareSettings) -> Prepared:
    """Prepares a dataset.

    Raises:
        ValueError: wrong settings, an input without usable clips, an output that holds something else.
        ImportError: a library of the extra `train` is missing.
        KeyboardInterrupt: what was finished is kept.
    """
    start = time.monotonic()
    _check_settings(settings)
    require_pyarrow()
    require_extra("train", "matplotlib", what="drawing report.png")
    require_extra("train", "pocketsphinx", what="finding the times of phonemes")
    _check_output(settings)
    corpus = read_corpus(
        settings.input,
        settings.corpus,
        settings.name,
        settings.textgrids,
        settings.val_share,
        settings.val_by,
        settings.follow_links,
    )
    corpus = dataclasses.replace(
        corpus, recordings=corpus.recordings[: settings.limit], license=settings.license or corpus.license
    )
    with _claimed(settings):
        work = _work_settings(settings)
        load_models(work)
        outcomes = run_work(work, corpus.recordings, settings.num_proc, progress=not settings.quiet)
        _judge_all(settings, corpus.recordings, outcomes)
        written, report = _write(settings, corpus, work, outcomes)
    totals: Counter[str] = Counter()
    for outcome in outcomes:
        totals.update(outcome.seconds)
    return Prepared(report, written, time.monotonic() - start, dict(totals))


def _check_settings(settings: PrepareSettings) -> None:
    if settings.times not in TIMES:
        raise ValueError(f"times must be one of {', '.join(TIMES)}, got {settings.times!r}.")
    if settings.num_proc < 1:
        raise ValueError(f"num_proc must be at least 1, got {settings.num_proc}.")
    if settings.limit is not None and settings.limit < 1:
        raise ValueError(f"limit must be at least 1, got {settings.limit}.")
    if not 0 <= settings.min_face_share <= 1:
        raise ValueError(f"min_face_share must lie in [0, 1], got {settings.min_face_share}.")
    for name in ("min_alignment_score", "max_word_difference", "max_length_difference"):
        if math.isnan(getattr(settings, name)):
            raise ValueError(f"{name} must be a number.")


def _model_folder(name: str, part: str, option: str) -> Path | None:
    if name == "none":
        return None
    try:
        folder = part_folder(BUNDLED_CHECKPOINT if name == "bundled" else name, part)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from error
    if not (folder / "config.json").is_file():
        raise ValueError(f"{option}: {folder} holds no model (no config.json); give its folder, bundled or none.")
    return folder


def _work_settings(settings: PrepareSettings) -> WorkSettings:
    style = _model_folder(settings.style_encoder, "style_encoder", "--style_encoder")
    if style is None:
        raise ValueError("--style_encoder cannot be none: every stage of training needs the voices.")
    tokens = _model_folder(settings.speech_tokenizer, "speech_tokenizer", "--speech_tokenizer")
    return WorkSettings(
        folder=settings.input,
        work=settings.output / WORK_NAME,
        times=settings.times,
        style_encoder=style,
        style_digest=hash_folder(style),
        speech_tokenizer=tokens,
        tokens_digest=hash_folder(tokens) if tokens else "",
        device=settings.device,
        follow_links=settings.follow_links,
        lexicon=settings.lexicon,
        lexicon_digest=hash_file(settings.lexicon) if lexicon_of(settings.lexicon) else "",
    )


# ---------------------------------------------------------------------------------------------------------------------
# The output folder


def _check_output(settings: PrepareSettings) -> None:
    """Refuses an output that would destroy or confuse something, before anything is read.

    Raises:
        ValueError: it does.
    """
    source, output = settings.input, settings.output
    if not source.is_dir():
        raise ValueError(f"there is no folder {source}.")
    if output.is_file():
        raise ValueError(f"{output} is a file; give a folder for the dataset.")
    inside, outside = output.resolve(), source.resolve()
    if inside.is_relative_to(outside) or outside.is_relative_to(inside):
        raise ValueError(f"the dataset {output} and the recordings {source} must not lie inside each other.")
    # A run that the disk had no room for left no more than its lock.
    if not output.exists() or all(
        path in (output / WORK_NAME, output / WORK_NAME / ".lock") for path in output.rglob("*")
    ):
        return
    if not (output / SETTINGS_NAME).is_file() and not (output / WORK_NAME / "input.json").is_file():
        raise ValueError(f"{output} is not empty and no prepared dataset; choose another folder.")
    stamp = output / WORK_NAME / "input.json"
    if not stamp.is_file():
        raise ValueError(
            f"{output} is a finished dataset without its work/ folder; choose another folder, or remove it."
        )
    before = read_record(stamp).get("input")
    if isinstance(before, str) and Path(before) != outside and Path(before).is_dir():
        raise ValueError(f"{output} was prepared from {before}; choose another folder for {source}.")


@contextmanager
def _claimed(settings: PrepareSettings) -> Iterator[None]:
    """Keeps a second run away from the output, and clears what a killed one left half-written."""
    from filelock import FileLock, Timeout

    work = settings.output / WORK_NAME
    work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ValueError(f"another flowdubber prepare is at work on {settings.output}; wait for it.") from error
    try:
        write_record(work / "input.json", {"input": str(settings.input.resolve())})
        for left in settings.output.glob(f".{DATA_FOLDER}.*"):
            shutil.rmtree(left, ignore_errors=True)
        for left in work.glob("*/*/.*"):
            left.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


# ---------------------------------------------------------------------------------------------------------------------
# Work in processes


def run_work(
    work: WorkSettings, recordings: Sequence[Recording], num_proc: int, progress: bool = True
) -> list[Outcome]:
    """Computes all clips; the outcomes are in the order of the recordings."""
    outcomes: dict[str, Outcome] = {}
    dropped = 0
    with tqdm(total=len(recordings), desc="clips", unit="clip", disable=not progress, mininterval=1.0) as bar:

        def done(outcome: Outcome) -> None:
            nonlocal dropped
            outcomes[outcome.id] = outcome
            dropped += outcome.dropped is not None
            bar.update()
            bar.set_postfix(dropped=dropped, refresh=False)

        if num_proc == 1:
            with single_thread():
                for recording in recordings:
                    done(work_on(work, recording))
        else:
            for recording in run_in_processes(partial(work_on, work), recordings, num_proc, done):
                message = "a process died twice while it read this clip."
                done(Outcome(recording.id, dropped=("crash", message)))
    return [outcomes[recording.id] for recording in recordings]


# ---------------------------------------------------------------------------------------------------------------------
# Which clips stay


def judge(settings: PrepareSettings, info: dict[str, Any]) -> tuple[str, str] | None:
    """Reason and message if a clip's measures forbid its use."""
    frames = info["num_frames"]
    if frames:
        share = info["found"] / frames
        if share < settings.min_face_share:
            return "face rarely seen", f"the face was seen in {share:.0%} of the frames."
        difference = info["sound_seconds"] - frames / VIDEO_FRAME_RATE
        if abs(difference) > settings.max_length_difference:
            return "lengths differ", f"the sound is {difference:+.2f} s longer than the picture."
    score = info.get("score")
    if score is not None and score < settings.min_alignment_score:
        return (
            "text does not fit",
            f"the text fits the sound with a score of {score:.0f} only: other words, or too unclear.",
        )
    differences = info.get("differences")
    if differences:
        mean = sum(differences) / len(differences)
        if mean > settings.max_word_difference:
            return "word times disagree", f"the corpus' word times differ by {mean:.2f} s from the forced alignment's."
    room = frames or info["num_samples"] // SAMPLES_PER_VIDEO_FRAME
    if info.get("phonemes", 0) > room:
        return "too many phonemes", f"{info['phonemes']} phonemes do not fit into {room} video frames."
    return None


def _judge_all(settings: PrepareSettings, recordings: Sequence[Recording], outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.dropped is None:
            outcome.dropped = judge(settings, outcome.info)
    if all(outcome.dropped is not None for outcome in outcomes):
        reasons = Counter(outcome.dropped[0] for outcome in outcomes).most_common(3)
        example = next(outcome for outcome in outcomes if outcome.dropped[0] == reasons[0][0])
        raise ValueError(
            f"none of the {len(outcomes)} clips can be used ({', '.join(f'{n} x {reason}' for reason, n in reasons)}); "
            f"for example {example.id}: {example.dropped[1]}"
        )


# ---------------------------------------------------------------------------------------------------------------------
# Writing


def _row(recording: Recording, outcome: Outcome, kept: set[str]) -> dict[str, Any]:
    records = {part: read_record(path) for part, path in outcome.records.items()}
    media = outcome.records["media"]
    phones, tokens = records.get("phones"), records.get("tokens")
    given = phones["corpus_words"] if phones else recording.words
    info = outcome.info
    return {
        "id": recording.id,
        "file_name": recording.file_name,
        "split": recording.split,
        "speaker": recording.speaker,
        "source": recording.source,
        "text": recording.text or (" ".join(word for word, _, _ in phones["words"]) if phones else None),
        "audio": media.with_suffix(".flac").read_bytes(),
        "num_samples": info["num_samples"],
        "num_frames": info["num_frames"],
        "mouth": media.with_suffix(".jpg").read_bytes() if info["num_frames"] else None,
        "phonemes": phones and phones["phonemes"],
        "word_index": phones and phones["word_index"],
        "words": phones and _word_dicts(phones["words"]),
        "phoneme_times": phones and phones["times"],
        "corpus_words": _word_dicts(given) if given else None,
        "style": records["style"]["style"],
        "semantic_tokens": tokens and tokens["semantic_tokens"],
        "global_tokens": tokens and tokens["global_tokens"],
        "reference": recording.reference if recording.reference in kept else None,
    }


def _word_dicts(words: Sequence[Sequence]) -> list[dict[str, Any]]:
    return [{"word": word, "start": start, "end": end} for word, start, end in words]


def _write(
    settings: PrepareSettings, corpus: Corpus, work: WorkSettings, outcomes: Sequence[Outcome]
) -> tuple[bool, dict[str, Any]]:
    """Writes the dataset, unless it is there already with the same content. Returns whether it wrote, and the report."""
    pairs = list(zip(corpus.recordings, outcomes, strict=True))
    described = _describe(settings, corpus, work)
    report = build_report(pairs, described)
    content = hash_json(
        [
            described,
            report,
            [[repr(recording), sorted(map(str, outcome.records.values()))] for recording, outcome in pairs],
        ]
    )
    stamp = settings.output / WORK_NAME / "written.json"
    names = (DATA_FOLDER, SETTINGS_NAME, REPORT_NAME, PICTURE_NAME, CARD_NAME)
    complete = stamp.is_file() and all((settings.output / name).exists() for name in names)
    if complete and read_record(stamp).get("content") == content:
        return False, report
    stamp.unlink(missing_ok=True)
    kept = [(recording, outcome) for recording, outcome in pairs if outcome.dropped is None]
    ids = {recording.id for recording, _ in kept}
    splits: dict[str, list[tuple[Recording, Outcome]]] = {}
    for pair in kept:
        splits.setdefault(pair[0].split, []).append(pair)
    write_data(
        settings.output,
        {
            split: ((_row(*pair, ids) for pair in members), [outcome.info["bytes"] for _, outcome in members])
            for split, members in splits.items()
        },
    )
    write_json(settings.output / SETTINGS_NAME, described)
    write_json(settings.output / REPORT_NAME, report)
    draw_report(report, pairs, settings.output / PICTURE_NAME)
    write_card(settings.output, corpus, report, described)
    write_record(stamp, {"content": content})
    return True, report


def write_json(path: Path, content: Any) -> None:
    """Writes a readable JSON file whole or not at all."""
    replace_file(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def _describe(settings: PrepareSettings, corpus: Corpus, work: WorkSettings) -> dict[str, Any]:
    """Content of settings.json: what the dataset depends on, without folders of this machine."""
    options = ("times", "val_share", "val_by", "min_face_share", "min_alignment_score", "max_word_difference")
    tokenizer = work.speech_tokenizer
    return {
        "flowdubber": __version__,
        "corpus": corpus.layout,
        "license": corpus.license,
        "options": {name: getattr(settings, name) for name in (*options, "max_length_difference", "limit")},
        "style_encoder": {"name": _model_name(settings.style_encoder), "sha256": work.style_digest},
        "speech_tokenizer": tokenizer
        and {"name": _model_name(settings.speech_tokenizer), "sha256": work.tokens_digest},
    }


def _model_name(name: str) -> str:
    return f"{BUNDLED_CHECKPOINT} (bundled)" if name == "bundled" else Path(name).name
