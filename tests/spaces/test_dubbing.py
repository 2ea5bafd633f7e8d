"""From a request to a dub, by the bundled model."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import av
import numpy as np
import pytest

from flowdubber_hf.demo import DEMO_SCRIPT
from flowdubber_hf.dubbing import takes
from flowdubber_hf.page.dubbing import Dubber, write_report
from flowdubber_hf.page.limits import NO_FACE, Problems, Request
from flowdubber_hf.page.progress import CHECKING, STAGES, WRITING, Stopped
from flowdubber_hf.page.serve import gpu_seconds
from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.video import SYNTHETIC_SPEECH_NOTICE, plays_in_browsers, probe_video, write_wav
from support.tiny_models import tiny_pipeline
from support.video_files import noise_frames, video_packets, write_clip


pytestmark = pytest.mark.slow


@pytest.fixture
def request_of_two_steps(media):
    voice = str(media / "voice.wav")
    return Request(str(media / "head.mp4"), DEMO_SCRIPT, voice, consent=True, steps=2)


class Told(list):
    """Stands in for gr.Progress."""

    def __call__(self, progress, desc):
        self.append((progress, desc))


def test_a_dub(dubber, request_of_two_steps, media, tmp_path):
    told = Told()
    dub = dubber.dub(request_of_two_steps, tmp_path, told)
    assert dub.video == tmp_path / "dubbed.mp4"
    assert video_packets(dub.video) == video_packets(media / "head.mp4")
    assert probe_video(dub.video).duration == dub.duration == 3.0
    with av.open(str(dub.video)) as container:
        assert container.metadata["comment"] == SYNTHETIC_SPEECH_NOTICE
    assert dub.original == media / "head.mp4"
    np.testing.assert_allclose(load_audio(dub.sound_file), dub.sound, atol=1 / 16384)  # 16 bits
    assert dub.subtitles.read_text().startswith("1\n00:00:00,") and DEMO_SCRIPT in dub.subtitles.read_text()
    assert sum(dub.phoneme_frames) == 300
    assert dub.own_sound is not None and dub.mouths.shape == (75, 96, 96)
    assert [word for word, _, _ in dub.words] == DEMO_SCRIPT.split()
    assert list(dub.seconds) == [CHECKING, *(text for text, _ in STAGES.values()), WRITING]
    report = dub.report()
    assert report["words"][0]["word"] == "place"
    assert (report["seed"], report["takes"], report["warnings"]) == (0, [], [])

    shares, texts = zip(*told, strict=True)
    assert list(shares) == sorted(shares) and shares[-1] < 1
    assert list(dict.fromkeys(texts)) == [CHECKING, *(STAGES[name][0] for name in STAGES), WRITING]


def test_the_seed_decides(dubber, request_of_two_steps, tmp_path):
    sounds = []
    for number, seed in enumerate((3, 3, 4)):
        folder = tmp_path / str(number)
        folder.mkdir()
        sounds.append(dubber.dub(replace(request_of_two_steps, seed=seed), folder, Told()).sound)
    np.testing.assert_array_equal(sounds[0], sounds[1])
    assert not np.array_equal(sounds[0], sounds[2])


def test_the_best_of_several_takes(dubber, request_of_two_steps, tmp_path):
    told = Told()
    dub = dubber.dub(replace(request_of_two_steps, takes=2, seed=5), tmp_path, told)
    assert [take["seed"] for take in dub.takes] == [5, 6]
    (kept,) = [take for take in dub.takes if take["kept"]]
    assert dub.seed == kept["seed"]
    assert kept["similarity"] == max(take["similarity"] for take in dub.takes)
    shares, texts = zip(*told, strict=True)
    assert list(shares) == sorted(shares)
    assert {"2 takes: reading the lips", "2 takes: making the sound"} <= set(texts)


def test_takes_are_chosen_from_wheels_alone():
    """Resemblyzer cannot be named in requirements.txt, so the voice is compared by the pipeline's own encoder."""
    assert "resemblyzer" not in takes.PACKAGES


def test_a_webcams_recording_is_made_playable(dubber, request_of_two_steps, media, tmp_path):
    webcam = str(media / "webcam.webm")
    dub = dubber.dub(replace(request_of_two_steps, clip=webcam), tmp_path, Told())
    assert plays_in_browsers(dub.original) and plays_in_browsers(dub.video)
    assert dub.original.is_relative_to(tmp_path) and dub.original.name == "webcam.mp4"
    assert dub.duration == probe_video(media / "webcam.webm").duration
    assert dub.own_sound is None


def test_the_clips_own_sound_as_the_voice(dubber, request_of_two_steps, tmp_path):
    dub = dubber.dub(replace(request_of_two_steps, voice=None, own_sound=True), tmp_path, Told())
    assert np.abs(dub.sound).max() > 0.01


def test_hurried_speech_is_said(dubber, request_of_two_steps, tmp_path):
    script = "statistically speaking, this is certainly rather long for the short clip that it has to fit into"
    assert "hurried" in dubber.dub(replace(request_of_two_steps, script=script), tmp_path, Told()).warnings[-1]


def test_a_clip_without_a_face(dubber, request_of_two_steps, tmp_path):
    clip = write_clip(tmp_path / "noise.mp4", noise_frames(60, 120, 160))
    with pytest.raises(Problems) as found:
        dubber.dub(replace(request_of_two_steps, clip=str(clip)), tmp_path, Told())
    assert found.value.by_field == {"clip": NO_FACE}


def test_what_crosses_to_a_lent_graphics_card_can_be_pickled(dubber, request_of_two_steps, tmp_path):
    """ZeroGPU runs the decorated function in a process of its own, from where no exception's message comes back."""
    asked = []

    def lend(function):
        def call(*arguments):
            asked.append(pickle.loads(pickle.dumps(arguments))[0])
            try:
                return pickle.loads(pickle.dumps(function(*arguments)))
            except Exception:
                raise RuntimeError("worker error") from None

        return call

    borrower = Dubber(dubber.pipe, max_takes=1, on_device=lend)
    lent = borrower.dub(request_of_two_steps, tmp_path, Told())
    assert asked == [request_of_two_steps]
    clip = write_clip(tmp_path / "noise.mp4", noise_frames(60, 120, 160))
    with pytest.raises(Problems, match="No face was found"):
        borrower.dub(replace(request_of_two_steps, clip=str(clip)), tmp_path, Told())
    (tmp_path / "here").mkdir()
    np.testing.assert_array_equal(lent.sound, dubber.dub(request_of_two_steps, tmp_path / "here", Told()).sound)


def test_a_model_without_a_language_model_has_nothing_to_guide(request_of_two_steps, tmp_path):
    bare = Dubber(tiny_pipeline(language_model=False))
    assert not bare.can_guide
    assert bare.dub(request_of_two_steps, tmp_path, Told()).duration == 3.0


def test_seconds_of_the_card_follow_the_takes(request_of_two_steps):
    one, four = (gpu_seconds(replace(request_of_two_steps, takes=takes)) for takes in (1, 4))
    assert four == 4 * one


def test_the_report_names_what_was_asked_and_made_but_no_file(dubber, request_of_two_steps, media, tmp_path):
    dub = dubber.dub(request_of_two_steps, tmp_path, Told())
    text = write_report(dub, request_of_two_steps, tmp_path / "dubbed.json").read_text()
    report = json.loads(text)
    assert (report["script"], report["steps"], report["seed"]) == (DEMO_SCRIPT, 2, 0)
    assert [word["word"] for word in report["words"]] == DEMO_SCRIPT.split()
    assert str(media) not in text and str(tmp_path) not in text


def test_given_times_are_spoken(dubber, request_of_two_steps, tmp_path):
    first = dubber.dub(request_of_two_steps, tmp_path, Told())
    later = list(first.phoneme_frames)
    later[0], later[-1] = later[0] + 10, later[-1] - 10  # all words 0.1 s later
    (tmp_path / "moved").mkdir()
    moved = dubber.dub(replace(request_of_two_steps, phoneme_frames=tuple(later)), tmp_path / "moved", Told())
    assert moved.phoneme_frames == later
    assert moved.words[0][1] == pytest.approx(first.words[0][1] + 0.1)


def test_remarks_on_the_voice_and_the_script_are_told(dubber, request_of_two_steps, media, tmp_path):
    clipped = write_wav(tmp_path / "clipped.wav", np.clip(6 * load_audio(media / "voice.wav"), -0.5, 0.5))
    asked = replace(request_of_two_steps, voice=str(clipped), script="place blorx at f two now")
    warnings = " ".join(dubber.dub(asked, tmp_path, Told()).warnings)
    assert "clipped" in warnings and 'pronunciation of "blorx" is guessed' in warnings


def test_whoever_asks_the_models_run_in_one_thread(dubber, request_of_two_steps, tmp_path, monkeypatch):
    """Each thread that computes keeps memory of its own for ever; a server has forty of them."""
    seen = []
    original = dubber.pipe.encode_lips

    def noted(*arguments, **options):
        seen.append(threading.get_ident())
        return original(*arguments, **options)

    monkeypatch.setattr(dubber.pipe, "encode_lips", noted)
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor(3) as visitors:
        list(visitors.map(lambda folder: dubber.dub(replace(request_of_two_steps, steps=1), folder, Told()), folders))
    assert len(seen) == 3 and len(set(seen)) == 1


def test_a_report_that_stops_ends_the_dub(dubber, request_of_two_steps, tmp_path):
    told = []

    def stop(progress, desc):
        told.append(desc)
        if desc == STAGES["lips"][0]:
            raise Stopped

    with pytest.raises(Stopped):
        dubber.dub(request_of_two_steps, tmp_path, stop)
    assert told[-1] == STAGES["lips"][0]
    assert not list(tmp_path.iterdir())
