"""The language model's step as one CUDA graph: a card runs it faster than Python can ask for its hundreds of small products.

[`StaticSteps`] computes what [`PlainSteps`] does from tensors that never move or change their shapes; it runs on any device.
[`CapturedSteps`] lets CUDA record it and replays the record, which is all that only a card can do.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable

import torch
from transformers import DynamicCache
from transformers.models.qwen2.modeling_qwen2 import Qwen2Model
from transformers.utils import logging

from .decoding_steps import LibrarySteps, PlainSteps, Steps, computes_plainly


logger = logging.get_logger(__name__)

#: Steps that run as they are before one is recorded: what libraries set up at their first calls must not be recorded.
WARM_UP_STEPS = 3


class StaticSteps(PlainSteps):
    """The step from buffers of fixed places and shapes.

    The numbers of a step are on the device too, so nothing that the code does depends on them: keys and values are written where the
    step's number says, and every query sees the whole cache under a mask. Rows that have ended stay, for leaving them out would
    change the shapes.
    """

    keeps_all_rows = True

    def __init__(self, decoder: Qwen2Model, cache: DynamicCache, attention_mask: torch.Tensor, max_new_tokens: int):
        super().__init__(decoder, cache, attention_mask, max_new_tokens)
        rows, device = len(attention_mask), attention_mask.device
        self.tokens = torch.zeros(rows, dtype=torch.long, device=device)
        self.step = torch.zeros(1, dtype=torch.long, device=device)
        self.hidden = torch.zeros(rows, decoder.config.hidden_size, dtype=self.embeddings.dtype, device=device)
        self.places = torch.arange(self.prompt + max_new_tokens, device=device)
        if self.lengths is None:
            self.lengths = torch.full((1,), self.prompt, device=device)
            self.mask = torch.ones(1, 1, 1, len(self.places), dtype=torch.bool, device=device)

    def advance(self) -> None:
        """From `tokens` and `step` to `hidden`."""
        place = self.prompt + self.step
        at = self.lengths + self.step
        mask = self.mask & (self.places <= place)
        turning = self.cos.index_select(0, at), self.sin.index_select(0, at)
        self.hidden.copy_(self.pass_layers(self.tokens, turning, place, len(self.places), mask))

    def store(self, cache: torch.Tensor, place: torch.Tensor, new: torch.Tensor) -> None:
        cache.index_copy_(2, place, new[:, :, None])

    def run(self) -> None:
        """What makes `hidden` of the buffers."""
        self.advance()

    def __call__(self, tokens: torch.LongTensor, step: int) -> torch.Tensor:
        self.tokens.copy_(tokens)
        self.step.fill_(step)
        self.run()
        return self.hidden.clone()

    def keep(self, rows: torch.LongTensor) -> None:
        """Is never asked for.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("a step of fixed shapes goes on with all rows.")


class CapturedSteps(StaticSteps):
    """The static step, recorded as a CUDA graph once it has run a few times. Where CUDA refuses, it goes on as it is, with a warning."""

    def __init__(self, decoder: Qwen2Model, cache: DynamicCache, attention_mask: torch.Tensor, max_new_tokens: int):
        super().__init__(decoder, cache, attention_mask, max_new_tokens)
        self.recording = Recording(attention_mask.device)

    def run(self) -> None:
        self.recording(self.advance)


class Recording:
    """What a function of tensors that stay where they are computes, which CUDA replays as a whole from its fourth call on.

    It does not keep the function: whose method that is would then hold itself, and the card's memory, until Python looks for circles.

    Args:
        device: a CUDA device.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.stream = torch.cuda.Stream(device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.calls = 0

    def __call__(self, function: Callable[[], None]) -> None:
        """Runs or replays what takes and returns nothing: the same kernels with the same arguments each time."""
        if self.graph is not None:
            self.graph.replay()
            return
        present = torch.cuda.current_stream(self.device)
        # On the stream that is recorded later, whose workspaces are then there already.
        self.stream.wait_stream(present)
        with torch.cuda.stream(self.stream):
            function()
        present.wait_stream(self.stream)
        self.calls += 1
        if self.calls == WARM_UP_STEPS:
            self.graph = self.captured(function)

    def captured(self, function: Callable[[], None]) -> "torch.cuda.CUDAGraph | None":
        """The function's graph; recording does not run it. `None` where CUDA refuses."""
        graph = torch.cuda.CUDAGraph()
        try:
            # A capture that fails leaves its stream as the present one; the outer context brings the present one back.
            with (
                torch.cuda.stream(torch.cuda.current_stream(self.device)),
                torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"),
            ):
                function()
        except RuntimeError as error:
            logger.warning_once(
                f"the language model's step could not be recorded as a CUDA graph ({error}); it goes on without, more slowly. "
                "`use_cuda_graphs = False` of the model does not try."
            )
            return None
        return graph


def choose_steps(decoder: Qwen2Model, use_cuda_graphs: bool) -> type[Steps]:
    """Which way a decoder's step is computed: all write the same tokens."""
    if not computes_plainly(decoder):
        return LibrarySteps
    if use_cuda_graphs and decoder.embed_tokens.weight.is_cuda:
        return CapturedSteps
    return PlainSteps


__all__ = ["CapturedSteps", "Recording", "StaticSteps", "choose_steps"]
