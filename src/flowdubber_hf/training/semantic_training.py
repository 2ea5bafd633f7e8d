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
"""Loss, schedule and measurements of the semantic language model's training."""

import math
import random
from collections.abc import Sequence

import torch
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


def semantic_loss(
    model: FlowDubberSemanticForConditionalGeneration,
    batch: dict[str, torch.Tensor],
    reference_weight: float,
    whole_vocabulary: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean cross-entropy of the target's tokens, and the same plus `reference_weight` times that of the reference's.

    Args:
        batch: see [`~training.semantic_data.collate`].
        whole_vocabulary (`bool`): compare with every token, not only with those that may be spoken. The latter are all
            that [`generate_semantics`] looks at and cost a tenth with the tiny vocabulary; the former, now and then, keeps
            the library's unrestricted `generate` to speech.

    Returns:
        `(total, target)`, two scalars in nats.
    """
    plain = model.module if hasattr(model, "module") else model
    config = plain.config
    vocabulary = None if whole_vocabulary else spoken_vocabulary(config).to(batch["input_ids"].device)
    logits = model(input_ids=batch["input_ids"], logits_vocabulary=vocabulary, use_cache=False).logits

    def loss_of(labels: torch.Tensor) -> torch.Tensor:
        if vocabulary is not None:
            labels = positions_in(vocabulary, labels, config.vocab_size)
        return plain.loss_function(logits=logits, labels=labels, vocab_size=logits.shape[-1])

    target = loss_of(batch["labels"])
    has_reference = reference_weight > 0 and bool((batch["reference_labels"] != IGNORED).any())
    total = target + reference_weight * loss_of(batch["reference_labels"]) if has_reference else target
    return total, target


def budgeted_rate(step: int, max_steps: int, warmup_steps: int, time_share: float = 0.0) -> float:
    """Factor of the learning rate: linear warm-up, then half a cosine to 0 at the end of the steps or of the time.

    Args:
        time_share (`float`): part of the time allowed that is used up, whichever of the two is further counts.
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    done = max((step - warmup_steps) / max(1, max_steps - warmup_steps), time_share)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def reference_for(clip: SpokenClip, clips: Sequence[SpokenClip], rng: random.Random) -> SpokenClip:
    """Another clip of the speaker, or the clip itself where there is none."""
    others = [item for item in clips if item.clip.speaker == clip.clip.speaker and item is not clip]
    return rng.choice(others) if others else clip


def validation_sequences(
    tokenizer: PreTrainedTokenizerBase,
    targets: Sequence[SpokenClip],
    references: Sequence[SpokenClip],
    shuffle_text: bool = False,
    seed: int = 0,
) -> list[SemanticSequence]:
    """One sequence with transcript a target, its reference another clip of the speaker from `references`.

    Args:
        shuffle_text: give each target the script of the next one, to measure how much the script matters.
    """
    rng = random.Random(seed)
    sequences = []
    for number, target in enumerate(targets):
        reference = reference_for(target, references, rng)
        text = targets[(number + 1) % len(targets)].text if shuffle_text else None
        sequences.append(make_sequence(tokenizer, target, reference, with_transcript=True, text=text))
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
) -> dict[str, float]:
    """Figures on held-out clips: `perplexity` and `accuracy` with their script and, as `..._other_text`, with another
    clip's script (a model that reads the script is much worse there), and the mean ratio of generated to true length."""
    was_training = model.training
    model.eval()
    true = validation_sequences(tokenizer, targets, references)
    other = validation_sequences(tokenizer, targets, references, shuffle_text=True)
    figures = score(model, true)
    figures |= {f"{name}_other_text": value for name, value in score(model, other).items()}
    ratios = length_ratios(model, true)
    figures["length_ratio"] = sum(ratios) / len(ratios)
    figures["length_error"] = sum(abs(ratio - 1) for ratio in ratios) / len(ratios)
    model.train(was_training)
    return figures
