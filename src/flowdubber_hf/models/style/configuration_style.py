"""Configuration of the GE2E style encoder."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig


@strict
class FlowDubberStyleEncoderConfig(PreTrainedConfig):
    r"""
    Settings of [`FlowDubberStyleEncoder`]. The defaults are those of Resemblyzer's weights.

    Args:
        sampling_rate (`int`, *optional*, defaults to 16000): Hz of the input.
        n_fft (`int`, *optional*, defaults to 400): samples of a mel window (25 ms).
        hop_length (`int`, *optional*, defaults to 160): samples from one mel frame to the next (10 ms).
        num_mels (`int`, *optional*, defaults to 40): Slaney bins of the power mel, not logarithmic.
        hidden_size (`int`, *optional*, defaults to 256): width of the LSTM.
        num_hidden_layers (`int`, *optional*, defaults to 3): layers of the LSTM.
        style_size (`int`, *optional*, defaults to 256): dimensions of the style vector.
        window_frames (`int`, *optional*, defaults to 160): mel frames that the LSTM sees at once (1.6 s).
        window_rate (`float`, *optional*, defaults to 1.3): windows a second.
        min_coverage (`float`, *optional*, defaults to 0.75): a last window filled less than this is left out.
        target_dbfs (`float`, *optional*, defaults to -30.0): quieter sound is raised to this level.
        trim_silence (`bool`, *optional*, defaults to `True`): shorten pauses before embedding.
        silence_below_speech_db (`float`, *optional*, defaults to 15.0): 30 ms slices this much below the sound's loud
            slices count as silence.
        initializer_range (`float`, *optional*, defaults to 0.02): standard deviation of fresh weights.

    Raises:
        ValueError: settings that contradict each other.
    """

    model_type = "flowdubber_style_encoder"

    sampling_rate: int = 16000
    n_fft: int = 400
    hop_length: int = 160
    num_mels: int = 40
    hidden_size: int = 256
    num_hidden_layers: int = 3
    style_size: int = 256
    window_frames: int = 160
    window_rate: float | int = 1.3
    min_coverage: float | int = 0.75
    target_dbfs: float | int = -30.0
    trim_silence: bool = True
    silence_below_speech_db: float | int = 15.0
    initializer_range: float = 0.02

    @property
    def window_step(self) -> int:
        """Mel frames from one window to the next."""
        return round(self.sampling_rate / self.window_rate / self.hop_length)

    def validate_windows(self) -> None:
        """Windows must be real and leave no frame out."""
        sizes = (self.hidden_size, self.num_hidden_layers, self.style_size, self.num_mels, self.hop_length)
        if min(sizes) < 1 or self.n_fft < self.hop_length:
            raise ValueError(f"sizes must be positive and n_fft at least hop_length, got {self.n_fft}, {sizes}.")
        if not 0 < self.min_coverage <= 1:
            raise ValueError(f"min_coverage must lie in (0, 1], got {self.min_coverage}.")
        if self.window_rate <= 0 or not 1 <= self.window_step <= self.window_frames:
            raise ValueError(
                f"windows of {self.window_frames} frames at {self.window_rate} a second would leave gaps or never move;"
                " raise window_rate or lower it."
            )
