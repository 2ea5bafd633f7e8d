"""Losses and measurements of the semantic language model's training."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
import random
from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from ..models.semantic import FlowDubberSemanticConfig, FlowDubberSemanticForConditionalGeneration, pad_prompts
from .semantic_data import IGNORED, SemanticSequence, SpokenClip, collate, make_sequence


def spoken_vocabulary(config: FlowDubberSemanticConfig) -> torch.Tensor:
    """Ids that may follow a prompt: the semantic tokens, the start token, the two stop tokens. `(codebook_size + 3,)`"""
    first = config.semantic_token_offset
    semantic = torch.arange(first, first + config.semantic_codebook_size)
    return torch.cat((semantic, torch.tensor([config.start_semantic_token_id, *config.stop_token_ids])))


def positions_in(vocabulary: torch.Tensor, labels: torch.Tensor, vocab_size: int) -> torch.Tensor:
    """Labels as positions in `vocabulary`; -100 stays."""
    table = torch.full((vocab_size,), IGNORED, device=labels.device)
    table[vocabulary] = torch.arange(len(vocabulary), device=labels.device)
    return torch.where(labels == IGNORED, labels, table[labels.clamp(min=0)])


class SemanticObjective(nn.Module):
    """The language model with its losses.

    Args:
        model: what is trained.
        reference_weight: of the loss on the reference's own tokens.
    """

    def __init__(self, model: FlowDubberSemanticForConditionalGeneration, reference_weight: float = 0.7):
        super().__init__()
        self.model = model
        self.reference_weight = reference_weight

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """`target`, the mean cross-entropy of the target's tokens in nats, and `loss`, to which `reference_weight` times
        that of the reference's tokens is added.

        Args:
            batch: of [`~training.semantic_stage.SemanticStage.batch`]. With `vocabulary` `(size,)`, ids of tokens, logits
                are computed for these only and labels are places in it; that is all that [`generate_semantics`] looks at
                and costs a tenth with the tiny vocabulary. Without it every token counts, which now and then keeps the
                library's unrestricted `generate` to speech. `num_target` and `num_reference` are the tokens that the sums
                are divided by.
        """
        output = self.model(input_ids=batch["input_ids"], logits_vocabulary=batch.get("vocabulary"), use_cache=False)
        logits = output.logits.float().flatten(0, 1)

        def mean(name: str) -> torch.Tensor:
            labels = batch["labels" if name == "target" else "reference_labels"]
            # Each position is asked for the next one's token; moving the labels spares a copy of the logits.
            labels = nn.functional.pad(labels[:, 1:], (0, 1), value=IGNORED).flatten()
            total = nn.functional.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")
            return total / batch[f"num_{name}"].clamp(min=1e-6)

        losses = {"target": mean("target")}
        losses["loss"] = losses["target"]
        if self.reference_weight:
            losses["reference"] = mean("reference")
            losses["loss"] = losses["loss"] + self.reference_weight * losses["reference"]
        return losses


class References:
    """Finds other clips of a speaker."""

    def __init__(self, clips: Sequence[SpokenClip]):
        self.by_speaker: dict[str, list[SpokenClip]] = defaultdict(list)
        for item in clips:
            self.by_speaker[item.clip.speaker].append(item)

    def draw(self, clip: SpokenClip, rng: random.Random) -> SpokenClip:
        """Another clip of the speaker, or the clip itself where there is none."""
        others = [item for item in self.by_speaker.get(clip.clip.speaker, []) if item.clip.id != clip.clip.id]
        return rng.choice(others) if others else clip


def validation_choice(clips: Sequence[SpokenClip], count: int) -> list[SpokenClip]:
    """The first `count` clips, those with video before those of sound alone."""
    return sorted(clips, key=lambda item: not item.clip.num_frames)[:count]


def validation_sequences(
    tokenizer: PreTrainedTokenizerBase,
    targets: Sequence[SpokenClip],
    references: Sequence[SpokenClip],
    shuffle_text: bool = False,
    with_transcript: bool = True,
    seed: int = 0,
) -> list[SemanticSequence]:
    """One sequence a target, its reference another clip of the speaker from `references`.

    Args:
        with_transcript: the prompt holds the reference's transcript and tokens, and not its voice alone.
        shuffle_text: give each target the script of the next one, to measure how much the script matters.
    """
    rng, speakers = random.Random(seed), References(references)
    sequences = []
    for number, target in enumerate(targets):
        reference = speakers.draw(target, rng)
        text = targets[(number + 1) % len(targets)].text if shuffle_text else None
        sequences.append(make_sequence(tokenizer, target, reference, with_transcript, text=text))
    return sequences


@torch.no_grad()
def score(
    model: FlowDubberSemanticForConditionalGeneration, sequences: Sequence[SemanticSequence], batch_size: int = 16
) -> dict[str, float]:
    """Teacher-forced `perplexity` and `accuracy` of the targets' tokens, end token included, among all that may be spoken."""
    loss, hits, count = 0.0, 0, 0
    vocabulary = spoken_vocabulary(model.config).to(model.device)
    for row in range(0, len(sequences), batch_size):
        batch = collate(sequences[row : row + batch_size], model.config)
        labels = positions_in(vocabulary, batch["labels"][:, 1:].to(model.device), model.config.vocab_size)
        input_ids = batch["input_ids"].to(model.device)
        logits = model(input_ids=input_ids, logits_vocabulary=vocabulary, use_cache=False).logits[:, :-1]
        known = labels != IGNORED
        logits, labels = logits[known].float(), labels[known]
        loss += float(torch.nn.functional.cross_entropy(logits, labels, reduction="sum"))
        hits += int((logits.argmax(dim=-1) == labels).sum())
        count += int(known.sum())
    return {"perplexity": math.exp(loss / count), "accuracy": hits / count}


def length_ratios(
    model: FlowDubberSemanticForConditionalGeneration, sequences: Sequence[SemanticSequence], seed: int = 0
) -> list[float]:
    """Generated over true number of speech tokens, one sample a sequence."""
    input_ids, attention_mask = pad_prompts([item.prompt for item in sequences], model.config.pad_token_id)
    longest = max(len(item.target) for item in sequences)
    result = model.generate_semantics(
        input_ids.to(model.device),
        attention_mask.to(model.device),
        generator=[torch.Generator().manual_seed(seed + row) for row in range(len(sequences))],
        max_new_tokens=3 * longest,
    )
    lengths = result.mask.sum(dim=1).tolist()
    return [length / len(item.target) for length, item in zip(lengths, sequences, strict=True)]


def evaluate_semantics(
    model: FlowDubberSemanticForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    targets: Sequence[SpokenClip],
    references: Sequence[SpokenClip],
    with_transcript: bool = True,
) -> dict[str, float]:
    """Figures on held-out clips: `perplexity` and `accuracy` with their script and, as `..._other_text`, with another
    clip's script (a model that reads the script is much worse there), and the mean ratio of generated to true length."""
    true, other = (
        validation_sequences(tokenizer, targets, references, shuffle_text, with_transcript)
        for shuffle_text in (False, True)
    )
    figures = score(model, true)
    figures |= {f"{name}_other_text": value for name, value in score(model, other).items()}
    ratios = length_ratios(model, true)
    figures["length_ratio"] = sum(ratios) / len(ratios)
    figures["length_error"] = sum(abs(ratio - 1) for ratio in ratios) / len(ratios)
    return figures
