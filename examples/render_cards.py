"""Writes the measured figures into the cards and the README, so that nobody does it by hand.

    python examples/render_cards.py          # after hub_cards/figures.json, a template or data/card.py has changed
    python examples/render_cards.py --check  # only says which pages differ

`hub_cards/figures.json` is written by `evaluate_benchmarks.py`, `evaluate_free_text.py` and `evaluate_syncnet.py` with `--docs .`, and
`hub_cards/dataset/report.json` is that of `flowdubber prepare` on the shared part of GRID. `hub_cards/published.json` holds what the
papers of other systems report, with the arXiv number of the paper that it was read in. From them and the templates
(`hub_cards/*/README.md.jinja`) come the cards of the model, of the judge of lip-sync and of the dataset, the same cards beside the
bundled weights, which must not travel without them, and the sections of README.md.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from safetensors import safe_open

from flowdubber_hf.data.card import card as dataset_card
from flowdubber_hf.data.corpora.recording import Corpus
from flowdubber_hf.evaluation.summary import format_figure
from flowdubber_hf.processing.audio import VIDEO_FRAME_RATE
from flowdubber_hf.training.arguments import run_script
from pages import replace_section, write_page


FIGURES = Path("hub_cards/figures.json")
PUBLISHED = Path("hub_cards/published.json")
MODEL, JUDGE = "flowdubber-grid-tiny", "syncnet-grid-tiny"
PRETRAINED = Path("src/flowdubber_hf/pretrained")
# The rows of the table: a figure of `flowdubber evaluate`, what it is called, and the target that the project has set.
ROWS = {
    "wer_grammar": ("words wrong, PocketSphinx with GRID's grammar", "wrong words of the true sound + 3 %"),
    "word_sync_ms": ("mean difference of word starts, forced alignment", "<= 25 ms"),
    "word_sync_steady_ms": ("the same, steadier alignment", ""),
    "lse_d": ("LSE-D of the bundled judge", ""),
    "lse_c": ("LSE-C of the bundled judge", ""),
    "ge2e": ("GE2E similarity to the reference, whole clips", ">= 0.86"),
    "ge2e_trimmed": ("the same, silences trimmed", ""),
    "dnsmos": ("DNSMOS P.808", ">= 3.3"),
    "length_ms": ("length against the clip (largest)", "0 ms"),
}
# Figures of the model-index: the Hub's name of the metric, or one of its own.
INDEXED = {
    "wer_grammar": ("wer", "Words wrong, PocketSphinx with GRID's grammar (%)"),
    "word_sync_ms": ("word-start-difference", "Mean difference of word starts, forced alignment (ms)"),
    "ge2e": ("speaker-similarity", "GE2E similarity to the reference"),
    "dnsmos": ("dnsmos", "DNSMOS P.808"),
}
CORPUS = "GRID audio-visual sentence corpus"
DATASET = Corpus(
    layout="grid",
    license="cc-by-4.0",
    origin=f"A part of the {CORPUS} (Cooke, Barker, Cunningham, Shao 2006, Zenodo record 3625687).",
    recordings=(),
)


def _cell(figure: Mapping[str, Any] | None) -> str:
    if figure is None:
        return "-"
    missing = figure["missing"]
    return format_figure(figure) + (f" [{missing} not had]" if missing and figure["value"] is not None else "")


def _bar(name: str, bar: str, measured: Mapping[str, Any]) -> str:
    """The bar, and whether the dub misses it."""
    truth, dub = (measured[column]["figures"].get(name) for column in ("truth", "dub"))
    if name == "wer_grammar" and truth:
        bar = f"<= {truth['value'] + 3:.1f} %"
    return bar + _mark(bar, dub and dub["value"])


def _mark(bar: str, value: float | None) -> str:
    found = re.match(r"([<>]=) ([\d.]+)", bar)
    if found is None or value is None:
        return ""
    over = value - float(found[2])
    return ", **missed**" if (over > 0 if found[1] == "<=" else over < 0) else ""


def figures_table(figures: Mapping[str, Any], unseen: bool = True) -> str:
    """
    The table of the README and of the model card.

    Args:
        figures: of hub_cards/figures.json.
        unseen: with the columns of faces and voices that no training had.
    """
    measured = figures["measured"]
    columns = {"dub": "dub", "truth": "true sound"}
    if unseen:
        columns |= {"unseen": "dub, faces never seen", "unseen_truth": "true sound, faces never seen"}
    lines = [f"| figure | target | {' | '.join(columns.values())} |", "|---" * (2 + len(columns)) + "|"]
    for name, (title, bar) in ROWS.items():
        cells = [_cell(measured[column]["figures"].get(name)) for column in columns]
        lines.append(f"| {title} | {_bar(name, bar, measured)} | {' | '.join(cells)} |")
    rest = " |" * (len(columns) - 1)
    delay, speed = figures["delay"], figures["speed"]
    seconds = delay["frames"] / VIDEO_FRAME_RATE
    shift = "-" if delay["median"] is None else f"{delay['median']:.3f} / {delay['mean']:.3f} s"
    aside = f" ({delay['not_found']} of {delay['clips']} clips not found)" if delay["not_found"] else ""
    lines += [
        f"| picture {seconds:.2f} s late: shift of the speech, median / mean | {seconds - 0.06:.2f} to {seconds + 0.06:.2f} s "
        f"| {shift}{aside} |{rest}",
        f"| warm real-time factor, {speed['threads']} threads, from the file to the samples | <= 0.4"
        f"{_mark('<= 0.4', speed['real_time_factor'])} | {speed['real_time_factor']:.2f} |{rest}",
        f"| peak memory of `flowdubber dub` | <= 2.5 GB{_mark('<= 2.5', speed['peak_gb'])} | {speed['peak_gb']:.2f} GB |{rest}",
    ]
    return "\n".join(lines)


def origin(figures: Mapping[str, Any]) -> str:
    """What the table is made of."""
    dub, unseen = (figures["measured"][name] for name in ("dub", "unseen"))
    return (
        f"{dub['clips']} clips of a speaker of the training set, and {unseen['clips']} clips of faces and voices never seen; none "
        f"was used in\ntraining. Reference voice: another clip of the speaker (Setting {dub['setting']}). 95 % bootstrap "
        f"intervals over clips in brackets.\nSeed {dub['seed']}, {dub['date']}, torch {dub['torch']}:\n"
        f"`{figures['command']}`."
    )


def comparison_table(figures: Mapping[str, Any], published: Sequence[Mapping[str, str]]) -> str:
    """This package beside the published systems, each with the true sound as its own recogniser hears it."""
    dub, truth = (figures["measured"][column]["figures"] for column in ("dub", "truth"))
    own = (
        "**this package**, bundled model",
        f"{dub['wer_grammar']['value']:.1f} %",
        f"{truth['wer_grammar']['value']:.1f} %",
        f"{dub['ge2e']['value']:.3f}",
        "yes",
        "yes",
        "the table above",
    )
    keys = ("system", "words", "true", "voice", "own_video", "training")
    rows = [own]
    for row in published:
        rows.append((*(row[key] for key in keys), f"[{row['source']}](https://arxiv.org/abs/{row['source']})"))
    head = (
        "system",
        "words wrong",
        "in the true sound",
        "voice, GE2E",
        "takes your own video",
        "code for training",
        "from",
    )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def free_text_sentence(figures: Mapping[str, Any]) -> str:
    """How many words of everyday sentences are wrong."""
    heard = figures["free_text"]
    voices, flite = (sorted(heard[name].values()) for name in ("voices", "flite"))
    return (
        f"Everyday English, {heard['sentences']} sentences that were in no training, with the lips of a drawn head that training did see: "
        f"PocketSphinx\nmishears {voices[0]:.0f} to {voices[-1]:.0f} % of the words, depending on the voice. Of flite's own voices it "
        f"mishears {flite[0]:.0f} to {flite[-1]:.0f} %."
    )


def _results(figures: Mapping[str, Any]) -> list[EvalResult]:
    results = []
    splits = {"dub": "dev, a speaker of the training set", "unseen": "zero_shot, faces and voices never seen"}
    for column, split in splits.items():
        measured = figures["measured"][column]
        for name, (kind, title) in INDEXED.items():
            figure = measured["figures"].get(name)
            if figure is not None and figure["value"] is not None:
                results.append(
                    EvalResult(
                        task_type="text-to-speech",
                        task_name="Movie dubbing",
                        dataset_type="grid",
                        dataset_name=f"{CORPUS}, {split}, {measured['clips']} clips",
                        dataset_split=measured["split"],
                        metric_type=kind,
                        metric_name=title,
                        metric_value=round(figure["value"], figure["digits"]),
                    )
                )
    return results


def weights_of(folder: Path) -> tuple[int, int]:
    """Bytes of all safetensors under a folder, and their weights: a batch norm's statistics are none."""
    size = numbers = 0
    for file in folder.rglob("*.safetensors"):
        size += file.stat().st_size
        with safe_open(file, framework="np") as tensors:
            numbers += sum(
                math.prod(tensors.get_slice(name).get_shape())
                for name in tensors.keys()  # noqa: SIM118
                if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))
            )
    return size, numbers


def model_card(root: Path, figures: Mapping[str, Any]) -> str:
    """hub_cards/model/README.md."""
    size, numbers = weights_of(root / PRETRAINED / MODEL)
    return ModelCard.from_template(
        ModelCardData(
            license="cc-by-4.0",
            language=["en"],
            library_name="diffusers",
            pipeline_tag="text-to-speech",
            tags=["flowdubber", "dubbing", "visual-voice-cloning", "lip-sync", "flow-matching", "custom_code"],
            metrics=["wer"],
            model_name=MODEL,
            eval_results=_results(figures),
        ),
        template_path=root / "hub_cards/model/README.md.jinja",
        size=f"{size / 1e6:.0f} MB",
        parameters=f"{numbers / 1e6:.1f}",
        origin=origin(figures),
        figures=figures_table(figures),
        free_text=free_text_sentence(figures),
    ).content


def judge_card(root: Path, figures: Mapping[str, Any]) -> str:
    """hub_cards/judge/README.md."""
    _, numbers = weights_of(root / PRETRAINED / JUDGE)
    judge = figures["judge"]
    splits = list(judge["splits"])
    titles = [f"{name}, {judge['splits'][name]['clips']} clips" for name in splits]
    head = f"| sound, LSE-D / LSE-C | {' | '.join(titles)} |"
    lines = [head, "|---" * (1 + len(splits)) + "|"]
    for name in judge["splits"][splits[0]]["lse"]:
        cells = ["{:.3f} / {:.3f}".format(*judge["splits"][split]["lse"][name]) for split in splits]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    areas = [judge["splits"][split]["shifted"]["window"] for split in splits]
    lines += [
        "",
        "Area under the curve between windows in sync and 3 to 15 frames early or late: "
        + ", ".join(f"{area:.3f} ({title})" for area, title in zip(areas, titles, strict=True))
        + ".",
    ]
    return ModelCard.from_template(
        ModelCardData(
            license="cc-by-4.0",
            library_name="transformers",
            tags=["flowdubber", "lip-sync", "syncnet", "audio-visual"],
            model_name=JUDGE,
        ),
        template_path=root / "hub_cards/judge/README.md.jinja",
        parameters=f"{numbers / 1e3:.0f}",
        origin=f"GRID; `zero_shot` are faces that no training had. {judge['date']}, torch {judge['torch']}:\n`{judge['command']}`.",
        figures="\n".join(lines),
    ).content


def render(root: Path) -> dict[Path, str]:
    """All pages by their paths, as they ought to be."""
    figures = json.loads((root / FIGURES).read_text(encoding="utf-8"))
    report = json.loads((root / "hub_cards/dataset/report.json").read_text(encoding="utf-8"))
    model, judge = (text.rstrip() + "\n" for text in (model_card(root, figures), judge_card(root, figures)))
    readme = (root / "README.md").read_text(encoding="utf-8")
    readme = replace_section(readme, "figures", figures_table(figures, unseen=False) + "\n")
    published = json.loads((root / PUBLISHED).read_text(encoding="utf-8"))
    readme = replace_section(readme, "comparison", comparison_table(figures, published) + "\n")
    readme = replace_section(readme, "free text", free_text_sentence(figures) + "\n")
    return {
        root / "README.md": readme,
        root / "hub_cards/model/README.md": model,
        root / PRETRAINED / MODEL / "README.md": model,
        root / "hub_cards/judge/README.md": judge,
        root / PRETRAINED / JUDGE / "README.md": judge,
        root / "hub_cards/dataset/README.md": dataset_card(DATASET, report, report["settings"]),
    }


def differing(root: Path) -> dict[Path, str]:
    """Pages that are not what they ought to be, and what that is."""
    return {
        path: text
        for path, text in render(root).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }


def write_cards(root: Path) -> list[Path]:
    """Writes the pages that differ; returns them."""
    changed = differing(root)
    for path, text in changed.items():
        write_page(path, text)
    return list(changed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--root", type=Path, default=Path("."), help="the repository")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page differs")
    args = parser.parse_args()
    if args.check:
        found = differing(args.root)
        if found:
            raise ValueError(f"not as rendered: {', '.join(map(str, found))}; run examples/render_cards.py.")
        return
    for path in write_cards(args.root):
        print(path)


if __name__ == "__main__":
    run_script(main)
