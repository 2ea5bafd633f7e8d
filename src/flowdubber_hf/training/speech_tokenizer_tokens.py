"""What a trained speech tokenizer does with whole clips: their tokens, and figures on held-out ones."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import torch
import torch.nn.functional as F

from ..data.features import Clip, FeatureStore
from ..models.speech_tokenizer import FlowDubberSpeechTokenizer
from ..processing.audio import SAMPLING_RATE, pad_sounds
from ..processing.phonemes import SILENCE_CLASS, SILENCES
from .speech_tokenizer_data import IGNORED, frame_labels
from .speech_tokenizer_losses import SpeechTokenizerObjective, feature_losses


SPEECH_MARGIN = 0.1  # seconds of silence that stay around the speech


def speech_span(store: FeatureStore, clip: Clip, num_tokens: int, token_rate: int) -> tuple[int, int]:
    """First token and last + 1 of a clip's speech with a margin of 0.1 s; the whole clip where its times are unknown."""
    if store.has("phones", clip.id):
        phones = store.phones(clip.id)
        times = [
            time
            for phoneme, time in zip(phones.phonemes, phones.times.tolist(), strict=True)
            if phoneme not in SILENCES
        ]
    else:
        times = [(start, end) for _, start, end in clip.words or []]
    if not times:
        return 0, num_tokens
    first = max(0, int((times[0][0] - SPEECH_MARGIN) * token_rate))
    end = min(num_tokens, int((times[-1][1] + SPEECH_MARGIN) * token_rate) + 1)
    return (first, end) if end > first else (0, num_tokens)


def _batches(clips: Sequence[Clip], seconds: float) -> Iterator[list[Clip]]:
    """Clips of similar length together, at most `seconds` of padded sound at once."""
    batch: list[Clip] = []
    for clip in sorted(clips, key=lambda clip: clip.num_samples):
        if batch and clip.num_samples * (len(batch) + 1) > seconds * SAMPLING_RATE:
            yield batch
            batch = []
        batch.append(clip)
    if batch:
        yield batch


@torch.no_grad()
def encode_sounds(
    tokenizer: FlowDubberSpeechTokenizer, sounds: Sequence[np.ndarray]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Tokens of 16 kHz sounds, each `(samples,)` float32 in [-1, 1]; what a sound gives does not depend on the others.

    Returns:
        The semantic tokens at 50 Hz and the global tokens of each sound, `(tokens,)` and `(32,)` int64.

    Raises:
        ValueError: a sound of less than 40 ms.
    """
    values, mask = pad_sounds(sounds)
    output = tokenizer.eval().encode(values.to(tokenizer.device), mask.to(tokenizer.device))
    return [
        (semantic[known].cpu().numpy(), voice.cpu().numpy())
        for semantic, known, voice in zip(
            output.semantic_tokens, output.semantic_mask, output.global_tokens, strict=True
        )
    ]


@torch.no_grad()
def evaluate_tokenizer(
    objective: SpeechTokenizerObjective, store: FeatureStore, clips: Sequence[Clip], batch_seconds: float = 60.0
) -> dict[str, float]:
    """Figures on whole clips.

    Returns:
        `features` (mean absolute difference in normalised units through the postnet), `accuracy` (phoneme classes of
        labelled frames) and `accuracy_speech` (those of them that are not silence), `codes` (different ones used) and
        `perplexity` of the codes, `same_speaker` and `other_speaker` (mean cosine of centred d-vectors of two clips).
    """
    tokenizer = objective.tokenizer
    was_training = objective.training
    objective.eval()
    totals: dict[str, float] = defaultdict(float)
    counts = torch.zeros(tokenizer.config.codebook_size)
    voices: list[torch.Tensor] = []
    speakers: list[str] = []
    for batch in _batches(clips, batch_seconds):
        output, labels = _evaluate_batch(objective, store, batch)
        lengths = output.semantic_mask.sum(dim=1)
        totals["features"] += float((feature_losses(output) * lengths).sum())
        totals["tokens"] += int(lengths.sum())
        right = objective.phoneme_head(output.quantized.transpose(1, 2)).argmax(dim=-1) == labels
        for name, known in (("accuracy", labels != IGNORED), ("accuracy_speech", labels > SILENCE_CLASS)):
            totals[name] += int((right & known).sum())
            totals[f"{name}_count"] += int(known.sum())
        counts += torch.bincount(
            output.semantic_tokens[output.semantic_mask].cpu(), minlength=tokenizer.config.codebook_size
        )
        voices.append(output.d_vector.float().cpu())
        speakers += [clip.speaker for clip in batch]
    objective.train(was_training)
    shares = counts / counts.sum()
    same, other = _voice_cosines(torch.cat(voices), speakers)
    return {
        "features": totals["features"] / totals["tokens"],
        "accuracy": totals["accuracy"] / max(1.0, totals["accuracy_count"]),
        "accuracy_speech": totals["accuracy_speech"] / max(1.0, totals["accuracy_speech_count"]),
        "codes": float((counts > 0).sum()),
        "perplexity": float(torch.exp(-(shares * torch.log(shares + 1e-10)).sum())),
        "same_speaker": same,
        "other_speaker": other,
    }


def _evaluate_batch(objective: SpeechTokenizerObjective, store: FeatureStore, batch: Sequence[Clip]):
    tokenizer = objective.tokenizer
    sounds, mask = pad_sounds([store.audio(clip.id) for clip in batch])
    values, _, mask = tokenizer.prepare(sounds.to(tokenizer.device), mask.to(tokenizer.device))
    output = tokenizer(values, mask, waveform_crop=(0, 0))
    labels = torch.full(output.semantic_tokens.shape, IGNORED)
    for row, clip in enumerate(batch):
        if store.has("phones", clip.id):
            of_clip = frame_labels(
                store.phones(clip.id), int(output.semantic_mask[row].sum()), tokenizer.config.token_rate
            )
            labels[row, : len(of_clip)] = torch.from_numpy(of_clip)
    return output, labels.to(tokenizer.device)


def _voice_cosines(voices: torch.Tensor, speakers: Sequence[str]) -> tuple[float, float]:
    """Mean cosine of pairs of the same and of different speakers, after the mean voice is taken away."""
    voices = F.normalize(voices - voices.mean(dim=0), dim=1)
    pairs: dict[bool, list[float]] = {True: [], False: []}
    for first, second in combinations(range(len(speakers)), 2):
        pairs[speakers[first] == speakers[second]].append(float(voices[first] @ voices[second]))
    same, other = (sum(values) / len(values) if values else float("nan") for values in (pairs[True], pairs[False]))
    return same, other
