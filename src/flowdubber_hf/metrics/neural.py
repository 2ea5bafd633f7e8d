"""Figures of merit that a neural network gives: what Whisper hears, whose voice WavLM tells, how natural UTMOS finds it.

| class | unit | range | better | `--metrics` | weights |
|---|---|---|---|---|---|
| [`WhisperRecognizer`] | text, for the word error rate | | | `wer` | `openai/whisper-base`, `openai/whisper-large-v3` |
| [`WavLMSimilarity`] | cosine | -1 to 1 | higher | `wavlm` | `microsoft/wavlm-base-plus-sv` |
| [`Utmos`] | mean opinion score | 1 to 5 | higher | `utmos` | a folder made by `flowdubber convert utmos` |

Sound is mono float32 `(samples,)` at 16 kHz. The weights come from a local folder or from the Hugging Face Hub, once; after
that, and with `HF_HUB_OFFLINE=1`, nothing needs the network. They are read when the object is made: what cannot be read
raises `ValueError` then, and weights that lack a part are refused, since transformers would fill it with random numbers.
All three compute in float32 and draw no random numbers: on one device the same sound gives the same figure. Each sound goes
through its network alone, never padded for the company of others: padding changes what the first layer of WavLM and of
UTMOS gives.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from huggingface_hub import is_offline_mode
from transformers import (
    PreTrainedModel,
    Wav2Vec2FeatureExtractor,
    WavLMForXVector,
    WhisperForConditionalGeneration,
    WhisperProcessor,
)

from ..checkpoints.complete import not_finite
from ..models.parts import load_part
from ..processing.audio import SAMPLING_RATE
from ..work.wording import listed
from .ctranslate import CTranslateWhisper, is_ctranslate_folder


# WavLM's attention holds a number per head and pair of 20 ms frames: 2 GB in all at a minute, 100 times that at ten.
MAX_VOICE_SECONDS = 60.0


class _Weights(NamedTuple):
    """Weights as the user knows them."""

    name: str  # folder or Hub id
    metric: str  # what `--metrics` calls it
    remedy: str  # how to get them

    def refuse(self, problem: str) -> ValueError:
        return ValueError(
            f"cannot use {self.name!r} for the metric {self.metric}: {problem} {self.remedy} "
            f"To do without, leave {self.metric} out of --metrics."
        )


def _hub_remedy(example: str) -> str:
    return (
        f"It must be a local folder with the files of a model like {example}, or a name on the Hugging Face Hub such as "
        "that one, which needs the network the first time (and HF_HUB_OFFLINE unset)."
    )


def _load_part(weights: _Weights, part: type, **options: Any) -> Any:
    """`part.from_pretrained`, its many kinds of errors as one `ValueError`."""
    # Without this, transformers asks a service of the Hub to convert weights that are no safetensors.
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    try:
        return part.from_pretrained(weights.name, local_files_only=is_offline_mode(), **options)
    except Exception as error:  # OSError, ValueError, RuntimeError, SafetensorError...: one remedy for all
        reason = re.split(r"\n|\. ", str(error).strip())[0] or type(error).__name__
        raise weights.refuse(f"loading failed ({reason.rstrip('.')}).") from error


def _load_model(weights: _Weights, part: type[PreTrainedModel], device: str, unused: tuple[str, ...] = ()) -> Any:
    """The model in float32 for evaluation; refuses weights with holes, but for parameters that start as in `unused`."""
    model, report = _load_part(weights, part, dtype=torch.float32, output_loading_info=True)
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(unused))
    if missing:
        raise weights.refuse(f"its weights lack {len(missing)} parts of a {part.__name__}, {missing[0]} first.")
    broken = not_finite(model.state_dict())
    if broken:
        raise weights.refuse(f"its weights are not finite ({listed(broken)}).")
    return model.to(device).eval()


def _mono(sound: np.ndarray) -> np.ndarray:
    """`(samples,)` float32 sound; `ValueError` for another shape, for nothing and for numbers that are not finite."""
    wave = np.asarray(sound, dtype=np.float32)
    if wave.ndim != 1 or not wave.size:
        raise ValueError(f"one sound of the shape (samples,) is needed, got {wave.shape}.")
    if not np.isfinite(wave).all():
        raise ValueError("the sound holds values that are not finite.")
    return wave


class WhisperRecognizer:
    """Writes down what is said, as Whisper (Radford et al., arXiv 2212.04356) hears it in English.

    The field scores GRID with `openai/whisper-base` and Chem with `openai/whisper-large-v3`. GRID's true recordings
    already have a word error rate of about 22 % with the former (Speaker2Dubber), Chem's of about 4 % with the latter.

    Greedy search, English, transcription, no timestamps. openai-whisper, which the field runs, decodes with timestamps and
    draws again at a higher temperature where the text repeats itself or is unsure: its text may differ on such clips, and
    from one run to the next. Sound longer than Whisper's window of 30 s is heard by transformers' long-form decoding, which
    moves the window by the timestamps it predicts.

    Args:
        name (`str`, defaults to `"openai/whisper-base"`): local folder or Hub id of a Whisper model; `.en` models too.
        device (`str`, defaults to `"cpu"`): where it computes.

    Raises:
        ValueError: the weights cannot be loaded; the message says what to do.
    """

    def __init__(self, name: str = "openai/whisper-base", device: str = "cpu") -> None:
        weights = _Weights(name, "wer", _hub_remedy("openai/whisper-base"))
        self.name = name
        self.processor = _load_part(weights, WhisperProcessor)
        self.model = _load_model(weights, WhisperForConditionalGeneration, device)

    def _options(self, long: bool) -> dict[str, Any]:
        # English-only models refuse to be told the language.
        multilingual = getattr(self.model.generation_config, "is_multilingual", False)
        told = {"language": "en", "task": "transcribe"} if multilingual else {}
        return {"do_sample": False, "num_beams": 1, "return_timestamps": long, **told}

    @torch.no_grad()
    def __call__(self, sound: np.ndarray) -> str:
        """The text as Whisper writes it, with case and punctuation; see `word_error_rate` for how texts are compared.

        Digital silence holds no words: its text is empty, without asking Whisper, which makes words up there. Noise and
        very short sound are put to Whisper, which fills its window with silence.

        Args:
            sound (`np.ndarray` of shape `(samples,)`): 16 kHz.

        Raises:
            ValueError: sound of another shape, empty or not finite.
        """
        wave = _mono(sound)
        if not wave.any():
            return ""
        extractor = self.processor.feature_extractor
        long = len(wave) > extractor.n_samples
        inputs = self.processor(
            wave,
            sampling_rate=SAMPLING_RATE,
            return_tensors="pt",
            return_attention_mask=True,
            truncation=not long,
            padding="longest" if long else "max_length",
        ).to(self.model.device)
        tokens = self.model.generate(**inputs, **self._options(long))
        return self.processor.batch_decode(tokens, skip_special_tokens=True)[0].strip()


def load_whisper(name: str = "openai/whisper-base", device: str = "cpu") -> Callable[[np.ndarray], str]:
    """[`WhisperRecognizer`], or [`CTranslateWhisper`] where the folder is one of CTranslate2.

    Raises:
        ValueError, ImportError: the weights cannot be loaded; the message says what to do.
    """
    return (CTranslateWhisper if is_ctranslate_folder(name) else WhisperRecognizer)(name, device)


class WavLMSimilarity:
    """How alike two voices are: cosine of the x-vectors of WavLM with a TDNN head (Chen et al., arXiv 2110.13900).

    Papers of the field print the cosine of UniSpeech's `wavlm_large_finetune` (WavLM large with an ECAPA-TDNN head of 256
    dimensions, fine-tuned as a whole; 0.43 % equal errors on Vox1-O). That checkpoint lies on a file-sharing site, as a
    pickle for s3prl, and its head is not the one of transformers' [`WavLMForXVector`]. `microsoft/wavlm-base-plus-sv` (WavLM
    base plus with the x-vector head of SUPERB, 512 dimensions) stands for it here.

    **The two scales differ: never compare their numbers.** The stand-in's cosines lie close together near the top: its
    model card decides for one speaker at 0.86, and strangers commonly reach 0.5 to 0.7. With the large one strangers lie
    near 0, and CoSyncDiT prints 0.75 for FlowDubber on Chem. What carries over is the order of systems. Score the true
    recording and a stranger's voice beside them, so that a reader sees the scale.

    Args:
        name (`str`, defaults to `"microsoft/wavlm-base-plus-sv"`): local folder or Hub id of a `WavLMForXVector` with its
            feature extractor, which decides whether the level is normalised.
        device (`str`, defaults to `"cpu"`): where it computes.

    Raises:
        ValueError: the weights cannot be loaded, or have no x-vector head; the message says what to do.
    """

    def __init__(self, name: str = "microsoft/wavlm-base-plus-sv", device: str = "cpu") -> None:
        weights = _Weights(name, "wavlm", _hub_remedy("microsoft/wavlm-base-plus-sv"))
        self.name = name
        self.feature_extractor = _load_part(weights, Wav2Vec2FeatureExtractor)
        # Parts that only training uses.
        unused = ("objective.", "classifier.", "wavlm.masked_spec_embed")
        self.model = _load_model(weights, WavLMForXVector, device, unused)

    @property
    def min_samples(self) -> int:
        """Samples of the shortest sound with an x-vector: two outputs of the head are needed for their deviation."""
        config = self.model.config
        samples = 2 + sum(
            (kernel - 1) * dilation for kernel, dilation in zip(config.tdnn_kernel, config.tdnn_dilation, strict=True)
        )
        for kernel, stride in reversed(list(zip(config.conv_kernel, config.conv_stride, strict=True))):
            samples = (samples - 1) * stride + kernel
        return samples

    @torch.no_grad()
    def embed(self, sound: np.ndarray) -> np.ndarray:
        """X-vector `(xvector_output_dim,)` of unit length of `(samples,)` 16 kHz sound.

        Sound longer than a minute is cut into equal pieces of at most that; their unit vectors are averaged.

        Raises:
            ValueError: sound of another shape, silent, not finite, or too short (0.33 s for WavLM base).
        """
        wave = _mono(sound)
        if not wave.any():
            raise ValueError("the sound is silent: there is no voice to tell.")
        if len(wave) < self.min_samples:
            raise ValueError(
                f"a voice needs {self.min_samples / SAMPLING_RATE:.2f} s of sound or more, "
                f"got {len(wave) / SAMPLING_RATE:.2f} s."
            )
        pieces = np.array_split(wave, math.ceil(len(wave) / (MAX_VOICE_SECONDS * SAMPLING_RATE)))
        mean = torch.stack([self._embed_piece(piece) for piece in pieces]).mean(dim=0)
        return torch.nn.functional.normalize(mean, dim=0).cpu().numpy()

    def _embed_piece(self, wave: np.ndarray) -> torch.Tensor:
        inputs = self.feature_extractor(wave, sampling_rate=SAMPLING_RATE, return_tensors="pt")
        embedding = self.model(inputs.input_values.to(self.model.device)).embeddings[0]
        return torch.nn.functional.normalize(embedding.float(), dim=0)

    def __call__(self, sound: np.ndarray, reference: np.ndarray) -> float:
        """Cosine of the two voices, -1 to 1, higher is more alike; the order of the two does not matter.

        Args:
            sound, reference (`np.ndarray` of shape `(samples,)`): 16 kHz, of any lengths that [`~WavLMSimilarity.embed`]
                takes.

        Raises:
            ValueError: as [`~WavLMSimilarity.embed`].
        """
        return float(np.clip(self.embed(sound) @ self.embed(reference), -1.0, 1.0))


class Utmos:
    """How natural speech sounds: the strong learner of UTMOS (Saeki et al., arXiv 2204.02152), `utmos22_strong`.

    The network and weights that the field runs by `torch.hub` from tarepan/SpeechMOS, as a [`FlowDubberUtmos`]. The field
    gives it sound at the rate of the file, which it resamples to 16 kHz with torchaudio; here sound comes at 16 kHz.
    UTMOS learned from single sentences, most of them synthetic English. It knows nothing of the lips, and listeners to
    dubs need not agree with it.

    Args:
        name_or_folder (`str`, defaults to `"utmos22_strong"`): folder made by `flowdubber convert utmos`, or Hub id of
            weights saved in this form. The default is the folder of that name in the working directory.
        device (`str`, defaults to `"cpu"`): where it computes.

    Raises:
        ValueError: the weights cannot be loaded; the message says what to do.
    """

    def __init__(self, name_or_folder: str = "utmos22_strong", device: str = "cpu") -> None:
        remedy = (
            "It must be a folder that `flowdubber convert utmos k2-fsa/TTS_eval_models utmos22_strong` made from the public "
            "weights, which needs the network once; or name the file utmos22_strong_step7459_v1.pt in place of that repository."
        )
        self.name = name_or_folder
        try:
            self.model = load_part("utmos", name_or_folder).to(device)
        except ValueError as error:
            raise _Weights(name_or_folder, "utmos", remedy).refuse(str(error)) from error

    @torch.no_grad()
    def __call__(self, sound: np.ndarray) -> float:
        """Mean opinion score, 1 (bad) to 5 (excellent); the network is not bounded, and its value is not clipped.

        Silence has a score like any sound. The whole sound is rated at once: 0.5 GB of memory for 30 s, twice that for a
        minute.

        Args:
            sound (`np.ndarray` of shape `(samples,)`): 16 kHz, in [-1, 1], at the level at which it is to be heard.

        Raises:
            ValueError: sound of another shape, not finite, or shorter than one frame of the network (25 ms).
        """
        wave = torch.from_numpy(_mono(sound))[None].to(self.model.device)
        return float(self.model(wave).scores[0])


__all__ = ["CTranslateWhisper", "Utmos", "WavLMSimilarity", "WhisperRecognizer", "load_whisper"]
