"""Makes transcribed speech with a teacher's voices: everyday English for a model whose own clips know few words and voices.

    python examples/make_teacher_speech.py --teacher flite --output flite
    python examples/make_teacher_speech.py --teacher kokoro --model kokoro.onnx --voices voices --output kokoro
    flowdubber prepare kokoro prepared/kokoro --val_share 0

**flite** needs the program (Debian: `apt install flite`), which has four voices. **kokoro** is Kokoro-82M v1.0 (Apache-2.0): an
ONNX file with the inputs `tokens`, `style` and `speed` (92 MB in int8, 2 to 3 processor hours for four hours of speech), the
folder `voices` of the npm package kokoro-js with its English ones, and `pip install onnxruntime onnx`. Another program or model
is a class of thirty lines, see teachers.py.

Each voice is one of the teacher's or, by `--seed`, a mixture with a tempo, a size and sometimes a room of its own; each sentence
has its own level. Sentences come from a small grammar and, every other one, from `--books`: plain text whose rights have run out.
None of those that the model is judged by (free_text_sentences.txt) or that `--exclude` lists is ever said. PocketSphinx tells when
each phoneme is said; where a teacher's own times disagree, the sentence is left out.

The first `--num_heads` sentences get a picture: the project's drawn head says them at these times, which shows the aligner a
mouth for every phoneme of English (a drawn one: how lips look it has to learn from faces).

Needs the extra `train`. Finished sentences are kept, so the command can be stopped and started again, also with more sentences;
`metadata.jsonl` lists what is there.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
import random
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from flowdubber_hf.data.codec import encode_audio
from flowdubber_hf.data.forced_alignment import align
from flowdubber_hf.data.rooms import Room, at_level
from flowdubber_hf.demo import make_talking_head
from flowdubber_hf.processing.sound import resample
from flowdubber_hf.work.files import replace_file
from flowdubber_hf.work.reading import parse_json, read_text
from flowdubber_hf.work.workers import run_in_processes
from made_speech import claim_folder, intervals, write_listing
from teacher_sentences import draw_sentences
from teachers import TEACHERS, Spoken, Teacher, Voice, draw_voice


ROWS = "rows"
LISTED_EVERY = 50  # sentences
# Seconds between the starts of a word, apart from what all words of the sentence have in common.
MAX_DISAGREEMENT = 0.15
LEVELS = (-32.0, -18.0)  # dB below full scale
ROOM_SECONDS, ROOM_DISTANCES = (0.15, 0.5), (6.0, 18.0)


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder for metadata.jsonl and the recordings")
    parser.add_argument("--teacher", choices=sorted(TEACHERS), default="flite")
    parser.add_argument("--model", type=Path, default=None, help="ONNX file of kokoro")
    parser.add_argument("--voices", type=Path, default=None, help="folder of kokoro's voices")
    parser.add_argument("--num_sentences", type=int, default=2400)
    parser.add_argument("--num_voices", type=int, default=60, help="a voice says every num_voices-th sentence")
    parser.add_argument("--num_heads", type=int, default=200, help="sentences with a drawn talking head (mp4)")
    parser.add_argument("--room_share", type=float, default=0.25, help="of the voices, those that speak in a room")
    parser.add_argument("--books", type=Path, nargs="*", default=[], help="text files for every other sentence")
    parser.add_argument("--exclude", type=Path, default=None, help="text file of sentences that must not be made")
    parser.add_argument("--num_proc", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def check_args(args: argparse.Namespace) -> None:
    """Refuses numbers that make no sense, and a folder that other settings have filled.

    Raises:
        ValueError: they do not, or it holds something else.
    """
    if min(args.num_sentences, args.num_voices, args.num_proc) < 1 or args.num_heads < 0:
        raise ValueError("`num_sentences`, `num_voices` and `num_proc` must be at least 1, `num_heads` at least 0.")
    if not 0 <= args.room_share <= 1:
        raise ValueError("`room_share` must lie between 0 and 1.")
    settings = {
        "teacher": args.teacher,
        "num_voices": args.num_voices,
        "room_share": args.room_share,
        "books": [book.name for book in args.books],
        "seed": args.seed,
    }
    claim_folder(args.output, settings)


@dataclass(frozen=True)
class Item:
    """A sentence to be said.

    Attributes:
        number: of the sentence.
        text: of it.
        voice: that says it.
        room: in which, if in one.
        level: dB below full scale.
        head: whether the drawn head says it.
    """

    number: int
    text: str
    voice: Voice
    room: Room | None
    level: float
    head: bool

    @property
    def name(self) -> str:
        """Of its files, without ending."""
        return f"{self.voice.name}/{self.number:06d}"


def draw_room(voice: Voice, share: float, seed: int) -> Room | None:
    """The room that a voice is always heard in; none for most."""
    generator = random.Random(f"room {seed} {voice.name}")
    if generator.random() >= share:
        return None
    return Room(generator.uniform(*ROOM_SECONDS), generator.uniform(*ROOM_DISTANCES), generator.randrange(2**31))


def plan(args: argparse.Namespace, teacher: Teacher) -> list[Item]:
    """What is to be said, the same for the same settings; more sentences begin with the same."""
    excluded = read_text(args.exclude).splitlines() if args.exclude else ()
    voices = [draw_voice(teacher, number, args.seed) for number in range(args.num_voices)]
    rooms = [draw_room(voice, args.room_share, args.seed) for voice in voices]
    items = []
    for number, text in enumerate(draw_sentences(args.num_sentences, args.seed, args.books, excluded)):
        who = number % len(voices)
        level = random.Random(f"level {args.seed} {number}").uniform(*LEVELS)
        items.append(Item(number, text, voices[who], rooms[who], level, number < args.num_heads))
    return items


def timed(sound: np.ndarray, spoken: Spoken, size: float) -> list[tuple[float, float]]:
    """When each phoneme is said, by forced alignment, to which the teacher's own times must agree.

    Models tell when they begin to work on a phoneme, which all are off by some hundredths of a second in common and the last by
    the silence behind it; an alignment that has gone astray is off at some words alone.

    Raises:
        ValueError: the alignment fails, or the times disagree.
    """
    times = align(sound, spoken.phonemization)
    if spoken.starts is None:
        return times
    index = spoken.phonemization.word_index
    first = [place for place in range(1, len(index)) if index[place] >= 0 and index[place] != index[place - 1]]
    differences = np.array([times[place][0] - size * spoken.starts[place] for place in first])
    worst = float(np.abs(differences - np.median(differences)).max())
    if worst > MAX_DISAGREEMENT:
        raise ValueError(f"the teacher and the alignment disagree by {worst:.2f} s on when a word starts.")
    return times


def make(output: Path, teacher: Teacher, item: Item) -> dict[str, Any]:
    """Says a sentence and writes its files, the row last; the row, or `left_out` with the reason."""
    row: dict[str, Any] = {"number": item.number, "text": item.text, "speaker": item.voice.name}
    try:
        # A larger head than the teacher's is its sound played slower, so it has to speak faster for the same tempo.
        spoken = teacher.speak(item.text, item.voice.parts, item.voice.tempo * item.voice.size)
        sound = resample(spoken.sound, round(spoken.sampling_rate / item.voice.size))
        times = timed(sound, spoken, item.voice.size)
        sound = at_level(sound if item.room is None else item.room.sound(sound), item.level)
        row |= {"source": f"{teacher.name}-drawn" if item.head else teacher.name, "audio": f"{item.name}.flac"}
        said = spoken.phonemization
        row |= intervals(said.words, said.phonemes, said.word_index, times)
        replace_file(output / row["audio"], encode_audio(np.round(sound * 32767).astype(np.int16)))
        if item.head:
            row["video"] = f"{item.name}.mp4"
            timeline = [
                {"phoneme": phoneme, "start": start, "end": end}
                for phoneme, (start, end) in zip(said.phonemes, times, strict=True)
                if end > start  # a pause that was not made
            ]
            make_talking_head(item.text, output / row["video"], overwrite=True, timeline=timeline)
    except ValueError as error:
        row = {"number": item.number, "left_out": " ".join(str(error).split())}
    replace_file(row_file(output, item.number), json.dumps(row).encode())
    return row


def row_file(output: Path, number: int) -> Path:
    return output / ROWS / f"{number:06d}.json"


@lru_cache(maxsize=1)
def teacher_of(*given: tuple[str, Any]) -> Teacher:
    """One for each process; a model takes seconds to load."""
    args = argparse.Namespace(**dict(given))
    return TEACHERS[args.teacher](args)


def make_in_process(output: Path, given: tuple[tuple[str, Any], ...], item: Item) -> dict[str, Any]:
    return make(output, teacher_of(*given), item)


def list_rows(output: Path, rows: dict[int, dict[str, Any]]) -> None:
    """The rows of what could be said, in order."""
    said = [row for _, row in sorted(rows.items()) if "left_out" not in row]
    write_listing(output, ({key: value for key, value in row.items() if key != "number"} for row in said))


def main(arguments: list[str] | None = None) -> None:
    args = parse_args(arguments)
    given = (("teacher", args.teacher), ("model", args.model), ("voices", args.voices))
    teacher = teacher_of(*given)
    check_args(args)
    items = plan(args, teacher)
    kept = {item.number: row_file(args.output, item.number) for item in items}
    rows = {number: parse_json(read_text(path), path) for number, path in kept.items() if path.is_file()}
    waiting = [item for item in items if item.number not in rows]
    with tqdm(desc=args.teacher, total=len(items), initial=len(rows), unit="sentence") as progress:

        def done(row: dict[str, Any]) -> None:
            rows[row["number"]] = row
            progress.update()
            if len(rows) % LISTED_EVERY == 0:
                list_rows(args.output, rows)

        try:
            if args.num_proc == 1:
                for item in waiting:
                    done(make(args.output, teacher, item))
            elif waiting:
                lost = run_in_processes(partial(make_in_process, args.output, given), waiting, args.num_proc, done)
                for item in lost:
                    done({"number": item.number, "left_out": "its process was ended."})
        finally:
            list_rows(args.output, rows)
    left_out = Counter(row["left_out"].partition(" by ")[0] for row in rows.values() if "left_out" in row)
    print(f"{len(rows) - left_out.total()} sentences in {args.output}; left out: {left_out.total()}")
    for reason, times in left_out.most_common(5):
        print(f"  {times}: {reason}")
    if left_out.total() == len(rows):
        raise ValueError("not one sentence could be said.")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
