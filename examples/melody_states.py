"""The true melody in place of a language model's states, to see what the best of language models could give to a dub.

    python examples/melody_states.py --dataset prepared/grid --cache outputs/melody
    python examples/train_dubber.py --init_from flowdubber-grid-tiny --base_pipeline none --dataset prepared/grid \\
        --semantic_channel path --semantic_features outputs/melody --freeze_alignment true --output_dir outputs/ceiling

Each clip gets a state every 20 ms of its own speech: which phoneme is spoken, the logarithm of F0, whether the voice sounds, how
loud it is. No dub can know them. `val_flow` and `val_prior` against `val_flow_null` and `val_prior_null` then tell what such
knowledge is worth; a model that only guesses it can give no more.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from flowdubber_hf.data.features import Clip, FeatureStore
from flowdubber_hf.models.semantic.configuration_semantic import SEMANTIC_TOKEN_RATE
from flowdubber_hf.processing.audio import MEL_FRAME_RATE, SAMPLING_RATE, log_mel
from flowdubber_hf.processing.phonemes import PHONEME_CLASSES
from flowdubber_hf.training.arguments import run_script
from flowdubber_hf.training.semantic_features import SemanticCache
from flowdubber_hf.training.speech_tokenizer_data import frame_labels
from flowdubber_hf.training.speech_tokenizer_tokens import speech_span
from flowdubber_hf.training.vocoder_pitch import fill_unvoiced, track_pitch


FRAMES_PER_STATE = MEL_FRAME_RATE // SEMANTIC_TOKEN_RATE
SETTINGS = {"model": "true melody", "hidden_size": len(PHONEME_CLASSES) + 3, "codes": "spoken"}
_OCTAVE, _LOUDNESS, _LOUDNESS_DEVIATION = 3.0, -6.4, 2.3  # about 1 for what people do with their voices


def melody_states(store: FeatureStore, clip: Clip) -> np.ndarray:
    """`(L, classes + 3)` of a clip's speech: one-hot phoneme, log2 of F0 over 130 Hz, voicing, mean log-mel, the last three of
    about the size 1."""
    length = clip.num_samples * SEMANTIC_TOKEN_RATE // SAMPLING_RATE
    sound = torch.from_numpy(store.audio(clip.id)).float()
    pitch, voiced = (track[0] for track in track_pitch(sound[None]))
    height = _OCTAVE * torch.log2(fill_unvoiced(pitch, voiced) / 130.0)
    loudness = (log_mel(sound).mean(0)[: len(height)] - _LOUDNESS) / _LOUDNESS_DEVIATION
    heard = torch.stack([height[: len(loudness)], voiced[: len(loudness)].float(), loudness], dim=1)
    missing = max(0, FRAMES_PER_STATE * length - len(heard))
    heard = torch.cat([heard, heard[-1:].expand(missing, -1)])[: FRAMES_PER_STATE * length]
    labels = torch.from_numpy(frame_labels(store.phones(clip.id), length, SEMANTIC_TOKEN_RATE))
    phonemes = torch.nn.functional.one_hot(labels, len(PHONEME_CLASSES))
    states = torch.cat([phonemes, heard.unflatten(0, (-1, FRAMES_PER_STATE)).mean(1)], dim=1)
    return states[slice(*speech_span(store, clip, length, SEMANTIC_TOKEN_RATE))].numpy()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, nargs="+", type=Path, help="folders of `flowdubber prepare`")
    parser.add_argument("--cache", required=True, type=Path, help="folder that gets the states")
    args = parser.parse_args(arguments)
    store, cache = FeatureStore(args.dataset), SemanticCache(args.cache, SETTINGS)
    for clip in tqdm(store.clips(["train", "val"], needs=("audio", "phones")), desc="melodies"):
        if clip.id not in cache:
            cache.write(clip.id, 0, melody_states(store, clip))


if __name__ == "__main__":
    run_script(main)
