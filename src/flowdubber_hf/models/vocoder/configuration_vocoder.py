"""Configuration of the harmonic-plus-noise vocoder."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig


@strict
class FlowDubberVocoderConfig(PreTrainedConfig):
    r"""
    Settings of [`FlowDubberVocoder`].

    Args:
        sampling_rate (`int`, *optional*, defaults to 16000): Hz of the waveform.
        n_fft (`int`, *optional*, defaults to 640): samples of the synthesis window; the mel's own window.
        hop_length (`int`, *optional*, defaults to 160): samples a mel frame. A quarter of `n_fft`.
        num_mels (`int`, *optional*, defaults to 80): bins of the natural-log mel.
        fmin (`float`, *optional*, defaults to 0.0): lowest frequency of the mel in Hz.
        fmax (`float`, *optional*, defaults to 8000.0): highest frequency of the mel in Hz.
        mel_floor (`float`, *optional*, defaults to 1e-5): the mel's floor before the logarithm.
        hidden_size (`int`, *optional*, defaults to 256): width of the filter network.
        dilations (`list[int]`, *optional*, defaults to `[1, 2, 4, 1, 2, 4]`): one residual block of the filter network each.
        pitch_hidden_size (`int`, *optional*, defaults to 128): width of the pitch network.
        pitch_dilations (`list[int]`, *optional*, defaults to `[1, 2, 4, 8, 1]`): one residual block of the pitch network each.
        num_pitch_bins (`int`, *optional*, defaults to 192): classes of F0, evenly spaced in log frequency.
        pitch_min (`float`, *optional*, defaults to 60.0): F0 of the first class in Hz.
        pitch_max (`float`, *optional*, defaults to 500.0): F0 of the last class in Hz.
        gains_per_frame (`int`, *optional*, defaults to 4): points a mel frame of the loudness curve, which gives onsets the
            sharpness that a 40 ms window cannot. Divides `hop_length`.
        max_log_gain (`float`, *optional*, defaults to 8.0): bound of a filter's log magnitude, so that mels out of range
            stay finite.
        initializer_range (`float`, *optional*, defaults to 0.02): standard deviation of fresh weights.

    Raises:
        ValueError: settings that contradict each other.
    """

    model_type = "flowdubber_vocoder"

    sampling_rate: int = 16000
    n_fft: int = 640
    hop_length: int = 160
    num_mels: int = 80
    fmin: float | int = 0.0
    fmax: float | int = 8000.0
    mel_floor: float = 1e-5
    hidden_size: int = 256
    dilations: list[int] | tuple[int, ...] = (1, 2, 4, 1, 2, 4)
    pitch_hidden_size: int = 128
    pitch_dilations: list[int] | tuple[int, ...] = (1, 2, 4, 8, 1)
    num_pitch_bins: int = 192
    pitch_min: float | int = 60.0
    pitch_max: float | int = 500.0
    gains_per_frame: int = 4
    max_log_gain: float | int = 8.0
    initializer_range: float = 0.02

    def validate_synthesis(self) -> None:
        """The window must overlap four times and the bands must be ordered."""
        if self.n_fft != 4 * self.hop_length:
            raise ValueError(f"n_fft must be four hops, got n_fft={self.n_fft} and hop_length={self.hop_length}.")
        if self.gains_per_frame < 1 or self.hop_length % self.gains_per_frame:
            raise ValueError(
                f"gains_per_frame must divide hop_length, got {self.gains_per_frame} for {self.hop_length} samples."
            )
        if not 0 <= self.fmin < self.fmax <= self.sampling_rate / 2:
            raise ValueError(
                f"the mel must lie in 0..{self.sampling_rate / 2:.0f} Hz, got fmin={self.fmin} and fmax={self.fmax}."
            )
        if not 20 <= self.pitch_min < self.pitch_max <= self.sampling_rate / 4:
            raise ValueError(
                f"F0 must lie in 20..{self.sampling_rate / 4:.0f} Hz, got {self.pitch_min} to {self.pitch_max}."
            )
        if min(self.num_mels, self.hidden_size, self.pitch_hidden_size) < 1 or self.num_pitch_bins < 16:
            raise ValueError(
                "num_mels, hidden_size and pitch_hidden_size must be positive, num_pitch_bins at least 16."
            )
        if not self.dilations or not self.pitch_dilations or min(*self.dilations, *self.pitch_dilations, 1) < 1:
            raise ValueError("dilations and pitch_dilations must name at least one block each, all at least 1.")
