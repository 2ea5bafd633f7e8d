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
"""Dual contrastive loss and monotonic search: the two equations that tie phonemes to lip movement (paper section 3)."""

import torch


def dual_contrastive_loss(
    similarity: torch.Tensor,
    durations: torch.Tensor,
    phoneme_mask: torch.Tensor,
    frame_mask: torch.Tensor,
    tau: float,
) -> torch.Tensor:
    """Both InfoNCE directions of one phoneme-by-frame similarity.

    With E = exp(S / tau) and the 0/1 forced-alignment matrix G:
    r_p = sum_f G_pf E_pf / sum_f E_pf (which frames are this phoneme's) and
    c_f = sum_p G_pf E_pf / sum_p E_pf (which phoneme is this frame's); the loss is the mean of -log r_p over phonemes
    plus the mean of -log c_f over frames, of each clip, averaged over clips. Padded cells enter neither sum (the sibling
    code lets them add exp(0)), and phonemes and frames without a positive count nothing.

    Args:
        similarity (`torch.Tensor` of shape `(B, P, F)`): S.
        durations (`torch.Tensor` of shape `(B, P, F)`): G, 0 or 1.
        phoneme_mask (`torch.Tensor` of shape `(B, P)`, bool), frame_mask (`(B, F)`, bool): real positions.
        tau (`float`): temperature.

    Returns:
        scalar `torch.Tensor`.
    """
    cells = phoneme_mask[:, :, None] & frame_mask[:, None, :]
    positive = (durations > 0) & cells
    logits = (similarity.float() / tau).masked_fill(~cells, torch.finfo(torch.float32).min)
    positives = logits.masked_fill(~positive, torch.finfo(torch.float32).min)

    def direction(dim: int) -> torch.Tensor:
        counted = positive.any(dim)
        log_ratio = positives.logsumexp(dim) - logits.logsumexp(dim)
        return (-log_ratio.masked_fill(~counted, 0.0).sum(1) / counted.sum(1).clamp(min=1)).mean()

    return direction(2) + direction(1)


def check_phonemes_fit(phonemes: torch.Tensor, frames: torch.Tensor) -> None:
    """Raises `ValueError` where a row has more obligatory phonemes `(B,)` than frames `(B,)`."""
    if bool((phonemes > frames).any()):
        row = int((phonemes > frames).nonzero()[0])
        raise ValueError(
            f"the script has {int(phonemes[row])} phonemes but the clip has only {int(frames[row])} video frames "
            "(25 a second), and each phoneme needs one; shorten the script or take a longer clip."
        )


def monotonic_search(
    scores: torch.Tensor,
    phoneme_lengths: torch.Tensor,
    frame_lengths: torch.Tensor,
    optional: torch.Tensor | None = None,
) -> torch.Tensor:
    """The monotonic path of the greatest summed score: one phoneme a frame, from the first to the last.

    Every phoneme gets at least one frame, save those marked optional (pauses between words), which may get none; two
    optional phonemes never stand side by side, nor at either end. One vectorised step a frame over the whole batch.

    Args:
        scores (`torch.Tensor` of shape `(B, P, F)`): log-probabilities, any finite numbers.
        phoneme_lengths, frame_lengths (`torch.Tensor` of shape `(B,)`): real sizes of each row.
        optional (`torch.Tensor` of shape `(B, P)`, bool, *optional*): phonemes that may be skipped.

    Returns:
        `torch.Tensor` of shape `(B, P, F)`: the 0/1 path, zero on padding.

    Raises:
        ValueError: a row has more obligatory phonemes than frames, or starts or ends with an optional one.
    """
    batch, num_phonemes, num_frames = scores.shape
    device = scores.device
    if optional is None:
        optional = torch.zeros(batch, num_phonemes, dtype=torch.bool, device=device)
    real = torch.arange(num_phonemes, device=device) < phoneme_lengths[:, None]
    if bool(optional[:, 0].any() | optional.gather(1, phoneme_lengths[:, None] - 1).any()):
        raise ValueError("the first and the last phoneme cannot be optional; put `sil` at both ends.")
    check_phonemes_fit((real & ~optional).sum(1), frame_lengths)
    least = torch.finfo(torch.float32).min / 4
    values = scores.float().masked_fill(~real[:, :, None], least)
    # A move of two is open where the phoneme between is optional.
    may_skip = torch.zeros_like(optional)
    may_skip[:, 2:] = optional[:, 1:-1]
    best = torch.full((batch, num_phonemes), least, device=device)
    best[:, 0] = values[:, 0, 0]
    moves = torch.zeros(num_frames, batch, num_phonemes, dtype=torch.long, device=device)
    for frame in range(1, num_frames):
        step = torch.nn.functional.pad(best, (1, 0), value=least)[:, :num_phonemes]
        skip = torch.nn.functional.pad(best, (2, 0), value=least)[:, :num_phonemes].masked_fill(~may_skip, least)
        best, moves[frame] = torch.stack([best, step, skip]).max(0)
        best = (best + values[:, :, frame]).clamp(min=least)

    rows = torch.arange(batch, device=device)
    position = phoneme_lengths - 1
    path = torch.zeros(batch, num_phonemes, num_frames, device=device, dtype=scores.dtype)
    for frame in range(num_frames - 1, -1, -1):
        inside = frame < frame_lengths
        path[rows, position, frame] = inside.to(scores.dtype)
        position = torch.where(inside, position - moves[frame, rows, position], position)
    return path


def durations_to_path(frames: torch.Tensor) -> torch.Tensor:
    """Whole frames of each phoneme, `(B, P)`, to the 0/1 path `(B, P, F)` with F the greatest sum."""
    ends = frames.cumsum(1)
    grid = torch.arange(int(ends[:, -1].max()), device=frames.device)
    return ((grid >= (ends - frames)[..., None]) & (grid < ends[..., None])).float()


__all__ = ["check_phonemes_fit", "dual_contrastive_loss", "durations_to_path", "monotonic_search"]
