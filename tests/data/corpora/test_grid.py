"""GRID's names, trees, lists and `.align` files."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest

from flowdubber_hf.data.corpora import read_corpus
from flowdubber_hf.data.corpora.grid import grid_sentence, read_align
from flowdubber_hf.data.corpora.recording import Dropped
from support.corpus_folders import by_id, touch


ALIGN = "0 23750 sil\n23750 29500 bin\n29500 34000 blue\n34000 35500 at\n35500 41000 f\n41000 47250 two\n47250 53000 now\n53000 74500 sil\n"


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
