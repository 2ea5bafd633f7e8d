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
import hashlib
import json
from pathlib import Path

import pytest

from flowdubber_hf.data.adapters import (
    Dropped,
    Recording,
    carve_validation,
    grid_sentence,
    locate,
    read_align,
    read_corpus,
)


ALIGN = "0 23750 sil\n23750 29500 bin\n29500 34000 blue\n34000 35500 at\n35500 41000 f\n41000 47250 two\n47250 53000 now\n53000 74500 sil\n"


def touch(folder: Path, *names: str, text: str = "") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def by_id(folder: Path, **options) -> dict[str, Recording]:
    return {item.id: item for item in read_corpus(folder, **{"val_share": 0, **options}).recordings}


def write_metadata(folder: Path, *rows) -> None:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


# -- metadata


def test_metadata_columns(tmp_path):
    full = {
        "video": "a/x.mp4",
        "audio": "a/x.wav",
        "text": " hello   there ",
        "speaker": 7,
        "split": "validation",
        "source": "My Set",
        "words": [["hello", 0.1, 0.4], {"word": "there", "start": 0.4, "end": 0.9}],
        "reference": "b.wav",
        "mouth_box": [1, 2, 30, 40],
    }
    write_metadata(tmp_path, full, {"file_name": "b.wav"}, {"file_name": "c.mp4", "id": "named", "text": None})
    clips = by_id(tmp_path, name="clips")
    first = clips["my-set/a/x"]
    assert (first.video, first.audio, first.text, first.split) == ("a/x.mp4", "a/x.wav", "hello there", "val")
    assert (first.speaker, first.source, first.mouth_box) == ("my-set-7", "my-set", (1.0, 2.0, 30.0, 40.0))
    assert first.words == (("hello", 0.1, 0.4), ("there", 0.4, 0.9))
    assert first.reference == "clips/b"
    second = clips["clips/b"]
    assert (second.video, second.audio, second.text, second.speaker) == (None, "b.wav", None, "clips-clips")
    assert clips["clips/named"].video == "c.mp4"
    assert not any(clip.problem for clip in clips.values())


def test_csv(tmp_path):
    content = (
        'video,text,speaker,words\nx.mp4,"hello, you",ann,"[[""hello"", 0, 0.5], [""you"", 0.5, 1]]"\ny.mp4,,ann,\n'
    )
    (tmp_path / "metadata.csv").write_text(content, encoding="utf-8")
    clips = by_id(tmp_path, name="n")
    assert clips["n/x"].text == "hello, you"
    assert clips["n/x"].words == (("hello", 0.0, 0.5), ("you", 0.5, 1.0))
    assert clips["n/x"].speaker == "n-ann"
    assert [clip.problem.reason for clip in clips.values() if clip.problem] == ["empty text"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{not json", "bad line"),
        ("[1, 2]", "bad line"),
        ("NaN", "bad line"),
        ({"text": "hello"}, "bad line"),
        ({"video": 3.5}, "bad line"),
        ({"video": "x.mp4", "text": "  "}, "empty text"),
        ('{"video": "x.mp4", "text": NaN}', "bad text"),
        ({"video": "x.mp4", "text": "long " * 4000}, "bad text"),
        ('{"video": "x.mp4", "words": [["a", NaN, 1]]}', "bad times"),
        ({"video": "x.mp4", "words": [["a", 0.5, 0.2]]}, "bad times"),
        ({"video": "x.mp4", "words": [["a", 0, 1], ["b", 0.5, 2]]}, "bad times"),
        ({"video": "x.mp4", "words": [["a", True, 1]]}, "bad times"),
        ({"video": "x.mp4", "words": "soon"}, "bad line"),
        ({"video": "x.mp4", "split": "../train"}, "bad split"),
        ({"video": "x.mp4", "id": "a/../../b"}, "bad name"),
        ({"video": "x.mp4", "id": "n" * 300}, "bad name"),
        ({"video": "x.mp4", "mouth_box": [1, 2]}, "bad line"),
        ({"video": "x.mp4", "textgrid": "../a.TextGrid"}, "path outside of the folder"),
    ],
)
def test_bad_rows_have_a_reason(tmp_path, row, reason):
    write_metadata(tmp_path, row, {"video": "good.mp4"})
    clips = read_corpus(tmp_path, val_share=0).recordings
    assert [clip.problem.reason if clip.problem else None for clip in clips] == [reason, None]


def test_a_name_given_twice_is_dropped_once(tmp_path):
    write_metadata(tmp_path, {"video": "x.mp4"}, {"video": "x.mov"})
    first, second = read_corpus(tmp_path).recordings
    assert first.problem is None
    assert second.problem.reason == "name given twice"
    assert first.id != second.id


@pytest.mark.parametrize("name", ["../secret.wav", "/etc/passwd", "a/../../b", "C:\\x.wav", "..\\x.wav", "a\0b"])
def test_paths_stay_inside(tmp_path, name):
    with pytest.raises(Dropped) as problem:
        locate(tmp_path, name)
    assert problem.value.reason == "path outside of the folder"


def test_links_out_need_a_word(tmp_path):
    (tmp_path / "outside.wav").write_bytes(b"x")
    folder = tmp_path / "in"
    touch(folder, "real.wav")
    (folder / "link.wav").symlink_to(tmp_path / "outside.wav")
    (folder / "near.wav").symlink_to(folder / "real.wav")
    assert locate(folder, "near.wav").is_file()
    assert locate(folder, "link.wav", follow_links=True).is_file()
    with pytest.raises(Dropped, match="--follow_links"):
        locate(folder, "link.wav")
    (folder / "loop.wav").symlink_to(folder / "loop.wav")
    for name in ("loop.wav", "none.wav", "x" * 5000):
        with pytest.raises(Dropped) as problem:
            locate(folder, name)
        assert problem.value.reason == "missing file"


# -- corpora


def test_grid_names_spell_sentences():
    assert grid_sentence("bbaf2n") == "bin blue at f two now"
    assert grid_sentence("SWWZZP") == "set white with z zero please"
    assert grid_sentence("bbaw2n") is None  # GRID has no w
    assert grid_sentence("holiday") is None


@pytest.mark.parametrize("align", ["s1/align/bbaf2n.align", "alignments/s1/bbaf2n.align", "align/s1/bbaf2n.align"])
@pytest.mark.parametrize("video", ["s1/bbaf2n.mpg", "video/s1/bbaf2n.mp4", "s1/video/mpg_6000/bbaf2n.mpg"])
def test_grid_trees(tmp_path, align, video):
    touch(tmp_path, video, "s2/lgwm3n.mpg", "s2/holiday.mpg")
    touch(tmp_path, align, text=ALIGN)
    corpus = read_corpus(tmp_path, val_share=0)
    assert (corpus.layout, corpus.license) == ("grid", "cc-by-4.0")
    clips = {clip.id: clip for clip in corpus.recordings}
    clip = clips["grid/s1/bbaf2n"]
    assert (clip.video, clip.speaker, clip.text) == (video, "grid-s1", "bin blue at f two now")
    assert clip.words[0] == ("bin", 0.95, 1.18)
    assert len(clip.words) == 6
    assert clips["grid/s2/lgwm3n"].text == "lay green with m three now"
    assert clips["grid/s2/lgwm3n"].words is None
    assert clips["grid/s2/holiday"].problem.reason == "empty text"


def test_grid_benchmark_lists(tmp_path):
    touch(tmp_path, "s1/bbaf2n.mpg", "s4/bbil2a.mpg", "s4/lraq7n.mpg")
    touch(tmp_path, "train.txt", text="s1/s1-bbaf2n.wav|IPA |0\n")
    touch(tmp_path, "val.txt", text="s4/s4-bbil2a.wav|IPA |3\n")
    clips = by_id(tmp_path)
    assert {name: clip.split for name, clip in clips.items()} == {"grid/s1/bbaf2n": "train", "grid/s4/bbil2a": "test"}


@pytest.mark.parametrize("content", ["hello", "a b c\n", "1 2\n", "0 100 sil\n", "100 0 bin\n"])
def test_what_is_no_align_file_is_said(tmp_path, content):
    (tmp_path / "x.align").write_text(content, encoding="utf-8")
    with pytest.raises(Dropped) as problem:
        read_align(tmp_path / "x.align")
    assert problem.value.reason == "bad times"


def test_chem(tmp_path):
    touch(
        tmp_path,
        "videos/VzvinAckmQU-023.mp4",
        "wav/VzvinAckmQU-023.wav",
        "videos/AGZZGR5Otxw-018.mp4",
        "videos/x-000.mp4",
    )
    touch(tmp_path, "wav/VzvinAckmQU-023.lab", text="And we can look at that.\n")
    touch(tmp_path, "lists/train.txt", text="AGZZGR5Otxw-018|chem|{W EH1 L}|well, let's talk\nx-000|chem|{S}|so\n")
    touch(tmp_path, "lists/val.txt", text="VzvinAckmQU/00/VzvinAckmQU-023.wav|ænd|0\nmissing-001|chem|{S}|so\n")
    touch(tmp_path, "lists/setting2.txt", text="VzvinAckmQU-023|chem|AGZZGR5Otxw-018|x\n")
    clips = by_id(tmp_path, layout="chem")
    test = clips["chem/VzvinAckmQU-023"]
    assert (test.split, test.text, test.audio) == ("test", "And we can look at that.", "wav/VzvinAckmQU-023.wav")
    assert test.reference == "chem/AGZZGR5Otxw-018"
    assert clips["chem/AGZZGR5Otxw-018"].text == "well, let's talk"
    assert clips["chem/AGZZGR5Otxw-018"].speaker == "chem-lecturer"
    assert clips["chem/missing-001"].problem.reason == "missing file"
    assert read_corpus(tmp_path).layout == "chem"


def test_v2c(tmp_path):
    name = "Zootopia@Nick_00_0410_00"
    touch(tmp_path, f"clips/{name}.mp4", "movie/zootopia/zootopia_videos/Judy/0034.mp4")
    touch(tmp_path, "movie/zootopia/zootopia_speeches/Judy/00/Judy-00-0034.wav")
    touch(tmp_path, "Data/V2C_train.txt", text=f"{name}|Zootopia@Nick|{{HH AY1}}|hi there\n")
    touch(tmp_path, "Data/V2C_val.txt", text=f"Zootopia@Judy_00_0034_00|run!|Zootopia@Judy|{name}|hi there\n")
    corpus = read_corpus(tmp_path)
    assert corpus.layout == "v2c"
    clips = {clip.id: clip for clip in corpus.recordings}
    judy = clips["v2c/Zootopia@Judy_00_0034_00"]
    assert (judy.split, judy.text, judy.speaker) == ("test", "run!", "v2c-Zootopia@Judy")
    assert judy.video == "movie/zootopia/zootopia_videos/Judy/0034.mp4"
    assert judy.audio == "movie/zootopia/zootopia_speeches/Judy/00/Judy-00-0034.wav"
    assert judy.reference == f"v2c/{name}"
    assert clips[f"v2c/{name}"].text == "hi there"


def test_lrs(tmp_path):
    touch(tmp_path, "main/55/00001.mp4", "main/55/00002.mp4", "test/66/00001.mp4", "pretrain/77/00001.mp4")
    touch(tmp_path, "main/55/00001.txt", text="Text:  AND {NS} THEN\nConf:  3\n")
    touch(tmp_path, "test/66/00001.txt", text="Text:  HELLO\n")
    table = "Text:  GOOD DAY\nConf:  2\n\nWORD START END ASDSCORE\nGOOD 0.1 0.4 5.2\nDAY 0.4 0.8 3.1\n"
    touch(tmp_path, "pretrain/77/00001.txt", text=table)
    corpus = read_corpus(tmp_path, name="lrs2", val_share=0)
    assert corpus.layout == "lrs"
    clips = {clip.id: clip for clip in corpus.recordings}
    assert clips["lrs2/main/55/00001"].text == "and then"
    assert clips["lrs2/main/55/00001"].speaker == "lrs2-55"
    assert clips["lrs2/main/55/00002"].problem.reason == "missing file"
    assert clips["lrs2/test/66/00001"].split == "test"
    assert clips["lrs2/pretrain/77/00001"].words == (("good", 0.1, 0.4), ("day", 0.4, 0.8))
    touch(tmp_path, "val.txt", text="55/00001 NF\n")
    assert by_id(tmp_path, name="lrs2")["lrs2/main/55/00001"].split == "val"


def test_textgrids_are_found_by_path_or_name(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    write_metadata(folder, {"video": "a/x.mp4", "text": "a"}, {"video": "a/y.mp4", "text": "a"})
    touch(tmp_path, "aligned/a/x.TextGrid")
    clips = by_id(folder, textgrids=tmp_path / "aligned")
    assert clips["clips/a/x"].textgrid == str((tmp_path / "aligned/a/x.TextGrid").resolve())
    assert clips["clips/a/y"].textgrid is None
    with pytest.raises(ValueError, match="--textgrids"):
        read_corpus(folder, textgrids=tmp_path / "none")


def test_unknown_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match="there is no folder"):
        read_corpus(tmp_path / "none")
    touch(tmp_path, "film.mp4")
    with pytest.raises(ValueError, match=r"metadata\.jsonl"):
        read_corpus(tmp_path)
    with pytest.raises(ValueError, match="unknown corpus"):
        read_corpus(tmp_path, layout="film")
    for layout in ("grid", "chem", "v2c", "metadata"):
        with pytest.raises(ValueError, match=str(tmp_path)):
            read_corpus(tmp_path, layout=layout)


# -- validation part


def recordings(counts: dict[str, int]) -> list[Recording]:
    return [
        Recording(f"x/{name}/{i}", speaker=name, video="v") for name, count in counts.items() for i in range(count)
    ]


def test_validation_takes_a_share_of_each_speaker():
    held_out = [
        item
        for item in carve_validation(recordings({"a": 60, "b": 31, "c": 5}), 1 / 30, "clip")
        if item.split == "val"
    ]
    assert sorted(item.speaker for item in held_out) == ["a", "a", "b"]
    again = carve_validation(recordings({"a": 60, "b": 31, "c": 5})[::-1], 1 / 30, "clip")
    assert {item.id for item in again if item.split == "val"} == {item.id for item in held_out}


def test_small_sets_have_one_clip_to_validate_on():
    assert [item.split for item in carve_validation(recordings({"a": 5, "b": 4}), 1 / 30, "clip")].count("val") == 1
    assert [item.split for item in carve_validation(recordings({"a": 1}), 1 / 30, "clip")] == ["train"]


def test_validation_by_speaker_shares_no_voice():
    carved = carve_validation(recordings({str(i): 3 for i in range(100)}), 0.1, "speaker")
    train, val = ({item.speaker for item in carved if item.split == split} for split in ("train", "val"))
    assert val
    assert len(val) < 25
    assert not train & val


def test_a_given_validation_part_stays():
    given = [Recording("x/1", split="val", video="v"), *recordings({"a": 60})]
    assert carve_validation(given, 0.5, "clip") == given
    with pytest.raises(ValueError, match="val_share"):
        carve_validation(given, 1.5, "clip")


def test_the_shared_clips_keep_their_validation_parts(shared_data):
    grid = read_corpus(shared_data / "grid").recordings
    assert not any(clip.problem for clip in grid)
    splits = [clip.split for clip in grid]
    assert (splits.count("dev"), splits.count("zero_shot"), splits.count("val")) == (40, 22, 29)
    of_s1 = sorted(clip.id for clip in grid if clip.split == "val" and clip.speaker == "grid-s1")
    assert (len(of_s1), digest(of_s1)) == (28, "460c18b47c9af0a1")
    speech = read_corpus(shared_data / "speech", val_by="speaker", val_share=0.02).recordings
    sources = {"librispeech", "an4", "speechocean762"}
    assert sources <= {clip.source for clip in speech}  # others may join, and move nothing of these
    held_out = sorted(clip.id for clip in speech if clip.split == "val" and clip.source in sources)
    assert (len(held_out), digest(held_out)) == (61, "6eb9c7e060606b0a")
    assert all(clip.id.startswith(f"{clip.source}/") for clip in speech)
    assert len({clip.id for clip in (*grid, *speech)}) == len(grid) + len(speech)


def digest(names: list[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
