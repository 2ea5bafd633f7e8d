"""Clips in the forms that libraries hold them give what the plain array or the file gives; what has two readings is refused."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from flowdubber_hf.processing import clips, held
from flowdubber_hf.processing.clips import Frames, as_clip, is_picture_list, open_clip
from flowdubber_hf.processing.held import HeldFile, as_file
from support.video_files import write_clip


def rgb(count: int = 4, height: int = 8, width: int = 10) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def greys(clip) -> np.ndarray:
    return np.stack(list(open_clip(as_clip(clip, 25))))


FORMS = {
    "tensor": torch.from_numpy,
    "channels first": lambda frames: torch.from_numpy(frames).permute(0, 3, 1, 2),
    "array, channels first": lambda frames: frames.transpose(0, 3, 1, 2),
    "floats": lambda frames: frames / 255.0,
    "half floats of a network": lambda frames: (torch.from_numpy(frames).permute(0, 3, 1, 2) / 255).half(),
    "needs gradients": lambda frames: (torch.from_numpy(frames) / 255).requires_grad_(),
    "pictures of PIL": lambda frames: [Image.fromarray(frame) for frame in frames],
    "with an alpha channel": lambda frames: [Image.fromarray(frame).convert("RGBA") for frame in frames],
    "tuple of arrays": tuple,
    "list of tensors": lambda frames: [torch.from_numpy(frame).permute(2, 0, 1) for frame in frames],
    "list of floats": lambda frames: list(frames / 255.0),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_frames_gives_the_same_pictures(form):
    given = FORMS[form](rgb())
    np.testing.assert_array_equal(greys(given), greys(rgb()))
    assert as_clip(given, 24).fps == 24


def test_grey_frames_and_pictures():
    grey = rgb()[..., 0]
    np.testing.assert_array_equal(greys(grey), grey)
    np.testing.assert_array_equal(greys(list(grey)), grey)
    np.testing.assert_array_equal(greys([Image.fromarray(frame) for frame in grey]), grey)


@pytest.mark.parametrize(
    ("video", "message"),
    [
        (rgb()[0], r"\(8, 10, 3\) is the shape of one picture"),
        (rgb()[0].transpose(2, 0, 1), r"\(3, 8, 10\) is the shape of one picture"),
        (np.zeros((2, 3, 8, 3), np.uint8), "either axis could be the three colours"),
        (np.zeros((2, 8, 8, 4), np.uint8), r"got uint8 of shape \(2, 8, 8, 4\)"),
        (np.zeros((1, 2, 3, 8, 8), np.uint8), "a clip is a path"),
        (np.zeros((0, 8, 8, 3), np.uint8), "no frames"),
        (rgb().astype(np.int64), "uint8, or floats in .*, got int64"),
        (rgb().astype(np.float32), "from 0 to 255; divide them"),
        (rgb() / 127.5 - 1, "from -1 to 1; divide them"),
        (np.full((2, 8, 8, 3), np.nan), "divide them"),
        ([rgb()[0], rgb(1, 6)[0]], r"picture 1 is 10x6 and the first one 10x8; .* to one size"),
        ([rgb()[0], np.zeros((8, 8, 5), np.uint8)], r"picture 1 must have the shape .*, got \(8, 8, 5\)"),
        ([np.zeros((3, 8, 3), np.uint8)] * 2, "picture 0 must have the shape"),
        ([np.zeros((0, 8, 3), np.uint8)] * 2, "picture 0 has no pixels"),
        ([], "a clip is a path, .*got list"),
        (7, "a clip is a path, .*got int"),
        ({"frames": rgb()}, "a clip is a path, .*got dict"),
        ({"path": None, "bytes": None}, 'neither "path" nor "bytes"'),
        (b"", "the file given as bytes is empty"),
        (io.BytesIO(b""), r"nothing left to read; .*\.seek\(0\)"),
        (io.StringIO("film"), 'gives str in place of bytes; open it with "rb"'),
    ],
)
def test_what_is_no_clip_or_could_be_two_is_refused(video, message):
    with pytest.raises(ValueError, match=message):
        as_clip(video, 25)


def test_frames_need_a_rate():
    for rate, message in ((None, r"give `fps`"), (0, "fps must lie"), ("25", "fps must be a number")):
        with pytest.raises(ValueError, match=message):
            as_clip(rgb(), rate)


def test_lists_of_pictures_are_told_from_lists_of_clips():
    frames = rgb()
    assert is_picture_list(list(frames)) and is_picture_list([Image.fromarray(frame) for frame in frames])
    assert not any(map(is_picture_list, ([frames, frames], [list(frames)], ["a.mp4"], [], frames)))


@pytest.fixture
def clip_file(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", rgb(30, 48, 64), rate=30)


def test_a_file_in_memory_gives_what_the_file_gives(clip_file: Path):
    data = clip_file.read_bytes()
    forms = [data, bytearray(data), memoryview(data), io.BytesIO(data), {"path": "gone.mp4", "bytes": data}]
    expected = open_clip(clip_file)
    for form in forms:
        clip = open_clip(as_clip(form))
        assert clip.info == expected.info
        np.testing.assert_array_equal(np.stack(list(clip)), np.stack(list(expected)))
        np.testing.assert_array_equal(np.stack(list(clip)), np.stack(list(expected)))  # as often as wanted
    with clip_file.open("rb") as file:
        assert open_clip(as_clip(file)).info == expected.info
    assert as_clip({"path": str(clip_file), "bytes": None}) == clip_file


def test_damaged_and_foreign_bytes_are_refused_by_name(clip_file: Path):
    for data in (b"no film at all", clip_file.read_bytes()[:200], b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"):
        with pytest.raises(ValueError, match="the file given as bytes cannot be read as a video"):
            open_clip(as_clip(data))


def test_bytes_are_bounded(monkeypatch):
    monkeypatch.setattr(held, "MAX_HELD_BYTES", 4)
    assert as_file(b"1234") == HeldFile(b"1234")
    for given in (b"12345", io.BytesIO(b"12345"), io.BytesIO(b"1234567890")):
        with pytest.raises(ValueError, match="by its path"):
            as_file(given)


class Decoder:
    """What a decoder of torchcodec has that is used: `(3, H, W)` frames with their times, and the mean rate."""

    def __init__(self, frames: np.ndarray, times: np.ndarray, fps: float):
        self.metadata = SimpleNamespace(average_fps=fps)
        self._frames, self._times = frames, times

    def __len__(self) -> int:
        return len(self._frames)

    def get_frame_at(self, index: int) -> SimpleNamespace:
        data = torch.from_numpy(self._frames[index]).permute(2, 0, 1)
        return SimpleNamespace(data=data, pts_seconds=float(self._times[index]))


def test_a_decoder_gives_its_frames_at_its_own_rate():
    frames = rgb(60)
    clip = as_clip(Decoder(frames, 3.2 + np.arange(60) / 30, 30.0))
    assert isinstance(clip, Frames) and clip.fps == 30
    np.testing.assert_array_equal(np.stack(list(open_clip(clip))), np.stack(list(open_clip(Frames(frames, 30.0)))))


def test_decoders_that_cannot_be_placed_are_refused(monkeypatch):
    frames = rgb(60)
    times = np.arange(60) / 30
    with pytest.raises(ValueError, match="do not come at a constant rate; give the file itself"):
        as_clip(Decoder(frames, np.where(times > 1, times + 0.5, times), 30.0))
    with pytest.raises(ValueError, match=r"lasts 601\.0 s; clips of at most 600 s"):
        as_clip(Decoder(rgb(601), np.arange(601.0), 1.0))
    monkeypatch.setattr(clips, "MAX_DECODED_BYTES", 59 * 80)
    with pytest.raises(ValueError, match="do not fit into memory; give the file itself"):
        as_clip(Decoder(frames, times, 30.0))
    with pytest.raises(ValueError, match="no frames"):
        as_clip(Decoder(rgb(0), np.zeros(0), 30.0))


def test_a_decoder_of_datasets_gives_its_file(clip_file: Path):
    decoder = Decoder(rgb(60), np.arange(60) / 30, 30.0)
    decoder._hf_encoded = {"path": str(clip_file), "bytes": None}
    assert as_clip(decoder) == clip_file
    decoder._hf_encoded = {"path": "clip.mp4", "bytes": clip_file.read_bytes()}
    assert as_clip(decoder) == HeldFile(clip_file.read_bytes())
    decoder._hf_encoded = {"path": "hf://far/away.mp4", "bytes": None}  # streamed: only its frames are here
    assert isinstance(as_clip(decoder), Frames)
