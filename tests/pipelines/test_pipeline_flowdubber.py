"""The pipeline's contracts, with tiny random components of the real classes."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import inspect
import json
import shutil

import av
import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler
from safetensors.torch import load_file, save_file

from flowdubber_hf import FlowDubberPipeline, FlowMatchMidpointDiscreteScheduler
from flowdubber_hf.pipelines.flowdubber.timing import spoken_words
from flowdubber_hf.processing.text import phonemize
from flowdubber_hf.training.semantic_features import cache_settings
from support.pipeline_calls import (
    SCRIPTS,
    batch_inputs,
    demo_voice,
    frames,
    generator,
    inputs,
    same_dub,
    single_inputs,
)
from support.tiny_models import (
    LANGUAGE_MODEL,
    tiny_aligner,
    tiny_components,
    tiny_hifigan,
    tiny_pipeline,
    tiny_vector_field,
)


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pipe():
    return tiny_pipeline()


@pytest.fixture(scope="module")
def reference_output(pipe):
    return pipe(**inputs())


@pytest.fixture(scope="module")
def saved(pipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipeline") / "checkpoint"
    pipe.save_pretrained(folder)
    return folder


@pytest.fixture
def copied(saved, tmp_path):
    """A copy of the saved checkpoint that a test may damage."""
    return shutil.copytree(saved, tmp_path / "checkpoint")


# ---------------------------------------------------------------------------------------------------- the call


def test_call_signature():
    parameters = inspect.signature(FlowDubberPipeline.__call__).parameters
    expected = {
        "script", "video", "reference_audio", "fps", "reference_sampling_rate", "reference_text", "mouth_box",
        "num_inference_steps", "guidance_scale", "temperature", "generator", "latents", "output_type", "return_dict",
        "callback_on_step_end", "callback_on_step_end_tensor_inputs", "sigmas", "phoneme_frames", "without",
        "callback_on_stage",
    }  # fmt: skip
    assert expected <= set(parameters)
    assert (parameters["num_inference_steps"].default, parameters["guidance_scale"].default) == (4, 1.4)
    assert parameters["temperature"].default is parameters["style_guidance_scale"].default is None


def test_output(reference_output):
    (sound,) = reference_output.audios
    assert sound.shape == (20 * 640,)
    assert torch.isfinite(sound).all()
    assert reference_output.sampling_rate == 16000
    assert reference_output.durations == [0.8]
    assert [word for word, _, _ in reference_output.words[0]] == SCRIPTS[0].split()
    starts_and_ends = [time for _, *times in reference_output.words[0] for time in times]
    assert starts_and_ends == sorted(starts_and_ends)
    path = reference_output.paths[0]
    assert path.shape == (len(reference_output.phonemes[0]), 80)
    assert (path.sum(axis=0) == 1).all()
    np.testing.assert_allclose(reference_output.alignments[0].sum(axis=0), 1.0, rtol=1e-4)
    assert {"phonemes", "lips", "reference", "semantics", "alignment", "flow", "vocoder", "total"} <= set(
        reference_output.timings
    )


def test_stages_are_told_as_they_begin(pipe, reference_output):
    told = []
    dub = pipe(**inputs(callback_on_stage=lambda _, name: told.append(name)))
    assert list(dict.fromkeys(told)) == [name for name in dub.timings if name != "total"]
    assert torch.equal(dub.audios[0], reference_output.audios[0])


def test_mouths_are_what_the_lips_were_read_from(pipe, reference_output):
    (mouths,) = reference_output.mouths
    assert (mouths.shape, mouths.dtype) == ((20, 96, 96), np.uint8)
    given = inputs()
    expected = pipe.lip_feature_extractor(given["video"], fps=given["fps"], mouth_box=given["mouth_box"])["crops"]
    np.testing.assert_array_equal(mouths, expected)


def test_same_seed_same_sound(pipe, reference_output):
    torch.testing.assert_close(pipe(**inputs()).audios[0], reference_output.audios[0], rtol=0, atol=0)
    assert not torch.equal(pipe(**inputs(generator=generator(1))).audios[0], reference_output.audios[0])


def test_global_random_state_is_left_alone(pipe):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    pipe(**inputs())
    assert torch.equal(torch.get_rng_state(), before)


def test_dict_and_tuple_outputs_are_equal(pipe, reference_output):
    result = pipe(**inputs(return_dict=False))
    assert isinstance(result, tuple)
    torch.testing.assert_close(result[0][0], reference_output.audios[0])


def test_output_types(pipe, reference_output):
    array = pipe(**inputs(output_type="np")).audios[0]
    assert array.dtype == np.float32
    np.testing.assert_allclose(array, reference_output.audios[0].numpy())
    latents = pipe(**inputs(output_type="latent")).audios
    assert latents.shape == (1, 80, 80)


def assert_batch_equals_singles(pipe, **changed):
    """Mels agree to rounding. A random vocoder's phase enlarges that in the sound, which is compared more loosely."""
    batch = pipe(**batch_inputs(**changed))
    latents = pipe(**batch_inputs(**changed, output_type="latent")).audios
    for row in range(2):
        single = pipe(**single_inputs(row, **changed))
        assert batch.words[row] == single.words[0]
        assert batch.audios[row].shape == single.audios[0].shape
        torch.testing.assert_close(batch.audios[row], single.audios[0], atol=1e-2, rtol=0)
        alone = pipe(**single_inputs(row, **changed, output_type="latent")).audios[0]
        torch.testing.assert_close(latents[row, :, : alone.shape[1]], alone, atol=5e-5, rtol=1e-4)


@pytest.mark.parametrize("guidance_scale", [1.0, 1.4])
def test_batch_gives_what_single_calls_give(pipe, guidance_scale):
    assert_batch_equals_singles(pipe, guidance_scale=guidance_scale)


def test_batch_without_language_model_gives_what_single_calls_give():
    assert_batch_equals_singles(tiny_pipeline(language_model=False), guidance_scale=1.0)


def test_speech_reaches_the_phonemes_by_the_path():
    aligner = tiny_aligner(semantic_channel="path").eval()
    for layer in (aligner.semantic_path.phoneme_out, aligner.semantic_path.frame_out):  # as training opens them
        torch.nn.init.normal_(layer.weight, std=0.02)
    pipe = tiny_pipeline(aligner=aligner)
    said = {"semantic_max_new_tokens": 40, "num_inference_steps": 1}
    assert_batch_equals_singles(pipe, guidance_scale=1.4, **said)
    known, null = (pipe(**inputs(guidance_scale=1.0, without=part, **said)).audios[0] for part in ((), ("semantics",)))
    assert not torch.allclose(known, null, atol=1e-4)
    # Fewer tokens than phonemes tell nothing.
    short = pipe(**inputs(guidance_scale=1.0, semantic_max_new_tokens=2, num_inference_steps=1)).audios[0]
    torch.testing.assert_close(short, null, atol=1e-5, rtol=0)


def test_default_limit_of_the_language_model_is_each_rows_own(pipe):
    assert_batch_equals_singles(pipe, semantic_max_new_tokens=None, num_inference_steps=1)


def test_a_short_clip_leaves_the_language_model_twice_its_length(pipe, monkeypatch):
    rooms, speak = [], pipe.semantic_model.generate_semantics

    def listen(*prompts, **options):
        rooms.append(options["max_new_tokens"])
        return speak(*prompts, **{**options, "max_new_tokens": 3})

    monkeypatch.setattr(pipe.semantic_model, "generate_semantics", listen)
    pipe(**inputs(semantic_max_new_tokens=None, num_inference_steps=1))
    pipe(**inputs(video=frames(210), semantic_max_new_tokens=None, num_inference_steps=1))
    assert rooms == [[80], [420]]  # 0.8 s and 8.4 s, 50 tokens a second
    assert inspect.signature(cache_settings).parameters["max_new_tokens"].default == 400


def test_one_video_and_one_voice_serve_several_scripts(pipe):
    batch = pipe(**inputs(script=list(SCRIPTS), generator=[generator(0), generator(0)], output_type="latent"))
    assert len(batch.audios) == 2
    single = pipe(**inputs(script=SCRIPTS[1], output_type="latent"))
    torch.testing.assert_close(batch.audios[1], single.audios[0], atol=5e-5, rtol=1e-4)


def test_reference_text_reaches_the_language_model(pipe, reference_output):
    spoken = pipe(**inputs(reference_text="place green"))
    assert not torch.equal(spoken.audios[0], reference_output.audios[0])


def test_a_transcribed_reference_must_fit_the_language_model(pipe):
    with pytest.raises(ValueError, match=r"room for 4096; shorten the reference"):
        pipe(**inputs(reference_text="place green", reference_audio=demo_voice(90.0)))


def test_number_of_steps(pipe):
    for steps in (1, 3):
        pipe(**inputs(num_inference_steps=steps))
        assert pipe.num_timesteps == steps


def test_sigmas_set_the_grid(pipe, reference_output):
    uniform = pipe(**inputs(num_inference_steps=7, sigmas=[1.0, 0.5]))
    torch.testing.assert_close(uniform.audios[0], reference_output.audios[0])
    assert not torch.equal(pipe(**inputs(sigmas=[1.0, 0.9])).audios[0], uniform.audios[0])


def test_given_latents_are_used(pipe, reference_output):
    noise = torch.randn(80, 80, generator=generator())[None] * 0.667
    given = pipe(**inputs(latents=noise))
    # the generator was not drawn for noise, so only a pipeline without sampling elsewhere gives the same
    pipe_without = tiny_pipeline(language_model=False)
    drawn = pipe_without(**inputs(guidance_scale=1.0, semantic_max_new_tokens=None))
    same = pipe_without(**inputs(guidance_scale=1.0, semantic_max_new_tokens=None, latents=noise))
    torch.testing.assert_close(drawn.audios[0], same.audios[0])
    assert torch.isfinite(given.audios[0]).all()
    with pytest.raises(ValueError, match=r"shape \(1, 80, 80\)"):
        pipe(**inputs(latents=noise[:, :, :40]))


def test_temperature_scales_the_noise():
    pipe = tiny_pipeline(language_model=False)
    options = {"guidance_scale": 1.0, "temperature": 0.0}
    one, other = (pipe(**inputs(generator=generator(seed), **options)).audios[0] for seed in (0, 1))
    torch.testing.assert_close(one, other)


def test_the_models_own_temperature_is_the_default():
    pipe = tiny_pipeline(language_model=False)
    pipe.vector_field.register_to_config(sampling_temperature=0.25)
    by_default = pipe(**inputs(guidance_scale=1.0)).audios[0]
    torch.testing.assert_close(by_default, pipe(**inputs(guidance_scale=1.0, temperature=0.25)).audios[0])
    assert not torch.allclose(by_default, pipe(**inputs(guidance_scale=1.0, temperature=0.9)).audios[0])


def test_the_models_own_style_guidance_is_the_default():
    pipe = tiny_pipeline(language_model=False)
    plain = pipe(**inputs(guidance_scale=1.0)).audios[0]
    pipe.vector_field.register_to_config(sampling_style_guidance_scale=2.0)
    by_default = pipe(**inputs(guidance_scale=1.0)).audios[0]
    torch.testing.assert_close(by_default, pipe(**inputs(guidance_scale=1.0, style_guidance_scale=2.0)).audios[0])
    torch.testing.assert_close(plain, pipe(**inputs(guidance_scale=1.0, style_guidance_scale=1.0)).audios[0])
    assert not torch.allclose(by_default, plain)


@pytest.mark.parametrize(
    ("scheduler", "evaluations"),
    [
        (FlowMatchEulerDiscreteScheduler(shift=1.0, invert_sigmas=True), 3),
        (FlowMatchEulerDiscreteScheduler(shift=1.0), 3),
        (FlowMatchHeunDiscreteScheduler(), 5),
        (FlowMatchMidpointDiscreteScheduler(), 6),
        (FlowMatchMidpointDiscreteScheduler(sway=-1.0), 6),
    ],
)
def test_schedulers(scheduler, evaluations):
    pipe = tiny_pipeline(scheduler=scheduler)
    output = pipe(**inputs(num_inference_steps=3))
    assert pipe.num_timesteps == evaluations
    assert torch.isfinite(output.audios[0]).all()


def test_both_directions_of_euler_agree():
    results = [
        tiny_pipeline(scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0, invert_sigmas=inverted))(**inputs()).audios[
            0
        ]
        for inverted in (True, False)
    ]
    torch.testing.assert_close(*results, atol=1e-4, rtol=1e-3)


# ---------------------------------------------------------------------------------------------------- guidance


class CountingVectorField(type(tiny_vector_field())):
    """The real vector field, noting the batch size of each evaluation."""

    def forward(self, hidden_states, *args, **kwargs):
        self.batches = [*getattr(self, "batches", []), len(hidden_states)]
        return super().forward(hidden_states, *args, **kwargs)


def counting_pipeline():
    parts = tiny_components()
    parts["vector_field"].__class__ = CountingVectorField
    return tiny_pipeline(vector_field=parts["vector_field"])


def test_guidance_scale_one_skips_the_second_branch():
    pipe = counting_pipeline()
    pipe(**inputs(guidance_scale=1.0))
    assert pipe.vector_field.batches == [1, 1]
    assert not pipe.do_classifier_free_guidance
    pipe.vector_field.batches = []
    pipe(**inputs(guidance_scale=1.4))
    assert pipe.vector_field.batches == [2, 2]
    assert pipe.do_classifier_free_guidance
    assert pipe.guidance_scale == 1.4


def test_guidance_changes_the_sound_linearly_in_one_step(pipe):
    """One Euler step from the same noise is linear in alpha, so the middle scale gives the mean of both ends."""
    latents = [
        pipe(**inputs(num_inference_steps=1, guidance_scale=scale, output_type="latent")).audios
        for scale in (1, 1.5, 2)
    ]
    assert not torch.allclose(latents[0], latents[2])
    torch.testing.assert_close(latents[1], (latents[0] + latents[2]) / 2, atol=1e-5, rtol=1e-4)


def test_guidance_scale_zero_is_the_null_branch(pipe):
    without = tiny_pipeline(language_model=False)
    noise = torch.randn(1, 80, 80, generator=generator())
    null = without(**inputs(guidance_scale=1, latents=noise, output_type="latent")).audios
    zero = pipe(**inputs(guidance_scale=0, latents=noise, output_type="latent")).audios
    torch.testing.assert_close(zero, null, atol=1e-4, rtol=1e-3)


def test_guidance_can_be_switched_off_by_a_callback():
    pipe = counting_pipeline()

    def off_after_first(pipe, index, timestep, tensors):
        pipe._guidance_scale = 1.0
        return tensors

    pipe(**inputs(num_inference_steps=3, callback_on_step_end=off_after_first))
    assert pipe.vector_field.batches == [2, 1, 1]


# ---------------------------------------------------------------------------------------------------- callbacks, progress


def test_callback_gets_what_it_asks_for_and_its_changes_take_effect(pipe):
    seen = []

    def look(pipe, index, timestep, tensors):
        seen.append((index, set(tensors)))
        return tensors

    pipe(**inputs(callback_on_step_end=look, callback_on_step_end_tensor_inputs=["latents", "prior"]))
    assert seen == [(0, {"latents", "prior"}), (1, {"latents", "prior"})]

    def zero_at_the_end(pipe, index, timestep, tensors):
        return {"latents": torch.zeros_like(tensors["latents"])} if index == 1 else {}

    latents = pipe(**inputs(callback_on_step_end=zero_at_the_end, output_type="latent")).audios
    assert not latents.any()


def test_callback_may_replace_the_prior(pipe):
    def other_prior(pipe, index, timestep, tensors):
        return {"prior": tensors["prior"] + 1.0}

    changed = pipe(
        **inputs(callback_on_step_end=other_prior, callback_on_step_end_tensor_inputs=["prior"], output_type="latent")
    )
    assert not torch.allclose(changed.audios, pipe(**inputs(output_type="latent")).audios)


def test_interrupt_skips_the_rest():
    pipe = counting_pipeline()

    def stop(pipe, index, timestep, tensors):
        pipe._interrupt = True
        return tensors

    pipe(**inputs(num_inference_steps=4, callback_on_step_end=stop))
    assert len(pipe.vector_field.batches) == 1
    pipe(**inputs(num_inference_steps=2))
    assert len(pipe.vector_field.batches) == 3


def test_progress_bar(capfd):
    pipe = tiny_pipeline()
    pipe(**inputs())
    assert capfd.readouterr().err == ""
    pipe.set_progress_bar_config(disable=False)
    pipe(**inputs())
    assert "2/2" in capfd.readouterr().err


# ---------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"script": "  "}, "script is empty"),
        ({"script": []}, "list of scripts is empty"),
        ({"script": 3}, "must be text"),
        ({"script": "?!"}, "script|speech|say"),
        (
            {"script": "an extraordinarily long sentence that nobody says in less than one second"},
            "phonemes but the clip",
        ),
        ({"video": "nowhere.mp4"}, "no video file"),
        ({"video": np.zeros((4, 4, 3), np.uint8)}, r"`video`: \(4, 4, 3\) is the shape of one picture"),
        (
            {"video": frames(20).astype(np.float32)},
            r"`video`: frames given as floats lie in \[0, 1\], these .* to 254",
        ),
        ({"fps": None}, "give `fps`"),
        ({"reference_audio": "nowhere.wav"}, "no reference file"),
        ({"reference_audio": 5}, "`reference_audio`: sound is a path, .* got int"),
        ({"reference_sampling_rate": None}, "`reference_audio`: give the sampling rate .*reference_sampling_rate="),
        ({"reference_audio": demo_voice(0.5)}, "needs at least 1 s"),
        ({"reference_audio": np.zeros(32000, np.float32)}, "silent"),
        ({"reference_text": " "}, "reference_text"),
        ({"mouth_box": (40, 8, 8, 40)}, "mouth_box"),
        ({"mouth_box": (1, 2, 3)}, "mouth_box"),
        ({"num_inference_steps": 0}, "num_inference_steps"),
        ({"num_inference_steps": 2.5}, "num_inference_steps"),
        ({"sigmas": [0.5, 1.0]}, "fall strictly"),
        ({"sigmas": []}, "fall strictly"),
        ({"guidance_scale": float("nan")}, "guidance_scale"),
        ({"guidance_scale": -1.0}, "guidance_scale"),
        ({"style_guidance_scale": 6}, "style_guidance_scale"),
        ({"colour_match": 1.1}, "colour_match"),
        ({"colour_match": float("nan")}, "colour_match"),
        ({"style_guidance_scale": float("nan")}, "style_guidance_scale"),
        ({"temperature": -0.1}, "temperature"),
        ({"semantic_temperature": -1.0}, "semantic_temperature"),
        ({"semantic_top_k": -1}, "semantic_top_k"),
        ({"semantic_top_p": 0.0}, "semantic_top_p"),
        ({"semantic_max_new_tokens": 0}, "semantic_max_new_tokens"),
        ({"generator": [generator(), generator()]}, "2 generators"),
        ({"generator": 3}, "torch.Generator"),
        ({"latents": torch.zeros(80, 80)}, "latents"),
        ({"output_type": "wav"}, "output_type"),
        ({"callback_on_step_end_tensor_inputs": ["secrets"]}, "secrets"),
        ({"script": list(SCRIPTS), "video": [frames(20)]}, "as many of each"),
        ({"script": list(SCRIPTS), "reference_text": ["one"]}, "as many of each"),
    ],
)
def test_bad_input_is_refused_with_a_message(pipe, changed, message):
    with pytest.raises(ValueError, match=message):
        pipe(**inputs(**changed))


def test_guidance_and_transcripts_need_the_language_model():
    pipe = tiny_pipeline(language_model=False)
    with pytest.raises(ValueError, match="no language model"):
        pipe(**inputs())
    with pytest.raises(ValueError, match="leave it out"):
        pipe(**inputs(guidance_scale=1, reference_text="hello"))


# ---------------------------------------------------------------------------------------------------- saving, loading, placing


def test_save_and_load_give_the_same_dub(pipe, saved):
    same_dub(pipe, FlowDubberPipeline.from_pretrained(saved))


def test_index_holds_no_local_path(saved, tmp_path):
    FlowDubberPipeline.from_pretrained(saved).save_pretrained(tmp_path / "again")
    index = (tmp_path / "again" / "model_index.json").read_text()
    assert "_name_or_path" not in index
    assert str(tmp_path) not in index
    assert json.loads(index) == json.loads((saved / "model_index.json").read_text())


def test_optional_components_survive_saving(tmp_path):
    pipe = tiny_pipeline(language_model=False)
    pipe.save_pretrained(tmp_path)
    loaded = FlowDubberPipeline.from_pretrained(tmp_path)
    assert all(loaded.components[name] is None for name in LANGUAGE_MODEL)
    same_dub(pipe, loaded, guidance_scale=1)


def test_language_model_can_be_left_out_when_loading(saved):
    loaded = FlowDubberPipeline.from_pretrained(saved, **dict.fromkeys(LANGUAGE_MODEL))
    assert loaded.semantic_model is None


def test_parts_can_be_given_when_loading(saved):
    other = tiny_components(seed=1)["aligner"]
    scheduler = FlowMatchHeunDiscreteScheduler()
    loaded = FlowDubberPipeline.from_pretrained(saved, aligner=other, scheduler=scheduler)
    assert loaded.aligner is other
    assert loaded.scheduler is scheduler


def test_components_build_another_pipeline(pipe, reference_output):
    other = FlowDubberPipeline(**pipe.components)
    other.set_progress_bar_config(disable=True)
    torch.testing.assert_close(other(**inputs()).audios[0], reference_output.audios[0])


def test_to_device(pipe):
    assert pipe.to("cpu").device == torch.device("cpu")


def test_half_precision_on_disk_is_widened(saved, tmp_path):
    half = FlowDubberPipeline.from_pretrained(saved, dtype=torch.float16)
    assert half.aligner.dtype == torch.float16
    half.save_pretrained(tmp_path)
    loaded = FlowDubberPipeline.from_pretrained(tmp_path)
    assert {part.dtype for part in loaded.components.values() if isinstance(part, torch.nn.Module)} == {torch.float32}


def test_dtype_per_part(saved):
    loaded = FlowDubberPipeline.from_pretrained(
        saved, dtype={"vector_field": torch.bfloat16, "default": torch.float32}
    )
    loaded.set_progress_bar_config(disable=True)
    assert loaded.vector_field.dtype == torch.bfloat16
    assert loaded.aligner.dtype == torch.float32
    assert torch.isfinite(loaded(**inputs()).audios[0]).all()


def test_bfloat16_runs(saved):
    loaded = FlowDubberPipeline.from_pretrained(saved, dtype=torch.bfloat16)
    loaded.set_progress_bar_config(disable=True)
    sound = loaded(**inputs()).audios[0]
    assert sound.dtype == torch.float32
    assert torch.isfinite(sound).all()


def as_published(folder):
    """Rewrites the index of a checkpoint to the form that plain diffusers loads from the Hub, with import files."""
    from flowdubber_hf.pipelines.flowdubber.opening import HUB_MODULES

    index = json.loads((folder / "model_index.json").read_text())
    (folder / "pipeline_flowdubber.py").write_text("from flowdubber_hf import FlowDubberPipeline\n")
    index["_class_name"] = ["pipeline_flowdubber", "FlowDubberPipeline"]
    for shim, module in HUB_MODULES.items():
        for name, entry in index.items():
            if isinstance(entry, list) and entry[0] == module:
                (folder / name / f"{shim}.py").write_text(f"from {module} import {entry[1]}\n")
                index[name] = [shim, entry[1]]
    (folder / "model_index.json").write_text(json.dumps(index))
    return index


def test_published_form_loads_without_running_its_code(pipe, copied):
    index = as_published(copied)
    assert sum(entry[0].startswith("flowdubber_") for entry in index.values() if isinstance(entry, list)) == 7
    for file in copied.rglob("*.py"):
        file.write_text("raise RuntimeError('code of the repository was run')\n")
    same_dub(pipe, FlowDubberPipeline.from_pretrained(copied))


def test_plain_diffusers_loads_the_published_form_only_with_consent(copied):
    as_published(copied)
    with pytest.raises(ValueError, match="trust_remote_code"):
        DiffusionPipeline.from_pretrained(copied)
    assert isinstance(DiffusionPipeline.from_pretrained(copied, trust_remote_code=True), FlowDubberPipeline)


@pytest.mark.parametrize("name", ["/nowhere/model", "./nowhere", "a/b/c"])
def test_missing_folder_is_refused(name):
    with pytest.raises(ValueError, match="no folder"):
        FlowDubberPipeline.from_pretrained(name)


def test_unknown_hub_id_is_refused():
    with pytest.raises(ValueError, match="neither bundled, nor a folder"):
        FlowDubberPipeline.from_pretrained("nobody/nothing")


def test_a_file_is_refused(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"x")
    with pytest.raises(ValueError, match="is a file"):
        FlowDubberPipeline.from_pretrained(tmp_path / "model.bin")


@pytest.mark.parametrize("part", ["aligner", "vector_field", "scheduler", "lip_feature_extractor", "semantic_model"])
def test_missing_part_is_refused(copied, part):
    shutil.rmtree(copied / part)
    with pytest.raises(ValueError, match=part):
        FlowDubberPipeline.from_pretrained(copied)


def test_part_missing_from_the_index_is_refused(copied):
    index = json.loads((copied / "model_index.json").read_text())
    del index["vocoder"]
    (copied / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match="names no part 'vocoder'"):
        FlowDubberPipeline.from_pretrained(copied)


@pytest.mark.parametrize("content", ["{", "[]", None])
def test_bad_index_is_refused(copied, content):
    index = copied / "model_index.json"
    index.unlink() if content is None else index.write_text(content)
    with pytest.raises(ValueError, match="model_index"):
        FlowDubberPipeline.from_pretrained(copied)


def weight_file(folder):
    (file,) = folder.glob("*.safetensors")
    return file


@pytest.mark.parametrize("part", ["aligner", "vector_field", "vocoder"])
def test_missing_weights_are_refused(copied, part):
    file = weight_file(copied / part)
    tensors = load_file(file)
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=part):
        FlowDubberPipeline.from_pretrained(copied)


@pytest.mark.parametrize("part", ["aligner", "vector_field", "speech_tokenizer"])
def test_wrong_shaped_weights_are_refused(copied, part):
    file = weight_file(copied / part)
    tensors = load_file(file)
    name = next(name for name in sorted(tensors) if tensors[name].ndim > 1)
    tensors[name] = torch.cat([tensors[name]] * 2)
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=part):
        FlowDubberPipeline.from_pretrained(copied)


def test_damaged_weights_are_refused(copied):
    file = weight_file(copied / "vocoder")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match="damaged"):
        FlowDubberPipeline.from_pretrained(copied)


def test_weights_without_file_are_refused(copied):
    weight_file(copied / "aligner").unlink()
    with pytest.raises(ValueError, match="aligner"):
        FlowDubberPipeline.from_pretrained(copied)


def test_pickled_weights_are_refused(copied):
    weight_file(copied / "aligner").rename(copied / "aligner" / "pytorch_model.bin")
    with pytest.raises(ValueError, match="pickled"):
        FlowDubberPipeline.from_pretrained(copied)


@pytest.mark.parametrize(
    ("part", "file", "setting", "value"),
    [
        ("vocoder", "config.json", "fmin", 20.0),
        ("vector_field", "config.json", "mel_settings", {"hop_length": 256}),
        ("speech_tokenizer", "config.json", "sampling_rate", 24000),
    ],
)
def test_disagreeing_settings_are_refused(copied, part, file, setting, value):
    config = json.loads((copied / part / file).read_text())
    config[setting] = value
    (copied / part / file).write_text(json.dumps(config))
    with pytest.raises(ValueError, match=setting):
        FlowDubberPipeline.from_pretrained(copied)


def test_disagreeing_parts_are_refused():
    parts = tiny_components()
    parts["aligner"].config.semantic_hidden_size = 64
    with pytest.raises(ValueError, match=r"aligner.semantic_hidden_size is 64.*semantic_model.hidden_size is 32"):
        FlowDubberPipeline(**parts)


def test_library_vocoder_drops_in(tmp_path):
    pipe = tiny_pipeline(vocoder=tiny_hifigan())
    sound = pipe(**inputs()).audios[0]
    assert sound.shape == (20 * 640,)
    pipe.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "model_index.json").read_text())["vocoder"] == ["transformers", "SpeechT5HifiGan"]
    loaded = FlowDubberPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    torch.testing.assert_close(loaded(**inputs()).audios[0], sound, atol=5e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model_in_dim": 100}, "vocoder.model_in_dim is 100"),
        ({"upsample_rates": [4, 4, 4, 4], "upsample_kernel_sizes": [8, 8, 8, 8]}, "upsample_rates is 256"),
        ({"sampling_rate": 22050}, "vocoder.sampling_rate is 22050"),
    ],
)
def test_library_vocoder_of_another_family_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        tiny_pipeline(vocoder=tiny_hifigan(**changed))


def test_half_a_language_model_is_refused():
    with pytest.raises(ValueError, match="only as a whole"):
        tiny_pipeline(tokenizer=None)


# ---------------------------------------------------------------------------------------------------- words, files


def test_spoken_words_by_hand():
    phonemization = phonemize("at two")  # sil AE1 T sp T UW1 sil
    assert phonemization.phonemes == ["sil", "AE1", "T", "sp", "T", "UW1", "sil"]
    counts = np.array([4, 4, 4, 0, 8, 8, 4])  # mel frames, 0.01 s each
    assert spoken_words(counts, phonemization, 0.32) == [("at", 0.04, 0.12), ("two", 0.12, 0.28)]
    assert spoken_words(counts, phonemization, 0.25)[1] == ("two", 0.12, 0.25)


def test_save_video_of_frames_or_latents(pipe, reference_output, tmp_path):
    pipe.save_video(reference_output, tmp_path / "dub.wav")
    with av.open(str(tmp_path / "dub.wav")) as written:
        assert written.metadata["comment"].startswith("Synthetic speech made by FlowDubber")
        assert written.duration == pytest.approx(800_000)
    with pytest.raises(ValueError, match=r"exist"):
        pipe.save_video(reference_output, tmp_path / "dub.wav")
    with pytest.raises(ValueError, match="not given by its path"):
        pipe.save_video(reference_output, tmp_path / "dub.mp4")
    with pytest.raises(ValueError, match="latents"):
        pipe.save_video(pipe(**inputs(output_type="latent")), tmp_path / "other.wav")


def test_own_timing_is_used(pipe, reference_output):
    phonemes = phonemize(SCRIPTS[0], pipe.aligner.config.phoneme_accent)
    counts = np.where(phonemes.optional, 0, 2)
    counts[-1] += 80 - counts.sum()
    dub = pipe(**inputs(phoneme_frames=counts))
    assert np.array_equal(dub.paths[0].sum(1), counts)
    assert not torch.equal(dub.audios[0], reference_output.audios[0])
    searched = pipe(**inputs(phoneme_frames=reference_output.paths[0].sum(1)))
    assert torch.equal(searched.audios[0], reference_output.audios[0])


@pytest.mark.parametrize(
    ("counts", "message"),
    [([80], "needs"), (None, "sum"), ([], "whole number"), ([1.5], "whole number"), ([-1, 81], "whole number")],
)
def test_own_timing_must_fit(pipe, reference_output, counts, message):
    counts = reference_output.paths[0].sum(1) + 1 if counts is None else counts
    with pytest.raises(ValueError, match=message):
        pipe(**inputs(phoneme_frames=counts))


def test_without_semantics_the_null_stands_in(pipe):
    null_branch = pipe(**inputs(guidance_scale=0.0, output_type="latent"))
    without = pipe(**inputs(without=["semantics"], output_type="latent"))
    torch.testing.assert_close(without.audios, null_branch.audios, atol=1e-5, rtol=1e-4)
    assert "semantics" not in without.timings
    assert pipe.guidance_scale == 1


def test_without_semantics_no_language_model_is_missed(pipe):
    bare = tiny_pipeline(language_model=False)
    assert len(bare(**inputs(without=["semantics"])).audios[0]) == len(pipe(**inputs()).audios[0])


def test_without_lips_the_picture_has_no_say(pipe):
    one, other = (pipe(**inputs(video=frames(20, seed=seed), without=["lips"])) for seed in (0, 1))
    assert torch.equal(one.audios[0], other.audios[0])
    assert one.alignments is None
    lengths = one.paths[0].sum(1)
    optional = np.array(phonemize(SCRIPTS[0], pipe.aligner.config.phoneme_accent).optional)
    assert lengths.sum() == 80 and (lengths[optional] == 0).all() and np.ptp(lengths[~optional]) <= 1


def test_without_style_the_voice_has_no_say(pipe):
    one, other = (
        pipe(**inputs(reference_audio=demo_voice(seed=seed), without=["style", "semantics"])) for seed in (0, 1)
    )
    assert torch.equal(one.audios[0], other.audios[0])


@pytest.mark.parametrize("without", ["lips", ["voice"]])
def test_unknown_parts_to_do_without_are_refused(pipe, without):
    with pytest.raises(ValueError, match="semantics, lips, style"):
        pipe(**inputs(without=without))


def test_a_batch_without_lips_gives_what_single_calls_give(pipe):
    assert_batch_equals_singles(pipe, without=["lips"])


# ---------------------------------------------------------------------------------------------------- voices and files


def test_what_is_wrong_with_frames_is_said(pipe):
    for fps, message in (
        ("25", "fps must be a number of frames a second, got '25'"),
        (True, "number"),
        (0, "between"),
    ):
        with pytest.raises(ValueError, match=message):
            pipe(**inputs(fps=fps))
    with pytest.raises(ValueError, match="turn must be one of"):
        pipe(**inputs(turn=45))


def test_whole_numbers_and_stereo_give_the_same_dub(pipe):
    sound = demo_voice()
    stereo = np.round(np.stack([sound, sound], axis=1) * 32767).astype(np.int16)
    plain = pipe(**inputs(output_type="latent", without=["semantics"])).audios  # whose choices turn on the last digit
    for given in (stereo, stereo.T, torch.from_numpy(stereo)):
        dub = pipe(**inputs(reference_audio=given, output_type="latent", without=["semantics"])).audios
        torch.testing.assert_close(dub, plain, atol=0.02, rtol=0)


def test_the_level_of_the_reference_does_not_matter(pipe):
    plain, quiet, shifted = (
        pipe(**inputs(reference_audio=sound, output_type="latent")).audios
        for sound in (demo_voice(), demo_voice() * 0.01, demo_voice() + 0.1)
    )
    torch.testing.assert_close(shifted, plain, atol=0.02, rtol=0)
    assert (quiet - plain).abs().mean() < 0.1 * plain.abs().mean()


def test_what_is_wrong_with_the_voice_is_told(pipe):
    clipped = np.clip(demo_voice() * 20, -1, 1)
    assert "clipped" in " ".join(pipe(**inputs(reference_audio=clipped)).warnings[0])
    with pytest.raises(ValueError, match="not a second of voice"):
        pipe(**inputs(reference_audio=np.random.default_rng(0).normal(0, 0.1, 32000)))


@pytest.mark.parametrize(("peak", "told"), [(0.5, False), (1.0, False), (30.0, True)])
def test_a_dub_leaves_headroom_and_a_distorted_one_is_told(pipe, monkeypatch, peak, told):
    wave = peak * torch.sin(torch.arange(12800) / 7)
    monkeypatch.setattr(type(pipe.vocoder), "forward", lambda self, mel: wave[None])
    dub = pipe(**inputs(temperature=3.0))
    assert float(dub.audios[0].abs().max()) == pytest.approx(min(peak, 10 ** (-1 / 20)), abs=1e-4)
    assert ("lower the temperature (it was 3)" in " ".join(dub.warnings[0])) == told
