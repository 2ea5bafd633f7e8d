"""Sounds and pictures of a training run: made by tiny models, written whole, handed to trackers."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.text import phoneme_ids
from flowdubber_hf.training.samples import (
    Samples,
    alignment_samples,
    check_samples,
    dubbing_samples,
    file_name,
    sampled_sounds,
    tokenizer_samples,
    vocoder_samples,
)
from support.tiny_models import tiny_aligner, tiny_speech_tokenizer, tiny_vector_field, tiny_vocoder


NAMES = ["s1/first", "s1/second"]


@pytest.fixture(scope="module")
def parts():
    torch.manual_seed(0)
    return tiny_aligner().eval(), tiny_vector_field().eval(), tiny_vocoder().eval()


@pytest.fixture(scope="module")
def batch():
    """Two clips of 5 phonemes, 12 and 8 frames."""
    lengths, phonemes = (12, 8), 5
    owners = [np.minimum(np.arange(4 * length) * phonemes // (4 * length), phonemes - 1) for length in lengths]
    path = torch.zeros(2, phonemes, 4 * max(lengths))
    for row, owner in enumerate(owners):
        path[row, owner, np.arange(len(owner))] = 1
    generator = torch.Generator().manual_seed(1)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return {
        "input_ids": torch.tensor([phoneme_ids(["sil", "B", "IH1", "N", "sil"])] * 2),
        "attention_mask": torch.ones(2, phonemes, dtype=torch.bool),
        "lips": torch.randn(2, max(lengths), 88, 88, generator=generator),
        "lip_mask": mask,
        "path": path,
        "style": torch.randn(2, 256, generator=generator),
        "mel": torch.randn(2, 80, 4 * max(lengths), generator=generator) - 5,
        "mel_mask": mask.repeat_interleave(4, dim=1),
    }


@pytest.fixture(scope="module")
def encoding(parts, batch):
    with torch.no_grad():
        return parts[0].encode(
            batch["input_ids"],
            batch["attention_mask"],
            lip_values=batch["lips"],
            lip_mask=batch["lip_mask"],
            style=batch["style"],
        )


@pytest.mark.slow
def test_samples_of_the_dubber(parts, batch, encoding):
    pytest.importorskip("matplotlib")
    samples = dubbing_samples(*parts, encoding, batch, NAMES, num_inference_steps=2)
    assert set(samples.pictures) == {f"{name}/{kind}" for name in NAMES for kind in ("mel", "alignment")}
    assert set(samples.sounds) == {f"{name}/{kind}" for name in NAMES for kind in ("dub", "true")}
    assert [len(samples.sounds[f"{name}/dub"]) for name in NAMES] == [12 * 640, 8 * 640]
    for picture in samples.pictures.values():
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3
        assert picture.std() > 10
    again = dubbing_samples(*parts, encoding, batch, NAMES, num_inference_steps=2)
    assert all(np.array_equal(samples.sounds[name], again.sounds[name]) for name in samples.sounds)
    assert all(np.array_equal(samples.pictures[name], again.pictures[name]) for name in samples.pictures)
    silent = dubbing_samples(*parts[:2], None, encoding, batch, NAMES, num_inference_steps=1)
    assert not silent.sounds
    assert set(silent.pictures) == set(samples.pictures)


def test_alignment_alone(batch, encoding):
    pytest.importorskip("matplotlib")
    samples = alignment_samples(encoding, batch, NAMES)
    assert set(samples.pictures) == {f"{name}/alignment" for name in NAMES}
    assert not samples.sounds


def test_samples_of_the_vocoder(parts):
    pytest.importorskip("matplotlib")
    sound = 0.1 * np.sin(np.arange(6400) / 5).astype(np.float32)
    samples = vocoder_samples(parts[2], {"a": sound})
    assert set(samples.sounds) == {"a/true", "a/vocoder"}
    assert len(samples.sounds["a/vocoder"]) == 6400
    assert set(samples.pictures) == {"a/mel"}


def test_samples_of_the_tokenizer():
    pytest.importorskip("matplotlib")
    sound = 0.1 * np.sin(np.arange(16000) / 5).astype(np.float32)
    samples = tokenizer_samples(tiny_speech_tokenizer().eval(), {"a": sound})
    assert set(samples.sounds) == {"a/true", "a/decoded"}
    assert len(samples.sounds["a/decoded"]) == 16000
    assert set(samples.pictures) == {"a/mel"}


def test_the_same_few_clips_every_time():
    clips = [SimpleNamespace(id=f"c{number}") for number in range(10)]
    store = SimpleNamespace(audio=lambda name: np.zeros(200_000, np.float32))
    chosen = sampled_sounds(store, clips)
    assert list(chosen) == ["c0", "c3", "c6", "c9"]
    assert all(len(sound) == 80_000 for sound in chosen.values())
    assert list(sampled_sounds(store, clips[:1])) == ["c0"]
    assert sampled_sounds(store, []) == {}


def test_a_stage_without_samples_is_told_before_training():
    with pytest.raises(ValueError, match="makes no samples"):
        check_samples(SimpleNamespace())


def test_missing_matplotlib_is_told_before_training(monkeypatch):
    import importlib

    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(ValueError, match=r"sample_steps.*matplotlib"):
        check_samples(SimpleNamespace(samples=None))


def test_written_whole(tmp_path):
    pytest.importorskip("PIL")
    sound = 0.5 * np.sin(np.arange(1600) / 5).astype(np.float32)
    samples = Samples({"grid/s1/a b": sound}, {"grid/s1/a b/mel": np.full((4, 5, 3), 7, np.uint8)})
    samples.update(Samples({"c": sound / 2}))
    folder = tmp_path / "samples" / "step-10"
    samples.write(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["c.wav", "grid_s1_a_b.wav", "grid_s1_a_b_mel.png"]
    assert np.abs(load_audio(folder / "grid_s1_a_b.wav") - sound).max() < 1e-4
    from PIL import Image

    assert (np.asarray(Image.open(folder / "grid_s1_a_b_mel.png")) == 7).all()
    Samples({"c": sound}).write(folder)
    assert [path.name for path in folder.iterdir()] == ["c.wav"]
    assert [path.name for path in folder.parent.iterdir()] == ["step-10"]


def test_file_names_are_safe():
    assert file_name("../a b/c.d") == "___a_b_c_d"


def accelerator(*trackers, main=True):
    return SimpleNamespace(is_main_process=main, trackers=list(trackers))


@pytest.fixture
def samples():
    return Samples(
        {"clip/dub": 0.5 * np.sin(np.arange(1600) / 5).astype(np.float32)},
        {"clip/mel": np.full((8, 9, 3), 200, np.uint8)},
    )


def test_tensorboard(samples, tmp_path):
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    writer = tensorboard.SummaryWriter(str(tmp_path))
    samples.log(accelerator(SimpleNamespace(name="tensorboard", writer=writer)), 7)
    writer.close()
    events = reader.EventAccumulator(str(tmp_path)).Reload()
    assert events.Tags()["images"] == ["samples/clip/mel"]
    assert events.Tags()["audio"] == ["samples/clip/dub"]
    assert events.Audio("samples/clip/dub")[0].step == 7
    assert events.Images("samples/clip/mel")[0].width == 9


@pytest.mark.parametrize("package", ["wandb", "trackio"])
def test_trackers_of_media(samples, monkeypatch, package):
    """Both get objects of their own packages; the sound's file is there when they are logged."""
    from flowdubber_hf.training import samples as module

    seen = []

    class Media:
        def __init__(self, value, caption):
            self.value, self.caption = value, caption

    def log(media, step):
        seen.append((step, {name: entry.caption for name, entry in media.items()}))
        assert len(load_audio(media["samples/clip/dub"].value)) == 1600
        assert media["samples/clip/mel"].value.shape == (8, 9, 3)

    monkeypatch.setattr(module, "_require", lambda name: SimpleNamespace(Audio=Media, Image=Media))
    samples.log(accelerator(SimpleNamespace(name=package, log=log)), 3)
    assert seen == [(3, {"samples/clip/dub": "clip/dub", "samples/clip/mel": "clip/mel"})]


def test_trackio_itself_takes_them(samples, monkeypatch, tmp_path):
    trackio = pytest.importorskip("trackio")
    pictures = trackio.Image(samples.pictures["clip/mel"], caption="a")
    assert pictures is not None
    samples.write(tmp_path / "a")
    assert trackio.Audio(str(tmp_path / "a" / "clip_dub.wav"), caption="a") is not None


def test_only_the_main_process_logs(samples):
    logged = []
    samples.log(
        accelerator(SimpleNamespace(name="wandb", log=lambda *values, **_: logged.append(values)), main=False), 1
    )
    assert not logged
