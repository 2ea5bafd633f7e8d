"""Training of the speech tokenizer: labels, losses, the stage, tokens of clips and the script."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from flowdubber_hf.data.features import AlignedPhonemes, Clip, FeatureStore
from flowdubber_hf.models.speech_tokenizer import (
    SPEECH_TOKENIZER_PRESETS,
    FlowDubberSpeechTokenizer,
    FlowDubberSpeechTokenizerConfig,
)
from flowdubber_hf.models.speech_tokenizer.quantization import FlowDubberFactorizedVectorQuantizer
from flowdubber_hf.processing.phonemes import PHONEME_CLASSES, plain_phoneme
from flowdubber_hf.training.speech_tokenizer_data import (
    IGNORED,
    SegmentSettings,
    frame_labels,
)
from flowdubber_hf.training.speech_tokenizer_losses import (
    SpeechTokenizerLossWeights,
    phoneme_losses,
    spectral_loss,
)
from flowdubber_hf.training.speech_tokenizer_melody import melody_losses, melody_targets
from flowdubber_hf.training.speech_tokenizer_stage import HEADS_NAME, SpeechTokenizerStage
from flowdubber_hf.training.speech_tokenizer_tokens import encode_sounds, speech_span
from flowdubber_hf.training.synchronized_norm import SynchronizedBatchNorm, synchronize_batch_norms
from support.training_runs import (
    check_batches,
    check_parts_equal_whole,
    check_resume,
    check_two_processes,
    load_script,
    run_here,
    unmoved,
    write_dataset,
)


pytestmark = pytest.mark.slow


PHONES = {
    "phonemes": ["sil", "B", "IH1", "N", "sil"],
    "word_index": [-1, 0, 0, 0, -1],
    "times": [[0.0, 0.3], [0.3, 0.4], [0.4, 0.5], [0.5, 0.62], [0.62, 1.0]],
}
# The waveform loss takes logarithms of nearly silent bins of an untrained decoder: rounding, which differs by processor and by
# how many rows are multiplied at once, grows to this share of the largest gradient.
ROUNDING = 0.02
SIZES = {
    "speaker_seconds": 1,
    "hidden_size": 32,
    "intermediate_size": 48,
    "latent_size": 32,
    "num_encoder_layers": 1,
    "num_prenet_layers": 1,
    "num_postnet_layers": 1,
    "codebook_size": 64,
    "ecapa_channels": 16,
    "ecapa_out_channels": 24,
    "decoder_channels": 32,
}
CONFIG = FlowDubberSpeechTokenizerConfig(**{**SPEECH_TOKENIZER_PRESETS["tiny"], **SIZES})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def store(dataset) -> FeatureStore:
    return FeatureStore(dataset)


def small_tokenizer() -> FlowDubberSpeechTokenizer:
    torch.manual_seed(0)
    return FlowDubberSpeechTokenizer(copy.deepcopy(CONFIG))


def make_stage(store: FeatureStore, **changed) -> SpeechTokenizerStage:
    values = {
        "tokenizer": small_tokenizer(),
        "settings": SegmentSettings(0.5),
        "weights": SpeechTokenizerLossWeights(),
        "batch_size": 4,
        "waveform_tokens": 5,
    }
    return SpeechTokenizerStage(
        store=store, clips=store.clips("train"), held_out=store.clips("val"), **{**values, **changed}
    )


class TestLabels:
    def test_classes(self):
        assert len(PHONEME_CLASSES) == 40 and PHONEME_CLASSES[0] == "sil"
        assert plain_phoneme("AH0") == plain_phoneme("AH1") == "AH" and plain_phoneme("sp") == "sil"

    def test_frame_labels_by_hand(self):
        phones = AlignedPhonemes(PHONES["phonemes"], PHONES["word_index"], ["bin"], np.array(PHONES["times"]))
        labels = frame_labels(phones, 50, 50)  # the middle of token t is at (t + .5) / 50 s
        expected = ["sil"] * 15 + ["B"] * 5 + ["IH"] * 5 + ["N"] * 6 + ["sil"] * 19
        assert [PHONEME_CLASSES[label] for label in labels] == expected

    def test_phoneme_losses_ignore_unlabelled(self):
        logits = torch.tensor([[[9.0, 0.0], [0.0, 9.0], [0.0, 9.0]]]).expand(2, -1, -1)
        loss, accuracy = phoneme_losses(logits, torch.tensor([[0, 0, IGNORED], [IGNORED] * 3]))
        assert accuracy.tolist() == [0.5, 0.0]
        torch.testing.assert_close(loss, torch.tensor([(0.0001234 + 9.0001234) / 2, 0.0]), atol=1e-4, rtol=0)


class TestLosses:
    def test_spectral_loss(self):
        sound = torch.randn(2, 4000, generator=torch.Generator().manual_seed(0)) * 0.1
        assert spectral_loss(sound, sound).item() == pytest.approx(0.0, abs=1e-6)
        # Half the amplitude: convergence 0.5, and log 2 where the magnitude is far above the floor.
        assert spectral_loss(sound / 2, sound).item() == pytest.approx(0.5 + 0.693, abs=0.01)

    def test_spectral_loss_is_a_mean_over_rows_and_silence_does_not_blow_it_up(self):
        generator = torch.Generator().manual_seed(0)
        truth = torch.randn(3, 4000, generator=generator) * torch.tensor([[0.1], [0.01], [0.0]])
        other = torch.randn(3, 4000, generator=generator) * 0.01
        rows = [spectral_loss(other[row : row + 1], truth[row : row + 1]) for row in range(3)]
        torch.testing.assert_close(spectral_loss(other, truth), sum(rows) / 3)
        assert rows[2] < 10


class TestMelody:
    def glide(self, low: float, high: float, level: float = 0.1) -> torch.Tensor:
        """A second of a buzz whose F0 glides evenly in octaves, and half a second of silence behind it."""
        seconds = torch.arange(16000) / 16000
        phase = 2 * torch.pi * torch.cumsum(low * (high / low) ** seconds / 16000, 0)
        buzz = sum(torch.sin(phase * harmonic) / harmonic for harmonic in range(1, 8))
        return torch.cat((level * buzz, torch.zeros(8000)))

    def test_targets_of_a_glide(self):
        voiced, pitch, loudness = melody_targets(self.glide(100, 200), 75, 50).T
        assert voiced[2:48].all() and not voiced[53:].any() and (pitch[voiced == 0] == 0).all()
        # An octave in 50 tokens, from half an octave below the middle.
        torch.testing.assert_close(pitch[5:45], (torch.arange(5, 45) + 0.5) / 50 - 0.5, atol=0.03, rtol=0)
        assert loudness[5:45].min() > loudness[53:].max() + 2

    def test_targets_leave_voice_and_level_out(self):
        first, second = (melody_targets(sound, 75, 50) for sound in (self.glide(100, 150), self.glide(160, 240, 0.05)))
        torch.testing.assert_close(first[5:45, :2], second[5:45, :2], atol=0.03, rtol=0)

    def test_targets_of_silence_and_of_more_tokens_than_sound(self):
        assert (melody_targets(torch.zeros(8000), 25, 50)[:, :2] == 0).all()
        assert melody_targets(self.glide(100, 150), 80, 50).shape == (80, 3)

    def test_losses_by_hand(self):
        targets = torch.tensor([[[1.0, 0.2, 2.0], [0.0, 0.0, -2.0], [1.0, 1.0, 9.0]]])
        mask = torch.tensor([[True, True, False]])
        perfect = torch.tensor([[[30.0, 1.0, 1.0], [-30.0, 7.0, -1.0], [0.0, 0.0, 0.0]]])
        assert all(loss < 1e-6 for loss in melody_losses(perfect, targets, mask).values())
        guess = melody_losses(torch.zeros(1, 3, 3), targets, mask)
        assert guess["voiced"].item() == pytest.approx(0.6931, abs=1e-4)
        assert guess["pitch"].item() == guess["loudness"].item() == 1.0


class TestQuantiser:
    def make(self) -> FlowDubberFactorizedVectorQuantizer:
        torch.manual_seed(0)
        return FlowDubberFactorizedVectorQuantizer(6, 8, 3, 0.25, 1.0, True, 0.9, 0.2).train()

    def test_unused_codes_go_to_the_positions_of_lowest_priority(self):
        quantizer, hidden = self.make(), torch.randn(2, 6, 10)
        priorities = torch.arange(20.0).flip(0).reshape(2, 10)
        quantizer(hidden, priorities=priorities)
        vectors = nn.functional.normalize(quantizer.in_project(hidden), dim=1)[1, :, -8:]
        torch.testing.assert_close(quantizer.codebook.weight.data, vectors.T.flip(0))

    def test_order_of_rows_and_random_state_do_not_matter(self):
        hidden, priorities = torch.randn(2, 6, 10), torch.rand(2, 10)
        first, second = self.make(), self.make()
        first(hidden, priorities=priorities)
        torch.manual_seed(7)
        second(hidden.flip(0), priorities=priorities.flip(0))
        assert torch.equal(first.codebook.weight, second.codebook.weight)
        assert torch.equal(first.cluster_size, second.cluster_size)

    def test_loss_is_a_mean_over_rows(self):
        quantizer, hidden = self.make(), torch.randn(2, 6, 10)
        quantizer.cluster_size.fill_(100.0)  # no code moves
        mask = torch.arange(10) < torch.tensor([[10], [4]])
        rows = [quantizer(hidden[row : row + 1], mask[row : row + 1]).loss for row in range(2)]
        torch.testing.assert_close(quantizer(hidden, mask).loss, sum(rows) / 2)


def test_synchronized_norm_alone_is_batch_norm():
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(4), nn.BatchNorm1d(4)).train()
    x = torch.randn(3, 4, 5)
    expected, names = model(x), list(model.state_dict())
    synchronize_batch_norms(model)
    assert all(isinstance(part, SynchronizedBatchNorm) for part in model) and list(model.state_dict()) == names
    torch.testing.assert_close(model(x), expected)


class TestStage:
    def test_batches(self, store):
        stage = make_stage(store)
        check_batches(stage)
        batch = stage.batch(1, [0, 2, 3])
        assert batch["input_values"].shape == batch["attention_mask"].shape == (6, 8000)
        assert batch["labels"].shape == batch["code_priorities"].shape == (6, 25)
        assert batch["reference_values"].shape == (3, 16000) and batch["speakers"].shape == (3,)
        first, length = batch["waveform_crop"].tolist()
        assert length == 5 and 0 <= first <= 20

    def test_labels_and_their_count(self, store):
        stage = make_stage(store, settings=SegmentSettings(0.5, {"an4": 1.0}))
        batch = stage.batch(0, range(4))  # one of the two clips of this voice has phonemes
        known = (batch["labels"] != IGNORED).any(dim=1)
        assert int(known.sum()) == 4 == batch["num_labelled"]
        assert stage.batch(0, [1, 3])["num_labelled"] == 2

    def test_short_clips_are_padded(self, store):
        batch = make_stage(store, settings=SegmentSettings(2.0)).batch(0, [0])
        assert batch["attention_mask"].sum(1).tolist() == [25600, 25600]
        assert (batch["input_values"][:, 25600:] == 0).all() and (batch["labels"][:, 80:] == IGNORED).all()

    def test_parts_of_a_batch_equal_the_whole(self, store):
        stage = make_stage(store)
        stage.model.train()
        stage.model(stage.batch(0, range(4)))  # fills the codebook
        for module in stage.model.modules():  # what the processes share is the two-process test's
            if isinstance(module, nn.BatchNorm1d):
                module.eval()
        stage.model.tokenizer.quantizer.cluster_size.fill_(1e6)
        check_parts_equal_whole(stage, tolerance=ROUNDING)

    def test_every_parameter_moves(self, store):
        assert unmoved(make_stage(store)) == []

    def test_frozen_semantics(self, store):
        stage = make_stage(store, freeze_semantic=True)
        tokenizer = stage.model.tokenizer
        tokenizer.quantizer.codebook.weight.data.normal_()
        sound = store.audio("grid/a/0")
        before = encode_sounds(tokenizer, [sound])[0]
        trainable = {name for name, weight in stage.model.named_parameters() if weight.requires_grad}
        assert not any(name.startswith(("tokenizer.encoder", "tokenizer.quantizer")) for name in trainable)
        assert unmoved(stage) == []
        after = encode_sounds(tokenizer, [sound])[0]
        assert (before[0] == after[0]).all() and not (before[1] == after[1]).all()

    def test_melody(self, store):
        weights = SpeechTokenizerLossWeights(melody=0.5)
        stage = make_stage(store, weights=weights, settings=SegmentSettings(0.5, melody=True))
        assert stage.batch(1, [0, 2])["melody"].shape == (4, 25, 3)
        losses = stage.model.train()(stage.batch(1, range(4)))
        assert all(losses[name] > 0 for name in ("voiced", "pitch", "loudness"))
        assert unmoved(stage) == [] and "melody_head.weight" in stage.model.heads()
        assert "melody_head.weight" not in make_stage(store).model.heads()

    def test_no_waveform(self, store):
        stage = make_stage(store, weights=SpeechTokenizerLossWeights(waveform=0.0))
        assert "waveform_crop" not in stage.batch(0, [0])
        assert unmoved(stage) == []

    def test_heads_are_taken_over(self, store, tmp_path):
        first = make_stage(store)
        first.model.speaker_head.weight.data.fill_(0.5)
        first.save(first.model, tmp_path)
        third = make_stage(store, heads_from=tmp_path)
        assert torch.equal(first.model.speaker_head.weight, third.model.speaker_head.weight)
        assert (tmp_path / HEADS_NAME).is_file()

    def test_refused(self, store):
        with pytest.raises(ValueError, match="no clip of librispeech"):
            make_stage(store, settings=SegmentSettings(0.5, {"librispeech": 1.0}))
        with pytest.raises(ValueError, match="at least 2"):
            make_stage(store, batch_size=1)
        published = small_tokenizer()
        published.drop_postnet()
        with pytest.raises(ValueError, match="without its postnet"):
            make_stage(store, tokenizer=published)
        converted = small_tokenizer()
        converted.config.feature_type, converted.config.wav2vec2_tail = "wav2vec2", 0
        with pytest.raises(ValueError, match="set wav2vec2_tail to 80"):
            make_stage(store, tokenizer=converted)

    def test_validation(self, store):
        stage = make_stage(store)
        figures = stage.validate(stage.model.eval())
        assert figures == stage.validate(stage.model)
        assert stage.best in figures and 0 <= figures["val_accuracy"] <= 1


def test_samples(store):
    pytest.importorskip("matplotlib")
    stage = make_stage(store)
    samples = stage.samples(stage.model.eval())
    assert set(samples.sounds) == {f"grid/{name}/3/{kind}" for name in "ab" for kind in ("true", "decoded")}


def test_speech_span(store):
    # 0.4 - 0.1 s and 1.2 + 0.1 s at 50 Hz, from the phones, else everything.
    assert speech_span(store, store["grid/a/0"], 80, 50) == (15, 66)
    assert speech_span(store, store["an4/c/1"], 80, 50) == (0, 80)
    words = Clip("none", "train", "a", None, "grid", 16000, words=[("bin", 0.3, 0.62)])
    assert speech_span(_NoPhones(), words, 50, 50) == (10, 37)


class _NoPhones:
    def has(self, kind: str, clip_id: str) -> bool:
        return False


def test_tokens_do_not_depend_on_the_other_sounds(store):
    tokenizer, clips = small_tokenizer(), store.clips()
    found = encode_sounds(tokenizer, [store.audio(clip.id) for clip in clips])
    assert len(found) == len(clips)
    place = [clip.id for clip in clips].index("grid/b/1")
    alone = encode_sounds(tokenizer, [store.audio("grid/b/1")])[0]
    for together, single in zip(found[place], alone, strict=True):
        assert together.dtype == np.int64 and (together == single).all()
    assert alone[0].shape == (80,) and alone[1].shape == (32,)


# The script


@pytest.fixture(scope="module")
def options(dataset, tmp_path_factory) -> list[str]:
    start = tmp_path_factory.mktemp("start")
    small_tokenizer().save_pretrained(start)
    options = ["--dataset", str(dataset), "--init_from", str(start), "--batch_size", "4", "--seconds", "0.5"]
    return [*options, "--waveform_tokens", "5", "--warmup_steps", "1"]


def test_script_resumes_exactly_and_goes_on_from_its_model(repository, monkeypatch, options, tmp_path):
    script = load_script(repository, "train_speech_tokenizer")

    def run(*more: str) -> None:
        run_here(script, monkeypatch, *options, *more)

    check_resume(run, tmp_path, monkeypatch, SpeechTokenizerStage, "model/model.safetensors")
    trained = tmp_path / "parts" / "model"
    run("--output_dir", str(tmp_path / "voice"), "--init_from", str(trained), "--freeze_semantic", "--max_steps", "2")
    first, second = (FlowDubberSpeechTokenizer.from_pretrained(path) for path in (trained, tmp_path / "voice/model"))
    assert torch.equal(first.quantizer.codebook.weight, second.quantizer.codebook.weight)
    assert not torch.equal(first.decoder.model[0].weight, second.decoder.model[0].weight)


def test_two_processes_equal_one(repository, monkeypatch, options, tmp_path):
    check_two_processes(
        repository, "train_speech_tokenizer", monkeypatch, tmp_path, options, tolerance=1e-3, norm_tolerance=0.1
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--freeze_semantic"], "needs --init_from"),
        (["--preset", "huge"], "tiny"),
        (["--sources", "grid", "an4", "--source_shares", "1"], "one share a source"),
        (["--batch_size", "1"], "at least 2"),
        (["--melody_weight", "-1"], "must not be negative"),
    ],
)
def test_bad_options(repository, monkeypatch, dataset, tmp_path, options, message):
    script = load_script(repository, "train_speech_tokenizer")
    with pytest.raises(ValueError, match=message):
        run_here(script, monkeypatch, "--dataset", str(dataset), "--output_dir", str(tmp_path / "out"), *options)
