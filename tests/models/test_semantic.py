"""Contracts of the semantic language model, its vocabulary and its prompts."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json

import pytest
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError, StrictDataclassFieldValidationError
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from flowdubber_hf.models.semantic import (
    FlowDubberSemanticConfig,
    FlowDubberSemanticForConditionalGeneration,
    build_prompt,
    build_tokenizer,
    check_tokenizer,
    pad_prompts,
    prompt_text,
    semantic_config,
)
from flowdubber_hf.models.semantic.generation_semantic import sample_tokens


pytestmark = pytest.mark.slow


GRID_TEXTS = [
    "bin blue at f two now",
    "place red by b nine soon",
    "set white with z one again",
    "lay green in a six please",
]
SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer("tiny", GRID_TEXTS * 4)


@pytest.fixture(scope="module")
def config() -> FlowDubberSemanticConfig:
    return semantic_config("tiny", text_config=SMALL)


@pytest.fixture(scope="module")
def model(config) -> FlowDubberSemanticForConditionalGeneration:
    torch.manual_seed(0)
    model = FlowDubberSemanticForConditionalGeneration(config).eval()
    with torch.no_grad():  # wide enough that tokens differ in probability
        model.model.embed_tokens.weight.normal_(0, 0.5)
    return model


@pytest.fixture(scope="module")
def prompts(tokenizer) -> list[list[int]]:
    return [
        build_prompt(tokenizer, GRID_TEXTS[0], GRID_TEXTS[1], range(32), range(100, 120)),
        build_prompt(tokenizer, "now", None, range(32, 64), None),
        build_prompt(tokenizer, GRID_TEXTS[2], "soon", range(64, 96), range(9)),
    ]


@pytest.fixture(scope="module")
def batch(prompts) -> tuple[torch.Tensor, torch.Tensor]:
    return pad_prompts(prompts, 0)


def generators(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


class TestConfiguration:
    def test_base_ids_are_those_of_the_paper(self):
        base = FlowDubberSemanticConfig()
        first_ids = {
            "bicodec_global": 151665,
            "bicodec_semantic": 155761,
            "pitch_value": 163953,
            "pitch_var_value": 164954,
            "pitch_label": 164965,
            "pitch_var_label": 164970,
            "speed_value": 164975,
            "speed_label": 164986,
            "loudness_value": 164991,
            "loudness_label": 165022,
            "age": 165027,
            "gender": 165032,
            "emotion": 165035,
            "task": 165136,
            "start": 165146,
            "end": 165152,
        }
        assert {family: base.family_offset(family) for family in first_ids} == first_ids
        tokens = base.speech_tokens()
        assert len(tokens) == 13493
        assert tokens[165137 - 151665] == "<|task_tts|>"
        assert tokens[-1] == "<|end_semantic_token|>"
        assert tokens[155761 - 151665] == "<|bicodec_semantic_0|>"
        assert base.start_semantic_token_id == 165151
        assert base.stop_token_ids == (165157, 151645)

    def test_presets(self):
        tiny = semantic_config("tiny")
        assert tiny.semantic_codebook_size == 512
        assert not any("pitch" in token for token in tiny.speech_tokens())
        assert semantic_config("base").to_dict() == FlowDubberSemanticConfig().to_dict()
        with pytest.raises(ValueError, match="preset must be one of"):
            semantic_config("huge")
        with pytest.raises(ValueError, match="no token family"):
            tiny.family_offset("pitch_value")

    def test_round_trip(self, config, tmp_path):
        config.save_pretrained(tmp_path)
        assert FlowDubberSemanticConfig.from_pretrained(tmp_path).to_dict() == config.to_dict()
        loaded = AutoConfig.from_pretrained(tmp_path)
        assert type(loaded) is FlowDubberSemanticConfig
        assert loaded.text_config.hidden_size == 32
        assert FlowDubberSemanticConfig.from_pretrained(tmp_path, num_global_tokens=8).num_global_tokens == 8

    def test_wrong_settings(self):
        with pytest.raises(StrictDataclassFieldValidationError):
            semantic_config("tiny", semantic_codebook_size="512")
        with pytest.raises(StrictDataclassClassValidationError, match="vocab_size of at least"):
            semantic_config("tiny", semantic_codebook_size=8192)
        with pytest.raises(StrictDataclassClassValidationError, match="sliding windows"):
            semantic_config("tiny", text_config={"use_sliding_window": True, "max_window_layers": 0})
        with pytest.raises(StrictDataclassClassValidationError, match="end_of_text_token_id"):
            semantic_config("tiny", end_of_text_token_id=600)


class TestFamilies:
    """A vocabulary of another order than the default one."""

    FAMILIES = (
        ("mood", 3),
        ("end", ["semantic_token", "global_token", "content"]),
        ("bicodec_semantic", 512),
        ("start", ["content", "global_token", "semantic_token"]),
        ("bicodec_global", 4096),
        ("task", ["tts"]),
    )

    def test_ids_follow_the_order(self, tmp_path):
        config = semantic_config("tiny", speech_token_families=self.FAMILIES)
        assert config.speech_tokens()[:4] == ["<|mood_0|>", "<|mood_1|>", "<|mood_2|>", "<|end_semantic_token|>"]
        assert config.end_semantic_token_id == 515 and config.end_global_token_id == 516
        assert config.semantic_token_offset == 518 and config.start_semantic_token_id == 518 + 512 + 2
        assert config.eos_token_id == [515, 1]
        config.save_pretrained(tmp_path)
        assert FlowDubberSemanticConfig.from_pretrained(tmp_path).speech_tokens() == config.speech_tokens()
        tokenizer = build_tokenizer("tiny", config=config)
        prompt = build_prompt(tokenizer, "bin", None, [3], None)
        assert prompt[0] == config.marker_id("task", "tts") and prompt[-1] == config.end_global_token_id

    @pytest.mark.parametrize(
        ("families", "message"),
        [
            (FAMILIES[1:5], r"no token <\|task_tts\|>"),
            ((*FAMILIES, ("mood", 2)), "names a family twice"),
            (
                (*FAMILIES[:2], ("bicodec_semantic", 9), *FAMILIES[3:]),
                "has 9 bicodec_semantic tokens, the codebook 512",
            ),
            ([["mood"]], r"must be a list of \[name, count\]"),
            ([["mood", 1.5]], r"must be a list of \[name, count\]"),
        ],
    )
    def test_refused(self, families, message):
        with pytest.raises(ValueError, match=message):
            semantic_config("tiny", speech_token_families=families)

    def test_texts_of_prompts(self):
        words = semantic_config("tiny")
        assert prompt_text(words, " Bin 2! ", ["bin", "two"]) == "bin two" and words.prompt_separator == " "
        script = semantic_config("tiny", prompt_text="script")
        assert prompt_text(script, " Bin 2! ", ["bin", "two"]) == " Bin 2! " and script.prompt_separator == ""
        with pytest.raises(StrictDataclassClassValidationError, match="one of words, script"):
            semantic_config("tiny", prompt_text="letters")


class TestTokenizer:
    def test_families_have_the_ids_of_the_configuration(self, tokenizer):
        config = semantic_config("tiny")
        check_tokenizer(tokenizer, config)
        assert len(tokenizer) == 512 + 4096 + 512 + 10 + 6 + 6 <= config.vocab_size
        assert tokenizer.convert_tokens_to_ids("<|bicodec_global_0|>") == 512
        assert tokenizer.convert_tokens_to_ids("<|bicodec_semantic_511|>") == 5119
        assert tokenizer.convert_ids_to_tokens(config.start_semantic_token_id) == "<|start_semantic_token|>"
        assert tokenizer.convert_ids_to_tokens(list(config.stop_token_ids)) == ["<|end_semantic_token|>", "<|im_end|>"]
        assert tokenizer.pad_token_id == config.pad_token_id == 0

    @pytest.mark.parametrize("text", ["bin blue at f two now", "it's 5 o'clock, née Ægir!", "你好 😀 \u0000", "a\tb"])
    def test_any_text_round_trips_in_lower_case(self, tokenizer, text):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert max(ids) < 512
        assert min(ids) >= 2
        assert tokenizer.decode(ids) == " ".join(text.lower().split(" ")).replace("\t", " ")

    def test_a_word_has_one_token_wherever_it_stands(self, tokenizer):
        whole = tokenizer("bin blue", add_special_tokens=False)["input_ids"]
        assert whole[:1] == tokenizer("BIN", add_special_tokens=False)["input_ids"]

    def test_ids_of_speech_tokens_do_not_depend_on_the_texts(self):
        check_tokenizer(build_tokenizer("tiny"), semantic_config("tiny"))

    def test_save_and_load(self, tokenizer, tmp_path):
        tokenizer.save_pretrained(tmp_path)
        loaded = AutoTokenizer.from_pretrained(tmp_path)
        assert isinstance(loaded, PreTrainedTokenizerFast)
        assert loaded.get_vocab() == tokenizer.get_vocab()
        assert loaded.padding_side == "left"
        text = "place Red, é"
        assert loaded(text)["input_ids"] == tokenizer(text)["input_ids"]

    def test_a_foreign_tokenizer_is_refused(self, tokenizer):
        with pytest.raises(ValueError, match="do not belong together"):
            check_tokenizer(tokenizer, semantic_config("tiny", semantic_codebook_size=256))

    def test_base_extends_a_text_tokenizer(self, tokenizer, tmp_path):
        with pytest.raises(ValueError, match="extends a Qwen2"):
            build_tokenizer("base")
        tokenizer.save_pretrained(tmp_path)
        text_tokenizer = AutoTokenizer.from_pretrained(tmp_path)
        config = semantic_config("base", text_vocab_size=len(text_tokenizer), pad_token_id=0, end_of_text_token_id=1)
        with pytest.raises(ValueError, match="do not belong together"):  # its families are there already
            build_tokenizer("base", text_tokenizer=text_tokenizer, config=config)


class TestPrompt:
    def test_with_transcript_token_by_token(self, tokenizer):
        ids = build_prompt(tokenizer, "bin blue", "now", [3, 1, 4095], [0, 511])
        assert tokenizer.convert_ids_to_tokens(ids) == [
            "<|task_tts|>",
            "<|start_content|>",
            "Ġnow",
            "Ġbin",
            "Ġblue",
            "<|end_content|>",
            "<|start_global_token|>",
            "<|bicodec_global_3|>",
            "<|bicodec_global_1|>",
            "<|bicodec_global_4095|>",
            "<|end_global_token|>",
            "<|start_semantic_token|>",
            "<|bicodec_semantic_0|>",
            "<|bicodec_semantic_511|>",
        ]

    @pytest.mark.parametrize("reference_text", [None, " "])
    def test_without_transcript_token_by_token(self, tokenizer, reference_text):
        ids = build_prompt(tokenizer, "bin", reference_text, torch.tensor([3, 1]), torch.tensor([5, 6]))
        assert tokenizer.convert_ids_to_tokens(ids) == [
            "<|task_tts|>",
            "<|start_content|>",
            "Ġbin",
            "<|end_content|>",
            "<|start_global_token|>",
            "<|bicodec_global_3|>",
            "<|bicodec_global_1|>",
            "<|end_global_token|>",
        ]

    def test_equals_the_written_prompt(self, tokenizer):
        """Joined without separator the ids are those of the string that Spark-TTS tokenizes."""
        text = "<|task_tts|><|start_content|>now.bin<|end_content|><|start_global_token|><|bicodec_global_7|>"
        text += "<|end_global_token|><|start_semantic_token|><|bicodec_semantic_9|>"
        ids = build_prompt(tokenizer, "bin", "now.", [7], [9], separator="")
        assert ids == tokenizer(text, add_special_tokens=False)["input_ids"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((" ", None, [0], None), "script is empty"),
            (("bin", None, [4096], None), "no bicodec_global token 4096"),
            (("bin", "now", [0], [512]), "no bicodec_semantic token 512"),
            (("bin", "now", [0], None), "needs the reference's semantic tokens"),
            (("bin<|end_content|>", None, [0], None), "control tokens"),
            (("bin", "x <|im_end|>", [0], [0]), "control tokens"),
        ],
    )
    def test_errors(self, tokenizer, arguments, message):
        with pytest.raises(ValueError, match=message):
            build_prompt(tokenizer, *arguments)

    def test_padding_is_on_the_left(self):
        ids, mask = pad_prompts([[5, 6, 7], [8]], 0)
        assert ids.tolist() == [[5, 6, 7], [0, 0, 8]]
        assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]


class TestModel:
    def test_sizes(self):
        tiny = FlowDubberSemanticForConditionalGeneration(semantic_config("tiny"))
        assert sum(parameter.numel() for parameter in tiny.parameters()) <= 3.5e6
        with torch.device("meta"):
            base = FlowDubberSemanticForConditionalGeneration(FlowDubberSemanticConfig())
        assert base.lm_head.weight is base.model.embed_tokens.weight
        assert base.model.embed_tokens.weight.shape == (166000, 896)
        assert 0.48e9 < sum(parameter.numel() for parameter in base.parameters()) < 0.52e9
        assert all(parameter.is_meta for parameter in base.parameters())

    def test_save_and_load(self, model, batch, tmp_path):
        model.save_pretrained(tmp_path)
        assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}
        ids, mask = batch
        expected = model(input_ids=ids, attention_mask=mask).logits
        for loader in (FlowDubberSemanticForConditionalGeneration, AutoModel, AutoModelForCausalLM):
            loaded = loader.from_pretrained(tmp_path)
            assert type(loaded) is FlowDubberSemanticForConditionalGeneration
            assert loaded.lm_head.weight is loaded.model.embed_tokens.weight
            torch.testing.assert_close(loaded(input_ids=ids, attention_mask=mask).logits, expected)

    def test_missing_weights_are_initialised(self, config):
        """Buffers too: loading an empty state gives a model as finite and as spread as a fresh one."""
        torch.manual_seed(0)
        fresh = FlowDubberSemanticForConditionalGeneration(config)
        loaded = FlowDubberSemanticForConditionalGeneration.from_pretrained(None, config=config, state_dict={})
        for (name, one), other in zip(fresh.named_parameters(), loaded.parameters(), strict=True):
            assert torch.isfinite(other).all(), name
            torch.testing.assert_close(one.std(correction=0), other.std(correction=0), rtol=0.2, atol=1e-3)
        for one, other in zip(fresh.buffers(), loaded.buffers(), strict=True):
            torch.testing.assert_close(one, other)

    def test_half_precision(self, model, batch, tmp_path):
        model.save_pretrained(tmp_path)
        loaded = FlowDubberSemanticForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.bfloat16)
        result = loaded.generate_semantics(*batch, generators(3), max_new_tokens=4, min_new_tokens=4)
        assert result.hidden_states.dtype == torch.bfloat16
        assert torch.isfinite(result.hidden_states).all()

    def test_batch_equals_single(self, model, prompts, batch):
        ids, mask = batch
        logits = model(input_ids=ids, attention_mask=mask).logits
        for row, prompt in enumerate(prompts):
            single = model(input_ids=torch.tensor([prompt])).logits[0]
            torch.testing.assert_close(logits[row, -len(prompt) :], single, atol=1e-4, rtol=1e-4)

    def test_cache_equals_full_forward(self, model, prompts):
        ids = torch.tensor([prompts[0]])
        full = model(input_ids=ids).logits
        first = model(input_ids=ids[:, :30], use_cache=True)
        second = model(input_ids=ids[:, 30:], use_cache=True, cache=first.cache)
        torch.testing.assert_close(torch.cat((first.logits, second.logits), dim=1), full, atol=1e-4, rtol=1e-4)

    @pytest.mark.filterwarnings("error::FutureWarning")
    def test_uses_nothing_that_the_library_is_about_to_drop(self, model, prompts):
        ids = torch.tensor([prompts[0]])
        model(input_ids=ids, use_cache=True)
        model.generate_semantics(ids, max_new_tokens=2, generator=torch.Generator())
        model.generate(input_ids=ids, max_new_tokens=2, do_sample=False)

    def test_sdpa_equals_eager(self, config, model, batch):
        ids, mask = batch
        eager = FlowDubberSemanticForConditionalGeneration._from_config(config, attn_implementation="eager").eval()
        eager.load_state_dict(model.state_dict())
        expected = model(input_ids=ids, attention_mask=mask).logits[mask.bool()]
        actual = eager(input_ids=ids, attention_mask=mask).logits[mask.bool()]
        torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)
        one = model.generate_semantics(ids, mask, generators(3), max_new_tokens=6)
        other = eager.generate_semantics(ids, mask, generators(3), max_new_tokens=6)
        assert torch.equal(one.semantic_tokens, other.semantic_tokens)

    def test_loss_shifts_the_labels(self, model, prompts):
        ids = torch.tensor([prompts[1]])
        labels = ids.clone()
        labels[:, :5] = -100
        output = model(input_ids=ids, labels=labels)
        expected = torch.nn.functional.cross_entropy(output.logits[0, 4:-1], ids[0, 5:])
        torch.testing.assert_close(output.loss, expected)

    def test_logits_of_a_part_of_the_vocabulary(self, model, prompts):
        ids = torch.tensor([prompts[0]])
        vocabulary = torch.tensor([7, 5000, 512])
        full = model(input_ids=ids).logits
        part = model(input_ids=ids, logits_vocabulary=vocabulary, logits_to_keep=2, labels=torch.tensor([[0, 1]]))
        torch.testing.assert_close(part.logits, full[:, -2:, vocabulary])
        torch.testing.assert_close(part.loss, torch.nn.functional.cross_entropy(part.logits[0, :1], torch.tensor([1])))

    def test_outputs(self, model, batch, config):
        ids, mask = batch
        output = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        assert len(output.hidden_states) == config.text_config.num_hidden_layers + 1
        as_tuple = model(input_ids=ids, attention_mask=mask, return_dict=False)
        torch.testing.assert_close(as_tuple[0], output.logits)
        with pytest.raises(ValueError, match="exactly one of"):
            model()

    def test_training(self, config, batch):
        """Every parameter moves; gradient checkpointing changes neither loss nor gradients."""
        ids, mask = batch
        labels = ids.masked_fill(mask == 0, -100)
        gradients, losses = [], []
        for checkpointing in (False, True):
            torch.manual_seed(0)
            model = FlowDubberSemanticForConditionalGeneration(config).train()
            if checkpointing:
                model.activation_checkpointing_enable()
            loss = model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss
            loss.backward()
            losses.append(loss.detach())
            gradients.append([parameter.grad.clone() for parameter in model.parameters()])
        torch.testing.assert_close(losses[0], losses[1])
        for one, other in zip(*gradients, strict=True):
            torch.testing.assert_close(one, other)
        before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        torch.optim.AdamW(model.parameters(), lr=1e-2).step()
        for name, parameter in model.named_parameters():
            assert not torch.equal(before[name], parameter), name

    def test_library_generate(self, model, batch, config):
        ids, mask = batch
        out = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=5, do_sample=False)
        assert out.shape[1] <= ids.shape[1] + 5
        assert model.generation_config.eos_token_id == list(config.stop_token_ids)
        embeds = model.get_input_embeddings()(ids)
        again = model.generate(inputs_embeds=embeds, attention_mask=mask, max_new_tokens=5, do_sample=False)
        assert torch.equal(again, out[:, ids.shape[1] :])


class TestSampling:
    def test_inverts_the_cumulative_distribution(self):
        logits = torch.log(torch.tensor([[0.2, 0.5, 0.3]])).expand(5, -1)
        uniform = torch.tensor([0.0, 0.49, 0.51, 0.79, 0.81])
        assert sample_tokens(logits, uniform, 1.0, 0, 1.0).tolist() == [1, 1, 2, 2, 0]

    def test_top_k(self):
        logits = torch.log(torch.tensor([[0.2, 0.5, 0.3]])).expand(3, -1)
        uniform = torch.tensor([0.6, 0.7, 0.9999])  # the two best hold 0.625 and 0.375 of what is left
        assert sample_tokens(logits, uniform, 1.0, 2, 1.0).tolist() == [1, 2, 2]

    def test_top_p(self):
        logits = torch.log(torch.tensor([[0.2, 0.5, 0.3]])).expand(2, -1)
        uniform = torch.tensor([0.9999, 0.9999])
        assert sample_tokens(logits, uniform, 1.0, 0, 0.51).tolist() == [2, 2]
        assert sample_tokens(logits, uniform, 1.0, 0, 0.5).tolist() == [1, 1]

    def test_temperature(self):
        logits = torch.log(torch.tensor([[0.2, 0.8]]))
        # squared and normalised: 1/17 and 16/17
        assert sample_tokens(logits, torch.tensor([16 / 17 - 1e-3]), 0.5, 0, 1.0).tolist() == [1]
        assert sample_tokens(logits, torch.tensor([16 / 17 + 1e-3]), 0.5, 0, 1.0).tolist() == [0]
        assert sample_tokens(logits, torch.tensor([0.9999]), 0, 0, 1.0).tolist() == [1]

    def test_follows_the_distribution(self):
        probabilities = torch.tensor([0.1, 0.6, 0.3])
        uniform = torch.rand(20000, generator=torch.Generator().manual_seed(0))
        drawn = sample_tokens(probabilities.log().expand(20000, -1), uniform, 1.0, 0, 1.0)
        torch.testing.assert_close(torch.bincount(drawn) / 20000, probabilities, atol=0.01, rtol=0)


class TestGenerateSemantics:
    def test_shapes_and_range(self, model, batch, config):
        result = model.generate_semantics(*batch, generators(3), max_new_tokens=12)
        rows, length = result.mask.shape
        assert rows == 3 and length <= 12
        assert result.hidden_states.shape == (3, length, 32)
        assert int(result.semantic_tokens.min()) >= 0 and int(result.semantic_tokens.max()) < 512
        assert not result.hidden_states[~result.mask].any()
        assert not result.semantic_tokens[~result.mask].any()

    def test_batch_equals_single(self, model, prompts, batch):
        """With its own generator, or as the first row of a shared one; for prompts with and without transcript."""
        together = model.generate_semantics(*batch, generators(3), max_new_tokens=20)
        for row, prompt in enumerate(prompts):
            alone = model.generate_semantics(torch.tensor([prompt]), None, generators(3)[row], max_new_tokens=20)
            length = int(together.mask[row].sum())
            assert alone.mask.shape[1] == length
            assert torch.equal(alone.semantic_tokens[0], together.semantic_tokens[row, :length])
            torch.testing.assert_close(
                alone.hidden_states[0], together.hidden_states[row, :length], atol=1e-4, rtol=1e-4
            )
        shared = model.generate_semantics(*batch, torch.Generator().manual_seed(0), max_new_tokens=20)
        assert torch.equal(shared.semantic_tokens[0], together.semantic_tokens[0, : shared.mask.shape[1]])

    def test_more_padding_changes_nothing(self, model, prompts):
        ids, mask = pad_prompts(prompts[:1], 0)
        wide = torch.nn.functional.pad(ids, (7, 0)), torch.nn.functional.pad(mask, (7, 0))
        one = model.generate_semantics(ids, mask, generators(1), max_new_tokens=8)
        other = model.generate_semantics(*wide, generators(1), max_new_tokens=8)
        assert torch.equal(one.semantic_tokens, other.semantic_tokens)
        torch.testing.assert_close(one.hidden_states, other.hidden_states, atol=1e-4, rtol=1e-4)

    def test_the_generator_is_all_the_randomness(self, model, batch):
        first = model.generate_semantics(*batch, torch.Generator().manual_seed(5), max_new_tokens=10)
        torch.manual_seed(123)
        again = model.generate_semantics(*batch, torch.Generator().manual_seed(5), max_new_tokens=10)
        other = model.generate_semantics(*batch, torch.Generator().manual_seed(6), max_new_tokens=10)
        assert torch.equal(first.semantic_tokens, again.semantic_tokens)
        assert not torch.equal(first.semantic_tokens, other.semantic_tokens)
        state = torch.get_rng_state()
        model.generate_semantics(*batch, generators(3), max_new_tokens=2)
        assert torch.equal(state, torch.get_rng_state())

    def test_teacher_forced_features_are_equal(self, model, batch):
        ids, mask = batch
        sampled = model.generate_semantics(ids, mask, generators(3), max_new_tokens=15)
        forced = model.semantic_features(ids, sampled.semantic_tokens, mask, sampled.mask)
        torch.testing.assert_close(forced.hidden_states, sampled.hidden_states, atol=1e-4, rtol=1e-4)
        assert torch.equal(forced.mask, sampled.mask)
        assert forced.hidden_states.requires_grad

    def test_greedy_follows_the_library(self, model, prompts, config):
        ids = torch.tensor(prompts[:1])
        ours = model.generate_semantics(ids, temperature=0, max_new_tokens=8, min_new_tokens=8)
        first, size = config.semantic_token_offset, config.semantic_codebook_size
        allowed = list(range(first, first + size))
        theirs = model.generate(
            input_ids=ids, max_new_tokens=8, do_sample=False, prefix_allowed_tokens_fn=lambda *_: allowed
        )
        assert torch.equal(theirs[:, ids.shape[1] :] - first, ours.semantic_tokens)

    @pytest.mark.parametrize("stop", [0, 1])
    def test_rows_stop_by_themselves(self, config, prompts, stop):
        """A model whose stop token is the likeliest behind one row's code ends that row only."""
        torch.manual_seed(0)
        model = FlowDubberSemanticForConditionalGeneration(config).eval()
        with torch.no_grad():
            for layer in model.model.layers:  # the hidden state is the token's embedding
                layer.self_attn.o_proj.weight.zero_()
                layer.mlp.down_proj.weight.zero_()
            table = model.model.embed_tokens.weight
            first, ends = config.semantic_token_offset, config.stop_token_ids
            table.mul_(0.01)
            table[first + 1, 0], table[first + 2, 1] = 1.0, 1.0
            table[first + 1, 1], table[ends[stop], 1] = 0.5, 2.0  # behind 1 comes 1 again, behind 2 the end
        ids, mask = pad_prompts([[4, config.start_semantic_token_id, first + code] for code in (1, 2)], 0)
        result = model.generate_semantics(ids, mask, temperature=0, max_new_tokens=5)
        lengths = result.mask.sum(dim=1)
        assert lengths[1] < lengths[0]
        assert (result.mask.long().diff(dim=1) <= 0).all()

    def test_at_least_one_token(self, config):
        torch.manual_seed(0)
        model = FlowDubberSemanticForConditionalGeneration(config).eval()
        with torch.no_grad():  # the end is always likeliest
            model.model.norm.weight.zero_()
            model.model.norm.weight[0] = 1
            model.model.embed_tokens.weight[:, 0] = 1.0
            model.model.embed_tokens.weight[config.end_semantic_token_id, 0] = 50.0
        result = model.generate_semantics(torch.tensor([[3, 4, 5]]), max_new_tokens=9)
        assert result.mask.tolist() == [[True]]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"max_new_tokens": 0}, "min_new_tokens"),
            ({"temperature": -1.0}, "temperature"),
            ({"top_p": 0.0}, "top_p"),
            ({"top_k": -1}, "top_k"),
            ({"generator": [torch.Generator()]}, "one generator or one for each"),
        ],
    )
    def test_wrong_options(self, model, batch, options, message):
        with pytest.raises(ValueError, match=message):
            model.generate_semantics(*batch, **options)

    def test_wrong_prompts(self, model, batch):
        ids, mask = batch
        with pytest.raises(ValueError, match="padded on the left"):
            model.generate_semantics(ids.flip(1), mask.flip(1))
        with pytest.raises(ValueError, match="equal in shape"):
            model.generate_semantics(ids, mask[:, 1:])
        with pytest.raises(ValueError, match="shape"):
            model.generate_semantics(ids[0])
        with pytest.raises(ValueError, match="shorten the reference"):
            model.generate_semantics(torch.ones(1, 4096, dtype=torch.long))
        with pytest.raises(ValueError, match=r"must lie in \[0, 512\)"):
            model.semantic_features(ids, torch.full((3, 2), 512), mask)


def test_saved_generation_settings_stay_out_of_the_configuration(model, tmp_path):
    model.save_pretrained(tmp_path)
    assert "temperature" not in json.loads((tmp_path / "config.json").read_text())
