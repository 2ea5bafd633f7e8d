"""The two quantisers of BiCodec: factorised nearest-code for what is said, finite scalar for who says it."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from .layers import initialised


@dataclass
class QuantizerOutput:
    """What [`FlowDubberFactorizedVectorQuantizer`] gives.

    Attributes:
        quantized: `(batch, latent_size, length)`, with straight-through gradient.
        indices: `(batch, length)` int64.
        loss: scalar, commitment and codebook loss with their weights, the mean of the rows' means; 0 outside training.
        perplexity: scalar, exp of the entropy of the codes used in this batch.
        active_codes: scalar, codes used in this batch.
    """

    quantized: torch.Tensor
    indices: torch.Tensor
    loss: torch.Tensor
    perplexity: torch.Tensor
    active_codes: torch.Tensor


def full_precision(tensor: torch.Tensor) -> torch.autocast:
    """A context without automatic mixed precision: rounding to bf16 would change spectra and choices of codes."""
    return torch.autocast(tensor.device.type, enabled=False)


def _is_distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _gather_rows(rows: torch.Tensor) -> torch.Tensor:
    """The `(n, width)` rows of all processes, one process after the other."""
    if not _is_distributed():
        return rows
    count = torch.tensor([len(rows)], device=rows.device)
    counts = [torch.empty_like(count) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(counts, count)
    padded = rows.new_zeros(max(int(number) for number in counts), rows.shape[1])
    padded[: len(rows)] = rows
    gathered = [torch.empty_like(padded) for _ in counts]
    torch.distributed.all_gather(gathered, padded)
    return torch.cat([part[: int(number)] for part, number in zip(gathered, counts, strict=True)])


class FlowDubberFactorizedVectorQuantizer(nn.Module):
    """Factorised vector quantisation with l2-normalised lookup (as in BiCodec; the scheme of ViT-VQGAN and DAC).

    Vectors are projected to `codebook_dim`, the code with the greatest cosine is taken, and projected back. Codes that
    hardly any vector of the last batches chose are moved onto vectors of the current one.

    Args:
        latent_size, codebook_size, codebook_dim: sizes.
        commitment_weight, codebook_weight: of mean (z_e - sg[e])^2 and mean (sg[z_e] - e)^2.
        normalize_codes: whether projected vectors and codes also have unit length where they are compared and used.
            BiCodec's do not, and with few training steps their lengths run away from each other.
        decay, dead_code_threshold: of the running count of uses a batch; a code below the threshold is replaced.
    """

    def __init__(
        self,
        latent_size: int,
        codebook_size: int,
        codebook_dim: int,
        commitment_weight: float,
        codebook_weight: float,
        normalize_codes: bool,
        decay: float,
        dead_code_threshold: float,
    ):
        super().__init__()
        self.codebook_size = codebook_size
        self.commitment_weight = commitment_weight
        self.codebook_weight = codebook_weight
        self.normalize_codes = normalize_codes
        self.decay = decay
        self.dead_code_threshold = dead_code_threshold
        self.in_project = initialised(nn.Conv1d(latent_size, codebook_dim, 1))
        self.out_project = initialised(nn.Conv1d(codebook_dim, latent_size, 1))
        self.codebook = nn.Embedding(codebook_size, codebook_dim)
        self.cluster_size = nn.Buffer(torch.zeros(codebook_size))

    def forward(
        self,
        hidden_states: torch.Tensor,
        mask: torch.Tensor | None = None,
        priorities: torch.Tensor | None = None,
    ) -> QuantizerOutput:
        """Quantises `hidden_states` `(batch, latent_size, length)`; `mask` `(batch, length)` bool marks real positions.

        In training, unused codes move onto the positions with the lowest of `priorities` `(batch, length)`, over all
        processes; without them onto random ones.
        """
        latents = self._unit(self.in_project(hidden_states), dim=1)
        valid = torch.ones_like(latents[:, 0], dtype=torch.bool) if mask is None else mask
        if self.training:
            if priorities is None:
                priorities = torch.rand(valid.shape, device=latents.device)
            self._replace_dead_codes(latents.detach().transpose(1, 2)[valid], priorities[valid])
        indices = self.nearest(latents)
        codes = self._codes(indices)
        counts = torch.bincount(indices[valid], minlength=self.codebook_size).float()
        loss = latents.new_zeros(())
        if self.training:
            loss = self._loss(latents, codes, valid)
            self._update_counts(counts)
        straight_through = latents + (codes - latents).detach()
        shares = counts / counts.sum().clamp(min=1)
        perplexity = torch.exp(-(shares * torch.log(shares + 1e-10)).sum())
        return QuantizerOutput(
            self.out_project(straight_through), indices, loss, perplexity, (counts > 0).sum().to(perplexity)
        )

    def nearest(self, latents: torch.Tensor) -> torch.Tensor:
        """`(batch, codebook_dim, length)` -> `(batch, length)` index of the code with the greatest cosine."""
        with full_precision(latents):
            directions = F.normalize(latents.float(), dim=1)
            codebook = F.normalize(self.codebook.weight.float(), dim=1)
            return torch.einsum("bdl,kd->blk", directions, codebook).argmax(dim=-1)

    def tokenize(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, latent_size, length)` -> `(batch, length)` codes."""
        return self.nearest(self.in_project(hidden_states))

    def detokenize(self, indices: torch.Tensor) -> torch.Tensor:
        """`(batch, length)` codes -> `(batch, latent_size, length)` quantised vectors."""
        return self.out_project(self._codes(indices))

    def _unit(self, vectors: torch.Tensor, dim: int) -> torch.Tensor:
        return F.normalize(vectors, dim=dim) if self.normalize_codes else vectors

    def _codes(self, indices: torch.Tensor) -> torch.Tensor:
        """`(batch, length)` -> `(batch, codebook_dim, length)`."""
        return self._unit(self.codebook(indices), dim=-1).transpose(1, 2)

    def _loss(self, latents: torch.Tensor, codes: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        weight = valid[:, None].to(latents.dtype)
        cells = (weight.sum(dim=(1, 2)) * latents.shape[1]).clamp(min=1)
        commitment = ((weight * (latents - codes.detach()).square()).sum(dim=(1, 2)) / cells).mean()
        codebook = ((weight * (codes - latents.detach()).square()).sum(dim=(1, 2)) / cells).mean()
        return self.commitment_weight * commitment + self.codebook_weight * codebook

    @torch.no_grad()
    def _update_counts(self, counts: torch.Tensor) -> None:
        if _is_distributed():
            torch.distributed.all_reduce(counts)
        self.cluster_size.mul_(self.decay).add_(counts, alpha=1 - self.decay)

    @torch.no_grad()
    def _replace_dead_codes(self, vectors: torch.Tensor, priorities: torch.Tensor) -> None:
        # The counts start at zero, so that the first batch fills the whole codebook with vectors of the encoder.
        dead = (self.cluster_size < self.dead_code_threshold).nonzero()[:, 0]
        if not len(dead):
            return
        candidates = _gather_rows(torch.cat([vectors.float(), priorities[:, None].float()], dim=1))
        if not len(candidates):
            return
        best = candidates[:, -1].argsort()[: len(dead)]
        chosen = candidates[best, :-1][torch.arange(len(dead), device=dead.device) % len(best)]
        self.codebook.weight[dead] = chosen.to(self.codebook.weight)
        self.cluster_size[dead] = 1.0


class FlowDubberFiniteScalarQuantizer(nn.Module):
    """Finite scalar quantisation (Mentzer et al. 2023) with a projection to and from the few quantised dimensions.

    Each dimension is squashed to (-levels/2, levels/2) and rounded to one of its `levels` integers; the first dimension
    is the least significant digit of the index.
    """

    def __init__(self, levels: list[int] | tuple[int, ...], latent_size: int):
        super().__init__()
        self.levels = tuple(levels)
        self.project_in = initialised(nn.Linear(latent_size, len(self.levels)))
        self.project_out = initialised(nn.Linear(len(self.levels), latent_size))

    def _constant(self, values: list[float], like: torch.Tensor) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float32, device=like.device)

    def _half_widths(self, like: torch.Tensor) -> torch.Tensor:
        return self._constant([level // 2 for level in self.levels], like)

    def bound(self, values: torch.Tensor, eps: float = 1e-3) -> torch.Tensor:
        """Squashes `(..., dimensions)` so that rounding gives exactly `levels` integers in each dimension."""
        half = self._constant([(level - 1) * (1 + eps) / 2 for level in self.levels], values)
        offset = self._constant([0.5 if level % 2 == 0 else 0.0 for level in self.levels], values)
        return torch.tanh(values + torch.atanh(offset / half)) * half - offset

    def quantize(self, values: torch.Tensor) -> torch.Tensor:
        """`(..., dimensions)` -> codes in [-1, 1], with straight-through gradient."""
        bounded = self.bound(values.float())
        rounded = bounded + (bounded.round() - bounded).detach()
        return rounded / self._half_widths(values)

    def codes_to_indices(self, codes: torch.Tensor) -> torch.Tensor:
        """`(..., dimensions)` codes -> `(...)` int64 indices."""
        digits = ((codes + 1) * self._half_widths(codes)).round().long()
        index = torch.zeros_like(digits[..., 0])
        for dimension in reversed(range(len(self.levels))):
            index = index * self.levels[dimension] + digits[..., dimension]
        return index

    def indices_to_codes(self, indices: torch.Tensor) -> torch.Tensor:
        """`(...)` indices -> `(..., dimensions)` codes in [-1, 1]."""
        digits = []
        for level in self.levels:
            digits.append(indices % level)
            indices = indices // level
        stacked = torch.stack(digits, dim=-1).float()
        return stacked / self._half_widths(stacked) - 1

    def forward(self, hidden_states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`(batch, tokens, latent_size)` -> the quantised vectors of that shape and `(batch, tokens)` indices."""
        codes = self.quantize(self.project_in(hidden_states))
        return self.project_out(codes.to(hidden_states.dtype)), self.codes_to_indices(codes.detach())

    def detokenize(self, indices: torch.Tensor) -> torch.Tensor:
        """`(batch, tokens)` indices -> `(batch, tokens, latent_size)`."""
        return self.project_out(self.indices_to_codes(indices).to(self.project_out.weight.dtype))
