"""A Space made ready: where it asks for this package, the package goes along, so that copies of the Space build too."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import importlib.metadata
import importlib.resources
import re
import shutil
from pathlib import Path

from ..work.files import replace_file
from ..work.reading import read_text
from .contents import Contents, read_contents


PACKAGE, MODULE, EXTRA = "flowdubber-hf", "flowdubber_hf", "space"
REQUIREMENTS = "requirements.txt"
_OURS = re.compile(rf"\s*{PACKAGE}\b", re.IGNORECASE)
_EXTRA = re.compile(r"""\s*(?:\band\s+)?\bextra\s*==\s*["']([\w-]+)["']""")
_NOT_SENT = (".typed",)  # says something to type checkers, nothing to a Space


def stage_space(source: Path, folder: Path) -> Contents:
    """
    Takes a Space as it is, or, where its requirements.txt names this package, writes it to `folder` with the package beside it and
    the package's own requirements in the place of that line.

    Args:
        source: folder of the Space.
        folder: to write; must not exist, or be empty.

    Raises:
        ValueError: something in it must not be sent; the package is not installed, so that nobody knows what it needs.
    """
    contents = read_contents(source, "space")
    wanted = source / REQUIREMENTS
    lines = read_text(wanted).splitlines() if wanted.is_file() else []
    if not any(_OURS.match(line) for line in lines):
        return contents
    for file in contents.files:
        _copy(source / file.path, folder / file.path)
    package = Path(str(importlib.resources.files(MODULE)))
    kept = [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    for path in kept:
        if path.suffix not in _NOT_SENT:
            _copy(path, folder / MODULE / path.relative_to(package))
    needed = [f"# What {MODULE}/, which lies beside this file, needs.", *package_requirements()]
    content = [new for line in lines for new in (needed if _OURS.match(line) else [line])]
    replace_file(folder / REQUIREMENTS, ("\n".join(content) + "\n").encode())
    return read_contents(folder, "space")


def package_requirements() -> list[str]:
    """What the package needs with the extra `space`, a requirement each, as pip reads them.

    Raises:
        ValueError: the package is not installed.
    """
    try:
        stated = importlib.metadata.requires(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise ValueError(
            f"{PACKAGE} is not installed, so that what it needs is unknown; pip install '.[{EXTRA}]' in its repository."
        ) from error
    needed = []
    for requirement in stated:
        extra = _EXTRA.search(requirement)
        if extra is None or extra[1] == EXTRA:
            needed.append(_EXTRA.sub("", requirement).rstrip().rstrip(";").rstrip())
    return needed


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
