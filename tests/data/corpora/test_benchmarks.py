"""Chem and V2C-Animation."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from flowdubber_hf.data.corpora import read_corpus
from support.corpus_folders import by_id, touch


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
