"""Finished evaluations in pairs: by hand, and what is no pair."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json

import pytest

from flowdubber_hf.evaluation.comparison import compare, pair_evaluations, read_finished
from flowdubber_hf.metrics.functional import bootstrap_interval
from support.finished_evaluations import finished_rows, write_finished, write_rows


BEFORE = {
    "dnsmos": [3.0, 3.1, 3.2, 3.3],
    "wer_grammar": [50.0, 0.0, 100 / 3, 0.0],
    "wer_grammar_errors": [1, 0, 2, 0],
    "wer_grammar_words": [2, 6, 6, 6],
}
AFTER = {
    "dnsmos": [3.1, 3.3, 3.5, 3.7],
    "wer_grammar": [0.0, 0.0, 100 / 6, 100 / 6],
    "wer_grammar_errors": [0, 0, 1, 1],
    "wer_grammar_words": [2, 6, 6, 6],
}


@pytest.fixture
def pair(tmp_path):
    """Two evaluations of given values and their pair; options of the second's summary."""

    def make(before=BEFORE, after=AFTER, setting=2, **summary):
        first = write_finished(tmp_path / "before", before)
        second = write_finished(tmp_path / "after", after, setting, **summary)
        return pair_evaluations(read_finished(first), read_finished(second))

    return make


def test_a_mean_by_hand(pair):
    figure = pair()["figures"]["dnsmos"]
    assert (figure["baseline"], figure["value"]) == (pytest.approx(3.15), pytest.approx(3.4))
    assert figure["difference"] == pytest.approx(0.25)  # the mean of 0.1, 0.2, 0.3 and 0.4
    assert figure["p"] == 2 / 16  # no signs but these and their opposites give as much
    low, high = bootstrap_interval([0.1, 0.2, 0.3, 0.4])
    assert (figure["low"], figure["high"]) == (pytest.approx(low), pytest.approx(high))
    assert (figure["clips"], figure["missing"]) == (4, [])


def test_wrong_words_are_over_all_words(pair):
    found = pair()["figures"]
    figure = found["wer_grammar"]
    assert (figure["baseline"], figure["value"]) == (pytest.approx(100 * 3 / 20), pytest.approx(100 * 2 / 20))
    assert figure["difference"] == pytest.approx(-5)
    assert figure["p"] == 1  # one word less, one less and one more: every choice of signs is at least one word off
    low, high = bootstrap_interval([-1, 0, -1, 1], [2, 6, 6, 6])
    assert (figure["low"], figure["high"]) == (pytest.approx(100 * low), pytest.approx(100 * high))


def test_the_other_way_round_is_the_opposite(tmp_path):
    first, second = (read_finished(write_finished(tmp_path / name, v)) for name, v in (("a", BEFORE), ("b", AFTER)))
    there, back = pair_evaluations(first, second)["figures"], pair_evaluations(second, first)["figures"]
    for name in ("dnsmos", "wer_grammar"):
        assert back[name]["difference"] == -there[name]["difference"]
        assert back[name]["p"] == there[name]["p"]
        assert (back[name]["low"], back[name]["high"]) == (
            pytest.approx(-there[name]["high"]),
            pytest.approx(-there[name]["low"]),
        )


def test_an_evaluation_does_not_differ_from_itself(pair):
    found = pair(after=BEFORE)
    assert {figure["difference"] for figure in found["figures"].values()} == {0}
    assert {figure["p"] for figure in found["figures"].values()} == {1}
    assert found["changed"] == {}


def test_pairs_see_what_two_intervals_hide(pair):
    """Clips that differ much, and a small gain in each of them."""
    hard = [1.0, 2.0, 3.0, 4.0, 5.0, 4.5, 3.5, 2.5]
    found = pair({"dnsmos": hard}, {"dnsmos": [value + 0.1 for value in hard]})["figures"]["dnsmos"]
    assert (found["low"], found["high"]) == (pytest.approx(0.1), pytest.approx(0.1))
    assert found["p"] == 2 / 2**8


def test_of_what_is_best_at_0_the_distance_counts(pair):
    figure = pair({"lse_offset": [-2.0, 1.0]}, {"lse_offset": [1.0, -1.0]})["figures"]["lse_offset"]
    assert (figure["title"], figure["better"]) == ("lip offset, distance from 0", "lower")
    assert (figure["baseline"], figure["value"], figure["difference"]) == (1.5, 1.0, -0.5)


def test_figures_that_are_no_sums_over_clips_are_left_to_the_table(pair):
    values = {"length_ms": [0.0, 5.0], "word_sync_ms": [10.0, 20.0], "word_sync_differences_ms": [[10.0], [20.0]]}
    assert list(pair(values, values)["figures"]) == ["word_sync_ms"]


def test_a_clip_without_a_value_in_one_is_in_no_pair(pair):
    figure = pair({"dnsmos": [1.0, None, 3.0]}, {"dnsmos": [1.5, 9.0, 3.5]})["figures"]["dnsmos"]
    assert (figure["baseline"], figure["difference"], figure["clips"], figure["missing"]) == (2.0, 0.5, 2, ["it/c1"])


def test_a_figure_that_no_clip_has_in_both_is_told(pair):
    found = pair({"dnsmos": [1.0, None]}, {"dnsmos": [None, 2.0]})
    assert (found["figures"], found["not_compared"]) == ({}, {"dnsmos": "no clip has it in both"})


@pytest.mark.parametrize(("setting", "clips"), [(2, 2), (1, 2)])
def test_own_references_count_in_no_voice(pair, setting, clips):
    values = {"ge2e": [0.5, 0.6, 0.9], "own_reference": [False, False, True]}
    better = {**values, "ge2e": [0.6, 0.7, 0.1], "own_reference": [setting == 1, setting == 1, True]}
    figure = pair(values, better, setting)["figures"]["ge2e"]
    assert (figure["clips"], figure["difference"]) == (clips, pytest.approx(0.1))


def test_only_common_clips_count_and_the_others_are_named(pair):
    values = {"dnsmos": [2.0, 3.0], "id": ["it/c1", "it/c9"], "text": ["say 1", "say 9"]}
    values["reference"] = ["it/r1", "it/r9"]
    found = pair({"dnsmos": [1.0, 1.0]}, values)
    assert (found["clips"], found["only_baseline"], found["only_here"]) == (1, ["it/c0"], ["it/c9"])
    assert found["figures"]["dnsmos"]["difference"] == 1


def test_what_was_chosen_otherwise_is_told(pair):
    settings = {"sound": "dub", "steps": 4, "seed": 1, "best_of": 2}
    found = pair(setting=3, split="test", model="other", weights="v", settings=settings)
    assert found["changed"] == {
        "model": ["it", "other"],
        "split": ["dev", "test"],
        "setting": [2, 3],
        "steps": [10, 4],
        "seed": [0, 1],
    }


def test_other_weights_under_the_same_name_are_told(pair):
    assert pair(weights="v")["changed"] == {"weights": ["w", "v"]}


def test_figures_of_other_judges_do_not_compare(pair):
    found = pair(metrics={"dnsmos": "other", "wer-grammar": None})
    assert list(found["figures"]) == ["wer_grammar"]
    assert found["not_compared"] == {"dnsmos": "measured by - and by other"}


# ---------------------------------------------------------------------------------------------------------------------
# What is no pair


def test_other_clips_are_no_pair(pair):
    with pytest.raises(ValueError, match=r"have no clip in common \(they have 4 of dev and 4 of test\)"):
        pair(after={**AFTER, "id": ["it/d0", "it/d1", "it/d2", "it/d3"]}, split="test")


def test_other_scripts_are_no_pair(pair):
    with pytest.raises(ValueError, match=r"other scripts for 1 of 4 clips \(it/c2\)"):
        pair(after={**AFTER, "text": ["say 0", "say 1", "sing 2", "say 3"]})


def test_other_references_are_no_pair_in_the_same_setting(pair, tmp_path):
    with pytest.raises(ValueError, match=r"other references for 2 of 4 clips \(it/c1, it/c3\)") as error:
        pair(after={**AFTER, "reference": ["it/r0", "it/x", "it/r2", "it/x"]})
    assert f"--pairing {tmp_path / 'before' / 'pairing.jsonl'}" in str(error.value)


def test_other_references_are_what_another_setting_compares(pair):
    found = pair(after={**AFTER, "reference": ["it/x"] * 4}, setting=3)
    assert (found["clips"], found["changed"]) == (4, {"setting": [2, 3]})


def test_words_that_were_counted_otherwise_are_refused(pair):
    with pytest.raises(ValueError, match="wer_grammar_words differ though the scripts are the same"):
        pair(after={**AFTER, "wer_grammar_words": [2, 6, 6, 7]})


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda rows: rows[1].pop("reference"), "clips.jsonl:2 lacks 'reference'"),
        (lambda rows: rows[1].update(id="it/c0"), "clips.jsonl:2: the clip it/c0 is there twice"),
        (lambda rows: rows[1].update(dnsmos="good"), "clips.jsonl:2: 'dnsmos' must be a number or null, got"),
        (lambda rows: rows[1].update(dnsmos=1e300), "clips.jsonl:2: 'dnsmos' must be a number or null, got"),
        (lambda rows: rows[1].update(dnsmos=float("nan")), "not finite"),
        (
            lambda rows: rows[1].update(wer_grammar_words=0),
            "clips.jsonl:2: 'wer_grammar_words' must be above 0, got 0",
        ),
    ],
)
def test_damaged_lines_are_refused(tmp_path, damage, reason):
    first, second = write_finished(tmp_path / "a", BEFORE), write_finished(tmp_path / "b", AFTER)
    rows = finished_rows(AFTER)
    damage(rows)
    write_rows(second, rows)
    with pytest.raises(ValueError, match=reason):
        pair_evaluations(read_finished(first), read_finished(second))


# ---------------------------------------------------------------------------------------------------------------------
# Tables


def test_each_folder_is_compared_with_the_first(tmp_path):
    folders = [write_finished(tmp_path / "before", BEFORE)]
    settings = {"sound": "dub", "steps": 4, "seed": 0}
    folders.append(write_finished(tmp_path / "after", AFTER, settings=settings))
    folders.append(write_finished(tmp_path / "others", {**AFTER, "text": ["what else"] * 4}))
    found = compare(folders)
    assert [pair["folder"] for pair in found.pairs] == [str(folder) for folder in folders[1:]]
    assert json.loads(json.dumps(found.pairs)) == list(found.pairs)
    lines = found.text.splitlines()
    assert lines[:5] == [*found.table.splitlines(), ""][:5]
    assert [line.split(" | ")[0] for line in lines[2:5]] == [
        "| before, setting 2",
        "| after, setting 2",
        "| others, setting 2",
    ]
    low, high = (100 * bound for bound in bootstrap_interval([-1, 0, -1, 1], [2, 6, 6, 6]))
    start = lines.index(
        "**after, setting 2** against the baseline before, setting 2: 4 clips in common; changed: steps 10 → 4."
    )
    assert lines[start + 1 : start + 7] == [
        "",
        "| figure | baseline | this | difference | 95 % interval | p | clips | not had |",
        "|---|---|---|---|---|---|---|---|",
        f"| WER, GRID's grammar ↓ | 15.0 % | 10.0 % | -5.00 points | {low:+.2f} to {high:+.2f} | 1.000 | 4 |  |",
        "| DNSMOS P.808 ↑ | 3.15 | 3.40 | +0.250 | +0.150 to +0.350 | 0.125 | 4 |  |",
        "",
    ]
    assert lines[start + 7].startswith(
        f"Not paired: {folders[0]} and {folders[2]} have other scripts for 4 of 4 clips"
    )
    assert "paired sign-flip test" in lines[-1]


def test_one_folder_has_no_pairs(tmp_path):
    found = compare([write_finished(tmp_path / "a", BEFORE)])
    assert (found.pairs, found.text) == ((), found.table)


def test_without_lines_of_clips_there_is_still_a_table(tmp_path):
    folders = [write_finished(tmp_path / "a", BEFORE), write_finished(tmp_path / "b", AFTER)]
    (folders[1] / "clips.jsonl").unlink()
    found = compare(folders)
    assert found.table.count("setting 2") == 2
    assert found.text.splitlines()[-1].startswith(f"Not paired: {folders[1] / 'clips.jsonl'} cannot be read")


def test_folders_without_an_evaluation_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds no finished evaluation \(no summary.json\)"):
        compare([tmp_path])
