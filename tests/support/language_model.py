"""The bundled language model, and prompts for it."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from flowdubber_hf.checkpoints.sources import bundled_checkpoints
from flowdubber_hf.models.semantic import FlowDubberSemanticForConditionalGeneration, build_prompt


SCRIPTS = ["bin blue at f two now", "the children walked to school", "set white with z one again", "no"]


def bundled_language_model() -> tuple[FlowDubberSemanticForConditionalGeneration, PreTrainedTokenizerBase]:
    """In float32 on the processor, with its tokenizer."""
    folder = bundled_checkpoints()["flowdubber-grid-tiny"]
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    model = FlowDubberSemanticForConditionalGeneration.from_pretrained(folder / "semantic_model", dtype=torch.float32)
    return model.eval(), tokenizer


def prompts_of(tokenizer) -> list[list[int]]:
    """Prompts of several lengths, with and without a transcript."""
    generator = torch.Generator().manual_seed(3)
    draw = lambda high, count: torch.randint(0, high, (count,), generator=generator)  # noqa: E731
    references = [None, "place red by b nine soon", None, "now"]
    return [
        build_prompt(tokenizer, script, reference, draw(4096, 32), draw(512, 20 + 7 * row), " ")
        for row, (script, reference) in enumerate(zip(SCRIPTS, references, strict=True))
    ]
