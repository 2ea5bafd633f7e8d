"""Bytes of a cue file as text: UTF-8 or UTF-16; anything else is refused by the name of what it probably is."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path


# Tried in this order; the first whose text has only letters and signs of subtitles is named. Latin-1 decodes everything.
_OTHERS = ("cp1252", "cp1250", "cp1251", "shift_jis", "gb18030", "big5", "iso8859_15")
_LATIN = ("cp1252", "cp1250", "iso8859_15")
_MOST_STRANGE = 0.4  # of the letters of a language that is written in Latin ones
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def decode_cues(data: bytes, name: str | Path) -> str:
    """The text of a cue file, with `\\n` at the ends of its lines.

    Raises:
        ValueError: neither UTF-8 nor UTF-16, or no text at all.
    """
    encoding = next((encoding for mark, encoding in _BOMS if data.startswith(mark)), None) or _without_mark(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        fits = _likely(data)
        remedy = f"{fits} fits: convert it" if fits else "save it as UTF-8"
        raise ValueError(f"{name}, line {line}: not UTF-8; {remedy}.") from error
    if "\0" in text:
        raise ValueError(f"{name} holds zero bytes and is no text; give a cue file.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _without_mark(data: bytes) -> str:
    """UTF-16 without a mark has a zero beside nearly every letter of ours."""
    head = data[:400]
    for zeros, encoding in ((head[1::2], "utf-16-le"), (head[::2], "utf-16-be")):
        if len(zeros) > 8 and zeros.count(0) > 0.7 * len(zeros):
            return encoding
    return "utf-8"


def _likely(data: bytes) -> str | None:
    for encoding in _OTHERS:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        strange = [sign for sign in text if ord(sign) > 127]
        if encoding in _LATIN and len(strange) > _MOST_STRANGE * sum(map(str.isalpha, text)):
            continue
        if strange and sum(sign.isalpha() or sign in "…–—‘’“”«»¿¡♪ " for sign in strange) >= 0.9 * len(strange):
            return encoding
    return None
