"""What comes after training: one pipeline folder of trained and given parts, its model card, and the way to the Hub."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from huggingface_hub import ModelCardData

from ..data.features import Clip
from ..hub import Target, push
from ..hub.contents import CARD_NAME, front_matter
from ..hub.staging import PLACEHOLDER
from ..pipelines.flowdubber import FlowDubberPipeline
from ..processing.audio import SAMPLING_RATE
from ..work.files import replace_folder
from ..work.machine import device_name
from ..work.reading import read_text
from .arguments import TrainingArguments


PIPELINE_FOLDER = "pipeline"
BUNDLED = "flowdubber-grid-tiny"
DTYPES = ("float16", "float32")


def write_pipeline(
    pipeline: FlowDubberPipeline, output: str | Path, card: str | None = None, dtype: str = "float16"
) -> Path:
    """Writes `pipeline` and its card as one folder, in place of a folder that is there.

    Args:
        dtype: of the stored weights, `float16` or `float32`; the pipeline's own models take it on.
    """
    pipeline.to(dtype=getattr(torch, dtype))

    def write(folder: Path) -> None:
        pipeline.save_pretrained(folder)
        if card is not None:
            (folder / CARD_NAME).write_text(card, encoding="utf-8")

    replace_folder(Path(output), write)
    return Path(output)


@dataclass(frozen=True)
class DataSummary:
    """What a run was trained on.

    Attributes:
        source: where the clips come from.
        clips, speakers, hours: how many.
        video: whether there are pictures.
    """

    source: str
    clips: int
    speakers: int
    hours: float
    video: bool


def summarize_clips(clips: Iterable[Clip]) -> list[DataSummary]:
    """One line a source and kind, by name."""
    groups: dict[tuple[str, bool], list[Clip]] = {}
    for clip in clips:
        groups.setdefault((clip.source, bool(clip.num_frames)), []).append(clip)
    return [
        DataSummary(
            source,
            len(group),
            len({clip.speaker for clip in group}),
            sum(clip.num_samples for clip in group) / SAMPLING_RATE / 3600,
            video,
        )
        for (source, video), group in sorted(groups.items())
    ]


def dataset_licence(folder: str | Path) -> str:
    """The licence that the front matter of a dataset's card names, or that it names none.

    Raises:
        ValueError: the front matter is damaged.
    """
    card = Path(folder) / CARD_NAME
    text = read_text(card) if card.is_file() else ""
    front = front_matter(text) if text.startswith("---") else {}
    return str(front.get("license") or "not stated")


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


# Options that say where and how often, not what was computed.
_UNTOLD = ("dataset", "output_dir", "resume_from_checkpoint", "report_to", "report_online", "push_to_hub",
           "hub_model_id", "hub_private", "threads", "save_total_limit", "logging_steps")  # fmt: skip


def model_card(
    name: str,
    arguments: TrainingArguments,
    summary: Mapping[str, Any],
    data: Sequence[DataSummary],
    trained: Sequence[str],
    base: str | None,
    num_processes: int = 1,
) -> str:
    """
    A card filled from the run itself.

    Args:
        name: of the model.
        arguments: of the run.
        summary: what [`~training.loop.train`] returned.
        data: of [`summarize_clips`].
        trained: parts that the run trained.
        base: pipeline that the other parts come from, `None` if none.
        num_processes: that trained.
    """
    front = _front(base_model=base if base and base.count("/") == 1 and not Path(base).exists() else None)
    rest = "the other parts were given" if base is None else f"the other parts are those of `{Path(base).name}`"
    clips = [
        (row.source, "video and sound" if row.video else "sound", row.clips, row.speakers, f"{row.hours:.2f}")
        for row in data
    ]
    return f"""---
{front.to_yaml()}
---

# {name}

A script, a silent clip of a speaker and a short recording of a voice in; speech in that voice out, in time with the lips.
A model of the FlowDubber method (ACM Multimedia 2025, arXiv 2505.01263), trained with `flowdubber-hf`. Not the authors'
checkpoint.

```python
from flowdubber_hf import FlowDubberPipeline

pipe = FlowDubberPipeline.from_pretrained("{arguments.hub_model_id or PLACEHOLDER}")
dub = pipe(script="what is said", video="clip.mp4", reference_audio="voice.wav")
pipe.save_video(dub, "dubbed.mp4")
```

## Training

Trained in this run: {", ".join(trained)}; {rest}.

{_table(("source", "kind", "clips", "speakers", "hours"), clips)}

{_run_section(arguments, summary, num_processes)}

## Licence

{_licence_of_data(arguments)}
{"" if base is None else f"- Parts of `{Path(base).name}`: under that model's licence."}

{_OUT_OF_SCOPE}
"""


def part_card(arguments: TrainingArguments, summary: Mapping[str, Any], num_processes: int = 1) -> str:
    """
    The card of one part that a run trained, filled from the run itself.

    Args:
        arguments, summary, num_processes: as of [`model_card`].
    """
    name = (arguments.hub_model_id or Path(arguments.output_dir).absolute().name).split("/")[-1]
    data = ", ".join(f"`{Path(folder).name}`" for folder in arguments.dataset)
    return f"""---
{_front().to_yaml()}
---

# {name}

One part of a model of the FlowDubber method (ACM Multimedia 2025, arXiv 2505.01263), trained with `flowdubber-hf`. Not the
authors' checkpoint. `flowdubber assemble` puts parts together as a pipeline.

## Training

Prepared datasets: {data}.

{_run_section(arguments, summary, num_processes)}

## Licence

{_licence_of_data(arguments)}

{_OUT_OF_SCOPE}
"""


_OUT_OF_SCOPE = """## Out of scope

Dubbing a person, or lending a person's voice, without their consent; impersonation and deception; getting past voice
checks. Say that the speech is synthetic where you publish it."""


def _front(**more: Any) -> ModelCardData:
    return ModelCardData(
        language="en",
        license="other",
        license_name="see-the-section-licence",
        library_name="diffusers",
        pipeline_tag="text-to-speech",
        tags=["flowdubber", "dubbing", "lip-sync", "flow-matching"],
        **more,
    )


def _run_section(arguments: TrainingArguments, summary: Mapping[str, Any], num_processes: int) -> str:
    options = [
        (f"`{key}`", _number(value))
        for key, value in asdict(arguments).items()
        if key not in _UNTOLD and value not in (None, []) and not _is_path(value)
    ]
    figures = [(f"`{key}`", _number(value)) for key, value in summary.items() if key.startswith(("val_", "best_"))]
    return f"""{summary.get("steps", arguments.max_steps)} steps of {arguments.batch_size} clips in {summary.get("minutes", 0.0):.1f} minutes on
{device_name()}, {num_processes} process{"es" if num_processes > 1 else ""}.

{_table(("option", "value"), options)}

## Figures on the held-out clips

At the last step, and the best (`best_`). Losses do not tell how the speech sounds: `flowdubber evaluate` does.

{_table(("figure", "value"), figures)}"""


def _licence_of_data(arguments: TrainingArguments) -> str:
    licences = sorted({dataset_licence(folder) for folder in arguments.dataset})
    return f"""- Code: `flowdubber-hf`, Apache-2.0.
- Training data as its cards state it: {", ".join(licences)}. Whoever publishes these weights states the licence of
  the weights and names the data here."""


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and "/" in value


def push_folder(
    folder: str | Path, arguments: TrainingArguments, accelerator: Accelerator, card: str | None = None
) -> None:
    """Sends a folder to `--hub_model_id` as one commit, where `--push_to_hub` asks for it; by the main process.

    Args:
        folder: a pipeline or one model.
        arguments: of the run.
        accelerator: whose main process sends.
        card: of [`part_card`], for a folder that has none.

    Raises:
        ValueError: something must not be sent, or the Hub refuses.
    """
    if not arguments.push_to_hub or not accelerator.is_main_process:
        return
    target = Target(arguments.hub_model_id, private=arguments.hub_private, message="Model trained with flowdubber-hf")
    try:
        with tempfile.TemporaryDirectory() as temporary:
            file = None
            if card is not None and not (Path(folder) / CARD_NAME).is_file():
                file = Path(temporary) / CARD_NAME
                file.write_text(card, encoding="utf-8")
            sent = push(folder, target, file)
    except ValueError as error:
        raise ValueError(f"--push_to_hub: {error}") from error
    accelerator.print(f"sent {folder}: {sent.url}")


def folder_sizes(folder: str | Path) -> str:
    """The files of a folder with their sizes, one a line, and the sum."""
    files = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    lines = [f"{path.stat().st_size / 1e6:8.2f} MB  {path.relative_to(folder)}" for path in files]
    return "\n".join([*lines, f"{sum(path.stat().st_size for path in files) / 1e6:8.2f} MB  in all, {folder}"])
