"""What figures were measured on: processor, graphics card, cores, versions. Nothing that names the machine or its user."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import platform
from pathlib import Path
from typing import Any

from ..version import __version__
from .workers import available_cores


def processor_name() -> str:
    """The processor as its maker calls it, where the system tells, or its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def device_name() -> str:
    """The graphics card that is used, or the processor with its threads, in words."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return f"{processor_name()}, {threads} thread{'s' if threads > 1 else ''}"


def describe_machine() -> dict[str, Any]:
    """All of it, for a file of figures: `processor`, `cores`, `graphics`, `system`, `python`, `torch`, `flowdubber_hf`."""
    import torch

    return {
        "processor": processor_name(),
        "cores": available_cores(),
        "graphics": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "flowdubber_hf": __version__,
    }
