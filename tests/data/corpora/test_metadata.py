"""Your own listing: its columns, and the reason of each row that cannot be used."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest

from flowdubber_hf.data.corpora import read_corpus
from support.corpus_folders import by_id, write_metadata


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
