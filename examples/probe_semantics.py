"""What the language model's states say: how well a linear probe reads phonemes from them, now and ahead.

```bash
python examples/probe_semantics.py --dataset outputs/grid_tiny/data/grid --model flowdubber-grid-tiny outputs/grid_tiny/semantic/best
```

The states are those at the speech codes of real clips behind the prompt that a dub would get, with the clip's own script, or
with another clip's. A ridge regression onto the phoneme classes is fitted on `--fit_clips` clips of `train` and scored on the
clips of `val`: the share of speech codes (50 a second) whose phoneme it names, for the phoneme that is spoken then and for
the ones that follow. Two rows without a language model are there to compare: the code itself, and the commonest phoneme.

- States that hold phonemes beat the code.
- A model that reads its script knows what follows: its row beats the row with another clip's script, the more so the further
  ahead. Without reading both are alike.

The second table asks what such states could add to what a dub knows anyway: how much of the log-mel's variance, of its
mean over the bins (loudness), and of the logarithm of F0 where the voice sounds (melody), the same regression explains from the
phonemes alone (the one that is spoken, in thirds, and its neighbours) and with codes or states of the true sound beside them.
A dub has only states of speech that the model sampled, so what these add is an upper bound.

The next table tells what the model says when it is asked to speak as for a dub: the share of the script's phonemes that are wrong in
its codes, which are read by how often each code stood for which phoneme in `train`. The true codes of the same clips, and another
clip's script, are the ends of that scale.

With `--prior` (models that are pipelines, clips with video) a last table asks the same of what the pipeline's own mel prior gets
wrong, on the path that it finds from the lips and without the language model: the share of that rest which phonemes with their
true times, codes and states of the true sound explain.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.models.semantic import (
    LEAST_SPEECH_ROOM,
    NUM_PHONE_CODES,
    FlowDubberSemanticForConditionalGeneration,
    pad_prompts,
)
from flowdubber_hf.models.semantic.configuration_semantic import SEMANTIC_TOKEN_RATE
from flowdubber_hf.processing.audio import MEL_FRAME_RATE, log_mel
from flowdubber_hf.processing.phonemes import PHONEME_CLASSES, SILENCE_CLASS, phoneme_class
from flowdubber_hf.training.arguments import run_script
from flowdubber_hf.training.semantic_data import (
    SpokenClip,
    check_codes,
    codes_needed,
    make_sequence,
    read_spoken_clips,
)
from flowdubber_hf.training.semantic_model import load_model
from flowdubber_hf.training.semantic_phones import phone_codes
from flowdubber_hf.training.semantic_training import References
from flowdubber_hf.training.speech_tokenizer_data import frame_labels
from flowdubber_hf.training.vocoder_pitch import track_pitch


AHEAD_MS = (0, 100, 200, 400)
FRAMES_PER_TOKEN = MEL_FRAME_RATE // SEMANTIC_TOKEN_RATE
RIDGE = 1e-2  # of the mean of the inputs' variances
CHANGE_COST = 4.0  # in nats, of another phoneme at the next code: a lone odd code is no phoneme


def labels_ahead(store: FeatureStore, item: SpokenClip) -> np.ndarray:
    """`(L, 4)` phoneme classes of a clip's speech codes: spoken then, and [`AHEAD_MS`] later (silence behind the end)."""
    steps = [ms * SEMANTIC_TOKEN_RATE // 1000 for ms in AHEAD_MS]
    length = len(item.semantic_tokens)
    labels = frame_labels(store.phones(item.clip.id), length + max(steps), SEMANTIC_TOKEN_RATE)
    return np.stack([labels[step : step + length] for step in steps], axis=1)[slice(*item.speech)]


@torch.no_grad()
def speech_states(
    model: FlowDubberSemanticForConditionalGeneration,
    tokenizer: object,
    clips: Sequence[SpokenClip],
    references: Sequence[SpokenClip],
    other_text: bool,
) -> torch.Tensor:
    """States `(codes of all clips, hidden_size)` at the clips' own speech codes; the prompt has the voice of another clip."""
    rng, speakers = random.Random(0), References(references)
    rows = []
    for number, item in enumerate(tqdm(clips, desc="states", leave=False)):
        text = clips[(number + len(clips) // 2) % len(clips)].text if other_text else None
        prompt = make_sequence(tokenizer, item, speakers.draw(item, rng), with_transcript=False, text=text).prompt
        input_ids, mask = pad_prompts([prompt], model.config.pad_token_id)
        codes = torch.tensor([item.spoken_tokens])
        rows.append(model.semantic_features(input_ids, codes, mask).hidden_states[0])
    return torch.cat(rows).double()


def ridge(inputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Ridge regression of `(N, D)` inputs onto `(N, K)` targets: weights `(D, K)` and bias `(K,)`."""
    centre, mean = inputs.mean(0), targets.mean(0)
    centred = inputs - centre
    covariance = centred.T @ centred
    covariance += RIDGE * covariance.diagonal().mean() * torch.eye(len(covariance), dtype=covariance.dtype)
    weights = torch.linalg.solve(covariance, centred.T @ (targets - mean))
    return weights, mean - centre @ weights


def accuracy(
    fit_inputs: torch.Tensor, fit_labels: np.ndarray, inputs: torch.Tensor, labels: np.ndarray
) -> list[float]:
    """Share of held-out codes whose phoneme the probe names, for each column of the labels."""
    shares = []
    for column in range(labels.shape[1]):
        targets = torch.nn.functional.one_hot(torch.from_numpy(fit_labels[:, column]), len(PHONEME_CLASSES))
        weights, bias = ridge(fit_inputs, targets.double())
        named = (inputs @ weights + bias).argmax(dim=1)
        shares.append(float((named.numpy() == labels[:, column]).mean()))
    return shares


def one_hot_codes(clips: Sequence[SpokenClip], size: int) -> torch.Tensor:
    """`(codes of all clips, codebook_size)`."""
    codes = torch.tensor([code for item in clips for code in item.spoken_tokens])
    return torch.nn.functional.one_hot(codes, size).double()


def known_phonemes(store: FeatureStore, item: SpokenClip) -> torch.Tensor:
    """`(L, ...)` one-hot phonemes at a clip's speech codes: which third of which phoneme, the one before, the one after."""
    length, phones = len(item.semantic_tokens), store.phones(item.clip.id)
    labels = frame_labels(phones, length, SEMANTIC_TOKEN_RATE)
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    runs = np.repeat(np.arange(len(starts)), np.diff(starts, append=length))
    order = np.pad(labels[starts], 1)  # silence (0) around the clip
    thirds = torch.tensor(phone_codes(phones, length, SEMANTIC_TOKEN_RATE))
    rows = [torch.nn.functional.one_hot(thirds, NUM_PHONE_CODES)]
    for neighbour in (order[runs], order[runs + 2]):
        rows.append(torch.nn.functional.one_hot(torch.from_numpy(neighbour), len(PHONEME_CLASSES)))
    return torch.cat(rows, dim=1)[slice(*item.speech)].double()


def heard_mel(store: FeatureStore, item: SpokenClip) -> torch.Tensor:
    """`(L, 81)` log-mel at a clip's speech codes, and behind its 80 bins their mean."""
    mel = log_mel(torch.from_numpy(store.audio(item.clip.id))).T.double()
    wanted = len(item.semantic_tokens) * FRAMES_PER_TOKEN
    mel = torch.nn.functional.pad(mel.T, (0, max(0, wanted - len(mel))), mode="replicate").T[:wanted]
    rows = mel.unflatten(0, (-1, FRAMES_PER_TOKEN)).mean(1)[slice(*item.speech)]
    return torch.cat((rows, rows.mean(1, keepdim=True)), dim=1)


def explained(
    fit_inputs: torch.Tensor, fit_targets: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> list[float]:
    """Share of the held-out variance that the regression explains: of the mel's bins together, and of their mean."""
    weights, bias = ridge(fit_inputs, fit_targets)
    left = (targets - inputs @ weights - bias).square().sum(0)
    whole = (targets - fit_targets.mean(0)).square().sum(0)
    return [float(1 - left[columns].sum() / whole[columns].sum()) for columns in (slice(0, -1), slice(-1, None))]


def heard_pitch(store: FeatureStore, item: SpokenClip) -> torch.Tensor:
    """`(L, 1)` log2 of F0 in Hz at a clip's speech codes, NaN where the voice does not sound."""
    sound = torch.from_numpy(store.audio(item.clip.id)).float()
    pitch, voiced = (track[0] for track in track_pitch(sound[None]))
    track = torch.where(voiced, pitch.log2(), torch.nan).double()
    wanted = len(item.semantic_tokens) * FRAMES_PER_TOKEN
    track = torch.nn.functional.pad(track, (0, max(0, wanted - len(track))), value=torch.nan)[:wanted]
    return track.unflatten(0, (-1, FRAMES_PER_TOKEN)).nanmean(1, keepdim=True)[slice(*item.speech)]


def explained_where_known(
    fit_inputs: torch.Tensor, fit_targets: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor
) -> float:
    """Share of the held-out variance of `(N, 1)` targets that the regression explains, rows of NaN left out."""
    fit, held_out = fit_targets.isfinite()[:, 0], targets.isfinite()[:, 0]
    weights, bias = ridge(fit_inputs[fit], fit_targets[fit])
    left = targets[held_out] - inputs[held_out] @ weights - bias
    return float(1 - left.square().sum() / (targets[held_out] - fit_targets[fit].mean()).square().sum())


def code_table(store: FeatureStore, clips: Sequence[SpokenClip], size: int) -> np.ndarray:
    """`(codebook_size, classes)` log-probability of each phoneme where a code stands, counted over the clips' speech."""
    counts = np.full((size, len(PHONEME_CLASSES)), 0.02)
    for item in clips:
        labels = frame_labels(store.phones(item.clip.id), len(item.semantic_tokens), SEMANTIC_TOKEN_RATE)
        np.add.at(counts, (np.array(item.spoken_tokens), labels[slice(*item.speech)]), 1)
    return np.log(counts / counts.sum(1, keepdims=True))


def said_phonemes(codes: Sequence[int], table: np.ndarray) -> list[int]:
    """Phoneme classes that codes stand for, in order, silence left out: the likeliest way with a cost for each change."""
    scores = table[np.asarray(codes)]
    best, choices = scores[0], []
    for score in scores[1:]:
        stay = best >= best.max() - CHANGE_COST
        choices.append(np.where(stay, np.arange(len(best)), best.argmax()))
        best = np.maximum(best, best.max() - CHANGE_COST) + score
    way = [int(best.argmax())]
    for choice in reversed(choices):
        way.append(int(choice[way[-1]]))
    return [name for name, _ in itertools.groupby(reversed(way)) if name != SILENCE_CLASS]


def wrong_phonemes(store: FeatureStore, scripts: Sequence[SpokenClip], said: Sequence[Sequence[int]]) -> float:
    """All wrong phonemes of what was said over all phonemes of the scripts."""
    wrong = total = 0
    for item, row in zip(scripts, said, strict=True):
        wanted = [phoneme_class(name) for name in store.phones(item.clip.id).phonemes]
        wanted = [name for name in wanted if name != SILENCE_CLASS]
        distances = np.arange(len(wanted) + 1)
        for name in row:
            before = distances.copy()
            distances[0] += 1
            for place, want in enumerate(wanted, 1):
                replaced = before[place - 1] + (name != want)
                distances[place] = min(replaced, before[place] + 1, distances[place - 1] + 1)
        wrong, total = wrong + int(distances[-1]), total + len(wanted)
    return wrong / total


def own_speech(
    model: FlowDubberSemanticForConditionalGeneration,
    tokenizer: object,
    clips: Sequence[SpokenClip],
    references: Sequence[SpokenClip],
) -> list[list[int]]:
    """Codes that the model samples for each clip's script, in the voice of another clip and with that clip's transcript."""
    rng, speakers = random.Random(0), References(references)
    prompts = [make_sequence(tokenizer, item, speakers.draw(item, rng), with_transcript=True).prompt for item in clips]
    generators = [torch.Generator().manual_seed(row) for row in range(len(clips))]
    spoken = model.generate_semantics(
        *pad_prompts(prompts, model.config.pad_token_id), generators, max_new_tokens=LEAST_SPEECH_ROOM
    )
    return [row[mask].tolist() for row, mask in zip(spoken.semantic_tokens, spoken.mask, strict=True)]


@torch.no_grad()
def left_by_prior(store: FeatureStore, pipe: FlowDubberPipeline, item: SpokenClip) -> torch.Tensor:
    """`(L, 80)` normalised log-mel at a clip's speech codes minus the prior mu' of the pipeline for its lips, script and voice."""
    phones, field = store.phones(item.clip.id), pipe.vector_field
    ids, style = torch.tensor([phones.ids]), torch.from_numpy(store.style(item.clip.id))[None]
    lips = pipe.lip_feature_extractor.normalize(store.crops(item.clip.id))[None]
    known = torch.ones_like(ids, dtype=torch.bool)
    encoding = pipe.aligner.encode(ids, known, torch.tensor([phones.optional]), lips, style=style)
    fused = pipe.aligner.fuse(encoding).fused
    prior = field.prior(fused, style, torch.ones(fused.shape[:2], dtype=torch.bool))[0].T.double()
    wanted = len(item.semantic_tokens) * FRAMES_PER_TOKEN
    prior = torch.nn.functional.pad(prior.T, (0, max(0, wanted - len(prior)))).T[:wanted]
    rows = prior.unflatten(0, (-1, FRAMES_PER_TOKEN)).mean(1)[slice(*item.speech)]
    mel = heard_mel(store, item)[:, :-1]
    return (mel - field.config.mel_mean) / field.config.mel_std - rows


def explained_rest(rest: Sequence[torch.Tensor], inputs: Sequence[torch.Tensor]) -> list[float]:
    """Share of the held-out squares of `rest` that a regression fitted on the other part explains; both are pairs of these parts."""
    weights, bias = ridge(inputs[0], rest[0])
    left = rest[1] - inputs[1] @ weights - bias
    return [float(1 - left.square().sum() / rest[1].square().sum())]


def prior_rows(
    store: FeatureStore, name: str, parts: Sequence[Sequence[SpokenClip]], inputs: dict[str, list[torch.Tensor]]
) -> dict[str, list[float]]:
    """Rows of the third table for a pipeline."""
    pipe = FlowDubberPipeline.from_pretrained(name)
    rest = [torch.cat([left_by_prior(store, pipe, item) for item in tqdm(part, leave=False)]) for part in parts]
    mel = [torch.cat([heard_mel(store, item)[:, :-1] for item in part]) for part in parts]
    spread = (mel[1] - mel[0].mean(0)) / pipe.vector_field.config.mel_std
    rows = {f"log-mel, by the prior of {name}": [float(1 - rest[1].square().sum() / spread.square().sum())]}
    return rows | {f"what it leaves, by {what}": explained_rest(rest, values) for what, values in inputs.items()}


@dataclass(frozen=True)
class Probes:
    """The tables, row by row: accuracies at [`AHEAD_MS`], shares of log-mel, loudness and melody explained, of wrong phonemes in
    the models' own speech, and of what priors leave."""

    phonemes: dict[str, list[float]]
    sound: dict[str, list[float]]
    said: dict[str, list[float]]
    prior: dict[str, list[float]]


def probe(store: FeatureStore, models: Sequence[str], fit_clips: int, prior: bool = False) -> Probes:
    """Fits on clips of `train` and scores on those of `val`.

    Raises:
        ValueError: too few clips, or codes that a model does not know.
    """
    needs = ("audio", *(("crops", "style") if prior else ()), *codes_needed("tokens"))
    spoken = read_spoken_clips(store, store.clips(["train", "val"], needs=needs))
    fit = [item for item in spoken if item.clip.split == "train"]
    fit = random.Random(0).sample(fit, min(fit_clips, len(fit)))
    held_out = [item for item in spoken if item.clip.split == "val"]
    if len(fit) < 2 or len(held_out) < 2:
        raise ValueError("the dataset needs two clips of train and two of val with transcripts and speech tokens.")
    parts = (fit, held_out)
    fit_labels, labels = (np.concatenate([labels_ahead(store, item) for item in part]) for part in parts)
    known = [torch.cat([known_phonemes(store, item) for item in part]) for part in parts]
    fit_mel, mel = (torch.cat([heard_mel(store, item) for item in part]) for part in parts)
    fit_pitch, pitch = (torch.cat([heard_pitch(store, item) for item in part]) for part in parts)

    def heard(inputs: Sequence[torch.Tensor]) -> list[float]:
        melody = explained_where_known(inputs[0], fit_pitch, inputs[1], pitch)
        return [*explained(inputs[0], fit_mel, inputs[1], mel), melody]

    def beside(more: Sequence[torch.Tensor]) -> list[float]:
        return heard([torch.cat(pair, dim=1) for pair in zip(known, more, strict=True)])

    half = len(held_out) // 2  # neighbours often begin with the same words
    phonemes: dict[str, list[float]] = {}
    sound = {"the phonemes": heard(known)}
    said: dict[str, list[float]] = {}
    left: dict[str, list[float]] = {}
    for name in models:
        model, tokenizer = load_model(name)
        check_codes(spoken, model.config)
        model.eval()
        names = code_table(store, fit, model.config.semantic_codebook_size)
        speech = [said_phonemes(codes, names) for codes in own_speech(model, tokenizer, held_out, spoken)]
        said[f"speech of {name}"] = [wrong_phonemes(store, held_out, speech)]
        said[f"speech of {name}, another clip's script"] = [
            wrong_phonemes(store, held_out[half:] + held_out[:half], speech)
        ]
        for other_text, script in ((False, "its own script"), (True, "another clip's script")):
            states = [speech_states(model, tokenizer, part, spoken, other_text) for part in parts]
            phonemes[f"states of {name}, {script}"] = accuracy(states[0], fit_labels, states[1], labels)
            if not other_text:
                sound[f"and states of {name}"] = beside(states)
                if prior:
                    both = [torch.cat(pair, dim=1) for pair in zip(known, states, strict=True)]
                    inputs = {"phonemes at their true times": known, "states of the true sound": states, "both": both}
                    left |= prior_rows(store, name, parts, inputs)
    codes = [one_hot_codes(part, model.config.semantic_codebook_size) for part in parts]
    phonemes["the code itself"] = accuracy(codes[0], fit_labels, codes[1], labels)
    sound["and the codes"] = beside(codes)
    true = [said_phonemes(item.spoken_tokens, names) for item in held_out]
    said["the true codes"] = [wrong_phonemes(store, held_out, true)]
    commonest = [np.bincount(fit_labels[:, column]).argmax() for column in range(len(AHEAD_MS))]
    phonemes["the commonest phoneme"] = [float((labels[:, k] == name).mean()) for k, name in enumerate(commonest)]
    return Probes(phonemes, sound, said, left)


def table(headings: Sequence[str], rows: dict[str, list[float]]) -> str:
    """Markdown of shares."""
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    lines += [f"| {name} | {' | '.join(f'{100 * share:.0f} %' for share in row)} |" for name, row in rows.items()]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, nargs="+", type=Path, help="folders of `flowdubber prepare`")
    parser.add_argument(
        "--model", required=True, nargs="+", help="bundled names, pipelines, or folders of train_semantic_lm.py"
    )
    parser.add_argument("--fit_clips", type=int, default=300, help="clips of train to fit on (default 300)")
    parser.add_argument("--prior", action="store_true", help="the third table too (models that are pipelines)")
    args = parser.parse_args(arguments)
    if args.fit_clips < 2:
        raise ValueError(f"--fit_clips must be at least 2, got {args.fit_clips}.")
    probes = probe(FeatureStore(args.dataset), args.model, args.fit_clips, args.prior)
    print(table(["phonemes, read from", "now", *(f"{ms} ms later" for ms in AHEAD_MS[1:])], probes.phonemes))
    print()
    print(table(["sound, explained by", "log-mel", "loudness", "melody"], probes.sound))
    print()
    print(table(["the script's phonemes", "wrong"], probes.said))
    if probes.prior:
        print()
        print(table(["explained", "share"], probes.prior))


if __name__ == "__main__":
    run_script(main)
