"""The command: a dub end to end, and every bad input ends with one clear line, code 2 and nothing written."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import shlex
import subprocess
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from flowdubber_hf import __version__, cli
from flowdubber_hf.demo import make_demo
from flowdubber_hf.processing import outputs
from flowdubber_hf.processing.audio import SAMPLING_RATE, load_audio
from flowdubber_hf.processing.video import probe_video, write_wav
from support.pipeline_calls import demo_voice
from support.tiny_models import tiny_pipeline
from support.video_files import head_frames, write_clip


pytestmark = pytest.mark.slow


SCRIPT = "place blue at f two now"


@pytest.fixture(autouse=True)
def few_threads(monkeypatch):
    """The command takes all cores unless it is told otherwise, which would last for the tests that follow."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def model(untrained_model):
    return untrained_model


@pytest.fixture(scope="module")
def full_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    tiny_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The rendered talking head and its synthetic reference voice."""
    folder = tmp_path_factory.mktemp("demo")
    make_demo(folder)
    (video,) = folder.glob("*.mp4")
    (reference,) = folder.glob("*.wav")
    return {"video": video, "reference": reference}


@pytest.fixture
def arguments(model, demo, tmp_path):
    """Options of a good call; a test replaces what it is about."""

    def build(**changed):
        options = {
            "video": demo["video"],
            "script": SCRIPT,
            "reference": demo["reference"],
            "output": tmp_path / "out" / "dubbed.wav",
            "model": model,
            "steps": 1,
            "guidance_scale": 1,
            "device": "cpu",
            **changed,
        }
        flags = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is True]
        pairs = [
            part
            for name, value in options.items()
            if value is not None and value is not True
            for part in (f"--{name.replace('_', '-')}", str(value))
        ]
        return ["dub", *pairs, *flags]

    (tmp_path / "out").mkdir()
    return build


def refused(capsys, argv, *words):
    """Runs the command and checks the manner of its refusal; returns the message."""
    code = cli.main(argv)
    captured = capsys.readouterr()
    assert code == 2
    lines = [line for line in captured.err.splitlines() if line.startswith("flowdubber: error: ")]
    assert len(lines) == 1, captured.err
    assert "Traceback" not in captured.err
    for word in words:
        assert word in lines[0]
    return lines[0]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


# ---------------------------------------------------------------------------------------------------- good calls


def test_dub_to_video_with_report(arguments, full_model, demo, capsys, tmp_path):
    output, report = tmp_path / "out" / "dubbed.mp4", tmp_path / "out" / "report.json"
    options = {"model": full_model, "guidance_scale": 1.4, "reference_text": "set red by nine again"}
    assert cli.main(arguments(output=output, json=report, seed=3, **options)) == 0
    captured = capsys.readouterr()
    source = probe_video(demo["video"])
    last = captured.out.splitlines()[-1]
    assert last.startswith(f"wrote {output}: dubbed {source.duration:.2f} s in ")
    assert "(real-time factor " in last and last.endswith(" s of loading")
    told = [line for line in captured.err.splitlines() if line.endswith(" ...")]
    assert [line.split()[1] for line in told] == ["looking", "loading", "loaded"]
    assert "1/1" in captured.err  # the progress bar
    dubbed = probe_video(output)
    assert (dubbed.num_source_frames, dubbed.duration) == (source.num_source_frames, pytest.approx(source.duration))
    with av.open(str(output)) as container:
        assert len(container.streams.audio) == 1
    written = json.loads(report.read_text())
    assert written["samples"] == round(source.duration * SAMPLING_RATE)
    assert [entry["word"] for entry in written["words"]] == SCRIPT.split()
    assert written["settings"]["seed"] == 3
    assert {"warnings", "seconds", "real_time_factor", "duration"} <= set(written)
    assert files(tmp_path / "out") == sorted([output, report])


def test_dub_to_sound(arguments, demo, capsys, tmp_path):
    output = tmp_path / "out" / "dubbed.wav"
    assert cli.main(arguments(quiet=True)) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    # Warnings alone: the untrained aligner of the tests hurries its words.
    assert all(line.startswith("flowdubber: warning: ") for line in captured.err.splitlines())
    with wave.open(str(output)) as sound:
        assert sound.getframerate() == SAMPLING_RATE
        assert sound.getnframes() == round(probe_video(demo["video"]).duration * SAMPLING_RATE)


def test_best_of_several_takes(arguments, monkeypatch, tmp_path):
    pytest.importorskip("jiwer")
    from flowdubber_hf.dubbing import takes

    heard = iter((SCRIPT[1:], SCRIPT))  # only the two most alike are listened to
    monkeypatch.setattr(takes, "PACKAGES", ())
    monkeypatch.setattr(takes, "voice_likeness", lambda pipe, sounds, voice: [0.5, 0.9, 0.8, 0.1])
    monkeypatch.setattr(takes.functional, "recognize_words", lambda sound, grammar: next(heard).split())
    best, report = (tmp_path / "out" / name for name in ("best.wav", "report.json"))
    assert cli.main(arguments(output=best, seed=5, best_of=4, json=report, quiet=True)) == 0
    assert best.is_file()
    written = json.loads(report.read_text())["takes"]
    assert [take["seed"] for take in written] == [5, 6, 7, 8]
    assert [take["kept"] for take in written] == [False, False, True, False]
    assert [take["wrong_words"] for take in written] == [None, 1, 0, None]


def test_same_seed_same_file(arguments, tmp_path):
    paths = [tmp_path / "out" / f"{name}.wav" for name in "abc"]
    for path, seed in zip(paths, (0, 0, 1), strict=True):
        assert cli.main(arguments(output=path, seed=seed, quiet=True)) == 0
    first, second, other = (path.read_bytes() for path in paths)
    assert first == second != other


def test_overwrite(arguments, capsys, tmp_path):
    output = tmp_path / "out" / "dubbed.wav"
    output.write_bytes(b"precious")
    refused(capsys, arguments(), "exists", "--overwrite")
    assert output.read_bytes() == b"precious"
    assert cli.main(arguments(overwrite=True, quiet=True)) == 0
    assert output.stat().st_size > 1000


def test_dry_run_writes_nothing(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("flowdubber_hf.dubbing.loading.load_pipeline", None)
    assert cli.main(arguments(dry_run=True)) == 0
    assert "can be dubbed; nothing was loaded or written" in capsys.readouterr().out
    refused(capsys, arguments(dry_run=True, mouth_box="0,0,9000,9000"), "--mouth-box", "inside the picture")
    refused(capsys, arguments(dry_run=True, script="place blue at f two now " * 8), "--script", "phonemes")
    assert files(tmp_path / "out") == []


def test_options_of_a_batch_do_no_harm(arguments, capsys):
    """They may stand in a config file."""
    assert cli.main(arguments(num_proc=2, format="wav", dry_run=True)) == 0
    refused(capsys, arguments(format="mp4"), "does not end in .mp4", "leave --format out")


def test_mouth_box(arguments, capsys):
    assert cli.main(arguments(mouth_box="120,140,240,230", quiet=True)) == 0


def test_demo_says_how_to_dub_it(capsys, monkeypatch, model, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo", "the demo"]) == 0
    command = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert command[:2] == ["flowdubber", "dub"]
    assert cli.main([*command[1:], "--model", str(model), "--steps", "1", "--guidance-scale", "1", "--quiet"]) == 0
    assert (tmp_path / "dubbed.mp4").is_file()


def test_module_and_version():
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "flowdubber_hf", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == f"flowdubber {__version__}"
    assert "torch" not in result.stderr
    assert "transformers" not in result.stderr


# ---------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "argv", [["sing"], ["dub"], ["dub", "--video", "a.mp4"], ["dub", "--colour", "red"], ["demo"]], ids=" ".join
)
def test_wrong_command_line(capsys, argv):
    refused(capsys, argv, "--help")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("video", "nowhere.mp4", ["no file nowhere.mp4"]),
        ("reference", "nowhere.wav", ["no file nowhere.wav"]),
        ("script", " ", ["script is empty"]),
        ("script", "?! ...", []),
        ("script", "place blue at f two now " * 8, ["phonemes", "frames"]),
        ("steps", 0, ["--steps"]),
        ("steps", "many", ["--steps", "many"]),
        ("guidance_scale", "nan", ["--guidance-scale"]),
        ("guidance_scale", "strong", ["--guidance-scale"]),
        ("style_guidance_scale", 6, ["--style-guidance-scale"]),
        ("colour_match", 1.5, ["--colour-match"]),
        ("temperature", -1, ["temperature"]),
        ("seed", -1, ["--seed"]),
        ("device", "abacus", ["--device abacus"]),
        ("device", "cuda:99", ["--device cuda:99"]),
        ("mouth_box", "1,2,3", ["mouth-box"]),
        ("mouth_box", "50,50,10,90", ["--mouth-box"]),
        ("mouth_box", "0,0,9000,9000", ["mouth_box"]),
        ("model", "./nowhere", ["no folder"]),
        ("model", "flowdubber-grid-huge", ["flowdubber-grid-huge", "did you mean the bundled flowdubber-grid-tiny?"]),
        ("output", "dubbed", ["must end in"]),
        ("output", "dubbed.ogg", ["must end in"]),
        ("output", "nowhere/dubbed.mp4", ["no folder nowhere"]),
        ("reference_text", " ", ["--reference-text"]),
        ("reference_text", "set red", ["leave it out"]),
        ("guidance_scale", 1.4, ["--guidance-scale", "this model has none"]),
    ],
)
def test_bad_values(capsys, arguments, tmp_path, option, value, words):
    refused(capsys, arguments(**{option: value}), *words)
    assert files(tmp_path / "out") == []


def media_file(path: Path, kind: str) -> Path:
    """A file that is wrong in one way."""
    if kind == "text":
        path.write_text("this is no media file\n" * 50)
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "short":
        write_wav(path, np.sin(np.arange(8000) / 20).astype(np.float32) / 2, 16000)
    elif kind == "silent":
        write_wav(path, np.zeros(32000, np.float32), 16000)
    elif kind == "sound":
        write_wav(path, np.sin(np.arange(32000) / 20).astype(np.float32) / 2, 16000)
    else:
        write_video(path, seconds=float(kind))
    return path


def write_video(path: Path, seconds: float) -> None:
    """A grey clip without a face."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        picture = np.full((64, 64, 3), 90, np.uint8)
        for _ in range(int(seconds * 25)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("option", "suffix", "kind", "words"),
    [
        ("video", ".mp4", "text", ["cannot be read"]),
        ("video", ".mp4", "empty", ["cannot be read"]),
        ("video", ".wav", "sound", ["no video stream"]),
        ("video", ".mp4", "2", ["no face"]),
        ("video", ".mp4", "601", ["at most 600 s"]),
        ("reference", ".wav", "text", ["cannot be read as sound"]),
        ("reference", ".wav", "empty", ["cannot be read as sound"]),
        ("reference", ".wav", "short", ["at least 1 s"]),
        ("reference", ".wav", "silent", ["silent"]),
        ("reference", ".mp4", "2", ["no sound"]),
    ],
)
def test_bad_media(capsys, arguments, tmp_path, option, suffix, kind, words):
    path = media_file(tmp_path / f"bad{suffix}", kind)
    refused(capsys, arguments(**{option: path}), *words)
    assert files(tmp_path / "out") == []


def test_truncated_video_is_dubbed_or_refused(capsys, arguments, demo, tmp_path):
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(demo["video"].read_bytes()[: demo["video"].stat().st_size // 2])
    code = cli.main(arguments(video=damaged))
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    if code == 0:
        assert "flowdubber: warning: " in captured.err
    else:
        assert code == 2
        assert "flowdubber: error: " in captured.err
        assert files(tmp_path / "out") == []


def test_video_with_damaged_packets_is_dubbed_with_a_warning(capsys, arguments, demo, tmp_path):
    content = bytearray(demo["video"].read_bytes())
    start = content.find(b"mdat") + len(content) // 3
    content[start : start + 4000] = np.random.default_rng(0).bytes(4000)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    assert cli.main(arguments(video=damaged)) == 0
    assert "flowdubber: warning: " in capsys.readouterr().err


def test_output_must_not_be_an_input(capsys, arguments, demo):
    before = demo["video"].read_bytes()
    refused(capsys, arguments(output=demo["video"], overwrite=True), "one of the inputs")
    refused(capsys, arguments(json=demo["reference"], overwrite=True), "same file")
    assert demo["video"].read_bytes() == before


def test_report_and_output_must_differ(capsys, arguments, tmp_path):
    output = tmp_path / "out" / "dubbed.wav"
    refused(capsys, arguments(output=output, json=output), "same file")


def test_output_is_a_folder(capsys, arguments, tmp_path):
    (tmp_path / "out" / "folder.mp4").mkdir()
    refused(capsys, arguments(output=tmp_path / "out" / "folder.mp4"), "is a folder")


def test_folder_that_cannot_be_written(capsys, arguments, monkeypatch, tmp_path):
    def denied(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    # tests may run as a user whom no permission stops
    monkeypatch.setattr(outputs.tempfile, "TemporaryFile", denied)
    refused(capsys, arguments(), "cannot be written", "Permission denied")


def test_model_without_a_part(capsys, arguments, model, tmp_path):
    index = json.loads((model / "model_index.json").read_text())
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model_index.json").write_text(json.dumps(index))
    refused(capsys, arguments(model=tmp_path / "model"), "lacks the part")


@pytest.mark.parametrize("moment", ["loading", "dubbing", "writing"])
def test_interruption_leaves_nothing(capsys, arguments, monkeypatch, tmp_path, moment):
    from flowdubber_hf.pipelines.flowdubber import pipeline_flowdubber as module

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    if moment == "loading":
        monkeypatch.setattr(module.FlowDubberPipeline, "from_pretrained", interrupt)
    elif moment == "dubbing":
        monkeypatch.setattr(module.FlowDubberPipeline, "decode", interrupt)
    else:
        monkeypatch.setattr("wave.Wave_write.writeframes", interrupt)
    assert cli.main(arguments()) == 130
    assert "Traceback" not in capsys.readouterr().err
    assert files(tmp_path / "out") == []


# ---------------------------------------------------------------------------------------------------- a newcomer's mistakes


def test_nothing_at_all_is_answered_with_the_help(capsys):
    assert cli.main([]) == 0
    captured = capsys.readouterr()
    assert captured.out == cli.build_parser().format_help() and captured.err == ""


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["dubb"], ["no command 'dubb'", "did you mean dub?"]),
        (["dub", "--stesp", "3", "--viedo=a.mp4"], ["did you mean --steps?", "did you mean --video?"]),
        (["push", "--rpeo", "a/b"], ["did you mean --repo?"]),
        (["demo", "folder", "--qzx"], ["there is no option --qzx (try"]),
    ],
)
def test_misspelt_names_are_answered_with_those_that_were_meant(capsys, argv, words):
    refused(capsys, argv, *words)


def test_all_mistakes_are_told_at_once(capsys, arguments, tmp_path):
    report = tmp_path / "report.json"
    wrong = {"video": "no.mp4", "steps": 0, "seed": -1, "model": "flowdubber-gird-tiny", "output": "x.ogg"}
    assert cli.main(arguments(**wrong, json=report)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[2] for line in lines] == ["--video:", "--output:", "--steps:", "--seed:", "--model:"]
    assert "did you mean the bundled flowdubber-grid-tiny?" in lines[-1]
    assert [problem["field"] for problem in json.loads(report.read_text())["error"]["problems"]] == [
        "video",
        "output",
        "steps",
        "seed",
        "model",
    ]


def test_subtitles_hold_the_words_at_their_times(capsys, arguments, demo, tmp_path):
    srt, report = tmp_path / "out" / "dubbed.srt", tmp_path / "report.json"
    assert cli.main(arguments(srt=srt, json=report)) == 0
    words = json.loads(report.read_text())["words"]
    number, times, text = srt.read_text().splitlines()
    clocks = [f"00:00:{seconds:06.3f}".replace(".", ",") for seconds in (words[0]["start"], words[-1]["end"])]
    assert (number, times, text) == ("1", " --> ".join(clocks), SCRIPT)
    assert f"wrote {tmp_path / 'out' / 'dubbed.wav'} and {srt}: " in capsys.readouterr().out
    refused(capsys, arguments(srt=srt, output=tmp_path / "out" / "b.wav"), "--srt", "exists")
    assert not (tmp_path / "out" / "b.wav").exists()
    refused(capsys, ["dub", "--batch", "jobs.jsonl", "--output", "x", "--srt", "x.srt"], "--srt is for one clip")


HEAVY = ("torch", "transformers", "diffusers")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"dry_run": True}, 0),
        ({"steps": 0}, 2),
        ({"model": "flowdubber-gird-tiny"}, 2),
        ({"video": "no.mp4"}, 2),
        ({"script": "place blue at f two now " * 8, "dry_run": True}, 2),
        ({"mouth_box": "0,0,9000,9000", "dry_run": True}, 2),
        ({"timing": "never"}, 2),
    ],
)
def test_what_needs_no_model_is_told_without_the_heavy_libraries(arguments, changed, code):
    assert heavy_imports(arguments(**changed)) == (code, [])


def test_a_dry_run_of_a_listing_needs_no_heavy_library(demo, tmp_path):
    row = {"video": str(demo["video"]), "script": SCRIPT, "reference": str(demo["reference"])}
    (tmp_path / "jobs.jsonl").write_text(json.dumps(row) + "\n")
    argv = ["dub", "--batch", tmp_path / "jobs.jsonl", "--output", tmp_path / "dubs", "--dry-run", "--quiet"]
    assert heavy_imports(argv) == (0, [])
    assert not (tmp_path / "dubs").exists()


@pytest.mark.parametrize("name", ["output", "srt"])
def test_nothing_that_is_read_is_written_over(arguments, capsys, tmp_path, name):
    lexicon, config = tmp_path / "names.wav", tmp_path / "dub.toml"
    lexicon.write_text("blue  B L UW1\n")
    config.write_text("seed = 1\n")
    files = {"output": (lexicon,), "srt": (lexicon, config)}[name]
    for file in files:
        before = file.read_bytes()
        changed = {name: file, "lexicon": lexicon, "config": config, "overwrite": True}
        refused(capsys, arguments(**changed), f"--{name}", "one of the inputs")
        assert file.read_bytes() == before
    same = tmp_path / "new.wav"
    refused(capsys, arguments(output=same, srt=same), "--srt", "one of the inputs")
    assert not same.exists()


@pytest.mark.parametrize(
    "argv", [["models"], ["push", "--repo", "mine"], ["push", "flowdubber-gird-tiny", "--repo", "a/b"]]
)
def test_models_and_wrong_targets_need_no_heavy_library(argv):
    assert heavy_imports(argv) == (0 if argv == ["models"] else 2, [])


def heavy_imports(argv):
    """The exit code of the command in a process of its own, and what it imported of the heavy libraries."""
    code = (
        f"import sys; from flowdubber_hf import cli; code = cli.main({[str(word) for word in argv]!r}); "
        f"print([code, sorted(set(sys.modules) & set({HEAVY!r}))])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return tuple(json.loads(result.stdout.splitlines()[-1].replace("'", '"')))


def test_models_lists_name_size_and_licence(capsys):
    assert cli.main(["models", "--json", "-"]) == 0
    captured = capsys.readouterr()
    rows = {row["name"]: row for row in json.loads(captured.out)["models"]}
    assert rows["flowdubber-grid-tiny"]["kind"] == "pipeline" and rows["syncnet-grid-tiny"]["kind"] == "model"
    assert {row["licence"] for row in rows.values()} == {"cc-by-4.0"}
    assert rows["syncnet-grid-tiny"]["bytes"] > 300_000
    for name in rows:
        assert name in captured.err


# ---------------------------------------------------------------------------------------------------- clips and containers


def test_what_the_output_cannot_hold_is_told_before_anything_is_loaded(arguments, capsys, tmp_path, monkeypatch):
    clip = write_clip(tmp_path / "a.webm", head_frames(), codec="libvpx")
    output = tmp_path / "out" / "dubbed.mp4"
    monkeypatch.setattr("flowdubber_hf.dubbing.loading.load_pipeline", None)
    for more in ({}, {"dry_run": True}):
        argv = arguments(video=clip, output=output, **more)
        refused(capsys, argv, "--video", ".mp4 cannot hold the vp8 pictures", "ending in .mkv", "--transcode")
    assert cli.main(arguments(video=clip, output=output, dry_run=True, transcode=True)) == 0
    assert "warning: .mp4 cannot hold the clip's vp8 pictures" in capsys.readouterr().err
    assert cli.main(arguments(video=clip, output=output.with_suffix(".mkv"), dry_run=True)) == 0
    assert capsys.readouterr().err == "" and files(tmp_path / "out") == []


def test_a_clip_on_its_side_in_a_file_whose_name_begins_with_a_hyphen(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "a.webm", np.rot90(head_frames(), axes=(1, 2)), codec="libvpx").rename("-lead.webm")
    output = tmp_path / "out" / "dubbed.mp4"
    assert cli.main(arguments(video="-lead.webm", output=output, transcode=True, quiet=True)) == 0
    warned = capsys.readouterr().err
    assert "--turn 270" in warned and "encoded again" in warned
    assert probe_video(output).rotation == 0
    assert cli.main(arguments(video="-lead.webm", output=output, transcode=True, turn=270, overwrite=True)) == 0
    assert "--turn" not in capsys.readouterr().err
    assert probe_video(output).rotation == 270
    refused(capsys, arguments(video="--lead"), "--video=VALUE")


def test_the_clips_own_sound_stays_where_it_is_wanted(arguments, tmp_path):
    output = tmp_path / "kept.mkv"
    clip = write_clip(tmp_path / "a.mp4", head_frames(), sound=demo_voice(3.0))
    for kept in (False, True):
        more = {"keep_sound": True} if kept else {}
        assert cli.main(arguments(video=clip, output=output, quiet=True, overwrite=True, **more)) == 0
        with av.open(str(output)) as container:
            tracks = container.streams.audio
            assert len(tracks) == 1 + kept
            # The dub comes first and is the one that players take.
            assert bool(tracks[0].disposition & av.stream.Disposition.default)


def test_a_voice_that_is_none_is_refused_and_a_bad_one_told(arguments, demo, capsys, tmp_path):
    noise, clipped = tmp_path / "noise.wav", tmp_path / "clipped.wav"
    write_wav(noise, np.random.default_rng(0).normal(0, 0.1, 48000))
    refused(capsys, arguments(reference=noise, dry_run=True), "--reference", "not a second of voice")
    write_wav(clipped, load_audio(demo["reference"]) * 20)
    assert cli.main(arguments(reference=clipped, quiet=True)) == 0
    assert "is clipped" in capsys.readouterr().err
