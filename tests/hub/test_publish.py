"""What a name on the command line stands for."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest

from flowdubber_hf.hub.contents import CARD_NAME
from flowdubber_hf.hub.publish import push, stage
from flowdubber_hf.hub.upload import Target


def test_the_card_of_a_dataset_is_the_one_in_its_folder(tmp_path):
    for kind in ("dataset", "space"):
        with pytest.raises(ValueError, match=f"the card of a {kind} is the README.md"):
            stage(tmp_path, tmp_path / "staged", Target("org/name", kind), card=tmp_path / "card.md")


def test_a_dataset_is_taken_as_it_is(tmp_path):
    (tmp_path / CARD_NAME).write_text("---\nlicense: cc-by-4.0\n---\n")
    (tmp_path / "metadata.jsonl").write_text("{}\n")
    contents = stage(tmp_path, tmp_path / "staged", Target("org/name", "dataset"))
    assert contents.folder == tmp_path
    assert not (tmp_path / "staged").exists()


def test_what_is_no_model_is_told_before_anything_is_sent(tmp_path):
    with pytest.raises(ValueError, match="there is no folder"):
        push("./nowhere", Target("org/name"))
    with pytest.raises(ValueError):
        push(tmp_path, Target("org/name"))
