"""The probe reads from states what is in them: codes that follow the phonemes are named, and a table says so."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import random

import numpy as np
import pytest
import torch

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.training.semantic_model import fresh_model
from support.prepared_dataset import write_prepared
from support.training_runs import buzz, load_script, spoken_clip, write_dataset


pytestmark = pytest.mark.slow


SMALL = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    model, tokenizer = fresh_model("tiny", ["bin blue now"], text_config={**SMALL, "num_key_value_heads": 1})
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_table(repository, dataset, model, capsys):
    load_script(repository, "probe_semantics").main(["--dataset", str(dataset), "--model", str(model)])
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ")[1] for line in lines if "%" in line}
    assert [name.split(", ")[-1] for name in rows][:4] == [
        "its own script",
        "another clip's script",
        "the code itself",
        "the commonest phoneme",
    ]
    shares = [float(share.strip(" %|")) for share in rows.values()]
    assert shares[2] > 95  # each phoneme has a code of its own here
    assert shares[2] >= shares[0] > shares[3]
    assert list(rows)[4:] == [
        "the phonemes",
        f"and states of {model}",
        "and the codes",
        f"speech of {model}",
        f"speech of {model}, another clip's script",
        "the true codes",
    ]
    assert shares[-1] < 20 < shares[-3]  # true codes say their script, an untrained model says anything
    assert all(line.count("|") == 5 for line in lines if line.startswith(("| the phonemes", "| and")))


def test_what_the_prior_leaves(repository, capsys, tmp_path):
    """The bundled model on buzzes and black pictures, which it has never had: every row is there."""
    rng, style = random.Random(0), np.full(256, 1 / 16, np.float32)
    clips = [
        {
            "id": f"grid/a/{number}",
            "split": "val" if number > 1 else "train",
            "speaker": "a",
            "source": "grid",
            "audio": buzz(110.0 + number),
            "crops": np.zeros((40, 96, 96), np.uint8),
            "style": style,
            **spoken_clip(rng),
        }
        for number in range(4)
    ]
    script = load_script(repository, "probe_semantics")
    dataset = write_prepared(tmp_path / "dataset", clips)
    script.main(["--dataset", str(dataset), "--model", "flowdubber-grid-tiny", "--prior"])
    lines = capsys.readouterr().out.split("| explained | share |")[1].splitlines()
    rows = [line.strip("| ").split(" | ")[0] for line in lines if "%" in line]
    assert rows == [
        "log-mel, by the prior of flowdubber-grid-tiny",
        "what it leaves, by phonemes at their true times",
        "what it leaves, by states of the true sound",
        "what it leaves, by both",
    ]


def test_rest_that_is_linear_is_explained(repository):
    script = load_script(repository, "probe_semantics")
    inputs = torch.randn(400, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rest = inputs[:, :2] * 3
    (share,) = script.explained_rest((rest[:200], rest[200:]), (inputs[:200], inputs[200:]))
    (nothing,) = script.explained_rest((rest[:200], rest[200:]), (inputs[:200, 2:], inputs[200:, 2:]))
    assert share > 0.99 and abs(nothing) < 0.05


def test_phonemes_and_mel_stand_beside_each_other(repository, dataset):
    script = load_script(repository, "probe_semantics")
    store = FeatureStore(dataset)
    (item, *_) = script.read_spoken_clips(store, store.clips("val", "grid", ("phones", "tokens")))
    known, mel = script.known_phonemes(store, item), script.heard_mel(store, item)
    assert len(known) == len(mel) == len(item.spoken_tokens)
    assert (known.sum(dim=1) == 3).all()  # one phoneme now, one before, one after
    torch.testing.assert_close(mel[:, :-1].mean(dim=1), mel[:, -1])
    before, after = known[:, -2 * 40 : -40].argmax(dim=1), known[:, -40:].argmax(dim=1)
    now = known[:, : -2 * 40].argmax(dim=1) // 3
    changes = [k for k in range(1, len(now)) if now[k] != now[k - 1]]
    assert changes
    for k in changes:
        assert before[k] == now[k - 1] and after[k - 1] == now[k]


def test_codes_are_read_as_phonemes(repository, dataset):
    script = load_script(repository, "probe_semantics")
    table = np.log(np.array([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]]))
    assert script.said_phonemes([0, 0, 1, 1, 1, 2, 1, 1, 2, 2, 2, 0], table) == [
        1,
        2,
    ]  # a lone 2 is none, 0 is silence
    store = FeatureStore(dataset)
    (item, *_) = script.read_spoken_clips(store, store.clips("val", "grid", ("phones", "tokens")))
    true = [script.phoneme_class(name) for name in store.phones(item.clip.id).phonemes]
    true = [name for name in true if name != script.SILENCE_CLASS]
    for said, wrong in ((true, 0), (true[:-1], 1), ([5, *true], 1), ([true[0] + 1, *true[1:]], 1), ([], len(true))):
        assert script.wrong_phonemes(store, [item], [said]) == pytest.approx(wrong / len(true))


def test_melody_is_explained_where_the_voice_sounds(repository):
    script = load_script(repository, "probe_semantics")
    inputs = torch.randn(200, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    targets = torch.where(inputs[:, 1:] > 0, inputs[:, :1], torch.nan)
    assert script.explained_where_known(inputs[:100], targets[:100], inputs[100:], targets[100:]) > 0.99
    assert script.explained_where_known(inputs[:100, 1:], targets[:100], inputs[100:, 1:], targets[100:]) < 0.1


def test_explained_variance(repository):
    script = load_script(repository, "probe_semantics")
    inputs = torch.randn(400, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    targets = torch.stack([inputs[:, 0], inputs[:, 1] * 2], dim=1)
    assert min(script.explained(inputs[:200], targets[:200], inputs[200:], targets[200:])) > 0.99
    assert max(script.explained(inputs[:200, 2:], targets[:200], inputs[200:, 2:], targets[200:])) < 0.05


def test_labels_look_ahead(repository, dataset):
    script = load_script(repository, "probe_semantics")
    store = FeatureStore(dataset)
    (item, *_) = script.read_spoken_clips(store, store.clips("val", "grid", ("phones", "tokens")))
    labels = script.labels_ahead(store, item)
    assert labels.shape == (len(item.spoken_tokens), 4)
    np.testing.assert_array_equal(labels[5:, 0], labels[:-5, 1])  # 100 ms are five codes
    np.testing.assert_array_equal(labels[20:, 0], labels[:-20, 3])


def test_probe_solves_what_is_linear(repository):
    script = load_script(repository, "probe_semantics")
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(600, 8, generator=generator, dtype=torch.float64)
    labels = inputs[:, :3].argmax(dim=1).numpy()[:, None]
    noise = torch.randn(600, 8, generator=generator, dtype=torch.float64)
    assert script.accuracy(inputs[:400], labels[:400], inputs[400:], labels[400:])[0] > 0.85
    assert script.accuracy(noise[:400], labels[:400], noise[400:], labels[400:])[0] < 0.5


def test_too_few_clips(repository, dataset, model):
    script = load_script(repository, "probe_semantics")
    with pytest.raises(ValueError, match="at least 2"):
        script.main(["--dataset", str(dataset), "--model", str(model), "--fit_clips", "1"])
