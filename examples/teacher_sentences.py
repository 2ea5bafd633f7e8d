"""Sentences for a teacher to say: a small grammar of ordinary words, and books whose rights have run out.

The same sentences in the same order for the same seed; none of those that the model is judged by (`free_text_sentences.txt`).
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from flowdubber_hf.work.reading import read_text


JUDGED_BY = Path(__file__).with_name("free_text_sentences.txt")
MAX_BOOK_BYTES = 50_000_000
# Characters of a sentence of a book: about two to eight seconds of speech.
BOOK_LENGTHS = (24, 115)
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!Mr\.)(?<!Mrs\.)(?<!Dr\.)(?<!St\.)\s+(?=[A-Z])")
_PLAIN = re.compile(r"[A-Z][A-Za-z ,;:'-]+[.!?]")


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


def normalised(sentence: str) -> str:
    """Its words alone, by which two sentences are the same."""
    return " ".join(re.findall(r"[a-z']+", sentence.lower()))


def grammar_sentences(seed: int) -> Iterator[str]:
    """Sentences of the grammar without end."""
    generator = random.Random(seed)
    choices = {name: [" ".join(part.split()) for part in text.split(";")] for name, text in WORDS.items()}
    while True:
        template = generator.choice(TEMPLATES)
        sentence = re.sub(r"{(\w+)}", lambda match: generator.choice(choices[match[1]]), template)
        yield sentence[0].upper() + sentence[1:]


def book_sentences(books: Iterable[Path], seed: int) -> list[str]:
    """The sentences of plain text that are neither long nor short and have words alone, shuffled.

    Raises:
        ValueError: a file that cannot be read, or none has such a sentence.
    """
    found: dict[str, None] = {}
    for book in books:
        text = (
            re.sub(r'[_"\u201c\u201d]', "", read_text(book, MAX_BOOK_BYTES)).replace("\u2019", "'").replace("--", ", ")
        )
        for paragraph in re.split(r"\n\s*\n", text):
            for sentence in _SENTENCE_END.split(" ".join(paragraph.split())):
                if BOOK_LENGTHS[0] <= len(sentence) <= BOOK_LENGTHS[1] and _PLAIN.fullmatch(sentence):
                    found[sentence] = None
    if not found:
        raise ValueError("the books hold no plain English sentence; give text files in English.")
    shuffled = list(found)
    random.Random(seed).shuffle(shuffled)
    return shuffled


def _alternating(seed: int, books: Sequence[str]) -> Iterator[str]:
    """One of the books, one of the grammar, and so on; the grammar's alone where the books end."""
    from_books = iter(books)
    for sentence in grammar_sentences(seed):
        yield from (book for book in [next(from_books, None)] if book is not None)
        yield sentence


def draw_sentences(count: int, seed: int, books: Sequence[Path] = (), excluded: Iterable[str] = ()) -> list[str]:
    """Different sentences; a larger `count` begins with the same.

    Args:
        books: every other sentence is from these as long as they last.
        excluded: sentences that are never drawn, beside those that the model is judged by.

    Raises:
        ValueError: see [`book_sentences`].
    """
    judged_by = JUDGED_BY.read_text(encoding="utf-8").splitlines()
    gone = set(map(normalised, [*excluded, *judged_by]))
    found: list[str] = []
    for sentence in _alternating(seed, book_sentences(books, seed) if books else ()):
        if len(found) == count:
            break
        if normalised(sentence) not in gone:
            gone.add(normalised(sentence))
            found.append(sentence)
    return found
