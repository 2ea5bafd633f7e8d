"""The contrastive loss and the monotonic search against hand-computed and brute-force cases."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import itertools
import math

import pytest
import torch

from flowdubber_hf.models.aligner import alignment as alignment_module
from flowdubber_hf.models.aligner import dual_contrastive_loss, durations_to_path, length_scores, monotonic_search


def test_contrastive_loss_by_hand():
    tau = 0.5
    similarity = torch.tensor([[[0.2, 0.1, -0.3], [0.0, 0.4, 0.5]]])
    durations = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]])
    e = [[math.exp(v / tau) for v in row] for row in similarity[0].tolist()]
    rows = [-math.log(e[0][0] / sum(e[0])), -math.log((e[1][1] + e[1][2]) / sum(e[1]))]
    columns = [-math.log(e[p][f] / (e[0][f] + e[1][f])) for f, p in enumerate([0, 1, 1])]
    loss = dual_contrastive_loss(
        similarity, durations, torch.ones(1, 2, dtype=torch.bool), torch.ones(1, 3, dtype=torch.bool), tau
    )
    assert loss.item() == pytest.approx(sum(rows) / 2 + sum(columns) / 3, abs=1e-6)


def test_contrastive_loss_ignores_padding_and_empty_rows():
    generator = torch.Generator().manual_seed(0)
    similarity = torch.randn(1, 3, 5, generator=generator)
    durations = durations_to_path(torch.tensor([[2, 0, 3]]))  # the middle phoneme was not spoken
    phonemes, frames = torch.ones(1, 3, dtype=torch.bool), torch.ones(1, 5, dtype=torch.bool)
    alone = dual_contrastive_loss(similarity, durations, phonemes, frames, 0.1)
    padded = torch.nn.functional.pad(similarity, (0, 4, 0, 2), value=7.0)
    wide = torch.nn.functional.pad(durations, (0, 4, 0, 2), value=1.0)
    masked = dual_contrastive_loss(
        padded, wide, torch.tensor([[True] * 3 + [False] * 2]), torch.tensor([[True] * 5 + [False] * 4]), 0.1
    )
    assert torch.isfinite(alone)
    torch.testing.assert_close(alone, masked)


def test_contrastive_loss_is_zero_for_a_perfect_map():
    durations = durations_to_path(torch.tensor([[1, 1, 1]]))
    masks = torch.ones(1, 3, dtype=torch.bool)
    assert dual_contrastive_loss(durations * 40, durations, masks, masks, 0.1).item() == pytest.approx(0, abs=1e-5)


def brute_force(scores: torch.Tensor, optional: list[bool]) -> float:
    """The best sum over every admissible path, by enumeration."""
    phonemes, frames = scores.shape
    best = -math.inf
    kept_sets = itertools.product(*[(True, False) if flag else (True,) for flag in optional])
    for kept in kept_sets:
        rows = [p for p in range(phonemes) if kept[p]]
        for cuts in itertools.combinations(range(1, frames), len(rows) - 1):
            edges = [0, *cuts, frames]
            total = sum(float(scores[row, edges[i] : edges[i + 1]].sum()) for i, row in enumerate(rows))
            best = max(best, total)
    return best


@pytest.mark.parametrize("seed", range(6))
def test_monotonic_search_equals_enumeration(seed):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(1, 5, 8, generator=generator)
    optional = [False, True, False, seed % 2 == 0, False]
    path = monotonic_search(scores, torch.tensor([5]), torch.tensor([8]), torch.tensor([optional]))[0]
    assert (path.sum(0) == 1).all()
    order = path.argmax(0)
    assert (order.diff() >= 0).all() and order[0] == 0 and order[-1] == 4
    spoken = path.sum(1)
    assert all(spoken[p] >= 1 for p in range(5) if not optional[p])
    assert (path * scores[0]).sum().item() == pytest.approx(brute_force(scores[0], optional), abs=1e-5)


def brute_force_with_lengths(scores: torch.Tensor, lengths: torch.Tensor, optional: list[bool]) -> float:
    """The greatest sum of evidence and length scores over every way to divide the frames, by enumeration."""
    phonemes, frames = scores.shape
    longest, best = lengths.shape[1] - 1, -math.inf
    for cuts in itertools.combinations_with_replacement(range(frames + 1), phonemes - 1):
        edges = [0, *cuts, frames]
        counts = [edges[i + 1] - edges[i] for i in range(phonemes)]
        if any(count == 0 and not optional[i] for i, count in enumerate(counts)):
            continue
        total = sum(float(lengths[i, min(count, longest)]) for i, count in enumerate(counts))
        total += sum(float(scores[i, edges[i] : edges[i + 1]].sum()) for i in range(phonemes))
        best = max(best, total)
    return best


def score_of(path: torch.Tensor, scores: torch.Tensor, lengths: torch.Tensor) -> float:
    counts = path.sum(1).long().clamp(max=lengths.shape[1] - 1)
    return float((path * scores).sum()) + float(lengths.gather(1, counts[:, None]).sum())


@pytest.mark.parametrize("kept", [1, 2, 512])
@pytest.mark.parametrize("seed", range(8))
def test_search_with_lengths_equals_enumeration(seed, kept, monkeypatch):
    monkeypatch.setattr(alignment_module, "_KEPT", kept)  # how often memory is tidied has no say
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(1, 5, 9, generator=generator)
    lengths = torch.randn(1, 5, 3 + seed % 3, generator=generator)
    optional = [False, True, False, seed % 2 == 0, False]
    path = monotonic_search(scores, torch.tensor([5]), torch.tensor([9]), torch.tensor([optional]), lengths)[0]
    assert (path.sum(0) == 1).all()
    assert (path.argmax(0).diff() >= 0).all()
    wanted = brute_force_with_lengths(scores[0], lengths[0], optional)
    assert score_of(path, scores[0], lengths[0]) == pytest.approx(wanted, abs=1e-4)


def test_search_with_lengths_batch_equals_single():
    generator = torch.Generator().manual_seed(3)
    scores, lengths = torch.randn(2, 5, 12, generator=generator), torch.randn(2, 5, 6, generator=generator)
    phonemes, frames = torch.tensor([5, 3]), torch.tensor([8, 12])
    together = monotonic_search(scores, phonemes, frames, None, lengths)
    for row, (p, f) in enumerate(zip(phonemes.tolist(), frames.tolist(), strict=True)):
        alone = monotonic_search(
            scores[row : row + 1, :p, :f],
            phonemes[row : row + 1],
            frames[row : row + 1],
            None,
            lengths[row : row + 1, :p],
        )
        assert torch.equal(together[row, :p, :f], alone[0])
        assert together[row].sum() == f


def test_length_scores_by_hand():
    mean, deviation = torch.tensor([[math.log(2.0), 0.0]]), torch.tensor([[0.5, 1.0]])
    table = length_scores(mean, deviation, torch.tensor([[1.0, 0.25]]), torch.tensor([[False, True]]), 3)[0]
    assert table[0, 0] == alignment_module.IMPOSSIBLE  # obligatory
    assert table[0, 2] == pytest.approx(0.0, abs=1e-6)  # at the mean
    assert table[0, 1] == pytest.approx(-0.5 * (math.log(2) / 0.5) ** 2, abs=1e-5)
    assert table[1].tolist() == pytest.approx([math.log(0.75)] + [math.log(0.25)] * 3, abs=1e-5)  # free


def test_without_evidence_durations_alone_decide():
    mean = torch.tensor([[3.0, 6.0, 3.0]]).log()
    table = length_scores(mean, torch.full((1, 3), 0.4), torch.ones(1, 3), torch.zeros(1, 3, dtype=torch.bool), 20)

    def lengths(frames: int) -> list[int]:
        path = monotonic_search(torch.zeros(1, 3, frames), torch.tensor([3]), torch.tensor([frames]), None, table)
        return path[0].sum(1).tolist()

    assert lengths(12) == [3, 6, 3]
    assert lengths(6) == [2, 2, 2]  # each a third of what is left, since a long one is squeezed more cheaply


def test_monotonic_search_batch_equals_single():
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(3, 6, 12, generator=generator)
    phonemes, frames = torch.tensor([6, 4, 5]), torch.tensor([12, 7, 9])
    optional = torch.zeros(3, 6, dtype=torch.bool)
    optional[:, 2] = True
    together = monotonic_search(scores, phonemes, frames, optional)
    for row in range(3):
        p, f = int(phonemes[row]), int(frames[row])
        alone = monotonic_search(
            scores[row : row + 1, :p, :f], phonemes[row : row + 1], frames[row : row + 1], optional[row : row + 1, :p]
        )
        torch.testing.assert_close(together[row, :p, :f], alone[0])
        assert together[row].sum() == f


def test_monotonic_search_tells_when_the_script_is_too_long():
    with pytest.raises(ValueError, match="4 phonemes but the clip has only 3 video frames"):
        monotonic_search(torch.zeros(1, 4, 3), torch.tensor([4]), torch.tensor([3]))
    optional = torch.tensor([[False, True, True, False]])
    optional[0, 2] = False
    path = monotonic_search(torch.zeros(1, 4, 3), torch.tensor([4]), torch.tensor([3]), optional)
    assert path[0].sum(1).tolist() == [1, 0, 1, 1]


def test_monotonic_search_refuses_optional_ends():
    with pytest.raises(ValueError, match="put `sil` at both ends"):
        monotonic_search(torch.zeros(1, 2, 3), torch.tensor([2]), torch.tensor([3]), torch.tensor([[False, True]]))


def test_durations_to_path():
    path = durations_to_path(torch.tensor([[2, 0, 1], [1, 1, 1]]))
    assert path.tolist() == [
        [[1, 1, 0], [0, 0, 0], [0, 0, 1]],
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    ]
