"""The picture of the method: it can be drawn, and the one in docs/ is whole."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from support.tiny_models import tiny_pipeline
from support.training_runs import load_script


pytestmark = pytest.mark.slow


SVG = "{http://www.w3.org/2000/svg}"


def check(file: Path) -> None:
    """Well-formed, small, and everything inside of the page."""
    assert file.stat().st_size < 100_000
    root = ElementTree.parse(file).getroot()
    width, height = map(float, root.get("viewBox").split()[2:])
    rectangles, pictures = list(root.iter(f"{SVG}rect")), list(root.iter(f"{SVG}image"))
    assert len(rectangles) == 11
    assert len(pictures) == 12
    for item in (*rectangles, *pictures):
        x, y, w, h = (float(item.get(name)) for name in ("x", "y", "width", "height"))
        assert 0 <= x < x + w <= width
        assert 0 <= y < y + h <= height
    assert all(item.get("href").startswith("data:image/") for item in pictures)  # nothing is fetched
    titles = [item.text for item in root.iter(f"{SVG}text") if item.get("class") == "title"]
    assert {"silent clip", "script", "reference voice", "aligner", "flow matching", "dubbed clip"} < set(titles)


def test_it_can_be_drawn(repository, tmp_path):
    tiny_pipeline(language_model=False).save_pretrained(tmp_path / "model")
    load_script(repository, "draw_method").main([str(tmp_path / "method.svg"), "--model", str(tmp_path / "model")])
    check(tmp_path / "method.svg")


def test_the_one_in_docs_is_whole_and_shown(repository):
    check(repository / "docs/method.svg")
    assert "docs/method.svg" in (repository / "README.md").read_text(encoding="utf-8")
