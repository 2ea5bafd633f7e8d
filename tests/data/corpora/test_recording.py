"""Files that a corpus names stay inside of its folder."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest

from flowdubber_hf.data.corpora.recording import Dropped, locate
from support.corpus_folders import touch


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
