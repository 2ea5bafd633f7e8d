"""Names of files: what is said where one cannot be read or written, and what becomes of links."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.frames import probe_video
from flowdubber_hf.processing.mux import mux_audio
from flowdubber_hf.processing.outputs import check_file, check_output
from flowdubber_hf.processing.wav import write_wav
from support.video_files import noise_frames, video_packets, write_clip


SOUND = np.zeros(1600, np.float32)


@contextmanager
def nobodys_rights() -> Iterator[None]:
    """The rights of somebody who owns nothing, also where the tests run as the administrator."""
    mighty = os.geteuid() == 0
    if mighty:
        os.seteuid(65534)
    try:
        yield
    finally:
        if mighty:
            os.seteuid(0)


@pytest.mark.skipif(os.name != "posix", reason="there are no such rights here")
def test_a_file_that_may_not_be_read_is_not_called_damaged():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        secret = write_wav(folder / "secret.wav", SOUND)
        secret.chmod(0o000)
        for read in (check_file, load_audio, probe_video):
            with nobodys_rights(), pytest.raises(ValueError, match=r"cannot be opened .*ermission.*; ask its owner"):
                read(secret)


def test_names_that_are_too_long(tmp_path):
    for name in ("x" * 300 + ".mp4", "\u00e4" * 200 + ".mp4"):
        for read in (check_file, load_audio, probe_video):
            with pytest.raises(ValueError, match=r"cannot be opened .*too long"):
                read(tmp_path / name)
        with pytest.raises(ValueError, match=r"nothing can be written to .*too long.*choose another name"):
            check_output(tmp_path / name, (".mp4",))
    longest = tmp_path / ("\U0001f600" * 62 + ".wav")  # four bytes each
    assert write_wav(longest, SOUND).is_file()
    assert list(tmp_path.iterdir()) == [longest]


def test_folders_missing_files_and_what_is_no_file(tmp_path):
    cases = {tmp_path: "is a folder", tmp_path / "none.mp4": "there is no file", Path("/dev/null"): "no plain file"}
    for path, message in cases.items():
        for read in (check_file, load_audio, probe_video):
            with pytest.raises(ValueError, match=message):
                read(path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="there is no file"):
        check_file(tmp_path / "file" / "below.mp4")


@pytest.mark.parametrize(
    "name", ["-lead.mp4", "a:b.mp4", "http:x.mp4", "concat:a|b.mp4", "%03d.mp4", "sp ace \u00e9.mp4"]
)
def test_odd_names(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "a.mp4", noise_frames(5)).rename(name)
    assert probe_video(name).num_source_frames == 5
    assert video_packets(mux_audio(name, SOUND, 16000, tmp_path / f"out{name}")) == video_packets(tmp_path / name)


def test_a_link_stays_and_its_target_is_written(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", noise_frames(5))
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "target.mp4", tmp_path / "out.mp4"
    link.symlink_to(target)
    mux_audio(clip, SOUND, 16000, link)  # of a target that is not there yet
    assert link.is_symlink() and video_packets(target) == video_packets(clip)
    with pytest.raises(ValueError, match="exists already"):
        mux_audio(clip, SOUND, 16000, link)
    target.write_text("old")
    mux_audio(clip, SOUND, 16000, link, overwrite=True)
    assert link.is_symlink() and video_packets(target) == video_packets(clip)
    assert [path.name for path in (tmp_path / "far").iterdir()] == ["target.mp4"]


def test_links_that_lead_nowhere(tmp_path):
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "no" / "such.mp4")
    with pytest.raises(ValueError, match="there is no folder"):
        check_output(tmp_path / "gone.mp4", (".mp4",))
    (tmp_path / "one.mp4").symlink_to(tmp_path / "two.mp4")
    (tmp_path / "two.mp4").symlink_to(tmp_path / "one.mp4")
    with pytest.raises(ValueError, match=r"cannot be opened|no file"):
        check_file(tmp_path / "one.mp4")
    with pytest.raises(ValueError, match="choose another name"):
        check_output(tmp_path / "one.mp4", (".mp4",))
    (tmp_path / "folder.mp4").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="is a folder"):
        check_output(tmp_path / "folder.mp4", (".mp4",), overwrite=True)
    (tmp_path / "null.mp4").symlink_to("/dev/null")
    with pytest.raises(ValueError, match="no plain file"):
        check_output(tmp_path / "null.mp4", (".mp4",), overwrite=True)
