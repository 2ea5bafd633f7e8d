"""Pieces of work that are done once, whatever stops a run."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import errno

import pytest

from flowdubber_hf.work.records import Piece, read_record, write_record


@pytest.fixture
def piece(tmp_path):
    return Piece("key", tmp_path / "work" / "a.json", tmp_path / "a.wav")


def finished(piece: Piece, content: bytes = b"sound") -> Piece:
    piece.begin()
    piece.output.write_bytes(content)
    piece.finish({"words": 3})
    return piece


def test_a_finished_piece_is_done_and_tells_what_was_made(piece):
    assert not piece.is_done and piece.row() is None
    finished(piece)
    assert piece.is_done and piece.is_own and piece.row() == {"words": 3}


def test_another_key_or_another_output_is_due(piece):
    finished(piece)
    other = Piece("other", piece.record, piece.output)
    assert not other.is_done and other.row() is None and other.is_own
    piece.output.write_bytes(b"somebody else's")
    assert not piece.is_done and not piece.is_own
    piece.output.unlink()
    assert not piece.is_done


def test_an_output_that_a_killed_run_began_is_its_own(piece):
    piece.begin()
    piece.output.write_bytes(b"half")
    assert piece.is_own and not piece.is_done


def test_a_failure_is_told_and_the_output_of_before_stays_known(piece):
    finished(piece)
    before = piece.begin()
    piece.fail("no face", before)
    assert piece.problem() == "no face" and not piece.is_done and piece.is_own


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"words": "three"}'])
def test_a_record_that_cannot_be_used_counts_as_none(tmp_path, content):
    file = tmp_path / "a.json"
    file.write_bytes(content)
    assert read_record(file, {"words": int}) == {}


def test_a_record_is_read_as_it_was_written(tmp_path):
    write_record(tmp_path / "new" / "a.json", {"said": "\u00e9", "n": 1.5})
    assert read_record(tmp_path / "new" / "a.json", {"n": float}) == {"said": "\u00e9", "n": 1.5}


def test_an_attempt_notes_what_was_made_or_why_nothing_was(piece):
    def write():
        piece.output.write_bytes(b"sound")
        return {"n": 1}

    assert piece.attempt(write) is None and piece.row() == {"n": 1} and piece.is_done

    def fail(error):
        raise error

    assert piece.attempt(lambda: fail(ValueError("no  face"))) == "no face" == piece.problem()
    assert piece.attempt(lambda: fail(KeyError("x"))).startswith("KeyError")
    with pytest.raises(ImportError):
        piece.attempt(lambda: fail(ImportError("jiwer")))
    with pytest.raises(ValueError, match=r"no space left for it.*what is finished is kept"):
        piece.attempt(lambda: fail(OSError(errno.ENOSPC, "full")))
