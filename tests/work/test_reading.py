"""Text from outside: bounded in size, depth, digits and types; every failure is one sentence with file and place."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json

import numpy as np
import pytest

from flowdubber_hf.work.reading import (
    MAX_CONFIG_BYTES,
    MAX_DEPTH,
    parse_json,
    parse_yaml,
    read_array,
    read_json,
    read_text,
    read_toml,
    require,
)
from flowdubber_hf.work.records import read_record


def test_what_is_right_is_read(tmp_path):
    content = {"a": 1, "b": [1.5, None, True], "c": {"d": "é", "e": 10**30}}
    assert parse_json(json.dumps(content), "x") == content
    (tmp_path / "x.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(content).encode())
    assert read_json(tmp_path / "x.json") == content == read_record(tmp_path / "x.json")
    assert parse_json("[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1), "x")
    assert parse_yaml("a: 1\nb: [x, 2.5]\nc:\n  d: é\n", "x") == {"a": 1, "b": ["x", 2.5], "c": {"d": "é"}}
    assert parse_yaml("", "x") == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", r"x is not valid JSON \(Expecting property name.*line 1, column 2\)"),
        ('{\n"a": 1,\n"b" 2}', "line 3, column 5"),
        ("[" * 100_000, "nested too deeply; at most 50 levels"),
        ("[" * 60 + "]" * 60, "nested too deeply"),
        ('{"a":' * 60 + "1" + "}" * 60, "nested too deeply"),
        ("9" * 5000, "a whole number of 5000 digits"),
        ('"\\ud800"', r"half a character \(\\ud800\)"),
        ('{"\\udfff": 1}', "half a character"),
    ],
)
def test_json_is_bounded(text, told):
    with pytest.raises(ValueError, match=told) as caught:
        parse_json(text, "x")
    assert type(caught.value) is ValueError


def test_numbers_that_are_not_finite():
    assert parse_json("[NaN, 1e999]", "x")[1] == float("inf")
    for text in ("NaN", "-Infinity", "1e999"):
        with pytest.raises(ValueError, match="not finite"):
            parse_json(text, "x", finite=True)


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5000 + "]" * 5000,
        "a = " + "9" * 5000,
        "a = " + "9" * 60,
        "a = 1979-13-45",
        "a = 1\na = 2",
        ".".join("a" * 200) + " = 1",
        "a = \x00",
    ],
)
def test_toml_is_bounded(text, tmp_path):
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(ValueError, match=r"x\.toml (is not valid TOML|is nested|holds a whole)") as caught:
        read_toml(tmp_path / "x.toml")
    assert type(caught.value) is ValueError


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "is not valid YAML.*line 1"),
        ("a: &x [1]\nb: [*x, *x]", "references"),
        ("a: !!python/object/apply:os.system [ls]", "not valid YAML"),
        ("a: !!int ''", "not valid YAML"),
        ("a: !!bool x", "not valid YAML"),
        ("a: !!timestamp x", "not valid YAML"),
        ("a: 2020-13-45", "not valid YAML"),
        ("a: " + "[" * 3000 + "]" * 3000, "nested too deeply"),
        ("a: " + "9" * 60, "more than 40 digits"),
        ("- 1", "must hold names with values"),
        ("1: 2", "must hold names with values"),
    ],
)
def test_yaml_is_bounded(text, told):
    with pytest.raises(ValueError, match=told) as caught:
        parse_yaml(text, "x")
    assert type(caught.value) is ValueError


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match="there is no such file"):
        read_text(tmp_path / "none")
    with pytest.raises(ValueError, match="there is no such file"):
        read_text(tmp_path)
    (tmp_path / "x").write_bytes(b"a\xff")
    with pytest.raises(ValueError, match=r"not UTF-8 text \(byte 1\)"):
        read_text(tmp_path / "x")
    (tmp_path / "x").write_bytes(b"#" * (MAX_CONFIG_BYTES + 1))
    with pytest.raises(ValueError, match="larger than 1 MiB"):
        read_toml(tmp_path / "x")


@pytest.mark.parametrize("content", [None, b"", b"[1]", b"{", b"\xff", b"[" * 100_000])
def test_a_record_that_cannot_be_read_counts_as_none(content, tmp_path):
    if content is not None:
        (tmp_path / "r.json").write_bytes(content)
    assert read_record(tmp_path / "r.json") == {}


def test_arrays(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 3), np.float16))
    assert read_array(tmp_path / "a.npy", 2).shape == (2, 3)
    np.save(tmp_path / "o.npy", np.array([{"x": 1}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "s.npy", np.array([["x"]]))
    (tmp_path / "d.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-3])
    for name in ("o", "s", "d", "none"):
        with pytest.raises(ValueError, match=rf"{name}\.npy .*make it anew"):
            read_array(tmp_path / f"{name}.npy", 2)


def test_require():
    assert require({"a": 1, "b": None}, {"a": int, "b": (str, type(None))}, "x") == {"a": 1, "b": None}
    for record, told in (
        ({}, "x lacks 'a'"),
        ({"a": True}, "'a' must be a whole number, got True"),
        ({"a": "1"}, "'a' must be a whole number, got '1'"),
        ([], "x must hold a mapping"),
    ):
        with pytest.raises(ValueError, match=told):
            require(record, {"a": int}, "x")
