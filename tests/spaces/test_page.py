# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""What the page's functions answer, without a server."""

from pathlib import Path

import gradio as gr
import numpy as np
import page
import pytest
from limits import FIELDS, NO_CONSENT, QUEUE_LENGTH

from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.references import check_reference
from flowdubber_hf.processing.text import phonemize
from flowdubber_hf.processing.video import plays_in_browsers, probe_video


@pytest.fixture
def folders(monkeypatch):
    """The requests' folders, noted as they are made."""
    made = []
    original = page.TemporaryDirectory

    def noted(*arguments, **options):
        made.append(original(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(page, "TemporaryDirectory", noted)
    return made


def values(media, **changed):
    given = {
        "clip": str(media / "head.mp4"), "script": "place blue at f two now", "voice": str(media / "voice.wav"),
        "own_sound": False, "consent": True, "steps": 2, "guidance_scale": 1.4, "seed": 0, "takes": 1, "temperature": 0.4,
    }  # fmt: skip
    return list({**given, **changed}.values())


def test_problems_stand_beside_their_fields(dubber, media, folders):
    cleared, found = page.page_handler(dubber)(*values(media, script="", consent=False))
    assert list(cleared[: len(FIELDS)]) == [""] * len(FIELDS)
    assert dict(zip(FIELDS, found, strict=False)) == {
        "clip": "", "script": "Type the words to be spoken.", "voice": "", "consent": NO_CONSENT, "settings": "",
    }  # fmt: skip
    assert found[len(FIELDS) :] == (gr.skip(),) * 6  # the last result stays
    assert len(folders) == 1 and not Path(folders[0].name).exists()


def test_the_requests_folder_goes_with_the_request(dubber, media, folders):
    run = page.page_handler(dubber)(*values(media))
    next(run)
    result = next(run)
    video = Path(result[len(FIELDS)])
    assert video.is_file() and video.parent == Path(folders[0].name)
    assert 'data-start="' in result[len(FIELDS) + 3]
    assert next(run, None) is None
    assert not video.parent.exists()


def test_a_visitor_who_leaves_leaves_no_folder(dubber, media, folders):
    run = page.page_handler(dubber)(*values(media))
    next(run)
    next(run)
    run.close()
    assert not Path(folders[0].name).exists()


def test_clips_are_checked_when_they_are_given(media, folders):
    assert list(page.prepare_clip(None)) == [(None, "")]
    ((cleared, message),) = page.prepare_clip(str(media / "text.mp4"))
    assert cleared is None and "cannot be read" in message
    assert list(page.prepare_clip(str(media / "head.mp4"))) == [(gr.skip(), "")]
    ((shown, message),) = page.prepare_clip(str(media / "webcam.webm"))
    assert shown.endswith("webcam.mp4") and message == ""
    assert not any(Path(folder.name).exists() for folder in folders)


def test_the_api_needs_consent_too(dubber, media):
    with pytest.raises(gr.Error, match="consent: Tick this box"):
        next(page.api_handler(dubber)(*values(media, consent=False)))


def test_one_dub_at_a_time_and_a_queue_that_ends(app):
    demo = app.demo
    assert demo._queue.max_size == QUEUE_LENGTH
    dubs = [function for function in demo.fns.values() if function.concurrency_id == page.QUEUE]
    assert len(dubs) == 3  # the button, another take, the API
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
        page._heading("NAME/other", 20.0)
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
