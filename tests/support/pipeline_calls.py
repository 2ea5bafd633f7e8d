"""Small inputs of the pipeline's call, and whether two pipelines make the same of them."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from functools import lru_cache

import numpy as np
import torch

from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.demo import demo_reference


FPS = 25
SCRIPTS = ("bin blue now", "set red at two")
BOXES = ((8, 8, 40, 40), (4, 6, 44, 46))


def frames(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (count, 48, 48, 3), dtype=np.uint8)


def demo_voice(seconds: float = 1.2, seed: int = 0) -> np.ndarray:
    """The demo's synthetic voice, higher with the seed; `(samples,)` without a pause at the start, said again as often as needed."""
    spoken = _speech(1.0 + 0.3 * seed)
    return np.resize(spoken, int(seconds * 16000))


@lru_cache(maxsize=4)
def _speech(pitch: float) -> np.ndarray:
    return demo_reference(pitch)[3200:]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(seed)


def inputs(**changed) -> dict:
    return {
        "script": SCRIPTS[0],
        "video": frames(20),
        "reference_audio": demo_voice(),
        "fps": FPS,
        "reference_sampling_rate": 16000,
        "mouth_box": BOXES[0],
        "num_inference_steps": 2,
        "semantic_max_new_tokens": 6,
        "generator": generator(),
        "output_type": "pt",
        **changed,
    }


def batch_inputs(**changed) -> dict:
    lists = {
        "script": list(SCRIPTS),
        "video": [frames(20), frames(27, seed=1)],
        "reference_audio": [demo_voice(), demo_voice(1.6, seed=1)],
        "mouth_box": list(BOXES),
        "generator": [generator(0), generator(1)],
    }
    return inputs(**{**lists, **changed})


def single_inputs(row: int, **changed) -> dict:
    """One row of `batch_inputs`, with a generator of its own."""
    batch = batch_inputs()
    lists = ("script", "video", "reference_audio", "mouth_box")
    return inputs(**{name: batch[name][row] for name in lists}, **{"generator": generator(row), **changed})


def same_dub(one: FlowDubberPipeline, other: FlowDubberPipeline, **changed) -> None:
    """Checks that two pipelines make the same mel, and sounds of the same length.

    Weights that were loaded lie elsewhere in memory than fresh ones, and a processor's kernels differ with that in the last
    digit. The phase of the vocoder's harmonics adds such digits up, so the samples themselves are not compared.
    """
    for pipe in (one, other):
        pipe.set_progress_bar_config(disable=True)
    first, second = (pipe(**inputs(output_type="latent", **changed)).audios for pipe in (one, other))
    torch.testing.assert_close(second, first, atol=5e-5, rtol=1e-4)
    sounds = [pipe(**inputs(**changed)).audios[0] for pipe in (one, other)]
    assert sounds[0].shape == sounds[1].shape and torch.isfinite(sounds[1]).all()
