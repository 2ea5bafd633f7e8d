"""The style vector of a voice: the GE2E speaker encoder (Wan et al., 2018) in torch alone.

Same computation as Resemblyzer's `VoiceEncoder` (Apache-2.0), whose weights it takes, but for the trimming of pauses:
Resemblyzer asks WebRTC's voice activity detector, which must be compiled; here it is a rule on loudness.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.audio_utils import mel_filter_bank
from transformers.utils import ModelOutput

from flowdubber_hf.checkpoints.sources import BundledNames

from .configuration_style import FlowDubberStyleEncoderConfig


# Trimming, as in Resemblyzer: decisions on slices of 30 ms, smoothed over 8 of them, speech widened by 3 on each side.
SLICES_PER_SECOND = 100 / 3
SMOOTHING_SLICES = 8
WIDENING_SLICES = 3
# The share of loud slices that the level of speech is read at; a click is shorter than what lies above.
LOUD_QUANTILE = 0.9


@dataclass
class FlowDubberStyleEncoderOutput(ModelOutput):
    """
    Args:
        style (`torch.Tensor` of shape `(batch, style_size)`): unit length, no negative entries.
    """

    style: torch.Tensor | None = None


def raise_volume(waveform: torch.Tensor, target_dbfs: float) -> torch.Tensor:
    """`(samples,)` sound with its mean level raised to `target_dbfs`; louder sound and silence stay as they are."""
    level = torch.sqrt(waveform.square().mean())
    gain = 10 ** (target_dbfs / 20) / level.clamp(min=1e-8)
    return torch.where(level > 1e-6, waveform * gain.clamp(min=1.0), waveform)


def trim_silence(waveform: torch.Tensor, sampling_rate: int, below_speech_db: float) -> torch.Tensor:
    """`(samples,)` sound without its long pauses; what is all silence comes back whole."""
    slice_length = round(sampling_rate / SLICES_PER_SECOND)
    count = len(waveform) // slice_length
    if count < SMOOTHING_SLICES:
        return waveform
    slices = waveform[: count * slice_length].reshape(count, slice_length)
    level = 10 * torch.log10(slices.square().mean(dim=1) + 1e-10)
    speech = (level > torch.quantile(level, LOUD_QUANTILE) - below_speech_db).float()
    left = (SMOOTHING_SLICES - 1) // 2
    padded = F.pad(speech[None, None], (left, SMOOTHING_SLICES - 1 - left))
    speech = (F.avg_pool1d(padded, SMOOTHING_SLICES, stride=1) > 0.5).float()
    widened = F.max_pool1d(speech, 2 * WIDENING_SLICES + 1, stride=1, padding=WIDENING_SLICES)[0, 0] > 0
    return slices[widened].reshape(-1) if widened.any() else waveform


class FlowDubberStyleEncoder(BundledNames, PreTrainedModel):
    """Sound of a voice to its style vector.

    Example:

    ```python
    encoder = FlowDubberStyleEncoder.from_pretrained(folder)
    style = encoder(input_values).style  # (batch, samples) at 16 kHz -> (batch, 256)
    ```
    """

    config: FlowDubberStyleEncoderConfig
    base_model_prefix = "style_encoder"
    main_input_name = "input_values"
    input_modalities = ("audio",)
    supports_gradient_checkpointing = False
    # Weights may be stored in half precision but must run in float32: the power mel spans ten decades.
    _keep_in_fp32_modules_strict = ("lstm", "linear")

    def __init__(self, config: FlowDubberStyleEncoderConfig):
        super().__init__(config)
        self.lstm = nn.LSTM(config.num_mels, config.hidden_size, config.num_hidden_layers, batch_first=True)
        self.linear = nn.Linear(config.hidden_size, config.style_size)
        # Named dtypes: a checkpoint in half precision must not round the tables.
        self.window = nn.Buffer(torch.empty(config.n_fft, dtype=torch.float32), persistent=False)
        self.mel_filters = nn.Buffer(
            torch.empty(config.n_fft // 2 + 1, config.num_mels, dtype=torch.float32), persistent=False
        )
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, FlowDubberStyleEncoder):
            init.copy_(module.window, torch.hann_window(module.config.n_fft))
            init.copy_(module.mel_filters, module.make_mel_filters())

    def make_mel_filters(self) -> torch.Tensor:
        """`(n_fft // 2 + 1, num_mels)` Slaney filters from 0 Hz to half the sampling rate."""
        config = self.config
        filters = mel_filter_bank(
            num_frequency_bins=config.n_fft // 2 + 1,
            num_mel_filters=config.num_mels,
            min_frequency=0.0,
            max_frequency=config.sampling_rate / 2,
            sampling_rate=config.sampling_rate,
            norm="slaney",
            mel_scale="slaney",
        )
        return torch.from_numpy(filters).float()

    def _window_starts(self, samples: int) -> list[int]:
        """First mel frames of the windows over `samples` of sound; there is always one."""
        config = self.config
        frames = samples // config.hop_length + 1
        starts = list(range(0, max(1, frames - config.window_frames + config.window_step + 1), config.window_step))
        covered = samples / config.hop_length - starts[-1]
        if covered < config.min_coverage * config.window_frames and len(starts) > 1:
            starts.pop()
        return starts

    def _windows(self, waveform: torch.Tensor, trim: bool) -> torch.Tensor:
        """Power mels `(windows, window_frames, num_mels)` of `(samples,)` sound."""
        config = self.config
        waveform = raise_volume(waveform, float(config.target_dbfs))
        if trim:
            waveform = trim_silence(waveform, config.sampling_rate, float(config.silence_below_speech_db))
        starts = self._window_starts(len(waveform))
        missing = (starts[-1] + config.window_frames) * config.hop_length - len(waveform)
        padded = F.pad(waveform, (0, max(0, missing)))
        spectrum = torch.stft(
            padded,
            config.n_fft,
            config.hop_length,
            config.n_fft,
            self.window.float(),
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        mel = (spectrum.real.square() + spectrum.imag.square()).T @ self.mel_filters.float()
        return torch.stack([mel[start : start + config.window_frames] for start in starts])

    def forward(
        self,
        input_values: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        trim: bool | None = None,
        **kwargs,
    ) -> FlowDubberStyleEncoderOutput:
        """
        Args:
            input_values (`torch.Tensor` of shape `(batch, samples)`): sound in [-1, 1] at `config.sampling_rate`.
            attention_mask (`torch.Tensor` of shape `(batch, samples)`, *optional*): 0 on the padding at the right.
            trim (`bool`, *optional*): shorten pauses; `config.trim_silence` by default.

        Returns:
            [`FlowDubberStyleEncoderOutput`]

        Raises:
            ValueError: sound of another shape, or a row without a sample.
        """
        if input_values.ndim != 2 or not input_values.shape[1]:
            raise ValueError(f"sound must have the shape (batch, samples), got {tuple(input_values.shape)}.")
        rows = list(input_values.float())
        if attention_mask is not None:
            rows = [row[: int(length)] for row, length in zip(rows, attention_mask.long().sum(dim=1), strict=True)]
        if not all(len(row) for row in rows):
            raise ValueError("each row needs at least one sample that attention_mask keeps.")
        trim = self.config.trim_silence if trim is None else trim
        windows = [self._windows(row, trim) for row in rows]
        _, (hidden_states, _) = self.lstm(torch.cat(windows).to(self.linear.weight.dtype))
        embeddings = F.normalize(F.relu(self.linear(hidden_states[-1])).float(), dim=1)
        means = torch.stack([part.mean(dim=0) for part in embeddings.split([len(part) for part in windows])])
        return FlowDubberStyleEncoderOutput(style=F.normalize(means, dim=1))


__all__ = ["FlowDubberStyleEncoder", "FlowDubberStyleEncoderOutput"]
