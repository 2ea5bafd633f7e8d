"""The speech tokenizer's stage of the shared training loop."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import PartialState
from safetensors.torch import save_file
from torch import nn

from ..checkpoints.complete import read_tensors
from ..data.features import Clip, FeatureStore
from ..models.speech_tokenizer import FlowDubberSpeechTokenizer
from .batching import row_generator
from .samples import Samples, sampled_sounds, tokenizer_samples
from .speech_tokenizer_data import SEGMENTS_PER_VOICE, SegmentSettings, VoiceRows
from .speech_tokenizer_losses import SpeechTokenizerLossWeights, SpeechTokenizerObjective
from .speech_tokenizer_tokens import evaluate_tokenizer
from .synchronized_norm import synchronize_batch_norms


HEADS_NAME = "heads.safetensors"


class SpeechTokenizerStage:
    """What the shared loop needs of the speech tokenizer, see [`~training.loop.TrainingStage`]. A row is a voice.

    What the model learns beside gradients is that of the whole global batch over all processes: the normalisation of the
    speaker branch (`nn.SyncBatchNorm` on GPUs, [`~training.synchronized_norm`] on CPUs), the counts of the codes' uses and
    the positions on which unused codes are put. With gradient accumulation they are those of each of its parts in turn, so
    that a run with it differs from one without.

    Args:
        tokenizer: to train.
        store: the prepared dataset.
        clips: to train on.
        held_out: to validate on.
        settings: of the segments.
        weights: of the losses.
        batch_size: voices of a step's global batch.
        seed: of all draws.
        freeze_semantic: train the voice and the decoders only; semantic tokens stay what they are.
        waveform_tokens: length of the crop that the wave generator makes, 50 a second.
        heads_from: folder of an earlier run whose phoneme and speaker heads are taken over where they fit.

    Raises:
        ValueError: too few voices a step, no clips, or a tokenizer without its postnet.
    """

    best = "val_score"

    def __init__(
        self,
        tokenizer: FlowDubberSpeechTokenizer,
        store: FeatureStore,
        clips: Sequence[Clip],
        held_out: Sequence[Clip],
        settings: SegmentSettings,
        weights: SpeechTokenizerLossWeights,
        batch_size: int,
        seed: int = 0,
        freeze_semantic: bool = False,
        waveform_tokens: int = 25,
        heads_from: str | Path | None = None,
    ):
        if batch_size < 2:
            raise ValueError("the speech tokenizer normalises over voices: --batch_size must be at least 2.")
        if waveform_tokens < 4:
            raise ValueError(f"the wave generator's crop must have at least 4 tokens (80 ms), got {waveform_tokens}.")
        self.rows = VoiceRows(store, tokenizer.config, clips, settings)
        self.store, self.held_out = store, held_out
        self.batch_size, self.seed = batch_size, seed
        self.waveform_tokens = min(waveform_tokens, self.rows.tokens) if weights.waveform else 0
        model = SpeechTokenizerObjective(tokenizer, len(self.rows.speakers), weights, freeze_semantic)
        heads = Path(heads_from) / HEADS_NAME if heads_from else None
        if heads is not None and heads.is_file():
            model.load_heads(read_tensors(heads))
        state = PartialState()
        if state.num_processes > 1 and state.device.type == "cpu":
            synchronize_batch_norms(model)
        self.model: nn.Module = model

    def batch(self, step: int, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """Voices of a step's rows, see [`~training.speech_tokenizer_data.VoiceRows.row`].

        `input_values`, `attention_mask`, `labels` and `melody` have two rows a voice, `reference_values` and `speakers` one. With
        them come `code_priorities` `(2 * voices, tokens)`, which decide where unused codes go; `waveform_crop`, the first
        token and the number of tokens that the wave generator makes; and `num_labelled`, these rows' share of the
        segments with labels in the whole step.
        """
        items = []
        for row in rows:
            random = row_generator(self.seed, step, row)
            item = self.rows.row(self.rows.plan(random))
            shape = (SEGMENTS_PER_VOICE, self.rows.tokens)
            item["code_priorities"] = torch.from_numpy(random.random(shape, dtype="float32"))
            items.append(item)
        batch = {name: torch.stack([item[name] for item in items]) for name in items[0]}
        for name in ("input_values", "attention_mask", "labels", "code_priorities", "melody"):
            if name in batch:
                batch[name] = batch[name].flatten(0, 1)
        labelled = sum(self.rows.labelled_segments(plan) for plan in self._plans(step))
        batch["num_labelled"] = torch.tensor(labelled * len(rows) / self.batch_size)
        if self.waveform_tokens:
            shared = row_generator(self.seed, step, self.batch_size)  # the row behind the last: what all rows share
            first = int(shared.integers(self.rows.tokens - self.waveform_tokens + 1))
            batch["waveform_crop"] = torch.tensor([first, self.waveform_tokens])
        return batch

    def _plans(self, step: int) -> list:
        return [self.rows.plan(row_generator(self.seed, step, row)) for row in range(self.batch_size)]

    def names(self, step: int) -> list[str]:
        """Clips of the step's voices."""
        return [clip.id for plan in self._plans(step) for clip in plan.clips]

    def validate(self, model: SpeechTokenizerObjective) -> dict[str, float]:
        """Figures of [`~training.speech_tokenizer_tokens.evaluate_tokenizer`] on the held-out clips, and `val_score`, the
        sum of the errors of features and phonemes, by which the best model is chosen."""
        figures = {
            f"val_{name}": value for name, value in evaluate_tokenizer(model, self.store, self.held_out).items()
        }
        figures["val_score"] = figures["val_features"] + 1 - figures["val_accuracy_speech"]
        return {name: value for name, value in figures.items() if not math.isnan(value)}

    def samples(self, model: SpeechTokenizerObjective) -> Samples:
        """A few held-out clips through their tokens."""
        return tokenizer_samples(model.tokenizer, sampled_sounds(self.store, self.held_out))

    def save(self, model: SpeechTokenizerObjective, folder: Path) -> None:
        """Writes the tokenizer as `from_pretrained` loads it and, for further training, `heads.safetensors`."""
        model.tokenizer.save_pretrained(folder)
        save_file({name: value.contiguous() for name, value in model.heads().items()}, folder / HEADS_NAME)
