"""docs/api.md is what the docstrings say, and every public name has one."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import inspect
import re
import sys

import pytest

import flowdubber_hf


@pytest.fixture
def api(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository / "examples"))
    sys.modules.pop("render_api", None)
    import render_api

    return render_api


@pytest.fixture
def page(repository):
    return (repository / "docs/api.md").read_text(encoding="utf-8")


def test_the_reference_is_that_of_the_docstrings(api, page):
    assert api.render(page) == page, "run examples/render_api.py"


def test_every_public_name_has_a_section_and_a_docstring(page):
    names = [name for name in flowdubber_hf.__all__ if not name.startswith("__")]
    assert sorted(re.findall(r"^### (\w+)$", page, re.MULTILINE)) == sorted(names)
    without = [
        name for name in names if callable(getattr(flowdubber_hf, name)) and not getattr(flowdubber_hf, name).__doc__
    ]
    assert without == []


def test_a_docstring_as_markdown(api):
    docstring = """What it does, see [`~a.b`] and [text](b.md).

    Args:
        one (`int`): first,
            over two lines.
        two, three: both.
        four (`str`), five (`str`): of kinds.

    Returns:
        What.

    Raises:
        ValueError: bad.
    """
    assert api.markdown(docstring) == (
        "What it does, see `a.b` and [text](b.md).\n\n**Args**\n\n- **one** (`int`): first,\n  over two lines.\n"
        "- **two, three**: both.\n- **four** (`str`), five (`str`): of kinds.\n\n**Returns**\n\nWhat.\n\n"
        "**Raises**\n\n- **ValueError**: bad.\n"
    )


OBJECT = object()


def test_signatures_are_broken_where_they_are_long(api):
    def short(self, one, two="x", *rest, three=None, four=OBJECT, **more): ...

    assert api.signature("f", short) == 'f(one, two="x", *rest, three=None, four=..., **more)'
    many = inspect.Signature([inspect.Parameter(f"name{n}", inspect.Parameter.KEYWORD_ONLY) for n in range(20)])
    short.__signature__ = many
    assert api.signature("f", short).splitlines()[:3] == ["f(", "    *,", "    name0,"]
