"""The Tab key: the scripts are what the shells accept, and bash completes with them for real."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import shutil
import subprocess

import pytest

from flowdubber_hf import cli


pytest.importorskip("shtab")
BASH = shutil.which("bash")
# What bash does when Tab is pressed behind these words.
PRESS_TAB = r"""
source ../script
registered=$(complete -p flowdubber)
function=${registered##*-F }
function=${function%% *}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
"$function"
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def bash_script():
    from flowdubber_hf.cli.completion import completion_script

    return completion_script("bash")


@pytest.fixture
def complete(bash_script, tmp_path):
    """What bash offers for the last of these words, in a folder with two files and a folder."""
    if BASH is None:
        pytest.skip("there is no bash")
    (tmp_path / "script").write_text(bash_script)
    here = tmp_path / "here"
    (here / "clips").mkdir(parents=True)
    (here / "clip.mp4").touch()
    (here / "voice.wav").touch()

    def offers(*words):
        command = [BASH, "--norc", "-c", PRESS_TAB, "tab", *words]
        result = subprocess.run(command, capture_output=True, text=True, cwd=here, check=True)
        assert result.stderr == ""
        return set(filter(None, result.stdout.splitlines()))

    return offers


def test_bash_completes_commands_options_choices_and_files(complete):
    assert complete("flowdubber", "") >= set(cli.build_parser().commands.choices)
    assert complete("flowdubber", "du") == {"dub"}
    assert complete("flowdubber", "dub", "--gui") == {"--guidance-scale"}
    assert complete("flowdubber", "evaluate", "--solver", "h") == {"heun"}
    assert complete("flowdubber", "convert", "ge") == {"ge2e"}
    assert complete("flowdubber", "dub", "--video", "c") == {"clip.mp4", "clips"}
    assert complete("flowdubber", "evaluate", "--data", "") == {"clips"}
    assert complete("flowdubber", "completion", "f") == {"fish"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_accepts_its_script(shell, capsys, tmp_path):
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "flowdubber" in script
    assert "guidance-scale" in script
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} to ask")
    (tmp_path / "script").write_text(script)
    subprocess.run([program, "-n", str(tmp_path / "script")], check=True)


def test_as_json(capsys):
    assert cli.main(["completion", "zsh", "--quiet", "--json", "-"]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert (report["shell"], captured.err) == ("zsh", "")
    assert report["script"].startswith("#compdef flowdubber")


def test_other_shells(capsys):
    assert cli.main(["completion", "abacus"]) == 2
    assert "abacus" in capsys.readouterr().err
