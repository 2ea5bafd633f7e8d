"""LRS2, LRS3 and folders of their form."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from flowdubber_hf.data.corpora import read_corpus
from support.corpus_folders import by_id, touch


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
