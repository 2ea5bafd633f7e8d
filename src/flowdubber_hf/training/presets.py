"""Sizes of the aligner, the vector field and the vocoder: `tiny` (bundled, made for CPUs) and `base` (the paper family's, but for lips
and vocoder, which cost most of a dub there: public weights of the family's own bring their sizes with them)."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

ALIGNER_PRESETS: dict[str, dict] = {
    "tiny": {
        "phoneme_accent": "gb",  # GRID's speakers say "zed"
        "hidden_size": 160,
        "num_hidden_layers": 3,
        "intermediate_size": 320,
        "phoneme_attention_window": 40,
        "lip_stem_size": 16,
        "lip_stem_stride": 4,
        "lip_stage_sizes": [16, 32, 64, 96],
        "lip_blocks_per_stage": 1,
        "lip_normalization": "clip",
        "num_lip_layers": 4,
        "semantic_hidden_size": 192,
        "num_fusion_layers": 2,
        "fusion_feedforward_ratio": 2,
        "fusion_attention_window": 25,
    },
    # ResNet-18's depth at three quarters of its width, behind a stem that sees every fourth pixel: half the multiplications
    "base": {"lip_stem_size": 48, "lip_stem_stride": 4, "lip_stage_sizes": [48, 96, 192, 384]},
}

#: Of a voice encoder that a vector field is given in training.
VOICE_HIDDEN_SIZE = 96

VECTOR_FIELD_PRESETS: dict[str, dict] = {
    "tiny": {
        "fused_size": 160,
        "prior_hidden_size": 160,
        "num_prior_layers": 3,
        "num_prior_heads": 2,
        "prior_intermediate_size": 320,
        "prior_kernel_size": 3,
        "postnet_size": 128,
        "prior_dropout": 0.1,
        "channels": [176, 176],
        "feed_forward_ratio": 2,
        "dropout": 0.0,
        "attention_window": 100,
        "sampling_temperature": 0.4,  # of 0.3, 0.4, 0.5 and 0.667 the fewest words wrong on the held-out clips
    },
    "base": {},
}

VOCODER_PRESETS: dict[str, dict] = {
    "tiny": {},
    # about as many weights as the family's HiFi-GAN, but the network runs once a mel frame and not once a sample
    "base": {
        "hidden_size": 512,
        "dilations": [1, 2, 4, 1, 2, 4, 1, 2, 4],
        "pitch_hidden_size": 256,
        "pitch_dilations": [1, 2, 4, 8, 1],
    },
}
