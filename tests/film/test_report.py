"""What is told of a dubbed film."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import csv
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from flowdubber_hf.dubbing.loading import load_pipeline
from flowdubber_hf.film import RunSettings, judging, plan_film, run_film
from flowdubber_hf.film.exporting import export_film
from flowdubber_hf.film.judging import judge_flags
from flowdubber_hf.film.making import Take, make_take
from flowdubber_hf.film.report import film_report, worst_first, write_report
from flowdubber_hf.film.voicing import Voices
from flowdubber_hf.metrics import functional
from flowdubber_hf.processing.sound import load_audio
from support.films import film_folder, film_settings


pytestmark = pytest.mark.slow


folder = pytest.fixture(scope="module")(film_folder)


@pytest.fixture(scope="module")
def done(folder: Path):
    pytest.importorskip("pocketsphinx")
    return run_film(plan_film(film_settings(folder)), RunSettings(steps=2, device="cpu"))


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


def test_what_was_heard_at_the_choice_is_not_heard_again(done, monkeypatch):
    plan, cue = done.plan, done.plan.cues[0]
    pipe = load_pipeline(plan.settings.model, "cpu")
    voice = plan.voices["anna"]
    heard = Voices(plan.source).heard(voice, pipe)
    take = make_take(pipe, plan, cue, voice, heard, RunSettings(steps=1), range(3))
    assert len(take.takes[0]) == 3 and take.heard[0]
    monkeypatch.setattr(functional, "recognize_words", None)
    monkeypatch.setattr(judging, "voice_likeness", None)
    checks = judging.judge_take(plan, cue, take, pipe, heard)
    (kept,) = (row for row in take.takes[0] if row["kept"])
    assert checks["words_wrong"] == kept["wrong_words"] and checks["ge2e"] == pytest.approx(
        kept["similarity"], abs=1e-3
    )


def test_all_that_shows_a_mouth_is_held_against_the_sound(done):
    """Also beside a cut-away, and in all parts of a long cue, by their lengths."""
    plan = done.plan
    row = done.cues[3]
    assert row.plan.parts[0].timing == "lips" and not plan.mouths(row.plan.parts[0])[1].all()
    assert row.checks["lse_d"] > 0
    one, other = (replace(done.cues[number].plan, parts=done.cues[number].plan.parts) for number in (0, 1))
    sound = np.zeros(640 * (other.parts[0].window[1] - one.parts[0].window[0]), np.float32)
    alone = []
    for number in (0, 1):
        cue, made = done.cues[number].plan, load_audio(done.cues[number].file)
        begin = 640 * (cue.parts[0].window[0] - one.parts[0].window[0])
        sound[begin : begin + len(made)] = made
        alone.append((len(made), done.cues[number].checks["lse_d"]))
    both = replace(one, parts=one.parts + other.parts)
    found = judging._sync(plan, both, Take(sound, (0, 0), ()))
    wanted = sum(length * value for length, value in alone) / sum(length for length, _ in alone)
    assert found["lse_d"] == pytest.approx(wanted, abs=2e-3)


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
