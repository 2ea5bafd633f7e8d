"""A full disk is told as what it is, by whatever library meets it; files are whole or not there."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import errno
import json
import subprocess
import sys
import textwrap

import pytest
from safetensors import SafetensorError

from flowdubber_hf.work.faults import machine_fault, why


pytestmark = pytest.mark.slow


def test_faults_of_the_machine_are_known_through_all_that_wraps_them():
    full = OSError(errno.ENOSPC, "No space left on device")
    assert "no space left" in machine_fault(full)
    try:
        try:
            raise full
        except OSError as error:
            raise ValueError("it cannot be written") from error
    except ValueError as error:
        assert "no space left" in machine_fault(error)
    assert "no space left" in machine_fault(SafetensorError("I/O error: No space left on device (os error 28)"))
    assert machine_fault(OSError(errno.EROFS, "x")) == "Read-only file system"
    for harmless in (None, ValueError("os error 28"), OSError(errno.ENOENT, "x"), RuntimeError("error 28 clips")):
        assert machine_fault(harmless) is None
    assert why(OSError(errno.ENOENT, "x")) == "No such file or directory" and why(OSError("odd")) == "odd"


# Every file that the process writes may have so many bytes, as on a disk that fills up.
LIMITED = """
    import resource, sys
    from flowdubber_hf import cli
    resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
    sys.exit(cli.main({argv!r}))
"""


def on_a_full_disk(size, *argv):
    code = textwrap.dedent(LIMITED.format(size=size, argv=[str(word) for word in argv]))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)


@pytest.mark.skipif(sys.platform == "win32", reason="sizes of files cannot be limited there")
def test_commands_on_a_full_disk_end_with_a_sentence_and_nothing_half_written(tmp_path):
    result = on_a_full_disk(4096, "demo", tmp_path / "demo")
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert "flowdubber: error: " in result.stderr and "no space left for it; free some" in result.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    report = tmp_path / "report.json"
    result = on_a_full_disk(16, "models", "--json", report)
    assert result.returncode == 2 and "no space left" in result.stderr and "Traceback" not in result.stderr
    assert list(tmp_path.glob("*report*")) == []


def test_a_report_in_the_place_of_what_the_command_wrote_is_refused(tmp_path, capsys):
    from flowdubber_hf import cli

    folder = tmp_path / "demo"
    folder.mkdir()
    video = folder / "demo.mp4"
    assert cli.main(["demo", str(folder), "--json", str(video), "--overwrite"]) == 2
    assert "the command itself wrote" in capsys.readouterr().err
    assert video.read_bytes()[4:8] == b"ftyp"
    assert cli.main(["demo", str(folder), "--json", str(tmp_path / "report.json"), "--overwrite"]) == 0
    assert json.loads((tmp_path / "report.json").read_text())["video"] == str(video)
