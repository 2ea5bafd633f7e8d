"""`--config FILE`: what stands there is as if it were typed, what is typed wins, and what cannot be is named."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest

from flowdubber_hf import cli
from flowdubber_hf.cli.config import apply_config
from flowdubber_hf.work.reading import MAX_CONFIG_BYTES


@pytest.fixture
def parse(tmp_path):
    """Parses a command line after a config file was written; `@` in the command line is its name."""
    file = tmp_path / "flowdubber.toml"

    def parse_with(content, *argv):
        file.write_text(content, encoding="utf-8")
        parser = cli.build_parser()
        argv = [str(file) if word == "@" else word for word in argv]
        apply_config(parser, argv)
        return parser.parse_args(argv)

    return parse_with


DUB = ("dub", "--video", "a.mp4", "--script", "x", "--reference", "b.wav", "--output", "c.mp4", "--config", "@")
EVALUATE = ("evaluate", "--data", "a", "--output", "b", "--config", "@")


def test_values_are_those_of_the_options(parse):
    content = """
    [dub]
    steps = 20
    guidance-scale = 1
    temperature = 0.5
    quiet = true
    overwrite = false
    mouth-box = "1,2,30,40"
    [evaluate]
    metrics = ["length", "wer"]
    without = "lips"
    """
    dub = parse(content, *DUB)
    assert (dub.steps, dub.guidance_scale, dub.temperature) == (20, 1.0, 0.5)
    assert (dub.quiet, dub.overwrite, dub.mouth_box) == (True, False, (1, 2, 30, 40))
    assert isinstance(dub.guidance_scale, float)
    evaluate = parse(content, *EVALUATE)
    assert (evaluate.metrics, evaluate.without, evaluate.steps) == (["length", "wer"], ["lips"], 4)


def test_the_command_line_wins(parse):
    content = "[dub]\nsteps = 20\nseed = 3\n[evaluate]\nmetrics = ['wer', 'mcd']"
    assert parse(content, *DUB, "--steps", "5").steps == 5
    assert parse(content, *DUB, "--steps=4").steps == 4  # also where it says what is the default anyway
    assert parse(content, *DUB, "--steps", "5").seed == 3
    assert parse(content, *EVALUATE, "--metrics", "length").metrics == ["length"]


def test_keys_above_the_tables_are_for_all_commands_that_have_them(parse):
    content = "device = 'cuda'\nguidance_scale = 2.0\nseed = 1\n[evaluate]\nseed = 2"
    dub, evaluate = parse(content, *DUB), parse(content, *EVALUATE)
    assert (dub.device, dub.guidance_scale, dub.seed) == ("cuda", 2.0, 1)
    assert (evaluate.device, evaluate.guidance_scale, evaluate.seed) == ("cuda", 2.0, 2)
    assert parse(content, "demo", "folder", "--config", "@").quiet is False


def test_what_is_required_may_stand_in_the_file(parse):
    content = "[dub]\nreference = 'voice.wav'"
    argv = [word for word in DUB if word not in ("--reference", "b.wav")]
    assert str(parse(content, *argv).reference) == "voice.wav"


def test_prepare_takes_both_spellings(parse):
    for key in ("val_share", "val-share"):
        assert parse(f"[prepare]\n{key} = 0", "prepare", "a", "b", "--config", "@").val_share == 0.0


def test_help_shows_the_files_values(parse, capsys):
    with pytest.raises(SystemExit):
        parse("[dub]\nsteps = 33", "dub", "--config", "@", "--help")
    assert "steps of the flow (default 33)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[dub]\nguidance-scal = 2", ["[dub]", "'guidance-scal'", "did you mean guidance-scale?"]),
        ("[dub]\nmetrics = 'wer'", ["[dub]", "'metrics'"]),  # another command's
        ("[evalute]\nseed = 2", ["[evalute]", "did you mean evaluate?"]),  # also where another command is called
        ("[evaluate]\nsteppes = 2", ["[evaluate]", "'steppes'", "did you mean steps?"]),
        ("colour = 'red'", ["'colour'"]),
        ("[dub]\nconfig = 'other.toml'", ["'config'"]),
        ("[dub.deep]\nsteps = 2", ["[deep]"]),
        ("[dub]\nsteps = 'many'", ["steps", "'many'"]),
        ("[dub]\nsteps = 2.5", ["steps", "2.5"]),
        ("[dub]\nsteps = true", ["steps", "True"]),
        ("[dub]\nsteps = [1, 2]", ["steps", "[1, 2]"]),
        ("[dub]\nquiet = 1", ["quiet", "true or false"]),
        ("[dub]\nmouth-box = '1,2'", ["mouth-box", "four numbers"]),
        ("[evaluate]\nsolver = 'rk4'", ["solver", "euler, heun, midpoint"]),
        ("[evaluate]\nwithout = ['lips', 'hands']", ["without", "'hands'"]),
        ("[dub\nsteps = 2", ["not valid TOML", "line 1"]),
        ("#" * (MAX_CONFIG_BYTES + 1), ["larger than"]),
    ],
)
def test_mistakes_are_named(parse, content, words):
    with pytest.raises(ValueError) as caught:
        parse(content, *DUB)
    for word in words:
        assert word in str(caught.value)


def test_a_file_that_cannot_be_read(capsys, tmp_path):
    assert cli.main(["demo", str(tmp_path / "demo"), "--config", str(tmp_path / "nowhere.toml")]) == 2
    assert "nowhere.toml cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()
