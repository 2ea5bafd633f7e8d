# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Sound in: files and arrays to 16 kHz mono, and the log-mel spectrogram that every part of the package shares.

The settings are those of the method's 16 kHz vocoder family: n_fft 640, window 640, hop 160, 80 Slaney mels from 0 to
8000 Hz, so one 25 fps video frame is exactly 640 samples and 4 mel frames.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import torch
from transformers.audio_utils import mel_filter_bank


SAMPLING_RATE = 16000
HOP_LENGTH = 160
N_FFT = 640
NUM_MELS = 80
MEL_FLOOR = 1e-5
VIDEO_FRAME_RATE = 25
MEL_FRAME_RATE = SAMPLING_RATE // HOP_LENGTH
MEL_FRAMES_PER_VIDEO_FRAME = SAMPLING_RATE // HOP_LENGTH // VIDEO_FRAME_RATE
SAMPLES_PER_VIDEO_FRAME = SAMPLING_RATE // VIDEO_FRAME_RATE

# Settings that a checkpoint stores and that loading compares: a model trained on another mel is another model.
MEL_SETTINGS = {
    "sampling_rate": SAMPLING_RATE,
    "n_fft": N_FFT,
    "win_length": N_FFT,
    "hop_length": HOP_LENGTH,
    "num_mels": NUM_MELS,
    "fmin": 0.0,
    "fmax": 8000.0,
    "mel_floor": MEL_FLOOR,
}

MIN_REFERENCE_SECONDS = 1.0
MAX_AUDIO_SECONDS = 600.0

# Formats that hold their sound and pictures themselves. FFmpeg knows playlists too (HLS, DASH, concat scripts), and a file
# of that kind, whatever its name, would have it read other files of this machine or ask servers for them.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,m4v,h264,hevc,obu,ivf,flv,asf,ogg,mxf,nut,dv,gif,yuv4mpegpipe,"
    "wav,w64,flac,mp3,aac,ac3,eac3,aiff,caf,au,amr,amrnb,amrwb,ape,wv,tta,voc,gsm"
)
READING_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}


@lru_cache(maxsize=2)
@torch.inference_mode(False)  # what is kept must serve training too
def _mel_filters() -> torch.Tensor:
    filters = mel_filter_bank(
        num_frequency_bins=N_FFT // 2 + 1,
        num_mel_filters=NUM_MELS,
        min_frequency=MEL_SETTINGS["fmin"],
        max_frequency=MEL_SETTINGS["fmax"],
        sampling_rate=SAMPLING_RATE,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.from_numpy(np.ascontiguousarray(filters.T, dtype=np.float32))


def log_mel(waveform: torch.Tensor) -> torch.Tensor:
    """Natural-log mel spectrogram.

    Args:
        waveform (`torch.Tensor` of shape `(samples,)` or `(batch, samples)`): 16 kHz sound in [-1, 1].

    Returns:
        `torch.Tensor` of shape `(80, frames)` or `(batch, 80, frames)`, float32, `frames = samples // 160`, floored at
        log(1e-5). Source: the method's sibling implementation (reflect padding of (n_fft - hop) / 2, no centring,
        sqrt(power + 1e-9)).
    """
    if waveform.shape[-1] < N_FFT:
        raise ValueError(f"a mel spectrogram needs at least {N_FFT} samples (40 ms), got {waveform.shape[-1]}.")
    batched = torch.atleast_2d(waveform.float())
    pad = (N_FFT - HOP_LENGTH) // 2
    padded = torch.nn.functional.pad(batched[:, None], (pad, pad), mode="reflect")[:, 0]
    window = torch.hann_window(N_FFT, device=padded.device)
    spectrum = torch.stft(padded, N_FFT, HOP_LENGTH, N_FFT, window, center=False, return_complex=True)
    magnitude = torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-9)
    mel = torch.log(torch.clamp(_mel_filters().to(padded.device) @ magnitude, min=MEL_FLOOR))
    return mel if waveform.ndim == 2 else mel[0]


def resample(waveform: np.ndarray, source_rate: int) -> np.ndarray:
    """Band-limited resampling of `(samples,)` float32 from `source_rate` Hz to 16 kHz, by FFmpeg's resampler.

    The result has round(samples * 16000 / source_rate) samples.
    """
    if source_rate == SAMPLING_RATE:
        return waveform.astype(np.float32, copy=False)
    # The resampler keeps a few milliseconds to itself when flushed: let them be silence.
    padded = np.pad(waveform.astype(np.float32, copy=False), (0, source_rate // 10))
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(padded[None]), "flt", "mono")
    frame.sample_rate = source_rate
    resampler = av.AudioResampler("flt", "mono", SAMPLING_RATE)
    pieces = [part.to_ndarray()[0] for source in (frame, None) for part in resampler.resample(source)]
    expected = round(len(waveform) * SAMPLING_RATE / source_rate)
    sound = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    return np.pad(sound[:expected], (0, max(0, expected - len(sound))))


def _decode(path: Path) -> np.ndarray:
    pieces: list[np.ndarray] = []
    samples = 0
    with av.open(str(path), container_options=READING_OPTIONS) as container:
        if not container.streams.audio:
            raise ValueError(
                f"{path} has no sound in it; give a recording (wav, flac, ogg, mp3, m4a or a video with sound)."
            )
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise ValueError(f"{path} has a sound track of an unknown kind; convert it to wav and try again.")
        resampler = av.AudioResampler("flt", "mono", SAMPLING_RATE)
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue  # a damaged packet costs its own milliseconds, not the file
            for frame in frames:
                frame.pts = None
                for part in resampler.resample(frame):
                    pieces.append(part.to_ndarray()[0])
                    samples += pieces[-1].size
            if samples > MAX_AUDIO_SECONDS * SAMPLING_RATE:
                raise ValueError(f"{path} is longer than {MAX_AUDIO_SECONDS:.0f} s of sound; cut it first.")
        pieces += [part.to_ndarray()[0] for part in resampler.resample(None)] if pieces else []
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def load_audio(source: str | Path | np.ndarray | torch.Tensor, sampling_rate: int | None = None) -> np.ndarray:
    """Reads sound as 16 kHz mono.

    Args:
        source: a path to anything FFmpeg decodes (a video's first sound track too), or `(samples,)` / `(channels, samples)`
            floats in [-1, 1].
        sampling_rate (`int`, *optional*): of an array; required for arrays, ignored for files.

    Returns:
        `np.ndarray` of shape `(samples,)`, float32.

    Raises:
        ValueError: missing or unreadable file, no sound in it, not finite, or an array without a rate.
    """
    if isinstance(source, (str, Path)):
        path = Path(source)
        if not path.is_file():
            raise ValueError(f"there is no file {path}.")
        try:
            sound = _decode(path)
        except av.FFmpegError as error:
            raise ValueError(
                f"{path} cannot be read as sound ({error.strerror}); convert it to wav and try again."
            ) from error
        if sound.size == 0:
            raise ValueError(f"{path} holds no decodable sound.")
    else:
        if sampling_rate is None or not 1000 <= sampling_rate <= 768000:
            raise ValueError(f"give the sampling rate of the sound in Hz (1000 to 768000), got {sampling_rate}.")
        array = np.asarray(source.detach().cpu() if isinstance(source, torch.Tensor) else source, dtype=np.float32)
        if array.ndim == 2:
            array = array.mean(axis=0)
        if array.ndim != 1 or array.size == 0:
            raise ValueError(f"sound must have the shape (samples,) or (channels, samples), got {array.shape}.")
        sound = resample(array, sampling_rate)
    if not np.isfinite(sound).all():
        raise ValueError("the sound holds values that are not finite (NaN or infinity).")
    return sound


def check_reference(sound: np.ndarray, name: str = "the reference") -> None:
    """Raises `ValueError` unless `(samples,)` 16 kHz sound can tell a voice: at least 1 s and not silent."""
    seconds = len(sound) / SAMPLING_RATE
    if seconds < MIN_REFERENCE_SECONDS:
        raise ValueError(f"{name} lasts {seconds:.2f} s; a voice needs at least {MIN_REFERENCE_SECONDS:.0f} s.")
    if float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) < 1e-4:
        raise ValueError(f"{name} is silent (below -80 dBFS); record it again or choose another file.")


def pad_sounds(sounds: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Right-pads `(samples,)` arrays to `(batch, samples)` float32 and gives the boolean mask of real samples."""
    length = max(len(sound) for sound in sounds)
    batch = torch.zeros(len(sounds), length)
    mask = torch.zeros(len(sounds), length, dtype=torch.bool)
    for row, sound in enumerate(sounds):
        batch[row, : len(sound)] = torch.as_tensor(sound)
        mask[row, : len(sound)] = True
    return batch, mask
