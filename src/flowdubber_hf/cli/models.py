"""`flowdubber models`: the checkpoints that the package brings."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
from pathlib import Path
from typing import Any

from .common import Result, add_command, add_running_options


def add_models(commands: Any) -> None:
    models = add_command(
        commands,
        "models",
        summary="list the checkpoints that come with the package",
        description="Prints the name of every checkpoint inside the package, what it is, its size and the licence of its weights. "
        "Wherever a command takes a model, it takes these names, folders and names on the Hub.",
        examples=[
            ("List them", "flowdubber models"),
            ("The same for a program", "flowdubber models --json -"),
        ],
        report={"models": "name, kind (pipeline or model), bytes, licence and folder of each"},
        notes="More: docs/hub.md.",
    )
    add_running_options(models, quiet="print nothing")
    models.set_defaults(run=_models)


def _models(arguments: argparse.Namespace) -> Result:
    from ..checkpoints.sources import bundled_checkpoints

    rows = [_describe(name, folder) for name, folder in bundled_checkpoints().items()]
    if not arguments.quiet:
        width = max(len(row["name"]) for row in rows)
        for row in rows:
            print(f"{row['name']:<{width}}  {row['kind']:<8}  {row['bytes'] / 1e6:5.1f} MB  {row['licence']}")
    return Result({"models": rows})


def _describe(name: str, folder: Path) -> dict[str, Any]:
    from ..checkpoints.sources import INDEX_FILE
    from ..hub.contents import check_card

    return {
        "name": name,
        "kind": "pipeline" if (folder / INDEX_FILE).is_file() else "model",
        "bytes": sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        "licence": check_card(folder, "model")["license"],
        "folder": str(folder),
    }
