"""What of a clip stands in the dub: pictures byte for byte under their own tag, further tracks, chapters and tags, from the first
picture on; and what is said where a container cannot hold it."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import errno
import os
import resource
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.frames import GreyClip, iter_frames, probe_video
from flowdubber_hf.processing.mux import check_copy, mux_audio
from flowdubber_hf.processing.outputs import why
from flowdubber_hf.processing.text_tracks import convert_text
from support.video_files import noise_frames, numbered_frames, video_packets, write_clip


pytestmark = pytest.mark.slow


SUFFIXES = (".mp4", ".mov", ".mkv")
BEEP = 1600  # first sample of a tone


def dub(source: Path, output: Path, **options) -> tuple[Path, list[str]]:
    """A silent clip's worth of sound with a tone inside, beside the pictures of a clip."""
    sound = np.zeros(probe_video(source).num_samples, np.float32)
    room = sound[BEEP : BEEP + 800]
    room[:] = 0.5 * np.sin(np.arange(len(room)) / 3)
    warnings: list[str] = []
    return mux_audio(source, sound, 16000, output, on_warning=warnings.append, **options), warnings


def remux(source: Path, target: Path, tag: str | None = None, first: int = 0, shift: int = 0) -> Path:
    """The pictures of a clip in another container, from a packet on, `shift` pictures earlier."""
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        video = container.streams.video[0]
        stream = output.add_stream_from_template(video, opaque=True)
        if tag is not None:
            stream.codec_context.codec_tag = tag
        latest = None
        for number, packet in enumerate(packet for packet in container.demux(video) if packet.size):
            if number >= first:
                ticks = round(shift * Fraction(1, 25) / packet.time_base)
                packet.pts -= ticks
                if packet.dts is not None:
                    packet.dts = packet.dts - ticks if latest is None else max(packet.dts - ticks, latest + 1)
                    latest = packet.dts
                packet.stream = stream
                output.mux(packet)
    return target


def tag(path: Path) -> str:
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.codec_tag


def starts_and_ends(path: Path) -> list[tuple[float, float]]:
    """Of picture and sound as they are decoded, in seconds by the file's clock."""
    spans = []
    for kind in ("video", "audio"):
        with av.open(str(path)) as container:
            stream = getattr(container.streams, kind)[0]
            frames = list(container.decode(stream))
        step = Fraction(1, 25) if kind == "video" else Fraction(frames[-1].samples, frames[-1].sample_rate)
        spans.append((frames[0].time, frames[-1].time + float(step)))
    return spans


def beep(path: Path) -> float:
    """When the tone begins by the file's clock."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            heard = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.2)
            if heard.size:
                return frame.time + heard[0] / frame.sample_rate
    raise AssertionError("no tone")


# tags and codecs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
def test_hevc_of_a_telephone_keeps_its_tag(tmp_path, suffix, pixels):
    clip = write_clip(tmp_path / "a.mp4", noise_frames(12), codec="libx265", pixel_format=pixels)
    source = remux(clip, tmp_path / "a.mov", "hvc1")
    output, warnings = dub(source, tmp_path / f"out{suffix}")
    assert video_packets(output) == video_packets(source)
    assert suffix == ".mkv" or tag(output) == tag(source) == "hvc1"
    assert not warnings


@pytest.mark.parametrize("source_suffix", [".mkv", ".ts"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_hevc_from_elsewhere_gets_the_tag_that_apple_plays(tmp_path, source_suffix, suffix):
    source = write_clip(tmp_path / f"a{source_suffix}", noise_frames(12), codec="libx265")
    output, _ = dub(source, tmp_path / f"out{suffix}")
    assert tag(output) == "hvc1"
    np.testing.assert_array_equal(np.stack(list(iter_frames(output))), np.stack(list(iter_frames(source))))


def test_hev1_stays_hev1(tmp_path):
    source = remux(write_clip(tmp_path / "a.mkv", noise_frames(6), codec="libx265"), tmp_path / "a.mp4", "hev1")
    assert tag(dub(source, tmp_path / "out.mp4")[0]) == "hev1"


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
@pytest.mark.parametrize(("profile", "name"), [("0", "apco"), ("2", "apcn"), ("3", "apch")])
def test_prores_keeps_its_kind(tmp_path, suffix, profile, name):
    with av.open(str(tmp_path / "a.mov"), "w") as container:
        stream = container.add_stream("prores_ks", rate=25, options={"profile": profile})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv422p10le"
        for picture in noise_frames(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    output, _ = dub(tmp_path / "a.mov", tmp_path / f"out{suffix}")
    assert tag(output) == name
    assert video_packets(output) == video_packets(tmp_path / "a.mov")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("codec", ["libsvtav1", "libvpx-vp9"])
def test_av1_and_vp9_are_copied(tmp_path, suffix, codec):
    source = write_clip(tmp_path / "a.mkv", noise_frames(8), codec=codec)
    assert check_copy(source, suffix) == ()
    output, _ = dub(source, tmp_path / f"out{suffix}")
    assert video_packets(output) == video_packets(source)
    assert probe_video(output).duration == probe_video(source).duration


@pytest.mark.parametrize(
    ("codec", "pixels", "source_suffix", "refused"),
    [
        ("mpeg4", "yuv420p", ".avi", ()),
        ("mjpeg", "yuvj420p", ".avi", ()),
        ("mpeg2video", "yuv420p", ".mpg", ()),
        ("libx264", "yuv420p", ".ts", ()),
        ("libx264", "yuv420p", ".flv", ()),
        ("libx264", "yuv444p", ".avi", ()),
        ("ffv1", "yuv420p", ".mkv", ()),
        ("libvpx", "yuv420p", ".mkv", (".mp4", ".mov")),
        ("flv", "yuv420p", ".flv", SUFFIXES),
    ],
)
def test_what_can_be_copied_is_known_before_the_work(tmp_path, codec, pixels, source_suffix, refused):
    source = write_clip(tmp_path / f"a{source_suffix}", noise_frames(10, 288, 352), codec=codec, pixel_format=pixels)
    for suffix in SUFFIXES:
        output = tmp_path / f"out{suffix}"
        if suffix in refused:
            others = " or ".join(other for other in SUFFIXES if other not in refused)
            for action in (check_copy, lambda clip, end: dub(clip, tmp_path / f"out{end}")):
                with pytest.raises(ValueError, match=f"{suffix} cannot hold the .*{others}.*--transcode"):
                    action(source, suffix)
            assert not output.exists()
            warned = dub(source, output, transcode=True)[1]
            assert len(warned) == 1 and "encoded again as H.264" in warned[0]
        else:
            assert not [line for line in dub(source, output)[1] if "encoded" in line]
        np.testing.assert_allclose(starts_and_ends(output)[0], (0, 0.4), atol=0.002)
        error = np.stack(list(iter_frames(output))).astype(float) - np.stack(list(iter_frames(source)))
        assert np.abs(error).mean() < (8 if suffix in refused else 1e-9)


def test_vp8_without_durations(tmp_path):
    """As browsers record it: neither the file nor its packets say how long they are."""
    source = write_clip(tmp_path / "a.webm", noise_frames(20), codec="libvpx", container_options={"live": "1"})
    with pytest.raises(ValueError, match=r"\.mkv, or have them encoded again"):
        check_copy(source, ".mp4")
    for suffix in SUFFIXES:
        output, _ = dub(source, tmp_path / f"out{suffix}", transcode=True)
        assert probe_video(output).duration == pytest.approx(0.8, abs=0.002)


# hidden pictures --------------------------------------------------------------------------------------------------------


def cut_clip(tmp_path: Path) -> Path:
    """30 pictures of which an edit list hides the first 12, on which all others build."""
    whole = write_clip(tmp_path / "whole.mp4", numbered_frames(30), sound=None)
    return remux(whole, tmp_path / "cut.mp4", shift=12)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_hidden_pictures_stay_hidden_and_the_sound_beside_the_shown_ones(tmp_path, suffix):
    source = cut_clip(tmp_path)
    info = probe_video(source)
    assert info.num_source_frames == 18 and info.duration == pytest.approx(0.72)
    output, warnings = dub(source, tmp_path / f"out{suffix}")
    shown = [round((float(np.median(frame)) - 40) / 6) for frame in iter_frames(output)]
    assert shown == list(range(12, 30))
    (picture, end), (sound, sound_end) = starts_and_ends(output)
    assert abs(picture) < 0.002 > abs(sound)
    assert end == pytest.approx(0.72, abs=0.002) and 0.72 <= sound_end + 0.001 < 0.72 + 0.022
    assert beep(output) == pytest.approx(BEEP / 16000, abs=0.003)
    assert ("encoded again" in " ".join(warnings)) == (suffix == ".mkv")
    if suffix != ".mkv":
        assert set(video_packets(output)) == set(video_packets(source))


def test_hidden_pictures_that_nothing_builds_on_are_left_out(tmp_path):
    whole = write_clip(tmp_path / "whole.mp4", numbered_frames(30), gop=6)
    source = remux(whole, tmp_path / "cut.mp4", shift=12)
    output, warnings = dub(source, tmp_path / "out.mkv")
    assert not warnings and len(video_packets(output)) == 18


def test_a_stream_that_was_cut_before_its_first_whole_picture(tmp_path):
    whole = write_clip(tmp_path / "whole.mp4", numbered_frames(30), gop=10)
    source = remux(whole, tmp_path / "cut.ts", first=5)
    output, _ = dub(source, tmp_path / "out.mp4")
    assert probe_video(output).duration == pytest.approx(probe_video(source).duration, abs=0.002)
    assert starts_and_ends(output)[0][0] == pytest.approx(0, abs=0.002)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("source_suffix", [".mp4", ".mkv", ".ts", ".flv"])
def test_sound_and_picture_begin_together(tmp_path, suffix, source_suffix):
    source = write_clip(tmp_path / f"a{source_suffix}", noise_frames(30), sound=np.zeros(19200, np.float32))
    output, _ = dub(source, tmp_path / f"out{suffix}")
    (picture, end), (sound, _) = starts_and_ends(output)
    assert abs(picture) < 0.002 > abs(sound)
    assert end == pytest.approx(1.2, abs=0.002)
    assert beep(output) == pytest.approx(BEEP / 16000, abs=0.003)


def test_joined_streams_whose_times_overlap(tmp_path):
    one = write_clip(tmp_path / "a.ts", noise_frames(20))
    (tmp_path / "joined.ts").write_bytes(one.read_bytes() + one.read_bytes())
    for suffix in SUFFIXES:
        output, _ = dub(tmp_path / "joined.ts", tmp_path / f"out{suffix}")
        assert probe_video(output).num_source_frames == 40


# everything else that a clip holds --------------------------------------------------------------------------------------


def subtitle_lines(path: Path) -> list[tuple[str, float, float]]:
    """Text, start and duration in seconds of the first subtitles, gaps left out."""
    lines = []
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        timed = stream.codec_context.codec.canonical_name == "mov_text"
        for packet in container.demux(stream):
            text = bytes(packet)[2 if timed else 0 :].decode()
            if text:
                lines.append(
                    (text, *(round(float(time * packet.time_base), 2) for time in (packet.pts, packet.duration)))
                )
    return lines


@pytest.mark.parametrize(
    ("source", "data", "codec", "expected"),
    [
        ("subrip", b"<i>Two</i>\r\nlines {\\an8}", "mov_text", b"\0\x09Two\nlines"),
        ("subrip", "é".encode() * 40000, "mov_text", b"\xff\xfe" + "é".encode() * 32767),
        ("mov_text", b"\0\5hello\0\0\0\x0estyl", "subrip", b"hello"),
        ("mov_text", b"\0\6\xfe\xff\0h\0i", "subrip", b"hi"),
        ("mov_text", b"\0\0", "subrip", None),
        ("mov_text", b"", "subrip", None),
        ("mov_text", b"\xff\xffcut off", "subrip", b"cut off"),
        ("subrip", b"\xff", "mov_text", b"\0\3\xef\xbf\xbd"),
    ],
)
def test_words_of_subtitles_in_another_codec(source, data, codec, expected):
    packet = av.Packet(data)
    packet.pts, packet.duration, packet.time_base = 200, 300, Fraction(1, 1000)
    found = convert_text(packet, source, codec)
    assert (None if found is None else bytes(found)) == expected
    assert found is None or (found.pts, found.dts, found.duration, found.time_base) == (
        200,
        200,
        300,
        packet.time_base,
    )


TAGS = {"title": "Das Boot", "artist": "Ana", "date": "2020", "genre": "Test"}
CHAPTERS = [
    {"id": 1, "start": 0, "end": 400, "time_base": Fraction(1, 1000), "metadata": {"title": "one"}},
    {"id": 2, "start": 400, "end": 800, "time_base": Fraction(1, 1000), "metadata": {"title": "two"}},
]


def rich_clip(path: Path, subtitles: str = "mov_text", tags: dict[str, str] | None = None) -> Path:
    """Two sounds (the second one is the default), subtitles, chapters and tags around 20 pictures."""
    with av.open(str(path), "w") as container:
        container.metadata.update(tags or TAGS)
        container.set_chapters(CHAPTERS)
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.metadata.update({"language": "fra", "timecode": "01:00:00:00"})
        sounds = [container.add_stream("aac", rate=16000, layout="mono") for _ in range(2)]
        for stream, language, disposition in zip(sounds, ("spa", "deu"), (0, 1), strict=True):
            stream.metadata["language"] = language
            stream.disposition = disposition
        text = container.add_mux_stream(subtitles)
        text.time_base = Fraction(1, 1000)
        text.metadata["language"] = "ita"
        for picture in noise_frames(20):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(video.encode(None))
        for number, stream in enumerate(sounds):
            wave = 0.3 * np.sin(np.arange(12800) * (0.1 + 0.2 * number)).astype(np.float32)
            for start in range(0, 12800, 1024):
                frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024].copy(), "fltp", "mono")
                frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        line = av.Packet(b"\0\5hello" if subtitles == "mov_text" else b"hello")
        line.pts = line.dts = 200
        line.duration, line.time_base, line.stream = 300, Fraction(1, 1000), text
        container.mux(line)
    return path


@pytest.mark.parametrize(
    ("source", "subtitles", "suffix", "changed"),
    [
        ("a.mov", "mov_text", ".mov", ()),
        ("a.mov", "mov_text", ".mp4", ()),
        ("a.mkv", "subrip", ".mkv", ()),
        ("a.mov", "mov_text", ".mkv", ("mkv holds the subtitles 3 (mov_text, ita) as subrip",)),
        ("a.mkv", "subrip", ".mp4", ("mp4 holds the subtitles 3 (srt, ita) as mov_text",)),
        ("a.mkv", "subrip", ".mov", ("mov holds the subtitles 3 (srt, ita) as mov_text",)),
    ],
)
def test_tracks_chapters_and_tags_are_kept(tmp_path, source, subtitles, suffix, changed):
    output, warnings = dub(rich_clip(tmp_path / source, subtitles), tmp_path / f"out{suffix}", comment="dubbed")
    with av.open(str(output)) as container:
        found = {name.lower(): value for name, value in container.metadata.items()}
        assert found["comment"] == "dubbed"
        assert {name: found[name] for name in TAGS} == TAGS
        assert container.streams.video[0].language == "fra" or suffix == ".mkv"
        tags = {name.lower(): value for name, value in container.streams.video[0].metadata.items()}
        assert tags["timecode"] == "01:00:00:00"
        # the default sound, in German, has made room for the English dub
        assert [stream.language for stream in container.streams.audio] == ["eng", "spa"]
        (text,) = container.streams.subtitles
        assert text.language == "ita"
        titles = [chapter["metadata"]["title"] for chapter in container.chapters()]
        starts = [float(chapter["start"] * chapter["time_base"]) for chapter in container.chapters()]
    assert titles == ["one", "two"] and starts == pytest.approx([0, 0.4], abs=0.001)
    assert subtitle_lines(output) == [("hello", 0.2, 0.3)]
    assert len(warnings) == len(changed)
    assert all(words in warning for words, warning in zip(changed, warnings, strict=True))
    np.testing.assert_allclose(
        load_audio(output)[BEEP + 100 : BEEP + 700].std(), 0.35, atol=0.05
    )  # players take the dub


def test_tags_that_a_container_does_not_know_are_named(tmp_path):
    clip = rich_clip(tmp_path / "a.mkv", "subrip", {"title": "T", "director": "B"})
    _, warnings = dub(clip, tmp_path / "out.mp4")
    told = " ".join(warnings).lower()
    assert "tag director" in told and "tag title" not in told
    assert warnings == list(check_copy(clip, ".mp4"))


def test_tags_of_a_telephone_are_kept(tmp_path):
    tags = {"com.apple.quicktime.make": "Apple", "com.apple.quicktime.location.ISO6709": "+48.1+11.5/"}
    write_clip(tmp_path / "plain.mp4", noise_frames(6))
    with (
        av.open(str(tmp_path / "plain.mp4")) as source,
        av.open(str(tmp_path / "a.mov"), "w", options={"movflags": "use_metadata_tags"}) as target,
    ):
        target.metadata.update(tags)
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    output, warnings = dub(tmp_path / "a.mov", tmp_path / "out.mov", comment="dubbed")
    with av.open(str(output)) as container:
        assert tags.items() <= container.metadata.items() and container.metadata["comment"] == "dubbed"
    assert not warnings


def test_tags_in_other_encodings_do_not_make_a_file_unreadable(tmp_path):
    clip = rich_clip(tmp_path / "a.mkv", "subrip", {"title": "Gr\u00fc\u00dfe"})
    clip.write_bytes(clip.read_bytes().replace("Gr\u00fc\u00dfe".encode(), b"Gr\xfc\xfc\xdf\xdfe"))
    assert probe_video(clip).num_source_frames == 20
    assert load_audio(clip).size
    with av.open(str(dub(clip, tmp_path / "out.mkv")[0])) as container:
        assert container.metadata["title"] == "Gre"


def test_covers_and_attachments(tmp_path):
    clip = write_clip(tmp_path / "plain.mp4", noise_frames(6))
    with av.open(str(clip)) as source, av.open(str(tmp_path / "a.mkv"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        target.add_attachment("font.ttf", "font/ttf", b"abc")
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    output, warnings = dub(tmp_path / "a.mkv", tmp_path / "out.mkv")
    with av.open(str(output)) as container:
        (kept,) = [stream for stream in container.streams if stream.type == "attachment"]
        assert kept.data == b"abc" and not warnings
    assert "attachment 1 (font.ttf)" in dub(tmp_path / "a.mkv", tmp_path / "out.mp4")[1][0]


# sizes and turns --------------------------------------------------------------------------------------------------------


def test_large_pictures_are_reduced_for_the_lips_and_copied(tmp_path):
    picture = np.zeros((720, 1280, 3), np.uint8)
    picture[:, 640:] = 255
    frames = np.broadcast_to(picture.repeat(4, 0).repeat(4, 1), (2, 2880, 5120, 3))
    source = write_clip(tmp_path / "a.mp4", frames)
    clip = GreyClip(source)
    assert (clip.info.width, clip.info.height) == (5120, 2880) and clip.scale == 0.8
    (first, _) = clip
    assert first.shape == (2304, 4096) and first[0, 100] < 20 and first[0, -100] > 235
    output, _ = dub(source, tmp_path / "out.mp4")
    assert video_packets(output) == video_packets(source)


def changing_clip(tmp_path: Path, suffix: str) -> Path:
    one = write_clip(tmp_path / "one.ts", numbered_frames(10))
    other = write_clip(
        tmp_path / "other.ts", numbered_frames(20, 120, 96)[10:], start=12
    )  # the first one begins at its decoder's delay
    joined = tmp_path / "joined.ts"
    joined.write_bytes(one.read_bytes() + other.read_bytes())
    return joined if suffix == ".ts" else remux(joined, tmp_path / f"joined{suffix}")


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".flv", ".mp4"])
def test_a_size_that_changes_inside_the_file_is_told_and_evened(tmp_path, suffix):
    source = changing_clip(tmp_path, suffix)
    for hold in (10**9, 0):
        clip = GreyClip(source, hold_bytes=hold)
        frames = list(clip)
        assert {frame.shape for frame in frames} == {(48, 64)}
        assert [round((float(frame[24, 32]) - 40) / 6) for frame in frames] == list(range(20))
        assert "from 64x48 to 96x120" in clip.info.warnings[0]
    assert {frame.shape for frame in iter_frames(source, "rgb24")} == {(48, 64, 3)}
    output, _ = dub(source, tmp_path / "out.mp4", transcode=True)
    assert probe_video(output).num_source_frames == 20


def test_the_dub_of_a_turned_clip_can_be_turned(tmp_path):
    source = write_clip(tmp_path / "a.mp4", noise_frames(6))
    for suffix in SUFFIXES:
        assert probe_video(dub(source, tmp_path / f"out{suffix}", turn=90)[0]).rotation == 90


# files ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_called_that(code):
    assert "no space left" in why(OSError(code, os.strerror(code)))


def test_a_disk_that_fills_up_while_the_dub_is_written(tmp_path):
    source = write_clip(tmp_path / "a.mkv", noise_frames(50, 240, 320))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, before[1]))
    try:
        with pytest.raises(ValueError, match="no space left"):
            dub(source, tmp_path / "out.mkv")
        with pytest.raises(ValueError, match="no space left"):
            dub(source, tmp_path / "out.mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]
