"""Spark-TTS's folder to parts: what they compute and hold, what is refused, and the published sizes."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub.utils import filter_repo_objects
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from flowdubber_hf.checkpoints import fetching
from flowdubber_hf.cli import main
from flowdubber_hf.models.semantic import (
    FlowDubberSemanticConfig,
    FlowDubberSemanticForConditionalGeneration,
    build_prompt,
    check_tokenizer,
)
from flowdubber_hf.models.semantic.conversion import split_vocabulary
from flowdubber_hf.models.spark_tts import convert_spark_tts
from flowdubber_hf.models.speech_tokenizer import FlowDubberSpeechTokenizer, FlowDubberSpeechTokenizerConfig
from flowdubber_hf.models.speech_tokenizer.conversion import bicodec_config, plan_bicodec, wav2vec2_config
from flowdubber_hf.models.speech_tokenizer.front_end import speaker_filters
from flowdubber_hf.pipelines.flowdubber import FlowDubberPipeline
from flowdubber_hf.pipelines.flowdubber.loading import check_weights
from flowdubber_hf.pipelines.flowdubber.parts import load_part
from flowdubber_hf.training.semantic_model import load_model
from support.pipeline_calls import demo_voice
from support.spark_tts_release import (
    FAMILIES,
    PUBLISHED,
    QWEN_ADDED,
    SETTINGS,
    SMALL,
    SMALL_COUNTS,
    SparkTts,
    bicodec_shapes,
    codec_settings,
    speech_tokens,
    write_spark_tts,
)
from support.tiny_models import tiny_components


pytestmark = pytest.mark.slow


CODEC, LANGUAGE, FRONT_END = "BiCodec", "LLM", "wav2vec2-large-xlsr-53"


@pytest.fixture(scope="module")
def spark(tmp_path_factory) -> SparkTts:
    return write_spark_tts(tmp_path_factory.mktemp("public") / "Spark-TTS-0.5B")


@pytest.fixture(scope="module")
def out(spark, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("converted") / "parts"
    assert main(["convert", "spark-tts", str(spark.folder), str(folder), "--quiet"]) == 0
    return folder


@pytest.fixture(scope="module")
def model(out) -> FlowDubberSemanticForConditionalGeneration:
    return load_part("semantic_model", out / "semantic_model")


@pytest.fixture(scope="module")
def tokenizer(out):
    return load_part("tokenizer", out / "tokenizer")


@pytest.fixture
def copy(spark, tmp_path) -> Path:
    return Path(shutil.copytree(spark.folder, tmp_path / "copy"))


def change_json(file: Path, change: Callable[[dict], object]) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    change(content)
    file.write_text(json.dumps(content), encoding="utf-8")


def change_yaml(file: Path, change: Callable[[dict], object]) -> None:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    change(content)
    file.write_text(yaml.safe_dump(content), encoding="utf-8")


def change_weights(folder: Path, change: Callable[[dict], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


class TestLanguageModel:
    def test_logits_are_those_of_the_public_model(self, spark, model):
        assert model.config.vocab_size == spark.language_model.config.vocab_size > len(speech_tokens(SMALL_COUNTS))
        ids = torch.randint(model.config.vocab_size, (2, 60), generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            assert torch.equal(model(input_ids=ids).logits, spark.language_model(input_ids=ids).logits)

    def test_greedy_speech_is_that_of_the_public_model(self, spark, model, tokenizer):
        """Among the tokens that may be spoken, the one that the public model finds likeliest, again and again."""
        prompt = build_prompt(tokenizer, "Bin it.", None, range(SMALL.voice_tokens), None)
        spoken = model.generate_semantics(torch.tensor([prompt]), temperature=0, max_new_tokens=12, min_new_tokens=12)
        first = model.config.semantic_token_offset
        ids = [*prompt, model.config.start_semantic_token_id]
        for token in spoken.semantic_tokens[0].tolist():
            with torch.no_grad():
                logits = spark.language_model(input_ids=torch.tensor([ids])).logits[0, -1]
            assert token == int(logits[first : first + SMALL.codes].argmax())
            ids.append(first + token)

    def test_sampling_and_stops(self, model, tokenizer):
        settings = model.generation_config
        assert (settings.temperature, settings.top_k, settings.top_p) == (0.8, 50, 0.95)
        assert settings.do_sample and settings.max_new_tokens == 3000
        assert tokenizer.convert_ids_to_tokens(settings.eos_token_id) == ["<|end_semantic_token|>", "<|im_end|>"]
        assert settings.eos_token_id == list(model.config.stop_token_ids)

    def test_a_head_of_its_own(self, tmp_path):
        spark = write_spark_tts(tmp_path / "untied", tied=False)
        parts = convert_spark_tts(spark.folder)
        parts["semantic_model"].save_pretrained(tmp_path / "out")
        model = load_part("semantic_model", tmp_path / "out")
        assert model.lm_head.weight is not model.model.embed_tokens.weight
        ids = torch.arange(40)[None]
        with torch.no_grad():
            assert torch.equal(model(input_ids=ids).logits, spark.language_model(input_ids=ids).logits)

    def test_a_head_beside_a_tied_embedding_must_be_it(self, copy):
        change_weights(copy / LANGUAGE, lambda t: t.update({"lm_head.weight": t["model.embed_tokens.weight"].clone()}))
        assert "lm_head.weight" not in convert_spark_tts(copy)["semantic_model"].recipes
        change_weights(copy / LANGUAGE, lambda t: t["lm_head.weight"].add_(1))
        with pytest.raises(ValueError, match="ties its head"):
            convert_spark_tts(copy)

    def test_shards_are_read_as_one(self, spark, copy):
        folder = copy / LANGUAGE
        tensors = load_file(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        names = sorted(tensors)
        files = {"a.safetensors": names[:5], "b.safetensors": names[5:]}
        for file, some in files.items():
            save_file({name: tensors[name] for name in some}, folder / file)
        index = {"weight_map": {name: file for file, some in files.items() for name in some}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        found = convert_spark_tts(copy)["semantic_model"].state_dict()
        assert all(torch.equal(found[name], tensors[name]) for name in names)
        index["weight_map"][names[0]] = "../../other.safetensors"
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        with pytest.raises(ValueError, match="no safetensors file beside it"):
            convert_spark_tts(copy)


class TestVocabulary:
    def test_ids_are_those_of_the_public_tokenizer(self, spark, model, tokenizer):
        public = Tokenizer.from_file(str(spark.folder / LANGUAGE / "tokenizer.json"))
        assert tokenizer.get_vocab() == public.get_vocab()
        for token in speech_tokens(SMALL_COUNTS):
            token_id = public.token_to_id(token)
            assert tokenizer.convert_tokens_to_ids(token) == token_id
            assert tokenizer.convert_ids_to_tokens(token_id) == token
            assert tokenizer(token, add_special_tokens=False)["input_ids"] == [token_id]
        config = model.config
        assert config.semantic_token_offset == public.token_to_id("<|bicodec_semantic_0|>")
        assert config.start_semantic_token_id == public.token_to_id("<|start_semantic_token|>")
        assert config.end_of_text_token_id == public.token_to_id("<|im_end|>")
        assert config.pad_token_id == public.token_to_id("<|endoftext|>") == tokenizer.pad_token_id
        assert dict(config.token_families) == {**SMALL_COUNTS, "task": 10, "start": 6, "end": 6}

    @pytest.mark.parametrize("text", ["Place the blue bin.", "  née Ægir, 你好 😀\n\tx", "it's 5 o'clock <b>now</b>"])
    def test_any_text_has_the_public_ids_and_comes_back(self, spark, tokenizer, text):
        public = Tokenizer.from_file(str(spark.folder / LANGUAGE / "tokenizer.json"))
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert ids == public.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids) == text

    @pytest.mark.parametrize("transcript", [None, "Set it down again, please!"])
    def test_prompts_are_the_public_strings(self, spark, model, tokenizer, transcript):
        """Both layouts of 6.4, written as Spark-TTS writes them: without a separator."""
        voice, speech = list(range(SMALL.voice_tokens)), [0, 39, 7]
        config = model.config
        assert config.prompt_text == "script"
        prompt = build_prompt(tokenizer, "Now the bin.", transcript, voice, speech, config.prompt_separator)
        written = "<|task_tts|><|start_content|>" + (transcript or "") + "Now the bin.<|end_content|>"
        written += "<|start_global_token|>" + "".join(f"<|bicodec_global_{code}|>" for code in voice)
        written += "<|end_global_token|>"
        if transcript:
            written += "<|start_semantic_token|>" + "".join(f"<|bicodec_semantic_{code}|>" for code in speech)
        public = Tokenizer.from_file(str(spark.folder / LANGUAGE / "tokenizer.json"))
        assert prompt == public.encode(written, add_special_tokens=False).ids

    def test_control_tokens_in_a_text_are_refused(self, tokenizer):
        for token in ("<|im_start|>", "<|end_content|>", "<|emotion_1|>"):
            with pytest.raises(ValueError, match="control tokens"):
                build_prompt(tokenizer, f"Now {token}", None, [0], None)

    def test_the_published_layout(self):
        """Counts and ids of 6.3 with all 166,000 rows, by arithmetic on names alone."""
        tokens = [f"text {number}" for number in range(151643)] + QWEN_ADDED + speech_tokens(FAMILIES)
        first, families = split_vocabulary(tokens)
        assert first == 151665 and len(tokens) == 165158
        config = FlowDubberSemanticConfig(speech_token_families=families)
        assert config.vocab_size == 166000
        assert config.speech_tokens() == tokens[first:] == FlowDubberSemanticConfig().speech_tokens()
        expected = {
            "bicodec_global": (151665, 155760),
            "bicodec_semantic": (155761, 163952),
            "pitch_value": (163953, 164953),
            "pitch_var_value": (164954, 164964),
            "emotion": (165035, 165135),
            "task": (165136, 165145),
            "start": (165146, 165151),
            "end": (165152, 165157),
        }
        counts = dict(config.token_families)
        for family, (low, high) in expected.items():
            assert (config.family_offset(family), config.family_offset(family) + counts[family] - 1) == (low, high)
        assert config.marker_id("task", "tts") == 165137
        assert config.stop_token_ids == (165157, 151645) == (165157, tokens.index("<|im_end|>"))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda t: t.insert(4, "stray"), "'stray' .* stands among the speech tokens"),
            (lambda t: t.__setitem__(slice(1, 3), [t[2], t[1]]), r"bicodec_global_1\|> should be"),
            (lambda t: t.pop(3), r"bicodec_global_3\|> should be"),
            (lambda t: t.append("<|bicodec_global_64|>"), "not all together"),
            (lambda t: t.clear(), "no speech tokens"),
        ],
    )
    def test_a_vocabulary_out_of_order_is_refused(self, change, message):
        tokens = speech_tokens(SMALL_COUNTS)
        change(tokens)
        with pytest.raises(ValueError, match=message):
            split_vocabulary([*QWEN_ADDED, *tokens])

    @pytest.mark.parametrize(
        ("file", "change", "message"),
        [
            ("added_tokens.json", lambda c: c.update({"<|task_tts|>": 5}), r"'<\|task_tts\|>' the id 5, another file"),
            (
                "tokenizer_config.json",
                lambda c: c["added_tokens_decoder"].update({"7": {"content": "<|task_tts|>"}}),
                r"tokenizer_config.json gives '<\|task_tts\|>' the id 7",
            ),
            ("vocab.json", lambda c: c.update({"!": 7}), "gives '!' the id 7"),
            ("tokenizer.json", lambda c: c["added_tokens"].pop(30), "leave a gap"),
            ("tokenizer.json", lambda c: c.pop("added_tokens"), "no list of added tokens"),
            ("tokenizer_config.json", lambda c: c.update(pad_token="<|nothing|>"), "no text token"),
        ],
    )
    def test_files_that_disagree_are_refused(self, copy, file, change, message):
        if file == "tokenizer.json":
            for other in ("added_tokens.json", "tokenizer_config.json"):
                (copy / LANGUAGE / other).unlink()
        change_json(copy / LANGUAGE / file, change)
        with pytest.raises(ValueError, match=message):
            convert_spark_tts(copy)

    def test_rows_must_cover_the_tokens(self, copy):
        change_json(copy / LANGUAGE / "config.json", lambda c: c.update(vocab_size=400))
        with pytest.raises(ValueError, match="vocab_size of at least 479"):
            convert_spark_tts(copy)


class TestFolder:
    def test_every_part_loads_and_is_whole(self, out, model, tokenizer):
        assert sorted(path.name for path in out.iterdir()) == [
            "README.md",
            "semantic_model",
            "speech_tokenizer",
            "tokenizer",
        ]
        speech = load_part("speech_tokenizer", out / "speech_tokenizer")
        check_weights(out, {"semantic_model": model, "speech_tokenizer": speech})
        check_tokenizer(tokenizer, model.config)
        assert not list(out.rglob("*.bin"))
        card = (out / "README.md").read_text()
        assert card.startswith("---\nlicense: cc-by-nc-sa-4.0\n") and "not for commercial use" in card

    def test_training_starts_from_the_folder(self, out, model, tokenizer):
        found, its_tokenizer = load_model(out)
        assert its_tokenizer.get_vocab() == tokenizer.get_vocab()
        assert torch.equal(found.lm_head.weight, model.lm_head.weight)

    def test_weights_are_the_public_ones(self, spark, out):
        speech = FlowDubberSpeechTokenizer.from_pretrained(out / "speech_tokenizer")
        assert speech.postnet is None and speech.dtype == torch.float32
        plain = [name for name in spark.bicodec if "parametrizations" not in name and not name.startswith("postnet.")]
        state = speech.state_dict()
        assert len(plain) > 300 and all(torch.equal(state[name], spark.bicodec[name]) for name in plain)
        front_end = {name: value for name, value in spark.wav2vec2.state_dict().items() if "masked_spec" not in name}
        kept = [name for name in front_end if name.startswith("wav2vec2.")]
        assert len(kept) > 200 and all(torch.equal(state[name], front_end[name]) for name in kept)

    def test_they_drop_into_a_pipeline(self, out, tmp_path):
        parts = {name: load_part(name, out / name) for name in ("semantic_model", "tokenizer", "speech_tokenizer")}
        pipe = FlowDubberPipeline(**{**tiny_components(), **parts})
        pipe.save_pretrained(tmp_path)
        loaded = FlowDubberPipeline.from_pretrained(tmp_path)
        seen = []
        generate = loaded.semantic_model.generate_semantics

        def look(input_ids, *rest, **options):
            seen.append(loaded.tokenizer.decode(input_ids[0]))
            return generate(input_ids, *rest, **options)

        loaded.semantic_model.generate_semantics = look
        voice = torch.from_numpy(demo_voice(1.5))
        frames = torch.full((50, 96, 96, 3), 90, dtype=torch.uint8).numpy()
        loaded.set_progress_bar_config(disable=True)
        dub = loaded(
            "Now: 2 bins!",
            frames,
            voice,
            fps=25,
            reference_sampling_rate=16000,
            reference_text="Please, again.",
            mouth_box=(10, 10, 80, 80),
            num_inference_steps=1,
            semantic_max_new_tokens=4,
            generator=torch.Generator().manual_seed(0),
        )
        assert dub.audios[0].shape == (32000,)
        assert seen[0].startswith("<|task_tts|><|start_content|>Please, again.Now: 2 bins!<|end_content|>")

    def test_half_precision_is_the_language_models(self, spark, tmp_path):
        arguments = ["convert", "spark-tts", str(spark.folder), str(tmp_path / "out"), "--dtype", "float16", "--quiet"]
        assert main(arguments) == 0
        kinds = {
            name: {tensor.dtype for tensor in load_file(tmp_path / "out" / name / "model.safetensors").values()}
            for name in ("semantic_model", "speech_tokenizer")
        }
        assert kinds == {"semantic_model": {torch.float16}, "speech_tokenizer": {torch.float32, torch.int64}}

    def test_the_postnet_on_request(self, spark, tmp_path):
        parts = convert_spark_tts(spark.folder, keep_postnet=True)
        parts["speech_tokenizer"].save_pretrained(tmp_path)
        speech = FlowDubberSpeechTokenizer.from_pretrained(tmp_path)
        assert torch.equal(speech.postnet.linear.weight, spark.bicodec["postnet.linear.weight"])

    def test_what_is_there_stays(self, spark, out, capsys):
        before = (out / "README.md").stat().st_mtime_ns
        assert main(["convert", "spark-tts", str(spark.folder), str(out)]) == 2
        assert "exists; give --overwrite" in capsys.readouterr().err
        assert (out / "README.md").stat().st_mtime_ns == before

    def test_nothing_is_left_of_a_failure(self, copy, tmp_path, capsys):
        change_weights(copy / CODEC, lambda t: t["decoder.model.0.bias"].fill_(float("nan")))
        assert main(["convert", "spark-tts", str(copy), str(tmp_path / "out"), "--quiet"]) == 2
        error = capsys.readouterr().err
        assert "'decoder.model.0.bias' has values that are not finite" in error and len(error.splitlines()) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["copy"]

    def test_what_is_left_out_is_told(self, spark, tmp_path, capsys):
        assert main(["convert", "spark-tts", str(spark.folder), str(tmp_path / "out")]) == 0
        told = capsys.readouterr().out
        assert (
            "left out: BiCodec's postnet, training's (67 tensors); wav2vec2's pre-training heads (8 tensors)" in told
        )

    def test_from_the_hub_come_weights_and_settings_only(self, spark, tmp_path, monkeypatch):
        asked = {}

        def snapshot(repository, revision, allow_patterns):
            asked.update(repository=repository, revision=revision)
            files = [path.relative_to(spark.folder) for path in spark.folder.rglob("*") if path.is_file()]
            files += [
                Path("LLM/modeling_x.py"),
                Path("LLM/pytorch_model.bin"),
                Path("src/logo.png"),
                Path("BiCodec/x.bin"),
            ]
            asked["files"] = set(filter_repo_objects(map(str, files), allow_patterns=allow_patterns))
            return spark.folder

        monkeypatch.setattr(fetching, "snapshot_download", snapshot)
        parts = convert_spark_tts("SparkAudio/Spark-TTS-0.5B", revision="abc")
        assert set(parts) == {"semantic_model", "tokenizer", "speech_tokenizer"}
        assert (asked["repository"], asked["revision"]) == ("SparkAudio/Spark-TTS-0.5B", "abc")
        assert "wav2vec2-large-xlsr-53/pytorch_model.bin" in asked["files"] and "LLM/merges.txt" in asked["files"]
        assert not {"LLM/modeling_x.py", "LLM/pytorch_model.bin", "src/logo.png", "BiCodec/x.bin"} & asked["files"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("folder", "change", "message"),
        [
            (CODEC, lambda t: t.pop("prenet.linear.bias"), "BiCodec: the checkpoint lacks prenet.linear.bias"),
            (
                CODEC,
                lambda t: t.pop("decoder.model.0.parametrizations.weight.original0"),
                "lacks decoder.model.0.parametrizations.weight.original0",
            ),
            (CODEC, lambda t: t.update({"decoder.model.7.bias": torch.ones(1)}), "unexpected decoder.model.7.bias"),
            (
                CODEC,
                lambda t: t.update({"encoder.project.bias": torch.ones(3)}),
                r"other shapes of encoder.project.bias \(3,\) instead of \(20,\)",
            ),
            (
                LANGUAGE,
                lambda t: t.pop("model.norm.weight"),
                "the language model: the checkpoint lacks model.norm.weight",
            ),
            (LANGUAGE, lambda t: t.update({"lm_head.bias": torch.ones(1)}), "unexpected lm_head.bias"),
            (
                CODEC,
                lambda t: t.clear() or t.update(a=torch.ones(1)),
                r"lacks \S+, \S+, \S+ and 493 more; it has unexpected a",
            ),
        ],
    )
    def test_weights_are_named(self, copy, folder, change, message):
        change_weights(copy / folder, change)
        with pytest.raises(ValueError, match=message):
            convert_spark_tts(copy)

    def test_wav2vec2s_too(self, copy):
        file = copy / FRONT_END / "pytorch_model.bin"
        tensors = torch.load(file, weights_only=True)
        first = "wav2vec2.encoder.layers.0.attention.k_proj.bias"
        torch.save({name: value for name, value in tensors.items() if name != first}, file)
        with pytest.raises(ValueError, match=f"wav2vec2: the checkpoint lacks {first}"):
            convert_spark_tts(copy)
        torch.save({**tensors, "wav2vec2.extra": torch.ones(1)}, file)
        with pytest.raises(ValueError, match=r"unexpected wav2vec2\.extra"):
            convert_spark_tts(copy)

    def test_a_pickle_with_code_is_never_run(self, copy, tmp_path):
        class Harmful:
            def __reduce__(self):
                return Path.touch, (tmp_path / "harm",)

        torch.save({"wav2vec2.x": Harmful()}, copy / FRONT_END / "pytorch_model.bin")
        with pytest.raises(ValueError, match="not only tensors"):
            convert_spark_tts(copy)
        assert not (tmp_path / "harm").exists()

    def test_a_bare_wav2vec2_in_safetensors_serves_too(self, spark, copy):
        (copy / FRONT_END / "pytorch_model.bin").unlink()
        with pytest.raises(ValueError, match=r"there is no file .*pytorch_model\.bin"):
            convert_spark_tts(copy)
        spark.wav2vec2.wav2vec2.save_pretrained(copy / FRONT_END)
        found = convert_spark_tts(copy)["speech_tokenizer"].state_dict()
        name = "wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.original1"
        assert torch.equal(found[name], spark.wav2vec2.state_dict()[name])

    @pytest.mark.parametrize("name", ["spectrogram.window", "mel_scale.fb"])
    def test_constants_are_checked(self, copy, name):
        constants = {
            "spectrogram.window": torch.hann_window(640),
            "mel_scale.fb": speaker_filters(SMALL.mels, 1024, 10.0, 16000).T.contiguous(),
        }
        name, constant = f"mel_transformer.{name}", constants[name]
        change_weights(copy / CODEC, lambda t: t.update({name: constant}))
        assert "BiCodec's constants, computed here (1 tensors)" in convert_spark_tts(copy)["speech_tokenizer"].left_out
        for other in (2 * constant, constant[1:]):
            change_weights(copy / CODEC, lambda t, other=other: t.update({name: other.contiguous()}))
            with pytest.raises(ValueError, match=f"{name} is not what its configuration says"):
                convert_spark_tts(copy)

    @pytest.mark.parametrize(
        ("section", "key", "value", "message"),
        [
            ("prenet", "use_tanh_at_final", True, "prenet.use_tanh_at_final is True"),
            ("prenet", "vocos_dim", 18, "prenet.vocos_dim is 18, encoder.vocos_dim 16"),
            ("encoder", "sample_ratios", [2, 1], "sample_ratios"),
            ("speaker_encoder", "fsq_num_quantizers", 2, "fsq_num_quantizers is 2"),
            ("speaker_encoder", "colour", 2, "unknown speaker_encoder.colour"),
            ("decoder", "rates", None, "lacks decoder.rates"),
            ("encoder", "vocos_num_layers", 10**9, "vocos_num_layers is 1000000000"),
            ("quantizer", "codebook_size", "many", "codebook_size"),
            ("mel_params", "mel_fmax", 7600, "mel_params.mel_fmax is 7600"),
            ("encoder", "vocos_num_layers", 3, "lacks encoder.encoder.convnext.2"),
            ("quantizer", "codebook_size", 41, r"other shapes of .*\(40, 4\) instead of \(41, 4\)"),
        ],
    )
    def test_settings_are_named(self, copy, section, key, value, message):
        def change(content):
            content = content["audio_tokenizer"][section]
            content.pop(key, None)
            if value is not None:
                content[key] = value

        change_yaml(copy / CODEC / "config.yaml", change)
        with pytest.raises(ValueError, match=message):
            convert_spark_tts(copy)

    def test_code_in_settings_is_not_run(self, copy, tmp_path):
        harm = f"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{tmp_path / 'harm'}']]"
        (copy / "config.yaml").write_text(f"sample_rate: {harm}\n")
        with pytest.raises(ValueError, match="not valid YAML"):
            convert_spark_tts(copy)
        assert not (tmp_path / "harm").exists()

    @pytest.mark.parametrize(
        ("file", "change", "message"),
        [
            ("config.yaml", lambda c: c.pop("volume_normalize"), "lacks volume_normalize"),
            ("config.yaml", lambda c: c.update(latent_hop_length=640), "latent_hop_length is 640"),
            ("config.yaml", lambda c: c.update(ref_segment_duration=2.5), "speaker_seconds"),
            ("LLM/config.json", lambda c: c.update(model_type="llama"), "'llama', not qwen2"),
            ("LLM/config.json", lambda c: c.pop("hidden_size"), "lacks hidden_size"),
            ("LLM/config.json", lambda c: c.update(num_hidden_layers=10**8), "100000000 layers"),
            (f"{FRONT_END}/preprocessor_config.json", lambda c: c.update(do_normalize=False), "do_normalize is False"),
            (
                f"{FRONT_END}/config.json",
                lambda c: c.update(num_hidden_layers=16),
                "unexpected wav2vec2.encoder.layers.16",
            ),
            (f"{FRONT_END}/config.json", lambda c: c.update(conv_stride=[4] * 7), "convolutions of `wav2vec2_config`"),
        ],
    )
    def test_other_settings_too(self, copy, file, change, message):
        (change_json if file.endswith("json") else change_yaml)(copy / file, change)
        with pytest.raises(ValueError, match=message):
            convert_spark_tts(copy)

    def test_codes_and_vocabulary_must_agree(self, tmp_path):
        spark = write_spark_tts(tmp_path / "spark", counts={**SMALL_COUNTS, "bicodec_semantic": 39})
        with pytest.raises(ValueError, match="39 semantic tokens, BiCodec 40 codes"):
            convert_spark_tts(spark.folder)

    def test_no_folder(self, tmp_path):
        with pytest.raises(ValueError, match="there is no folder"):
            convert_spark_tts(tmp_path / "nothing")
        with pytest.raises(ValueError, match=r"config\.yaml"):
            convert_spark_tts(tmp_path)
        with pytest.raises(ValueError, match="leave --revision out"):
            convert_spark_tts(tmp_path, revision="main")
        with pytest.raises(ValueError, match="leave --file out"):
            convert_spark_tts(tmp_path, file="model.safetensors")


def published_bicodec() -> FlowDubberSpeechTokenizerConfig:
    front_end = {
        "model_type": "wav2vec2",
        "num_hidden_layers": 24,
        "hidden_size": 1024,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
        "conv_bias": True,
        "feat_extract_norm": "layer",
        "do_stable_layer_norm": True,
    }
    return bicodec_config(SETTINGS, codec_settings(PUBLISHED)["audio_tokenizer"], wav2vec2_config(front_end, {}))


class TestPublishedSizes:
    """The published checkpoint's own counts: 840 tensors of BiCodec, 156 M numbers; a language model of half a billion."""

    def test_bicodec(self):
        shapes = bicodec_shapes(PUBLISHED)
        tensors = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
        assert len(tensors) == 840
        assert sum(tensor.numel() for tensor in tensors.values()) == 156_354_601
        with torch.device("meta"):
            model = FlowDubberSpeechTokenizer(published_bicodec())
        front_end = {name: tensor for name, tensor in model.state_dict().items() if name.startswith("wav2vec2.")}
        recipes, _ = plan_bicodec(model, tensors, front_end)
        assert set(recipes) == set(model.state_dict())

        # Folding leaves out the magnitudes; counts, means and variances are no parameters.
        folded = ("original0", "cluster_size", "running_mean", "running_var", "num_batches_tracked")
        for part in ("encoder", "quantizer", "speaker_encoder", "prenet", "postnet", "decoder"):
            own = sum(parameter.numel() for parameter in model.get_submodule(part).parameters())
            assert own == sum(
                tensor.numel()
                for name, tensor in tensors.items()
                if name.startswith(f"{part}.") and not name.endswith(folded)
            )
        assert sum(p.numel() for p in model.wav2vec2.parameters()) == 315_437_696

    def test_defaults_are_the_published_settings(self):
        config = published_bicodec()
        ours, default = config.to_dict(), FlowDubberSpeechTokenizerConfig().to_dict()
        different = {name for name in ours if name != "wav2vec2_config" and ours[name] != default[name]}
        assert different == {"wav2vec2_tail"}
        assert config.wav2vec2_layers == [11, 14, 16] and config.speaker_seconds == 6

    def test_language_model(self):
        with torch.device("meta"):
            model = FlowDubberSemanticForConditionalGeneration(FlowDubberSemanticConfig())
        assert model.config.vocab_size == 166000 and model.lm_head.weight is model.model.embed_tokens.weight
        assert sum(parameter.numel() for parameter in model.parameters()) == 506_634_112
