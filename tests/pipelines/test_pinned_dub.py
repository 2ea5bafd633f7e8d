"""The dub of the drawn clip stays what it was, take by take: changes that are to cost nothing are seen here.

The mels of `pinned_dub.npz` are whole thousandths. Where weights or the method change on purpose, make the file anew:
`python tests/pipelines/test_pinned_dub.py`.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np
import pytest
import torch

from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.demo import DEMO_SCRIPT, demo_frames, demo_reference
from flowdubber_hf.processing.audio import SAMPLING_RATE, VIDEO_FRAME_RATE


pytestmark = pytest.mark.slow


PINNED = Path(__file__).with_name("pinned_dub.npz")
TAKES = 2
# Processors round in their own ways, which the steps of the flow carry on; another token or another border of a phoneme
# moves the mel by more than a hundredth.
TOLERANCE = 3e-3


def dub_takes() -> list[np.ndarray]:
    """Normalised mels `(80, T)` of the drawn clip, one a seed."""
    pipe = FlowDubberPipeline.from_pretrained("flowdubber-grid-tiny")
    pipe.set_progress_bar_config(disable=True)
    inputs = {
        "script": DEMO_SCRIPT,
        "video": demo_frames(),
        "fps": VIDEO_FRAME_RATE,
        "reference_audio": demo_reference(),
        "reference_sampling_rate": SAMPLING_RATE,
        "output_type": "latent",
    }
    return [pipe(**inputs, generator=torch.Generator().manual_seed(seed)).audios[0].numpy() for seed in range(TAKES)]


@pytest.fixture(scope="module")
def takes() -> list[np.ndarray]:
    return dub_takes()


@pytest.mark.parametrize("take", range(TAKES))
def test_the_dub_is_what_it_was(takes, take):
    pinned = np.load(PINNED)[f"take_{take}"] / 1000
    np.testing.assert_allclose(takes[take], pinned, atol=TOLERANCE, rtol=0)


def test_takes_differ_by_more_than_rounding(takes):
    assert np.abs(takes[0] - takes[1]).mean() > 30 * TOLERANCE


if __name__ == "__main__":
    mels = {f"take_{take}": np.rint(1000 * mel).astype(np.int16) for take, mel in enumerate(dub_takes())}
    np.savez_compressed(PINNED, **mels)
