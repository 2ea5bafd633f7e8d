"""From the Hub and back: what was published loads by its id as the original, by revision and variant, and offline."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
from diffusers import DiffusionPipeline
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from flowdubber_hf import FlowDubberPipeline, FlowDubberVocoder
from flowdubber_hf.checkpoints.sources import part_folder, split_revision
from flowdubber_hf.dubbing.loading import model_folder
from flowdubber_hf.hub import Target, push, stage_for_hub
from flowdubber_hf.metrics.sync import load_syncnet
from flowdubber_hf.pipelines.flowdubber.parts import build_pipeline, load_part
from flowdubber_hf.processing.video import write_wav
from flowdubber_hf.training.semantic_model import load_model
from support.hub_server import READER, WRITER
from support.pipeline_calls import demo_voice, same_dub
from support.tiny_models import LANGUAGE_MODEL, tiny_components, tiny_pipeline
from support.video_files import head_frames, write_clip


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    file = tmp_path_factory.mktemp("card") / "card.md"
    file.write_text("---\nlicense: cc-by-4.0\n---\n")
    return file


@pytest.fixture(scope="module")
def pipe():
    return tiny_pipeline()


def staged_files(pipe, card, folder):
    contents = stage_for_hub(pipe, folder, card=card)
    return {file.path: (folder / file.path).read_bytes() for file in contents.files}


@pytest.fixture(scope="module")
def whole_files(pipe, card, tmp_path_factory):
    """Contents of a published tiny pipeline, by path."""
    return staged_files(pipe, card, tmp_path_factory.mktemp("staged") / "model")


@pytest.fixture(scope="module")
def light():
    """Without the language model, which loads in half the time."""
    return tiny_pipeline(language_model=False)


@pytest.fixture(scope="module")
def files(light, card, tmp_path_factory):
    return staged_files(light, card, tmp_path_factory.mktemp("staged") / "model")


@pytest.fixture
def published(hub, files, whole_files):
    """The stand-in with the light pipeline as `me/tiny`, the whole one as `me/whole`, and nothing requested yet."""
    hub.add("me/tiny", dict(files))
    hub.add("me/whole", dict(whole_files))
    return hub


def fetched(hub):
    """Paths of the files that were downloaded."""
    return {path.split("/resolve/")[1].partition("/")[2] for method, path in hub.requests if "/resolve/" in path}


def test_round_trip(hub, pipe, card):
    """Staged, sent, fetched into an empty cache, loaded: the same dub; then the same again without the Hub."""
    sent = push(pipe, Target("me/tiny", token=WRITER), card)
    same_dub(pipe, FlowDubberPipeline.from_pretrained("me/tiny", revision=sent.commit))
    hub.requests.clear()
    FlowDubberPipeline.from_pretrained("me/tiny", revision=sent.commit)
    assert hub.requests == []  # a commit never changes, and its files are in the cache


def test_only_what_loading_needs_is_fetched(published):
    extra = {"vocoder/pytorch_model.bin": b"\x80", "vocoder/old.safetensors": b"", "big/notes.txt": b"", "a.json": b""}
    published.model("me/whole").commit("main", {**published.model("me/whole").files, **extra})
    FlowDubberPipeline.from_pretrained("me/whole")
    assert not fetched(published) & set(extra)
    assert not [path for path in fetched(published) if path.endswith(".py")]
    assert {"model_index.json", "README.md", "tokenizer/tokenizer.json"} <= fetched(published)
    assert published.writes == []


def test_parts_that_are_given_are_not_fetched(published):
    aligner = tiny_components(seed=1)["aligner"]
    loaded = FlowDubberPipeline.from_pretrained("me/whole", aligner=aligner, **dict.fromkeys(LANGUAGE_MODEL))
    assert loaded.aligner is aligner and loaded.semantic_model is None
    assert not [path for path in fetched(published) if path.startswith(("aligner/", "semantic_model/"))]


def test_revisions(published):
    repository = published.model("me/tiny")
    first = repository.branches["main"]
    repository.branches["v1"] = first
    repository.commit("main", {"README.md": b"nothing else"})
    for name, options in (("me/tiny", {"revision": "v1"}), ("me/tiny@v1", {}), (f"me/tiny@{first}", {})):
        assert FlowDubberPipeline.from_pretrained(name, **options).vocoder.config.hidden_size == 16
    with pytest.raises(ValueError, match="has no branch, tag or commit 'v9'"):
        FlowDubberPipeline.from_pretrained("me/tiny", revision="v9")
    with pytest.raises(ValueError, match=r"no checkpoint.*model_index"):
        FlowDubberPipeline.from_pretrained("me/tiny")
    with pytest.raises(ValueError, match="names the revision v1, but v2"):
        FlowDubberPipeline.from_pretrained("me/tiny@v1", revision="v2")
    assert split_revision("me/it") == ("me/it", None)


def test_cache_dir_and_force_download(published, tmp_path):
    FlowDubberPipeline.from_pretrained("me/tiny", cache_dir=tmp_path / "other")
    assert (tmp_path / "other" / "models--me--tiny").is_dir() and not (tmp_path / "hub-cache").exists()
    published.requests.clear()
    FlowDubberPipeline.from_pretrained("me/tiny", cache_dir=tmp_path / "other")
    assert fetched(published) == set()
    FlowDubberPipeline.from_pretrained("me/tiny", cache_dir=tmp_path / "other", force_download=True)
    assert "vocoder/model.safetensors" in fetched(published)


def test_a_new_commit_is_followed(published):
    FlowDubberPipeline.from_pretrained("me/tiny")
    repository = published.model("me/tiny")
    config = json.loads(repository.files["scheduler/scheduler_config.json"])
    changed = json.dumps({**config, "shift": 2.0}).encode()
    repository.commit("main", {**repository.files, "scheduler/scheduler_config.json": changed})
    assert FlowDubberPipeline.from_pretrained("me/tiny").scheduler.config.shift == 2.0


def test_offline_from_the_cache(published, light, monkeypatch):
    FlowDubberPipeline.from_pretrained("me/tiny")
    published.requests.clear()
    FlowDubberPipeline.from_pretrained("me/tiny", local_files_only=True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    same_dub(light, FlowDubberPipeline.from_pretrained("me/tiny"), guidance_scale=1)
    assert published.requests == []
    with pytest.raises(ValueError, match=r"me/other is neither bundled, .*, nor in the cache, and offline mode"):
        FlowDubberPipeline.from_pretrained("me/other")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(ValueError, match=r"me/tiny at v7 is neither .*, and offline mode .*local_files_only"):
        FlowDubberPipeline.from_pretrained("me/tiny", revision="v7", local_files_only=True)


def test_the_command_dubs_offline_from_the_cache(published, tmp_path):
    """In a process of its own, as a user meets it: HF_HUB_OFFLINE is read once, at the start."""
    FlowDubberPipeline.from_pretrained("me/tiny")
    write_clip(tmp_path / "clip.mp4", head_frames()[:30])
    write_wav(tmp_path / "voice.wav", demo_voice(), 16000)
    variables = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": constants.HF_HUB_CACHE, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "flowdubber_hf", "dub", "--video", "clip.mp4", "--reference", "voice.wav"]
    command += [
        "--script",
        "now",
        "--output",
        "dub.wav",
        "--steps",
        "1",
        "--guidance-scale",
        "1",
        "--model",
        "me/tiny@main",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "dub.wav").stat().st_size > 1.2 * 32000


def test_offline_with_a_part_of_it(published, monkeypatch):
    """The first time without the language model; the second needs what is not in the cache."""
    FlowDubberPipeline.from_pretrained("me/whole", **dict.fromkeys(LANGUAGE_MODEL))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    FlowDubberPipeline.from_pretrained("me/whole", **dict.fromkeys(LANGUAGE_MODEL))
    with pytest.raises(ValueError, match=r"me/whole.* cache, and offline mode"):
        FlowDubberPipeline.from_pretrained("me/whole")


def test_no_connection(published, monkeypatch):
    FlowDubberPipeline.from_pretrained("me/tiny")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    FlowDubberPipeline.from_pretrained("me/tiny")  # the cache does
    with pytest.raises(
        ValueError, match=r"me/other is neither .* and the Hub \(http://127.0.0.1:9\) cannot be reached"
    ):
        FlowDubberPipeline.from_pretrained("me/other")


def test_repositories_that_cannot_be_read(published, files):
    published.add("me/private", dict(files), private=True)
    published.add("me/gated", dict(files), gated=True)
    for name, options, words in (
        ("me/none", {}, "there is no checkpoint 'me/none': it is neither bundled, nor a folder, nor a repository"),
        ("me/private", {}, "A private one needs a token"),
        ("me/private", {"token": READER}, "A private one needs a token"),
        ("me/gated", {"token": READER}, f"me/gated is gated: ask for access at {published.url}/me/gated"),
        ("me/tiny", {"token": "hf_wrong"}, r"the Hub does not know the token \(401\)"),
        ("me/a b", {}, "nor a name that a repository of the Hub can have"),
        ("me/tiny", {"token": True}, "none is saved"),
    ):
        with pytest.raises(ValueError, match=words):
            FlowDubberPipeline.from_pretrained(name, **options)
    for name in ("me/private", "me/gated"):
        assert FlowDubberPipeline.from_pretrained(name, token=WRITER).vocoder is not None


# ---------------------------------------------------------------------------------------------------- variants and shards


def test_a_variant_is_fetched_and_loaded_alone(hub, pipe, card, tmp_path):
    """As users publish them: plain weights first, then those in half precision beside them."""
    push(pipe, Target("me/tiny", token=WRITER), card)
    stage_for_hub(tiny_pipeline().to(dtype=torch.float16), tmp_path / "fp16", card=card, variant="fp16")
    halves = {p.relative_to(tmp_path / "fp16").as_posix(): p.read_bytes() for p in (tmp_path / "fp16").rglob("*.*")}
    hub.model("me/tiny").commit("main", {**hub.model("me/tiny").files, **halves})

    hub.requests.clear()
    loaded = FlowDubberPipeline.from_pretrained("me/tiny", variant="fp16", dtype=torch.float16)
    weights = {path for path in fetched(hub) if path.endswith(".safetensors")}
    assert weights and all(".fp16." in path for path in weights)
    expected = pipe.vocoder.state_dict()
    assert all(torch.equal(value.half(), expected[name].half()) for name, value in loaded.vocoder.state_dict().items())

    hub.requests.clear()
    same_dub(pipe, FlowDubberPipeline.from_pretrained("me/tiny"))
    assert not any(".fp16." in path for path in fetched(hub))
    with pytest.raises(ValueError, match="me/tiny holds no weights of the variant 'bf16'; it has fp16"):
        FlowDubberPipeline.from_pretrained("me/tiny", variant="bf16")
    with pytest.raises(ValueError, match="a variant is a word"):
        FlowDubberPipeline.from_pretrained("me/tiny", variant="../fp16")


@pytest.fixture(scope="module")
def folder(pipe, tmp_path_factory):
    """`fp16` weights of two parts in shards, plain ones of the others."""
    folder = tmp_path_factory.mktemp("mixed") / "model"
    pipe.save_pretrained(folder)
    for name in ("aligner", "vector_field"):
        shutil.rmtree(folder / name)
        pipe.components[name].save_pretrained(folder / name, max_shard_size="150KB", variant="fp16")
        assert len(list((folder / name).glob("*.fp16-0*-of-0*.safetensors"))) > 1
    return folder


def test_a_variant_of_some_parts_in_shards(folder, pipe):
    same_dub(pipe, FlowDubberPipeline.from_pretrained(folder, variant="fp16"))
    with pytest.raises(ValueError, match="holds no plain weights of aligner, vector_field; it has fp16"):
        FlowDubberPipeline.from_pretrained(folder)


def change_index(folder, change):
    (index,) = folder.glob("*.index.fp16.json")
    content = json.loads(index.read_text())
    change(content["weight_map"])
    index.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda part: next(part.glob("*-00002-of-*")).unlink(), r"lacks .*-00002-of-.*, which .* names"),
        (lambda part: next(part.glob("*.index.*")).unlink(), "shards of weights without their index"),
        (
            lambda part: change_index(part, lambda names: names.update(x="../../other.safetensors")),
            "no safetensors file",
        ),
        (
            lambda part: change_index(part, lambda names: names.update(x="/etc/passwd")),
            "no safetensors file beside it",
        ),
        (lambda part: next(part.glob("*.index.*")).write_text("{}"), "no index of safetensors shards"),
    ],
)
def test_shards_that_are_not_whole_are_refused(folder, tmp_path, spoil, words):
    copied = shutil.copytree(folder, tmp_path / "model")
    spoil(copied / "aligner")
    with pytest.raises(ValueError, match=words):
        FlowDubberPipeline.from_pretrained(copied, variant="fp16")


def test_weights_twice_are_refused(folder, tmp_path):
    """A whole file beside shards is what a later, smaller upload leaves; which one loads depends on the library."""
    copied = shutil.copytree(folder, tmp_path / "model")
    tensors = {}
    for shard in (copied / "aligner").glob("*.safetensors"):
        tensors |= load_file(shard)
    save_file(tensors, copied / "aligner" / "model.fp16.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"holds weights twice \(model\.fp16\.safetensors, model\.safetensors\.index"):
        FlowDubberPipeline.from_pretrained(copied, variant="fp16")


# ---------------------------------------------------------------------------------------------------- other ways in


def test_plain_diffusers_from_the_hub(published):
    with pytest.raises(ValueError, match="trust_remote_code"):
        DiffusionPipeline.from_pretrained("me/tiny")
    loaded = DiffusionPipeline.from_pretrained("me/tiny", trust_remote_code=True)
    assert type(loaded) is FlowDubberPipeline and type(loaded.vocoder) is FlowDubberVocoder


def test_every_entry_takes_a_hub_id(published, card):
    assert model_folder("me/tiny").parent.name == "snapshots"  # flowdubber evaluate
    assert isinstance(load_part("vocoder", "me/tiny"), FlowDubberVocoder)  # flowdubber assemble, train_*.py
    assert build_pipeline({}, "me/tiny@main").semantic_model is None
    assert FlowDubberVocoder.from_pretrained("me/tiny", subfolder="vocoder").config.hidden_size == 16
    model, tokenizer = load_model("me/whole")  # train_semantic_lm.py, extract_semantic_features.py
    assert model.config.text_config.hidden_size == 32 and tokenizer("blue")["input_ids"]
    assert load_model("flowdubber-grid-tiny")[0].config.text_config.hidden_size > 32
    push("syncnet-grid-tiny", Target("me/judge", token=WRITER), card)
    assert not load_syncnet("me/judge").training
    assert part_folder("me/judge", "vocoder").parent.name == "snapshots"
    with pytest.raises(ValueError, match=r"there is no judge of lip-sync 'me/none': .*there is no checkpoint"):
        load_syncnet("me/none")
