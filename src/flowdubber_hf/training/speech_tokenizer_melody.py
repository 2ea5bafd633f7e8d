"""What speech tokens are taught of the melody: voicing, F0 and loudness of each token, and the loss on them.

F0 and loudness are taken from the recording's own middle: who speaks, and how near, is the global tokens' part.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import torch
import torch.nn.functional as F

from ..processing.audio import MEL_FRAME_RATE, log_mel
from .vocoder_pitch import track_pitch


#: Columns of the targets: 1 where the voice sounds, else 0; octaves above the median F0; nepers above the mean loudness.
MELODY = ("voiced", "pitch", "loudness")
PITCH_LIMIT = 1.0  # octaves: what lies further off is an error of the tracker
PITCH_SCALE = 0.2  # octaves, about the deviation of F0 within a sentence: a loss of 1 is a guess
LOUDNESS_SCALE = 2.0  # nepers, likewise


def melody_targets(waveform: torch.Tensor, num_tokens: int, token_rate: int) -> torch.Tensor:
    """The melody of a whole recording, token by token.

    Args:
        waveform (`torch.Tensor` of shape `(samples,)`): 16 kHz sound.
        num_tokens (`int`): tokens wanted; the last frame stands for what lies behind the sound.
        token_rate (`int`): tokens a second, a divisor of the mel's frame rate.

    Returns:
        `(num_tokens, 3)` float32, columns as in [`MELODY`]; the pitch is 0 where the voice does not sound.
    """
    pitch, voiced = (track[0] for track in track_pitch(waveform[None].float()))
    octaves = pitch.clamp(min=1.0).log2()
    middle = octaves[voiced].median() if voiced.any() else octaves.new_zeros(())
    loudness = log_mel(waveform.float()).mean(dim=0)[: len(pitch)]
    frames = torch.stack(
        (voiced.float(), (octaves - middle).clamp(-PITCH_LIMIT, PITCH_LIMIT) * voiced, loudness - loudness.mean())
    )
    steps = MEL_FRAME_RATE // token_rate
    missing = max(0, num_tokens * steps - frames.shape[1])
    frames = F.pad(frames[None], (0, missing), mode="replicate")[0, :, : num_tokens * steps]
    voiced, octaves, loudness = frames.unflatten(1, (num_tokens, steps))
    sounding = voiced.sum(dim=1)
    return torch.stack(
        ((2 * sounding >= steps).float(), octaves.sum(dim=1) / sounding.clamp(min=1), loudness.mean(dim=1)), dim=1
    )


def melody_losses(predicted: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
    """Errors of a linear reading of the tokens, each the mean over the rows of their own means.

    Args:
        predicted (`torch.Tensor` of shape `(batch, tokens, 3)`): the logit of voicing, pitch and loudness in their scales.
        targets (`torch.Tensor` of shape `(batch, tokens, 3)`): as of [`melody_targets`].
        mask (`torch.Tensor` of shape `(batch, tokens)`): which tokens are real.

    Returns:
        By the names of [`MELODY`]: cross-entropy of the voicing; absolute differences of pitch, where the voice sounds, and
        of loudness, both in units of their scales.
    """
    voiced, pitch, loudness = targets.unbind(-1)
    errors = {
        "voiced": (F.binary_cross_entropy_with_logits(predicted[..., 0].float(), voiced, reduction="none"), mask),
        "pitch": ((predicted[..., 1].float() - pitch / PITCH_SCALE).abs(), mask & (voiced > 0)),
        "loudness": ((predicted[..., 2].float() - loudness / LOUDNESS_SCALE).abs(), mask),
    }
    return {
        name: ((error * counted).sum(dim=1) / counted.sum(dim=1).clamp(min=1)).mean()
        for name, (error, counted) in errors.items()
    }
