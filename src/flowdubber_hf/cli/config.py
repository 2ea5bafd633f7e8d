"""`--config FILE`: options in a TOML file, a table a subcommand, overruled by the command line."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..work.reading import read_toml
from ..work.wording import did_you_mean
from .help import Parser


_NOT_FOR_FILES = ("config", "help")


def option_value(argv: Sequence[str], option: str) -> str | None:
    """The value of an option on a command line that has not been parsed, or cannot be; `None` where it is not there."""
    value = None
    for word, following in zip(argv, [*argv, None][1:], strict=True):
        if word == option and following is not None:
            value = following
        elif word.startswith(f"{option}="):
            value = word.removeprefix(f"{option}=")
    return value


def apply_config(parser: Parser, argv: Sequence[str]) -> None:
    """Makes what a config file says the defaults of the subcommand that `argv` calls.

    Args:
        parser: of the whole command; its subcommand is changed.
        argv: the command line; nothing happens where it has no `--config`.

    Raises:
        ValueError: the file cannot be read, or has a key, a table or a value that no option allows.
    """
    name = option_value(argv, "--config")
    if name is None:
        return
    file = Path(name)
    table = _read(file)
    _check(parser, table, str(file))
    chain = list(_called(parser, argv))
    actions = _options(chain[-1][1] if chain else parser)
    for key, value, where in _values(table, [name for name, _ in chain], str(file)):
        if key in actions:  # an option of all commands need not be one of this one
            action = actions[key]
            action.default, action.required = _convert(action, value, f"{where}: {key}"), False


def _read(file: Path) -> dict[str, Any]:
    try:
        return read_toml(file)
    except ValueError as error:
        raise ValueError(f"--config: {error}") from error


def _called(parser: Parser, argv: Iterable[str]) -> Iterator[tuple[str, Parser]]:
    """Names and parsers from the subcommand to its own subcommand, if it has such."""
    for word in argv:
        if parser.commands is None:
            return
        if word in parser.commands.choices:
            parser = parser.commands.choices[word]
            yield word, parser


def _options(parser: Parser) -> dict[str, argparse.Action]:
    """Keys of a parser's options, with hyphens, to the options."""
    return {
        _key(name): action
        for action in parser._actions
        for name in action.option_strings
        if name.startswith("--") and action.dest not in _NOT_FOR_FILES
    }


def _key(name: str) -> str:
    return name.removeprefix("--").replace("_", "-")


def _all_options(parser: Parser) -> set[str]:
    """Keys of the options of a parser and of all below it."""
    below = parser.commands.choices.values() if parser.commands is not None else ()
    return set(_options(parser)).union(*map(_all_options, below))


def _check(parser: Parser, table: Mapping[str, Any], where: str) -> None:
    """Refuses what no command allows, also in the tables of other commands than the one at hand: a misspelt key would do nothing,
    silently."""
    keys = _all_options(parser)
    tables = parser.commands.choices if parser.commands is not None else {}
    for key, value in table.items():
        if isinstance(value, dict):
            if key not in tables:
                raise ValueError(
                    f"{where}: there is no command for the table [{key}]{did_you_mean(key, tables, 0.5) or '.'}"
                )
            _check(tables[key], value, f"{where} [{key}]")
        elif _key(key) not in keys:
            raise ValueError(
                f"{where}: there is no option for the key {key!r}{did_you_mean(_key(key), keys, 0.5) or '.'}"
            )
        elif parser.commands is None:
            _convert(_options(parser)[_key(key)], value, f"{where}: {key}")


def _values(table: Mapping[str, Any], names: Sequence[str], where: str) -> Iterator[tuple[str, Any, str]]:
    """Keys and values for a command, the more general ones first."""
    for key, value in table.items():
        if not isinstance(value, dict):
            yield _key(key), value, where
    if names and names[0] in table:
        yield from _values(table[names[0]], names[1:], f"{where} [{names[0]}]")


def _convert(action: argparse.Action, value: Any, where: str) -> Any:
    """A value of the file as the option would have it from the command line.

    Raises:
        ValueError: it is of another type, or none of the choices.
    """
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise ValueError(f"{where} must be true or false, got {value!r}.")
        return value
    if action.nargs in ("+", "*") or isinstance(action.nargs, int):
        return [_convert_one(action, item, where) for item in (value if isinstance(value, list) else [value])]
    return _convert_one(action, value, where)


def _convert_one(action: argparse.Action, value: Any, where: str) -> Any:
    if isinstance(value, (bool, list, dict)) or not isinstance(value, (str, int, float)):
        raise ValueError(f"{where} must be a text or a number, got {value!r}.")
    kind = action.type if callable(action.type) else str
    try:
        converted = kind(str(value))
    except (ValueError, TypeError, argparse.ArgumentTypeError) as error:
        reason = str(error) if isinstance(error, argparse.ArgumentTypeError) else f"got {value!r}"
        raise ValueError(f"{where} cannot have this value: {reason}.") from error
    if action.choices is not None and converted not in action.choices:
        raise ValueError(f"{where} must be one of {', '.join(map(str, action.choices))}, got {value!r}.")
    return converted
