"""The language model's hidden states for the dubber, sampled once with fixed seeds and kept on disk."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerBase

from ..data.features import save_array, save_text
from ..models.semantic import (
    LEAST_SPEECH_ROOM,
    FlowDubberSemanticForConditionalGeneration,
    FlowDubberSemanticOutput,
    build_prompt,
    pad_prompts,
)
from ..work.reading import read_array, read_json, require
from .semantic_data import SpokenClip, as_prompted
from .semantic_training import References


SETTINGS_NAME = "settings.json"
CODES = ("sampled", "spoken", "spelled")


def codes_known(model: FlowDubberSemanticForConditionalGeneration) -> str:
    """Codes of a clip that states of the model are made with, as `semantic_data.read_spoken_clips` wants them."""
    return "script" if model.config.answer == "spelling" else "tokens"


def model_fingerprint(model: FlowDubberSemanticForConditionalGeneration, tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 of the model's weights, in full precision, of its tokenizer and of what its prompts hold."""
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().float().cpu().contiguous().numpy())
    digest.update(tokenizer.backend_tokenizer.to_str().encode())
    for setting, first in (("prompt_text", "words"), ("answer", "speech")):  # the defaults' caches have no word of it
        if getattr(model.config, setting) != first:
            digest.update(getattr(model.config, setting).encode())
    return digest.hexdigest()


class SemanticCache:
    """A folder with hidden states, one file a clip and sample, and in `settings.json` what they were made with.

    Layout: `settings.json` and `<clip id>.<sample>.npy`, float16 `(speech tokens, hidden size)`. Every file is written
    through a temporary name, so a file that exists is complete. Reading needs nothing but the folder.

    Args:
        folder: of the cache.
        settings: what states are to be made with; writes them into a new cache. `None` opens a cache to read.

    Raises:
        ValueError: there is no cache to read, or the one that is there was made with other settings.
    """

    def __init__(self, folder: str | Path, settings: dict[str, Any] | None = None):
        self.folder = Path(folder)
        path = self.folder / SETTINGS_NAME
        if settings is not None and not path.is_file():
            if self.folder.is_dir() and any(self.folder.iterdir()):
                raise ValueError(f"{self.folder} holds something else than cached states; name another folder.")
            save_text(path, json.dumps(settings, indent=1) + "\n")
        if not path.is_file():
            raise ValueError(f"{self.folder} holds no cached states; make them with extract_semantic_features.py.")
        self.settings: dict[str, Any] = {
            "codes": CODES[0],
            **require(read_json(path), {"hidden_size": int}, path),
        }  # older have no word of it
        if settings is not None:
            self.check(**settings)
        self._samples: dict[str, list[int]] | None = None

    @property
    def hidden_size(self) -> int:
        """Width of the states."""
        return self.settings["hidden_size"]

    def check(self, **settings: Any) -> None:
        """Raises a ValueError where the cache was made with other `settings`, by name such as `model`."""
        for name, value in settings.items():
            if self.settings.get(name) != value:
                raise ValueError(
                    f"{self.folder} was made with another {name} ({self.settings.get(name)}, not {value}); name another "
                    "folder, or remove it to make it anew."
                )

    def path(self, clip_id: str, sample: int) -> Path:
        """File of one sample of a clip."""
        return self.folder / f"{clip_id}.{sample}.npy"

    def write(self, clip_id: str, sample: int, states: np.ndarray) -> None:
        """Keeps `(L, D)` states."""
        save_array(self.path(clip_id, sample), states.astype(np.float16))
        self._samples = None

    def samples(self, clip_id: str) -> list[int]:
        """Numbers of a clip's samples, in order."""
        if self._samples is None:
            found: dict[str, list[int]] = defaultdict(list)
            for path in self.folder.rglob("[!.]*.npy"):
                name, _, sample = path.relative_to(self.folder).with_suffix("").as_posix().rpartition(".")
                found[name].append(int(sample))
            self._samples = {name: sorted(numbers) for name, numbers in found.items()}
        return self._samples.get(clip_id, [])

    def __contains__(self, clip_id: str) -> bool:
        return bool(self.samples(clip_id))

    def get(self, clip_id: str, generator: np.random.Generator | None = None) -> np.ndarray | None:
        """States `(L, D)` float32 of a clip, `None` where it has none: a sample that `generator` draws, else the first."""
        samples = self.samples(clip_id)
        if not samples:
            return None
        chosen = samples[0 if generator is None else int(generator.integers(len(samples)))]
        return read_array(self.path(clip_id, chosen), 2).astype(np.float32)


def _number(clip_id: str, sample: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{clip_id}.{sample}".encode()).digest()[:4], "big")


def prompt_for(
    tokenizer: PreTrainedTokenizerBase,
    target: SpokenClip,
    references: References,
    sample: int,
    own_reference: float,
    without_transcript: float,
) -> list[int]:
    """The prompt of a sample: the same kinds as at test, drawn by a hash of the clip and the sample's number.

    Args:
        references: clips of which another one of the speaker is drawn.
        own_reference (`float`): probability that the reference is the clip itself, as in the benchmarks' Setting 1.
        without_transcript (`float`): probability of the prompt with the voice only, which a user without the reference's
            words gets.
    """
    rng = random.Random(_number(target.clip.id, sample))
    reference = target if rng.random() < own_reference else references.draw(target, rng)
    with_transcript = rng.random() >= without_transcript
    return build_prompt(
        tokenizer,
        target.text,
        reference.text if with_transcript else None,
        reference.global_tokens,
        reference.semantic_tokens if with_transcript else None,
        target.separator,
    )


Row = tuple[SpokenClip, int, list[int]]


def _batches(rows: list[Row], batch_size: int) -> Iterator[list[Row]]:
    """Rows of like prompt and speech length together."""
    rows = sorted(rows, key=lambda row: (len(row[2]) // 64, len(row[0].text)))
    for first in range(0, len(rows), batch_size):
        yield rows[first : first + batch_size]


def _states(
    model: FlowDubberSemanticForConditionalGeneration, batch: list[Row], options: dict[str, Any]
) -> FlowDubberSemanticOutput:
    input_ids, attention_mask = pad_prompts([prompt for _, _, prompt in batch], model.config.pad_token_id)
    input_ids, attention_mask = input_ids.to(model.device), attention_mask.to(model.device)
    if options["codes"] == "sampled":
        generators = [torch.Generator().manual_seed(_number(item.clip.id, sample)) for item, sample, _ in batch]
        return model.generate_semantics(input_ids, attention_mask, generators, options["max_new_tokens"])
    codes = [torch.tensor(item.spoken_tokens, device=model.device) for item, _, _ in batch]
    known = [torch.ones_like(row, dtype=torch.bool) for row in codes]
    with torch.no_grad():
        return model.semantic_features(
            input_ids,
            torch.nn.utils.rnn.pad_sequence(codes, batch_first=True),
            attention_mask,
            torch.nn.utils.rnn.pad_sequence(known, batch_first=True),
        )


def cache_semantic_features(
    model: FlowDubberSemanticForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    cache: SemanticCache,
    targets: Sequence[SpokenClip],
    references: Sequence[SpokenClip],
    samples: int,
    batch_size: int = 64,
    process: int = 0,
    num_processes: int = 1,
    progress: bool = True,
) -> int:
    """Writes samples 0 to `samples` - 1 of each target where they are missing.

    A clip's states depend on its id and the sample's number, not on the clips beside it nor on the number of processes.
    They are those of the speech that the model samples, of what was really said, or of the script's phonemes (`codes` of
    [`cache_settings`]).

    Args:
        cache: opened with [`cache_settings`].
        process, num_processes: which part of the work is this process'.

    Returns:
        `int`: number of files that this process wrote.
    """
    options, speakers = cache.settings, References(as_prompted(references, model.config))
    targets = as_prompted(targets, model.config)
    # Shared out before looking which are there: the other processes write while this one looks.
    wanted = [(target, sample) for target in targets for sample in range(samples)][process::num_processes]
    rows = [
        (
            target,
            sample,
            prompt_for(tokenizer, target, speakers, sample, options["own_reference"], options["without_transcript"]),
        )
        for target, sample in wanted
        if not cache.path(target.clip.id, sample).is_file()
    ]
    model.eval()
    with tqdm(total=len(rows), desc="states", disable=not progress, mininterval=1.0) as bar:
        for batch in _batches(rows, batch_size):
            result = _states(model, batch, options)
            for (item, sample, _), states, mask in zip(batch, result.hidden_states, result.mask, strict=True):
                cache.write(item.clip.id, sample, states[mask].float().cpu().numpy())
            bar.update(len(batch))
    return len(rows)


def cache_spoken_clips(
    model: FlowDubberSemanticForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    cache: SemanticCache,
    clips: Sequence[SpokenClip],
    samples: int,
    **options: Any,
) -> int:
    """States of a dataset's clips: `samples` of each to train on, one of each other; see [`cache_semantic_features`]. The clips
    are read with the codes of [`codes_known`].

    Returns:
        `int`: number of files that this process wrote.
    """
    written = 0
    for count, training in ((samples, True), (1, False)):
        targets = [item for item in clips if (item.clip.split == "train") == training]
        written += cache_semantic_features(model, tokenizer, cache, targets, clips, count, **options)
    return written


def cache_settings(
    model: FlowDubberSemanticForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    own_reference: float = 0.5,
    without_transcript: float = 0.5,
    max_new_tokens: int = LEAST_SPEECH_ROOM,
    codes: str = "sampled",
) -> dict[str, Any]:
    """What decides a cache's states, as its `settings.json` keeps it.

    Args:
        codes (`str`): `sampled`, as at test, or `spoken`: the states at the codes of the clip's own sound. Those know what no
            dub can know, so they only show whether a dubber would use knowledge that is worth having. A model that spells
            has states of the script's phonemes, the same in training and at test, and `sampled` becomes `spelled`.

    Raises:
        ValueError: other `codes`, or such as the model has no states of.
    """
    if codes not in CODES:
        raise ValueError(f"codes must be one of {', '.join(CODES)}, got {codes!r}.")
    spells = model.config.answer == "spelling"
    if spells:
        codes, without_transcript = "spelled" if codes == "sampled" else codes, 1.0
    if spells != (codes == "spelled"):
        raise ValueError(f"a model whose answer is {model.config.answer} has no states of {codes} codes.")
    return {
        "model": model_fingerprint(model, tokenizer),
        "hidden_size": model.config.hidden_size,
        "own_reference": own_reference,
        "without_transcript": without_transcript,
        "max_new_tokens": max_new_tokens,
        "codes": codes,
    }
