# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Makes transcribed speech with flite's voices: everyday English for a model whose own clips know few words.

    python examples/make_flite_speech.py --output flite
    flowdubber prepare flite prepared/flite

The first `--num_heads` recordings get a picture: the project's drawn head says them at flite's own times, which shows the
aligner a mouth for every phoneme of English (a drawn one: how lips look it has to learn from faces). Needs the program
`flite` (Debian: `apt install flite`; permissive licences, voices included) and the extra `train`. Sentences come from a
small grammar of ordinary words, the same for the same seed. Those listed in `--exclude` (one a line) are never made.
Finished files are kept, so the command can be stopped and started again.
"""

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

from tqdm.auto import tqdm

from flowdubber_hf.data.forced_alignment import align_text
from flowdubber_hf.demo import make_talking_head
from flowdubber_hf.processing.audio import SAMPLING_RATE, load_audio
from flowdubber_hf.processing.video import mux_audio


VOICES = ("slt", "rms", "awb")

WORDS = {
    "person": """the teacher;my brother;your sister;the doctor;our neighbour;the young woman;an old man;the captain;my uncle
        George;her mother;the driver;this child;the boy next door;a good friend;the whole family;the judge;the farmer;the
        artist;the new manager;Julia;Thomas;Michael;Sarah;Charles;Elizabeth;the visitor;the nurse;the queen;their father;the
        police officer;the owner;one of the children;the girl with the yellow coat;the fisherman;nobody;everyone""",
    "thing": """the car;a bicycle;the old house;this book;the picture;a cup of tea;the garden;your coat;the kitchen table;the
        letter;a wooden box;the radio;my watch;the heavy suitcase;fresh bread;the piano;a blue shirt;the newspaper;some cheese;
        the bridge;her voice;the engine;a piece of cake;the white horse;the measuring tape;the treasure;a loud noise;the
        window;two oranges;the television;the key;an umbrella;the photograph;that joke;the answer;the machine;a thick jumper;
        the whole story;the chess board;the shovel;a jar of honey;three sheets of paper;the thumb;the yellow flower;the pool""",
    "place": """at the station;in the park;near the river;by the sea;at home;in the office;behind the church;on the roof;under
        the bridge;across the street;in the city;at school;on the beach;in the kitchen;outside the shop;on the other side;
        upstairs;in the village;over the hill;through the forest;along the road;beside the old oak;at the airport;inside the
        garage;around the corner;in the hotel;on the island;near the mountain;at the theatre;in the south of England""",
    "time": """today;tomorrow morning;last night;every day;after lunch;before breakfast;next week;on Thursday;in the evening;
        at half past seven;for many years;once a month;this afternoon;on Monday;in July;at midnight;since last June;again and
        again;all weekend;in a few minutes;during the winter;as usual;later;at the moment;earlier this year""",
    "past": """found;bought;sold;forgot;noticed;cleaned;carried;watched;wanted;opened;closed;repaired;lost;enjoyed;finished;
        showed me;threw away;picked up;described;remembered;chose;touched;moved;washed;painted;brought;borrowed;pushed;
        measured;recognised;broke;held;gave us;heard about;left""",
    "can": """will;can;should;may;would;could;might;must;has to;is going to;never wants to;used to""",
    "do": """find;buy;sell;forget;notice;clean;carry;watch;open;close;repair;lose;enjoy;finish;explain;pick up;describe;
        remember;choose;touch;move;wash;paint;bring;borrow;push;measure;recognise;break;hold;use;share;check;fetch""",
    "went": """went for a walk;waited patiently;sat down;laughed loudly;fell asleep;ran away;stood still;sang a song;played
        football;worked hard;looked tired;arrived too late;told us the truth;made a big mistake;changed the subject;drove
        slowly;shouted for help;wrote a long letter;spoke about the weather;caught a thief;cooked fish and rice;swam""",
    "adjective": """very cold;rather cheap;quite beautiful;too expensive;much better;really strange;absolutely right;almost
        empty;extremely large;dangerous;easy to use;full of water;made of glass;hard to believe;ready;younger than you;
        as good as new;a bit rough;unusual;perfectly clear;worth it;so boring;just enough;soft and warm;not very useful""",
    "said": """I think;I'm sure;she said that;we all know;they told me;he believes;it seems that;you can see that;perhaps;I
        hope;everybody says;of course;in my opinion;I doubt whether;the news is that;don't forget that;I heard""",
    "question": """where is;who bought;what happened to;how much is;why do you need;have you seen;can you show me;did you
        lose;when did they sell;which of you took;how did you repair;would you like;are you sure about;shall we use""",
    "reason": """because it was raining;if you have enough money;when the bell rings;although nobody asked;while the others
        were talking;so that we could leave;unless you pay first;before the sun goes down;as soon as we arrive;but it was too
        dark;and then the lights went out;which surprised us;since there is no choice;after the game was over""",
    "number": """two;three;five;seven;eight;ten;twelve;fifteen;twenty;thirty four;fifty;sixty one;ninety nine;one hundred;
        two thousand;about forty;more than eleven;exactly nineteen;thirteen;eighty""",
    "things": """people;books;miles;pounds;apples;minutes;chairs;questions;students;pages;houses;birds;eggs;letters;tickets;
        mice;boxes;months;languages;bridges;tables;shoes;toys;leaves;judges;pictures;vegetables;cushions""",
    "order": """please;don't;let's;always;you should;try to;never;go and;just;remember to""",
}
TEMPLATES = """{person} {past} {thing} {place}.|{person} {past} {thing} {time}.|{said} {person} {went} {time}.|{person} {went} {place}.|
{time} {person} {past} {thing}.|{said} {thing} is {adjective}.|{thing} {place} was {adjective}.|{question} {thing}?|
{question} {thing} {place}?|{order} {do} {thing} {reason}.|{person} {can} {do} {thing} {time}.|{person} {can} {do} {thing} {place}.|
there are {number} {things} {place}.|{person} {past} {number} {things} {time}.|{said} {number} {things} are {adjective}.|
{person} {went} {reason}.|{order} {do} {thing} {time}.|{thing} was {adjective} {reason}.|{number} {things} and {number} {things}.|
{said} {person} {can} {do} {thing}.|{person} {past} {thing} {reason}.""".replace("\n", "").split("|")


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="new folder for metadata.jsonl and the recordings")
    parser.add_argument("--num_sentences", type=int, default=2400)
    parser.add_argument("--num_heads", type=int, default=200, help="recordings with a drawn talking head (mp4)")
    parser.add_argument("--exclude", type=Path, default=None, help="text file of sentences that must not be made")
    parser.add_argument("--num_proc", type=int, default=2, help="programs at a time")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def normalised(sentence: str) -> str:
    return " ".join(re.findall(r"[a-z']+", sentence.lower()))


def sentences(count: int, seed: int, excluded: set[str]) -> list[str]:
    """`count` different sentences of the grammar, none of `excluded` (normalised) among them."""
    generator = random.Random(seed)
    choices = {name: [" ".join(part.split()) for part in text.split(";")] for name, text in WORDS.items()}
    found: dict[str, None] = {}
    while len(found) < count:
        template = generator.choice(TEMPLATES)
        sentence = re.sub(r"{(\w+)}", lambda match: generator.choice(choices[match[1]]), template)
        if normalised(sentence) not in excluded:
            found[sentence[0].upper() + sentence[1:]] = None
    return list(found)


def speak(program: str, text: str, voice: str, path: Path) -> None:
    """Writes `path` complete or not at all."""
    if path.is_file():
        return
    temporary = path.with_name(f".{path.name}")
    subprocess.run([program, "-voice", voice, "-t", text, "-o", str(temporary)], check=True, capture_output=True)
    os.replace(temporary, path)


def draw(text: str, sound: Path, path: Path) -> None:
    """The drawn head saying `sound`, with it, complete or not at all."""
    if path.is_file():
        return
    waveform = load_audio(sound)
    spoken, times = align_text(waveform, text)
    timeline = [
        {"phoneme": phoneme, "start": start, "end": end}
        for phoneme, (start, end) in zip(spoken.phonemes, times, strict=True)
        if end > start  # a pause that was not made
    ]
    silent = path.with_name(f".{path.stem}.silent.mp4")
    make_talking_head(text, silent, overwrite=True, timeline=timeline)
    mux_audio(silent, waveform, SAMPLING_RATE, path)
    silent.unlink()


def main(arguments: list[str] | None = None) -> None:
    args = parse_args(arguments)
    program = shutil.which("flite")
    if program is None:
        raise ValueError("there is no program `flite` on the PATH; install it (Debian: apt install flite).")
    if args.num_sentences < 1 or args.num_heads < 0:
        raise ValueError("`num_sentences` must be at least 1 and `num_heads` at least 0.")
    excluded = set(map(normalised, args.exclude.read_text().splitlines())) if args.exclude else set()
    texts = sentences(args.num_sentences, args.seed, excluded)
    voices = [VOICES[number % len(VOICES)] for number in range(len(texts))]
    sounds = [args.output / voice / f"{number:05d}.wav" for number, voice in enumerate(voices)]
    videos = [sound.with_suffix(".mp4") for sound in sounds[: args.num_heads]]
    for voice in VOICES:
        (args.output / voice).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(args.num_proc) as pool:
        jobs = [pool.submit(speak, program, *of) for of in zip(texts, voices, sounds, strict=True)]
        for job in tqdm(jobs, desc="flite"):
            job.result()
    with ProcessPoolExecutor(args.num_proc) as pool:
        jobs = [pool.submit(draw, *of) for of in zip(texts, sounds, videos, strict=False)]
        for job in tqdm(jobs, desc="heads"):
            job.result()
    rows = [
        {
            "file_name": str(file.relative_to(args.output)),
            "speaker": f"flite-{voice}",
            "text": text,
            "source": "flite-drawn" if file in videos else "flite",  # training chooses how often it takes each source
        }
        for file, voice, text in zip(videos + sounds[len(videos) :], voices, texts, strict=True)
    ]
    listing = args.output / "metadata.jsonl"
    temporary = listing.with_name(".metadata.jsonl")
    temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    os.replace(temporary, listing)
    print(f"{len(rows)} recordings of {', '.join(VOICES)} in {args.output}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
