"""The paper's sizes: every part counted, and at reduced depth a dub of the drawn demo clip."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch

from flowdubber_hf.demo import DEMO_SCRIPT, demo_reference
from flowdubber_hf.models.lip_reader import FlowDubberLipReader, FlowDubberLipReaderConfig
from flowdubber_hf.pipelines.flowdubber.parts import build_pipeline
from flowdubber_hf.training.untrained import byte_tokenizer, untrained_family, untrained_models
from support.video_files import head_frames


pytestmark = pytest.mark.slow


# The paper's widths, which the parts share, at a depth that a test can pay.
REDUCED = {
    "aligner": {"num_hidden_layers": 1, "num_fusion_layers": 1, "num_lip_layers": 1, "lip_blocks_per_stage": 1},
    "vector_field": {"num_prior_layers": 1, "num_mid_blocks": 1},
    "vocoder": {"dilations": [1], "pitch_dilations": [1]},
    "speech_tokenizer": {
        "wav2vec2_layers": [0, 1],
        "wav2vec2_config": {
            "num_hidden_layers": 1,
            "hidden_size": 1024,
            "num_attention_heads": 16,
            "intermediate_size": 64,
            "feat_extract_norm": "layer",
            "do_stable_layer_norm": True,
            "conv_bias": True,
        },
        "num_encoder_layers": 1,
        "num_prenet_layers": 1,
        "num_postnet_layers": 0,
        "sample_ratios": [],
        "decoder_channels": 32,
    },
    "semantic_model": {"text_vocab_size": 512, "pad_token_id": 510, "end_of_text_token_id": 511,
                       "text_config": {"num_hidden_layers": 1, "vocab_size": 512 + 13493, "intermediate_size": 64}},
}  # fmt: skip


@pytest.fixture(scope="module")
def base() -> dict[str, torch.nn.Module]:
    with torch.device("meta"):
        return untrained_models("base")


def count(model: torch.nn.Module, without: str | None = None) -> int:
    return sum(
        weight.numel() for name, weight in model.named_parameters() if without is None or not name.startswith(without)
    )


def test_the_language_model_is_qwen_with_spark_s_vocabulary(base):
    model = base["semantic_model"]
    assert model.config.vocab_size == 166000 and model.config.hidden_size == 896
    table = 166000 * 896  # shared by embedding and head
    layer = 896 * (896 + 2 * 128) + 896 + 2 * 128 + 896 * 896 + 3 * 896 * 4864 + 2 * 896
    assert count(model) == table + 24 * layer + 896 == 506_634_112


def test_the_speech_tokenizer_is_bicodec_behind_wav2vec2_large(base):
    model = base["speech_tokenizer"]
    assert 155e6 < count(model, without="wav2vec2") < 158e6
    assert 310e6 < count(model.wav2vec2) < 320e6
    assert model.config.codebook_size == 8192 and model.config.global_codebook_size == 4096


def test_the_other_parts_have_the_family_s_sizes(base):
    assert 10e6 < count(base["vocoder"]) < 14.2e6
    assert 1.4e6 < count(base["style_encoder"]) < 1.5e6
    # 16 + 5 transformer layers of width 256 behind the lips; 16 layers of the prior and the U-Net.
    assert 35e6 < count(base["aligner"]) < 45e6 and 55e6 < count(base["vector_field"]) < 70e6


LIPS = ("projection", "temporal", "norm")  # what stands behind the trunk


@pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter")
def test_public_weights_bring_the_family_s_own_lips_and_vocoder(base):
    """ResNet-18's trunk and HiFi-GAN, which public weights are of."""
    with torch.device("meta"):
        family = untrained_family()
    assert 11e6 < count(family["aligner"].lip_encoder, without=LIPS) < 11.3e6
    assert 6e6 < count(base["aligner"].lip_encoder, without=LIPS) < 6.5e6
    assert 13.5e6 < count(family["vocoder"]) < 14.2e6
    family["aligner"].take_lip_reader(FlowDubberLipReader(FlowDubberLipReaderConfig()))
    build_pipeline(base | family | {"tokenizer": byte_tokenizer(base["semantic_model"].config)})


def test_the_whole_is_a_pipeline_whose_settings_agree(base):
    pipe = build_pipeline(base | {"tokenizer": byte_tokenizer(base["semantic_model"].config)})
    assert len(pipe.tokenizer) == 165158
    assert pipe.vector_field.config.fused_size == pipe.aligner.config.hidden_size == 256


def test_at_reduced_depth_a_clip_is_dubbed():
    torch.manual_seed(0)
    models = untrained_models("base", **REDUCED)
    pipe = build_pipeline(models | {"tokenizer": byte_tokenizer(models["semantic_model"].config)})
    pipe.set_progress_bar_config(disable=True)
    dub = pipe(
        script=DEMO_SCRIPT,
        video=head_frames(),
        fps=25,
        reference_audio=demo_reference(),
        reference_sampling_rate=16000,
        reference_text="set red by nine again",
        num_inference_steps=1,
        semantic_max_new_tokens=20,
        generator=torch.Generator("cpu").manual_seed(0),
    )
    sound = dub.audios[0]
    assert sound.shape == (48000,) and np.isfinite(sound).all() and sound.std() > 0
    assert [word for word, _, _ in dub.words[0]] == DEMO_SCRIPT.split()
    assert set(dub.timings) >= {"lips", "reference", "semantics", "alignment", "flow", "vocoder"}


def test_presets_and_what_is_changed():
    with torch.device("meta"):
        tiny = untrained_models("tiny", aligner={"hidden_size": 80})
    assert tiny["aligner"].config.hidden_size == 80 and count(tiny["semantic_model"]) < 3e6
    with pytest.raises(ValueError, match="preset must be one of tiny, base"):
        untrained_models("huge")
