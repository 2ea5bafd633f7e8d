"""What the ecosystem holds, given to the pipeline: the same dub as of plain arrays, and messages that name what is at fault."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import io

import pytest
import torch
from PIL import Image

from flowdubber_hf.pipelines.flowdubber.inputs import each
from flowdubber_hf.processing.lips import NoFaceError
from flowdubber_hf.processing.video import write_wav
from support.pipeline_calls import BOXES, SCRIPTS, batch_inputs, demo_voice, frames, inputs
from support.tiny_models import tiny_pipeline
from support.video_files import write_clip


QUICK = {"without": ["semantics"], "output_type": "latent", "num_inference_steps": 1}


@pytest.fixture(scope="module")
def pipe():
    return tiny_pipeline()


@pytest.fixture(scope="module")
def plain(pipe):
    return pipe(**inputs(**QUICK)).audios


CLIPS = {
    "pictures": lambda clip: [Image.fromarray(frame) for frame in clip],
    "channels first": lambda clip: torch.from_numpy(clip).permute(0, 3, 1, 2),
    "floats": lambda clip: clip / 255.0,
}
VOICES = {
    "dictionary": lambda sound: {"array": sound, "sampling_rate": 16000},
    "pair": lambda sound: (16000, sound),
    "tensor with its rate": lambda sound: (torch.from_numpy(sound)[None], 16000),
}


@pytest.mark.parametrize("form", CLIPS)
def test_clips_of_any_form_give_the_same_dub(pipe, plain, form):
    assert torch.equal(pipe(**inputs(video=CLIPS[form](frames(20)), **QUICK)).audios, plain)


@pytest.mark.parametrize("form", VOICES)
def test_voices_of_any_form_give_the_same_dub(pipe, plain, form):
    given = inputs(reference_audio=VOICES[form](demo_voice()), reference_sampling_rate=None, **QUICK)
    assert torch.equal(pipe(**given).audios, plain)


def test_files_in_memory_give_the_dub_of_the_files(pipe, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", frames(20))
    write_wav(tmp_path / "voice.wav", demo_voice(), 16000)
    by_path = pipe(**inputs(video=clip, reference_audio=tmp_path / "voice.wav", **QUICK))
    assert by_path.videos == [clip]
    held = pipe(**inputs(video=clip.read_bytes(), reference_audio=(tmp_path / "voice.wav").open("rb"), **QUICK))
    assert torch.equal(held.audios, by_path.audios) and held.durations == by_path.durations
    assert held.videos == [None]
    row = {"path": str(clip), "bytes": None}
    assert pipe(**inputs(video=row, reference_audio=tmp_path / "voice.wav", **QUICK)).videos == [clip]
    sound = pipe(**{**inputs(video=clip.read_bytes()), "num_inference_steps": 1})
    with pytest.raises(ValueError, match="not given by its path"):
        pipe.save_video(sound, tmp_path / "dub.mp4")


def test_single_forms_serve_a_whole_batch(pipe, tmp_path):
    """A list of pictures is one clip, a pair one voice, and a file object is read once."""
    write_wav(tmp_path / "voice.wav", demo_voice(), 16000)
    pictures = [Image.fromarray(frame) for frame in frames(20)]
    with (tmp_path / "voice.wav").open("rb") as file:
        dub = pipe(**batch_inputs(video=pictures, reference_audio=file, mouth_box=BOXES[0], **QUICK))
    pair = pipe(
        **batch_inputs(video=[pictures, pictures], reference_audio=(16000, demo_voice()), mouth_box=BOXES[0], **QUICK)
    )
    torch.testing.assert_close(dub.audios, pair.audios, atol=0.02, rtol=0)  # the file has 16 bits a sample
    assert dub.durations == [0.8, 0.8]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"video": [frames(20), frames(27)[..., :2]]}, r"^`video\[1\]`: a clip is a path"),
        ({"video": [frames(20), "nowhere.mp4"]}, r"^`video\[1\]`: there is no video file nowhere\.mp4"),
        ({"reference_audio": ["nowhere.wav", demo_voice()]}, r"^`reference_audio\[0\]`: there is no reference file"),
        ({"reference_audio": [demo_voice(), demo_voice() * 1000]}, r"^`reference_audio\[1\]`: sound given as floats"),
        (
            {"reference_audio": [demo_voice(), demo_voice(0.5)]},
            r"^`reference_audio\[1\]`: the reference lasts 0\.50 s",
        ),
        (
            {"reference_audio": [demo_voice(), (44100, demo_voice())]},
            r"^`reference_audio\[1\]`: the sound itself says 44100 Hz",
        ),
        ({"mouth_box": [BOXES[0], (1, 2, 3)]}, r"^`mouth_box\[1\]` must be"),
        ({"mouth_box": [BOXES[0], (8, 8, 400, 400)]}, r"^`mouth_box\[1\]` .* must lie inside the picture"),
        ({"script": [SCRIPTS[0], " "]}, r"^`script\[1\]`: the script is empty"),
        ({"script": [SCRIPTS[0], 3]}, r"^`script\[1\]` must be text"),
        ({"script": [SCRIPTS[0], "set red at two " * 9]}, r"^`script\[1\]`: "),
        ({"reference_text": [None, " "]}, r"^`reference_text\[1\]` must be"),
        ({"fps": 0}, "^fps must lie"),
    ],
)
def test_messages_name_argument_and_place(pipe, changed, message):
    with pytest.raises(ValueError, match=message):
        pipe(**batch_inputs(**changed))


def test_a_face_that_is_missing_keeps_its_kind_of_error(pipe):
    with pytest.raises(NoFaceError, match=r"^`video`: no face was found"):
        pipe(**inputs(mouth_box=None))


def test_what_stands_in_several_rows_is_made_once():
    made = []
    shared = io.BytesIO(b"once")
    assert each("video", [shared, shared], lambda file: made.append(file) or file.read()) == [b"once", b"once"]
    assert len(made) == 1
