"""What the tokenizer hears: volume, log-mel or wav2vec2 features at 50 Hz, and the global branch's mel spectrogram.

Every function treats each row of a padded batch as if it were alone.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from transformers.audio_utils import mel_filter_bank

from flowdubber_hf.processing.audio import HOP_LENGTH, N_FFT, log_mel

from .configuration_speech_tokenizer import MEL_FRAMES_PER_TOKEN, WAV2VEC2_OVERLAP, FlowDubberSpeechTokenizerConfig


MIN_SAMPLES = N_FFT
TARGET_VOLUME = 0.2
LOG_FLOOR = 1e-5


def sample_lengths(input_values: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
    """`(batch,)` int64 number of real samples of `(batch, samples)` sound.

    Raises:
        ValueError: a row shorter than 40 ms, or a mask of another shape or with padding elsewhere than at the end.
    """
    if input_values.ndim != 2:
        raise ValueError(f"sound must have the shape (batch, samples), got {tuple(input_values.shape)}.")
    if attention_mask is None:
        lengths = torch.full((input_values.shape[0],), input_values.shape[1], device=input_values.device)
    else:
        mask = attention_mask.bool()
        if mask.shape != input_values.shape:
            raise ValueError(f"the mask {tuple(mask.shape)} must have the sound's shape {tuple(input_values.shape)}.")
        lengths = mask.sum(dim=1)
        if bool((mask[:, 1:] & ~mask[:, :-1]).any()):
            raise ValueError("the sound must be padded on the right.")
    if int(lengths.min()) < MIN_SAMPLES:
        raise ValueError(
            f"a speech tokenizer needs at least {MIN_SAMPLES} samples (40 ms) of sound, got {int(lengths.min())}."
        )
    return lengths


def length_mask(lengths: torch.Tensor, size: int) -> torch.Tensor:
    """`(batch,)` lengths -> `(batch, size)` bool."""
    return torch.arange(size, device=lengths.device)[None] < lengths[:, None]


def normalize_volume(sound: torch.Tensor) -> torch.Tensor:
    """Brings `(samples,)` sound to a common loudness.

    The mean of the loudest tenth (but its top hundredth of all) of the samples that are not near silence becomes 0.2,
    within a gain of 0.1 to 10, without clipping. Source: Spark-TTS, `audio_volume_normalize`.
    """
    levels = sound.abs().sort().values
    peak = float(levels[-1])
    gain = 0.1 / max(peak, 1e-3) if peak < 0.1 else 1.0
    # As in the source, the levels are those before that first gain.
    loud = levels[levels > 0.01]
    if len(loud) > 10:
        volume = float(loud[int(0.9 * len(loud)) : int(0.99 * len(loud))].mean())
        gain *= min(max(TARGET_VOLUME / volume, 0.1), 10.0)
        gain /= max(1.0, peak * gain)
    return sound * gain


def normalize_volumes(input_values: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """[`normalize_volume`] on each row of `(batch, samples)`; padding becomes zero."""
    output = torch.zeros_like(input_values)
    for row, length in enumerate(lengths.tolist()):
        output[row, :length] = normalize_volume(input_values[row, :length])
    return output


def reflect_tail(input_values: torch.Tensor, lengths: torch.Tensor, amount: int) -> torch.Tensor:
    """Appends to each row `amount` samples mirrored at its own end: `(batch, samples + amount)`, zero after them."""
    position = torch.arange(input_values.shape[1] + amount, device=input_values.device)[None]
    last = (lengths - 1)[:, None]
    source = torch.where(position > last, 2 * last - position, position).clamp(min=0)
    inside = position < (lengths + amount)[:, None]
    return torch.where(inside, input_values.gather(1, source.expand(len(lengths), -1)), 0)


def mel_features(
    input_values: torch.Tensor, lengths: torch.Tensor, config: FlowDubberSpeechTokenizerConfig
) -> torch.Tensor:
    """Normalised log-mel, two frames a token: `(batch, samples)` -> `(batch, 160, samples // 320)` float32."""
    frames = input_values.shape[1] // HOP_LENGTH // MEL_FRAMES_PER_TOKEN * MEL_FRAMES_PER_TOKEN
    mel = log_mel(reflect_tail(input_values.float(), lengths, N_FFT))[..., :frames]
    mel = (mel - config.feature_mean) / config.feature_std
    batch, bins, _ = mel.shape
    folded = mel.reshape(batch, bins, -1, MEL_FRAMES_PER_TOKEN).permute(0, 3, 1, 2)
    return folded.reshape(batch, bins * MEL_FRAMES_PER_TOKEN, -1)


def unfold_mel(features: torch.Tensor, config: FlowDubberSpeechTokenizerConfig) -> torch.Tensor:
    """The inverse of [`mel_features`]: `(batch, 160, tokens)` -> natural-log mel `(batch, 80, 2 * tokens)`."""
    batch, size, tokens = features.shape
    bins = size // MEL_FRAMES_PER_TOKEN
    mel = features.reshape(batch, MEL_FRAMES_PER_TOKEN, bins, tokens).permute(0, 2, 3, 1)
    return mel.reshape(batch, bins, -1) * config.feature_std + config.feature_mean


def token_counts(lengths: torch.Tensor, config: FlowDubberSpeechTokenizerConfig) -> torch.Tensor:
    """Semantic tokens of sounds of `lengths` samples."""
    missing = 0 if config.feature_type == "mel" else WAV2VEC2_OVERLAP - config.wav2vec2_tail
    return (lengths - missing) // config.hop_length


def wav2vec2_inputs(input_values: torch.Tensor, lengths: torch.Tensor, tail: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Zero-mean, unit-variance rows with `tail` silent samples behind each, and their mask."""
    mask = length_mask(lengths, input_values.shape[1])
    count = lengths[:, None]
    mean = torch.where(mask, input_values, 0).sum(1, keepdim=True) / count
    variance = torch.where(mask, (input_values - mean).square(), 0).sum(1, keepdim=True) / count
    values = torch.where(mask, (input_values - mean) / torch.sqrt(variance + 1e-7), 0)
    values = F.pad(values, (0, tail))
    return values, length_mask(lengths + tail, values.shape[1])


@lru_cache(maxsize=4)
def speaker_filters(num_bins: int, n_fft: int, fmin: float, sampling_rate: int) -> torch.Tensor:
    """Slaney mel filters of unit area `(num_bins, n_fft // 2 + 1)`, from `fmin` Hz to half the sampling rate."""
    filters = mel_filter_bank(
        num_frequency_bins=n_fft // 2 + 1,
        num_mel_filters=num_bins,
        min_frequency=fmin,
        max_frequency=sampling_rate / 2,
        sampling_rate=sampling_rate,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.from_numpy(np.ascontiguousarray(filters.T, dtype=np.float32))


def reference_clip(input_values: torch.Tensor, lengths: torch.Tensor, samples: int) -> torch.Tensor:
    """The first `samples` of each row, repeated from its beginning where it is shorter: `(batch, samples)`."""
    position = torch.arange(samples, device=input_values.device)[None] % lengths[:, None]
    return input_values.gather(1, position)


def speaker_mel(clip: torch.Tensor, config: FlowDubberSpeechTokenizerConfig) -> torch.Tensor:
    """Mel spectrogram of the global branch: `(batch, samples)` -> `(batch, speaker_mel_bins, samples // 320 + 1)`."""
    window = torch.hann_window(config.speaker_win_length, device=clip.device)
    spectrum = torch.stft(
        clip.float(),
        config.speaker_n_fft,
        config.hop_length,
        config.speaker_win_length,
        window,
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )
    filters = speaker_filters(
        config.speaker_mel_bins, config.speaker_n_fft, float(config.speaker_fmin), config.sampling_rate
    )
    mel = filters.to(clip.device) @ spectrum.abs()
    return torch.log(mel.clamp(min=LOG_FLOOR)) if config.speaker_log_mel else mel
