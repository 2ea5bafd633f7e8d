"""Sound encoded in parts: it sounds as if it were encoded at once, and only what changed is encoded again."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import av
import numpy as np
import pytest

from flowdubber_hf.processing.encoding import SoundTrack, TrackParts, add_sound, encode_track
from flowdubber_hf.processing.media import create_media, open_media
from flowdubber_hf.processing.track_parts import encode_parts


RATE = 48000
SAMPLES = 23 * RATE + 777  # two whole parts and a piece
PACKET, PART = 1024, 470


class Source:
    """Two channels with blows, which the encoder cuts into shorter windows; counts what is read of it."""

    def __init__(self) -> None:
        random, time = np.random.default_rng(0), np.arange(SAMPLES) / RATE
        low = 0.2 * np.sin(2 * np.pi * 220 * time) * (1 + 0.5 * np.sin(6 * np.pi * time))
        rough = 0.1 * random.standard_normal(SAMPLES) * (np.sin(2 * np.pi * 1.3 * time) > 0.6)
        self.sound = np.stack([low, rough]).astype(np.float32)
        blows = range(0, SAMPLES - 300, RATE // 5)
        for place in (*blows, *(join * PACKET + shift for join in (PART, 2 * PART) for shift in (-900, 200))):
            self.sound[:, place : place + 300] += 0.3 * random.standard_normal((2, 300)).astype(np.float32)
        self.state, self.asked = ["first"] * (SAMPLES // RATE + 1), []

    def read(self, start: int, stop: int) -> np.ndarray:
        self.asked.append((start, stop))
        return self.sound[:, start:stop].copy()

    def key(self, start: int, stop: int) -> str:
        return " ".join(self.state[start // RATE : (stop - 1) // RATE + 1])

    def change(self, second: int) -> None:
        self.sound[:, second * RATE : (second + 1) * RATE] *= -0.5
        self.state[second] = "second"

    def track(self, folder) -> SoundTrack:
        whole = [self.sound[:, place : place + RATE] for place in range(0, SAMPLES, RATE)]
        return SoundTrack(
            lambda: whole, SAMPLES, "aac", "stereo", quick=True, parts=TrackParts(self.read, self.key, folder)
        )


def packets(encode, track: SoundTrack, path) -> list[tuple[int, int, bytes]]:
    """Of a file that has the track: time, length, content."""
    with create_media(path, "matroska", {}) as target:
        for packet in encode(track, add_sound(target, track.codec, track.layout, track.quick)):
            target.mux(packet)
    with open_media(path) as container:
        return [(one.pts, one.duration, bytes(one)) for one in container.demux(audio=0) if one.size]


def decoded(path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


def test_parts_sound_as_the_whole_does_where_they_meet_too(tmp_path):
    source = Source()
    track = source.track(tmp_path / "parts")
    parted, whole = packets(encode_parts, track, tmp_path / "a.mkv"), packets(encode_track, track, tmp_path / "b.mkv")
    assert [one[:2] for one in parted] == [one[:2] for one in whole]
    sounds = [decoded(tmp_path / name)[:, :SAMPLES] for name in ("a.mkv", "b.mkv")]
    errors = [
        np.array([np.mean((sound - source.sound)[:, at : at + PACKET] ** 2) for at in range(0, SAMPLES, PACKET)])
        for sound in sounds
    ]
    louder = 10 * np.log10(errors[0] / errors[1])
    for join in (PART, 2 * PART):
        assert np.abs(louder[join - 3 : join + 3]).max() < 3, louder[join - 3 : join + 3]
    assert 10 * np.log10(errors[0].mean() / errors[1].mean()) == pytest.approx(0, abs=0.2)


def test_only_what_changed_is_encoded_again(tmp_path):
    source, folder = Source(), tmp_path / "parts"
    first = packets(encode_parts, source.track(folder), tmp_path / "a.mkv")
    assert len(source.asked) == 3 and len(list(folder.iterdir())) == 3
    source.asked.clear()
    assert packets(encode_parts, source.track(folder), tmp_path / "b.mkv") == first and not source.asked
    source.change(15)
    second = packets(encode_parts, source.track(folder), tmp_path / "c.mkv")
    assert len(source.asked) == 1 and len(list(folder.iterdir())) == 3
    assert second != first and second[:PART] == first[:PART] and second[2 * PART :] == first[2 * PART :]
    assert packets(encode_parts, source.track(tmp_path / "other"), tmp_path / "d.mkv") == second


@pytest.mark.parametrize("damage", [b"", b"\xff" * 5000, None])
def test_damaged_parts_are_encoded_again(tmp_path, damage):
    source, folder = Source(), tmp_path / "parts"
    first = packets(encode_parts, source.track(folder), tmp_path / "a.mkv")
    file = sorted(folder.iterdir())[0]
    kept = file.read_bytes()
    file.write_bytes(kept[:-1] if damage is None else damage)
    assert packets(encode_parts, source.track(folder), tmp_path / "b.mkv") == first
    assert file.read_bytes() == kept
