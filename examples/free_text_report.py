"""The tables of evaluate_free_text.py: words wrong by voice, the phonemes that fail, what was heard."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


FEWEST_OCCURRENCES = 5  # of a phoneme in all dubs, to be listed among those that fail
LISTED_PHONEMES = 12


def add_phonemes(voices: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Errors of several voices together, the phonemes with the largest share of errors first."""
    total: dict[str, dict[str, Any]] = {}
    for voice in voices:
        for phoneme, row in voice["phonemes"].items():
            sums = total.setdefault(phoneme, {"occurrences": 0, "errors": 0, "instead": Counter()})
            sums["occurrences"] += row["occurrences"]
            sums["errors"] += row["errors"]
            sums["instead"].update(row["instead"])
    return dict(sorted(total.items(), key=lambda item: -item[1]["errors"] / item[1]["occurrences"]))


def voices_table(results: Mapping[str, Any]) -> list[str]:
    both = results["whisper"] is not None
    lines = [
        f"| voice | words wrong |{' by Whisper |' if both else ''} phonemes lost | phonemes that fail most |",
        "|---" * (5 if both else 4) + "|",
    ]
    for rows in (results["voices"], results["others"]):
        for name, row in rows.items():
            second = f" {100 * row['words_wrong_whisper']:.1f} % |" if both else ""
            worst = [
                f"{phoneme} {entry['errors']}/{entry['occurrences']}"
                for phoneme, entry in add_phonemes([row]).items()
                if entry["errors"] and entry["occurrences"] >= min(FEWEST_OCCURRENCES, row["sentences"])
            ]
            lines.append(
                f"| {name} | {100 * row['words_wrong']:.1f} % |{second} {100 * row['phonemes_lost']:.1f} % "
                f"| {', '.join(worst[:6]) or '-'} |"
            )
    return lines


def phonemes_table(results: Mapping[str, Any]) -> list[str]:
    lines = ["| phoneme | errors / occurrences | share | heard instead |", "|---|---|---|---|"]
    total = add_phonemes(list(results["voices"].values()))
    listed = [item for item in total.items() if item[1]["occurrences"] >= FEWEST_OCCURRENCES and item[1]["errors"]]
    for phoneme, row in listed[:LISTED_PHONEMES]:
        others = ", ".join(f"{other} {count}" for other, count in row["instead"].most_common(4))
        share = 100 * row["errors"] / row["occurrences"]
        lines.append(f"| {phoneme} | {row['errors']} / {row['occurrences']} | {share:.0f} % | {others} |")
    return lines


def sentences_table(results: Mapping[str, Any], every: int) -> list[str]:
    names = list(results["voices"])
    rows = results["sentences"][::every]
    return [
        f"| sentence | {' | '.join(names)} |",
        "|---" * (len(names) + 1) + "|",
        *(
            f"| {sentence} | {' | '.join(results['voices'][name]['heard'][sentence] or '-' for name in names)} |"
            for sentence in rows
        ),
    ]


def _sentences(results: Mapping[str, Any]) -> str:
    count = results["sentences_per_clip"]
    return "a sentence" if count == 1 else f"{count} sentences"


def report(results: Mapping[str, Any], every: int = 1) -> str:
    """All figures as Markdown, with what was heard in every `every`-th sentence."""
    setup = results["machine"]
    lines = [
        f"`{results['model']}`, {len(results['sentences'])} clips of {_sentences(results)}, seed {results['seed']}, "
        f"{results['settings'] or 'default settings'}. torch {setup['torch']}, {results['date']}.",
        "",
        *voices_table(results),
        "",
        "Phonemes that fail most, all voices of the model together ('-' is a phoneme that is missing):",
        "",
        *phonemes_table(results),
        "",
        "What was heard:",
        "",
        *sentences_table(results, every),
    ]
    return "\n".join(lines) + "\n"
