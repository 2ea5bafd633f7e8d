"""From the mel to the sound and to the file."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel

from ...models.vector_field import FlowDubberVectorField
from ...processing.audio import with_headroom
from ...processing.video import SYNTHETIC_SPEECH_NOTICE, mux_audio, write_wav
from .passes import vocode
from .pipeline_output import FlowDubberPipelineOutput


_MAX_LOUD_SHARE = (
    0.005  # of a dub's samples beyond full scale; the bundled model has at most 0.0013, at temperature 2 0.024
)


class SoundingMixin:
    """What [`FlowDubberPipeline`] makes of a mel."""

    vector_field: FlowDubberVectorField
    vocoder: PreTrainedModel

    def decode(
        self,
        latents: torch.Tensor,
        num_mel_frames: list[int],
        num_samples: list[int],
        on_too_loud: Callable[[int], None] | None = None,
    ) -> list[torch.Tensor]:
        """Normalised mels to `(samples,)` float32 sounds on the CPU, each vocoded alone so that padding cannot be heard, with a
        decibel of headroom; `on_too_loud` is called with the row of a sound that goes far beyond full scale."""
        mel = self.vector_field.denormalize(latents)
        vocoder = self.vocoder
        sounds = []
        for index, (row, frames, samples) in enumerate(zip(mel, num_mel_frames, num_samples, strict=True)):
            spectrogram = row[:, :frames].T[None].to(vocoder.dtype)
            sound = vocode(vocoder, spectrogram)[0].float().cpu()[:samples]
            if on_too_loud is not None and float((sound.abs() > 1).float().mean()) > _MAX_LOUD_SHARE:
                on_too_loud(index)
            sounds.append(torch.nn.functional.pad(with_headroom(sound), (0, samples - len(sound))))
        return sounds

    def save_video(
        self,
        dub: FlowDubberPipelineOutput,
        path: str | Path,
        overwrite: bool = False,
        index: int = 0,
        comment: str | None = SYNTHETIC_SPEECH_NOTICE,
        transcode: bool = False,
        turn: int | None = None,
        keep_sound: bool = False,
    ) -> Path:
        """Writes the clip's own video packets with the dub as its sound; what the file cannot hold is added to `dub.warnings`.

        Args:
            dub: what the call returned, with `output_type` `"np"` or `"pt"`.
            path: the file to write; `.wav` writes the sound alone.
            overwrite (`bool`, *optional*, defaults to `False`): replace a file that exists.
            index (`int`, *optional*, defaults to 0): which clip of the call.
            comment (`str`, *optional*): goes into the file's metadata, by default that the speech is synthetic.
            transcode (`bool`, *optional*, defaults to `False`): encode pictures that the file cannot hold again, as H.264.
            turn (`int`, *optional*): degrees counter-clockwise by which players should turn the picture.
            keep_sound (`bool`, *optional*, defaults to `False`): the clip's own sound stays, as the second track.

        Returns:
            `path` as `Path`.

        Raises:
            ValueError: latents instead of sound, frames instead of a file, or a path that cannot be written.
        """
        if isinstance(dub.audios, torch.Tensor):
            raise ValueError('the dub holds latents; call the pipeline with output_type="np" to get sound.')
        path = Path(path)
        sound = np.asarray(dub.audios[index], dtype=np.float32)
        if path.suffix.lower() == ".wav":
            write_wav(path, sound, dub.sampling_rate, overwrite=overwrite, comment=comment)
        elif dub.videos[index] is None:
            raise ValueError(
                "the clip was not given by its path, so there is no file to copy; write the sound to a .wav file."
            )
        else:
            mux_audio(
                dub.videos[index],
                sound,
                dub.sampling_rate,
                path,
                overwrite=overwrite,
                comment=comment,
                transcode=transcode,
                turn=turn or 0,
                on_warning=dub.warnings[index].append,
                keep_sound=keep_sound,
            )
        return path
