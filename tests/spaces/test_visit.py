"""What is kept of a visit: its takes, what a browser remembers, who wants to stop. All of it is bounded."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pickle
import threading
import time
from dataclasses import replace

import gradio as gr
import pytest

from flowdubber_hf.page import history, progress, serve
from flowdubber_hf.page.history import MAX_TAKES, Take, added, numbered
from flowdubber_hf.page.kept import KEPT, restored
from flowdubber_hf.page.limits import Request
from flowdubber_hf.page.progress import Stopped, Stops


pytestmark = pytest.mark.slow


REQUEST = Request("clip.mp4", "place  blue\nat f two now and again and again", consent=True)
TAKE = Take(1, REQUEST, 7, {}, [], [], "", "")
GOOD = ["place blue", 10, 1.4, 3, 1, 0.4]


def test_a_visit_keeps_only_so_many_takes():
    takes = []
    for number in range(1, 3 * MAX_TAKES):
        takes = added(takes, replace(TAKE, number=number))
    assert [take.number for take in takes] == list(range(2 * MAX_TAKES, 3 * MAX_TAKES))
    assert numbered(takes, 1) is None and numbered(takes, None) is None
    assert numbered(takes, 2 * MAX_TAKES).number == 2 * MAX_TAKES


def test_names_of_takes():
    assert TAKE.label == "1: place blue at f two now and… (seed 7)"
    assert (
        replace(TAKE, request=replace(REQUEST, script="now", phoneme_frames=(1,))).label
        == "1: now (seed 7, words moved)"
    )


def test_a_take_whose_files_were_deleted_is_gone(tmp_path):
    (tmp_path / "a.mp4").touch()
    take = replace(TAKE, files={"video": str(tmp_path / "a.mp4")})
    assert take.is_there
    (tmp_path / "a.mp4").unlink()
    assert not take.is_there


def test_what_is_large_is_a_file(dubber, media, tmp_path):
    request = Request(str(media / "head.mp4"), "place blue now", str(media / "voice.wav"), consent=True, steps=1)
    stored = []
    take = history.keep(
        dubber.dub(request, tmp_path, lambda progress, desc: None),
        request,
        1,
        tmp_path,
        lambda file: stored.append(file) or file,
    )
    assert sorted(take.files.values()) == sorted(stored)
    assert 'data-start="' in take.timeline() and take.is_there
    assert len(pickle.dumps(take)) < 10_000  # the server holds takes of many visitors


def test_the_server_remembers_a_bounded_number_of_visitors(app):
    assert app.launch_settings()["state_session_capacity"] == serve.KEPT_SESSIONS <= 1000


def test_what_the_browser_kept_comes_back():
    assert len(GOOD) == len(KEPT)
    assert restored(GOOD, 4) == GOOD
    assert not {"clip", "voice", "consent", "own_sound"} & set(KEPT)


@pytest.mark.parametrize("kept", [None, "text", {}, [], GOOD[:-1], [GOOD, 1]])
def test_what_was_never_kept_changes_nothing(kept):
    assert restored(kept, 4) == [gr.skip()] * len(KEPT)


@pytest.mark.parametrize(("place", "value"), [(1, 99), (1, "10"), (3, -1), (4, 3), (5, None), (5, 9.0)])
def test_settings_out_of_their_ranges_do_not_come_back(place, value):
    kept = [*GOOD[:place], value, *GOOD[place + 1 :]]
    expected = GOOD if value is None else [GOOD[0]] + [gr.skip()] * 5
    assert restored(kept, 2) == ([*GOOD[:5], None] if value is None else expected)


def test_a_script_that_is_none_does_not_come_back():
    assert restored([None, *GOOD[1:]], 4) == [gr.skip(), *GOOD[1:]]
    assert restored(["a" * 401, *GOOD[1:]], 4)[0] == gr.skip()


def test_only_who_asks_stops_and_nobody_stays_listed():
    stops, told = Stops(), []
    report = lambda progress, desc: told.append(desc)  # noqa: E731
    with stops.listening("a", report) as first, stops.listening("b", report) as second:
        assert len(stops) == 2
        first(0.1, desc="one")
        stops.ask("a")
        stops.ask("somebody else")
        stops.ask(None)
        with pytest.raises(Stopped):
            first(0.2, desc="two")
        second(0.2, desc="three")
    assert told == ["one", "three"]
    assert len(stops) == 0


def test_stop_waits_until_the_dub_has_ended(monkeypatch):
    stops, ended = Stops(), []
    begun = threading.Event()

    def dub():
        with stops.listening("a", lambda progress, desc: begun.set()) as report:
            try:
                for _ in range(1000):
                    report(0.1, desc="one")
                    time.sleep(0.01)
            except Stopped:
                ended.append("stopped")

    work = threading.Thread(target=dub)
    work.start()
    begun.wait(10)
    stops.stop("a")
    assert ended == ["stopped"]
    work.join()
    assert len(stops) == 0
    monkeypatch.setattr(progress, "PATIENCE", 0.01)
    with stops.listening("a", print) as report:  # one that hears nobody is not waited for without an end
        stops.stop("a")
        with pytest.raises(Stopped):
            report(0.1, desc="two")
    stops.stop("nobody")


def test_another_process_is_told_on_without_being_asked():
    stops = Stops()
    with stops.listening("a", _print) as report:
        stops.ask("a")
        pickle.loads(pickle.dumps(report))(0.5, desc="there")


def _print(progress, desc):
    assert (progress, desc) == (0.5, "there")
