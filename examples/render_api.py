"""Write docs/api.md, the reference of the Python interface, from the docstrings of what the package names as public.

python examples/render_api.py          # after a public class, function or docstring has changed
python examples/render_api.py --check  # only says whether the page differs
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flowdubber_hf
from flowdubber_hf.training.arguments import run_script
from pages import replace_section, write_page


PAGE = Path("docs/api.md")
PACKAGE = flowdubber_hf.__name__
#: Modules of the public names, in the order in which a reader needs them; all of `flowdubber_hf._PUBLIC` must be here.
GROUPS = {
    "pipelines.flowdubber": "Dubbing",
    "schedulers": "Solvers of the flow",
    "processing.audio": "Sound",
    "processing.text": "Text",
    "processing.lips": "Lips",
    "models.parts": "Checkpoints and parts",
    "models.aligner": "Aligner",
    "models.vector_field": "Prior and vector field",
    "models.vocoder": "Vocoder",
    "models.style": "Style encoder",
    "models.speech_tokenizer": "Speech tokenizer",
    "models.semantic": "Language model",
    "models.lip_reader": "Lip reader",
    "models.syncnet": "Judge of lip-sync",
    "models.utmos": "Judge of naturalness",
}
_SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Examples?|Yields):(.*)")
_ENTRY = re.compile(r"([*\w][\w, *]*?)( \([^:]*\))?: (.*)")


def signature(name: str, function: Callable[..., Any]) -> str:
    """A call as it is written, without types: the text below has them."""
    parts, keyword_only = [], False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            parts, keyword_only = [*parts, "*"], True
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        keyword_only |= stars == "*"
        default = parameter.default
        plain = default is None or isinstance(default, (bool, int, float, str, tuple))
        parts.append(
            stars
            + parameter.name
            + ("" if default is parameter.empty else "=" + repr(default).replace("'", '"') if plain else "=...")
        )
    line = f"{name}({', '.join(parts)})"
    return line if len(line) <= 100 else f"{name}(\n    " + ",\n    ".join(parts) + ",\n)"


def unlinked(text: str) -> str:
    """Without the brackets in which docstrings name other objects."""
    return re.sub(r"\[`~?([\w.]+)`\](?!\()", r"`\1`", text)


def markdown(docstring: str) -> str:
    """A docstring as Markdown: its sections with bold heads, what they list as lists."""
    lines = inspect.cleandoc(docstring).splitlines()
    written: list[str] = []
    while lines:
        match = _SECTION.fullmatch(lines[0])
        if match is None:
            written.append(lines.pop(0))
            continue
        head, rest = match[1], match[2].strip()
        lines.pop(0)
        inside = [] if not rest else [rest]
        while lines and (not lines[0].strip() or lines[0].startswith(" ")):
            inside.append(lines.pop(0))
        body = inspect.cleandoc("\n" + "\n".join(inside))
        listed = body if head in ("Returns", "Yields") or head.startswith("Example") else "\n".join(entries(body))
        written += ["", f"**{head}**", "", listed, ""]
    return re.sub(r"\n{3,}", "\n\n", unlinked("\n".join(written))).strip() + "\n"


def entries(body: str) -> Iterator[str]:
    """Lines of `name (type): meaning`, with what follows indented, as a list."""
    for line in body.splitlines():
        match = _ENTRY.fullmatch(line)
        if match:
            yield f"- **{match[1]}**{match[2] or ''}: {match[3]}"
        elif line.strip():
            yield f"  {line.strip()}" if line.startswith(" ") else f"- {line}"


def methods(cls: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """What a class does by code of this package, `__call__` first; what it inherits of the libraries is theirs to explain."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.split(".")[0] == PACKAGE:
            found |= vars(base)
    for name in sorted(found, key=lambda name: (name != "__call__", name)):
        member = inspect.unwrap(getattr(found[name], "__func__", found[name]))
        if (name == "__call__" or not name.startswith("_")) and inspect.isfunction(member) and member.__doc__:
            yield name, member


def entry(name: str, value: Any) -> str:
    """The section of one public name."""
    parts = [f"### {name}\n"]
    if not callable(value):
        return f"{parts[0]}\nA constant of the type `{type(value).__name__}`.\n"
    if not inspect.isclass(value) or "__init__" in vars(value):
        parts.append(f"```python\n{signature(name, value)}\n```\n")
    parts.append(markdown(value.__doc__ or ""))
    for method, function in methods(value) if inspect.isclass(value) else ():
        parts.append(f"#### {name}.{method}\n")
        called = "pipe" if method == "__call__" and name.endswith("Pipeline") else method
        parts.append(f"```python\n{signature(called, function)}\n```\n")
        parts.append(markdown(function.__doc__ or ""))
    return "\n".join(parts)


def render(content: str) -> str:
    """The page as it ought to be.

    Raises:
        ValueError: a module of public names has no place on it.
    """
    missing = set(flowdubber_hf._PUBLIC) - set(GROUPS)
    if missing:
        raise ValueError(f"examples/render_api.py: GROUPS lacks {', '.join(sorted(missing))}.")
    parts = []
    for module, title in GROUPS.items():
        parts.append(f"## {title}\n\n`{PACKAGE}.{module}`\n")
        names = flowdubber_hf._PUBLIC[module]
        owner = importlib.import_module(f"{PACKAGE}.{module}")
        parts += [entry(name, getattr(owner, name)) for name in names]
    return replace_section(content, "reference", "\n".join(parts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--root", type=Path, default=Path("."), help="the repository")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the page differs")
    args = parser.parse_args()
    page = args.root / PAGE
    before = page.read_text(encoding="utf-8")
    after = render(before)
    if args.check and before != after:
        raise ValueError(f"{PAGE} is not what the docstrings say; run examples/render_api.py.")
    if before != after:
        write_page(page, after)
        print(page)


if __name__ == "__main__":
    run_script(main)
