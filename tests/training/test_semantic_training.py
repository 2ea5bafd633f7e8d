"""Training of the semantic language model: sequences, losses, the stage, low-rank adapters, starts and the cache of states."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from flowdubber_hf.data.features import AlignedPhonemes, FeatureStore
from flowdubber_hf.models.semantic import (
    NUM_PHONE_CODES,
    FlowDubberSemanticForConditionalGeneration,
    build_tokenizer,
    semantic_config,
)
from flowdubber_hf.models.semantic.tokenization_semantic import END_OF_TEXT_TOKEN, PAD_TOKEN, _text_tokenizer
from flowdubber_hf.processing.phonemes import phoneme_class
from flowdubber_hf.training.loop import enable_gradient_checkpointing
from flowdubber_hf.training.semantic_adapters import Adapter
from flowdubber_hf.training.semantic_data import (
    IGNORED,
    SemanticSequence,
    SemanticSequences,
    SequenceSettings,
    as_prompted,
    check_codes,
    codes_needed,
    collate,
    make_sequence,
    read_spoken_clips,
)
from flowdubber_hf.training.semantic_features import (
    SETTINGS_NAME,
    SemanticCache,
    cache_semantic_features,
    cache_settings,
    cache_spoken_clips,
    codes_known,
    model_fingerprint,
    prompt_for,
)
from flowdubber_hf.training.semantic_model import from_qwen2, load_model
from flowdubber_hf.training.semantic_phones import (
    phone_codes,
    spelled_codes,
    transfer_phone_embeddings,
)
from flowdubber_hf.training.semantic_stage import SemanticStage
from flowdubber_hf.training.semantic_training import (
    References,
    SemanticObjective,
    positions_in,
    score,
    spoken_vocabulary,
    validation_choice,
    validation_sequences,
)
from support.training_runs import check_batches, check_parts_equal_whole, gradients, unmoved, write_dataset


pytestmark = pytest.mark.slow


SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> FeatureStore:
    return FeatureStore(write_dataset(tmp_path_factory.mktemp("dataset")))


def spoken(store: FeatureStore, split: str, codes: str = "tokens"):
    return read_spoken_clips(store, store.clips(split, needs=codes_needed(codes)), codes)


@pytest.fixture(scope="module")
def clips(store):
    return spoken(store, "train")


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer("tiny", ["bin blue now"] * 3)


def small_model() -> FlowDubberSemanticForConditionalGeneration:
    torch.manual_seed(0)
    return FlowDubberSemanticForConditionalGeneration(semantic_config("tiny", text_config=SMALL))


@pytest.fixture
def model() -> FlowDubberSemanticForConditionalGeneration:
    return small_model()


@pytest.fixture
def make_stage(store, clips, tokenizer, model):
    def make(**changed) -> SemanticStage:
        values = {"settings": SequenceSettings(), "attention_dropout": 0.0, "batch_size": 4, **changed}
        return SemanticStage(model, tokenizer, clips, spoken(store, "val"), **values)

    return make


class TestSequences:
    def test_clips_know_their_speech(self, store, clips):
        assert len(clips) == 7  # one has no text
        assert len(clips[0].semantic_tokens) == 80 and len(clips[0].global_tokens) == 32
        assert clips[0].spoken_tokens == clips[0].semantic_tokens[15:66]
        with pytest.raises(ValueError, match="--speech_tokenizer"):
            read_spoken_clips(store, [])
        with pytest.raises(ValueError, match="none of 7 clips"):
            read_spoken_clips(store, [item.clip for item in clips], max_tokens=10)

    def test_texts_are_what_the_models_prompts_hold(self, clips, model, tokenizer):
        written = [replace(item, clip=replace(item.clip, text=f"{item.text.title()}!")) for item in clips]
        assert as_prompted(written, model.config) == written  # words
        model.config.prompt_text = "script"
        target, reference = as_prompted(written, model.config)[:2]
        assert target.text == written[0].clip.text and target.text.endswith("!")
        prompt = tokenizer.decode(make_sequence(tokenizer, target, reference, True).prompt[2:12])
        assert prompt.startswith(f"{reference.text}{target.text}".lower()[:12])
        silent = replace(clips[0], clip=replace(clips[0].clip, text=None))
        assert as_prompted([silent], model.config)[0].text == clips[0].text

    def test_states_of_other_prompts_are_other_states(self, model, tokenizer):
        words = model_fingerprint(model, tokenizer)
        model.config.prompt_text = "script"
        assert model_fingerprint(model, tokenizer) != words

    def test_codes_must_fit_the_model(self, clips, model):
        model.config.semantic_codebook_size = 100
        with pytest.raises(ValueError, match="grid/a/0 has the semantic token"):
            check_codes(clips, model.config)

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
        noisy = collate([sequence], model.config, 0.3, [np.random.default_rng(0)])
        changed = plain["input_ids"] != noisy["input_ids"]
        assert 15 <= int(changed.sum()) <= 45
        assert (plain["input_ids"][changed] >= 4608).all() and (plain["input_ids"][changed] < 5120).all()
        assert torch.equal(plain["labels"], noisy["labels"])

    def test_plans_depend_on_seed_and_step_only(self, clips, tokenizer):
        one, other = (SemanticSequences(clips, tokenizer, 4, seed=3) for _ in range(2))
        assert other.plans(19) == one.plans(19) and one.plans(2) == other.plans(2)
        assert SemanticSequences(clips, tokenizer, 4, seed=4).plans(19) != one.plans(19)
        lengths = sorted(max(map(one.length, one.plans(step))) for step in range(8))
        assert sorted(min(map(one.length, one.plans(step))) for step in range(8))[1:] >= lengths[:-1]  # like lengths
        with pytest.raises(ValueError, match="no clip of librispeech"):
            SemanticSequences(clips, tokenizer, 2, SequenceSettings(sources={"librispeech": 1.0}))

    def test_kinds_of_prompts(self, clips, tokenizer):
        def draw(**settings) -> SemanticSequence:
            sequences = SemanticSequences(clips, tokenizer, 2, SequenceSettings(**settings))
            plan = sequences.draw(np.random.default_rng(0))
            sequence = sequences.sequence(plan)
            assert abs(sequences.length(plan) - len(sequence)) <= 2
            assert plan.num_target == len(sequence.target) + (1 if sequence.reference_length else 2)
            return sequence

        assert draw(without_transcript=1.0).reference_length == 0
        own = draw(without_transcript=0.0, own_reference=1.0, whole_reference=1.0)
        assert own.reference_length == 80
        assert own.target == [token - 4608 for token in own.prompt[-80:]][15:66]
        assert draw(without_transcript=0.0, max_length=100).reference_length == 0

    def test_references(self, clips):
        references, rng = References(clips), random.Random(0)
        found = {references.draw(clips[0], rng).clip.id for _ in range(20)}
        assert found == {"grid/a/1", "grid/a/2"}
        alone = next(item for item in clips if item.clip.speaker == "c")
        assert references.draw(alone, rng) is alone

    def test_validation_choice(self, clips):
        assert validation_choice(clips[::-1], 2) == clips[::-1][1:3]  # the first has no video


class TestLoss:
    def test_spoken_vocabulary(self, model):
        vocabulary = spoken_vocabulary(model.config)
        assert vocabulary.shape == (515,)
        labels = torch.tensor([[IGNORED, 4608, 5119, *model.config.stop_token_ids]])
        assert positions_in(vocabulary, labels, model.config.vocab_size).tolist() == [[IGNORED, 0, 511, 513, 514]]

    @pytest.mark.parametrize("step", [0, 1])
    def test_equals_a_plain_computation(self, make_stage, model, step):
        stage = make_stage(reference_weight=0.5, settings=SequenceSettings(without_transcript=0.0))
        batch = stage.batch(step, range(4))
        assert ("vocabulary" in batch) == (step == 1)
        losses = stage.model(batch)
        logits = model(input_ids=batch["input_ids"]).logits[:, :-1]
        if step == 1:
            logits = logits[..., spoken_vocabulary(model.config)]

        def expected(labels):
            labels = labels[:, 1:]
            return torch.nn.functional.cross_entropy(logits[labels != IGNORED], labels[labels != IGNORED])

        torch.testing.assert_close(losses["target"], expected(batch["labels"]))
        torch.testing.assert_close(losses["reference"], expected(batch["reference_labels"]))
        torch.testing.assert_close(losses["loss"], losses["target"] + 0.5 * losses["reference"])

    def test_no_transcript_no_reference_loss(self, make_stage):
        stage = make_stage(settings=SequenceSettings(without_transcript=1.0))
        losses = stage.model(stage.batch(0, range(4)))
        assert losses["reference"] == 0 and losses["loss"] == losses["target"]


class TestStage:
    def test_batches(self, make_stage):
        stage = make_stage()
        check_batches(stage)
        half = stage.batch(1, [0, 2])
        assert half["num_target"] == stage.batch(1, range(4))["num_target"] / 2

    def test_parts_of_a_batch_equal_the_whole(self, make_stage):
        check_parts_equal_whole(make_stage())

    def test_every_parameter_moves(self, make_stage):
        assert unmoved(make_stage(whole_vocabulary_every=1)) == []

    def test_gradient_checkpointing_changes_nothing(self, make_stage):
        stage = make_stage()
        stage.model.train()
        _, plain = gradients(stage, 1, 1)
        enable_gradient_checkpointing(stage.model)
        _, saved = gradients(stage, 1, 1)
        assert all(torch.equal(plain[name], saved[name]) for name in plain)

    def test_saved_dropout_is_the_models(self, make_stage, tmp_path):
        stage = make_stage(attention_dropout=0.3)
        assert stage.model.model.model.layers[0].self_attn.attention_dropout == 0.3
        stage.save(stage.model, tmp_path)
        assert json.loads((tmp_path / "config.json").read_text())["text_config"]["attention_dropout"] == 0.0
        assert len(AutoTokenizer.from_pretrained(tmp_path)) == len(stage.tokenizer)

    def test_training_learns_to_read(self, store, clips, tokenizer, make_stage):
        """A few steps make the true script better than another one's."""
        stage, targets = make_stage(settings=SequenceSettings(token_noise=0.0)), spoken(store, "val")
        model = stage.model.model
        before = score(model.eval(), validation_sequences(tokenizer, targets, clips))
        optimizer = torch.optim.AdamW(stage.model.train().parameters(), lr=5e-3)
        for step in range(20):
            stage.model(stage.batch(step, range(4)))["loss"].backward()
            optimizer.step()
            optimizer.zero_grad()
        figures = stage.validate(stage.model.eval())
        assert figures[stage.best] < 0.2 * before["perplexity"]
        assert figures == stage.validate(stage.model)
        assert {"val_accuracy", "val_perplexity_other_text", "val_length_ratio", "val_length_error"} <= set(figures)


class TestAdapter:
    def test_only_the_adapter_moves_and_merging_keeps_what_it_says(self, make_stage, model, clips, tmp_path):
        pytest.importorskip("peft")
        from peft import PeftModel

        before = {name: weight.clone() for name, weight in model.state_dict().items()}
        stage = make_stage(adapter=Adapter(rank=4, alpha=8.0, target_modules=("q_proj", "v_proj", "up_proj")))
        trainable = [name for name, weight in stage.model.named_parameters() if weight.requires_grad]
        assert len(trainable) == 6 and all("lora_" in name for name in trainable)
        assert unmoved(stage, steps=(0, 1, 2)) == []  # the first step cannot move the matrices that face zeros
        for name, weight in model.state_dict().items():
            if "lora_" not in name:
                assert torch.equal(weight, before[name.replace(".base_layer", "")]), name

        model.eval()
        tokens = stage.batch(0, [0])["input_ids"]
        adapted = model(input_ids=tokens).logits
        stage.save(stage.model, tmp_path)
        merged = FlowDubberSemanticForConditionalGeneration.from_pretrained(tmp_path).eval()
        torch.testing.assert_close(merged(input_ids=tokens).logits, adapted, atol=1e-4, rtol=1e-4)
        assert set(merged.state_dict()) == set(before)
        assert not torch.allclose(small_model().eval()(input_ids=tokens).logits, adapted, atol=1e-3)
        alone = PeftModel.from_pretrained(small_model(), tmp_path / "adapter").eval()
        torch.testing.assert_close(alone(input_ids=tokens).logits, adapted, atol=1e-5, rtol=1e-5)
        assert (
            json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["base_model_name_or_path"] is None
        )
        assert torch.equal(model(input_ids=tokens).logits, adapted)  # saving left the run as it was

    @pytest.mark.parametrize(
        "settings", [{"rank": 0}, {"rank": 2, "dropout": 1.0}, {"rank": 2, "target_modules": ("lm_head",)}]
    )
    def test_refused(self, settings):
        with pytest.raises(ValueError, match="LoRA"):
            Adapter(**settings)

    def test_without_peft(self, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "peft", None)
        with pytest.raises(ImportError, match=r"pip install .*\[train\]"):
            Adapter(4)


def write_qwen2(folder: Path, **changed) -> Qwen2ForCausalLM:
    """A small plain Qwen2 with a tokenizer of 300 tokens."""
    torch.manual_seed(1)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_text_tokenizer(300, ["bin blue at f two now"] * 9),
        pad_token=PAD_TOKEN,
        eos_token=PAD_TOKEN,
        additional_special_tokens=[END_OF_TEXT_TOKEN],
    )
    tokenizer.save_pretrained(folder)
    settings = {**SMALL, "num_key_value_heads": 2, "vocab_size": 320, "tie_word_embeddings": True}
    qwen = Qwen2ForCausalLM(Qwen2Config(**{**settings, **changed})).eval()
    qwen.save_pretrained(folder)
    return qwen


class TestQwen2:
    def test_keeps_text_and_gets_speech(self, tmp_path):
        qwen = write_qwen2(tmp_path)
        qwen.model.embed_tokens.weight.data.add_(0.5)  # a mean that is not zero
        qwen.save_pretrained(tmp_path)
        model, tokenizer = load_model(tmp_path, preset="tiny")
        config = model.config
        assert config.text_vocab_size == 300 and config.semantic_codebook_size == 512
        assert config.pad_token_id == 0 and config.end_of_text_token_id == 1
        assert config.vocab_size % 64 == 0 and len(tokenizer) <= config.vocab_size
        assert tokenizer("blue now")["input_ids"] == AutoTokenizer.from_pretrained(tmp_path)("blue now")["input_ids"]

        tokens = torch.tensor([[5, 70, 200, 299]])
        torch.testing.assert_close(
            model.eval()(input_ids=tokens).logits[..., :300], qwen(input_ids=tokens).logits[..., :300]
        )
        old, table = qwen.model.embed_tokens.weight[:300], model.get_input_embeddings().weight
        assert torch.equal(table[:300], old)
        torch.testing.assert_close(table[300:].mean(0), old.mean(0), atol=5e-3, rtol=0)
        torch.testing.assert_close(table[300:].std(0), old.std(0), atol=5e-3, rtol=0)
        assert torch.equal(from_qwen2(tmp_path, "tiny")[0].lm_head.weight, table)  # the same every time

    def test_learns(self, store, clips, tmp_path):
        write_qwen2(tmp_path)
        model, tokenizer = load_model(tmp_path, preset="tiny")
        stage = SemanticStage(model, tokenizer, clips, clips, 2, SequenceSettings(), whole_vocabulary_every=1)
        assert unmoved(stage) == []
        stage.save(stage.model, tmp_path / "model")
        again, _ = load_model(tmp_path / "model")
        assert torch.equal(again.lm_head.weight, model.lm_head.weight)

    def test_refused(self, tmp_path):
        with pytest.raises(ValueError, match="holds no language model"):
            load_model(tmp_path)
        write_qwen2(tmp_path / "untied", tie_word_embeddings=False)
        with pytest.raises(ValueError, match="not tied"):
            load_model(tmp_path / "untied")
        write_qwen2(tmp_path / "other")
        (tmp_path / "other" / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
        with pytest.raises(ValueError, match="gpt2"):
            load_model(tmp_path / "other")
        with pytest.raises(ValueError, match="neither bundled, nor a folder"):
            load_model("nobody/no-such-model")


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

    def test_spelling_has_each_spoken_phoneme_once(self):
        phones = AlignedPhonemes(
            ["sil", "B", "AA1", "sp", "AA0", "sil"],
            [-1, 0, 0, -1, 1, -1],
            ["baa", "a"],
            np.array([[0, 0.1], [0.1, 0.2], [0.2, 0.3], [0.3, 0.3], [0.3, 0.305], [0.305, 0.4]]),
        )
        codes = spelled_codes(phones)
        assert codes[0] == codes[-1] == 0  # silence is the first class
        assert codes[2] == codes[3]  # the same vowel, however short; the pause was not made
        assert len(codes) == 5 and all(code % 3 == 0 for code in codes)
        whole = phone_codes(phones, 20, 50)
        assert set(codes) == {code - code % 3 for code in whole}

    def test_clips_to_spell(self, store):
        clips = spoken(store, "train", "spelling")
        assert clips[0].speech == (0, len(clips[0].semantic_tokens))
        assert len(clips[0].semantic_tokens) < 80

    def test_clips_without_speech_tokenizer(self, store):
        clips = spoken(store, "train", "phones")
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


class TestCache:
    def test_prompts_are_drawn_by_name_and_sample(self, clips, tokenizer):
        references = References(clips)

        def lengths(**options):
            return [len(prompt_for(tokenizer, clips[0], references, sample, **options)) for sample in range(4)]

        assert len(set(lengths(own_reference=0.5, without_transcript=1.0))) == 1
        assert min(lengths(own_reference=0.5, without_transcript=0.0)) > 80
        one = prompt_for(tokenizer, clips[0], references, 1, 0.5, 0.5)
        assert one == prompt_for(tokenizer, clips[0], References(clips), 1, 0.5, 0.5)

    def test_states_do_not_depend_on_neighbours_or_processes(self, clips, tokenizer, model, tmp_path):
        settings = cache_settings(model, tokenizer, max_new_tokens=6)
        one, two = (SemanticCache(tmp_path / name, settings) for name in ("one", "two"))
        work = (clips[:3], clips, 2)
        assert cache_semantic_features(model, tokenizer, one, *work, batch_size=4, progress=False) == 6
        assert cache_semantic_features(model, tokenizer, one, *work, progress=False) == 0
        parts = [
            cache_semantic_features(model, tokenizer, two, *work, 2, process, 2, progress=False) for process in (0, 1)
        ]
        assert sum(parts) == 6 and all(parts)
        for item in clips[:3]:
            for sample in range(2):
                arrays = [np.load(cache.path(item.clip.id, sample)) for cache in (one, two)]
                assert arrays[0].dtype == np.float16 and arrays[0].shape[1] == 32
                np.testing.assert_allclose(*arrays, atol=2e-3)

    def test_states_of_what_was_said(self, clips, tokenizer, model, tmp_path):
        settings = cache_settings(model, tokenizer, without_transcript=1.0, codes="spoken")
        cache = SemanticCache(tmp_path / "spoken", settings)
        assert cache_semantic_features(model, tokenizer, cache, clips[:2], clips, 1, progress=False) == 2
        for item in clips[:2]:
            prompt = prompt_for(tokenizer, item, References(clips), 0, 0.5, 1.0)
            prompt.append(model.config.start_semantic_token_id)
            whole = prompt + [code + model.config.semantic_token_offset for code in item.spoken_tokens]
            with torch.no_grad():
                states = model.model(torch.tensor([whole])).last_hidden_state[0, len(prompt) :]
            np.testing.assert_allclose(cache.get(item.clip.id), states.numpy(), atol=5e-3)
        with pytest.raises(ValueError, match="another codes"):
            SemanticCache(tmp_path / "spoken", {**settings, "codes": "sampled"})
        with pytest.raises(ValueError, match="sampled, spoken"):
            cache_settings(model, tokenizer, codes="heard")

    def test_states_of_the_spelled_script(self, store, tokenizer, model, tmp_path):
        model.config.answer = "spelling"
        clips = spoken(store, "train", codes_known(model))
        cache = SemanticCache(tmp_path / "spelled", cache_settings(model, tokenizer))
        assert cache.settings["codes"] == "spelled"
        assert cache_spoken_clips(model, tokenizer, cache, clips, 1, progress=False) == len(clips)
        item = clips[0]
        phones = store.phones(item.clip.id)
        codes = [
            3 * phoneme_class(p) for p, spared in zip(phones.phonemes, phones.optional, strict=True) if not spared
        ]
        prompt = prompt_for(tokenizer, item, References(clips), 0, 0.5, 1.0)
        prompt.append(model.config.start_semantic_token_id)
        whole = prompt + [code + model.config.semantic_token_offset for code in codes]
        with torch.no_grad():
            states = model.model(torch.tensor([whole])).last_hidden_state[0, len(prompt) :]
        np.testing.assert_allclose(cache.get(item.clip.id), states.numpy(), atol=5e-3)
        with pytest.raises(ValueError, match="no states of spoken codes"):
            cache_settings(model, tokenizer, codes="spoken")
        spelling = model_fingerprint(model, tokenizer)
        model.config.answer = "speech"
        assert model_fingerprint(model, tokenizer) != spelling and codes_known(model) == "tokens"
        with pytest.raises(ValueError, match="no states of spelled codes"):
            cache_settings(model, tokenizer, codes="spelled")

    def test_the_spelled_voice_is_the_tokenizers_where_there_is_one(self, store):
        clip = store.clips("train", needs=("phones", "tokens"))[0]
        (item,) = read_spoken_clips(store, [clip], "spelling")
        assert item.global_tokens == store.tokens(clip.id)[1].tolist()

    def test_a_cache_that_says_nothing_of_codes_holds_sampled_ones(self, tokenizer, model, tmp_path):
        settings = cache_settings(model, tokenizer)
        SemanticCache(tmp_path / "old", {name: value for name, value in settings.items() if name != "codes"})
        SemanticCache(tmp_path / "old", settings)
        with pytest.raises(ValueError, match="another codes"):
            SemanticCache(tmp_path / "old", {**settings, "codes": "spoken"})

    def test_get(self, tmp_path):
        cache = SemanticCache(tmp_path / "cache", {"model": "m", "hidden_size": 4})
        assert cache.get("grid/a/0", np.random.default_rng(0)) is None and "grid/a/0" not in cache
        for sample in (0, 1, 10):
            cache.write("grid/a/0", sample, np.full((3, 4), sample))
        cache.write("grid/a/0.5", 2, np.full((1, 4), 7))
        reader = SemanticCache(tmp_path / "cache")
        assert reader.samples("grid/a/0") == [0, 1, 10] and reader.samples("grid/a/0.5") == [2]
        states = reader.get("grid/a/0")
        assert states.dtype == np.float32 and states.shape == (3, 4) and (states == 0).all()
        drawn = {int(reader.get("grid/a/0", np.random.default_rng(seed))[0, 0]) for seed in range(20)}
        assert drawn == {0, 1, 10}
        assert reader.hidden_size == 4

    def test_another_model_is_refused(self, tokenizer, model, tmp_path):
        settings = cache_settings(model, tokenizer)
        folder = tmp_path / "cache"
        SemanticCache(folder, settings)
        SemanticCache(folder, settings)
        assert json.loads((folder / SETTINGS_NAME).read_text())["model"] == model_fingerprint(model, tokenizer)
        model.lm_head.weight.data[0, 0] += 1
        with pytest.raises(ValueError, match="another model"):
            SemanticCache(folder, cache_settings(model, tokenizer))
        with pytest.raises(ValueError, match="another own_reference"):
            SemanticCache(folder, {**settings, "own_reference": 0.9})
        with pytest.raises(ValueError, match="no cached states"):
            SemanticCache(tmp_path / "nothing")
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "novel.txt").write_text("chapter one")
        with pytest.raises(ValueError, match="something else"):
            SemanticCache(tmp_path / "full", settings)


def test_objective_is_finite_without_targets(model):
    labels = torch.full((1, 4), IGNORED)
    batch = {"input_ids": torch.zeros(1, 4, dtype=torch.long), "labels": labels, "reference_labels": labels}
    losses = SemanticObjective(model)(batch | {"num_target": torch.tensor(0.0), "num_reference": torch.tensor(0.0)})
    assert all(math.isfinite(float(value.detach())) for value in losses.values())
