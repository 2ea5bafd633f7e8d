# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""The frozen language model's knowledge of training clips, sampled once and cached for the dubber."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerBase

from ..data.features import save_array
from ..models.semantic import FlowDubberSemanticForConditionalGeneration, build_prompt, pad_prompts
from .semantic_data import SpokenClip
from .semantic_training import reference_for


def semantic_path(root: str | Path, clip_id: str, seed: int) -> Path:
    """Where sample `seed` of a clip's hidden states lies, a float16 array of shape `(speech_length, hidden_size)`."""
    return Path(root) / "semantic" / f"{clip_id}.{seed}.npy"


def _number(clip_id: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{clip_id}.{seed}".encode()).digest()[:4], "big")


def prompt_for(
    tokenizer: PreTrainedTokenizerBase,
    target: SpokenClip,
    references: Sequence[SpokenClip],
    seed: int,
    own_reference: float,
    without_transcript: float,
) -> list[int]:
    """The prompt of sample `seed`: the same kinds as at test, drawn by a hash of the clip and the seed.

    Args:
        references: clips of which another one of the speaker is drawn.
        own_reference (`float`): probability that the reference is the clip itself (paper section 8, decisions 3 and 4).
        without_transcript (`float`): probability of the prompt with the voice only, which a user without the reference's
            words gets.
    """
    rng = random.Random(_number(target.clip.id, seed))
    reference = target if rng.random() < own_reference else reference_for(target, references, rng)
    with_transcript = rng.random() >= without_transcript
    return build_prompt(
        tokenizer,
        target.text,
        reference.text if with_transcript else None,
        reference.global_tokens,
        reference.semantic_tokens if with_transcript else None,
    )


def _batches(rows: list[tuple[SpokenClip, int, list[int]]], batch_size: int) -> Iterator[list]:
    """Rows of like prompt and speech length together."""
    rows = sorted(rows, key=lambda row: (len(row[2]) // 64, len(row[0].text)))
    for first in range(0, len(rows), batch_size):
        yield rows[first : first + batch_size]


def cache_semantic_features(
    model: FlowDubberSemanticForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    root: str | Path,
    targets: Sequence[SpokenClip],
    references: Sequence[SpokenClip],
    seeds: int,
    own_reference: float = 0.5,
    without_transcript: float = 0.5,
    max_new_tokens: int = 400,
    batch_size: int = 64,
    progress: bool = True,
) -> int:
    """Writes `semantic/<id>.<seed>.npy` for seeds 0 to `seeds` - 1 of each target where it is missing.

    A clip's states depend on its id and the seed, not on the clips beside it.

    Returns:
        `int`: number of files written.
    """
    rows = [
        (target, seed, prompt_for(tokenizer, target, references, seed, own_reference, without_transcript))
        for target in targets
        for seed in range(seeds)
        if not semantic_path(root, target.clip.id, seed).is_file()
    ]
    model.eval()
    with tqdm(total=len(rows), desc="semantic features", disable=not progress, mininterval=1.0) as bar:
        for batch in _batches(rows, batch_size):
            input_ids, attention_mask = pad_prompts([prompt for _, _, prompt in batch], model.config.pad_token_id)
            generators = [torch.Generator().manual_seed(_number(item.clip.id, seed)) for item, seed, _ in batch]
            result = model.generate_semantics(
                input_ids.to(model.device), attention_mask.to(model.device), generators, max_new_tokens
            )
            for (item, seed, _), states, mask in zip(batch, result.hidden_states, result.mask, strict=True):
                array = states[mask].float().cpu().numpy().astype(np.float16)
                save_array(semantic_path(root, item.clip.id, seed), array)
            bar.update(len(batch))
    return len(rows)
