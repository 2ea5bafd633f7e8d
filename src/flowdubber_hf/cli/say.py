"""`flowdubber say`: what of a script is spoken, and how, before anything is dubbed."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import sys
from pathlib import Path
from typing import Any

from .common import Result, add_command, add_running_options


def add_say(commands: Any) -> None:
    say = add_command(
        commands,
        "say",
        summary="show how a script is read: words, phonemes, what is guessed",
        description="Prints the words that are spoken for a script, numbers and abbreviations written out, each with its phonemes "
        "(ARPAbet, a digit on each vowel for the stress). Warnings name what is not spoken, and words whose sounds are "
        "guessed because no lexicon has them. It needs no model and no clip.\n\n"
        "A pronunciation can be given in the script itself, [name|N EY1 M], or in a lexicon file. What this command shows is what "
        "flowdubber dub speaks.",
        examples=[
            ("How is this read?", 'flowdubber say "2½ km"'),
            ("A name pronounced your way", 'flowdubber say "[Zoey|Z OW1 IY0] sang"'),
            (
                "British names of letters, your own lexicon, as JSON",
                'flowdubber say "from A to Z" --accent gb --lexicon names.txt --json -',
            ),
        ],
        report={
            "script": "as given",
            "accent": "us or gb",
            "text": "the words in a row",
            "words": "word, phonemes, guessed (no lexicon has it) of each",
            "guessed": "words whose pronunciation is guessed",
            "dropped": "what of the script is not said",
            "warnings": "the same in sentences",
        },
        notes="A lexicon has lines like those of CMUdict, a word and its phonemes:\n    zoey  Z OW1 IY0\n\nMore: docs/text.md.",
    )
    given = say.add_argument_group("input").add_argument
    given("script", metavar="TEXT", help="the words to be spoken; - reads them from standard input")
    given(
        "--accent", choices=("us", "gb"), default="us", help="decides the name of the letter z (default %(default)s)"
    )
    given("--lexicon", type=Path, metavar="FILE", help="your own pronunciations, lines of a word and its phonemes")
    add_running_options(say, quiet="print nothing but warnings")
    say.set_defaults(run=_say)


def _say(arguments: argparse.Namespace) -> Result:
    from ..processing.reading.script import MAX_TEXT_CHARACTERS
    from ..processing.text import lexicon_of, phonemize

    script = arguments.script
    if script == "-":
        script = sys.stdin.read(MAX_TEXT_CHARACTERS + 1)
    spoken = phonemize(script, arguments.accent, lexicon_of(arguments.lexicon))
    words = [
        {"word": word, "phonemes": phonemes, "guessed": word in spoken.guessed}
        for word, phonemes in zip(spoken.words, spoken.pronunciations, strict=True)
    ]
    for warning in spoken.warnings:
        print(f"flowdubber: warning: {warning}", file=sys.stderr)
    if not arguments.quiet:
        print(" ".join(spoken.words))
        width = max(map(len, spoken.words))
        for word in words:
            guessed = "  (guessed)" if word["guessed"] else ""
            print(f"  {word['word']:<{width}}  {' '.join(word['phonemes'])}{guessed}")
    return Result(
        {
            "script": script,
            "accent": arguments.accent,
            "text": " ".join(spoken.words),
            "words": words,
            "guessed": spoken.guessed,
            "dropped": spoken.dropped,
            "warnings": spoken.warnings,
        }
    )
