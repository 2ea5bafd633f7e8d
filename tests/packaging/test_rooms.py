"""Every import leads down: the rooms of the package, their floors, and the map of them in the documentation."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re

import pytest

from support.rooms import FLOORS, arrows, floor_of, imports_of, room_of, wrong_arrows


@pytest.fixture(scope="module")
def found(repository):
    return arrows(repository / "src")


def test_every_room_has_a_floor_and_every_floor_its_rooms(found):
    assert sorted(found) == sorted(room for rooms in FLOORS for room in rooms)


def test_every_import_leads_down(found):
    assert wrong_arrows(found) == []


def test_the_map_in_the_documentation_is_the_same(repository):
    page = (repository / "docs/architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", page.split("## Rooms and floors")[1], re.MULTILINE)
    shown = {int(floor): set(re.findall(r"`([\w.]+)`", rooms)) for floor, rooms in rows}
    assert shown == {floor: set(rooms) for floor, rooms in enumerate(FLOORS)}


def test_imports_beside_or_above_are_found():
    wrong = wrong_arrows({"work": {"version": 1, "processing": 2}, "demo": {"drawing": 1}})
    assert wrong == ["work (floor 1) imports processing (floor 2)", "demo (floor 3) imports drawing (floor 3)"]


def test_a_room_without_a_floor_is_named():
    with pytest.raises(ValueError, match="the room attic is on no floor"):
        floor_of("attic")


@pytest.mark.parametrize(
    ("module", "room"),
    [
        ("flowdubber_hf", "__init__"),
        ("flowdubber_hf.extras", "extras"),
        ("flowdubber_hf.data.corpora.grid", "data"),
        ("flowdubber_hf.models.aligner.searches", "models.aligner"),
        ("flowdubber_hf.models", "models"),
    ],
)
def test_the_room_of_a_module(module, room):
    assert room_of(module) == room


def test_imports_are_found_however_they_are_written(tmp_path):
    folder = tmp_path / "flowdubber_hf" / "batch"
    folder.mkdir(parents=True)
    (folder.parent / "work").mkdir()
    (folder / "run.py").write_text(
        "import torch, flowdubber_hf.demo\n"
        "from ..extras import require_extra\n"
        "from .. import work\n"
        "from . import plan\n"
        "def late():\n    from ..models.aligner.searches import best\n"
    )
    assert list(imports_of(folder / "run.py", tmp_path)) == [
        "flowdubber_hf.demo",
        "flowdubber_hf.extras",
        "flowdubber_hf.work",
        "flowdubber_hf.batch",
        "flowdubber_hf.models.aligner.searches",
    ]
