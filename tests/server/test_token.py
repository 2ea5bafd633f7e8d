"""The token is for this user alone."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import os
import stat

import pytest

from flowdubber_hf.server.token import read_token, remove_token, token_file, write_token


pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes of files are those of POSIX")


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return token_file(7871)


def test_nobody_else_may_read_it_whatever_the_umask_is(file):
    before = os.umask(0)
    try:
        token = write_token(file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert read_token(file) == token and len(token) >= 43
    assert write_token(file) != token
    assert list(file.parent.iterdir()) == [file]


def test_a_link_in_its_place_is_not_followed(file, tmp_path):
    file.parent.mkdir(parents=True)
    target = tmp_path / "theirs"
    target.write_text("theirs")
    file.symlink_to(target)
    write_token(file)
    assert target.read_text() == "theirs" and not file.is_symlink()


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("secret", 0o644, "others may read"),
        ("secret", 0o620, "others may read"),
        ("", 0o600, "holds no token"),
        ("x\r\nHost: there", 0o600, "holds no token"),
        ("x" * 1000, 0o600, "holds no token"),
        ("ä", 0o600, "holds no token"),
    ],
)
def test_a_doubtful_file_is_refused(file, text, mode, words):
    file.parent.mkdir(parents=True)
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(ValueError, match=words):
        read_token(file)


def test_another_users_file_is_refused(file, monkeypatch):
    write_token(file)
    monkeypatch.setattr(os, "getuid", lambda: file.stat().st_uid + 1)
    with pytest.raises(ValueError, match="belongs to another user"):
        read_token(file)
    with pytest.raises(ValueError, match="belongs to another user"):
        write_token(file)


def test_only_ones_own_is_removed(file):
    old = write_token(file)
    new = write_token(file)
    remove_token(file, old)
    assert read_token(file) == new
    remove_token(file, new)
    remove_token(file, new)
    assert not file.exists()
