"""Measures a model and what every part of the method is worth: one `flowdubber evaluate` a condition, in tables.

```bash
python examples/evaluate_benchmarks.py --data ../shared/data --num_proc 2 --docs .
python examples/evaluate_benchmarks.py --data ../shared/data --groups parts guidance --model outputs/grid_tiny/pipeline
```

`--data` holds `grid/` and, for other voices in Setting 3, `speech/`. Each condition is an evaluation of its own in
`OUTPUT/CONDITION`, with everything that [`flowdubber evaluate`](../docs/evaluation.md) writes; one that is finished is not done
again. Conditions are switches of the pipeline; the weights are the same in all of them. The group `card` measures the figures of
the README and the model card (`hub_cards/figures.json`, `render_cards.py`); nothing else should run while its speed is measured.

| group | what changes |
|---|---|
| `card` | dub and truth beside the bars that the project sets itself; speed; a picture that comes late |
| `systems` | truth, truth through mel and vocoder, dub on the true times, dub: Settings 1, 2 and 3 |
| `zero_shot` | the same on faces and voices that no training had |
| `faces` | speakers of the training, speakers never seen, one with a moustache |
| `joined` | one sentence a clip, three, and six, with pauses of 0.2 to 2 s between them |
| `film` | half the size, dark, with grain, recompressed |
| `cue` | no lips: words of free text, and how well durations are foretold (with `--prepared`) |
| `length` | processor seconds a second of a clip of 60 s against one of 3 s |
| `parts` | without the language model's knowledge (LLM-SL), without lips (DCA: even durations), without the style vector (SATL) |
| `guidance` | alpha of the guidance: 0 (plain), 0.2, 0.4 (the default), 0.8, 1.2 |
| `steps` | 1, 2, 4, 8, 10, 16 and 32 Euler steps |
| `few` | 4, 2 and 1 Euler steps against 10, clip by clip, and whether what differs may be chance |
| `solvers` | Euler, Heun and midpoint at like numbers of network evaluations |
| `grids` | uniform and sway grids |
| `style` | how much the voice is stressed |
| `temperature` | of the initial noise |
| `takes` | the best of 1, 2, 4 and 8 takes |
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from benchmark_rows import make_cue, make_length
from flowdubber_hf.evaluation.clips import EvaluationClip
from flowdubber_hf.evaluation.comparison import (
    format_bounds,
    format_difference,
    format_p,
    pair_evaluations,
    read_finished,
)
from flowdubber_hf.evaluation.run import plan_evaluation, run_evaluation
from flowdubber_hf.evaluation.settings import EvaluateSettings
from flowdubber_hf.evaluation.sounds import load_pipeline
from flowdubber_hf.evaluation.summary import ARROWS, format_figure
from flowdubber_hf.metrics import functional
from flowdubber_hf.processing.audio import VIDEO_FRAME_RATE
from flowdubber_hf.processing.video import iter_frames
from flowdubber_hf.sampling import DEFAULT_STEPS
from flowdubber_hf.training.arguments import run_script
from flowdubber_hf.work.files import replace_file
from made_clips import MADE, make_clips
from pages import insert, save_json, update_json
from render_cards import FIGURES, ROWS, figures_table, write_cards


DELAY_FRAMES = 10
DELAY_CLIPS = 8
CARD = "card"
# Tables that are no evaluations, each with the function that measures it.
OTHERS = {"cue": make_cue, "length": make_length}


@dataclass(frozen=True)
class Condition:
    """A row of a table: what to call it, and what differs from the defaults of `flowdubber evaluate`."""

    title: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    made: str | None = None  # clips of made_clips.py in place of GRID's

    def __post_init__(self) -> None:
        if self.made is not None and self.made not in MADE:
            raise ValueError(f"the row {self.title!r} wants clips {self.made!r}, which made_clips.py does not make.")

    @property
    def folder(self) -> str:
        """The same changes are measured once, whatever tables they stand in."""
        parts = [f"{name}-{_plain(value)}" for name, value in sorted(self.changes.items())]
        return "_".join([*([self.made] if self.made else []), *parts]) or "defaults"


@dataclass(frozen=True)
class Group:
    """A table: its conditions, the figures that it shows, whether with their intervals, and whether all rows but the first tell what
    they differ by from the first, clip by clip."""

    title: str
    conditions: tuple[Condition, ...]
    figures: tuple[str, ...] = (
        "wer_grammar",
        "word_sync_ms",
        "word_sync_steady_ms",
        "ge2e",
        "dnsmos",
        "lse_c",
        "lse_d",
        "mcd_dtw_sl",
        "f0",
    )
    intervals: bool = False
    paired: bool = False


def _plain(value: Any) -> str:
    if isinstance(value, Path):
        return value.name
    if isinstance(value, (tuple, list)):
        return "-".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


# What the systems are judged by; the other tables show what their switch can change.
SYSTEM_FIGURES = (
    "wer_grammar",
    "word_sync_ms",
    "word_sync_steady_ms",
    "word_sync_given_steady_ms",
    "lse_c",
    "lse_d",
    "ge2e",
    "dnsmos",
    "mcd_dtw_sl",
    "sync_kl",
    "duration_ms",
    "f0",
    "energy",
)


# Of clips whose times are the question.
TIME_FIGURES = (
    "word_sync_steady_ms",
    "word_sync_given_steady_ms",
    "wer_grammar",
    "wer_open",
    "lse_c",
    "lse_d",
    "ge2e",
    "dnsmos",
)


def beside_truth(title: str, made: str | None = None) -> tuple[Condition, ...]:
    """Rows of the same clips: true sound, dub, and dub that does not look at the lips."""
    return (
        Condition(f"{title}: true sound", {"sound": "truth"}, made),
        Condition(f"**{title}: dub**", {}, made),
        Condition(f"{title}: dub without lips", {"without": ("lips",)}, made),
    )


def time_group(title: str, *rows: tuple[str, str | None]) -> Group:
    """A table of clips whose times are the question: name and made clips of each three rows."""
    return Group(title, tuple(row for pair in rows for row in beside_truth(*pair)), TIME_FIGURES, intervals=True)


def euler_steps(*counts: int) -> tuple[Condition, ...]:
    """Rows of so many steps."""
    return tuple(
        Condition(f"{steps} Euler step{'s' * (steps > 1)}", {} if steps == DEFAULT_STEPS else {"steps": steps})
        for steps in counts
    )


def make_groups(data: Path) -> dict[str, Group]:
    """All tables, in their order."""
    voices = {"setting": 3, "voices": data / "grid", "voices_split": "zero_shot"}
    systems = [
        Condition("true sound", {"sound": "truth"}),
        Condition("true sound through log-mel and vocoder", {"sound": "vocoded"}),
        Condition("dub, true times", {"sound": "true_times"}),
        Condition("**dub, Setting 2** (another clip of the speaker)"),
        Condition("dub, Setting 1 (the clip's own sound as reference)", {"setting": 1}),
        Condition("dub, Setting 3, voices of zero_shot", voices),
    ]
    if (data / "speech").is_dir():
        systems.append(Condition("dub, Setting 3, voices of speech", {"setting": 3, "voices": data / "speech"}))
    unseen = {"split": "zero_shot"}
    return {
        "systems": Group("Systems and ceilings", tuple(systems), SYSTEM_FIGURES, intervals=True),
        "zero_shot": Group(
            "Faces and voices never seen",
            (
                Condition("true sound", {"sound": "truth", **unseen}),
                Condition("true sound through log-mel and vocoder", {"sound": "vocoded", **unseen}),
                Condition("dub, true times", {"sound": "true_times", **unseen}),
                Condition("**dub, Setting 2**", unseen),
                Condition("dub, Setting 1", {"setting": 1, **unseen}),
            ),
            SYSTEM_FIGURES,
            intervals=True,
        ),
        "faces": time_group(
            "Faces", ("dev", None), ("zero_shot without s26", "without_s26"), ("s26, a moustache", "s26")
        ),
        "joined": time_group("Sentences in one clip", ("one", None), ("three", "joined_3"), ("six", "joined_6")),
        "film": time_group("Hard pictures", ("as recorded", "without_s26"), ("small, dark, recompressed", "film")),
        "parts": Group(
            "Parts of the method",
            (
                Condition("all of it"),
                Condition("without LLM-SL (the learned null, no guidance)", {"without": ("semantics",)}),
                Condition("without DCA (no lips, even durations)", {"without": ("lips",)}),
                Condition("without the style vector of SATL", {"without": ("style",)}),
            ),
            intervals=True,
        ),
        "guidance": Group(
            "Guidance",
            tuple(
                Condition(f"alpha {alpha:g}", {} if alpha == 0.4 else {"guidance_scale": 1 + alpha})
                for alpha in (0, 0.2, 0.4, 0.8, 1.2)
            ),
        ),
        "steps": Group("Steps", euler_steps(1, 2, 4, 8, 10, 16, 32)),
        "few": Group("Few steps, paired", euler_steps(10, 4, 2, 1), intervals=True, paired=True),
        "solvers": Group(
            "Solvers",
            (
                Condition("Euler, 4 steps (4 evaluations)"),
                Condition("Euler, 10 steps (10 evaluations)", {"steps": 10}),
                Condition("Heun, 5 steps (9 evaluations)", {"solver": "heun", "steps": 5}),
                Condition("Heun, 10 steps (19 evaluations)", {"solver": "heun", "steps": 10}),
                Condition("midpoint, 5 steps (10 evaluations)", {"solver": "midpoint", "steps": 5}),
                Condition("midpoint, 10 steps (20 evaluations)", {"solver": "midpoint", "steps": 10}),
            ),
        ),
        "grids": Group(
            "Grids",
            (
                Condition("uniform, 10 steps", {"steps": 10}),
                Condition("sway -1, 10 steps", {"sway": -1.0, "steps": 10}),
                Condition("uniform, 4 steps"),
                Condition("sway -1, 4 steps", {"sway": -1.0}),
            ),
        ),
        "style": Group(
            "Style guidance",
            tuple(
                Condition(f"{name}, {scale:g}", {**voices, "style_guidance_scale": scale})
                for name, voices in (("own voice", {}), ("voices of zero_shot", voices))
                for scale in (1.0, 1.5, 2.0, 3.0)
            ),
            intervals=True,
        ),
        "temperature": Group(
            "Temperature",
            (
                Condition("the model's own"),
                *(Condition(f"{value:g}", {"temperature": value}) for value in (0.0, 0.2, 0.4, 0.667, 1.0)),
            ),
        ),
        "takes": Group(
            "Best of several takes",
            tuple(
                Condition(f"best of {count}" if count > 1 else "one take", {"best_of": count} if count > 1 else {})
                for count in (1, 2, 4, 8)
            ),
        ),
    }


def evaluation_settings(condition: Condition, args: argparse.Namespace, **more: Any) -> EvaluateSettings:
    """The condition as `flowdubber evaluate` takes it; clips that have to be made first are made here."""
    data, folder = args.data / "grid", args.output / condition.folder
    if condition.made is not None:
        data = make_clips(condition.made, data, args.output, args.limit)
        folder = args.output / f"{data.name}_{condition.folder}"
        more["split"] = condition.made
    return EvaluateSettings(
        data=data,
        output=folder,
        model=args.model,
        metrics=tuple(args.metrics),
        seed=args.seed,
        limit=args.limit,
        num_proc=args.num_proc,
        name=condition.title.strip("*"),
        **condition.changes,
        **more,
    )


def measure(condition: Condition, args: argparse.Namespace, **more: Any) -> dict[str, Any]:
    """Summary of the condition's evaluation, which is run unless it is finished."""
    settings = evaluation_settings(condition, args, **more)
    summary = run_evaluation(plan_evaluation(settings)).summary
    if summary is None:
        raise ValueError("run this script alone, with --num_proc, and not by accelerate launch.")
    return summary


@dataclass(frozen=True)
class Delay:
    """What a picture that comes `DELAY_FRAMES` late does to the dub, in s: median and mean over clips of the shift of the
    speech, and clips in which the words were not found."""

    median: float | None
    mean: float | None
    not_found: int


def measure_delay(settings: EvaluateSettings) -> Delay:
    """Dubs clips once more with the first frame of their picture held, and tells how far the words moved (median a clip)."""
    clips = plan_evaluation(settings).clips.clips
    chosen = [clips[index] for index in np.linspace(0, len(clips) - 1, min(DELAY_CLIPS, len(clips))).astype(int)]
    pipe = load_pipeline(settings)

    def words(clip: EvaluationClip, delay: int) -> list[functional.WordTime]:
        frames = np.stack(list(iter_frames(clip.video, "rgb24")))
        late = np.concatenate([np.repeat(frames[:1], delay, axis=0), frames[: len(frames) - delay]])
        dub = pipe(
            script=clip.text,
            video=late,
            fps=float(VIDEO_FRAME_RATE),
            reference_audio=clip.reference.path,
            generator=torch.Generator("cpu").manual_seed(settings.seed),
        )
        return functional.align_words_steadily(np.asarray(dub.audios[0], dtype=np.float32), clip.text)

    shifts = []
    for clip in tqdm(chosen, desc="picture late", unit="clip"):
        try:
            shifts.append(functional.speech_shift(words(clip, DELAY_FRAMES), words(clip, 0)))
        except ValueError:  # the recogniser does not find the words in one of the dubs
            continue
    found = bool(shifts)
    return Delay(
        float(np.median(shifts)) if found else None,
        float(np.mean(shifts)) if found else None,
        len(chosen) - len(shifts),
    )


def card_figures(
    dub: Mapping[str, Any],
    truth: Mapping[str, Any],
    unseen: Mapping[str, Any],
    unseen_truth: Mapping[str, Any],
    delay: Delay,
) -> dict[str, Any]:
    """What hub_cards/figures.json keeps of the summaries: the figures of the cards, and where they come from."""
    return {
        "model": dub["model"],
        "measured": {
            "dub": _kept(dub),
            "truth": _kept(truth),
            "unseen": _kept(unseen),
            "unseen_truth": _kept(unseen_truth),
        },
        "delay": {"frames": DELAY_FRAMES, "clips": DELAY_CLIPS, **dataclasses.asdict(delay)},
        "speed": {
            "threads": dub["speed"]["threads"],
            "real_time_factor": dub["speed"]["real_time_factor"],
            "peak_gb": dub["speed"]["cold"]["peak_gb"],
            "processor": dub["machine"]["processor"],
        },
    }


def _kept(summary: Mapping[str, Any]) -> dict[str, Any]:
    shown = {
        name: {**figure, "missing": len(figure["missing"])}
        for name, figure in summary["figures"].items()
        if name in ROWS
    }
    return {
        **{name: summary[name] for name in ("split", "setting", "clips", "date")},
        "seed": summary["settings"].get("seed", 0),  # a true sound is drawn from none
        "torch": summary["machine"]["torch"],
        "without_sound": len(summary["without_sound"]),
        "figures": shown,
    }


def make_card(args: argparse.Namespace) -> str:
    """Measures the cards' figures, keeps them and renders the pages that show them."""
    default = Condition("dub")
    unseen = {"split": "zero_shot"}
    dub = measure(default, args, speed=True)
    truth = measure(Condition("true sound", {"sound": "truth"}), args)
    others = [
        measure(Condition("dub, faces never seen", unseen), args),
        measure(Condition("true sound, faces never seen", {"sound": "truth", **unseen}), args),
    ]
    figures = card_figures(dub, truth, *others, measure_delay(evaluation_settings(default, args)))
    figures["command"] = f"python examples/evaluate_benchmarks.py --data ../shared/data --groups {CARD} --docs ."
    save_json(args.output / "card.json", figures)
    text = figures_table(figures) + "\n"
    replace_file(args.output / "card.md", text.encode())
    if args.docs is not None:
        update_json(args.docs / FIGURES, **figures)
        write_cards(args.docs)
    return text


def pairs_with_first(group: Group, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Each finished evaluation of a group but the first against the first."""
    first, *others = (read_finished(evaluation_settings(condition, args).output) for condition in group.conditions)
    return [pair_evaluations(first, other) for other in others]


def group_table(
    group: Group, summaries: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]] = ()
) -> Iterator[str]:
    """A group's Markdown lines: one row a condition. `pairs`, of [`pairs_with_first`], where the group is paired."""
    figures = {name: figure for summary in summaries for name, figure in summary["figures"].items()}
    names = [name for name in group.figures if name in figures]
    headings = [f"{figures[name]['title']} {ARROWS.get(figures[name]['better'], '')}".strip() for name in names]
    yield f"| {group.title} | {' | '.join(headings)} |"
    yield "|---" * (len(names) + 1) + "|"
    for number, (condition, summary) in enumerate(zip(group.conditions, summaries, strict=True)):
        if group.paired and number:
            cells = [_paired_cell(pairs[number - 1]["figures"].get(name)) for name in names]
        else:
            cells = [_cell(summary["figures"].get(name), group.intervals) for name in names]
        missing = len(summary["without_sound"])
        aside = f" (without a sound: {missing})" if missing else ""
        yield f"| {condition.title}{aside} | {' | '.join(cells)} |"
    yield ""


def _cell(figure: Mapping[str, Any] | None, interval: bool) -> str:
    if figure is None:
        return "-"
    text = format_figure(figure if interval else {**figure, "low": 0, "high": 0})
    return f"{text}{_not_had(figure)}" if figure["value"] is not None else text


def _paired_cell(figure: Mapping[str, Any] | None) -> str:
    if figure is None:
        return "-"
    p = format_p(figure["p"])
    return (
        f"{format_difference(figure)} ({format_bounds(figure)}), p {p if p.startswith('<') else f'= {p}'}"
        f"{_not_had(figure)}"
    )


def _not_had(figure: Mapping[str, Any]) -> str:
    missing = len(figure["missing"])
    return f" [{missing} not had]" if missing else ""


def report(group: Group, summaries: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]] = ()) -> str:
    """A group's table, with what it is made of."""
    first = summaries[0]
    clips = {one["split"]: f"{one['clips']} clips of `{one['split']}`" for one in summaries}
    notes = "; 95 % bootstrap intervals over clips in brackets" if group.intervals else ""
    if group.paired:
        notes += "; below the first row differences from it, clip by clip, with p of a paired sign-flip test"
    lines = [
        f"**{group.title}**: {', '.join(clips.values())}, {first['date']}, torch {first['machine']['torch']}{notes}.",
        "",
        *group_table(group, summaries, pairs),
    ]
    return "\n".join(lines)


def keep_table(name: str, text: str, args: argparse.Namespace) -> None:
    """Prints a table, keeps it in the output folder and, where asked, in the page."""
    replace_file(args.output / f"{name}.md", text.encode())
    if args.docs is not None:
        insert(args.docs / "docs" / "benchmarks.md", f"figures {name}", text)
    print(text)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds grid/ and perhaps speech/")
    parser.add_argument("--model", default="flowdubber-grid-tiny", help="bundled name, folder or Hub id")
    parser.add_argument("--output", type=Path, default=Path("outputs/benchmarks"))
    parser.add_argument("--groups", nargs="+", help="tables to make (default: all)")
    parser.add_argument("--metrics", nargs="+", default=["default"], help="as of flowdubber evaluate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="only the first clips, to try it out")
    parser.add_argument(
        "--prepared",
        type=Path,
        nargs="+",
        help="prepared datasets: durations of their held-out speech, for the group cue",
    )
    parser.add_argument("--num_proc", type=int, default=1, help="processes")
    parser.add_argument("--docs", type=Path, help="repository whose docs/benchmarks.md takes the tables")
    args = parser.parse_args(arguments)
    groups = make_groups(args.data)
    known = [CARD, *groups, *OTHERS]
    chosen = args.groups or known
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise ValueError(f"--groups: unknown {', '.join(unknown)}; choose from {', '.join(known)}.")
    args.output.mkdir(parents=True, exist_ok=True)
    if CARD in chosen:
        print(make_card(args))
    summaries: dict[str, dict[str, Any]] = {}
    for name in (name for name in chosen if name in groups):
        for condition in groups[name].conditions:
            if condition.folder not in summaries:
                print(f"== {name}: {condition.title}", flush=True)
                summaries[condition.folder] = measure(condition, args)
        rows = [summaries[condition.folder] for condition in groups[name].conditions]
        pairs = pairs_with_first(groups[name], args) if groups[name].paired else []
        keep_table(name, report(groups[name], rows, pairs), args)
    for name in (name for name in chosen if name in OTHERS):
        keep_table(name, OTHERS[name](args), args)
    replace_file(args.output / "summaries.json", json.dumps(summaries, indent=1).encode())


if __name__ == "__main__":
    run_script(main)
