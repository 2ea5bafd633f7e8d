"""Subtitles of what was spoken, from the times of its words."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator, Sequence


Word = tuple[str, float, float]
MAX_LETTERS = 42  # of a line of subtitles
LONG_PAUSE = 0.6  # seconds that end a line


def cues(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Words that are shown together: until the line is full, or a pause."""
    line: list[Word] = []
    for word in words:
        letters = sum(len(text) + 1 for text, _, _ in [*line, word]) - 1
        if line and (letters > MAX_LETTERS or word[1] - line[-1][2] > LONG_PAUSE):
            yield line
            line = []
        line.append(word)
    if line:
        yield line


def clock(seconds: float) -> str:
    """Seconds as SubRip writes them.

    >>> clock(3661.5)
    '01:01:01,500'
    """
    milliseconds = round(seconds * 1000)
    return f"{milliseconds // 3600000:02}:{milliseconds // 60000 % 60:02}:{milliseconds // 1000 % 60:02},{milliseconds % 1000:03}"


def srt(words: Sequence[Word]) -> str:
    """A SubRip file."""
    blocks = []
    for number, line in enumerate(cues(words), 1):
        text = " ".join(word for word, _, _ in line)
        blocks.append(f"{number}\n{clock(line[0][1])} --> {clock(line[-1][2])}\n{text}\n")
    return "\n".join(blocks)
