"""Whisper as a CTranslate2 folder, through `faster-whisper`: the same network as transformers' in another form, several times as
fast on a processor. No part of any extra: `pip install faster-whisper`."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import importlib
from pathlib import Path

import numpy as np
import torch

from .checks import check_samples


_NEEDED = ("model.bin", "config.json", "tokenizer.json")


def is_ctranslate_folder(name: str) -> bool:
    """Whether a folder holds a model as CTranslate2 writes it, and not one of transformers."""
    folder = Path(name)
    return (folder / "model.bin").is_file() and not any(folder.glob("*.safetensors"))


class CTranslateWhisper:
    """Writes down what is said, as [`WhisperRecognizer`] does: greedy search, English, in float32.

    Timestamps are decoded along, as openai-whisper does, so that texts may differ now and then from [`WhisperRecognizer`]'s.

    Args:
        folder: with `model.bin`, `config.json`, `tokenizer.json` and the vocabulary. Nothing is fetched.
        device (`str`, defaults to `"cpu"`): where it computes.

    Raises:
        ImportError: `faster-whisper` is not installed.
        ValueError: the folder cannot be read; the message says what to do.
    """

    def __init__(self, folder: str, device: str = "cpu") -> None:
        try:
            library = importlib.import_module("faster_whisper")
        except ImportError as error:
            raise ImportError(f"{folder} is a model of CTranslate2: pip install faster-whisper ({error}).") from error
        remedy = (
            "Give a folder that ct2-transformers-converter wrote from a Whisper model with its tokenizer.json beside it, or "
            "one of transformers. To do without, leave wer out of --metrics."
        )
        # Without a tokenizer the library would ask the Hub for one.
        missing = [name for name in _NEEDED if not (Path(folder) / name).is_file()]
        if missing:
            raise ValueError(f"cannot use {folder!r} for the metric wer: it lacks {', '.join(missing)}. {remedy}")
        kind, _, index = device.partition(":")
        try:
            self.model = library.WhisperModel(
                folder,
                device=kind,
                device_index=int(index or 0),
                compute_type="float32",
                cpu_threads=torch.get_num_threads(),
                local_files_only=True,
            )
        except Exception as error:  # of several kinds
            reason = " ".join(str(error).split())
            raise ValueError(f"cannot use {folder!r} for the metric wer: {reason}. {remedy}") from error
        self.name = folder

    def __call__(self, sound: np.ndarray) -> str:
        """The text as Whisper writes it, with case and punctuation; empty for digital silence.

        Args:
            sound (`np.ndarray` of shape `(samples,)`): 16 kHz, of any length.

        Raises:
            ValueError: sound of another shape, empty or not finite.
        """
        wave = check_samples(sound)
        if not wave.size:
            raise ValueError("one sound of the shape (samples,) is needed, got (0,).")
        if not wave.any():
            return ""
        segments, _ = self.model.transcribe(
            wave, language="en", beam_size=1, temperature=0.0, condition_on_previous_text=False
        )
        return " ".join(segment.text.strip() for segment in segments)
