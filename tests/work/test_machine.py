"""What figures were measured on."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import getpass
import json
import platform
from pathlib import Path

import torch

from flowdubber_hf.work.machine import describe_machine, device_name, processor_name


def test_all_that_is_needed_and_nothing_that_names_the_machine():
    found = describe_machine()
    assert list(found) == ["processor", "cores", "graphics", "system", "python", "torch", "flowdubber_hf"]
    assert found["cores"] >= 1
    text = json.dumps(found)
    assert platform.node() not in text
    assert str(Path.home()) not in text
    assert f"/{getpass.getuser()}/" not in text


def test_a_processor_that_the_system_does_not_tell(monkeypatch):
    def refuse(*arguments, **named):
        raise OSError

    assert processor_name()
    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert processor_name() == platform.machine()


def test_threads_are_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_name() == f"{processor_name()}, 1 thread"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Card 9")
    assert device_name() == "Card 9"
