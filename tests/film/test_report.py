"""What is told of a dubbed film."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from flowdubber_hf.film import FilmSettings, RunSettings, plan_film, run_film
from flowdubber_hf.film.exporting import export_film
from flowdubber_hf.film.judging import judge_flags
from flowdubber_hf.film.report import film_report, worst_first, write_report
from support.films import make_film


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    make_film(folder)
    return folder


@pytest.fixture(scope="module")
def done(folder: Path):
    pytest.importorskip("pocketsphinx")
    files = {"film": folder / "film.mp4", "cues": folder / "film.srt", "voices": folder / "voices.toml"}
    plan = plan_film(FilmSettings(**files, output=folder / "dubbed.mkv"))
    return run_film(plan, RunSettings(steps=2, device="cpu"))


@pytest.fixture(scope="module")
def report(done):
    return film_report(done)


class Page(HTMLParser):
    """Counts what a page has, and refuses what it must not have."""

    def __init__(self, text: str):
        super().__init__()
        self.count: dict[str, int] = {}
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.sources += [value for name, value in attributes if name in ("src", "href")]


def test_a_row_a_cue_with_what_was_heard(report):
    json.dumps(report)
    assert [row["number"] for row in report["cues"]] == [1, 2, 3, 4]
    first = report["cues"][0]
    assert first["checks"]["heard"] and first["checks"]["words"] == 6 and 0 < first["checks"]["ge2e"] <= 1
    assert first["checks"]["lse_d"] > 0 and first["checks"]["lse_d_original"] > 0
    assert first["levels"]["gain_db"] == pytest.approx(first["levels"]["film"] - first["levels"]["take"], abs=0.1)
    assert report["totals"]["timing"] == {"lips": 3, "activity": 0, "cue": 1}
    assert report["sound"]["true_peak"] <= -1 and report["skipped"][0]["text"] == "[door slams]"


def test_the_actor_is_not_heard_under_the_dub(report):
    leaks = [row["levels"]["leakage_db"] for row in report["cues"]]
    assert all(level is None or level <= -40 for level in leaks)


def test_the_page_stands_alone_and_shows_the_mouths(done, report, folder):
    write_report(folder / "report.html", report, done.plan)
    text = (folder / "report.html").read_text()
    page = Page(text)
    assert page.count["tr"] == 5 and page.count["img"] >= 4  # two heads in the second scene
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert f"--output {folder}/dubbed.mkv --redo 2" in text and "nobody is seen" in text


def test_what_people_wrote_is_no_markup(done, report, folder):
    changed = json.loads(json.dumps(report))
    changed["cues"][0]["text"] = "<script>alert(1)</script>"
    write_report(folder / "hostile.html", changed, done.plan)
    assert "<script" not in (folder / "hostile.html").read_text()


def test_the_table_has_the_worst_first(done, report, folder):
    changed = json.loads(json.dumps(report))
    changed["cues"][2]["problem"] = "no room"
    write_report(folder / "report.csv", changed, done.plan)
    rows = list(csv.DictReader((folder / "report.csv").open()))
    assert rows[0]["number"] == "3" and rows[0]["problem"] == "no room" and len(rows) == 4
    wrong = [{"problem": None, "flags": [], "start": n, "checks": {"words": 4, "words_wrong": n}} for n in range(3)]
    assert [row["start"] for row in worst_first(wrong)] == [2, 1, 0]


def test_another_ending_is_refused(done, report, folder):
    with pytest.raises(ValueError, match=r"json, \.csv or \.html"):
        write_report(folder / "report.pdf", report, done.plan)


def test_flags_say_what_to_listen_to():
    assert judge_flags({"words": 6, "words_wrong": 3, "ge2e": 0.4}) == [
        "3 of 6 words were heard wrong.",
        "the voice is little like the reference (0.40).",
    ]
    assert judge_flags({"words": 6, "words_wrong": 1, "ge2e": 0.8}) == judge_flags({}) == []


@pytest.mark.parametrize(("kind", "name"), [("subtitleedit", "SubtitleEditTts.json"), ("opendub", "project.json")])
def test_exports_by_name(done, tmp_path, kind, name):
    written = export_film(done, kind, tmp_path / kind)
    assert list((tmp_path / kind).rglob(name)) and written.exists()
    with pytest.raises(ValueError, match="one of subtitleedit"):
        export_film(done, "premiere", tmp_path / "other")
