# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import ast
import dataclasses
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from flowdubber_hf import demo
from flowdubber_hf.cli import build_parser, main
from flowdubber_hf.data import prepare as module
from flowdubber_hf.data.clip_work import Outcome, WorkSettings
from flowdubber_hf.data.codec import to_pcm16
from flowdubber_hf.data.corpora.recording import Recording
from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.data.prepare import PrepareSettings, prepare
from flowdubber_hf.work import workers
from support.made_recordings import (
    FRAMES,
    SCRIPT,
    script_voice,
    word_times,
    write_metadata,
    write_speaking_clip,
    write_voice,
)
from support.video_files import head_frames, noise_frames, write_clip


pytestmark = pytest.mark.slow


for name in ("pyarrow", "pocketsphinx", "matplotlib"):
    pytest.importorskip(name)

WAIT_SECONDS = 240  # for other processes; only ever reached by a failure


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """Four clips with a face and a voice, one utterance without text, in three splits."""
    folder = tmp_path_factory.mktemp("raw") / "heads"
    rows = []
    for name, speaker, split in (
        ("a", "s1", "train"),
        ("b", "s1", "train"),
        ("c", "s2", "dev"),
        ("d", "s2", "zero_shot"),
    ):
        write_speaking_clip(folder / f"{speaker}/{name}.mp4")
        rows.append({"file_name": f"{speaker}/{name}.mp4", "speaker": speaker, "split": split, "text": SCRIPT})
    rows[0] |= {"words": word_times(), "reference": "s1/b.mp4"}
    write_voice(folder / "sound/e.wav", script_voice()[:20000])
    rows.append({"file_name": "sound/e.wav", "speaker": "s3", "source": "Other"})
    return write_metadata(folder, rows)


@pytest.fixture(scope="module")
def dataset(corpus, tmp_path_factory) -> Path:
    """The corpus prepared in this process."""
    output = tmp_path_factory.mktemp("out") / "heads"
    assert prepare(PrepareSettings(corpus, output, quiet=True)).written
    return output


def parquet(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "data").iterdir())}


def times(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_corpus_becomes_a_dataset(dataset):
    store = FeatureStore(dataset)
    assert {clip.id for clip in store.clips()} == {
        *(f"heads/{name}" for name in ("s1/a", "s1/b", "s2/c", "s2/d")),
        "other/sound/e",
    }
    assert len(store.clips("val")) == 1  # carved: the corpus names none
    clip = store["heads/s1/a"]
    assert (clip.speaker, clip.source, clip.text, clip.file_name) == ("heads-s1", "heads", SCRIPT, "s1/a.mp4")
    assert (clip.num_frames, clip.num_samples) == (FRAMES, FRAMES * 640)
    assert [word for word, _, _ in clip.words] == SCRIPT.split()
    assert store.audio(clip.id).shape == (FRAMES * 640,)
    assert np.corrcoef(store.audio(clip.id), script_voice())[0, 1] > 0.95
    assert store.crops(clip.id).shape == (FRAMES, 96, 96)
    assert store.crops(clip.id).std() > 5
    phones = store.phones(clip.id)
    assert phones.words == SCRIPT.split()
    assert phones.times[-1, 1] == 3.0
    starts = [phones.times[phones.word_index.index(index), 0] for index in range(6)]
    assert np.median(np.abs(np.array(starts) - [word[1] for word in word_times()])) < 0.03
    assert np.linalg.norm(store.style(clip.id)) == pytest.approx(1, abs=1e-4)
    semantic, voice_tokens = store.tokens(clip.id)
    assert (len(semantic), len(voice_tokens)) == (150, 32)
    assert store.reference("heads/s1/a") == "heads/s1/b"
    assert store.reference("heads/s1/b") is None
    sound = store["other/sound/e"]
    assert (sound.num_frames, sound.num_samples, sound.text, sound.speaker) == (0, 20000, None, "other-s3")
    assert store.has("style", sound.id)
    assert store.has("tokens", sound.id)
    assert not store.has("phones", sound.id)


def test_report_settings_and_card(dataset, corpus):
    report = json.loads((dataset / "report.json").read_text(encoding="utf-8"))
    assert (report["clips"], report["kept"], report["speakers"]) == (5, 5, 3)
    assert report["splits"]["dev"] == {
        "clips": 1,
        "hours": round(3 / 3600, 4),
        "speakers": 1,
        "with_video": 1,
        "with_phonemes": 1,
    }
    assert sum(split["clips"] for split in report["splits"].values()) == 5
    assert report["faces"] == {
        "clips": 4,
        "clips_with_face": 4,
        "clips_with_face_share": 1.0,
        "frames_with_face_share": 1.0,
    }
    assert report["alignment"]["aligned"] == 4
    assert report["alignment"]["failures"] == 0
    assert report["word_times"]["clips"] == 1
    assert report["word_times"]["borders"] == 12
    assert report["word_times"]["median_ms"] < 30
    assert report["dropped"] == {"clips": 0, "by_reason": {}, "each": {}}
    assert (dataset / "report.png").read_bytes()[:4] == b"\x89PNG"
    card = (dataset / "README.md").read_text(encoding="utf-8")
    assert "path: data/train-*" in card
    assert "{" not in card  # every gap of the template is filled
    for name in ("settings.json", "report.json", "README.md"):
        assert str(corpus.parent) not in (dataset / name).read_text(encoding="utf-8")
        assert str(Path(module.__file__).parents[2]) not in (dataset / name).read_text(encoding="utf-8")


def test_datasets_reads_it_whole_and_streaming(dataset, tmp_path):
    datasets = pytest.importorskip("datasets")
    from flowdubber_hf.data.codec import decode_audio, decode_crops

    copy = tmp_path / "copy"
    shutil.copytree(dataset, copy, ignore=shutil.ignore_patterns("work"))
    loaded = datasets.load_dataset(str(copy), cache_dir=str(tmp_path / "cache"))
    assert {name: len(part) for name, part in loaded.items()} == {
        name: row["clips"] for name, row in json.loads((dataset / "report.json").read_text())["splits"].items()
    }
    row = next(iter(datasets.load_dataset(str(copy), split="dev", streaming=True)))
    assert row["id"] == "heads/s2/c"
    assert decode_audio(row["audio"]).shape == (FRAMES * 640,)
    assert decode_crops(row["mouth"], row["num_frames"]).shape == (FRAMES, 96, 96)
    assert row["words"][0]["word"] == "place"
    assert len(row["style"]) == 256


def test_the_same_command_again_does_nothing(dataset, corpus):
    before = times(dataset)
    again = prepare(PrepareSettings(corpus, dataset, quiet=True))
    assert not again.written
    assert again.work_seconds == {}
    after = times(dataset)
    assert {path for path in before if before[path] != after[path]} <= {str(dataset / "work/input.json")}


def test_a_copied_dataset_needs_its_work_no_more(corpus, dataset, tmp_path):
    shutil.copytree(dataset, tmp_path / "copy", ignore=shutil.ignore_patterns("work"))
    assert FeatureStore(tmp_path / "copy").crops("heads/s1/a").shape == (FRAMES, 96, 96)
    with pytest.raises(ValueError, match="finished dataset without its work"):
        prepare(PrepareSettings(corpus, tmp_path / "copy"))


def test_another_tokenizer_computes_only_tokens(corpus, dataset, tmp_path):
    output = tmp_path / "out"
    first = prepare(PrepareSettings(corpus, output, speech_tokenizer="none", quiet=True, limit=2))
    assert set(first.work_seconds) == {"media", "phones", "style"}
    assert not FeatureStore(output).has("tokens", "heads/s1/a")
    second = prepare(PrepareSettings(corpus, output, quiet=True, limit=2))
    assert second.written
    assert set(second.work_seconds) == {"tokens"}
    np.testing.assert_array_equal(
        FeatureStore(output).tokens("heads/s1/a")[0], FeatureStore(dataset).tokens("heads/s1/a")[0]
    )
    third = prepare(PrepareSettings(corpus, output, times="given", quiet=True, limit=2))
    assert set(third.work_seconds) == {"phones"}
    starts = {word["word"]: word["start"] for word in _row(output, "heads/s1/a")["words"]}
    assert starts == pytest.approx({word: start for word, start, _ in word_times()}, abs=1e-3)


def _row(folder: Path, clip: str) -> dict:
    import pyarrow.parquet

    tables = [pyarrow.parquet.read_table(path) for path in (folder / "data").iterdir()]
    return next(row for table in tables for row in table.to_pylist() if row["id"] == clip)


def _mpeg(path: Path) -> None:
    """The head and its voice as GRID comes: an MPEG program stream of MPEG-1 video and MP2 sound."""
    path.parent.mkdir(parents=True)
    with av.open(str(path), "w", format="mpeg") as container:
        video = container.add_stream("mpeg1video", rate=25, options={"b:v": "1500000"})
        video.width, video.height, video.pix_fmt = 360, 288, "yuv420p"
        audio = container.add_stream("mp2", rate=44100, layout="mono")
        for picture in head_frames():
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")))
        container.mux(video.encode(None))
        sound = resample(script_voice(), 16000, 44100)
        for start in range(0, len(sound), 1152):
            frame = av.AudioFrame.from_ndarray(to_pcm16(sound[None, start : start + 1152]), "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))


def resample(sound: np.ndarray, source: int, target: int) -> np.ndarray:
    places = np.arange(len(sound) * target // source) * source / target
    return np.interp(places, np.arange(len(sound)), sound)


def test_grid_as_it_is_published(tmp_path):
    folder = tmp_path / "GRID"
    _mpeg(folder / "s1/pbaf2n.mpg")
    lines = [f"{round(start * 25000)} {round(end * 25000)} {word}" for word, start, end in word_times()]
    (folder / "alignments/s1").mkdir(parents=True)
    (folder / "alignments/s1/pbaf2n.align").write_text("\n".join(["0 13000 sil", *lines]), encoding="utf-8")
    done = prepare(PrepareSettings(folder, tmp_path / "out", quiet=True, speech_tokenizer="none"))
    assert done.report["settings"]["corpus"] == "grid"
    assert done.report["word_times"]["median_ms"] < 30
    store = FeatureStore(tmp_path / "out")
    clip = store["grid/s1/pbaf2n"]
    assert (clip.text, clip.num_frames) == (SCRIPT, FRAMES)
    heard = store.audio(clip.id)
    lag = np.correlate(heard[8000:40000], script_voice()[9600:38400], "valid").argmax() - 1600
    assert abs(lag) < 400  # picture and sound start at different stamps: the sound was moved to where it belongs
    assert "license: cc-by-4.0" in (tmp_path / "out/README.md").read_text(encoding="utf-8")


def test_textgrids_replace_the_alignment(tmp_path):
    folder = tmp_path / "spoken"
    write_voice(folder / "a/x.wav")
    write_metadata(folder, [{"audio": "a/x.wav", "text": SCRIPT}])
    rows = [row for row in demo.demo_timeline() if row["word"] is not None]
    tiers = {"words": word_times(), "phones": [[row["phoneme"], row["start"], row["end"]] for row in rows]}
    head = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "0", "3", "<exists>", "2"]
    for name, intervals in tiers.items():
        head += ['"IntervalTier"', f'"{name}"', "0", "3", str(len(intervals))]
        head += [line for label, start, end in intervals for line in (str(start), str(end), f'"{label}"')]
    (tmp_path / "aligned/a").mkdir(parents=True)
    (tmp_path / "aligned/a/x.TextGrid").write_text("\n".join(head), encoding="utf-8")
    settings = PrepareSettings(folder, tmp_path / "out", quiet=True, speech_tokenizer="none", license="cc0-1.0")
    prepare(dataclasses.replace(settings, textgrids=tmp_path / "aligned"))
    phones = FeatureStore(tmp_path / "out").phones("spoken/a/x")
    spoken = np.array(phones.word_index) >= 0
    assert [name for name, is_spoken in zip(phones.phonemes, spoken, strict=True) if is_spoken] == [
        row["phoneme"] for row in rows
    ]
    np.testing.assert_allclose(phones.times[spoken, 0], [row["start"] for row in rows], atol=1e-3)
    assert "license: cc0-1.0" in (tmp_path / "out/README.md").read_text(encoding="utf-8")


def test_thresholds_are_applied_without_new_work(corpus, tmp_path):
    output = tmp_path / "out"
    prepare(PrepareSettings(corpus, output, quiet=True, limit=2))
    strict = prepare(PrepareSettings(corpus, output, quiet=True, limit=2, max_word_difference=0.001))
    assert strict.work_seconds == {}
    assert strict.report["dropped"]["by_reason"] == {"word times disagree": 1}
    assert [clip.id for clip in FeatureStore(output).clips()] == ["heads/s1/b"]
    assert strict.report["word_times"]["clips"] == 1  # of all that were compared, kept or not
    with pytest.raises(ValueError, match="none of the 2 clips can be used"):
        prepare(PrepareSettings(corpus, output, quiet=True, limit=2, min_alignment_score=-1))
    assert [clip.id for clip in FeatureStore(output).clips()] == ["heads/s1/b"]


def test_hostile_input_is_dropped_with_its_reason(corpus, tmp_path):
    folder = tmp_path / "wild"
    good = write_speaking_clip(folder / "good.mp4")
    data = good.read_bytes()
    write_clip(folder / "noface.mp4", noise_frames(30), sound=script_voice()[:19200])
    write_clip(folder / "nosound.mp4", noise_frames(30))
    (folder / "damaged.mp4").write_bytes(data[:200] + b"\0" * 5000 + data[5200:9000])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.wav").write_text("no sound at all", encoding="utf-8")
    write_voice(folder / "silent.wav", np.zeros(16000, np.float32))
    write_voice(folder / "short.wav", script_voice()[:1600])
    write_voice(folder / "cut.wav", script_voice()[: 16000 * 2])
    write_voice(folder / "long.wav", np.tile(script_voice(), 21))
    (tmp_path / "outside.wav").write_bytes((folder / "silent.wav").read_bytes())
    (folder / "link.wav").symlink_to(tmp_path / "outside.wav")
    early = [[word, start / 3, end / 3] for word, start, end in word_times()]
    expected = {
        "path outside of the folder": [{"audio": "../outside.wav"}, {"audio": "/etc/hostname"}, {"audio": "link.wav"}],
        "missing file": [{"video": "none.mp4"}],
        "bad line": ["{broken"],
        "bad text": [
            '{"id": "nan", "video": "good.mp4", "text": NaN}',
            {"id": "script", "video": "good.mp4", "text": "你好"},
        ],
        "empty text": [{"id": "blank", "video": "good.mp4", "text": " "}],
        "bad times": ['{"id": "nanwords", "video": "good.mp4", "words": [["a", NaN, 1]]}'],
        "name given twice": [{"id": "good", "video": "good.mp4", "text": SCRIPT}],
        "no face": [{"video": "noface.mp4", "text": SCRIPT}],
        "unreadable video": [{"video": "empty.mp4"}, {"id": "audio", "video": "silent.wav"}],
        "unreadable sound": [{"audio": "text.wav"}],
        "silent": [{"audio": "silent.wav"}],
        "too short": [{"audio": "short.wav"}],
        "too long": [{"audio": "long.wav"}],
        "lengths differ": [{"id": "cut", "video": "good.mp4", "audio": "cut.wav"}],
        "alignment failed": [
            {"id": "other", "video": "good.mp4", "text": "what a lovely morning it was for all of us"}
        ],
        "word times disagree": [{"id": "early", "video": "good.mp4", "text": SCRIPT, "words": early}],
    }
    rows: list = [{"id": "good", "video": "good.mp4", "text": SCRIPT}]
    rows += [row for group in expected.values() for row in group]
    rows += [{"id": "d", "video": "damaged.mp4"}, {"video": "nosound.mp4"}]
    write_metadata(folder, rows)
    done = prepare(PrepareSettings(folder, tmp_path / "out", quiet=True, speech_tokenizer="none", val_share=0))
    dropped = done.report["dropped"]
    counts = {reason: len(group) for reason, group in expected.items()}
    found = {reason: dropped["by_reason"].get(reason) for reason in counts}
    counts["no face"] += 1  # the one without sound has no face either
    counts["unreadable video"] += dropped["each"]["wild/d"].startswith("unreadable video")
    assert found == counts, dropped["each"]
    assert [clip.id for clip in FeatureStore(tmp_path / "out").clips()] == ["wild/good"]
    assert str(tmp_path) not in json.dumps(dropped)


def test_two_processes_go_on_after_a_kill_and_write_the_same(corpus, dataset, tmp_path):
    output = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "flowdubber_hf",
        "prepare",
        str(corpus),
        str(output),
        "--num_proc",
        "2",
        "--quiet",
    ]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(lambda: len(_records(output, "media")) >= 1 or run.poll() is not None)
        workers = _children(run.pid)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    _wait_for(lambda: not any(_alive(pid) for pid in workers))
    finished = {path: path.stat().st_mtime_ns for path in _records(output, "*")}
    assert finished
    if not (output / "data").exists():  # a quick machine may have been done before the kill
        with pytest.raises(ValueError, match="flowdubber prepare"):
            FeatureStore(output)
    prepare(PrepareSettings(corpus, output, num_proc=2, quiet=True))
    assert {path: path.stat().st_mtime_ns for path in finished} == finished  # nothing was done twice
    assert parquet(output) == parquet(dataset)
    assert (output / "report.json").read_bytes() == (dataset / "report.json").read_bytes()
    assert not [path for path in output.rglob(".*") if path.name != ".lock"]


def _records(output: Path, part: str) -> list[Path]:
    return [path for path in output.glob(f"work/{part}-*/*/*.json") if not path.name.startswith(".")]


def _children(pid: int) -> list[int]:
    listing = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listing.read_text().split()] if listing.is_file() else []


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _wait_for(condition) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > end:
            pytest.fail("waited too long for another process")
        time.sleep(0.1)


def test_ctrl_c_keeps_what_is_finished(corpus, tmp_path, monkeypatch, capsys):
    real, done = module.work_on, []

    def work_on(work: WorkSettings, recording: Recording) -> Outcome:
        if done:
            raise KeyboardInterrupt
        done.append(recording.id)
        return real(work, recording)

    monkeypatch.setattr(module, "work_on", work_on)
    output = tmp_path / "out"
    assert main(["prepare", str(corpus), str(output), "--num_proc", "1", "--quiet"]) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert len(_records(output, "media")) == 1
    assert not (output / "data").exists()


def test_a_clip_that_kills_its_process_is_dropped(monkeypatch):
    clips = [Recording(f"x/{index}") for index in range(6)]

    def run_pool(work, recordings, num_proc, done):
        for position, recording in enumerate(recordings):
            if recording.id == "x/2":
                return list(recordings[position:])
            done(Outcome(recording.id))
        return []

    monkeypatch.setattr(workers, "run_pool", run_pool)
    outcomes = module.run_work(WorkSettings(Path(), Path()), clips, 2, progress=False)
    assert [outcome.dropped and outcome.dropped[0] for outcome in outcomes] == [None, None, "crash", None, None, None]


def test_nothing_is_overwritten_unasked(corpus, dataset, tmp_path):
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ValueError, match="no prepared dataset; choose another"):
        prepare(PrepareSettings(corpus, other))
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]
    with pytest.raises(ValueError, match="is a file"):
        prepare(PrepareSettings(corpus, other / "thesis.txt"))
    for inside in (corpus, corpus / "out", corpus.parent):
        with pytest.raises(ValueError, match="inside each other"):
            prepare(PrepareSettings(corpus, inside))
    second = tmp_path / "second"
    write_voice(second / "x.wav")
    write_metadata(second, [{"audio": "x.wav"}])
    with pytest.raises(ValueError, match="was prepared from"):
        prepare(PrepareSettings(second, dataset))


def test_one_run_at_a_time(corpus, tmp_path):
    filelock = pytest.importorskip("filelock")
    output = tmp_path / "out"
    (output / "work").mkdir(parents=True)
    (output / "work/input.json").write_text(json.dumps({"input": str(corpus)}), encoding="utf-8")
    with filelock.FileLock(output / "work/.lock"), pytest.raises(ValueError, match="another flowdubber prepare"):
        prepare(PrepareSettings(corpus, output))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--corpus", "films"], "invalid choice"),
        (["--num_proc", "0"], "num_proc"),
        (["--limit", "0"], "limit"),
        (["--val_share", "2"], "val_share"),
        (["--min-face-share", "7"], "min_face_share"),
        (["--speech_tokenizer", "nowhere"], "--speech_tokenizer"),
        (["--style_encoder", "none"], "--style_encoder"),
        (["--textgrids", "nowhere"], "--textgrids"),
        (["--max_word_difference", "nan"], "max_word_difference"),
    ],
)
def test_bad_options_end_with_one_line(corpus, tmp_path, capsys, options, match):
    assert main(["prepare", str(corpus), str(tmp_path / "out"), "--quiet", *options]) == 2
    error = capsys.readouterr().err
    assert match in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out" / "data").exists()


def test_a_missing_folder_is_said(tmp_path, capsys):
    assert main(["prepare", str(tmp_path / "none"), str(tmp_path / "out")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("library", ["pyarrow", "matplotlib", "pocketsphinx"])
def test_a_missing_library_is_named_before_the_work(corpus, tmp_path, capsys, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    assert main(["prepare", str(corpus), str(tmp_path / "out")]) == 2
    assert "pip install '.[train]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_run_ends_by_saying_what_it_did(corpus, dataset, capsys, tmp_path):
    report = tmp_path / "report.json"
    assert main(["prepare", str(corpus), str(dataset), "--num_proc", "1", "--json", str(report)]) == 0
    told = json.loads(report.read_text())
    assert (told["written"], told["dataset"]["kept"]) == (False, 5)
    assert set(told) - set(build_parser().commands.choices["prepare"].report) == {
        "flowdubber",
        "command",
        "exit_code",
        "error",
    }
    said = capsys.readouterr().out
    assert "5 of 5 clips kept" in said
    assert "up to date" in said
    assert "--repo USER/heads --repo-type dataset" in said
    assert "ms median from the corpus' own" in said


def test_importing_needs_no_extra(repository):
    extra = {"pyarrow", "datasets", "matplotlib", "pocketsphinx"}
    for path in (repository / "src/flowdubber_hf").rglob("*.py"):
        statements = ast.parse(path.read_text(encoding="utf-8")).body  # of the module itself
        names = [name.name for node in statements if isinstance(node, ast.Import) for name in node.names]
        names += [node.module or "" for node in statements if isinstance(node, ast.ImportFrom) and not node.level]
        assert not extra & {name.partition(".")[0] for name in names}, path


def test_options_named_in_the_documentation_exist(repository, capsys):
    assert main(["prepare", "--help"]) == 0
    known = set(re.findall(r"--[a-z_]+", capsys.readouterr().out))
    page = (repository / "docs/data.md").read_text(encoding="utf-8")
    named = set(
        re.findall(r"--[a-z_]+", page.replace("--repo USER/NAME --repo-type dataset --yes", "").replace("`--yes`", ""))
    )
    assert named <= known
    assert {"--num_proc", "--speech_tokenizer", "--times"} <= named
    source = "".join(path.read_text(encoding="utf-8") for path in (repository / "src/flowdubber_hf/data").glob("*.py"))
    reasons = set(re.findall(r'Dropped\(\s*"([a-z ]+)"', source)) | set(re.findall(r'return "([a-z ]+)", f"', source))
    assert all(f"`{reason}`" in page for reason in reasons), reasons


def test_shared_grid_clips_agree_with_their_word_times(shared_data, tmp_path):
    done = prepare(
        PrepareSettings(shared_data / "grid", tmp_path / "out", quiet=True, limit=4, speech_tokenizer="none")
    )
    assert done.report["kept"] == 4
    assert done.report["word_times"]["median_ms"] <= 30
    assert done.report["faces"]["frames_with_face_share"] > 0.95
