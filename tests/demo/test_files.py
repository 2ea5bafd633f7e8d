"""The demo's files."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path

import pytest

from flowdubber_hf.demo import (
    DEMO_SCRIPT,
    demo_timeline,
    make_demo,
)
from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.references import check_reference
from flowdubber_hf.processing.video import probe_video


@pytest.mark.slow
def test_files(tmp_path: Path) -> None:
    files = make_demo(tmp_path / "new" / "demo")
    info = probe_video(files.video)
    assert (info.width, info.height, info.num_frames, info.num_samples) == (360, 288, 75, 48000)
    assert info.warnings == ()
    with pytest.raises(ValueError, match="no sound"):
        load_audio(files.video)
    reference = load_audio(files.reference)
    check_reference(reference)
    assert len(reference) >= 32000
    assert files.script == DEMO_SCRIPT
    assert json.loads(files.timeline.read_text()) == demo_timeline()
    before = {path: path.read_bytes() for path in (files.video, files.reference, files.timeline)}
    with pytest.raises(ValueError, match="exists already"):
        make_demo(tmp_path / "new" / "demo")
    make_demo(tmp_path / "new" / "demo", overwrite=True)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be written"):
        make_demo(tmp_path / "file" / "demo")
