"""The cards: what the Hub reads of them, that their figures are the measured ones, and that everything in them can be run."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import re
import shutil

import pytest
from huggingface_hub import DatasetCard, ModelCard
from huggingface_hub.repocard_data import eval_results_to_model_index

from flowdubber_hf import FlowDubberPipeline, cli
from flowdubber_hf.checkpoints.sources import bundled_checkpoints
from flowdubber_hf.demo import make_demo
from flowdubber_hf.hub.contents import front_matter
from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.video import mux_audio
from support.hub_server import WRITER
from support.prepared_dataset import write_prepared
from support.tiny_models import tiny_pipeline
from support.training_runs import load_script


pytestmark = pytest.mark.slow


CARDS = ("hub_cards/model/README.md", "hub_cards/judge/README.md", "hub_cards/dataset/README.md")


@pytest.fixture(scope="module")
def cards(repository):
    """examples/render_cards.py as a module."""
    return load_script(repository, "render_cards")


@pytest.fixture(scope="module")
def figures(repository):
    return json.loads((repository / "hub_cards/figures.json").read_text(encoding="utf-8"))


def python_blocks(text):
    return re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_every_page_is_as_rendered(cards, repository):
    pages = cards.render(repository)
    assert {path.relative_to(repository).as_posix() for path in pages} > set(CARDS)
    assert not cards.differing(repository), "run examples/render_cards.py"


def test_a_page_by_hand_is_found_and_replaced(cards, repository, tmp_path):
    for name in ("hub_cards", "src/flowdubber_hf/pretrained", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(repository / name)
    assert not cards.differing(tmp_path)
    text = (repository / "README.md").read_text(encoding="utf-8")
    (tmp_path / "README.md").unlink()
    (tmp_path / "README.md").write_text(text.replace("| <= 25 ms", "| <= 24 ms"), encoding="utf-8")
    assert cards.write_cards(tmp_path) == [tmp_path / "README.md"]
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == text


def test_figures_say_where_they_come_from(figures):
    for name, row in figures["measured"].items():
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"]), name
        assert row["clips"] > 0 and row["torch"] and isinstance(row["seed"], int) and row["split"]
        for figure in row["figures"].values():
            assert figure["low"] <= figure["value"] <= figure["high"]
    assert figures["command"].startswith("python examples/evaluate_benchmarks.py")
    for other in ("free_text", "judge"):
        assert figures[other]["command"].startswith("python examples/") and figures[other]["date"]


def test_front_matter_of_the_model(repository, figures):
    card = ModelCard.load(repository / CARDS[0])
    front = card.data.to_dict()
    assert front["license"] == "cc-by-4.0" and front["library_name"] == "diffusers" and front["language"] == ["en"]
    assert front["pipeline_tag"] == "text-to-speech" and {"flowdubber", "lip-sync"} <= set(front["tags"])
    assert "datasets" not in front  # none of the recordings has an id on the Hub
    index = front["model-index"]
    assert index == eval_results_to_model_index("flowdubber-grid-tiny", card.data.eval_results)
    values = {
        (result["dataset"]["split"], metric["type"]): metric["value"]
        for result in index[0]["results"]
        for metric in result["metrics"]
    }
    for column in ("dub", "unseen"):
        row = figures["measured"][column]
        assert values[row["split"], "wer"] == pytest.approx(row["figures"]["wer_grammar"]["value"], abs=0.05)
        assert values[row["split"], "dnsmos"] == pytest.approx(row["figures"]["dnsmos"]["value"], abs=0.005)
    assert len(values) == 8


def test_front_matter_of_the_others(repository):
    judge = ModelCard.load(repository / CARDS[1]).data.to_dict()
    assert judge["license"] == "cc-by-4.0" and judge["library_name"] == "transformers"
    dataset = DatasetCard.load(repository / CARDS[2]).data.to_dict()
    assert dataset["license"] == "cc-by-4.0" and dataset["task_categories"] == ["text-to-speech"]
    assert dataset["configs"][0]["data_files"][0] == {"split": "train", "path": "data/train-*"}
    for readme in (repository / "spaces").glob("*/README.md"):
        front = front_matter(readme.read_text(encoding="utf-8"))
        assert front["sdk"] == "gradio" and front["license"] and (readme.parent / front["app_file"]).is_file()


@pytest.mark.parametrize("name", CARDS)
def test_nothing_is_left_open(repository, name):
    text = (repository / name).read_text(encoding="utf-8")
    for mark in ("{{", "}}", "{%", "TODO", "PATH-OF", "| None", "| nan", str(repository)):
        assert mark not in text, mark


@pytest.mark.parametrize("name", CARDS[:2])
def test_what_a_card_of_a_model_must_say(repository, name):
    text = (repository / name).read_text(encoding="utf-8")
    for heading in ("## Use", "**Out of scope**", "## What it cannot do", "## Training", "## Evaluation"):
        assert heading in text, heading
    assert "Apache-2.0" in text and "CC BY 4.0" in text and "3625687" in text
    assert re.search(r"`python examples/evaluate_\w+\.py [^`]+--docs \.`", text)


def test_the_model_card_has_intervals_and_consent(repository):
    text = (repository / CARDS[0]).read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| words wrong"))
    assert len(re.findall(r"\([\d.]+ to [\d.]+\)", row)) == 4
    assert "without their consent" in text and "not the authors' checkpoint" in text
    assert "speech is synthetic" in text


def test_the_weights_travel_with_their_card(repository):
    """Their licence asks for the attributions wherever they go: into the wheel, into a copy of the folder."""
    for name, card in (("flowdubber-grid-tiny", CARDS[0]), ("syncnet-grid-tiny", CARDS[1])):
        beside = (bundled_checkpoints()[name] / "README.md").read_text(encoding="utf-8")
        assert beside == (repository / card).read_text(encoding="utf-8")


# ---------------------------------------------------------------------------------------------------- examples


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return make_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture
def folder(demo, tmp_path, monkeypatch):
    """A working folder with `clip.mp4` and `voice.wav`, as the examples want it."""
    shutil.copy(demo.video, tmp_path / "clip.mp4")
    shutil.copy(demo.reference, tmp_path / "voice.wav")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_blocks(text, count=1):
    """Runs all Python blocks of a page in one namespace, which it returns."""
    blocks = python_blocks(text)
    assert len(blocks) >= count
    names: dict = {}
    for block in blocks:
        exec(compile(block, "a block of the page", "exec"), names)
    return names


@pytest.mark.parametrize("name", ["README.md", CARDS[0]])
def test_the_dubbing_example_runs(repository, folder, name):
    (folder / "demo").mkdir(exist_ok=True)  # README's files are those of `flowdubber demo demo`
    shutil.copy(folder / "clip.mp4", folder / "demo/demo.mp4")
    shutil.copy(folder / "voice.wav", folder / "demo/demo_reference.wav")
    names = run_blocks((repository / name).read_text(encoding="utf-8"))
    assert (folder / "dubbed.mp4").stat().st_size > 10_000
    assert names["dub"].audios[0].shape == (48000,)


def test_the_examples_of_the_hub_page_run(repository, hub, tmp_path, monkeypatch):
    """Against the stand-in, where USER is its user; the model of the example is a tiny one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", WRITER)
    tiny_pipeline(language_model=False).save_pretrained("outputs/dubber/pipeline")
    (tmp_path / "outputs/dubber/pipeline/README.md").write_text("---\nlicense: other\n---\n")
    assert cli.main(["demo", "demo", "--quiet"]) == 0
    text = (repository / "docs/hub.md").read_text(encoding="utf-8").replace("USER/", "me/")
    names = run_blocks(text, 4)
    assert names["contents"].files and names["sent"].url.startswith(hub.url)
    assert type(names["pipe"]) is FlowDubberPipeline
    assert names["encoding"].path.shape[0] == 1
    assert type(names["vocoder"]) is type(names["same"]) is type(names["bundled"])


def test_the_example_of_the_judge_runs(repository, folder):
    mux_audio(folder / "clip.mp4", load_audio(folder / "voice.wav")[:48000], 16000, folder / "dubbed.mp4")
    names = run_blocks((repository / CARDS[1]).read_text(encoding="utf-8"))
    assert names["found"].distance > 0


def test_the_example_of_the_dataset_runs(repository, tmp_path):
    pytest.importorskip("datasets")
    import numpy as np

    crops = np.random.default_rng(0).integers(0, 255, (25, 96, 96), dtype=np.uint8)
    write_prepared(tmp_path / "dataset", [{"id": "grid/s1/a", "crops": crops, "text": "bin blue at f two now"}])
    text = (repository / CARDS[2]).read_text(encoding="utf-8").replace("USER/NAME", str(tmp_path / "dataset"))
    names = run_blocks(text)
    assert names["sound"].shape == (16000,) and names["mouth"].shape == (25, 96, 96)
