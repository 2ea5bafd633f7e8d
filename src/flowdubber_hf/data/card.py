"""The dataset card: README.md of a prepared dataset, whose front matter tells `datasets` and the Hub where the splits lie."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCardData

from ..work.files import replace_file
from .corpora.recording import Corpus
from .dataset import DATA_FOLDER


CARD_NAME = "README.md"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))

_BODY = """
# {title}

{origin} Prepared for dubbing by `flowdubber prepare` (flowdubber-hf {version}): 16 kHz sound, grey mouth crops at 25 frames a
second, phonemes with their times, a voice vector and speech tokens of every clip. {licence}

| split | clips | hours | speakers | with video | with phonemes |
|---|---|---|---|---|---|
{splits}

{dropped}

![Kept and dropped clips, lengths, faces, alignment](report.png)

## Use

```python
from datasets import load_dataset

from flowdubber_hf.data.codec import decode_audio, decode_crops

dataset = load_dataset("{place}", split="{first}", streaming=True)  # the Hub's USER/NAME, or this folder
clip = next(iter(dataset))

sound = decode_audio(clip["audio"])  # (samples,) float32 at 16 kHz
if clip["num_frames"]:
    mouth = decode_crops(clip["mouth"], clip["num_frames"])  # (frames, 96, 96) uint8
```

The training scripts read the folder itself: `flowdubber_hf.data.features.FeatureStore(folder)`.

## Columns

| column | content |
|---|---|
| `id`, `file_name`, `source`, `split` | name of the clip, its recording, where it comes from, its part |
| `speaker`, `text` | who speaks, what is said (null: no transcript) |
| `audio`, `num_samples` | FLAC, 16 kHz, mono, 16 bit; as long as the picture |
| `mouth`, `num_frames` | one grey JPEG with all mouth crops, 96 x 96 each, 16 a row; 25 a second (null, 0: no video) |
| `phonemes`, `word_index`, `phoneme_times` | ARPAbet with stress and silences, index into `words` (-1: silence), [start, end] in seconds |
| `words` | word, start, end as spoken |
| `corpus_words` | the same as the corpus gives it, where it does |
| `style` | voice vector, 256 numbers of length 1, of {style} |
| `semantic_tokens`, `global_tokens` | {tokens} |
| `reference` | id of the clip whose voice the corpus' benchmark uses (null: none) |

`report.json` holds the figures above, the reason for each clip that was dropped, and the settings.

## How it was made

Sound to 16 kHz mono. Faces by OpenCV's Haar cascade, tracked; {faces}
Phonemes by gruut from the transcripts, their times {times}. Nobody has checked them by hand.
{words}
## Persons

Voices and mouths are personal data. Use them only for what the speakers agreed to, do not try to find out who they are, and do
not make speech in the voice of a person who has not agreed.

## Limits

English only, one speaker in the picture. Mouth crops of another detector, or times of another aligner, differ from these. Who the
speakers are, how old, and from where, is not recorded; a model that learned from few of them speaks like few.
"""


def write_card(output: Path, corpus: Corpus, report: dict[str, Any], settings: dict[str, Any]) -> None:
    """Writes README.md of a dataset.

    The card is also what [`hub_cards/dataset`](../../../hub_cards/dataset/README.md) shows, filled in for GRID.
    """
    replace_file(output / CARD_NAME, card(corpus, report, settings).encode())


def card(corpus: Corpus, report: dict[str, Any], settings: dict[str, Any]) -> str:
    """Text of the dataset card."""
    sources = ", ".join(report["sources"])
    front = {
        "license": corpus.license,
        "language": ["en"],
        "pretty_name": f"{sources} prepared for dubbing",
        "size_categories": [next((name for most, name in _SIZES if report["kept"] < most), "n>1M")],
        "task_categories": ["text-to-speech"],
        "annotations_creators": ["machine-generated"],
        "extra_gated_prompt": (
            "You agree not to try to find out who the speakers are, and not to make speech in the voice of a person who has not "
            "agreed."
        ),
        "tags": ["dubbing", "lip-sync", "audio-visual-speech", "flowdubber"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"{DATA_FOLDER}/{split}-*"} for split in report["splits"]],
            }
        ],
    }
    tokenizer = settings["speech_tokenizer"]
    body = _BODY.format(
        title=front["pretty_name"],
        origin=corpus.origin,
        version=settings["flowdubber"],
        licence=(
            f"Licence: {corpus.license}."
            if corpus.license != "other"
            else "Licence: that of the recordings; `--license` puts it here."
        ),
        splits="\n".join(
            f"| {name} | {row['clips']} | {row['hours']:.2f} | {row['speakers']} | {row['with_video']} | {row['with_phonemes']} |"
            for name, row in report["splits"].items()
        ),
        dropped=_dropped(report),
        place="USER/NAME",
        first=next(iter(report["splits"])),
        faces=_faces(report),
        times="by forced alignment with PocketSphinx"
        if settings["options"]["times"] == "forced"
        else "as the corpus gives them",
        style=settings["style_encoder"]["name"],
        tokens=(
            f"speech tokens, 50 a second and 32 of the voice, of {tokenizer['name']}"
            if tokenizer
            else "null: no speech tokenizer was given"
        ),
        words=_word_times(report),
    )
    return f"---\n{DatasetCardData(**front).to_yaml()}\n---\n{body.rstrip()}\n"


def _dropped(report: dict[str, Any]) -> str:
    dropped = report["dropped"]
    if not dropped["clips"]:
        return f"All {report['clips']} clips of the folder were kept."
    reasons = ", ".join(f"{reason} ({count})" for reason, count in dropped["by_reason"].items())
    return f"{dropped['clips']} of {report['clips']} clips were dropped: {reasons}."


def _faces(report: dict[str, Any]) -> str:
    faces = report["faces"]
    if not faces["clips"]:
        return "no clip has a picture."
    return f"a face was seen in {faces['frames_with_face_share']:.1%} of the frames, the rest interpolated."


def _word_times(report: dict[str, Any]) -> str:
    words = report["word_times"]
    if not words:
        return ""
    return (
        f"The forced alignment's word starts and ends lie {words['median_ms']:.0f} ms (median) from the corpus' own, "
        f"{words['within_50_ms']:.0%} of {words['borders']}\nwithin 50 ms.\n"
    )
