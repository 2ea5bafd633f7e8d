"""A vocoder that learns in minutes: predicted pitch drives a pulse train, predicted filters shape pulses and noise.

All the network runs once a mel frame. The sound is made by signal processing that is exact and differentiable: a
phase-continuous, band-limited pulse train at the predicted F0 and white noise go through a short-time Fourier transform,
are multiplied with predicted filters (complex for the pulses, real for the noise) and come back by overlap-add. A predicted
loudness curve with several points a frame then sharpens onsets, which the window has smeared. The harmonic-plus-noise model is that of Stylianou (2001); its differentiable form follows DDSP (Engel et al., 2020), the
pitch classes follow CREPE (Kim et al., 2018).
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.audio_utils import hertz_to_mel, mel_to_hertz
from transformers.utils import ModelOutput

from flowdubber_hf.checkpoints.sources import BundledNames
from flowdubber_hf.models.blocks import split_blocks

from .configuration_vocoder import FlowDubberVocoderConfig


# Default seed of the noise: the same mel always gives the same samples.
NOISE_SEED = 0
# A mel of speech has about this mean and spread (natural log, floor 1e-5); only brings the input near zero and one.
MEL_CENTER, MEL_SCALE = -5.0, 2.5
# Pulses one period apart are scaled by F0 over this, so their mean spectral magnitude does not depend on F0.
REFERENCE_PITCH = 100.0
# Bins on each side of the most probable pitch class that enter its mean: 4 x 20 cents, about the blur of the targets.
PITCH_NEIGHBOURS = 4
BLOCK_FRAMES = 2000  # of a longer spectrogram that are made into sound at once


@dataclass
class FlowDubberVocoderPitchOutput(ModelOutput):
    """
    Args:
        pitch (`torch.Tensor` of shape `(batch, frames)`): F0 in Hz, also where the frame is not voiced.
        pitch_logits (`torch.Tensor` of shape `(batch, num_pitch_bins, frames)`): over the classes of `pitch_grid`.
        voicing_logits (`torch.Tensor` of shape `(batch, frames)`): above 0 where the frame is voiced.
    """

    pitch: torch.Tensor | None = None
    pitch_logits: torch.Tensor | None = None
    voicing_logits: torch.Tensor | None = None


@dataclass
class FlowDubberVocoderFilterOutput(ModelOutput):
    """
    Args:
        harmonic (`torch.Tensor` of shape `(batch, frames, n_fft // 2 + 1)`, complex): filter of the pulses.
        noise (`torch.Tensor` of shape `(batch, frames, n_fft // 2 + 1)`): filter of the steady noise.
        pulsed_noise (`torch.Tensor` of shape `(batch, frames, n_fft // 2 + 1)`): filter of the noise that beats with F0.
        gain (`torch.Tensor` of shape `(batch, frames * gains_per_frame)`): logarithm of the loudness curve.
    """

    harmonic: torch.Tensor | None = None
    noise: torch.Tensor | None = None
    pulsed_noise: torch.Tensor | None = None
    gain: torch.Tensor | None = None


def hold_last(values: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
    """`(batch, steps)` with padding replaced by the last real value, which is what interpolation sees past an end.

    `attention_mask` is `(batch, steps)`, 0 on the padding at the right.
    """
    if attention_mask is None:
        return values
    last = (attention_mask.long().sum(dim=1, keepdim=True) - 1).clamp(min=0)
    return torch.where(attention_mask.bool(), values, values.gather(1, last))


def pulse_train(pitch: torch.Tensor, phase: torch.Tensor, band_limit: float) -> torch.Tensor:
    """Sum of equal cosines at all multiples of F0 below `band_limit`, scaled by F0 / 100 Hz.

    The closed form of the sum (Dirichlet's kernel) costs two sines instead of one a harmonic. The topmost harmonic fades
    in with the room it has below the limit, so that a moving F0 makes no click.

    Args:
        pitch (`torch.Tensor` of shape `(batch, samples)`): F0 in Hz, positive.
        phase (`torch.Tensor` of shape `(batch, samples)`): of the fundamental, in cycles.
        band_limit (`float`): Hz.

    Returns:
        `torch.Tensor` of shape `(batch, samples)`.
    """
    room = band_limit / pitch
    count = torch.floor(room).clamp(min=1)
    # Signed distance from the nearest pulse in cycles: small arguments keep the sines exact in float32.
    offset = phase - torch.round(phase)
    denominator = 2 * torch.sin(math.pi * offset)
    numerator = torch.sin(2 * math.pi * (count + 0.5) * offset)
    at_pulse = denominator.abs() < 1e-4
    ratio = torch.where(at_pulse, count + 0.5, numerator / torch.where(at_pulse, torch.ones_like(offset), denominator))
    top = (room - count).clamp(0, 1) * torch.cos(2 * math.pi * (count + 1) * offset)
    return (ratio - 0.5 + top) * (pitch / REFERENCE_PITCH)


def frame_signal(signal: torch.Tensor, n_fft: int, hop_length: int) -> torch.Tensor:
    """Overlapping frames `(batch, samples // hop, n_fft)` of `(batch, samples)`; frame t is centred like mel frame t."""
    pad = (n_fft - hop_length) // 2
    return F.pad(signal, (pad, pad)).unfold(-1, n_fft, hop_length)


def overlap_add(frames: torch.Tensor, hop_length: int) -> torch.Tensor:
    """Inverse of [`frame_signal`] but for the sum of windows: `(batch, frames, 4 hop)` to `(batch, frames * hop)`."""
    batch, count, n_fft = frames.shape
    overlap = n_fft // hop_length
    hops = frames.reshape(batch, count, overlap, hop_length)
    total = sum(F.pad(hops[:, :, part], (0, 0, part, overlap - 1 - part)) for part in range(overlap))
    pad = (n_fft - hop_length) // 2
    return total.reshape(batch, -1)[:, pad : pad + count * hop_length]


def _in_samples(frames: slice, hop_length: int) -> slice:
    return slice(frames.start * hop_length, frames.stop * hop_length)


class FlowDubberVocoderNorm(nn.Module):
    """Scales each frame of `(batch, channels, frames)` to unit power; over time it would leak padding into real frames."""

    def __init__(self, hidden_size: int, eps: float = 1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.eps = eps

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        power = hidden_states.float().square().mean(dim=1, keepdim=True)
        return hidden_states * torch.rsqrt(power + self.eps).to(hidden_states.dtype) * self.weight[:, None]


class FlowDubberVocoderBlock(nn.Module):
    """Residual block on `(batch, channels, frames)`: scale to unit power, dilated convolution of 3, pointwise layer.

    Args:
        hidden_size (`int`): channels.
        dilation (`int`): of the convolution.
    """

    def __init__(self, hidden_size: int, dilation: int):
        super().__init__()
        self.norm = FlowDubberVocoderNorm(hidden_size)
        self.conv = nn.Conv1d(hidden_size, hidden_size, 3, padding=dilation, dilation=dilation)
        self.pointwise = nn.Conv1d(hidden_size, hidden_size, 1)

    def forward(self, hidden_states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        residual = hidden_states
        hidden_states = F.silu(self.conv(F.silu(self.norm(hidden_states)) * mask))
        return residual + self.pointwise(hidden_states)


class FlowDubberVocoderBackbone(nn.Module):
    """Mel `(batch, num_mels, frames)` to `(batch, output_size, frames)`, one residual block a dilation."""

    def __init__(self, num_mels: int, hidden_size: int, dilations: tuple[int, ...] | list[int], output_size: int):
        super().__init__()
        self.conv_in = nn.Conv1d(num_mels, hidden_size, 5, padding=2)
        self.blocks = nn.ModuleList(FlowDubberVocoderBlock(hidden_size, dilation) for dilation in dilations)
        self.norm_out = FlowDubberVocoderNorm(hidden_size)
        self.conv_out = nn.Conv1d(hidden_size, output_size, 1)

    def forward(self, mel: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden_states = self.conv_in(mel * mask)
        for block in self.blocks:
            hidden_states = block(hidden_states, mask)
        return self.conv_out(self.norm_out(hidden_states))


class FlowDubberVocoderPreTrainedModel(BundledNames, PreTrainedModel):
    """Weight initialisation and loading."""

    config: FlowDubberVocoderConfig
    base_model_prefix = "vocoder"
    main_input_name = "spectrogram"
    input_modalities = ("audio",)
    supports_gradient_checkpointing = False
    # Weights may be stored in half precision but must run in float32: gains are exponentials of the network's output, and rounding them is heard.
    _keep_in_fp32_modules_strict = ("pitch_net", "filter_net")

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, FlowDubberVocoderBackbone):
            for block in module.blocks:
                # The variance of the fan-in instead of a fixed 0.02: the first steps already move the filters.
                init.kaiming_normal_(block.conv.weight, nonlinearity="relu")
        elif isinstance(module, FlowDubberVocoderNorm):
            init.ones_(module.weight)
        elif isinstance(module, FlowDubberVocoder):
            init.copy_(module.window, torch.hann_window(module.config.n_fft))
            init.copy_(module.pitch_grid, module.make_pitch_grid())
            init.copy_(module.bin_positions, module.make_bin_positions())


class FlowDubberVocoder(FlowDubberVocoderPreTrainedModel):
    """Natural-log mel to waveform; the same call as transformers' `SpeechT5HifiGan`.

    Example:

    ```python
    vocoder = FlowDubberVocoder.from_pretrained(folder)
    waveform = vocoder(spectrogram)  # (batch, frames, 80) -> (batch, frames * 160)
    ```
    """

    def __init__(self, config: FlowDubberVocoderConfig):
        super().__init__(config)
        bins = config.n_fft // 2 + 1
        self.pitch_net = FlowDubberVocoderBackbone(
            config.num_mels, config.pitch_hidden_size, config.pitch_dilations, config.num_pitch_bins + 1
        )
        self.filter_net = FlowDubberVocoderBackbone(
            config.num_mels, config.hidden_size, config.dilations, 4 * bins + config.gains_per_frame
        )
        # The wider network's reach, and the frames beside one that its window overlaps.
        widest = max(sum(config.dilations), sum(config.pitch_dilations))
        self.reach = widest + 2 + config.n_fft // config.hop_length
        # Named dtypes: a checkpoint in half precision must not round the tables.
        self.window = nn.Buffer(torch.empty(config.n_fft, dtype=torch.float32), persistent=False)
        self.pitch_grid = nn.Buffer(torch.empty(config.num_pitch_bins, dtype=torch.float32), persistent=False)
        self.bin_positions = nn.Buffer(torch.empty(bins, dtype=torch.float32), persistent=False)
        self.post_init()

    def make_pitch_grid(self) -> torch.Tensor:
        """`(num_pitch_bins,)` natural logarithms of F0 in Hz, evenly spaced."""
        config = self.config
        return torch.linspace(math.log(config.pitch_min), math.log(config.pitch_max), config.num_pitch_bins)

    def make_bin_positions(self) -> torch.Tensor:
        """`(n_fft // 2 + 1,)` where the linear bins lie between the mel bins: 2.25 is a quarter from mel 2 to mel 3."""
        config = self.config
        low, high = (hertz_to_mel(float(edge), mel_scale="slaney") for edge in (config.fmin, config.fmax))
        step = (high - low) / (config.num_mels + 1)
        centres = [
            float(mel_to_hertz(low + step * (index + 1), mel_scale="slaney")) for index in range(config.num_mels)
        ]
        frequencies = np.linspace(0, config.sampling_rate / 2, config.n_fft // 2 + 1)
        return torch.from_numpy(np.interp(frequencies, centres, np.arange(config.num_mels))).float()

    def _normalize(self, spectrogram: torch.Tensor) -> torch.Tensor:
        floor = math.log(self.config.mel_floor)
        # A mel from outside may be anything finite or not; speech lies well inside these bounds.
        spectrogram = torch.nan_to_num(spectrogram, nan=floor, posinf=5.0, neginf=floor).clamp(floor, 5.0)
        return ((spectrogram - MEL_CENTER) / MEL_SCALE).transpose(1, 2).to(self.dtype)

    def _frame_mask(self, spectrogram: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
        if attention_mask is None:
            attention_mask = torch.ones(spectrogram.shape[:2], device=spectrogram.device)
        return attention_mask[:, None].to(self.dtype)

    def predict_pitch(
        self, spectrogram: torch.Tensor, attention_mask: torch.Tensor | None = None
    ) -> FlowDubberVocoderPitchOutput:
        """F0 and voicing of `(batch, frames, num_mels)` natural-log mels; `attention_mask` is `(batch, frames)`."""
        output = self.pitch_net(self._normalize(spectrogram), self._frame_mask(spectrogram, attention_mask)).float()
        logits, voicing = output[:, :-1], output[:, -1]
        # The mean near the best class is finer than the class spacing and blind to a second, octave-off peak.
        best = logits.argmax(dim=1, keepdim=True)
        classes = torch.arange(logits.shape[1], device=logits.device)[None, :, None]
        near = (classes - best).abs() <= PITCH_NEIGHBOURS
        weights = logits.masked_fill(~near, float("-inf")).softmax(dim=1)
        pitch = torch.exp((weights * self.pitch_grid.float()[None, :, None]).sum(dim=1))
        return FlowDubberVocoderPitchOutput(pitch=pitch, pitch_logits=logits, voicing_logits=voicing)

    def predict_filters(
        self, spectrogram: torch.Tensor, attention_mask: torch.Tensor | None = None
    ) -> FlowDubberVocoderFilterOutput:
        """Filters for `(batch, frames, num_mels)` natural-log mels; `attention_mask` is `(batch, frames)`."""
        mel = self._normalize(spectrogram)
        output = self.filter_net(mel, self._frame_mask(spectrogram, attention_mask)).float().transpose(1, 2)
        gains, bins = self.config.gains_per_frame, self.config.n_fft // 2 + 1
        harmonic, phase, noise, pulsed, curve = output.split([bins] * 4 + [gains], dim=-1)
        # The network only corrects the mel's own envelope. The constants bring each source, seen through the window, to
        # the level of the mel's magnitudes: a Slaney filter sums to 1 / bin width.
        log_mel = mel.float().transpose(1, 2) * MEL_SCALE + MEL_CENTER
        positions = self.bin_positions.float()
        below = positions.long()
        above = (below + 1).clamp(max=self.config.num_mels - 1)
        envelope = torch.lerp(log_mel[..., below], log_mel[..., above], positions - below)
        envelope = envelope + math.log(self.config.sampling_rate / self.config.n_fft)
        noise_level = math.log(math.sqrt(0.375 * self.config.n_fft))
        pulse_level = math.log(
            self.config.n_fft / 4 * 2 * self.config.sampling_rate / self.config.n_fft / REFERENCE_PITCH
        )

        def gain(correction: torch.Tensor, level: float) -> torch.Tensor:
            return torch.exp((envelope + correction - level).clamp(max=float(self.config.max_log_gain)))

        return FlowDubberVocoderFilterOutput(
            harmonic=torch.polar(gain(harmonic, pulse_level + 0.3), phase),
            noise=gain(noise, noise_level + 1.0),
            pulsed_noise=gain(pulsed, noise_level + 2.0),
            # Smoothly bounded: e^3 either way is more than any onset needs.
            gain=3 * torch.tanh(curve.flatten(1) / 3),
        )

    @torch.no_grad()
    def make_sources(
        self,
        pitch: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        initial_phase: torch.Tensor | None = None,
        noise: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Pulses, noise and pulsed noise, before any filter.

        Args:
            pitch (`torch.Tensor` of shape `(batch, frames)`): F0 in Hz.
            attention_mask (`torch.Tensor` of shape `(batch, frames)`, *optional*): 0 on padding, which stays silent.
            generator (`torch.Generator` or a list of them, *optional*): of the noise, one a row if a list. By default a
                fixed seed, whose samples depend only on their place in time.
            initial_phase (`torch.Tensor` of shape `(batch, 1)`, *optional*): of the fundamental, in cycles.
            noise (`torch.Tensor` of shape `(batch, frames * hop_length)`, *optional*): of deviation 1, in place of
                drawing it.

        Returns:
            `torch.Tensor` of shape `(3, batch, frames * hop_length)`, float32.
        """
        batch, frames = pitch.shape
        hop, device = self.config.hop_length, pitch.device
        pitch = hold_last(pitch.float(), attention_mask)
        pitch = F.interpolate(pitch[:, None], scale_factor=float(hop), mode="linear")[:, 0]
        # Minutes of cycles do not fit in float32; MPS has nothing wider.
        exact = torch.float32 if device.type == "mps" else torch.float64
        phase = torch.cumsum(pitch.to(exact) / self.config.sampling_rate, dim=1)
        if initial_phase is not None:
            phase = phase + initial_phase.to(exact)
        phase = (phase - torch.floor(phase)).float()
        pulses = pulse_train(pitch, phase, 0.48 * self.config.sampling_rate)
        if noise is None:
            noise = self._noise(batch, frames * hop, generator, device)
        beat = torch.cos(math.pi * phase).square() ** 4
        sources = torch.stack([pulses, noise, noise * beat])
        if attention_mask is not None:
            sources = sources * attention_mask.repeat_interleave(hop, dim=1)
        return sources

    def _noise(
        self, batch: int, samples: int, generator: torch.Generator | list[torch.Generator] | None, device: torch.device
    ) -> torch.Tensor:
        if isinstance(generator, list):
            if len(generator) != batch:
                raise ValueError(f"give one generator a row: got {len(generator)} for a batch of {batch}.")
            rows = [torch.randn(samples, generator=row, device=row.device).to(device) for row in generator]
            return torch.stack(rows)
        if generator is None:
            # One row for all: a sound must not depend on what shares its batch. Drawn on the CPU, where the first samples
            # do not depend on how many follow.
            seeded = torch.Generator().manual_seed(NOISE_SEED)
            return torch.randn(samples, generator=seeded).to(device).expand(batch, samples)
        return torch.randn(batch, samples, generator=generator, device=generator.device).to(device)

    def synthesize(
        self,
        filters: FlowDubberVocoderFilterOutput,
        sources: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Filters the sources `(3, batch, samples)` frame by frame; gives `(batch, samples)`, float32."""
        config = self.config
        window = self.window.float()
        count = sources.shape[0]
        frames = frame_signal(sources.flatten(0, 1), config.n_fft, config.hop_length) * window
        pulses, noise, pulsed = torch.fft.rfft(frames).unflatten(0, (count, -1))
        spectrum = pulses * filters.harmonic + noise * filters.noise + pulsed * filters.pulsed_noise
        frames = torch.fft.irfft(spectrum, n=config.n_fft) * window
        weights = window.square().expand(frames.shape[0] if attention_mask is not None else 1, frames.shape[1], -1)
        if attention_mask is not None:
            keep = attention_mask[:, :, None].to(frames.dtype)
            frames, weights = frames * keep, weights * keep
        # The true sum of windows, also at the ends and before padding. Never below 0.7 in a real frame.
        waveform = overlap_add(frames, config.hop_length) / overlap_add(weights, config.hop_length).clamp(min=0.1)
        points = config.gains_per_frame
        curve_mask = None if attention_mask is None else attention_mask.repeat_interleave(points, dim=1)
        curve = hold_last(filters.gain, curve_mask)[:, None]
        waveform = (
            waveform * torch.exp(F.interpolate(curve, scale_factor=config.hop_length / points, mode="linear"))[:, 0]
        )
        if attention_mask is not None:
            # The last real frame's window reaches over the end.
            waveform = waveform * attention_mask.repeat_interleave(config.hop_length, dim=1)
        return waveform

    def forward(
        self,
        spectrogram: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        **kwargs,
    ) -> torch.Tensor:
        """
        Args:
            spectrogram (`torch.Tensor` of shape `(batch, frames, num_mels)` or `(frames, num_mels)`): natural-log mel.
            attention_mask (`torch.Tensor` of shape `(batch, frames)`, *optional*): 0 on padding frames.
            generator (`torch.Generator` or a list of them, *optional*): of the noise; by default a fixed seed.

        Returns:
            `torch.Tensor` of shape `(batch, frames * hop_length)` or `(frames * hop_length,)`: float32 waveform in about
            [-1, 1], silent on padding.

        Raises:
            ValueError: a spectrogram of another shape.
        """
        if (
            spectrogram.ndim not in (2, 3)
            or spectrogram.shape[-1] != self.config.num_mels
            or not spectrogram.shape[-2]
        ):
            raise ValueError(
                f"a spectrogram has the shape (batch, frames, {self.config.num_mels}) or (frames, {self.config.num_mels})"
                f" and at least one frame, got {tuple(spectrogram.shape)}."
            )
        batched = spectrogram if spectrogram.ndim == 3 else spectrogram[None]
        blocks = list(split_blocks(batched.shape[1], BLOCK_FRAMES, self.reach))

        def masked(places: slice) -> torch.Tensor | None:
            return None if attention_mask is None else attention_mask[:, places]

        pitch = torch.cat(
            [self.predict_pitch(batched[:, at.read], masked(at.read)).pitch[:, at.kept] for at in blocks], dim=1
        )
        # The pulses run through the whole sound, whatever the blocks are.
        sources = self.make_sources(pitch, attention_mask, generator)
        waveform = torch.cat(
            [
                self.synthesize(
                    self.predict_filters(batched[:, at.read], masked(at.read)),
                    sources[..., _in_samples(at.read, self.config.hop_length)],
                    masked(at.read),
                )[:, _in_samples(at.kept, self.config.hop_length)]
                for at in blocks
            ],
            dim=1,
        )
        return waveform if spectrogram.ndim == 3 else waveform[0]


__all__ = [
    "FlowDubberVocoder",
    "FlowDubberVocoderFilterOutput",
    "FlowDubberVocoderPitchOutput",
    "FlowDubberVocoderPreTrainedModel",
]
