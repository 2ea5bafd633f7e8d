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
"""The command `flowdubber`: dub a clip, prepare training data, evaluate, convert public weights, make the demonstration's input.

Bad input ends with one line on standard error and the exit code 2; Ctrl-C with 130. Files appear whole or not at all.
The heavy libraries are imported only when the work begins, so that `--help` and bad arguments answer at once. Each
subcommand is a module with one function that adds its options.
"""

import argparse
import sys
from collections.abc import Sequence

from ..version import __version__
from .common import EXIT_BAD_INPUT, EXIT_INTERRUPTED, Parser
from .convert import add_convert
from .demo import add_demo
from .dub import add_dub
from .evaluate import add_evaluate
from .prepare import add_prepare


def build_parser() -> argparse.ArgumentParser:
    """The command line, without any heavy import."""
    parser = Parser(
        prog="flowdubber", description="Dubs a clip of a speaker: lips give the timing, a script the words."
    )
    parser.add_argument("--version", action="version", version=f"flowdubber {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for add in (add_dub, add_prepare, add_evaluate, add_convert, add_demo):
        add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code (0, 2 for bad input, 130 for Ctrl-C)."""
    try:
        arguments = build_parser().parse_args(argv)
        arguments.run(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    except KeyboardInterrupt as stop:
        print(f"flowdubber: {stop or 'interrupted.'}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except (ValueError, OSError, ImportError) as error:
        print(f"flowdubber: error: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_BAD_INPUT
    return 0
