# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Training sequences, loss, first stage on phones and feature cache of the semantic language model."""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from flowdubber_hf.data.features import AlignedPhonemes, Clip, FeatureStore, feature_path, save_text, write_manifest
from flowdubber_hf.models.semantic import FlowDubberSemanticForConditionalGeneration, build_tokenizer, semantic_config
from flowdubber_hf.training.semantic_data import (
    IGNORED,
    SemanticBatches,
    SemanticSequence,
    SequenceSettings,
    collate,
    read_spoken_clips,
)
from flowdubber_hf.training.semantic_features import cache_semantic_features, prompt_for, semantic_path
from flowdubber_hf.training.semantic_phones import NUM_PHONE_CODES, phone_codes, transfer_phone_embeddings
from flowdubber_hf.training.semantic_training import (
    budgeted_rate,
    evaluate_semantics,
    positions_in,
    score,
    semantic_loss,
    spoken_vocabulary,
    validation_sequences,
)
from flowdubber_hf.training.speech_tokenizer_tokens import tokens_path


SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4}
WORDS = (("bin", ("B", "IH1", "N")), ("blue", ("B", "L", "UW1")), ("now", ("N", "AW1")))


def write_store(root: Path, num_train: int = 6, num_val: int = 2) -> FeatureStore:
    """Clips of 1.6 s, three words in a random order between 0.4 and 1.2 s, and codes that follow the words."""
    rng = random.Random(0)
    clips = []
    for number in range(num_train + num_val):
        split = "train" if number < num_train else "val"
        name = f"grid/s1/clip{number}"
        words = rng.sample(WORDS, len(WORDS))
        phonemes, index, times, codes = ["sil"], [-1], [[0.0, 0.4]], [0] * 20
        for position, (_, phones) in enumerate(words):
            for phone in phones:
                start = times[-1][1]
                phonemes.append(phone)
                index.append(position)
                times.append([start, start + 0.1])
                codes += [hash_code(phone)] * 5
        phonemes.append("sil")
        index.append(-1)
        times.append([times[-1][1], 1.6])
        codes += [0] * (80 - len(codes))
        text = " ".join(word for word, _ in words)
        clips.append(Clip(name, split, "grid-s1", text, "grid", num_samples=25600, num_frames=40))
        row = {"phonemes": phonemes, "word_index": index, "words": text.split(), "times": times}
        save_text(feature_path(root, "phones", name), json.dumps(row))
        tokens = {"semantic_tokens": codes, "global_tokens": list(range(32)), "speech": [15, 66]}
        save_text(tokens_path(root, name), json.dumps(tokens))
    write_manifest(root, clips)
    return FeatureStore(root)


def hash_code(phone: str) -> int:
    return 1 + sum(map(ord, phone)) % 500


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> FeatureStore:
    return write_store(tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="module")
def clips(store):
    return read_spoken_clips(store, "train", ["grid"])


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer("tiny", ["bin blue now"] * 3)


@pytest.fixture
def model() -> FlowDubberSemanticForConditionalGeneration:
    torch.manual_seed(0)
    return FlowDubberSemanticForConditionalGeneration(semantic_config("tiny", text_config=SMALL))


class TestSequences:
    def test_clips_know_their_speech(self, store, clips):
        assert len(clips) == 6
        assert len(clips[0].semantic_tokens) == 80
        assert clips[0].spoken_tokens == clips[0].semantic_tokens[15:66]
        with pytest.raises(ValueError, match="no train clip of an4"):
            read_spoken_clips(store, "train", ["an4"])

    def test_collate(self, model):
        config = model.config
        first, start, end = 4608, config.start_semantic_token_id, config.end_semantic_token_id
        assert config.semantic_token_offset == first
        with_transcript = SemanticSequence([7, start, first + 5, first + 6], 2, [1, 2])
        without = SemanticSequence([8, config.end_global_token_id], 0, [3])
        batch = collate([with_transcript, without], config)
        assert batch["input_ids"].tolist() == [
            [7, start, first + 5, first + 6, first + 1, first + 2, end],
            [8, config.end_global_token_id, start, first + 3, end, 0, 0],
        ]
        assert batch["labels"].tolist() == [
            [IGNORED] * 4 + [first + 1, first + 2, end],
            [IGNORED] * 2 + [start, first + 3, end] + [IGNORED] * 2,
        ]
        assert batch["reference_labels"].tolist() == [
            [IGNORED] * 2 + [first + 5, first + 6] + [IGNORED] * 3,
            [IGNORED] * 7,
        ]

    def test_noise_stays_in_the_input(self, model):
        sequence = SemanticSequence([7, model.config.start_semantic_token_id], 0, list(range(100)))
        plain = collate([sequence], model.config)
        noisy = collate([sequence], model.config, token_noise=0.3, rng=random.Random(0))
        changed = plain["input_ids"] != noisy["input_ids"]
        assert 15 <= int(changed.sum()) <= 45
        assert (plain["input_ids"][changed] >= 4608).all() and (plain["input_ids"][changed] < 5120).all()
        assert torch.equal(plain["labels"], noisy["labels"])

    def test_batches_depend_on_seed_and_number_only(self, clips, tokenizer, model):
        def make(seed: int) -> SemanticBatches:
            return SemanticBatches(clips, tokenizer, model.config, 2, SequenceSettings(token_noise=0.5), seed)

        one, other = make(0), make(0)
        late = other[19]
        assert all(torch.equal(one[19][name], value) for name, value in late.items())
        assert not all(torch.equal(one[3][name], value) for name, value in make(1)[3].items() if name == "labels")
        with pytest.raises(ValueError, match="no clips of the sources"):
            SemanticBatches(clips, tokenizer, model.config, 2, SequenceSettings(source_weights={"an4": 1.0}))

    def test_kinds_of_prompts(self, clips, tokenizer, model):
        never = SequenceSettings(without_transcript=1.0)
        always = SequenceSettings(without_transcript=0.0, own_reference=1.0, whole_reference=1.0)
        rng = random.Random(0)
        assert SemanticBatches(clips, tokenizer, model.config, 2, never).draw(rng).reference_length == 0
        own = SemanticBatches(clips, tokenizer, model.config, 2, always).draw(rng)
        assert own.reference_length == 80
        assert own.target == [token - 4608 for token in own.prompt[-80:]][15:66]
        short = SequenceSettings(without_transcript=0.0, max_length=100)
        assert SemanticBatches(clips, tokenizer, model.config, 2, short).draw(rng).reference_length == 0


class TestLoss:
    def test_spoken_vocabulary(self, model):
        vocabulary = spoken_vocabulary(model.config)
        assert vocabulary.shape == (515,)
        labels = torch.tensor([[IGNORED, 4608, 5119, *model.config.stop_token_ids]])
        assert positions_in(vocabulary, labels, model.config.vocab_size).tolist() == [[IGNORED, 0, 511, 513, 514]]

    @pytest.mark.parametrize("whole_vocabulary", [False, True])
    def test_equals_a_plain_computation(self, model, clips, tokenizer, whole_vocabulary):
        model.eval()
        batch = SemanticBatches(clips, tokenizer, model.config, 3, SequenceSettings(without_transcript=0.0))[0]
        total, target = semantic_loss(model, batch, 0.5, whole_vocabulary)
        logits = model(input_ids=batch["input_ids"]).logits[:, :-1]
        if not whole_vocabulary:
            others = torch.ones(logits.shape[-1], dtype=torch.bool)
            others[spoken_vocabulary(model.config)] = False
            logits = logits.masked_fill(others, float("-inf"))

        def expected(labels):
            labels = labels[:, 1:]
            return torch.nn.functional.cross_entropy(logits[labels != IGNORED], labels[labels != IGNORED])

        torch.testing.assert_close(target, expected(batch["labels"]))
        torch.testing.assert_close(total, expected(batch["labels"]) + 0.5 * expected(batch["reference_labels"]))

    def test_schedule(self):
        assert budgeted_rate(0, 110, 10) == pytest.approx(0.1)
        assert budgeted_rate(10, 110, 10) == 1.0
        assert budgeted_rate(60, 110, 10) == pytest.approx(0.5)
        assert budgeted_rate(110, 110, 10) == pytest.approx(0.0)
        assert budgeted_rate(60, 110, 10, time_share=0.75) == pytest.approx(0.5 * (1 + math.cos(0.75 * math.pi)))

    def test_training_learns_to_read(self, store, clips, tokenizer, model):
        """A few steps make the true script better than another one's."""
        targets = read_spoken_clips(store, "val", ["grid"])
        batches = SemanticBatches(clips, tokenizer, model.config, 4, SequenceSettings(token_noise=0.0))
        before = score(model.eval(), validation_sequences(tokenizer, targets, clips))
        optimizer = torch.optim.AdamW(model.train().parameters(), lr=5e-3)
        for number in range(20):
            loss, _ = semantic_loss(model, batches[number], 0.5)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        figures = evaluate_semantics(model, tokenizer, targets, clips)
        assert figures["perplexity"] < 0.2 * before["perplexity"]
        assert set(figures) >= {"accuracy", "perplexity_other_text", "length_ratio", "length_error"}
        assert model.training


class TestPhoneStage:
    def test_codes(self):
        phones = AlignedPhonemes(
            ["sil", "B", "AA1", "sil"],
            [-1, 0, 0, -1],
            ["baa"],
            np.array([[0, 0.06], [0.06, 0.12], [0.12, 0.14], [0.14, 0.2]]),
        )
        codes = phone_codes(phones, 10, 50)
        assert len(codes) == 10
        assert [code % 3 for code in codes] == [0, 1, 2, 0, 1, 2, 0, 0, 1, 2]
        assert len({code // 3 for code in codes}) == 3
        assert codes[0] // 3 == codes[-1] // 3
        assert max(codes) < NUM_PHONE_CODES <= 512

    def test_clips_without_speech_tokenizer(self, store):
        clips = read_spoken_clips(store, "train", ["grid"], codes="phones")
        assert len(clips[0].semantic_tokens) == 80
        assert clips[0].global_tokens == clips[1].global_tokens
        assert len(clips[0].global_tokens) == 32

    def test_transfer(self, model):
        table = model.get_input_embeddings().weight.detach()[4608 : 4608 + 512]
        old = table.clone()
        transfer_phone_embeddings(model, [([9, 9, 9, 4], [0, 0, 3, 7])])
        torch.testing.assert_close(table[9], (2 * old[0] + old[3]) / 3)
        torch.testing.assert_close(table[4], old[7])
        torch.testing.assert_close(table[300], (2 * old[0] + old[3] + old[7]) / 4)
        torch.testing.assert_close(model.lm_head.weight[4608 + 4], old[7])


class TestFeatureCache:
    def test_prompts_are_drawn_by_name_and_seed(self, clips, tokenizer):
        def lengths(**options):
            return [len(prompt_for(tokenizer, clips[0], clips, seed, **options)) for seed in range(4)]

        assert len(set(lengths(own_reference=0.5, without_transcript=1.0))) == 1
        assert min(lengths(own_reference=0.5, without_transcript=0.0)) > 80
        one = prompt_for(tokenizer, clips[0], clips, 1, 0.5, 0.5)
        assert one == prompt_for(tokenizer, clips[0], list(clips), 1, 0.5, 0.5)

    def test_cache(self, clips, tokenizer, model, tmp_path):
        written = cache_semantic_features(
            model, tokenizer, tmp_path, clips[:3], clips, 2, max_new_tokens=6, batch_size=4, progress=False
        )
        assert written == 6
        array = np.load(semantic_path(tmp_path, clips[0].clip.id, 1))
        assert array.dtype == np.float16
        assert array.shape[1] == 32 and 1 <= array.shape[0] <= 6
        assert cache_semantic_features(model, tokenizer, tmp_path, clips[:3], clips, 2, progress=False) == 0
        alone = tmp_path / "alone"
        cache_semantic_features(model, tokenizer, alone, clips[:1], clips, 2, max_new_tokens=6, progress=False)
        again = np.load(semantic_path(alone, clips[0].clip.id, 1))
        np.testing.assert_allclose(array, again, atol=2e-3)
