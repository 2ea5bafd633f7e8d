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
"""What the subcommands share: how bad input ends, files that are written, cores, models that are loaded."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn


if TYPE_CHECKING:
    from ..pipelines.flowdubber import FlowDubberPipeline


DEFAULT_MODEL = "flowdubber-grid-tiny"
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """Bad options are reported as every other bad input is."""

    def error(self, message: str) -> NoReturn:
        print(f"flowdubber: error: {message} (try flowdubber --help)", file=sys.stderr)
        raise SystemExit(EXIT_BAD_INPUT)


def _same_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def check_target(path: Path, name: str, overwrite: bool, sources: Sequence[Path] = ()) -> None:
    """Refuses a file that could not be written at the end, before the work begins.

    Raises:
        ValueError: it exists (without `overwrite`), is a folder or one of `sources`, or its folder cannot be written.
    """
    if path.is_dir():
        raise ValueError(f"{name} {path} is a folder; give the name of a file.")
    if any(_same_file(path, source) for source in sources):
        raise ValueError(f"{name} {path} is one of the inputs; choose another name.")
    if path.exists() and not overwrite:
        raise ValueError(f"{name} {path} exists; give --overwrite to replace it.")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to write {name} to; make it first.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(f"the folder {path.parent} of {name} cannot be written ({error.strerror}).") from error


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all, replacing one that exists."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def available_cores() -> int:
    """Processor cores this process may use: its affinity, and a container's quota if there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        cores = min(cores, max(1, -(-int(quota) // int(period))))
    except (OSError, ValueError):  # no container, or "max": no quota
        pass
    return cores


def load_pipeline(arguments: argparse.Namespace) -> "FlowDubberPipeline":
    import torch
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(available_cores())

    from ..pipelines.flowdubber import FlowDubberPipeline
    from ..pipelines.flowdubber.loading import choose_device

    device = choose_device(arguments.device)
    pipe = FlowDubberPipeline.from_pretrained(arguments.model).to(device)
    pipe.set_progress_bar_config(disable=arguments.quiet, desc="dubbing", unit="step")
    return pipe
