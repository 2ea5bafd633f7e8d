"""Every part given something to do: a voice to tokenise and make again, a mel to vocode, a clip to read lips of, to dub."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from ..demo import DEMO_REFERENCE_SCRIPT, DEMO_SCRIPT, demo_frames, demo_reference, demo_timeline
from ..models.semantic import build_prompt, check_tokenizer, pad_prompts, spelled_script
from ..pipelines.flowdubber import FlowDubberPipeline
from ..processing.audio import SAMPLING_RATE, VIDEO_FRAME_RATE, log_mel, resample
from ..processing.lips import FlowDubberLipFeatureExtractor
from ..processing.references import level_voice, voice_pieces
from ..processing.text import phonemize
from ..sampling import DEFAULT_GUIDANCE_SCALE
from .findings import NOTE, OK, WRONG, Finding, judge_sound, judge_tokens


# Natural-log units between the mel given to a vocoder and that of its sound. The bundled one is at 0.18 with the demo's voice and at
# 0.31 with GRID's; given decimal logarithms or a normalised mel it is beyond 3.7, and an untrained HiFi-GAN is beyond 4.
MEL_NOTE, MEL_WRONG = 0.8, 1.5
# The second voice of the trials is the first at this rate, lower and slower.
OTHER_RATE = 13000
SPELLED_LEAST = 0.7  # of the phonemes
SEMANTIC_LIMIT = 200  # tokens, 4 s
SEMANTIC_LEAST = 50  # six words in less than a second
DUB_STEPS = 4


@dataclass
class Bench:
    """What the trials are made with, and what they leave.

    Attributes:
        parts: name to part, on `device`.
        device: of the parts.
        voice: `(samples,)` float32 at 16 kHz.
        transcript: what the voice says, if that is known.
        sounds: name to `(samples,)` sound that the trials made.
    """

    parts: Mapping[str, Any]
    device: torch.device
    voice: torch.Tensor
    transcript: str | None = None
    sounds: dict[str, torch.Tensor] = field(default_factory=dict)

    @cached_property
    def frames(self) -> np.ndarray:
        """`(F, H, W, 3)` uint8 at 25 frames a second, the drawn head saying `DEMO_SCRIPT`."""
        return demo_frames()

    @property
    def other_voice(self) -> torch.Tensor:
        """The voice, lower and slower: another speaker to any ear."""
        return torch.from_numpy(resample(self.voice.numpy(), OTHER_RATE))

    def batch(self, sound: torch.Tensor) -> torch.Tensor:
        """`(1, samples)` on the device."""
        return sound[None].to(self.device)


def make_bench(parts: Mapping[str, Any], device: torch.device, voice: np.ndarray | None = None) -> Bench:
    """A bench with the demo's synthetic voice where none is given."""
    sound, transcript = (demo_reference(), DEMO_REFERENCE_SCRIPT) if voice is None else (voice, None)
    return Bench(parts, device, torch.from_numpy(np.ascontiguousarray(sound, np.float32)), transcript)


def try_style_encoder(bench: Bench) -> Iterator[Finding]:
    """Voice to style vector, in two halves and as another voice."""
    encoder = bench.parts["style_encoder"]
    half = len(bench.voice) // 2
    sounds = (bench.voice, bench.voice[:half], bench.voice[half:], bench.other_voice)
    whole, first, second, other = (encoder(bench.batch(sound)).style[0].float().cpu() for sound in sounds)
    if not torch.isfinite(whole).all() or not 0.9 < float(whole.norm()) < 1.1:
        yield Finding("style_encoder", WRONG, f"a style vector of the length {float(whole.norm()):.2f} in place of 1.")
        return
    same, different = float(first @ second), float(whole @ other)
    values = {"same_voice": round(same, 3), "other_voice": round(different, 3)}
    told = f"halves of one voice are {same:.2f} alike, another voice {different:.2f}"
    yield Finding("style_encoder", OK if different < 0.98 else NOTE, f"{told}.", values)


def try_voice_encoder(bench: Bench) -> Iterator[Finding]:
    """What a vector field that hears voices itself hears in the voice, in its halves and in another."""
    field = bench.parts["vector_field"]
    if field.voice_encoder is None:
        return
    half = len(bench.voice) // 2
    heard = []
    for sound in (bench.voice, bench.voice[:half], bench.voice[half:], bench.other_voice):
        pieces = torch.from_numpy(voice_pieces(level_voice(sound.numpy()))).to(bench.device)
        heard.append(field.hear(log_mel(pieces)).mean(0)[: field.config.style_size].float().cpu())
    whole, first, second, other = heard
    length = float(whole.norm())
    if not all(torch.isfinite(vector).all() for vector in heard):
        yield Finding("vector_field", WRONG, "its voice encoder hears values that are not finite.")
    elif length == 0:
        yield Finding("vector_field", NOTE, "its voice encoder is untrained: it adds nothing to the style.")
    else:
        same, different = (float(torch.cosine_similarity(*pair, dim=0)) for pair in ((first, second), (whole, other)))
        told = f"its voice encoder adds {length:.2f} to a style of 1; halves of one voice are {same:.2f} alike, another {different:.2f}"
        values = {"added": round(length, 3), "heard_same": round(same, 3), "heard_other": round(different, 3)}
        yield Finding("vector_field", OK if different < 0.98 else NOTE, f"{told}.", values)


def try_speech_tokenizer(bench: Bench) -> Iterator[Finding]:
    """A voice to tokens and back to sound."""
    tokenizer = bench.parts["speech_tokenizer"]
    config = tokenizer.config
    codes = tokenizer.encode(bench.batch(bench.voice))
    semantic, voice = codes.semantic_tokens[0], codes.global_tokens[0]
    yield judge_tokens("speech_tokenizer", "semantic tokens", semantic.tolist(), config.codebook_size)
    yield judge_tokens("speech_tokenizer", "global tokens", voice.tolist(), config.global_codebook_size, False)
    other = tokenizer.encode_global(bench.batch(bench.other_voice))[0]
    changed = int((other != voice).sum())
    values = {"changed": changed, "of": len(voice)}
    told = f"{changed} of {len(voice)} global tokens change with the voice"
    yield Finding("speech_tokenizer", OK if changed else WRONG, f"{told}.", values)
    if not tokenizer.makes_sound:
        yield Finding(
            "speech_tokenizer", NOTE, "it only reads sound: it was published without what makes sound of its tokens."
        )
        return
    sound = tokenizer.decode(codes.semantic_tokens, codes.global_tokens)[0].float().cpu()
    bench.sounds["speech_tokenizer"] = sound
    samples = len(semantic) * config.hop_length
    yield judge_sound("speech_tokenizer", "the voice from its tokens", sound, samples, bench.voice)


def try_vocoder(bench: Bench) -> Iterator[Finding]:
    """The mel of a voice to sound, whose mel should be the same."""
    vocoder = bench.parts["vocoder"]
    mel = log_mel(bench.voice)
    sound = vocoder(mel.T[None].to(bench.device))[0].float().cpu()
    samples = 160 * mel.shape[1]
    beyond = len(sound) - samples
    if (
        0 < beyond <= 160
    ):  # transposed convolutions whose kernels do not fit their strides add a few; the pipeline cuts them
        sound = sound[:samples]
    bench.sounds["vocoder"] = sound
    finding = judge_sound("vocoder", "a voice from its mel", sound, samples, bench.voice)
    distance = finding.values.get("mel_distance", 0.0)
    if finding.level == OK and distance > MEL_NOTE:
        level, reason = NOTE, "its mel is not quite the one it was given"
        if distance > MEL_WRONG:
            level = WRONG
            reason = (
                "its mel is not the one it was given: the vocoder is untrained, or was trained on another spectrogram"
            )
        finding = replace(finding, level=level, text=f"{finding.text.removesuffix('.')}; {reason}.")
    yield finding
    if getattr(vocoder.config, "fmax", None) is None:
        yield Finding("vocoder", NOTE, "its settings do not say which mel spectrogram it takes (n_fft, fmin, fmax).")


def try_language_model(bench: Bench) -> Iterator[Finding]:
    """The demo's script to speech tokens in the voice, and those to sound; a model that spells is asked for its states."""
    model, tokenizer = bench.parts["semantic_model"], bench.parts["tokenizer"]
    check_tokenizer(tokenizer, model.config)
    if model.config.answer == "spelling":
        yield try_spelling(bench)
        return
    speech_tokenizer = bench.parts["speech_tokenizer"]
    codes = speech_tokenizer.encode(bench.batch(bench.voice))
    voice = codes.global_tokens
    prompt = build_prompt(tokenizer, DEMO_SCRIPT, bench.transcript, voice[0], codes.semantic_tokens[0])
    ids, mask = pad_prompts([prompt], model.config.pad_token_id)
    spoken = model.generate_semantics(
        ids.to(bench.device),
        mask.to(bench.device),
        generator=torch.Generator("cpu").manual_seed(0),
        max_new_tokens=SEMANTIC_LIMIT,
    )
    tokens = spoken.semantic_tokens[0][spoken.mask[0].bool()]
    if not torch.isfinite(spoken.hidden_states).all():
        yield Finding("semantic_model", WRONG, "its hidden states hold values that are not finite.")
        return
    if len(tokens) == SEMANTIC_LIMIT:
        told = f"it did not end {DEMO_SCRIPT!r} within {SEMANTIC_LIMIT / 50:.0f} s of speech; dubs end with the clip all the same."
        yield Finding("semantic_model", NOTE, told, {"tokens": len(tokens)})
    elif len(tokens) < SEMANTIC_LEAST:
        told = f"it ended {DEMO_SCRIPT!r} after {len(tokens) / 50:.2f} s of speech."
        yield Finding("semantic_model", NOTE, told, {"tokens": len(tokens)})
    size = model.config.semantic_codebook_size
    yield judge_tokens("semantic_model", f"speech tokens for {DEMO_SCRIPT!r}", tokens.tolist(), size)
    if not speech_tokenizer.makes_sound:
        yield Finding(
            "semantic_model",
            NOTE,
            "what it says cannot be heard: the speech tokenizer was published without its sound.",
        )
        return
    sound = speech_tokenizer.decode(tokens[None], voice)[0].float().cpu()
    bench.sounds["semantic_model"] = sound
    samples = len(tokens) * speech_tokenizer.config.hop_length
    yield judge_sound("semantic_model", "the script, spoken at its own tempo", sound, samples)


def try_spelling(bench: Bench) -> Finding:
    """How many of the demo's phonemes a model that spells names before it is given them."""
    model, voice = bench.parts["semantic_model"], bench.parts["speech_tokenizer"].encode(bench.batch(bench.voice))
    prompt = build_prompt(bench.parts["tokenizer"], DEMO_SCRIPT, None, voice.global_tokens[0], None)
    script = phonemize(DEMO_SCRIPT)
    codes = torch.tensor([spelled_script(script.phonemes, script.optional)], device=bench.device)
    ids, mask = pad_prompts([prompt], model.config.pad_token_id)
    states = model.semantic_features(ids.to(bench.device), codes, mask.to(bench.device)).hidden_states[0]
    if not torch.isfinite(states).all():
        return Finding("semantic_model", WRONG, "its hidden states hold values that are not finite.")
    first, size = model.config.semantic_token_offset, model.config.semantic_codebook_size
    named = (states[:-1] @ model.get_input_embeddings().weight[first : first + size].T).argmax(-1)
    share = float((named == codes[0, 1:]).float().mean())
    told = f"it names {share:.0%} of the phonemes of {DEMO_SCRIPT!r}"
    if share < SPELLED_LEAST:
        return Finding("semantic_model", NOTE, f"{told}; a trained one reads nearly all.", {"named": share})
    return Finding("semantic_model", OK, f"{told}.", {"named": share})


def demo_crops(bench: Bench, extractor: FlowDubberLipFeatureExtractor | None = None) -> Any:
    """What a lip feature extractor makes of the drawn head."""
    return (extractor or FlowDubberLipFeatureExtractor())(bench.frames, fps=VIDEO_FRAME_RATE)


def try_lips(bench: Bench) -> Iterator[Finding]:
    """The drawn head's mouth, which is where it is in every frame."""
    found = demo_crops(bench, bench.parts["lip_feature_extractor"])
    frames, remarks = found["lip_values"].shape[1], list(found["warnings"])
    spread = float(torch.as_tensor(found["lip_values"]).std(dim=1).mean())
    values = {"frames": frames, "spread": round(spread, 3)}
    if remarks:
        yield Finding("lip_feature_extractor", NOTE, " ".join(remarks), values)
    moves = spread > 0.01
    told = f"the mouth of the drawn head in {frames} frames, {'moving' if moves else 'standing still'}"
    yield Finding("lip_feature_extractor", OK if moves and frames == len(bench.frames) else WRONG, f"{told}.", values)


def try_lip_reader(bench: Bench) -> Iterator[Finding]:
    """Features of the drawn head's mouth."""
    values = torch.as_tensor(demo_crops(bench)["lip_values"]).to(bench.device)
    features = bench.parts["lip_reader"](values).lip_features[0].float().cpu()
    spread = float(features.std(dim=0).mean())
    about = {"features": features.shape[1], "spread": round(spread, 4)}
    if not torch.isfinite(features).all():
        yield Finding("lip_reader", WRONG, "its features hold values that are not finite.")
    elif spread < 1e-6:
        yield Finding("lip_reader", WRONG, "its features do not change with the mouth.", about)
    else:
        yield Finding("lip_reader", OK, f"{features.shape[1]} features a frame, which move by {spread:.3f}.", about)


def try_utmos(bench: Bench) -> Iterator[Finding]:
    """An opinion of the voice, and of noise."""
    noise = 0.05 * torch.randn(len(bench.voice), generator=torch.Generator().manual_seed(0))
    voice, other = (float(bench.parts["utmos"](bench.batch(sound)).scores[0]) for sound in (bench.voice, noise))
    values = {"voice": round(voice, 2), "noise": round(other, 2)}
    told = f"scores the voice {voice:.2f} and noise {other:.2f} (1 bad, 5 excellent)"
    yield Finding("utmos", OK if np.isfinite(voice) and voice > other else NOTE, f"{told}.", values)


def try_syncnet(bench: Bench) -> Iterator[Finding]:
    """Embeddings of pictures and sound that change with what they are of."""
    judge = bench.parts["syncnet"]
    config = judge.config
    shape = (1, 30, config.crop_size, config.crop_size) + ((3,) if config.crop_channels == 3 else ())
    pictures = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    output = judge(
        judge.prepare_frames(pictures.to(bench.device)), judge.prepare_sound(bench.batch(bench.voice[: 30 * 640]))
    )
    for name, states in (("pictures", output.lip_embeddings), ("sound", output.audio_embeddings)):
        spread = float(states[0].float().std(dim=0).mean())
        good = bool(torch.isfinite(states).all()) and spread > 1e-6
        told = f"embeddings of {name}: {states.shape[1]} of {states.shape[2]}, which move by {spread:.3g}"
        yield Finding("syncnet", OK if good else WRONG, f"{told}.", {f"{name}_spread": float(f"{spread:.4g}")})


def try_dub(bench: Bench, pipe: FlowDubberPipeline) -> Iterator[Finding]:
    """The drawn head dubbed in the voice, three seconds in a few steps."""
    pipe.set_progress_bar_config(disable=True)
    dub = pipe(
        script=DEMO_SCRIPT,
        video=bench.frames,
        fps=VIDEO_FRAME_RATE,
        reference_audio=bench.voice.numpy(),
        reference_sampling_rate=SAMPLING_RATE,
        num_inference_steps=DUB_STEPS,
        guidance_scale=1.0 if pipe.semantic_model is None else DEFAULT_GUIDANCE_SCALE,
        generator=torch.Generator("cpu").manual_seed(0),
    )
    sound = torch.from_numpy(dub.audios[0])
    bench.sounds["dub"] = sound
    samples = len(bench.frames) * SAMPLING_RATE // VIDEO_FRAME_RATE
    yield judge_sound("dub", f"{DEMO_SCRIPT!r} in {DUB_STEPS} steps", sound, samples)
    said = [part for part in demo_timeline() if part["word"] is not None]
    starts = {part["word"]: part["start"] for part in reversed(said)}
    errors = [abs(start - starts[word]) for word, start, _ in dub.words[0] if word in starts]
    if errors:
        values = {"word_start_error_ms": round(1000 * float(np.mean(errors)))}
        told = f"words start {values['word_start_error_ms']} ms from where the drawn mouth says them"
        yield Finding("aligner", OK if np.mean(errors) < 0.15 else NOTE, f"{told}, on average.", values)
    seconds = {name: round(value, 2) for name, value in dub.timings.items()}
    yield Finding(
        "dub", OK, f"{seconds['total']:.1f} s of work for {samples / SAMPLING_RATE:.0f} s.", {"seconds": seconds}
    )


# Trial and the parts that it needs.
TRIALS: tuple[tuple[Callable[[Bench], Iterator[Finding]], tuple[str, ...]], ...] = (
    (try_style_encoder, ("style_encoder",)),
    (try_voice_encoder, ("vector_field",)),
    (try_speech_tokenizer, ("speech_tokenizer",)),
    (try_language_model, ("semantic_model", "tokenizer", "speech_tokenizer")),
    (try_vocoder, ("vocoder",)),
    (try_lips, ("lip_feature_extractor",)),
    (try_lip_reader, ("lip_reader",)),
    (try_syncnet, ("syncnet",)),
    (try_utmos, ("utmos",)),
)
