"""Flow-based voice enhancing: the 1-D U-Net velocity, on the SATL mel prior and in the voice of the reference."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass, replace

import torch
from diffusers import ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.loaders import PeftAdapterMixin
from diffusers.utils import BaseOutput
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import nn
from torch.nn import functional as F

from flowdubber_hf.checkpoints.saving import PathlessConfigMixin
from flowdubber_hf.checkpoints.sources import BundledNames
from flowdubber_hf.models.layers import (
    AttentionPlan,
    ChannelsLastConv1d,
    StyleAdaptiveLayerNorm,
    TimeConv,
    mask_sequence,
    real_positions,
    sinusoids,
)

from .attention import FlowDubberFieldAttention
from .prior import FlowDubberStylePrior
from .voice_encoder import FlowDubberVoiceEncoder


@dataclass
class FlowDubberVectorFieldOutput(BaseOutput):
    """
    Args:
        sample (`torch.Tensor` of shape `(B, 80, T)`): the velocity, data minus noise, in normalised mel.
    """

    sample: torch.Tensor


class FlowDubberResnetBlock(nn.Module):
    """Two convolutions with what `time` makes of the time between, on `(B, T, C)`, SiLU where Matcha has the slower Mish.

    Each frame is normalised by itself (LayerNorm over channels): Matcha's GroupNorm takes its statistics over time, so
    a padded row would differ from the same row alone.
    """

    def __init__(self, in_size: int, out_size: int, time_size: int):
        super().__init__()
        self.conv1 = TimeConv(in_size, out_size, 3)
        self.norm1 = nn.LayerNorm(out_size)
        self.time = nn.Linear(time_size, out_size)
        self.conv2 = TimeConv(out_size, out_size, 3)
        self.norm2 = nn.LayerNorm(out_size)
        self.skip = nn.Linear(in_size, out_size) if in_size != out_size else nn.Identity()

    def forward(self, states: torch.Tensor, mask: torch.Tensor | None, time: torch.Tensor) -> torch.Tensor:
        update = F.silu(self.norm1(self.conv1(states, mask))) + time
        return F.silu(self.norm2(self.conv2(update, mask))) + self.skip(states)


class FlowDubberTransformerBlock(nn.Module):
    """Pre-norm self-attention and feed-forward."""

    def __init__(
        self,
        hidden_size: int,
        num_heads: int,
        head_dim: int,
        feed_forward_ratio: int,
        dropout: float,
        window: int | None,
    ):
        super().__init__()
        self.norm1 = nn.LayerNorm(hidden_size)
        self.attention = FlowDubberFieldAttention(hidden_size, num_heads, dropout, head_dim, window)
        self.norm2 = nn.LayerNorm(hidden_size)
        self.up = nn.Linear(hidden_size, feed_forward_ratio * hidden_size)
        self.down = nn.Linear(feed_forward_ratio * hidden_size, hidden_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: torch.Tensor, plan: AttentionPlan) -> torch.Tensor:
        states = states + self.dropout(self.attention(self.norm1(states), plan))
        return states + self.dropout(self.down(F.gelu(self.up(self.norm2(states)))))


class FlowDubberUNetStage(nn.Module):
    """ResNet block, SALN (its module belongs to the whole Down, Mid or Up path), transformer blocks."""

    def __init__(
        self,
        in_size: int,
        out_size: int,
        time_size: int,
        num_blocks: int,
        num_heads: int,
        head_dim: int,
        feed_forward_ratio: int,
        dropout: float,
        window: int | None,
    ):
        super().__init__()
        self.resnet = FlowDubberResnetBlock(in_size, out_size, time_size)
        self.transformers = nn.ModuleList(
            [
                FlowDubberTransformerBlock(out_size, num_heads, head_dim, feed_forward_ratio, dropout, window)
                for _ in range(num_blocks)
            ]
        )

    def forward(
        self,
        states: torch.Tensor,
        mask: torch.Tensor | None,
        time: torch.Tensor,
        style: tuple[torch.Tensor, torch.Tensor],
        style_norm: StyleAdaptiveLayerNorm,
        plan: AttentionPlan,
    ) -> torch.Tensor:
        states = style_norm.apply_style(self.resnet(states, mask, time), style)
        for block in self.transformers:
            states = block(states, plan)
        return states


@dataclass(frozen=True)
class FlowDubberFieldConditions:
    """What the evaluations of a solver have in common; [`FlowDubberVectorField.prepare`] makes it once.

    Attributes:
        masks (`tuple`): real positions `(B, T)` at each rate, the mel's first; `None` where nothing is padded.
        plans (`tuple`): of the attentions at each rate.
        styles (`tuple`): of each stage, gamma and beta of its norm.
        times (`tuple`): of each stage, what its ResNet block adds, `(B or 1, 1, channels)`, or `(steps, 1, channels)` before [`at`].
    """

    masks: tuple[torch.Tensor | None, ...]
    plans: tuple[AttentionPlan | None, ...]
    styles: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    times: tuple[torch.Tensor, ...]

    def at(self, step: int) -> "FlowDubberFieldConditions":
        """The conditions of one step of those that were prepared."""
        return replace(self, times=tuple(time[step : step + 1] for time in self.times))


class FlowDubberVectorField(BundledNames, ModelMixin, PathlessConfigMixin, PeftAdapterMixin):
    r"""
    The SATL prior mu and the U-Net velocity v(phi_t, t | mu, s). The defaults are the paper family's (`base`).

    Args:
        num_mels (`int`, defaults to 80): mel bins.
        fused_size (`int`, defaults to 256): width of the aligner's fused sequence.
        style_size (`int`, defaults to 256): width of the style vector.
        prior_hidden_size, num_prior_layers, num_prior_heads, prior_intermediate_size, prior_kernel_size (`int`): the FFT
            mel decoder (256, 16, 1, 1024, 9).
        postnet_size (`int`, defaults to 256): channels of the PostNet.
        prior_dropout (`float`, defaults to 0.2): its dropout.
        channels (`list[int]`, defaults to `[256, 256]`): U-Net channels; each stage but the last halves the rate.
        num_blocks (`int`, defaults to 1): transformer blocks a stage.
        num_mid_blocks (`int`, defaults to 2): stages in the middle.
        num_heads, head_dim, feed_forward_ratio (`int`): of the transformer blocks (2, 64, 4).
        dropout (`float`, defaults to 0.05): U-Net dropout.
        attention_window (`int`, *optional*): how many positions each way every attention sees; all if not given.
        mel_mean, mel_std (`float`): statistics that normalise the natural-log mel.
        mel_settings (`dict`, *optional*): the log-mel's settings, compared when a pipeline is put together.
        sampling_temperature (`float`, defaults to 0.667): standard deviation of the noise that sampling starts from, where
            the caller names none; a trained model carries the value that was best on held-out clips.
        sampling_style_guidance_scale (`float`, defaults to 1): how much the voice is stressed where the caller names nothing, see
            [`guided_prior`].
        sampling_colour_match (`float`, defaults to 0): how much of the reference's colour a dub takes on where the caller names nothing, see
            `colour_match` of the pipeline.
        shortest_step (`float`, *optional*): the model knows how far a step of the solver goes, and from this length on (as a share of
            the whole way) it gives the mean velocity on the step in place of the velocity at its start, so that few steps
            suffice. Taught by `train_dubber.py --distill_steps`; without it every velocity is that of the start.
        voice_hidden_size (`int`, defaults to 0): width of the voice encoder, which hears in the reference's mel what the style
            vector does not say; 0 for none.
        num_voice_layers, num_voice_heads (`int`): its convolutions and learned queries (3, 4).
        num_voice_tokens (`int`, defaults to 0): voice tokens, as wide as the voice encoder, that it hears beside; every frame of the
            prior asks them how the voice makes its sound.

    Source: the paper's flow-based voice enhancing. Both branches of the guidance use the same prior weights.
    """

    _supports_gradient_checkpointing = True
    _no_split_modules = ["FlowDubberUNetStage", "FlowDubberPriorLayer"]
    _repeated_blocks = ["FlowDubberUNetStage"]

    @register_to_config
    def __init__(
        self,
        num_mels: int = 80,
        fused_size: int = 256,
        style_size: int = 256,
        prior_hidden_size: int = 256,
        num_prior_layers: int = 16,
        num_prior_heads: int = 1,
        prior_intermediate_size: int = 1024,
        prior_kernel_size: int = 9,
        postnet_size: int = 256,
        prior_dropout: float = 0.2,
        channels: list[int] | tuple[int, ...] = (256, 256),
        num_blocks: int = 1,
        num_mid_blocks: int = 2,
        num_heads: int = 2,
        head_dim: int = 64,
        feed_forward_ratio: int = 4,
        dropout: float = 0.05,
        attention_window: int | None = None,
        mel_mean: float = 0.0,
        mel_std: float = 1.0,
        mel_settings: dict | None = None,
        sampling_temperature: float = 0.667,
        sampling_style_guidance_scale: float = 1.0,
        sampling_colour_match: float = 0.0,
        shortest_step: float | None = None,
        voice_hidden_size: int = 0,
        num_voice_layers: int = 3,
        num_voice_heads: int = 4,
        num_voice_tokens: int = 0,
    ):
        super().__init__()
        if shortest_step is not None and not 0 < shortest_step <= 1:
            raise ValueError(f"`shortest_step` is a share of the way in (0, 1], got {shortest_step}.")
        if len(channels) < 1:
            raise ValueError("`channels` needs at least one stage.")
        if mel_std <= 0:
            raise ValueError(f"`mel_std` must be positive, got {mel_std}.")
        if num_voice_tokens and not voice_hidden_size:
            raise ValueError("`num_voice_tokens` needs a voice encoder that hears them; give `voice_hidden_size` too.")
        self.prior_decoder = FlowDubberStylePrior(
            num_mels,
            fused_size,
            prior_hidden_size,
            num_prior_layers,
            num_prior_heads,
            prior_intermediate_size,
            prior_kernel_size,
            style_size,
            postnet_size,
            prior_dropout,
            attention_window,
            num_voice_tokens,
            voice_hidden_size,
        )
        self.time_input_size = 2 * num_mels
        time_size = 4 * channels[0]
        self.time_up = nn.Linear(self.time_input_size, time_size)
        self.time_down = nn.Linear(time_size, time_size)
        if shortest_step is not None:
            # Narrower than the time's: only a few lengths are to be told apart.
            step_size = max(1, channels[0] // 2)
            self.step_up = nn.Linear(self.time_input_size, step_size)
            self.step_down = nn.Linear(step_size, time_size)
            # A model that goes on from one without steps starts where that ended.
            nn.init.zeros_(self.step_down.weight)
            nn.init.zeros_(self.step_down.bias)
        stage = (time_size, num_blocks, num_heads, head_dim, feed_forward_ratio, dropout, attention_window)
        inputs = [2 * num_mels, *channels[:-1]]
        self.down_stages = nn.ModuleList(
            [FlowDubberUNetStage(a, b, *stage) for a, b in zip(inputs, channels, strict=True)]
        )
        self.downsamplers = nn.ModuleList([ChannelsLastConv1d(c, c, 3, stride=2, padding=1) for c in channels[:-1]])
        self.mid_stages = nn.ModuleList(
            [FlowDubberUNetStage(channels[-1], channels[-1], *stage) for _ in range(num_mid_blocks)]
        )
        outputs = [*channels[:-1][::-1], channels[0]]
        self.up_stages = nn.ModuleList(
            [FlowDubberUNetStage(2 * a, b, *stage) for a, b in zip(channels[::-1], outputs, strict=True)]
        )
        self.upsamplers = nn.ModuleList([nn.ConvTranspose1d(c, c, 4, stride=2, padding=1) for c in outputs[:-1]])
        self.down_norms = nn.ModuleList([StyleAdaptiveLayerNorm(style_size, c) for c in dict.fromkeys(channels)])
        self.mid_norm = StyleAdaptiveLayerNorm(style_size, channels[-1])
        self.up_norms = nn.ModuleList([StyleAdaptiveLayerNorm(style_size, c) for c in dict.fromkeys(channels)])
        self.final_conv = TimeConv(channels[0], channels[0], 3)
        self.final_norm = nn.LayerNorm(channels[0])
        self.projection = nn.Linear(channels[0], num_mels)
        self.voice_encoder = None
        if voice_hidden_size:
            voice = (voice_hidden_size, num_voice_layers, num_voice_heads)
            self.voice_encoder = FlowDubberVoiceEncoder(num_mels, *voice, style_size, dropout, num_voice_tokens)
        self.gradient_checkpointing = False

    @property
    def length_multiple(self) -> int:
        """Frames must be a multiple of this: one halving for each stage but the last."""
        return 2 ** len(self.downsamplers)

    def normalize(self, mel: torch.Tensor) -> torch.Tensor:
        """Natural-log mel to the model's units."""
        return (mel - self.config.mel_mean) / self.config.mel_std

    def denormalize(self, mel: torch.Tensor) -> torch.Tensor:
        """The model's units to natural-log mel."""
        return mel * self.config.mel_std + self.config.mel_mean

    @apply_forward_hook
    def hear(self, voice_mel: torch.Tensor, voice_mask: torch.Tensor | None = None) -> torch.Tensor:
        """
        What the model hears in a voice itself; [`voice`] joins it to the style vector.

        Args:
            voice_mel (`torch.Tensor` of shape `(B, 80, T)`): natural-log mel of the reference.
            voice_mask (`torch.Tensor` of shape `(B, T)`, bool, *optional*): True on real frames; a row without any is no voice in
                particular, to which nothing is added.

        Returns:
            `torch.Tensor` of shape `(B, voice_size)`: what is added to the style vector, then the voice tokens in a row.

        Raises:
            ValueError: the model has no voice encoder.
        """
        if self.voice_encoder is None:
            raise ValueError(
                "this vector field has no voice encoder (`voice_hidden_size` is 0); give it the style alone."
            )
        return self.voice_encoder(self.normalize(voice_mel), real_positions(voice_mask))

    @property
    def voice_size(self) -> int:
        """Width of a voice: that of the style vector and of all voice tokens."""
        return self.config.style_size + self.config.num_voice_tokens * self.config.voice_hidden_size

    def voice(self, style: torch.Tensor, heard: torch.Tensor) -> torch.Tensor:
        """
        A voice as [`prior`] and the velocity take it: the style vector with what was heard beside it.

        Args:
            style (`torch.Tensor` of shape `(B, style_size)`): style vectors.
            heard (`torch.Tensor` of shape `(B, voice_size)`): of [`hear`].

        Returns:
            `torch.Tensor` of shape `(B, voice_size)`.
        """
        return heard + F.pad(style, (0, heard.shape[-1] - style.shape[-1]))

    def _voice_tokens(self, voice: torch.Tensor) -> torch.Tensor | None:
        """`(B, tokens, voice_hidden_size)`; none of a voice that is a style vector alone."""
        tokens = voice[:, self.config.style_size :]
        return tokens.unflatten(-1, (self.config.num_voice_tokens, -1)) if tokens.shape[-1] else None

    @apply_forward_hook
    def prior(self, fused: torch.Tensor, style: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """
        mu_SATL, the mel prior.

        Args:
            fused (`torch.Tensor` of shape `(B, T, fused_size)`): the aligner's sequence at the mel rate.
            style (`torch.Tensor` of shape `(B, style_size)` or `(B, voice_size)`): style vector of the reference, or its [`voice`].
            mask (`torch.Tensor` of shape `(B, T)`, bool, *optional*): True on real frames.

        Returns:
            `torch.Tensor` of shape `(B, 80, T)`, normalised mel.
        """
        tokens, style = self._voice_tokens(style), style[:, : self.config.style_size]
        return self.prior_decoder(fused, style, real_positions(mask), tokens).transpose(1, 2)

    def guided_prior(
        self,
        fused: torch.Tensor,
        style: torch.Tensor,
        mask: torch.Tensor | None = None,
        scale: float | None = None,
    ) -> torch.Tensor:
        """
        The prior with its voice stressed: moved by `scale - 1` times its difference from the prior of a zero style vector, half of it
        frame by frame and half of it by its mean over time, the voice's colour. Needs a model that was trained with the style vector
        dropped at times (`--style_drop`).

        Args:
            fused, style, mask: those of [`prior`].
            scale (`float`, *optional*): 1 is the prior itself; the model's own `sampling_style_guidance_scale` by default.

        Returns:
            `torch.Tensor` of shape `(B, 80, T)`, normalised mel.

        Source: classifier-free guidance (Ho and Salimans 2022, equation 6) of the voice; why only half of it is frame by frame:
        docs/benchmarks.md, "Parts and switches".
        """
        scale = self.config.sampling_style_guidance_scale if scale is None else scale
        prior = self.prior(fused, style, mask)
        if scale == 1:
            return prior
        difference = prior - self.prior(fused, torch.zeros_like(style), mask)
        real = torch.ones_like(prior[:, :1]) if mask is None else mask[:, None].to(prior.dtype)
        colour = (difference * real).sum(2, keepdim=True) / real.sum(2, keepdim=True)
        return (prior + (scale - 1) * (difference + colour) / 2) * real

    @property
    def _stages(self) -> list[tuple[FlowDubberUNetStage, StyleAdaptiveLayerNorm]]:
        """The stages in their order, each with its path's SALN: one module a path and width, shared by the stages of that path."""
        paths = (
            (self.down_stages, self.down_norms),
            (self.mid_stages, [self.mid_norm]),
            (self.up_stages, self.up_norms),
        )
        return [
            (stage, next(norm for norm in norms if norm.hidden_size == stage.resnet.norm1.normalized_shape[0]))
            for stages, norms in paths
            for stage in stages
        ]

    @apply_forward_hook
    def prepare(
        self,
        hidden_states: torch.Tensor,
        timesteps: torch.Tensor,
        style: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        steps: torch.Tensor | None = None,
    ) -> FlowDubberFieldConditions:
        """
        What does not depend on the state of the flow, for a solver that evaluates the field several times.

        Args:
            hidden_states (`torch.Tensor` of shape `(B, 80, T)`): whose shape, device and dtype count.
            timesteps (`torch.Tensor` of shape `(steps,)`): the times at which it will be evaluated; see [`FlowDubberFieldConditions.at`].
            style (`torch.Tensor` of shape `(B, style_size)` or `(B, voice_size)`), attention_mask (`(B, T)`, bool, *optional*): those of `forward`.
            steps (`torch.Tensor` of shape `(steps,)`, *optional*): how far each goes, 0 to 1; see `shortest_step`.

        Raises:
            ValueError: T is not a multiple of `length_multiple`.
        """
        length = hidden_states.shape[-1]
        if length % self.length_multiple:
            raise ValueError(f"the number of frames must be a multiple of {self.length_multiple}, got {length}.")
        time = sinusoids(1000.0 * timesteps, self.time_input_size).to(hidden_states.dtype)
        time = self.time_down(F.silu(self.time_up(time)))
        if steps is not None and self.config.shortest_step is not None:
            time = time + self._step_embedding(steps, time)
        time = F.silu(time)
        masks, plans = [], []
        for level in range(len(self.down_stages)):
            rows = None if attention_mask is None else attention_mask[:, :: 2**level]
            masks.append(rows)
            plans.append(self._plan(hidden_states[..., :: 2**level].transpose(1, 2), rows))
        return FlowDubberFieldConditions(
            tuple(masks),
            tuple(plans),
            tuple(norm.read_style(style[:, : self.config.style_size]) for _, norm in self._stages),
            tuple(stage.resnet.time(time)[:, None] for stage, _ in self._stages),
        )

    def _step_embedding(self, steps: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """`(steps, time_size)` of the length of each step, zeros for those shorter than the model knows."""
        length = sinusoids(1000.0 * steps, self.time_input_size).to(like.dtype)
        # Lengths come as differences of times, which are off by a rounding.
        known = steps >= self.config.shortest_step - 1e-4
        return self.step_down(F.silu(self.step_up(length))) * known[:, None]

    def _plan(self, states: torch.Tensor, mask: torch.Tensor | None) -> AttentionPlan | None:
        blocks = self.mid_stages[0].transformers if self.mid_stages else self.down_stages[0].transformers
        return blocks[0].attention.plan(states, mask) if blocks else None

    def forward(
        self,
        hidden_states: torch.Tensor,
        timestep: torch.Tensor,
        prior: torch.Tensor,
        style: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        return_dict: bool = True,
        conditions: FlowDubberFieldConditions | None = None,
        step: torch.Tensor | None = None,
    ) -> FlowDubberVectorFieldOutput | tuple[torch.Tensor]:
        """
        Velocity of the flow.

        Args:
            hidden_states (`torch.Tensor` of shape `(B, 80, T)`): phi_t; T a multiple of `length_multiple`.
            timestep (`torch.Tensor` of shape `(B,)` or scalar): t, 0 is noise and 1 is speech.
            prior (`torch.Tensor` of shape `(B, 80, T)`): mu_SATL.
            style (`torch.Tensor` of shape `(B, style_size)` or `(B, voice_size)`): style vector or [`voice`].
            attention_mask (`torch.Tensor` of shape `(B, T)`, bool, *optional*): True on real frames.
            return_dict (`bool`, defaults to `True`): an output object or a tuple.
            conditions ([`FlowDubberFieldConditions`], *optional*): what [`prepare`] made of timestep, style and mask, which are then
                not read.
            step (`torch.Tensor` of shape `(B,)` or scalar, *optional*): how far the solver goes with it, see `shortest_step`.

        Returns:
            [`FlowDubberVectorFieldOutput`].

        Raises:
            ValueError: T is not a multiple of `length_multiple`.
        """
        if conditions is None:
            rows = hidden_states.shape[0]
            timestep = timestep.expand(rows) if timestep.ndim == 0 else timestep
            step = step.expand(rows) if step is not None and step.ndim == 0 else step
            conditions = self.prepare(hidden_states, timestep, style, attention_mask, step)
        masks, level, skips = conditions.masks, 0, []
        stages = zip(self._stages, conditions.styles, conditions.times, strict=True)

        def pass_stage(states: torch.Tensor) -> torch.Tensor:
            (stage, norm), affine, time = next(stages)
            inputs = (states, masks[level], time, affine, norm, conditions.plans[level])
            if torch.is_grad_enabled() and self.gradient_checkpointing:
                return self._gradient_checkpointing_func(stage, *inputs)
            return stage(*inputs)

        states = torch.cat([hidden_states, prior], dim=1).transpose(1, 2)
        for index in range(len(self.down_stages)):
            states = pass_stage(states)
            skips.append(states)
            if index < len(self.downsamplers):
                states = self._resample(self.downsamplers[index], states, masks[level])
                level += 1
        for _ in self.mid_stages:
            states = pass_stage(states)
        for index in range(len(self.up_stages)):
            states = pass_stage(torch.cat([states, skips.pop()], dim=-1))
            if index < len(self.upsamplers):
                states = self._resample(self.upsamplers[index], states, masks[level])
                level -= 1
        states = F.silu(self.final_norm(self.final_conv(states, masks[0])))
        sample = mask_sequence(self.projection(states), masks[0]).transpose(1, 2)
        return FlowDubberVectorFieldOutput(sample=sample) if return_dict else (sample,)

    @staticmethod
    def _resample(layer: nn.Module, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        return layer(mask_sequence(states, mask).transpose(1, 2)).transpose(1, 2)


__all__ = ["FlowDubberFieldConditions", "FlowDubberVectorField", "FlowDubberVectorFieldOutput"]
