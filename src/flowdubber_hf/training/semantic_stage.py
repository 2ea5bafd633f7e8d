"""The semantic language model's stage of the shared training loop."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from ..models.semantic import FlowDubberSemanticForConditionalGeneration
from .batching import row_generator
from .semantic_adapters import ADAPTER_FOLDER, Adapter
from .semantic_data import SemanticSequences, SequenceSettings, SpokenClip, as_prompted, check_codes, collate
from .semantic_training import SemanticObjective, evaluate_semantics, positions_in, spoken_vocabulary


class SemanticStage:
    """What the shared loop needs of the language model, see [`~training.loop.TrainingStage`]. A row is a sequence.

    Args:
        model: to train.
        tokenizer: its own.
        clips: to train on.
        held_out: to validate on.
        batch_size: sequences of a step's global batch.
        settings: of the sequences.
        seed: of all draws.
        reference_weight: of the loss on the reference's own tokens.
        whole_vocabulary_every: steps between losses over the whole vocabulary.
        attention_dropout: of this run; the saved model keeps its own.
        adapter: train its low-rank matrices in place of the model's weights.

    Raises:
        ValueError: the clips' tokens do not fit the model's vocabulary.
    """

    best = "val_perplexity"

    def __init__(
        self,
        model: FlowDubberSemanticForConditionalGeneration,
        tokenizer: PreTrainedTokenizerBase,
        clips: Sequence[SpokenClip],
        held_out: Sequence[SpokenClip],
        batch_size: int,
        settings: SequenceSettings,
        seed: int = 0,
        reference_weight: float = 0.7,
        whole_vocabulary_every: int = 16,
        attention_dropout: float = 0.1,
        adapter: Adapter | None = None,
    ):
        if whole_vocabulary_every < 1:
            raise ValueError(f"`whole_vocabulary_every` must be at least 1, got {whole_vocabulary_every}.")
        check_codes([*clips, *held_out], model.config)
        self.config, self.tokenizer = model.config, tokenizer
        self.clips, self.held_out = as_prompted(clips, model.config), as_prompted(held_out, model.config)
        self.batch_size, self.seed = batch_size, seed
        self.sequences = SemanticSequences(self.clips, tokenizer, batch_size, settings, seed)
        self.whole_vocabulary_every = whole_vocabulary_every
        self.vocabulary = spoken_vocabulary(model.config)
        for layer in model.model.layers:
            layer.self_attn.attention_dropout = attention_dropout
        self.adapter = adapter
        if adapter is not None:
            adapter.attach(model)
        self.model: nn.Module = SemanticObjective(model, reference_weight)

    def batch(self, step: int, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """Sequences of a step's rows, see [`~training.semantic_data.collate`], with `num_target` and `num_reference`, these
        rows' share of the tokens with a loss in the whole step, and `vocabulary` but in every
        `whole_vocabulary_every`-th step."""
        plans = self.sequences.plans(step)
        batch = collate(
            [self.sequences.sequence(plans[row]) for row in rows],
            self.config,
            self.sequences.settings.token_noise,
            # Rows up to the batch's size are those that the plans are drawn with.
            [row_generator(self.seed, step, self.batch_size + 1 + row) for row in rows],
        )
        share = len(rows) / self.batch_size
        batch["num_target"] = torch.tensor(share * sum(plan.num_target for plan in plans))
        batch["num_reference"] = torch.tensor(share * sum(len(plan.reference_codes) for plan in plans))
        if step % self.whole_vocabulary_every:
            batch["vocabulary"] = self.vocabulary
            for name in ("labels", "reference_labels"):
                batch[name] = positions_in(self.vocabulary, batch[name], self.config.vocab_size)
        return batch

    def names(self, step: int) -> list[str]:
        """Clips whose speech the step's rows write."""
        return [plan.target.clip.id for plan in self.sequences.plans(step)]

    def validate(self, model: SemanticObjective) -> dict[str, float]:
        """Figures of [`~training.semantic_training.evaluate_semantics`] on the held-out clips, with the prompt that has a
        transcript unless the run knows only the other."""
        with_transcript = self.sequences.settings.without_transcript < 1
        figures = evaluate_semantics(model.model, self.tokenizer, self.held_out, self.clips, with_transcript)
        return {f"val_{name}": value for name, value in figures.items()}

    def save(self, model: SemanticObjective, folder: Path) -> None:
        """Writes the model with its tokenizer as `from_pretrained` loads them; an adapter is merged into the weights and
        also lies in `adapter/` as PEFT loads it."""
        plain = model.model
        if self.adapter is not None:
            plain = self.adapter.merged()
            self.adapter.save(folder / ADAPTER_FOLDER)
        plain.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
