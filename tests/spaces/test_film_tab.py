"""The tab of films, function by function, without a browser."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from flowdubber_hf.processing.wav import write_wav
from support.films import make_film, speech
from support.video_files import head_frames, write_clip


gr = pytest.importorskip("gradio", reason="gradio is not installed: pip install '.[space]'")

from flowdubber_hf.page import film_events, film_limits  # noqa: E402 - they need gradio
from flowdubber_hf.page.film_dubbing import FilmDubber  # noqa: E402
from flowdubber_hf.page.film_limits import FilmProblems, FilmRequest, VoiceGiven  # noqa: E402
from flowdubber_hf.page.film_tab import FILM_DOWNLOADS  # noqa: E402
from flowdubber_hf.page.film_work import FilmFolders, bring_film  # noqa: E402
from flowdubber_hf.page.limits import NO_CONSENT, Problem  # noqa: E402
from flowdubber_hf.page.progress import Stopped, Stops  # noqa: E402


MODEL = "flowdubber-grid-tiny"


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 3 s, and a voice."""
    folder = tmp_path_factory.mktemp("short")
    write_wav(folder / "anna.wav", speech())
    return write_clip(folder / "film.mp4", head_frames(), sound=speech())


@pytest.fixture
def films():
    """Without models: for what is said before they are needed."""
    return FilmDubber(SimpleNamespace(max_takes=1), MODEL, FilmFolders(3600))


def row(text="Place blue at f two now.", start=0.4, end=2.6, speaker="Anna", timing="auto", skip=False, more=""):
    return (1, start, end, speaker, text, timing, skip, more, "")


def asked(given: Path, *rows, **changed) -> FilmRequest:
    voices = (VoiceGiven("anna", str(given.with_name("anna.wav"))),)
    return replace(FilmRequest(str(given), rows or (row(),), voices, True, steps=1), **changed)


def problems(films, request) -> FilmProblems:
    with pytest.raises(FilmProblems) as found:
        films.check(request)
    return found.value


def test_what_is_right_passes(films, short):
    checked = films.check(asked(short, row(), row("[music]", 2.7, 2.9, "", skip=True)))
    assert checked.cues == 1 and [one[-1] for one in checked.rows] == ["", film_limits.NOT_SPOKEN]


def test_all_mistakes_are_told_at_once_by_field_and_by_cue(films, short):
    rows = [row(start="soon"), row(timing="lip"), row(start=2.0, end=1.0), row("x" * 401), row(start=5, end=6)]
    found = problems(films, asked(short, *rows, consent=False, voices=(), background="song"))
    assert set(found.by_field) == {"cues", "voices", "film-consent", "film-settings"}
    assert found.by_field["film-consent"] == NO_CONSENT
    assert "anna: give a recording" in found.by_field["voices"]
    said = {
        1: "Its start must be seconds",
        2: "Timing: must be one of",
        3: "Ends before it begins",
        4: "401 characters",
    }
    for number, text in {**said, 5: "after the film"}.items():
        assert any(text.lower() in one.lower() for one in found.by_cue[number]), found.by_cue
    assert [line[:5] for line in found.by_field["cues"].splitlines()] == [f"Cue {one}" for one in (1, 2, 3, 4, 5)]


@pytest.mark.parametrize(
    ("changed", "name", "text"),
    [
        ({"film": None}, "film", "Upload a film"),
        ({"film": "/nowhere/film.mp4"}, "film", "no longer on the server"),
        ({"rows": ()}, "cues", "Give a cue sheet"),
        ({"rows": tuple(row(start=n / 20, end=n / 20 + 0.04) for n in range(41))}, "cues", "at most 40"),
        ({"rows": tuple(row(speaker=name) for name in "abcde")}, "cues", "at most 4"),
        ({"rows": (row(speaker='a"]\n[b'),)}, "cues", "must be a name"),
        ({"voices": (VoiceGiven("anna", None, "2-1"),)}, "voices", "Give seconds of the film"),
        ({"voices": (VoiceGiven("anna", None, "0-99"),)}, "voices", "ends after the film"),
        ({"takes": 2}, "film-settings", "Takes must be"),
        ({"steps": 2.5}, "film-settings", "Steps must be"),
        ({"redo": (7,)}, "cues", "Cue 7 is not spoken"),
        ({"earlier": (7,)}, "cues", "Cue 7 is not spoken"),
        ({"rows": (row(more="loud"),)}, "cues", "column More takes face, mouth_box, seed, gain_db as JSON"),
        ({"rows": (row(more='{"best_of": 9}'),)}, "cues", "column More takes"),
        ({"rows": (row(more='{"gain_db": "loud"}'),)}, "cues", "gain_db"),
    ],
)
def test_limits_and_mistakes(films, short, changed, name, text):
    told = problems(films, asked(short, **changed)).by_field[name]
    assert text in told and str(short.parent) not in told


def test_a_film_that_is_too_long_or_none_is_refused(short, tmp_path, monkeypatch):
    monkeypatch.setattr(film_limits, "MAX_FILM_SECONDS", 2.0)
    with pytest.raises(Problem, match="lasts 3 s; at most 2 s"):
        film_limits.check_film_file(str(short))
    (tmp_path / "film.mp4").write_text("no film")
    shown, told, note = film_events.look_at_film(str(tmp_path / "film.mp4"))
    assert shown is None and "cannot be read" in told and note == "" and str(tmp_path) not in told


def test_a_film_is_described_when_it_is_given(short):
    assert film_events.look_at_film(str(short)) == (gr.skip(), "", "3.0 s, 360 × 288, with sound.")


def test_a_sheet_becomes_the_table(tmp_path):
    text = "1\n00:00:01,000 --> 00:00:02,500\nANNA: Set red.\n\n2\n00:00:03,000 --> 00:00:03,500\n[door slams]\n\n"
    text += (
        "3\n00:00:05,000 --> 00:00:04,000\nBEN: Back.\n\n4\n00:00:06,000 --> 00:00:07,000\nBEN (V.O.): Who is there?\n"
    )
    (tmp_path / "film.srt").write_text(text)
    rows, wrong, note = film_events.take_sheet(str(tmp_path / "film.srt"))
    assert rows[0] == [1, 1.0, 2.5, "anna", "Set red.", "auto", False, "", ""]
    assert rows[1][4:7] == ["[door slams]", "auto", True] and rows[2][3:6] == ["ben", "Who is there?", "cue"]
    assert wrong.startswith("cue 3 (line 10") and note == "2 of 3 cues are spoken."
    assert film_events.take_typed(text)[0] == rows
    assert film_events.take_typed(" ")[1].startswith("Type cues first")
    assert "not SRT" in film_events.take_typed("hello")[1]


def test_what_lines_of_json_say_beyond_the_columns(films, short, tmp_path):
    line = {"start": 400_000, "end": 2_600_000, "text": "Place blue.", "speaker": "anna", "gain_db": -3, "seed": 0}
    (tmp_path / "cues.jsonl").write_text(json.dumps(line | {"mouth_box": [120, 180, 240, 250], "best_of": 3}) + "\n")
    (found,), _ = film_limits.read_sheet(tmp_path / "cues.jsonl")
    assert json.loads(found[7]) == {"mouth_box": [120, 180, 240, 250], "seed": 0, "gain_db": -3}
    assert films.check(asked(short, tuple(found))).cues == 1
    sheet, _ = film_limits.cue_lines(film_limits.filled([found]), film_limits.Found())
    assert json.loads(sheet)["gain_db"] == -3 and json.loads(sheet)["seed"] == 0


def test_speakers_keep_the_places_of_their_voices():
    places = ["default", "", "", ""]
    places = film_events.places_of(places, ["anna", "ben"])
    assert places == ["anna", "ben", "", ""]
    assert film_events.places_of(places, ["carl", "ben"]) == ["carl", "ben", "", ""]
    names, *updates = film_events.place_voices([row(), row(speaker="")], places)
    assert names == ["anna", "default", "", ""]
    assert [one.visible for one in updates[::2]] == [True, True, False, False]
    assert [one.label for one in updates[1:4:2]] == ["Voice of anna", "Voice"]


def test_a_row_that_is_selected_can_be_done_again():
    number, again, earlier = film_events.choose_cue(SimpleNamespace(row_value=[3, 0.1, 0.2]))
    assert number == 3 and again.visible and again.value == "Do cue 3 again"
    assert earlier.visible and earlier.value == "Cue 3: the take before"
    assert film_events.choose_cue(SimpleNamespace(row_value=["x"]))[0] is None


def pressed(films, short, button, chosen=None, **changed):
    given = {"film": str(short), "rows": [list(row())], "consent": True, "background": "gaps", "takes": 1, "steps": 1,
             "stems": False, **changed}  # fmt: skip
    voices = [str(short.with_name("anna.wav")), ""] + [None, ""] * 3
    return film_events.film_check_handler(films, button)(
        (4, None), chosen, ["anna", "", "", ""], *given.values(), *voices
    )


def test_buttons_check_first_and_ask_only_for_what_passes(films, short):
    *lines, table, note, wanted, stop = pressed(films, short, "check")
    assert not any(lines) and wanted == stop == gr.skip() and note == "Nothing is wrong: 1 cues." and table
    *_, (number, request), stop = pressed(films, short, "dub")
    assert number == 5 and request.redo == () and stop.visible
    *_, (number, request), _ = pressed(films, short, "redo", chosen=1)
    assert request.redo == (1,) and request.earlier == ()
    *_, (number, request), _ = pressed(films, short, "earlier", chosen=1)
    assert request.earlier == (1,) and request.redo == ()
    *lines, table, _, wanted, stop = pressed(films, short, "dub", rows=[list(row(start=2.0, end=1.0))])
    assert "ends before it begins" in "".join(lines) and "Ends before" in table[0][-1] and wanted == gr.skip()


def test_folders_are_bounded_in_number_size_and_age(tmp_path):
    now = [0.0]
    folders = FilmFolders(100, most=2, most_bytes=1000, now=lambda: now[0])

    def use(visitor, film="film", size=10):
        now[0] += 1
        with folders.of(visitor, film) as folder:
            (folder / "data").write_bytes(bytes(size))
        return folder

    first, second = use("a"), use("b")
    assert use("a") == first and (first / "data").is_file()
    third = use("c")  # b was used longest ago
    assert not second.exists() and first.exists() and third.exists() and len(folders) == 2
    other = use("a", "another film")
    assert not first.exists() and other.exists()
    large = use("c", size=995)
    assert large.exists() and not other.exists()
    with folders.of("c", "film") as folder:  # nobody takes away what is used
        now[0] += 1000
        folders.sweep()
        folders.forget("c")
        assert (folder / "data").is_file()
    now[0] += 1000
    folders.sweep()
    assert len(folders) == 0 and not large.exists()
    gone = use("d")
    folders.forget("d")
    assert not gone.exists()


def test_a_film_keeps_its_time_under_its_other_name(short, tmp_path):
    there = bring_film(str(short), tmp_path / "film.mp4")
    assert there.read_bytes() == short.read_bytes() and there.stat().st_mtime_ns == short.stat().st_mtime_ns


# ---------------------------------------------------------------------------------------------------------------------
# With the models


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    return make_film(folder)


@pytest.fixture
def whole(scenes):
    rows, _ = film_limits.read_sheet(scenes.with_name("film.srt"))
    voices = (VoiceGiven("anna", str(scenes.with_name("anna.wav"))), VoiceGiven("ben", None, "3.0-5.5"))
    return FilmRequest(str(scenes), tuple(map(tuple, rows)), voices, True, steps=1)


def told_nothing(progress, desc):
    pass


@pytest.mark.slow
def test_a_film_is_dubbed_and_one_cue_done_again(dubber, whole, tmp_path, monkeypatch):
    from flowdubber_hf.film import run as run_module

    monkeypatch.setattr(run_module, "_pipeline", lambda *given: pytest.fail("a second copy of the model was loaded"))
    films = FilmDubber(dubber, MODEL, FilmFolders(3600))
    handler = film_events.film_handler(films, Stops(), lambda file: kept(file, tmp_path))

    def run(request):
        ((*lines, film, remarks, rows, _, subtitles, page, report, stems),) = handler((1, request), told_nothing)
        assert not any(lines)
        return film, remarks, rows, {"page": page, "report": report, "stems": stems, "subtitles": subtitles}

    first, remarks, rows, files = run(replace(whole, stems=True))
    assert "4 cues dubbed, 4 of them now" in remarks and len(rows) == 5 and rows[4][-1] == film_limits.NOT_SPOKEN
    assert Path(files["subtitles"].value["path"]).read_text().count("Place blue at f two now.") == 4
    assert files["stems"].visible and Path(files["stems"].value["path"]).stat().st_size > 1000
    for name in ("page", "report"):  # no path of the server
        text = Path(files[name].value["path"]).read_text()
        assert "dubbed.mp4" in text and "flowdubber-films-" not in text
    second, remarks, _, files = run(replace(whole, redo=(2,)))
    assert "4 cues dubbed, 1 of them now" in remarks and not files["stems"].visible
    assert Path(first).read_bytes() != Path(second).read_bytes()
    back, remarks, _, _ = run(replace(whole, earlier=(2,)))
    assert "0 of them now" in remarks and Path(back).read_bytes() == Path(first).read_bytes()
    ((*told,),) = handler((1, replace(whole, earlier=(1,))), told_nothing)
    assert "Cue 1 has no other take" in told[film_limits.FILM_FIELDS.index("cues")] and told[-1] == gr.skip()
    # The same film without stems and with nothing to be done again is there at once
    assert "0 of them now" in run(whole)[1]


def kept(file, folder):
    target = folder / f"{len(list(folder.iterdir()))}{Path(file).suffix}"
    target.write_bytes(Path(file).read_bytes())
    return str(target)


@pytest.mark.slow
def test_stop_keeps_takes_and_a_lent_card_makes_some_at_a_time(dubber, whole):
    import pickle

    calls = []

    def lend(function):
        def call(plan, how, cues, report):
            calls.append(list(cues))
            return function(*pickle.loads(pickle.dumps((plan, how, cues))), report)

        return call

    films = FilmDubber(dubber, MODEL, FilmFolders(3600), lend)
    shares = []

    def stop_after_the_second(progress, desc):
        shares.append(progress)
        if len(calls) == 1 and desc.startswith("Making takes") and progress > 0.5:
            raise Stopped

    with pytest.raises(Stopped):
        films.dub(whole, "a", stop_after_the_second, lambda dub: None)
    assert [len(group) for group in calls] == [4] and shares == sorted(shares)
    assert films.dub(whole, "a", told_nothing, lambda dub: dub.made) == 2
    assert [len(group) for group in calls] == [4, 2]


@pytest.mark.slow
def test_the_tab_is_part_of_the_page(app):
    named = {function.name: function for function in app.demo.fns.values()}
    assert named["run_film"].concurrency_id == named["run"].concurrency_id
    assert len(named["run_film"].outputs) == len(film_limits.FILM_FIELDS) + 3 + len(FILM_DOWNLOADS)
    assert named["look_at_film"].concurrency_id == named["prepare_clip"].concurrency_id
