"""The rooms of the package, floor by floor, and the arrows between them.

    python tests/support/rooms.py  # prints every room with its floor, and what it imports

A room is a folder of `src/flowdubber_hf` or a module beside them; `models` is not one room: each of its folders is, and each of its
modules. An arrow is an import, wherever in a file it stands: inside a function or for types alone, too.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path


PACKAGE = "flowdubber_hf"
SPLIT = "models"  # a folder whose content are rooms, one by one
# From the ground up. A room may import those of the floors below it, and none beside it or above.
FLOORS = (
    ("extras", "lean", "libraries", "sampling", "schedulers", "version"),
    ("work",),
    ("checkpoints", "models.attention", "processing"),
    (
        *("demo", "drawing"),
        *("models.blocks", "models.layers", "models.lip_reader", "models.semantic", "models.speech_tokenizer"),
        *("models.style", "models.syncnet", "models.utmos"),
    ),
    ("models.aligner", "models.vector_field", "models.vocoder"),
    ("models.parts", "models.spark_tts"),
    ("data", "pipelines"),
    ("hub", "metrics"),
    ("diagnosis", "dubbing"),
    ("batch", "evaluation", "film", "server"),
    ("page", "training"),
    ("cli",),
    ("__init__", "__main__"),
)


def room_of(module: str) -> str:
    """The room of a dotted module name: `flowdubber_hf.models.aligner.searches` is in `models.aligner`."""
    parts = module.split(".")[1:] or ["__init__"]
    return ".".join(parts[: 1 + (parts[0] == SPLIT)])


def _name_of(file: Path, source: Path) -> str:
    return ".".join(file.relative_to(source).with_suffix("").parts).removesuffix(".__init__")


def imports_of(file: Path, source: Path) -> Iterator[str]:
    """Dotted names of this package's modules that a file imports.

    Args:
        file: a module below `source`.
        source: the folder that holds the package.
    """
    package = _name_of(file, source).split(".")
    if file.stem != "__init__":
        package.pop()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            if base.split(".")[0] == PACKAGE:
                for alias in node.names:  # a name may be a module of that folder
                    inside = source / base.replace(".", "/") / alias.name
                    yield f"{base}.{alias.name}" if inside.is_dir() or inside.with_suffix(".py").is_file() else base


def arrows(source: Path) -> dict[str, Counter[str]]:
    """Room to the rooms it imports from, with the number of import statements; every room has an entry."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for file in sorted((source / PACKAGE).rglob("*.py")):
        here = room_of(_name_of(file, source))
        found[here].update(room for room in map(room_of, imports_of(file, source)) if room != here)
    return {room: count for room, count in found.items() if room != SPLIT or count}  # its own `__init__` is empty


def floor_of(room: str) -> int:
    """0 is the ground.

    Raises:
        ValueError: the room is on no floor.
    """
    for floor, rooms in enumerate(FLOORS):
        if room in rooms:
            return floor
    raise ValueError(
        f"the room {room} is on no floor: add it to FLOORS in tests/support/rooms.py, and to docs/architecture.md."
    )


def wrong_arrows(found: dict[str, Counter[str]]) -> list[str]:
    """Imports that do not lead down, a line each."""
    return [
        f"{room} (floor {floor_of(room)}) imports {other} (floor {floor_of(other)})"
        for room, others in found.items()
        for other in others
        if floor_of(other) >= floor_of(room)
    ]


def main() -> None:
    found = arrows(Path(__file__).parents[2] / "src")
    lines = [
        f"{floor_of(room):2} {room}: {', '.join(sorted(found[room])) or '-'}" for room in sorted(found, key=floor_of)
    ]
    lines.append(f"{len(found)} rooms on {len(FLOORS)} floors, {sum(map(len, found.values()))} arrows")
    lines += wrong_arrows(found) or ["every arrow leads down, so there is no circle"]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
