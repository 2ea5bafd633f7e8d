"""Clips and voices that are read once and dubbed as often as wanted."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch

from calls import BOXES, FPS, SCRIPTS, frames, generator, inputs, voice
from components import tiny_pipeline


@pytest.fixture(scope="module")
def pipe():
    torch.manual_seed(0)
    return tiny_pipeline()


@pytest.fixture
def counted(pipe, monkeypatch):
    """How often lips were read and voices heard."""
    calls = {"lips": 0, "voice": 0}
    for name, part in {"lips": pipe.aligner.lip_encoder, "voice": pipe.style_encoder}.items():

        def note(*_, name=name):
            calls[name] += 1

        hook = part.register_forward_pre_hook(note)
        monkeypatch.setattr(part, "_hook_of_this_test", hook, raising=False)
    yield calls
    pipe.aligner.lip_encoder._hook_of_this_test.remove()
    pipe.style_encoder._hook_of_this_test.remove()


def prepared(**changed) -> dict:
    """A call without what belongs to clip and voice."""
    left_out = {"fps", "mouth_box"} | ({"reference_sampling_rate"} if "reference_audio" in changed else set())
    return {name: value for name, value in inputs(**changed).items() if name not in left_out}


def test_a_prepared_call_is_the_call_itself(pipe, counted):
    plain = pipe(**inputs())
    clip = pipe.prepare_clip(frames(20), fps=FPS, mouth_box=BOXES[0])
    heard = pipe.prepare_voice(voice(), 16000)
    assert counted == {"lips": 2, "voice": 2}
    dub = pipe(**prepared(video=clip, reference_audio=heard))
    assert torch.equal(dub.audios[0], plain.audios[0])
    assert dub.words == plain.words and dub.warnings == plain.warnings
    np.testing.assert_array_equal(dub.mouths[0], plain.mouths[0])
    other = pipe(**prepared(video=clip, reference_audio=heard, script=SCRIPTS[1], generator=generator(1)))
    assert torch.equal(other.audios[0], pipe(**inputs(script=SCRIPTS[1], generator=generator(1))).audios[0])
    assert counted == {"lips": 3, "voice": 3}  # the last plain call's


def test_what_stands_in_a_list_several_times_is_read_once(pipe, counted):
    clip, sound = frames(20), voice()
    takes = pipe(
        **inputs(
            script=[SCRIPTS[0]] * 3,
            video=[clip] * 3,
            reference_audio=[sound] * 3,
            mouth_box=[BOXES[0]] * 3,
            generator=[generator(seed) for seed in range(3)],
            output_type="latent",
        )
    )
    assert counted == {"lips": 1, "voice": 1}
    alone = pipe(**inputs(video=clip, reference_audio=sound, generator=generator(2), output_type="latent"))
    torch.testing.assert_close(takes.audios[2], alone.audios[0], atol=5e-5, rtol=1e-4)
    moved = pipe(**inputs(script=[SCRIPTS[0]] * 2, video=[clip] * 2, mouth_box=list(BOXES), reference_audio=sound))
    assert not np.array_equal(moved.mouths[0], moved.mouths[1])  # another place is another clip


def test_a_clip_read_without_lips_serves_cues_alone(pipe):
    clip = pipe.prepare_clip(frames(20), fps=FPS, timing="cue")
    assert clip.features is None and clip.num_frames == 20 and clip.duration == pytest.approx(0.8)
    with pytest.raises(ValueError, match="prepared with timing='cue'"):
        pipe(**prepared(video=clip))
    dub = pipe(**inputs(video=clip, mouth_box=None, timing="cue"))
    assert torch.equal(dub.audios[0], pipe(**inputs(mouth_box=None, timing="cue")).audios[0])


@pytest.mark.parametrize(
    ("changed", "message"), [({"mouth_box": BOXES[0]}, "prepare_clip"), ({"turn": 90}, "prepare_clip")]
)
def test_what_belongs_to_the_reading_is_refused_later(pipe, changed, message):
    clip = pipe.prepare_clip(frames(20), fps=FPS, mouth_box=BOXES[0])
    with pytest.raises(ValueError, match=message):
        pipe(**prepared(video=clip, **changed) | changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"timing": "later"}, "`timing` must be one of"),
        ({"timing": "cue", "mouth_box": BOXES[0]}, "reads none"),
        ({"mouth_box": (1, 2, 3)}, "`mouth_box` must be"),
        ({"turn": 45}, "turn"),
    ],
)
def test_a_clip_to_prepare_is_checked_as_in_a_call(pipe, changed, message):
    with pytest.raises(ValueError, match=message):
        pipe.prepare_clip(frames(20), fps=FPS, **changed)
