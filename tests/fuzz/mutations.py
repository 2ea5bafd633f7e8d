"""Damage of every kind that a file has on its way here, or that somebody makes on purpose; all drawn from one generator."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import copy
import json
import random
from typing import Any


# What stands in a file where another value was.
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63) - 1, 10**25, 10**50, 0.5, -0.0, 1e308, float("inf"), float("nan"),
    "", "x", "\0", "\ud800", "é" * 70, "../../etc/passwd", "/dev/zero", "a" * 5000, "1e999", "NaN", "[1,", "{}", "1" * 6000,
    [], {}, [None], [[]], {"": None}, [1] * 300, {"a": {"a": {"a": []}}}, [float("nan")] * 4, ["x", 1, 2], [["x", 2, 1]],
)  # fmt: skip
TOKENS = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n\n", b'"', b"'", b"[" * 3000, b"{" * 3000, b"]", b"}", b",", b":", b"=", b"\\", b"\\u0000",
    b"\\ud800", b"1e999", b"-1", b"9" * 5000, b"NaN", b"Infinity", b"null", b"true", b"0x", b"1979-13-45", b"&a ", b"*a", b"!!python/object:os.system ",
    b"!!int ''", b"!!timestamp x", b"<<: ", b"\xf0\x9f\x92\xa9", b"\xed\xa0\x80", b"a." * 500, b"|", b"---\n", b"%", b"#", b"\x1b[31m",
)  # fmt: skip


def damage_bytes(data: bytes, draw: random.Random) -> bytes:
    """One to four changes: bits, bytes, pieces cut, doubled, moved or put in, an end cut off."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4))):
        size = len(changed)
        place = draw.randrange(size + 1)
        length = min(draw.choice((1, 2, 4, 16, 200)), size - place)
        kind = draw.randrange(8)
        if kind == 0 and size:
            changed[place % size] ^= 1 << draw.randrange(8)
        elif kind == 1:
            changed[place : place + length] = draw.randbytes(length)
        elif kind == 2:
            del changed[place : place + length]
        elif kind == 3:
            changed[place:place] = changed[place : place + length] * draw.choice((1, 2, 50))
        elif kind == 4:
            changed[place:place] = draw.choice(TOKENS)
        elif kind == 5:
            changed[place : place + length] = draw.choice((b"\0", b"\xff", b"\x7f\xff\xff\xff", b" "))[:1] * length
        elif kind == 6:
            del changed[place:]
        elif size:
            other = draw.randrange(size)
            changed[place : place + length] = changed[other : other + length]
    return bytes(changed)


def damage_value(value: Any, draw: random.Random) -> Any:
    """The same value with one or two of the values in it replaced, left out, doubled or renamed."""
    value = copy.deepcopy(value)
    for _ in range(draw.choice((1, 1, 2))):
        holders = [found for found in _holders(value) if len(found)]
        if not holders:
            return draw.choice(VALUES)
        holder = draw.choice(holders)
        key = draw.choice(list(holder)) if isinstance(holder, dict) else draw.randrange(len(holder))
        kind = draw.randrange(6)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            holder[draw.choice(("", "x", "__class__", "\ud800", str(key) * 2))] = holder.pop(key)
        elif kind == 2 and isinstance(holder, list):
            holder.extend(copy.deepcopy(holder))
        elif kind == 3 and isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool):
            holder[key] = draw.choice(
                (-holder[key], holder[key] + 1, holder[key] * 10**9, holder[key] / 3, str(holder[key]))
            )
        else:
            holder[key] = copy.deepcopy(draw.choice(VALUES))
    return value


def _holders(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value, *(found for inner in value.values() for found in _holders(inner))]
    if isinstance(value, list):
        return [value, *(found for inner in value for found in _holders(inner))]
    return []


def damage_json(data: bytes, draw: random.Random) -> bytes:
    """JSON with other values, or no longer JSON."""
    if draw.random() < 0.3:
        return damage_bytes(data, draw)
    return json.dumps(damage_value(json.loads(data), draw)).encode()


def damage_lines(data: bytes, draw: random.Random) -> bytes:
    """Lines of JSON, one of them damaged."""
    lines = data.splitlines(keepends=True)
    number = draw.randrange(len(lines))
    lines[number] = damage_json(lines[number], draw) + b"\n"
    return b"".join(lines)


def damage_safetensors(data: bytes, draw: random.Random) -> bytes:
    """A header with other values, or other bytes; the header's length fits, or not."""
    if draw.random() < 0.4:
        return damage_bytes(data, draw)
    size = int.from_bytes(data[:8], "little")
    header = damage_json(data[8 : 8 + size], draw)
    length = len(header) if draw.random() < 0.8 else draw.choice((0, 1, 2**20, 2**40, 2**63))
    return length.to_bytes(8, "little") + header + data[8 + size :]
