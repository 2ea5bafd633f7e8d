"""Clips, voices and whole dubs that are read once and made as often as wanted."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch

from support.pipeline_calls import BOXES, FPS, SCRIPTS, demo_voice, frames, generator, inputs
from support.tiny_models import tiny_pipeline


pytestmark = pytest.mark.slow


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
    heard = pipe.prepare_voice(demo_voice(), 16000)
    assert counted == {"lips": 2, "voice": 2}
    dub = pipe(**prepared(video=clip, reference_audio=heard))
    assert torch.equal(dub.audios[0], plain.audios[0])
    assert dub.words == plain.words and dub.warnings == plain.warnings
    np.testing.assert_array_equal(dub.mouths[0], plain.mouths[0])
    other = pipe(**prepared(video=clip, reference_audio=heard, script=SCRIPTS[1], generator=generator(1)))
    assert torch.equal(other.audios[0], pipe(**inputs(script=SCRIPTS[1], generator=generator(1))).audios[0])
    assert counted == {"lips": 3, "voice": 3}  # the last plain call's


def test_what_stands_in_a_list_several_times_is_read_once(pipe, counted):
    clip, sound = frames(20), demo_voice()
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


READING = ("script", "video", "reference_audio", "fps", "reference_sampling_rate", "mouth_box")


def ready(pipe, **changed):
    return pipe.prepare(**{name: value for name, value in inputs(**changed).items() if name in (*READING, *changed)})


def take(seed: int = 0, **changed) -> dict:
    """A call of a prepared dub."""
    left = {name: value for name, value in inputs(generator=generator(seed)).items() if name not in READING}
    return {**left, **changed}


@pytest.mark.parametrize("changed", [{}, {"timing": "cue", "mouth_box": None}, {"without": ["lips", "style"]}])
def test_takes_of_a_prepared_dub_are_those_of_the_call(pipe, changed):
    dub = ready(pipe, **changed)
    for seed in range(2):
        made = pipe(dub, **take(seed))
        plain = pipe(**inputs(generator=generator(seed), **changed))
        assert torch.equal(made.audios[0], plain.audios[0])
        assert made.words == plain.words and made.warnings == plain.warnings


def test_a_prepared_dub_is_read_and_aligned_once(pipe, counted, monkeypatch):
    aligned = []
    encode = type(pipe.aligner).encode
    monkeypatch.setattr(type(pipe.aligner), "encode", lambda *a, **k: aligned.append(1) or encode(*a, **k))
    dub = ready(pipe)
    before = dict(counted), len(aligned)
    for seed in range(3):
        pipe(dub, **take(seed))
    assert (counted, len(aligned)) == before
    assert set(dub.seconds) >= {"phonemes", "reference", "lips", "alignment"}


def test_repeated_dubs_are_takes_side_by_side(pipe):
    dub = ready(pipe, script=list(SCRIPTS), video=[frames(20), frames(27, seed=1)], mouth_box=list(BOXES))
    twice = dub.repeat(2)
    assert len(twice) == 4 and twice.scripts == SCRIPTS * 2
    seeds = [generator(seed) for seed in range(4)]
    together = pipe(twice, **take(generator=seeds, output_type="latent"))
    for row in range(4):
        alone = ready(pipe, script=SCRIPTS[row % 2], video=dub.clips[row % 2], fps=None, mouth_box=None)
        made = pipe(alone, **take(generator=generator(row), output_type="latent"))
        frame_count = made.audios.shape[2]
        torch.testing.assert_close(together.audios[row, :, :frame_count], made.audios[0], atol=5e-5, rtol=1e-4)
        assert together.words[row] == made.words[0]
    with pytest.raises(ValueError, match="1 time or more"):
        dub.repeat(0)


def test_another_script_or_voice_takes_over_the_rest(pipe, counted):
    dub = ready(pipe)
    before = dict(counted)
    other = pipe.prepare(SCRIPTS[1], dub.clips[0], dub.voices[0])
    assert counted == before
    plain = pipe(**inputs(script=SCRIPTS[1]))
    assert torch.equal(pipe(other, **take()).audios[0], plain.audios[0])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"video": frames(20)}, "`video` belongs to `prepare`"),
        ({"timing": "cue"}, "`timing` belongs to `prepare`"),
        ({"phoneme_frames": [1]}, "`phoneme_frames` belongs to `prepare`"),
        ({"without": ["style"]}, "give it to `prepare`"),
        ({"guidance_scale": -1}, "`guidance_scale` must lie"),
    ],
)
def test_what_a_prepared_dub_has_is_not_given_again(pipe, changed, message):
    dub = ready(pipe)
    with pytest.raises(ValueError, match=message):
        pipe(dub, **take(**changed))


@pytest.mark.parametrize("name", ["video", "reference_audio"])
def test_a_plain_script_needs_clip_and_voice(pipe, name):
    given = inputs()
    del given[name]
    with pytest.raises(ValueError, match=f"`{name}` is missing"):
        pipe(**given)


def test_given_frames_and_knowledge_left_out_later(pipe):
    counts = pipe(**inputs()).phoneme_frames[0]
    dub = ready(pipe, phoneme_frames=counts)
    made = pipe(dub, **take(without=["semantics"]))
    plain = pipe(**inputs(phoneme_frames=counts, without=["semantics"]))
    assert torch.equal(made.audios[0], plain.audios[0])


def test_mouths_that_are_cut_already_make_the_clip(pipe):
    clip = pipe.prepare_clip(frames(20), fps=FPS, mouth_box=BOXES[0])
    mouths = pipe.prepare_mouths(clip.crops, clip.seen)
    plain = pipe(**prepared(video=clip))
    assert torch.equal(pipe(**prepared(video=mouths)).audios[0], plain.audios[0])
    hidden = np.ones(20, dtype=bool)
    hidden[5:9] = False
    other = clip.crops.copy()
    other[5:9] = 0
    masked, same = (pipe.prepare_mouths(crops, hidden) for crops in (clip.crops, other))
    assert torch.equal(masked.features[~hidden], same.features[~hidden])  # what is not seen tells nothing
    assert pipe.prepare_mouths(clip.crops, duration=0.79).num_samples == 12640


@pytest.mark.parametrize(
    ("crops", "changed", "message"),
    [
        (np.zeros((4, 90, 96), np.uint8), {}, "grey pictures"),
        (np.zeros((4, 96, 96), np.float32), {}, "uint8"),
        (np.zeros((0, 96, 96), np.uint8), {}, "grey pictures"),
        (np.zeros((4, 96, 96), np.uint8), {"seen": [True] * 3}, "one value a frame"),
        (np.zeros((4, 96, 96), np.uint8), {"seen": [False] * 4}, "no frame shows the mouth"),
        (np.zeros((4, 96, 96), np.uint8), {"duration": 9.0}, "do not last"),
    ],
)
def test_mouths_of_another_form_are_refused(pipe, crops, changed, message):
    with pytest.raises(ValueError, match=message):
        pipe.prepare_mouths(crops, **changed)
