"""Which clips are evaluated, whose voice they take, and which file of another system is whose."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import re

import numpy as np
import pytest

from flowdubber_hf.evaluation.clips import find_outputs, pair_clips, read_clips
from flowdubber_hf.work.hashing import hash_number
from support.made_recordings import write_voice


def tree(folder, names, **columns):
    """A corpus whose clips are empty files: nothing here looks into them."""
    rows = []
    for name in names:
        path = folder / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        speaker = name.split("/")[0]
        rows.append(
            {"video": f"{name}.mp4", "text": "bin", "speaker": speaker, "split": "dev", **columns.get(name, {})}
        )
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def paired(folder, setting=2, **options):
    clips, recordings = read_clips(folder, "dev")
    return pair_clips(clips, setting, folder, recordings, **options)


def references(clips):
    return {clip.name: clip.reference.path.relative_to(clip.video.parents[1]).as_posix() for clip in clips.clips}


@pytest.fixture
def corpus(tmp_path):
    return tree(tmp_path / "data", ["s1/b", "s2/x", "s1/a", "s1/c"])


def test_the_first_command_of_the_page_fits_the_example_of_the_other(repository, tmp_path):
    """docs/evaluation.md begins with what docs/data.md makes: the split is there, and its clip has a voice to take."""
    page = (repository / "docs/evaluation.md").read_text(encoding="utf-8")
    command = re.search(r"^flowdubber evaluate .*$", page, re.MULTILINE)[0]
    split, setting = re.search(r"--split (\w+) --setting (\d)", command).groups()
    example = re.search(r"```json\n(.*?)```", (repository / "docs/data.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    for row in map(json.loads, example.splitlines()):
        file = tmp_path / (row.get("video") or row["audio"])
        file.parent.mkdir(exist_ok=True)
        write_voice(file) if file.suffix == ".wav" else file.touch()
    (tmp_path / "metadata.jsonl").write_text(example)
    clips, recordings = read_clips(tmp_path, split)
    paired = pair_clips(clips, int(setting), tmp_path, recordings)
    assert [clip.name for clip in paired.clips] == ["anna_002"] and paired.clips[0].reference.path.is_file()


def test_clips_are_in_the_order_of_their_names(corpus):
    clips, _ = read_clips(corpus, "dev")
    assert [clip.name for clip in clips.clips] == ["s1_a", "s1_b", "s1_c", "s2_x"]


def test_names_that_would_be_one_file_are_told_apart(tmp_path):
    folder = tree(tmp_path / "data", ["s1/a_b", "s1_a/b"])
    names = [clip.name for clip in read_clips(folder, "dev")[0].clips]
    assert len(set(names)) == 2
    assert all(name.startswith("s1_a_b_") for name in names)


def test_setting_1_takes_the_clip_itself(corpus):
    clips = paired(corpus, 1)
    assert references(clips) == {"s1_a": "s1/a.mp4", "s1_b": "s1/b.mp4", "s1_c": "s1/c.mp4", "s2_x": "s2/x.mp4"}
    assert all(clip.own_reference for clip in clips.clips)


def test_setting_2_takes_the_next_clip_of_the_speaker(corpus):
    clips = paired(corpus, 2)
    assert references(clips) == {"s1_a": "s1/b.mp4", "s1_b": "s1/c.mp4", "s1_c": "s1/a.mp4", "s2_x": "s2/x.mp4"}
    assert [clip.own_reference for clip in clips.clips] == [False, False, False, True]


def test_setting_2_takes_the_reference_that_the_corpus_names(tmp_path):
    folder = tree(tmp_path / "data", ["s1/a", "s1/b", "s1/c"], **{"s1/a": {"reference": "s1/c.mp4"}})
    assert references(paired(folder, 2)) == {"s1_a": "s1/c.mp4", "s1_b": "s1/c.mp4", "s1_c": "s1/a.mp4"}


def test_a_named_reference_without_its_file_is_not_taken(tmp_path):
    columns = {"s1/a": {"reference": "s1/c.mp4"}, "s1/c": {"split": "train"}}
    folder = tree(tmp_path / "data", ["s1/a", "s1/b", "s1/c"], **columns)
    assert references(paired(folder, 2)) == {"s1_a": "s1/c.mp4", "s1_b": "s1/a.mp4"}
    (folder / "s1" / "c.mp4").unlink()
    assert references(paired(folder, 2)) == {"s1_a": "s1/b.mp4", "s1_b": "s1/a.mp4"}


def voices(folder, names, split="train"):
    rows = []
    for name in names:
        write_voice(folder / f"{name}.wav")
        rows.append({"audio": f"{name}.wav", "text": None, "speaker": name.split("/")[0], "split": split})
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_setting_3_goes_round_the_other_speakers(corpus, tmp_path):
    folder = voices(tmp_path / "voices", ["u/1", "u/2", "v/1", "w/1"])
    order = sorted(["u", "v", "w"], key=lambda name: hash_number(f"voices-{name}"))
    taken = [
        (clip.reference.path.parent.name, clip.reference.path.stem) for clip in paired(corpus, 3, voices=folder).clips
    ]
    assert [speaker for speaker, _ in taken] == [*order, order[0]]
    assert taken[3][1] == ("2" if order[0] == "u" else "1")


def test_setting_3_takes_no_clip_of_the_speaker_and_no_silence(tmp_path):
    folder = voices(tmp_path / "data", ["u/1", "u/2", "v/1"])
    (folder / "u" / "1.wav").unlink()
    write_voice(folder / "u" / "1.wav", np.zeros(32000, np.float32))
    rows = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    (folder / "v.mp4").touch()
    rows.append({"video": "v.mp4", "text": "bin", "speaker": "v", "split": "dev"})
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (clip,) = paired(folder, 3).clips
    assert clip.reference.path == folder / "u" / "2.wav"


def test_setting_3_needs_another_speaker(tmp_path):
    folder = voices(tmp_path / "data", ["v/1"])
    (folder / "v.mp4").touch()
    with (folder / "metadata.jsonl").open("a") as file:
        file.write(json.dumps({"video": "v.mp4", "text": "bin", "speaker": "v", "split": "dev"}) + "\n")
    with pytest.raises(ValueError, match="--voices"):
        paired(folder, 3)
    with pytest.raises(ValueError, match="no recordings of the split 'test'"):
        paired(folder, 3, voices_split="test")


def test_pairing_file_names_clips_ids_and_paths(corpus, tmp_path):
    write_voice(tmp_path / "far.wav")
    pairs = [("s1_a", "s2/x"), ("data/s1/b", "data/s1/c"), ("s1_c", "s1_c"), ("s2_x", "far.wav")]
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps({"clip": clip, "reference": other}) + "\n" for clip, other in pairs))
    clips = paired(corpus, 2, pairing=file).clips
    assert [clip.reference.path.name for clip in clips] == ["x.mp4", "c.mp4", "c.mp4", "far.wav"]
    assert [clip.own_reference for clip in clips] == [False, False, True, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"clip": "s1_a"}', "pairs.jsonl:1 must be"),
        ("s1_a s1_b", "pairs.jsonl:1 must be"),
        ('{"clip": "s1_a", "reference": "nowhere"}', "no recording 'nowhere'"),
        ('{"clip": "s1_a", "reference": "s1_b"}', "no reference for 3 clips, first s1_b"),
    ],
)
def test_pairing_file_that_cannot_be_used(corpus, tmp_path, content, message):
    file = tmp_path / "pairs.jsonl"
    file.write_text(content)
    with pytest.raises(ValueError, match=message):
        paired(corpus, 2, pairing=file)


def test_clips_that_cannot_be_evaluated_are_named(tmp_path):
    folder = tree(tmp_path / "data", ["s1/a", "s1/b", "s1/c"], **{"s1/b": {"text": None}})
    (folder / "s1" / "c.mp4").unlink()
    clips, _ = read_clips(folder, "dev")
    assert [clip.name for clip in clips.clips] == ["s1_a"]
    assert set(clips.skipped) == {"data/s1/b", "data/s1/c"}
    assert "no file" in clips.skipped["data/s1/c"]


def test_split_that_is_not_there(corpus):
    with pytest.raises(ValueError, match="no clips of the split 'test'; it has dev"):
        read_clips(corpus, "test")


@pytest.mark.parametrize(
    "names",
    [
        ["s1_a.wav", "s1_b.wav", "s2_x.wav"],
        ["s1/a.wav", "s1/b.mp4", "s2/x.flac"],
        ["a.wav", "deep/down/b.wav", "x.wav"],
        ["data_s1_a.wav", "data/s1/b.wav", "x.mp4"],
    ],
    ids=["names", "paths", "stems", "ids"],
)
def test_outputs_are_found_by_name(tmp_path, names):
    clips = read_clips(tree(tmp_path / "data", ["s1/a", "s1/b", "s2/x", "s2/y", "s3/y"]), "dev")[0].clips
    for name in [*names, "y.wav", "readme.txt"]:  # two clips are called y, so that file is nobody's
        path = tmp_path / "outputs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = find_outputs(tmp_path / "outputs", clips)
    assert found == {
        clip: tmp_path / "outputs" / name for clip, name in zip(["s1_a", "s1_b", "s2_x"], names, strict=True)
    }


def test_a_wav_goes_before_a_video_of_the_same_clip(tmp_path):
    clips = read_clips(tree(tmp_path / "data", ["s1/a"]), "dev")[0].clips
    (tmp_path / "outputs").mkdir()
    for name in ("s1_a.mp4", "s1_a.wav"):
        (tmp_path / "outputs" / name).touch()
    assert find_outputs(tmp_path / "outputs", clips)["s1_a"].suffix == ".wav"


def test_outputs_of_other_clips_are_refused(corpus, tmp_path):
    write_voice(tmp_path / "outputs" / "other.wav")
    clips = read_clips(corpus, "dev")[0].clips
    with pytest.raises(ValueError, match=r"none of the 1 sounds .* s1_a\.wav"):
        find_outputs(tmp_path / "outputs", clips)
