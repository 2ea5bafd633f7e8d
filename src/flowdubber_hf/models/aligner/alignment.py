"""Dual contrastive loss and monotonic search: the two equations that tie phonemes to lip movement."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator

import numpy as np
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


#: Score of what cannot be: far below every sum of real scores, far above what float64 cannot tell apart.
IMPOSSIBLE = -1e9
_KEPT = 512  # frames between two tidyings of what the search remembers


def length_scores(
    mean: torch.Tensor, deviation: torch.Tensor, present: torch.Tensor, free: torch.Tensor, longest: int
) -> torch.Tensor:
    """What the search knows of lengths: log-probability, up to a constant, of each phoneme lasting d steps.

    D(0) = log(1 - present) and D(d) = log(present) - (log d - mean)^2 / (2 deviation^2), the log-normal at its greatest for
    d = exp(mean); where `free`, every length of 1 and more costs log(present) alone.

    Args:
        mean (`torch.Tensor` of shape `(B, P)`): mean of log d, d in steps of the search.
        deviation (`torch.Tensor` of shape `(B, P)`): standard deviation of log d, greater than 0.
        present (`torch.Tensor` of shape `(B, P)`): probability in (0, 1] that the phoneme is there at all; 1 makes it
            obligatory.
        free (`torch.Tensor` of shape `(B, P)`, bool): silences of any length.
        longest (`int`): D, the greatest length in the table.

    Returns:
        `torch.Tensor` of shape `(B, P, D + 1)`, for [`monotonic_search`].
    """
    steps = torch.arange(1, longest + 1, device=mean.device, dtype=torch.float32)
    distance = (steps.log() - mean.float()[..., None]) / deviation.float()[..., None]
    cost = (-0.5 * distance.square()).masked_fill(free[..., None], 0.0)
    present = present.float()
    absent = (1 - present).clamp(min=1e-9).log().masked_fill(present >= 1, IMPOSSIBLE)
    return torch.cat([absent[..., None], cost + present.clamp(min=1e-9).log()[..., None]], dim=-1)


def monotonic_search(
    scores: torch.Tensor,
    phoneme_lengths: torch.Tensor,
    frame_lengths: torch.Tensor,
    optional: torch.Tensor | None = None,
    lengths: torch.Tensor | None = None,
) -> torch.Tensor:
    """The 0/1 path `(B, P, F)`, zero on padding, of [`search_durations`], whose arguments these are."""
    counts = search_durations(scores, phoneme_lengths, frame_lengths, optional, lengths)
    return durations_to_path(counts, scores.shape[2]).to(scores.dtype)


def search_durations(
    scores: torch.Tensor,
    phoneme_lengths: torch.Tensor,
    frame_lengths: torch.Tensor,
    optional: torch.Tensor | None = None,
    lengths: torch.Tensor | None = None,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """The monotonic way of the greatest score, of evidence and of lengths: one phoneme a frame, from the first to the last.

    With b_0 = 0 <= b_1 <= ... <= b_P = F the borders between phonemes, it is the greatest

        sum over p of  D_p(b_p - b_{p-1})  +  sum over b_{p-1} <= f < b_p of S_pf.

    Without `lengths` D is 0 for every length of at least one frame, which is the search of the paper's family. With S of
    zeros (nothing seen) durations alone decide. Exact dynamic programming: one vectorised step a frame over all phonemes
    and all lengths up to D, so that the time is linear in F.

    Args:
        scores (`torch.Tensor` of shape `(B, P, F)`): S, log-probabilities, any finite numbers.
        phoneme_lengths, frame_lengths (`torch.Tensor` of shape `(B,)`): real sizes of each row.
        optional (`torch.Tensor` of shape `(B, P)`, bool, *optional*): phonemes that may be skipped; two of them never stand
            side by side, nor at either end.
        lengths (`torch.Tensor` of shape `(B, P, D + 1)`, *optional*): D_p(0 ... D); the last holds for every longer one (see
            [`length_scores`]). A phoneme that is not optional is never skipped, whatever D_p(0) says.
        weights (`torch.Tensor` of shape `(B,)`, *optional*): factor of each row's S.

    Returns:
        `torch.Tensor` of shape `(B, P)`: how many frames each phoneme has, whole numbers, 0 on padding.

    Raises:
        ValueError: a row has more obligatory phonemes than frames, or starts or ends with an optional one.
    """
    batch, num_phonemes = scores.shape[:2]
    device = scores.device
    if optional is None:
        optional = torch.zeros(batch, num_phonemes, dtype=torch.bool, device=device)
    real = torch.arange(num_phonemes, device=device) < phoneme_lengths[:, None]
    if bool(optional[:, 0].any() | optional.gather(1, phoneme_lengths[:, None] - 1).any()):
        raise ValueError("the first and the last phoneme cannot be optional; put `sil` at both ends.")
    check_phonemes_fit((real & ~optional).sum(1), frame_lengths)
    if lengths is None:
        lengths = torch.zeros(batch, num_phonemes, 2, device=device)
    weights = torch.ones(batch, device=device) if weights is None else weights
    begins = _search_forward(
        scores, *(value.detach().cpu().numpy() for value in (weights.double(), lengths.double(), optional))
    )

    rows = np.arange(batch)
    ends = np.zeros((batch, num_phonemes + 1), dtype=np.int64)
    frame, real_phonemes = (value.cpu().numpy() for value in (frame_lengths.long(), phoneme_lengths))
    for phoneme in range(num_phonemes - 1, -1, -1):
        ends[:, phoneme + 1] = frame
        frame = np.where(phoneme < real_phonemes, begins[frame, rows, phoneme], frame)
    return torch.from_numpy(np.diff(ends, axis=1)).to(device)


def _by_frame(scores: torch.Tensor, weights: np.ndarray) -> Iterator[np.ndarray]:
    """The weighted evidence `(B, P)` of each frame, converted a few frames at a time."""
    for part in scores.detach().split(_KEPT, dim=2):
        yield from part.movedim(2, 0).double().cpu().numpy() * weights[:, None]


def _search_forward(
    scores: torch.Tensor, weights: np.ndarray, lengths: np.ndarray, optional: np.ndarray
) -> np.ndarray:
    """Where each phoneme begins on the best way to its end at each frame: `(F + 1, B, P)`, whole numbers.

    NumPy on the processor, whatever the device: thousands of small steps, each of which a GPU or several threads would only
    slow down.
    """
    batch, num_phonemes, num_frames = scores.shape
    skip = np.where(optional, lengths[..., 0], IMPOSSIBLE)
    table = np.ascontiguousarray(lengths[..., :0:-1])  # from the longest to one frame
    longest = table.shape[-1]
    # entered[p, s]: best score of everything before p ending at s, less p's evidence before s; the last frames alone are kept.
    entered = np.full((batch, num_phonemes, longest + _KEPT), IMPOSSIBLE)
    longer_score = np.full((batch, num_phonemes), IMPOSSIBLE)
    longer_begin = np.zeros((batch, num_phonemes), dtype=np.int64)
    # Evidence is summed from the clip's start, so that a span's is one difference.
    total = np.zeros((batch, num_phonemes))
    begins = np.zeros((num_frames + 1, batch, num_phonemes), dtype=np.int16 if num_frames < 2**15 else np.int32)
    skipped, done = np.full_like(total, IMPOSSIBLE), np.full_like(total, IMPOSSIBLE)
    entered[:, 0, longest - 1] = 0.0
    place = 0  # of the window that ends just before the frame
    for frame, evidence in enumerate(_by_frame(scores, weights), start=1):
        total += evidence
        candidates = entered[:, :, place : place + longest] + table
        index = candidates.argmax(-1)
        score = np.take_along_axis(candidates, index[..., None], -1)[..., 0]
        # Longer than the table: its last score, from the best place so far.
        longer = longer_score + table[..., 0]
        begin = np.where(longer > score, longer_begin, index + (frame - longest))
        score = np.maximum(score, longer) + total
        skipped[:, 1:] = score[:, :-1] + skip[:, 1:]
        begins[frame] = np.where(skipped > score, frame, begin)
        leaving = entered[:, :, place]
        longer_begin[leaving > longer_score] = frame - longest
        np.maximum(longer_score, leaving, out=longer_score)
        if place + longest == entered.shape[2]:
            entered[:, :, :longest] = entered[:, :, place:].copy()
            place = 0
        np.maximum(score, skipped, out=done)
        entered[:, 1:, place + longest] = done[:, :-1] - total[:, 1:]
        entered[:, 0, place + longest] = IMPOSSIBLE
        place += 1
    return begins


def durations_to_path(frames: torch.Tensor, num_frames: int | None = None) -> torch.Tensor:
    """Whole frames of each phoneme, `(B, P)`, to the 0/1 path `(B, P, F)` with F `num_frames`, else the greatest sum."""
    ends = frames.cumsum(1)
    grid = torch.arange(int(ends[:, -1].max()) if num_frames is None else num_frames, device=frames.device)
    return ((grid >= (ends - frames)[..., None]) & (grid < ends[..., None])).float()


__all__ = [
    "check_phonemes_fit",
    "dual_contrastive_loss",
    "durations_to_path",
    "length_scores",
    "monotonic_search",
    "search_durations",
]
