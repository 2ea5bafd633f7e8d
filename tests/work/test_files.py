"""Files that appear whole or not at all, through names that nobody can foresee."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest

from flowdubber_hf.work.files import create_beside, replace_file, replacing


def test_a_file_is_replaced_whole_or_stays(tmp_path):
    file = tmp_path / "new" / "a.txt"
    replace_file(file, b"one")
    with pytest.raises(RuntimeError), replacing(file) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert file.read_bytes() == b"one"
    with replacing(file) as temporary:
        temporary.write_bytes(b"two")
    assert file.read_bytes() == b"two" and list(file.parent.iterdir()) == [file]


def test_names_are_random_and_created_exclusively(tmp_path):
    names = {create_beside(tmp_path / ("x" * 250 + ".wav")) for _ in range(20)}
    assert len(names) == 20 and all(name.is_file() and name.suffix == ".wav" for name in names)


def test_a_link_laid_in_the_way_is_not_followed(tmp_path, monkeypatch):
    """With the name known beforehand, the file that a link leads to stays as it is."""
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    monkeypatch.setattr("flowdubber_hf.work.files.secrets.token_hex", lambda _: "known")
    (tmp_path / ".a-known.txt").symlink_to(other)
    with pytest.raises(FileExistsError):
        replace_file(tmp_path / "a.txt", b"theirs")
    assert other.read_bytes() == b"mine"
