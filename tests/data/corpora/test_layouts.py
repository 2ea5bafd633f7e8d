"""Which reader a folder is for, and TextGrids beside it."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest

from flowdubber_hf.data.corpora import read_corpus
from support.corpus_folders import by_id, touch, write_metadata


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
