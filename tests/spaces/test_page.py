"""What the page's functions answer, without a server."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from flowdubber_hf.page import api, events, layout
from flowdubber_hf.page.history import MAX_TAKES
from flowdubber_hf.page.limits import FIELDS, NO_CONSENT, QUEUE_LENGTH, Request
from flowdubber_hf.page.progress import Stops
from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.references import check_reference
from flowdubber_hf.processing.text import phonemize
from flowdubber_hf.processing.video import plays_in_browsers, probe_video
from support.video_files import noise_frames, write_clip


pytestmark = pytest.mark.slow


@pytest.fixture
def folders(monkeypatch):
    """The requests' folders, noted as they are made."""
    made = []
    original = events.TemporaryDirectory

    def noted(*arguments, **options):
        made.append(original(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(events, "TemporaryDirectory", noted)
    return made


@pytest.fixture
def store(tmp_path):
    """Stands in for gradio's cache: files stay beyond their request."""

    def keep(file):
        kept = tmp_path / f"{len(list(tmp_path.iterdir()))}{Path(file).suffix}"
        kept.write_bytes(Path(file).read_bytes())
        return str(kept)

    return keep


def values(media, **changed):
    given = {
        "clip": str(media / "head.mp4"), "script": "place blue at f two now", "voice": str(media / "voice.wav"),
        "own_sound": False, "consent": True, "steps": 1, "guidance_scale": 1.4, "seed": 0, "takes": 1, "temperature": 0.4,
    }  # fmt: skip
    return list({**given, **changed}.values())


def wanted(media, **changed):
    return (1, Request(*values(media, **changed)))


def test_problems_stand_beside_their_fields_before_anybody_waits(dubber, media):
    *found, moves, request, stop = events.check_handler(dubber)(*values(media, script="", consent=False), (3, None))
    assert dict(zip(FIELDS, found, strict=True)) == {
        "clip": "", "script": "Type the words to be spoken.", "voice": "", "consent": NO_CONSENT, "settings": "",
    }  # fmt: skip
    assert moves == "" and request == stop == gr.skip()  # nothing is put into the line


def test_what_passes_is_wanted_even_when_it_was_asked_for_before(dubber, media):
    check = events.check_handler(dubber)
    *found, first, stop = check(*values(media), (3, None))
    assert not any(found) and stop.visible
    *_, second, _ = check(*values(media), first)
    assert first[1] == second[1] == Request(*values(media)) and first != second


def test_checks_do_not_stand_in_the_line_of_the_dubs(app):
    named = {function.name: function for function in app.demo.fns.values()}
    for name in ("check", "move", "prepare_clip", "prepare_voice"):
        assert named[name].concurrency_id == events.LOOKING != events.QUEUE
        assert named[name].concurrency_limit > 1
    for name in ("read_script", "stop", "show_earlier"):
        assert named[name].queue is False


def run(dubber, media, store, stops=None, takes=(), **changed):
    return events.page_handler(dubber, stops or Stops(), store)(wanted(media, **changed), list(takes))


def test_a_dub_is_shown_and_kept(dubber, media, folders, store):
    (result,) = run(dubber, media, store)
    assert list(result[: len(FIELDS)]) == [""] * len(FIELDS)
    (take,), listed, video = result[len(FIELDS) : len(FIELDS) + 3]
    assert listed.choices == [(take.label, 1)] and listed.value == 1
    assert video == take.files["video"] and Path(video).is_file()
    assert 'data-start="' in "".join(str(part) for part in result)
    assert {Path(file).suffix for file in take.files.values()} == {".mp4", ".wav", ".srt", ".json", ".html"}
    assert len(folders) == 1 and not Path(folders[0].name).exists()


def test_what_the_models_find_wrong_leaves_the_last_result(dubber, media, folders, store, tmp_path):
    clip = write_clip(tmp_path / "noise.mp4", noise_frames(60, 120, 160))
    (result,) = run(dubber, media, store, clip=str(clip))
    assert "No face" in result[0]
    assert all(one == gr.skip() for one in result[len(FIELDS) :])
    assert not Path(folders[0].name).exists()


def test_as_many_values_as_places_for_them(app, dubber, media, store):
    (function,) = [one for one in app.demo.fns.values() if one.name == "run"]
    (result,) = run(dubber, media, store)
    assert len(result) == len(function.outputs)
    (takes,) = [part for part in result if isinstance(part, list) and part and hasattr(part[0], "label")]
    (shown,) = [one for one in app.demo.fns.values() if one.name == "show_earlier"]
    assert len(events.show_earlier(1, takes)) == len(events.show_earlier(99, takes)) == len(shown.outputs)


def test_earlier_takes_come_back_and_the_oldest_goes(dubber, media, store):
    takes = []
    for seed in range(2):
        (result,) = run(dubber, media, store, takes=takes, seed=seed)
        takes = result[len(FIELDS)]
    assert [take.number for take in takes] == [1, 2] and [take.seed for take in takes] == [0, 1]
    assert events.show_earlier(1, takes)[0] == takes[0].files["video"]
    (result,) = run(dubber, media, store, takes=[takes[0]] * MAX_TAKES)
    assert len(result[len(FIELDS)]) == MAX_TAKES


def test_moved_words_are_checked_and_become_a_request(dubber, media, store):
    (result,) = run(dubber, media, store)
    (take,) = result[len(FIELDS)]
    move = events.moves_handler(dubber)
    rows = [[word, start, end] for word, start, end in take.words]
    rows[0][1] = 0.1
    problem, (number, request), stop = move(rows, 1, [take], (1, take.request))
    assert problem == "" and number == 2 and stop.visible
    assert sum(request.phoneme_frames) == sum(take.phoneme_frames) and request.phoneme_frames[0] == 10
    (again,) = events.page_handler(dubber, Stops(), store)((number, request), [take])
    second = again[len(FIELDS)][1]
    assert second.words[0][1] == pytest.approx(0.1) and second.label.endswith("words moved)")
    rows[0][2] = 9
    assert "seconds from 0 to 3.00" in move(rows, 1, [take], (1, None))[0]
    assert "deleted" in move(rows, 7, [take], (1, None))[0]


def test_a_request_that_the_server_has_forgotten(dubber, store):
    (result,) = events.page_handler(dubber, Stops(), store)((0, None), [])
    assert result[FIELDS.index("settings")] == events.FORGOTTEN


def test_a_stopped_dub_leaves_what_is_shown_and_no_folder(dubber, media, folders, store):
    stops = Stops()

    class Visitor:
        session_hash = "a"

    told = []

    def progress(share, desc):
        told.append(desc)
        stops.ask("a")

    handler = events.page_handler(dubber, stops, store)
    (result,) = handler(wanted(media), [], progress, Visitor())
    assert all(value == gr.skip() for value in result[len(FIELDS) :]) and not any(result[: len(FIELDS)])
    assert len(told) == 1 and len(stops) == 0
    assert not Path(folders[0].name).exists()


def test_clips_and_voices_are_checked_when_they_are_given(dubber, media, folders):
    prepare_clip = events.clip_handler(dubber)
    assert list(prepare_clip(None)) == [(None, "")]
    ((cleared, message),) = prepare_clip(str(media / "text.mp4"))
    assert cleared is None and "cannot be read" in message
    assert list(prepare_clip(str(media / "head.mp4"))) == [(gr.skip(), "")]
    ((shown, message),) = prepare_clip(str(media / "webcam.webm"))
    assert shown.endswith("webcam.mp4") and message == ""
    assert list(events.prepare_voice(str(media / "voice.wav"))) == [(gr.skip(), "", "")]
    ((shown, _, _),) = events.prepare_voice(str(media / "head.mp4"))
    assert shown.endswith("head.wav")
    ((cleared, message, _),) = events.prepare_voice(str(media / "text.mp4"))
    assert cleared is None and "cannot be read" in message
    assert not any(Path(folder.name).exists() for folder in folders)


def test_guessed_words_are_told_when_the_script_is_left(dubber):
    read = events.script_handler(dubber)
    assert read("place blue now") == read("") == ""
    assert 'pronunciation of "blorx" is guessed' in read("place blorx [music] now")
    assert "[music]" in read("place blorx [music] now")


def test_the_api_needs_consent_too(dubber, media):
    with pytest.raises(gr.Error, match="consent: Tick this box"):
        next(api.api_handler(dubber)(*values(media, consent=False)))


def test_one_dub_at_a_time_and_a_queue_that_ends(app):
    demo = app.demo
    assert demo._queue.max_size == QUEUE_LENGTH
    dubs = [function for function in demo.fns.values() if function.concurrency_id == events.QUEUE]
    assert len(dubs) == 3  # clips, films, the API
    assert {function.concurrency_limit for function in dubs} == {1}


def test_files_are_deleted_after_an_hour(app):
    assert app.demo.delete_cache == (600, 3600)


def test_only_the_dub_is_public(app):
    public = [function.api_name for function in app.demo.fns.values() if function.api_visibility == "public"]
    assert public == ["dub"]


def test_nothing_is_told_to_others(app):
    assert app.demo.analytics_enabled is False
    assert app.launch_settings()["run_history"] is False


def test_another_model_has_another_notice():
    texts = []
    with gr.Blocks(analytics_enabled=False) as demo:
        layout.heading("NAME/other", 20.0)
    texts = [block.value for block in demo.blocks.values() if isinstance(block, gr.Markdown)]
    assert "`NAME/other`" in texts[1] and "GRID" not in texts[1]


def test_three_examples_that_the_project_makes_itself(app):
    cache = Path(app.demo.GRADIO_CACHE)
    (examples,) = [block for block in app.demo.blocks.values() if isinstance(block, gr.Dataset)]
    scripts = examples.sample_labels
    clips = [next(cache.rglob(f"example_{number}.mp4")) for number in (1, 2, 3)]
    sounds = [load_audio(next(cache.rglob(name))) for name in ("demo_reference.wav", "voice_2.wav", "voice_3.wav")]
    assert len(set(scripts)) == 3
    for clip, script, sound in zip(clips, scripts, sounds, strict=True):
        assert plays_in_browsers(clip)
        assert len(phonemize(script).ids) < probe_video(clip).num_frames
        check_reference(sound)
    assert not np.array_equal(sounds[0], sounds[1])
    check_reference(load_audio(clips[0]))  # has a sound of its own


def test_a_dub_is_there_before_one_was_asked_for(app):
    named = {block.elem_id: block for block in app.demo.blocks.values() if getattr(block, "elem_id", None)}
    assert Path(named["dubbed"].value["path"]).name == "dubbed.mp4"
    assert 'data-start="' in named["timeline"].value
    assert layout.ABOUT_READY in named["remarks"].value


def test_another_model_or_a_lent_card_makes_no_dub_by_itself(dubber, monkeypatch):
    monkeypatch.setattr(layout, "_ready_take", lambda *arguments: pytest.fail("made a dub"))
    with gr.Blocks(analytics_enabled=False):
        layout.build_parts(dubber, "NAME/other")
    monkeypatch.setattr(dubber, "is_lent", True)
    with gr.Blocks(analytics_enabled=False):
        layout.build_parts(dubber, layout.BUNDLED_MODEL)
