"""Figures of all clips from the values of each, by hand."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest

from flowdubber_hf.evaluation.scorers import Column
from flowdubber_hf.evaluation.summary import figures_table, paper_table, summarize_columns


def rows(**values):
    """Lines of clips.jsonl from one list a value."""
    names = list(values)
    clips = [dict(zip(names, items, strict=True)) for items in zip(*values.values(), strict=True)]
    return [{"clip": f"c{number}", "own_reference": False, **clip} for number, clip in enumerate(clips)]


def figure(column, clips, setting=2):
    return summarize_columns([column], clips, setting)[column.name]


def test_mean_leaves_out_and_names_what_is_missing():
    result = figure(Column("x", "X", "", "higher", 2), rows(x=[1.0, None, 3.0]))
    assert (result["value"], result["clips"], result["missing"]) == (2.0, 2, ["c1"])
    assert 1 <= result["low"] <= 2 <= result["high"] <= 3


def test_ratio_is_over_all_clips_together():
    column = Column("wer", "WER", "%", "lower", 1, "ratio", ("errors", "words"))
    result = figure(column, rows(wer=[50.0, 0.0], errors=[1, 0], words=[2, 6]))
    assert result["value"] == pytest.approx(100 * 1 / 8)
    assert (result["low"], result["high"]) == (0, 50)


def test_percentile_is_over_the_words_of_all_clips():
    column = Column("p", "P", "ms", "lower", 0, "p95", ("differences",))
    result = figure(column, rows(differences=[[-100.0] + [0.0] * 9, [10.0] * 11]))
    assert result["value"] == pytest.approx(10.0)  # 21 words: the 95th percentile is the 20th of them
    assert result["low"] <= 10 <= result["high"]


def test_largest_keeps_its_sign_and_has_no_interval():
    result = figure(Column("l", "L", "ms", "nearer to 0", 0, "largest"), rows(l=[2.0, -5.0, 0.0]))
    assert (result["value"], result["low"], result["high"]) == (-5.0, -5.0, -5.0)


@pytest.mark.parametrize(("setting", "value"), [(1, 0.6), (2, 0.5), (3, 0.5)])
def test_own_references_are_counted_apart(setting, value):
    clips = rows(sim=[0.4, 0.6, 0.8])
    clips[2]["own_reference"] = True
    result = figure(Column("sim", "SIM", "", "higher", 3, voice=True), clips, setting)
    assert result["value"] == pytest.approx(value)
    assert ("own" in result) == (setting != 1)
    if setting != 1:
        assert result["own"]["value"] == pytest.approx(0.8)


def test_figure_that_no_clip_has():
    result = figure(Column("x", "X", "", "higher", 2), rows(x=[None, None]))
    assert (result["value"], result["clips"], result["missing"]) == (None, 0, ["c0", "c1"])


def summary(name, **figures):
    columns = {
        "ge2e": Column("ge2e", "SIM, GE2E", "", "higher", 3, voice=True),
        "dnsmos": Column("dnsmos", "DNSMOS P.808", "", "higher", 2),
    }
    clips = rows(**figures)
    chosen = [column for key, column in columns.items() if key in figures]
    return {"name": name, "setting": 1, "clips": len(clips), "figures": summarize_columns(chosen, clips, 1)}


def test_one_table_of_several_systems():
    first, second = summary("ours", ge2e=[0.5, 0.7], dnsmos=[3.0, 3.2]), summary("theirs", dnsmos=[4.0, None])
    lines = paper_table([first, second])
    assert lines[0] == "| system | clips | SIM, GE2E ↑ | DNSMOS P.808 ↑ |"
    assert lines[2].startswith("| ours, setting 1 | 2 | 0.600 (0.500 to 0.700) | 3.10 (3.00 to 3.20) |")
    assert lines[3] == "| theirs, setting 1 | 2 | - | 4.00 |"
    assert figures_table(second)[2] == "| DNSMOS P.808 ↑ | 4.00 |  | 1 | 1 |"
