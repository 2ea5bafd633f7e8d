"""How well an aligner's predictor foretells how long phonemes and pauses last, beside the means of their classes.

```bash
python examples/evaluate_durations.py --dataset prepared/grid prepared/speech --model outputs/durations/best/aligner
```

Speech of one split that the predictor has not learned from, as `flowdubber prepare` timed it, is compared with what text and
voice alone foretell. A row for each source and one for all:

| figure | what |
|---|---|
| correlation | of log durations, foretold and true, over all spoken phonemes |
| correlation in tempo | the same with each utterance's own tempo taken out |
| log error | mean absolute difference of log durations: 0.3 is about a third too long or too short |
| pauses found | of the pauses between words that last 0.1 s or more, the share that is foretold |
| pauses right | of the pauses that are foretold, the share that is there |

The class means give every phoneme its mean log duration in the split `train` and each kind of pause its share there.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.models.aligner.durations import SHORTEST_SECONDS, Durations
from flowdubber_hf.models.parts import load_part
from flowdubber_hf.processing.text import PAUSES, PHONEMES
from flowdubber_hf.training.arguments import run_script
from flowdubber_hf.training.duration_stage import TimedScript, duration_figures, timed_script
from flowdubber_hf.training.semantic_duration_stage import SpokenDurations
from flowdubber_hf.training.semantic_features import SemanticCache


FIGURES = {
    "correlation": "correlation ↑",
    "correlation_in_tempo": "correlation in tempo ↑",
    "log_error": "log error ↓",
    "pauses_found": "pauses found ↑",
    "pauses_right": "pauses right ↑",
}
ROWS = {"predictor": "predictor", "class means": "class_means", "language model": "semantics"}
ALL = "all"


class ClassMeans(nn.Module):
    """Foretells every phoneme's mean log duration and each kind of pause's share, whatever stands beside it.

    Args:
        scripts: that they are taken from.
    """

    def __init__(self, scripts: Sequence[TimedScript]):
        super().__init__()
        ids, pauses, seconds = (
            torch.cat([torch.as_tensor(getattr(script, name)) for script in scripts])
            for name in ("phonemes", "pauses", "seconds")
        )
        there = seconds >= SHORTEST_SECONDS
        logs = seconds.clamp(min=SHORTEST_SECONDS).log()
        self.register_buffer("logs", _means(logs[there], ids[there].long(), len(PHONEMES)))
        self.register_buffer("shares", _means(there.float(), pauses.long(), len(PAUSES)))

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, pause_ids: torch.Tensor, style: torch.Tensor
    ) -> Durations:
        """As [`~models.aligner.durations.FlowDubberDurationPredictor`]; the deviation is not estimated and 1."""
        mean = self.logs[input_ids]
        return Durations(mean, torch.ones_like(mean), self.shares[pause_ids].logit(eps=1e-6))


def _means(values: torch.Tensor, classes: torch.Tensor, count: int) -> torch.Tensor:
    """`(count,)` mean of each class; that of all values where a class has none."""
    sums = torch.zeros(count).index_add(0, classes, values)
    counts = torch.bincount(classes, minlength=count)
    return torch.where(counts > 0, sums / counts.clamp(min=1), values.mean())


def read_scripts(store: FeatureStore, split: str, limit: int | None = None) -> dict[str, list[TimedScript]]:
    """Timed scripts of a split by their source, the first `limit` of each.

    Raises:
        ValueError: there are none.
    """
    found: dict[str, list[TimedScript]] = {}
    for clip in store.clips(split, needs=("audio", "phones", "style")):
        scripts = found.setdefault(clip.source, [])
        if limit is None or len(scripts) < limit:
            scripts.append(timed_script(store, clip))
    if not found:
        raise ValueError(f"no clip of the split {split!r} has sound, phonemes and style; prepare a dataset with them.")
    return found


def load_predictor(model: str) -> nn.Module:
    """The predictor of a pipeline or an aligner.

    Raises:
        ValueError: it has none.
    """
    predictor = load_part("aligner", model).duration_predictor
    if predictor is None:
        raise ValueError(f"the aligner of {model} has no predictor of durations; train_durations.py gives it one.")
    return predictor


def load_tie(model: str, states: SemanticCache) -> SpokenDurations:
    """The durations that a pipeline or an aligner takes from the language model's speech.

    Raises:
        ValueError: it takes none.
    """
    aligner = load_part("aligner", model)
    if aligner.semantic_tie is None:
        raise ValueError(
            f"the aligner of {model} does not hear the language model; train_durations.py --semantic_features lets it."
        )
    return SpokenDurations(aligner, states)


def measure(
    dataset: Sequence[str], model: str, split: str = "val", limit: int | None = None, states: str | None = None
) -> dict[str, dict]:
    """Figures of `duration_figures` by source, and of all sources together: `scripts`, `predictor` and `class_means` of each,
    and with `states` of the language model `semantics`, all on the scripts that have them.

    Raises:
        ValueError: no speech to measure on or to take means from, or a model without a predictor.
    """
    predictor = load_predictor(model)
    store = FeatureStore(dataset)
    held_out = read_scripts(store, split, limit)
    training = read_scripts(store, "train")
    means = ClassMeans([script for scripts in training.values() for script in scripts])
    spoken = None
    if states is not None:
        cache = SemanticCache(states)
        spoken = load_tie(model, cache)
        held_out = {
            source: kept
            for source, scripts in held_out.items()
            if (kept := [script for script in scripts if script.name in cache])
        }
        if not held_out:
            raise ValueError(f"{states} has no states of the split {split!r}.")
    every = [script for scripts in held_out.values() for script in scripts]
    groups = {**held_out, **({ALL: every} if len(held_out) > 1 else {})}
    return {
        source: {
            "scripts": len(scripts),
            "predictor": duration_figures(predictor, scripts),
            "class_means": duration_figures(means, scripts),
            **({} if spoken is None else {"semantics": duration_figures(spoken, scripts)}),
        }
        for source, scripts in groups.items()
    }


def table(measured: Mapping[str, Mapping]) -> str:
    """Two rows a source, three with the language model, as Markdown."""
    lines = [f"| speech | {' | '.join(FIGURES.values())} |", "|---" * (len(FIGURES) + 1) + "|"]
    for source, found in measured.items():
        for title, key in ROWS.items():
            if key not in found:
                continue
            cells = " | ".join(f"{found[key][name]:.2f}" for name in FIGURES)
            lines.append(f"| {source} ({found['scripts']}), {title} | {cells} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--dataset", nargs="+", required=True, help="folders that flowdubber prepare has written")
    parser.add_argument("--model", required=True, help="pipeline or aligner: bundled name, folder or Hub id")
    parser.add_argument("--split", default="val", help="speech to measure on")
    parser.add_argument("--limit", type=int, help="only the first clips of each source, to try it out")
    parser.add_argument(
        "--semantic_features", help="states of extract_semantic_features.py: durations from the language model, too"
    )
    args = parser.parse_args(arguments)
    print(table(measure(args.dataset, args.model, args.split, args.limit, args.semantic_features)))


if __name__ == "__main__":
    run_script(main)
