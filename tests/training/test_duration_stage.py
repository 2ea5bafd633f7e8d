"""The stage of natural durations: scripts with times, another model's durations, and the aligner around the predictor."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.models.aligner import FlowDubberAlignerModel
from flowdubber_hf.models.aligner.durations import Durations
from flowdubber_hf.processing.text import PAUSES, phonemize
from flowdubber_hf.training.duration_stage import (
    DurationStage,
    TimedScript,
    duration_figures,
    read_teacher,
    timed_script,
)
from support.dubbing_dataset import write_dubbing_dataset
from support.prepared_dataset import write_prepared
from support.timed_scripts import STYLE, script
from support.tiny_models import tiny_aligner
from support.training_runs import (
    OnAnotherDevice,
    check_batches,
    check_parts_equal_whole,
    check_resume,
    load_script,
    run_here,
    unmoved,
)


pytestmark = pytest.mark.slow


def with_predictor() -> FlowDubberAlignerModel:
    torch.manual_seed(0)
    return tiny_aligner(num_duration_layers=1, duration_hidden_size=16, duration_dropout=0.0)


@pytest.fixture
def stage() -> DurationStage:
    groups = [([script(number) for number in range(12)], 0.75), ([script(number) for number in range(20, 24)], 0.25)]
    return DurationStage(with_predictor(), groups, [script(number) for number in range(30, 34)], 4, 0)


# ---------------------------------------------------------------------------------------------------- scripts


def prepared_clip(name: str, text: str | None, phonemes: list[str], words: list[str]) -> dict:
    index, word = [], -1
    for place, phoneme in enumerate(phonemes):
        silent = phoneme in ("sil", "sp")
        word += silent and place + 1 < len(phonemes)
        index.append(-1 if silent else word)
    ends = 0.1 * np.arange(1, len(phonemes) + 1)
    phones = {
        "phonemes": phonemes,
        "word_index": index,
        "words": words,
        "times": list(zip([0.0, *ends[:-1].tolist()], ends.tolist(), strict=True)),
    }
    return {"id": name, "text": text, "phones": phones, "style": np.array(STYLE, np.float32)}


def test_pauses_come_from_the_text(tmp_path):
    flat = ["sil", "N", "OW1", "sp", "G", "OW1", "sp", "N", "AW1", "sil"]
    parted = [*flat[:6], "sil", *flat[7:]]
    words = ["no", "go", "now"]
    clips = [
        prepared_clip("commas", "No, go. Now", flat, words),
        prepared_clip("plain", "no go now", flat, words),
        prepared_clip("other", "No, go. Then", flat, words),  # not the words that were said
        prepared_clip("without", None, parted, words),
    ]
    store = FeatureStore(write_prepared(tmp_path / "data", clips))
    found = {clip.id: timed_script(store, clip) for clip in store.clips("train")}
    kinds = {name: [PAUSES[kind] for kind in one.pauses if kind != PAUSES.index("")] for name, one in found.items()}
    assert kinds["commas"] == ["edge", "clause", "sentence", "edge"]
    assert kinds["plain"] == kinds["other"] == ["edge", "word", "word", "edge"]
    assert kinds["without"] == ["edge", "word", "sentence", "edge"]
    # As a dub reads the script, whatever silence the times were found with.
    written = phonemize("No, go. Now")
    assert found["commas"].phonemes.tolist() == written.ids and found["commas"].pauses.tolist() == written.pause_ids
    assert found["plain"].seconds == pytest.approx([0.1] * 10)
    assert found["plain"].style.shape == (256,)


def teacher_line(**changed) -> str:
    row = {
        "phonemes": ["sil", "N", "OW1", "sil"],
        "pauses": ["edge", "", "", "edge"],
        "seconds": [0.2, 0.05, 0.1, 0.3],
        "style": STYLE,
        "speaker": "x",
        **changed,
    }
    return json.dumps({name: value for name, value in row.items() if value is not None})


def test_a_teachers_durations_are_read(tmp_path):
    file = tmp_path / "teacher.jsonl"
    file.write_text(teacher_line() + "\n\n" + teacher_line(seconds=[0.2, 0.1, 0.2, 0]) + "\n", encoding="utf-8")
    first, second = read_teacher(file)
    assert first.phonemes.tolist() == phonemize("no").ids and first.source == second.source == "teacher"
    assert first.pauses.tolist() == phonemize("no").pause_ids
    assert second.seconds == pytest.approx([0.2, 0.1, 0.2, 0.0]) and second.name == f"{file}:3"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not valid JSON"),
        ("[1]", "a JSON object"),
        ('{"seconds": NaN}', "not finite"),
        (teacher_line(style=None), "has no 'style'"),
        (teacher_line(seconds=[0.1, 0.1]), "must be as many"),
        (teacher_line(seconds=0.1), "must be as many"),
        (teacher_line(seconds=[0.1, -0.1, 0.1, 0.1]), "no seconds below 0"),
        (teacher_line(seconds=["x", 0.1, 0.1, 0.1]), "cannot be read"),
        (teacher_line(pauses=["edge", "", "comma", "edge"]), "cannot be read"),
        (teacher_line(phonemes=["sil", "XX", "OW1", "sil"]), "cannot be read"),
        (teacher_line(phonemes=5), "cannot be read"),
        (teacher_line(style=[1.0, 2.0]), "style must be 256 numbers"),
    ],
)
def test_a_teachers_mistakes_are_told_by_line(tmp_path, line, words):
    file = tmp_path / "teacher.jsonl"
    file.write_text(teacher_line() + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 2") as caught:
        read_teacher(file)
    assert words in str(caught.value)


def test_a_missing_teacher_is_told(tmp_path):
    with pytest.raises(ValueError, match="there is no such file"):
        read_teacher(tmp_path / "none.jsonl")


# ---------------------------------------------------------------------------------------------------- training


def test_batches_are_functions_of_step_and_row(stage):
    stage.batch_size = 4
    check_batches(stage)
    check_parts_equal_whole(stage)


def test_a_voice_is_left_out_now_and_then(stage):
    silent = [bool((stage.batch(step, [row])["style"] == 0).all()) for step in range(20) for row in range(4)]
    assert 0 < sum(silent) < 30


def test_only_the_predictor_learns_and_all_of_it(stage):
    stage.batch_size = 4
    assert {name.split(".")[0] for name, p in stage.model.named_parameters() if p.requires_grad} == {"predictor"}
    others = {n: p.detach().clone() for n, p in stage.aligner.named_parameters() if "duration_predictor" not in n}
    assert unmoved(stage) == []
    now = dict(stage.aligner.named_parameters())
    assert all(torch.equal(now[name], value) for name, value in others.items())


def test_a_few_steps_foretell_better(stage):
    before = stage.validate(stage.model.eval())
    optimizer = torch.optim.Adam(stage.model.parameters(), 1e-2)
    for step in range(60):
        stage.model.train()
        optimizer.zero_grad()
        stage.model(stage.batch(step, range(4)))["loss"].backward()
        optimizer.step()
    after = stage.validate(stage.model.eval())
    assert after["val_loss"] < before["val_loss"] - 0.5
    assert after["val_correlation"] > 0.8 and after["val_log_error"] < before["val_log_error"]
    assert after["val_correlation_in_tempo"] > after["val_correlation"] - 0.05


def test_validation_goes_to_where_the_predictor_is(stage):
    """On a card the predictor alone was moved there, the rest of the aligner was not."""
    model = OnAnotherDevice("loss", predictor=stage.model.predictor)
    assert stage.validate(model)["val_loss"] == 0
    assert model.devices == {"meta"}


def test_figures_by_hand():
    class Told(torch.nn.Module):
        """Durations of the script itself, and a pause between all words."""

        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, ids, mask, pauses, style):
            mean = torch.tensor([0.16, 0.08, 0.32, 0.16, 0.16])[None].log()
            return Durations(mean, torch.ones(1, 5), torch.ones(1, 5))

    pauses = np.array([PAUSES.index(kind) for kind in ("edge", "", "word", "", "edge")])
    seconds = np.array([0.5, 0.04, 0.2, 0.08, 0.5], np.float32)
    unmade = np.array([0.5, 0.08, 0.0, 0.16, 0.5], np.float32)
    scripts = [
        TimedScript(str(n), "x", np.array([1, 5, 2, 40, 1]), pauses, one, np.array(STYLE, np.float32))
        for n, one in enumerate((seconds, unmade))
    ]
    figures = duration_figures(Told(), scripts)
    # One script is twice as fast as foretold: log 2 off in half of the phonemes, and nothing off in its own tempo.
    assert figures["log_error"] == pytest.approx(np.log(2) / 2, abs=1e-5)
    assert figures["correlation_in_tempo"] == pytest.approx(1.0)
    assert figures["correlation"] == pytest.approx(1 / np.sqrt(2), abs=1e-5)
    assert (figures["pauses_found"], figures["pauses_right"]) == (1.0, 0.5)


# ---------------------------------------------------------------------------------------------------- the script


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_dubbing_dataset(folder / "data")
    torch.manual_seed(0)
    tiny_aligner().save_pretrained(folder / "aligner")
    (folder / "teacher.jsonl").write_text("\n".join([teacher_line()] * 3), encoding="utf-8")
    return folder


@pytest.fixture
def run(made, repository, monkeypatch):
    module = load_script(repository, "train_durations")

    def call(*more: str) -> None:
        options = ["--dataset", str(made / "data"), "--aligner", str(made / "aligner"), "--batch_size", "2"]
        sizes = ["--layers", "1", "--hidden_size", "16", "--warmup_steps", "0"]
        run_here(module, monkeypatch, *options, *sizes, *more)

    return call


WEIGHTS = "model/aligner/model.safetensors"


def test_a_stopped_run_goes_on_as_if_it_had_not(run, tmp_path, monkeypatch):
    check_resume(run, tmp_path, monkeypatch, DurationStage, WEIGHTS)


def test_the_rest_of_the_aligner_stays_as_it_is(run, made, tmp_path):
    schedule = ["--max_steps", "2", "--validation_steps", "2", "--save_steps", "2", "--learning_rate", "0.01"]
    run("--output_dir", str(tmp_path / "out"), *schedule, "--teacher", str(made / "teacher.jsonl"))
    before, after = load_file(made / "aligner" / "model.safetensors"), load_file(tmp_path / "out" / WEIGHTS)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    new = {name for name in after if name not in before}
    assert new and all(name.startswith("duration_predictor.") for name in new)
    loaded = FlowDubberAlignerModel.from_pretrained(tmp_path / "out" / "best" / "aligner")
    assert (loaded.config.num_duration_layers, loaded.config.duration_hidden_size) == (1, 16)
    # Given again, such an aligner keeps its predictor, whatever size a new one would have.
    again = ["--aligner", str(tmp_path / "out" / "model" / "aligner"), "--layers", "3", *schedule]
    run("--output_dir", str(tmp_path / "again"), *again)
    moved = load_file(tmp_path / "again" / WEIGHTS)
    assert moved.keys() == after.keys()
    assert {name for name in after if not torch.equal(moved[name], after[name])} <= new


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--aligner", ""], "--aligner names the aligner"),
        (["--layers", "0"], "--layers and --hidden_size must be at least 1"),
        (["--teacher", "nowhere.jsonl"], "nowhere.jsonl cannot be read"),
        (["--sources", "lrs"], "no clip of lrs to train on"),
    ],
)
def test_what_cannot_be_trained_is_refused(run, tmp_path, options, words):
    with pytest.raises(ValueError, match=words):
        run("--output_dir", str(tmp_path / "out"), *options)
