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
"""`flowdubber demo`: make a small input to try."""

import argparse
import shlex
from pathlib import Path
from typing import Any


def add_demo(commands: Any) -> None:
    demo = commands.add_parser("demo", help="make a small input to try", description="Writes a rendered talking head.")
    demo.add_argument("folder", type=Path, help="where to write it")
    demo.add_argument("--overwrite", action="store_true", help="replace a demo that is there")
    demo.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> None:
    from ..processing.demo import make_demo

    files = make_demo(arguments.folder, overwrite=arguments.overwrite)
    print(f"wrote {files.video}, {files.reference} and {files.timeline}; now dub it:")
    parts = (
        "--video",
        files.video,
        "--script",
        files.script,
        "--reference",
        files.reference,
        "--output",
        "dubbed.mp4",
    )
    print(shlex.join(["flowdubber", "dub", *map(str, parts)]))
