"""Work shared out among processes."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from flowdubber_hf.work import workers


def test_an_item_that_kills_its_process_is_named_and_the_others_are_done(monkeypatch):
    """Those in the hands of the pool that died are tried again alone."""
    outcomes, pools = [], []

    def run_pool(work, items, num_proc, done):
        pools.append((list(items), num_proc))
        for position, item in enumerate(items):
            if item == "fatal":
                return list(items[position:])
            done(work(item))
        return []

    monkeypatch.setattr(workers, "run_pool", run_pool)
    assert workers.run_in_processes(str.upper, ["a", "fatal", "b"], 2, outcomes.append) == ["fatal"]
    assert outcomes == ["A", "B"]
    assert pools == [(["a", "fatal", "b"], 2), (["fatal"], 1), (["b"], 1)]


def test_available_cores_is_positive():
    assert workers.available_cores() >= 1


def test_world_is_that_of_accelerate(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert workers.world() == (0, 1)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert workers.world() == (1, 4)
    workers.join_world(1, "cpu")()  # alone there is nobody to wait for
