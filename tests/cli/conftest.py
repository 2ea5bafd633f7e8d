# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Whatever a test of the command reports as JSON has the fields that the command says it has."""

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
