"""Whatever a test of the command reports as JSON has the fields that the command says it has."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest

from flowdubber_hf import cli


@pytest.fixture(autouse=True)
def fields_are_documented(monkeypatch):
    """Compares the fields of every report with those that docs/cli.md lists."""
    make_report = cli.make_report
    commands = cli.build_parser().commands.choices

    def check(command, exit_code, error, fields):
        known = set()
        if command is not None:
            parser = commands[command]
            for one in (parser, *(parser.commands.choices.values() if parser.commands else ())):
                known |= set(one.report)
        assert set(fields) <= known, f"flowdubber {command} reports {set(fields) - known}, which is nowhere documented"
        return make_report(command, exit_code, error, fields)

    monkeypatch.setattr(cli, "make_report", check)
