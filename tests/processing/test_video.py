# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import os
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.video import (
    GreyArray,
    GreyClip,
    check_output,
    grid_length,
    iter_frames,
    mux_audio,
    plays_in_browsers,
    probe_video,
    resample_index,
    transcode_video,
    write_wav,
)
from support.video_files import noise_frames, numbered_frames, video_packets, write_clip, write_sound


pytestmark = pytest.mark.slow


def _numbers(clip) -> list[int]:
    """Which of the numbered frames stand on the 25 fps grid."""
    return [round((float(np.median(frame)) - 40) / 6) for frame in clip]


def _chirp(samples: int) -> np.ndarray:
    time = np.arange(samples) / 16000
    return (0.5 * np.sin(2 * np.pi * (200 * time + 300 * time**2))).astype(np.float32)


# reading ---------------------------------------------------------------------------------------------------------------


def test_constant_25_fps_is_exact(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", numbered_frames(31))
    info = probe_video(path)
    assert (info.width, info.height, info.rotation, info.damaged, info.warnings) == (64, 48, 0, 0, ())
    assert info.num_frames == info.num_source_frames == 31
    assert info.num_samples == 31 * 640
    assert info.duration == pytest.approx(31 / 25, abs=1e-9)
    assert _numbers(GreyClip(path)) == list(range(31))


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30), Fraction(30000, 1001), Fraction(50), Fraction(12)])
def test_other_rates_map_to_the_nearest_frame(tmp_path: Path, rate: Fraction) -> None:
    count = 30
    path = write_clip(tmp_path / "a.mp4", numbered_frames(count), rate=rate)
    clip = GreyClip(path)
    duration = count / rate
    assert clip.info.duration == pytest.approx(float(duration), abs=2e-4)
    assert clip.info.num_samples == pytest.approx(float(duration * 16000), abs=3)
    assert len(clip) == -(-duration.numerator * 25 // duration.denominator)
    starts = np.arange(count) / float(rate)
    for point, number in zip(np.arange(len(clip)) / 25, _numbers(clip), strict=True):
        assert abs(starts[number] - point) <= np.abs(starts - point).min() + 1e-3
    assert _numbers(clip) == resample_index(count, float(rate)).tolist()


def test_variable_rate_goes_by_time_stamps(tmp_path: Path) -> None:
    times = [0, 40, 80, 400, 440, 480, 520, 560]  # a third of a second with one held frame
    path = write_clip(tmp_path / "a.mkv", numbered_frames(len(times)), pts=times)
    clip = GreyClip(path)
    numbers = _numbers(clip)
    assert numbers[:3] == [0, 1, 2]
    assert numbers[5] == 2  # 200 ms: the frame of 80 ms is nearer than that of 400 ms
    assert numbers[10] == 3
    assert clip.info.duration == pytest.approx(0.6, abs=0.045)


def test_large_clips_are_decoded_again_and_give_the_same(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", noise_frames(12), rate=30)
    held, streamed = GreyClip(path), GreyClip(path, hold_bytes=0)
    for _ in range(2):
        np.testing.assert_array_equal(np.stack(list(held)), np.stack(list(streamed)))


@pytest.mark.parametrize(("rotation", "corner"), [(90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))])
def test_rotation_is_applied(tmp_path: Path, rotation: int, corner: tuple[int, int]) -> None:
    frames = np.zeros((5, 48, 96, 3), np.uint8)
    frames[:, :16, :16] = 255  # top left as stored
    path = write_clip(tmp_path / "a.mp4", frames, rotation=rotation)
    info = probe_video(path)
    assert info.rotation == rotation % 360
    assert (info.width, info.height) == ((96, 48) if rotation == 180 else (48, 96))
    frame = next(iter_frames(path))
    assert frame.shape == (info.height, info.width)
    assert frame[corner] > 200
    assert sum(int(frame[y, x]) > 100 for y in (0, -1) for x in (0, -1)) == 1
    assert next(iter_frames(path, "rgb24")).shape == (info.height, info.width, 3)


@pytest.mark.parametrize(
    ("height", "width", "pixel_format"), [(49, 65, "yuv444p"), (50, 70, "yuv420p"), (48, 64, "yuvj420p")]
)
def test_odd_sizes_and_ranges(tmp_path: Path, height: int, width: int, pixel_format: str) -> None:
    frames = np.full((4, height, width, 3), 200, np.uint8)
    frames[:, : height // 2] = 30
    path = write_clip(tmp_path / "a.mkv", frames, pixel_format=pixel_format)
    grey = next(iter_frames(path))
    assert grey.shape == (height, width)
    assert abs(int(grey[2, 2]) - 30) <= 3
    assert abs(int(grey[-3, -3]) - 200) <= 3


def test_truncated_file_gives_what_decodes(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", noise_frames(50), container_options={"movflags": "+faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.6)])
    info = probe_video(path)
    assert 5 <= info.num_source_frames < 50
    assert info.warnings
    assert "decode" in " ".join(info.warnings)
    assert len(list(GreyClip(path))) == info.num_frames
    output = mux_audio(path, np.zeros(info.num_samples, np.float32), 16000, tmp_path / "out.mp4")
    assert probe_video(output).num_source_frames >= info.num_source_frames - 1


def test_damage_in_the_middle_is_counted(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", noise_frames(50))
    packets = video_packets(path)
    data = path.read_bytes()
    place = data.index(packets[20]) + 5
    path.write_bytes(data[:place] + bytes(len(packets[20]) - 5) + data[place + len(packets[20]) - 5 :])
    info = probe_video(path)
    assert info.damaged >= 1
    assert "damaged" in info.warnings[0]
    assert info.num_frames == pytest.approx(50, abs=1)


def test_unreadable_inputs_say_what_to_do(tmp_path: Path) -> None:
    text = tmp_path / "a.mp4"
    text.write_text("not a video " * 100)
    head = write_clip(tmp_path / "b.mp4", noise_frames(30))
    head.write_bytes(head.read_bytes()[:400])  # the index at the end is missing
    cases = {
        tmp_path / "missing.mp4": "no file",
        tmp_path: "is a folder",
        text: "cannot be read as a video",
        head: "cannot be read as a video",
        write_sound(tmp_path / "sound.m4a"): "no video stream",
    }
    for path, message in cases.items():
        with pytest.raises(ValueError, match=message):
            probe_video(path)
        with pytest.raises(ValueError, match=message):
            mux_audio(path, np.zeros(16000, np.float32), 16000, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_too_long_says_the_limit(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", numbered_frames(602, 16, 16), rate=1)
    with pytest.raises(ValueError, match="600 s"):
        probe_video(path)
    with pytest.raises(ValueError, match="600 s"):
        GreyArray(np.zeros((15_001, 4, 4), np.uint8), 25)


def test_unknown_pixel_format() -> None:
    with pytest.raises(ValueError, match="pixel_format"):
        next(iter_frames("x.mp4", "bgr"))


# arrays ----------------------------------------------------------------------------------------------------------------


def test_arrays_of_frames(tmp_path: Path) -> None:
    clip = GreyArray(numbered_frames(30), 30)
    assert len(clip) == clip.info.num_frames == 25
    assert clip.info.num_samples == 16000
    assert _numbers(clip)[:6] == [0, 1, 2, 4, 5, 6]
    for frames, fps, message in (
        (np.zeros((3, 4, 4), np.float32), 25, "uint8"),
        (np.zeros((3, 4), np.uint8), 25, "uint8"),
        (np.zeros((0, 4, 4, 3), np.uint8), 25, "no frames"),
        (np.zeros((3, 4, 4, 3), np.uint8), 0, "fps"),
        (np.zeros((3, 4, 4, 3), np.uint8), float("nan"), "fps"),
    ):
        with pytest.raises(ValueError, match=message):
            GreyArray(frames, fps)


@pytest.mark.parametrize(
    ("seconds", "frames"), [(3.0, 75), (1.001, 26), (0.04, 1), (0.001, 1), (Fraction(1001, 1000), 26)]
)
def test_grid_length(seconds: float, frames: int) -> None:
    assert grid_length(seconds) == frames


# writing ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_mux_copies_packets_and_aligns_sound(tmp_path: Path, suffix: str) -> None:
    source = write_clip(tmp_path / "a.mp4", noise_frames(40), sound=np.zeros(25600, np.float32))
    sound = _chirp(25600)
    output = mux_audio(source, sound, 16000, tmp_path / f"out{suffix}")
    assert video_packets(output) == video_packets(source)
    with av.open(str(output)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert container.streams.audio[0].rate == 48000
    decoded = load_audio(output)
    assert 25600 <= len(decoded) < 25600 + 400  # AAC's last block is full
    lags = [float(np.dot(np.roll(decoded[:25600], -lag)[400:-400], sound[400:-400])) for lag in range(-400, 401)]
    assert abs(int(np.argmax(lags)) - 400) <= 1
    assert np.abs(decoded[25000:25590]).max() > 0.4  # nothing is missing at the end
    info = probe_video(output)
    assert info.num_samples == probe_video(source).num_samples == 25600


def test_mux_aligns_a_video_that_starts_late(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mkv", numbered_frames(20), pts=range(500, 1300, 40))
    assert probe_video(source).duration == pytest.approx(0.8, abs=0.045)
    output = mux_audio(source, _chirp(12800), 16000, tmp_path / "out.mp4")
    with av.open(str(output)) as container:
        picture = next(container.decode(video=0))
    with av.open(str(output)) as container:
        sound = next(container.decode(audio=0))
    assert abs(picture.time - sound.time) < 0.002


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_mux_keeps_rotation(tmp_path: Path, suffix: str) -> None:
    source = write_clip(tmp_path / "a.mp4", noise_frames(10), rotation=90)
    output = mux_audio(source, np.zeros(6400, np.float32), 16000, tmp_path / f"out{suffix}")
    assert probe_video(output).rotation == 90
    assert video_packets(output) == video_packets(source)


def test_nothing_is_overwritten_or_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_clip(tmp_path / "a.mp4", noise_frames(10))
    target = tmp_path / "out.mp4"
    target.write_bytes(b"precious")
    sound = np.zeros(6400, np.float32)
    with pytest.raises(ValueError, match="--overwrite"):
        mux_audio(source, sound, 16000, target)
    assert target.read_bytes() == b"precious"
    # A failure half-way: the file that was there stays, and no other one appears.
    monkeypatch.setattr("flowdubber_hf.processing.remux.encode_track", _fail)
    with pytest.raises(ValueError, match="cannot be written"):
        mux_audio(source, sound, 16000, target, overwrite=True)
    assert target.read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "out.mp4"]
    monkeypatch.undo()
    mux_audio(source, sound, 16000, target, overwrite=True)
    assert video_packets(target) == video_packets(source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "out.mp4"]


def _fail(*arguments: object) -> None:
    raise av.FFmpegError(1, "out of order")


def test_output_onto_its_own_source(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", noise_frames(10))
    packets = video_packets(source)
    mux_audio(source, np.zeros(6400, np.float32), 16000, source, overwrite=True)
    assert video_packets(source) == packets


def test_container_that_cannot_hold_the_codec(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mkv", noise_frames(6), codec="libvpx")
    with pytest.raises(ValueError, match=r"\.mkv"):
        mux_audio(source, np.zeros(3840, np.float32), 16000, tmp_path / "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]
    assert video_packets(mux_audio(source, np.zeros(3840, np.float32), 16000, tmp_path / "out.mkv")) == video_packets(
        source
    )


def test_check_output(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must end in"):
        check_output(tmp_path / "a.avi", (".mp4", ".wav"))
    with pytest.raises(ValueError, match="no folder"):
        check_output(tmp_path / "no" / "a.mp4", (".mp4",))
    (tmp_path / "b.mp4").mkdir()
    with pytest.raises(ValueError, match="is a folder"):
        check_output(tmp_path / "b.mp4", (".mp4",))
    assert check_output(tmp_path / "a.mp4", (".mp4",)) == tmp_path / "a.mp4"
    assert [path.name for path in tmp_path.iterdir()] == ["b.mp4"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the administrator may write everywhere")
def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    with pytest.raises(ValueError, match="nothing can be written"):
        write_wav(folder / "a.wav", np.zeros(10, np.float32))


def test_folder_that_the_system_refuses() -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("no /proc here")
    with pytest.raises(ValueError, match="nothing can be written"):
        write_wav("/proc/self/a.wav", np.zeros(10, np.float32))


def test_write_wav(tmp_path: Path) -> None:
    sound = np.array([0.0, 0.5, -0.5, 1.0, -1.0, 2.0], np.float32)
    path = write_wav(tmp_path / "a.wav", sound)
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth(), file.getnframes()) == (16000, 1, 2, 6)
        values = np.frombuffer(file.readframes(6), "<i2")
    assert values.tolist() == [0, 16384, -16384, 32767, -32767, 32767]
    with pytest.raises(ValueError, match="exists already"):
        write_wav(path, sound)
    write_wav(path, sound[:2], overwrite=True)
    for bad, message in ((np.zeros(0, np.float32), "at least one"), (np.array([np.nan], np.float32), "not finite")):
        with pytest.raises(ValueError, match=message):
            write_wav(tmp_path / "b.wav", bad)
    with pytest.raises(ValueError, match="must end in"):
        write_wav(tmp_path / "b.mp3", sound)
    assert not (tmp_path / "b.wav").exists()


def _comment(path: Path) -> str | None:
    with av.open(str(path)) as container:
        return {name.lower(): value for name, value in container.metadata.items()}.get("comment")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".wav"])
def test_comment_in_the_metadata(tmp_path: Path, suffix: str) -> None:
    source = write_clip(tmp_path / "a.mp4", noise_frames(10))
    sound, comment = _chirp(6400), "synthetic speech, made by nobody: ä"

    def write(name: str, **options: str) -> Path:
        path = tmp_path / f"{name}{suffix}"
        if suffix == ".wav":
            return write_wav(path, sound, **options)
        return mux_audio(source, sound, 16000, path, **options)

    marked, plain = write("marked", comment=comment), write("plain")
    assert (_comment(marked), _comment(plain)) == (comment, None)
    np.testing.assert_array_equal(load_audio(marked), load_audio(plain))
    if suffix == ".wav":
        with wave.open(str(marked)) as file, wave.open(str(plain)) as other:
            assert file.readframes(9000) == other.readframes(9000)


@pytest.mark.parametrize(
    ("name", "codec", "settings"),
    [
        ("webcam.webm", "libvpx", {"pts": [0, 31, 70, 95, 160, 201, 215, 300, 330, 350]}),
        ("old.avi", "mjpeg", {"pixel_format": "yuvj420p"}),
        ("late.mkv", "libx264", {"pts": range(500, 900, 40)}),
        ("upright.mp4", "libx264", {"pixel_format": "yuv444p", "rotation": 90}),
    ],
)
def test_transcode_keeps_the_times(tmp_path: Path, name: str, codec: str, settings: dict) -> None:
    odd = codec != "libx264"  # which refuses to write odd sides
    source = write_clip(tmp_path / name, noise_frames(10, 48 - odd, 64 - odd), codec=codec, **settings)
    assert not plays_in_browsers(source)
    output = transcode_video(source, tmp_path / "out.mp4")
    assert plays_in_browsers(output)
    before, after = probe_video(source), probe_video(output)
    assert after.num_samples == before.num_samples
    assert (after.num_source_frames, after.rotation) == (before.num_source_frames, before.rotation)
    pictures = zip(iter_frames(source), iter_frames(output), strict=True)
    for one, other in pictures:  # sides become even
        assert abs(one.shape[0] - other.shape[0]) <= 1 >= abs(one.shape[1] - other.shape[1])
        assert np.abs(one[:46, :46].astype(float) - other[:46, :46]).mean() < 25
    with pytest.raises(ValueError, match="exists already"):
        transcode_video(source, output)
    small = probe_video(transcode_video(source, output, max_side=32, overwrite=True))
    assert (max(small.width, small.height), min(small.width, small.height)) == (32, 24)


def test_transcode_keeps_the_sound_in_its_place(tmp_path: Path) -> None:
    sound = np.zeros(25600, np.float32)
    sound[8000:9000] = _chirp(1000)
    source = write_clip(tmp_path / "a.mkv", noise_frames(40), codec="mpeg4", sound=sound)
    heard = np.flatnonzero(np.abs(load_audio(transcode_video(source, tmp_path / "out.mp4"))) > 0.1)
    assert abs(heard[0] - 8000) < 40 > abs(heard[-1] - 9000)


def test_clip_that_browsers_play(tmp_path: Path) -> None:
    assert plays_in_browsers(write_clip(tmp_path / "a.mp4", noise_frames(3)))
    with pytest.raises(ValueError, match="cannot be read as a video"):
        (tmp_path / "b.mp4").write_text("no clip")
        plays_in_browsers(tmp_path / "b.mp4")


def test_playlists_are_no_clips(tmp_path: Path) -> None:
    """What another visitor of a server uploaded must not be within reach of a file that names it."""
    write_clip(tmp_path / "secret.mp4", noise_frames(10), sound=np.ones(6400, np.float32))
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.4,\nsecret.mp4\n#EXT-X-ENDLIST\n"
    for text in ("ffconcat version 1.0\nfile secret.mp4\n", hls):
        (tmp_path / "clip.mp4").write_text(text)
        with pytest.raises(ValueError, match="cannot be read as a video"):
            probe_video(tmp_path / "clip.mp4")
        with pytest.raises(ValueError, match="cannot be read as sound"):
            load_audio(tmp_path / "clip.mp4")


def test_own_limits(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", noise_frames(20))
    with pytest.raises(ValueError, match=r"lasts 0.8 s; clips of at most 0.5 s"):
        probe_video(clip, max_seconds=0.5)
    with pytest.raises(ValueError, match="64x48; at most 60 pixels"):
        probe_video(clip, max_side=60)


def test_grid_clip(data_folder: Path, tmp_path: Path) -> None:
    source = data_folder / "grid" / "s1" / "bbaf2n.mp4"
    info = probe_video(source)
    assert (info.num_frames, info.num_samples, info.width, info.height) == (75, 48000, 360, 288)
    output = mux_audio(source, _chirp(48000), 16000, tmp_path / "out.mp4")
    assert video_packets(output) == video_packets(source)


def test_a_stream_of_an_unknown_kind_is_said(tmp_path):
    data = write_clip(tmp_path / "x.mp4", noise_frames(3)).read_bytes()
    (tmp_path / "x.mp4").write_bytes(data.replace(b"avc1", b"?vc?"))
    with pytest.raises(ValueError, match="unknown kind"):
        probe_video(tmp_path / "x.mp4")
