"""What a name on the command line stands for, made ready for the Hub, and sent."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..checkpoints.fetching import fetch
from ..checkpoints.sources import INDEX_FILE, local_checkpoint
from .contents import Contents, read_contents
from .spaces import stage_space
from .upload import Sent, Target, send


if TYPE_CHECKING:
    from ..pipelines.flowdubber import FlowDubberPipeline


def stage(
    source: "str | Path | FlowDubberPipeline", folder: Path, target: Target, card: Path | None = None
) -> Contents:
    """
    Makes ready what is sent: a pipeline or one model is written to `folder`, a dataset is taken as it is, and so is a Space, unless
    it needs this package, which then goes along.

    Args:
        source: a pipeline, or a bundled name, folder or Hub id of a pipeline or a model; folder of a dataset or a Space.
        folder: to write; must not exist, or be empty.
        target: where it goes.
        card: of a pipeline or model, in place of the README.md beside it.

    Raises:
        ValueError: there is nothing of the kind, or something in it must not be sent.
    """
    if target.repo_type != "model":
        if card is not None:
            raise ValueError(f"the card of a {target.repo_type} is the README.md in its folder.")
        if target.repo_type == "space":
            return stage_space(Path(source), folder)
        return read_contents(Path(source), target.repo_type)
    from .staging import stage_for_hub, stage_model_for_hub  # brings torch

    if _is_pipeline(source):
        return stage_for_hub(source, folder, card=card, repo_id=target.repo_id)
    return stage_model_for_hub(source, folder, card=card, repo_id=target.repo_id)


def _is_pipeline(source: "str | Path | FlowDubberPipeline") -> bool:
    if not isinstance(source, (str, Path)):
        return True
    local = local_checkpoint(source)
    return ((local or fetch(str(source), [INDEX_FILE])) / INDEX_FILE).is_file()


def push(source: "str | Path | FlowDubberPipeline", target: Target, card: Path | None = None) -> Sent:
    """
    Stages and sends, as [`stage`] and [`~hub.upload.send`] say.

    Raises:
        ValueError: see there.
    """
    with tempfile.TemporaryDirectory(prefix="flowdubber-hub-") as temporary:
        return send(stage(source, Path(temporary) / "staged", target, card), target)
