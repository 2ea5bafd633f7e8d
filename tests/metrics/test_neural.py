"""Whisper, WavLM and UTMOS as measures, with tiny random networks saved to folders: what goes in, what comes out, what is
refused. No test needs published weights."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import shutil
import string
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    GenerationConfig,
    Wav2Vec2FeatureExtractor,
    WavLMConfig,
    WavLMForXVector,
    WavLMModel,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)

from flowdubber_hf.metrics import neural
from flowdubber_hf.metrics.neural import CTranslateWhisper, Utmos, WavLMSimilarity, WhisperRecognizer, load_whisper
from flowdubber_hf.models.utmos import FlowDubberUtmos, FlowDubberUtmosConfig


pytestmark = pytest.mark.slow


RATE = 16000
CONVOLUTIONS = {
    "conv_dim": [8, 8, 8],
    "conv_kernel": [10, 8, 4],
    "conv_stride": [10, 8, 4],
    "num_feat_extract_layers": 3,
}
LISTENER = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4,
    **CONVOLUTIONS,
}
WHISPER_TOKENS = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|de|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
]


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """`(samples,)`: noise whose colour goes with the seed."""
    white = np.random.default_rng(seed).standard_normal(int(seconds * RATE))
    return (0.1 * np.convolve(white, np.ones(1 + 3 * seed), mode="same")).astype(np.float32)


def whisper_tokenizer() -> WhisperTokenizer:
    """Whisper's layout of tokens over single bytes: text, then commands, then the times from 0 to 30 s."""
    vocab = {byte: index for index, byte in enumerate(sorted(ByteLevel.alphabet()))}
    times = [f"<|{index * 0.02:.2f}|>" for index in range(1501)]
    for token in WHISPER_TOKENS + times:
        vocab[token] = len(vocab)
    return WhisperTokenizer(vocab=vocab, merges=[], extra_special_tokens=WHISPER_TOKENS[1:])


def save_whisper(folder: Path, multilingual: bool) -> Path:
    """A random Whisper that only knows the letters a to z, saved with its processor."""
    tokenizer = whisper_tokenizer()
    ids = dict(zip(WHISPER_TOKENS, tokenizer.convert_tokens_to_ids(WHISPER_TOKENS), strict=True))
    shared = {
        "decoder_start_token_id": ids["<|startoftranscript|>"],
        **dict.fromkeys(("eos_token_id", "bos_token_id", "pad_token_id"), ids["<|endoftext|>"]),
    }
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_target_positions=32,
        **shared,
    )
    torch.manual_seed(5)
    model = WhisperForConditionalGeneration(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "embed_positions" not in name and weight.ndim > 1:
                weight.mul_(12)  # fresh weights are so small that no sound would matter
        model.proj_out.weight[-1501:] *= 0.1  # the times are unlikely where nothing asks for them
    letters = tokenizer.convert_tokens_to_ids(list(string.ascii_lowercase))
    languages = {"<|en|>": ids["<|en|>"], "<|de|>": ids["<|de|>"]}
    tasks = {"transcribe": ids["<|transcribe|>"], "translate": ids["<|translate|>"]}
    model.generation_config = GenerationConfig(
        is_multilingual=multilingual,
        **({"lang_to_id": languages, "task_to_id": tasks} if multilingual else {}),
        no_timestamps_token_id=ids["<|notimestamps|>"],
        prev_sot_token_id=ids["<|startofprev|>"],
        max_initial_timestamp_index=50,
        suppress_tokens=sorted(set(range(ids["<|notimestamps|>"])) - set(letters) - {ids["<|endoftext|>"]}),
        max_length=12,
        **shared,
    )
    model.save_pretrained(folder)
    WhisperProcessor(WhisperFeatureExtractor(), tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def whisper_folder(tmp_path_factory) -> Path:
    return save_whisper(tmp_path_factory.mktemp("whisper"), multilingual=True)


@pytest.fixture(scope="module")
def wavlm_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wavlm")
    torch.manual_seed(0)
    config = WavLMConfig(
        **LISTENER,
        tdnn_dim=[8, 8, 12],
        tdnn_kernel=[5, 3, 1],
        tdnn_dilation=[1, 2, 1],
        xvector_output_dim=10,
    )
    model = WavLMForXVector(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.mul_(3)
    model.save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def utmos_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("utmos")
    torch.manual_seed(0)
    config = FlowDubberUtmosConfig(
        wav2vec2_config=LISTENER, domain_size=2, judge_size=2, lstm_size=4, projection_size=4
    )
    FlowDubberUtmos(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def recognizer(whisper_folder) -> WhisperRecognizer:
    return WhisperRecognizer(str(whisper_folder))


@pytest.fixture(scope="module")
def similarity(wavlm_folder) -> WavLMSimilarity:
    return WavLMSimilarity(str(wavlm_folder))


# Whisper


@torch.no_grad()
def greedy(recognizer: WhisperRecognizer, wave: np.ndarray, prompt: list[str]) -> str:
    """Whisper's text by hand: after the prompt, always the likeliest letter, to the model's length limit."""
    tokenizer, model = recognizer.processor.tokenizer, recognizer.model
    features = recognizer.processor.feature_extractor(wave, sampling_rate=RATE, return_tensors="pt").input_features
    banned = model.generation_config.suppress_tokens
    tokens = tokenizer.convert_tokens_to_ids(prompt)
    written = []
    while len(written) < 12 and written[-1:] != [model.config.eos_token_id]:
        logits = model(features, decoder_input_ids=torch.tensor([tokens])).logits[0, -1]
        logits[banned] = -torch.inf
        written.append(int(logits.argmax()))
        tokens.append(written[-1])
    return tokenizer.decode(written, skip_special_tokens=True).strip()


def test_whisper_is_told_english_and_searches_greedily(recognizer):
    prompt = ["<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>"]
    texts = {recognizer(wave) for wave in (noise(1.0), noise(2.0, 5))}
    assert texts == {greedy(recognizer, wave, prompt) for wave in (noise(1.0), noise(2.0, 5))}
    assert len(texts) == 2 and all(text.isalpha() for text in texts)  # the sound matters; only text comes back


def test_an_english_only_whisper_is_not_told_the_language(tmp_path):
    recognizer = WhisperRecognizer(str(save_whisper(tmp_path, multilingual=False)))
    assert recognizer(noise(1.0)) == greedy(recognizer, noise(1.0), ["<|startoftranscript|>", "<|notimestamps|>"])


def test_whisper_hears_all_of_a_sound_longer_than_its_window(recognizer, monkeypatch):
    calls = []
    generate = recognizer.model.generate

    def spy(**inputs):
        calls.append(inputs)
        return generate(**inputs)

    monkeypatch.setattr(recognizer.model, "generate", spy)
    window = noise(30.0)
    short, long = recognizer(window), recognizer(np.concatenate([window, noise(10.0, 4)]))
    assert [call["input_features"].shape[-1] for call in calls] == [3000, 4000]
    assert [call["return_timestamps"] for call in calls] == [False, True]
    assert {(call["language"], call["task"], call["num_beams"], call["do_sample"]) for call in calls} == {
        ("en", "transcribe", 1, False)
    }
    assert short.isalpha()
    assert "<|" not in long and long


def test_whisper_on_silence_and_on_very_short_sound(recognizer):
    assert recognizer(np.zeros(RATE, np.float32)) == ""
    assert isinstance(recognizer(noise(0.001)), str)


def test_whisper_says_the_same_twice(recognizer):
    assert recognizer(noise(1.0)) == recognizer(noise(1.0))


# Whisper of CTranslate2


@pytest.fixture
def ctranslate_folder(tmp_path, monkeypatch) -> tuple[Path, list]:
    """A folder as CTranslate2 writes it, and the calls of a library that reads it."""
    calls = []

    class WhisperModel:
        def __init__(self, folder, **options):
            calls.append((folder, options))

        def transcribe(self, wave, **options):
            calls.append((wave, options))
            return iter([SimpleNamespace(text=" Bin blue "), SimpleNamespace(text=" at F.")]), None

    monkeypatch.setitem(sys.modules, "faster_whisper", SimpleNamespace(WhisperModel=WhisperModel))
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"{}")
    return tmp_path, calls


def test_a_folder_of_ctranslate_is_told_from_one_of_transformers(ctranslate_folder, whisper_folder):
    folder, _ = ctranslate_folder
    assert isinstance(load_whisper(str(folder)), CTranslateWhisper)
    assert isinstance(load_whisper(str(whisper_folder)), WhisperRecognizer)


def test_whisper_of_ctranslate_searches_greedily_and_asks_no_hub(ctranslate_folder):
    folder, calls = ctranslate_folder
    recognizer = load_whisper(str(folder), "cuda:1")
    assert recognizer(noise(1.0)) == "Bin blue at F."
    (_, loaded), (wave, told) = calls
    assert (loaded["device"], loaded["device_index"], loaded["compute_type"]) == ("cuda", 1, "float32")
    assert loaded["local_files_only"] is True
    assert np.array_equal(wave, noise(1.0))
    assert (told["language"], told["beam_size"], told["temperature"]) == ("en", 1, 0.0)
    assert recognizer(np.zeros(RATE, np.float32)) == "" and len(calls) == 2
    for wrong in (np.zeros(0, np.float32), np.zeros((2, 9)), np.full(9, np.nan)):
        with pytest.raises(ValueError, match=r"shape|finite"):
            recognizer(wrong)


def test_what_a_folder_of_ctranslate_lacks_is_told(ctranslate_folder, monkeypatch):
    folder, _ = ctranslate_folder

    def broken(*args, **options):
        raise RuntimeError("unsupported\nmodel")

    monkeypatch.setattr(sys.modules["faster_whisper"], "WhisperModel", broken)
    with pytest.raises(ValueError, match=r"unsupported model.*leave wer out of --metrics"):
        load_whisper(str(folder))
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ValueError, match=r"lacks tokenizer\.json"):
        load_whisper(str(folder))
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(ImportError, match="pip install faster-whisper"):
        load_whisper(str(folder))


# WavLM


@torch.no_grad()
def test_the_cosine_is_that_of_the_models_own_embeddings(similarity, wavlm_folder):
    model = WavLMForXVector.from_pretrained(wavlm_folder).eval()
    sounds = (noise(1.0), noise(1.7, 4))
    first, second = (model(torch.from_numpy(sound)[None]).embeddings[0].double() for sound in sounds)
    expected = float((first * second).sum() / (first.square().sum() * second.square().sum()).sqrt())
    assert similarity(*sounds) == pytest.approx(expected, abs=1e-5)
    assert similarity(*reversed(sounds)) == pytest.approx(expected, abs=1e-6)
    assert expected < 0.999


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")
@torch.no_grad()
def test_a_mask_over_a_whole_sound_changes_nothing(similarity):
    wave = torch.from_numpy(noise(1.0))[None]
    masked = similarity.model(wave, attention_mask=torch.ones_like(wave, dtype=torch.long)).embeddings[0]
    np.testing.assert_allclose(similarity.embed(wave[0].numpy()), masked / masked.norm(), atol=1e-5)


def test_a_voice_is_like_itself(similarity):
    assert similarity(noise(1.0), noise(1.0)) == pytest.approx(1.0, abs=1e-6)
    assert np.linalg.norm(similarity.embed(noise(1.0))) == pytest.approx(1.0, abs=1e-6)


def test_the_feature_extractor_decides_about_the_level(similarity, wavlm_folder, tmp_path):
    wave, reference = noise(1.0), noise(1.0, 4)
    shutil.copytree(wavlm_folder, tmp_path / "normalised")
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(tmp_path / "normalised")
    normalised = WavLMSimilarity(str(tmp_path / "normalised"))
    assert normalised(wave, reference) == pytest.approx(normalised(0.01 * wave, reference), abs=1e-3)
    level = float(np.std(wave))
    np.testing.assert_allclose(normalised.embed(wave), similarity.embed((wave - wave.mean()) / level), atol=1e-3)


def test_long_sound_is_the_mean_of_equal_pieces(similarity, monkeypatch):
    monkeypatch.setattr(neural, "MAX_VOICE_SECONDS", 1.0)
    wave = noise(2.5, 2)
    pieces = np.stack([similarity.embed(piece) for piece in np.array_split(wave, 3)])
    mean = pieces.mean(axis=0)
    np.testing.assert_allclose(similarity.embed(wave), mean / np.linalg.norm(mean), atol=1e-6)


def test_sound_without_a_voice_is_refused(similarity):
    with pytest.raises(ValueError, match="silent"):
        similarity(noise(1.0), np.zeros(RATE, np.float32))
    # two outputs after the convolutions of 10, 8, 4 without overlap and the head's reach of 4 + 2 * 2 frames
    assert similarity.min_samples == 10 * 320
    assert np.isfinite(similarity.embed(noise(0.2))).all()
    with pytest.raises(ValueError, match=r"needs 0\.20 s of sound or more, got 0\.1"):
        similarity(noise(0.19), noise(1.0))


def test_the_published_sizes_need_a_third_of_a_second(similarity, monkeypatch):
    monkeypatch.setattr(similarity.model, "config", WavLMConfig())
    assert similarity.min_samples == (16 - 1) * 320 + 400


# UTMOS


@torch.no_grad()
def test_utmos_is_the_score_of_its_model(utmos_folder):
    utmos, model = Utmos(str(utmos_folder)), FlowDubberUtmos.from_pretrained(utmos_folder).eval()
    wave = noise(0.5)
    assert utmos(wave) == pytest.approx(float(model(torch.from_numpy(wave)[None]).scores), abs=1e-6)
    assert utmos(wave) != utmos(0.1 * wave + 0.01)  # the level is part of the sound
    assert np.isfinite(utmos(np.zeros(RATE, np.float32)))
    with pytest.raises(ValueError, match="samples or more"):
        utmos(noise(0.005))


# What none of them takes


@pytest.mark.parametrize(
    ("sound", "message"),
    [
        (np.zeros((2, RATE)), r"\(samples,\)"),
        (np.zeros(0), r"\(samples,\)"),
        (np.array([0.1, np.nan] * RATE), "not finite"),
    ],
)
def test_wrong_sound_is_refused(recognizer, similarity, utmos_folder, sound, message):
    for measure in (recognizer, similarity.embed, Utmos(str(utmos_folder))):
        with pytest.raises(ValueError, match=message):
            measure(sound)


@pytest.mark.parametrize(
    ("measure", "metric", "hub_id"),
    [
        (WhisperRecognizer, "wer", "openai/whisper-base"),
        (WavLMSimilarity, "wavlm", "microsoft/wavlm-base-plus-sv"),
        (Utmos, "utmos", "k2-fsa/TTS_eval_models"),
    ],
)
def test_weights_that_are_not_there_are_named_with_a_remedy(measure, metric, hub_id, tmp_path):
    for arguments in ((), ("someone/nothing",), (str(tmp_path),)):
        with pytest.raises(ValueError, match=f"leave {metric} out of --metrics") as refusal:
            measure(*arguments)
        message = str(refusal.value)
        assert hub_id in message and "network" in message and "folder" in message
        assert "\n" not in message


def test_weights_with_holes_are_refused_not_filled(wavlm_folder, whisper_folder, tmp_path):
    headless = tmp_path / "headless"
    WavLMModel(WavLMConfig(**LISTENER)).save_pretrained(headless)
    Wav2Vec2FeatureExtractor().save_pretrained(headless)
    with pytest.raises(ValueError, match=r"lack \d+ parts of a WavLMForXVector.*leave wavlm out"):
        WavLMSimilarity(str(headless))
    with pytest.raises(ValueError, match="leave wer out"):
        WhisperRecognizer(str(wavlm_folder))
    with pytest.raises(ValueError, match="leave utmos out"):
        Utmos(str(whisper_folder))


def test_parts_that_only_training_uses_may_be_missing(similarity, wavlm_folder, tmp_path):
    shutil.copytree(wavlm_folder, tmp_path / "lean")
    weights = load_file(wavlm_folder / "model.safetensors")
    unused = ("objective.", "classifier.", "wavlm.masked_spec_embed")
    lean = {name: value for name, value in weights.items() if not name.startswith(unused)}
    assert len(lean) == len(weights) - 4
    save_file(lean, tmp_path / "lean" / "model.safetensors", metadata={"format": "pt"})
    np.testing.assert_array_equal(
        WavLMSimilarity(str(tmp_path / "lean")).embed(noise(1.0)), similarity.embed(noise(1.0))
    )


def test_weights_in_the_older_form_of_the_hub_are_read(similarity, wavlm_folder, tmp_path):
    """The public WavLM checkpoints are no safetensors and name the halves of a normalised weight the older way."""
    folder = tmp_path / "older"
    shutil.copytree(wavlm_folder, folder)
    weights = load_file(folder / "model.safetensors")
    for new, old in (
        ("parametrizations.weight.original0", "weight_g"),
        ("parametrizations.weight.original1", "weight_v"),
    ):
        weights[f"wavlm.encoder.pos_conv_embed.conv.{old}"] = weights.pop(f"wavlm.encoder.pos_conv_embed.conv.{new}")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    np.testing.assert_allclose(
        WavLMSimilarity(str(folder)).embed(noise(1.0)), similarity.embed(noise(1.0)), atol=1e-6, rtol=0
    )


def test_damaged_files_are_refused(wavlm_folder, tmp_path):
    shutil.copytree(wavlm_folder, tmp_path / "damaged")
    (tmp_path / "damaged" / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="loading failed"):
        WavLMSimilarity(str(tmp_path / "damaged"))


def test_code_beside_the_weights_is_never_run(wavlm_folder, tmp_path):
    folder = tmp_path / "code"
    shutil.copytree(wavlm_folder, folder)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model", "AutoModelForAudioXVector": "evil.M"}
    (folder / "config.json").write_text(json.dumps(config))
    WavLMSimilarity(str(folder)).embed(noise(1.0))
    assert not (tmp_path / "ran").exists()


def test_half_precision_weights_compute_in_single_precision(wavlm_folder, tmp_path):
    WavLMForXVector.from_pretrained(wavlm_folder).half().save_pretrained(tmp_path)
    Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(tmp_path)
    similarity = WavLMSimilarity(str(tmp_path))
    assert {weight.dtype for weight in similarity.model.parameters()} == {torch.float32}
