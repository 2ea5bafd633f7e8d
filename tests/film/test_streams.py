"""A film with all that films have, dubbed: what is copied, what is added, in which order, and what a container cannot hold."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from flowdubber_hf.film.mix import Finish, Finished, ceiling_for
from flowdubber_hf.film.sound import film_clock, samples_of, sound_blocks, sound_layout, store_sound
from flowdubber_hf.film.streams import OutputTracks, check_film_output, output_layout, track_peak, write_film
from flowdubber_hf.processing.encoding import to_sound_rate
from flowdubber_hf.processing.frames import probe_video
from flowdubber_hf.processing.mux import mux_audio
from support.film_sounds import RATE, Array, noise, tone, voice
from support.video_files import noise_frames, video_packets, write_clip


pytestmark = pytest.mark.slow


SUFFIXES = (".mkv", ".mp4", ".mov")
FRAME_RATE = Fraction(24000, 1001)
QUICKTIME = {"ger": "deu"}  # its codes of languages
FRAMES = 96
SAMPLES = round(FRAMES / FRAME_RATE * RATE)
CHAPTERS = [
    {"id": 1, "start": 0, "end": 2000, "time_base": Fraction(1, 1000), "metadata": {"title": "one"}},
    {"id": 2, "start": 2000, "end": 4000, "time_base": Fraction(1, 1000), "metadata": {"title": "two"}},
]


def sound_stream(container, codec: str, layout: str, language: str, sound: np.ndarray) -> list[av.Packet]:
    stream = container.add_stream(codec, rate=RATE, layout=layout)
    stream.metadata.update({"language": language, "title": f"{language} {layout}"})
    packets = []
    for start in range(0, sound.shape[1], RATE):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[:, start : start + RATE]), "fltp", layout)
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def write_film_clip(path: Path, sounds: Sequence[tuple[str, str, str, np.ndarray]], start: int = 0) -> Path:
    """Pictures at 23.976 a second, on their side, in BT.709; sounds of a codec, layout and language; subtitles of two languages;
    chapters; a font where the container can hold one. `start`: pictures by which all pictures are late."""
    mkv = path.suffix == ".mkv"
    with av.open(str(path), "w") as container:
        container.metadata.update({"title": "A film", "artist": "Ana"})
        container.set_chapters(CHAPTERS)
        video = container.add_stream("libx264", rate=FRAME_RATE, options={"x264-params": "threads=1:mbtree=0"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        context = video.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = 1, 1, 1, 1
        video.set_display_rotation(90)
        video.metadata["language"] = "fra"
        packets = []
        for number, picture in enumerate(noise_frames(FRAMES)):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = number + start, 1 / FRAME_RATE
            packets += video.encode(frame)
        packets += video.encode(None)
        for codec, layout, language, sound in sounds:
            packets += sound_stream(container, codec, layout, language, sound)
        for language, words in (("ita", "ciao"), ("deu", "hallo")):
            text = container.add_mux_stream("subrip" if mkv else "mov_text")
            text.time_base = Fraction(1, 1000)
            text.metadata["language"] = language
            if language == "deu":
                text.disposition = Disposition.hearing_impaired
            data = words.encode()
            packet = av.Packet(data if mkv else len(data).to_bytes(2, "big") + data)
            packet.pts = packet.dts = 500
            packet.duration, packet.time_base, packet.stream = 700, Fraction(1, 1000), text
            packets.append(packet)
        if mkv:
            container.add_attachment("font.ttf", "font/ttf", b"abc")
        for packet in sorted(packets, key=lambda packet: float(packet.dts * packet.time_base)):
            container.mux(packet)
    return path


def two_sounds() -> list[tuple[str, str, str, np.ndarray]]:
    seconds = SAMPLES / RATE
    return [
        ("ac3", "5.1(side)", "fra", noise(seconds, 0.05, 6)),
        ("aac", "stereo", "spa", np.repeat(tone(seconds, 440, 0.1), 2, axis=0)),
    ]


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    return {suffix: write_film_clip(folder / f"film{suffix}", two_sounds()) for suffix in (".mkv", ".mp4")}


def dub(samples: int = SAMPLES, channels: int = 2) -> Array:
    """A tone in the third second."""
    sound = np.zeros((channels, samples), np.float32)
    sound[:, 2 * RATE : 3 * RATE] = tone(1, 1000, 0.5)
    return Array(sound)


def decoded(path: Path, index: int = 0) -> np.ndarray:
    with av.open(str(path)) as container:
        stream = container.streams.audio[index]
        parts = [frame.to_ndarray() for frame in container.decode(stream)]
        channels = stream.codec_context.layout.nb_channels
    whole = np.concatenate(parts, axis=1)
    return whole if len(whole) == channels else whole.reshape(-1, channels).T


def sound_packets(path: Path, number: int) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.audio[number]) if packet.size]


def shape(path: Path) -> list[tuple]:
    """Kind, codec, language, title and dispositions of each stream."""
    found = []
    with av.open(str(path)) as container:
        for stream in container.streams:
            codec = stream.codec_context.codec.canonical_name if stream.codec_context else stream.name
            marks = {mark.name for mark in Disposition if mark & stream.disposition and mark.name}
            if stream.type == "data":
                continue  # chapters, as QuickTime has them
            found.append((stream.type, codec, stream.metadata.get("language"), marks))
    return found


@pytest.mark.parametrize("source", [".mkv", ".mp4"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_all_that_a_film_has_is_in_the_dubbed_one(films, tmp_path, source, suffix):
    film, tracks = films[source], OutputTracks(language="eng")
    subtitles = [(0.25, 1.5, "Set red by nine\nagain."), (2.0, 3.0, "Who is there?")]
    warnings: list[str] = []
    output = write_film(
        film, dub(), tmp_path / f"out{suffix}", tracks, "stereo", subtitles, on_warning=warnings.append
    )
    assert video_packets(output) == video_packets(film)
    assert (probe_video(output).rotation, probe_video(output).num_source_frames) == (90, FRAMES)
    streams = shape(output)
    text = "subrip" if suffix == ".mkv" else "mov_text"
    assert [stream[:2] for stream in streams if stream[0] != "attachment"] == [
        ("video", "h264"),
        ("audio", "aac"),
        ("audio", "ac3"),
        ("audio", "aac"),
        ("subtitle", text),
        ("subtitle", text),
        ("subtitle", text),
    ]
    languages = [QUICKTIME.get(stream[2], stream[2]) for stream in streams if stream[0] in ("audio", "subtitle")]
    assert languages == ["eng", "fra", "spa", "ita", "deu", "eng"]
    sounds = [marks for kind, _, _, marks in streams if kind == "audio"]
    assert "default" in sounds[0] and not any("default" in marks for marks in sounds[1:])
    assert "original" in sounds[1] or suffix != ".mkv"  # only Matroska has such a mark
    assert "hearing_impaired" in streams[5][3] or suffix != ".mkv" or source != ".mkv"
    with av.open(str(output)) as container:
        video = container.streams.video[0].codec_context
        assert (video.color_primaries, video.color_trc, video.colorspace, video.color_range) == (1, 1, 1, 1)
        tags = {name.lower(): value for name, value in container.metadata.items()}
        assert (tags["title"], tags["artist"]) == ("A film", "Ana") and "Synthetic speech" in tags["comment"]
        chapters = container.chapters()
        assert [chapter["metadata"]["title"] for chapter in chapters] == ["one", "two"]
        assert [float(chapter["start"] * chapter["time_base"]) for chapter in chapters] == pytest.approx(
            [0, 2], abs=0.001
        )
        if source == suffix == ".mkv":
            assert [stream.data for stream in container.streams if stream.type == "attachment"] == [b"abc"]
    assert shown(output, 2) == [(0.25, 1.5, "Set red by nine\nagain."), (2.0, 3.0, "Who is there?")]
    assert shown(output, 0) == [(0.5, 1.2, "ciao")]
    for number in range(2):  # what sounds before the first picture is not there
        kept, own = sound_packets(output, 1 + number), sound_packets(film, number)
        assert kept == own[len(own) - len(kept) :] and len(own) - len(kept) <= 2
    lost = "font.ttf" if source == ".mkv" != suffix else None
    assert any(lost in warning for warning in warnings) if lost else not [one for one in warnings if "cannot" in one]
    assert list(check_film_output(film, output, tracks)) == warnings


def shown(path: Path, number: int) -> list[tuple[float, float, str]]:
    found = []
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[number]
        timed = stream.codec_context.codec.canonical_name == "mov_text"
        for packet in container.demux(stream):
            text = bytes(packet)[2 if timed else 0 :].decode()
            if text:
                start = float(packet.pts * packet.time_base)
                end = start + float(packet.duration * packet.time_base)
                found.append((round(start, 3), round(end, 3), text))
    return found


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("codec", ["aac", "ac3", "eac3", "opus", "flac", "pcm_s24le"])
@pytest.mark.parametrize("layout", ["mono", "stereo", "film"])
def test_every_codec_and_layout_that_a_container_holds(films, tmp_path, suffix, codec, layout):
    film, tracks = films[".mkv"], OutputTracks(codec, layout, "deu", keep_sound=False)
    channels = output_layout(film, layout)
    count = {"mono": 1, "stereo": 2, "film": 6}[layout]
    try:
        check_film_output(film, f"x{suffix}", tracks)
    except ValueError as error:
        assert (suffix, codec) in ((".mov", "opus"), (".mov", "flac")) and "choose an output ending in .mkv" in str(
            error
        )
        with pytest.raises(ValueError, match="cannot hold"):
            write_film(film, dub(channels=count), tmp_path / f"out{suffix}", tracks, channels)
        assert not list(tmp_path.iterdir())
        return
    output = write_film(film, dub(channels=count), tmp_path / f"out{suffix}", tracks, channels)
    assert [(kind, QUICKTIME.get(code, code)) for of, kind, code, _ in shape(output) if of == "audio"] == [
        (codec, "deu"),
        ("aac", "spa"),
    ]
    sound = decoded(output)
    assert len(sound) == count
    heard = np.flatnonzero(np.abs(sound[0].astype(float)).max() * 0.3 < np.abs(sound[0].astype(float)))
    exact = codec in ("flac", "pcm_s24le")
    assert heard[0] == pytest.approx(2 * RATE, abs=60 if exact else 400) and heard[-1] == pytest.approx(
        3 * RATE, abs=400
    )
    if exact:
        assert sound.shape[1] == SAMPLES
        full = 1 if sound.dtype == np.float32 else 2**31
        np.testing.assert_array_equal(
            np.round(sound / full * 2**23), np.round(dub(channels=count).sound.astype(float) * 2**23)
        )
    else:
        assert 0 <= sound.shape[1] - SAMPLES < 2048


def test_what_is_decoded_stays_under_the_ceiling(films, tmp_path):
    speech = to_sound_rate(10 * voice(SAMPLES / RATE, 120), 16000)[None, :SAMPLES]
    sound = np.repeat(np.pad(speech, ((0, 0), (0, SAMPLES - speech.shape[1]))), 2, axis=0) + noise(
        SAMPLES / RATE, 0.05, 2
    )
    assert np.abs(sound).max() > 2
    for codec in ("aac", "opus", "ac3", "eac3"):
        loud = Finished(Array(sound), Finish(0.0, ceiling_for(codec)))
        output = write_film(films[".mkv"], loud, tmp_path / f"{codec}.mkv", OutputTracks(codec), "stereo")
        assert track_peak(output) <= -1
    quiet = write_film(films[".mkv"], dub(), tmp_path / "quiet.mkv", OutputTracks("flac"), "stereo")
    assert track_peak(quiet) == pytest.approx(-6.02, abs=0.02)


@pytest.mark.parametrize("codec", ["aac", "opus", "ac3", "eac3"])
@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1"])
def test_noise_at_full_level_stays_under_the_ceiling(films, tmp_path, codec, layout):
    random = np.random.default_rng(0)
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    loud = Array(random.standard_normal((channels, SAMPLES)).astype(np.float32))
    output = tmp_path / "noise.mkv"
    write_film(films[".mkv"], Finished(loud, Finish(0.0, ceiling_for(codec))), output, OutputTracks(codec), layout)
    assert track_peak(output) <= -1


def test_the_same_film_is_the_same_bytes(films, tmp_path):
    for suffix in SUFFIXES:
        one, other = (
            write_film(films[".mkv"], dub(), tmp_path / f"{name}{suffix}", OutputTracks(), "stereo", [(0.0, 1.0, "a")])
            for name in "ab"
        )
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("tracks", "output", "message"),
    [
        (OutputTracks("mp3"), "a.mkv", "audio codec: choose one of aac, ac3"),
        (OutputTracks(layout="quad"), "a.mkv", "layout: choose one of mono, stereo, film"),
        (OutputTracks(language="English"), "a.mkv", "language: give three small letters"),
        (OutputTracks(), "a.avi", r"must end in \.mp4, \.mov, \.mkv"),
        (OutputTracks("opus"), "a.mov", r"\.mov cannot hold opus sound .*\.mkv"),
    ],
)
def test_what_cannot_be_written_is_known_before_the_work(films, tracks, output, message):
    with pytest.raises(ValueError, match=message):
        check_film_output(films[".mkv"], output, tracks)


def test_the_original_can_be_kept_beside_a_dubbed_clip_too(films, tmp_path):
    sound = np.zeros(probe_video(films[".mp4"]).num_samples, np.float32)
    output = mux_audio(films[".mp4"], sound, 16000, tmp_path / "out.mkv", keep_sound=True)
    assert [stream[2] for stream in shape(output) if stream[0] == "audio"] == ["eng", "fra", "spa"]
    output = mux_audio(films[".mp4"], sound, 16000, tmp_path / "without.mkv")
    assert [stream[2] for stream in shape(output) if stream[0] == "audio"] == ["eng", "spa"]


# the film's own sound ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize(("codec", "layout"), [("flac", "stereo"), ("aac", "stereo"), ("ac3", "5.1(side)")])
def test_the_sound_of_a_film_is_stored_as_it_is_decoded(tmp_path, suffix, codec, layout):
    channels = 6 if layout.startswith("5.1") else 2
    film = write_film_clip(tmp_path / f"a{suffix}", [(codec, layout, "fra", noise(SAMPLES / RATE, 0.1, channels))])
    clock = film_clock(film)
    assert clock.samples == pytest.approx(SAMPLES, abs=48 if suffix == ".mkv" else 1) and clock.start == 0
    assert sound_layout(film) == layout == output_layout(film, "film")
    stored = store_sound(film, tmp_path / "work" / "film.wav", clock, layout)
    assert (stored.channels, stored.samples) == (channels, clock.samples)
    expected = decoded(film).astype(np.float64)
    expected /= 1 if decoded(film).dtype == np.float32 else 2.0 ** (8 * decoded(film).itemsize - 1)
    length = min(clock.samples, expected.shape[1])
    np.testing.assert_array_equal(stored.read(0, length), expected[:, :length].astype(np.float32))
    again = store_sound(film, tmp_path / "work" / "film.wav", clock, layout)
    np.testing.assert_array_equal(again.read(0, length), stored.read(0, length))


def test_pictures_that_begin_late_have_their_sound_beside_them(tmp_path):
    sound = np.zeros((2, SAMPLES + RATE), np.float32)
    sound[:, 2 * RATE] = 0.9
    film = write_film_clip(tmp_path / "a.mkv", [("flac", "stereo", "fra", sound)], start=12)
    clock = film_clock(film)
    late = round(12 / FRAME_RATE * RATE)
    assert clock.offset == pytest.approx(12 / FRAME_RATE * 1_000_000, abs=1500)
    stored = store_sound(film, tmp_path / "film.wav", clock, "stereo").read(0, clock.samples)
    place = int(np.abs(stored[0]).argmax())
    assert place == pytest.approx(2 * RATE - late, abs=72)
    assert clock.sample(2_000_000) == pytest.approx(place, abs=72)
    output = write_film(film, Array(stored), tmp_path / "out.mkv", OutputTracks("flac"), "stereo")
    assert abs(int(np.abs(decoded(output)[0].astype(float)).argmax()) - place) <= 1


def test_gaps_and_other_rates_in_the_sound_keep_their_times(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=44100, layout="mono")
        for begin in (0, 2 * 44100):  # a second of silence is not in the file
            part = 0.3 * np.sin(np.arange(44100) / 8).astype(np.float32)
            frame = av.AudioFrame.from_ndarray((part[None] * 32767).astype(np.int16), "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 44100, begin, Fraction(1, 44100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    sound = np.concatenate(list(sound_blocks(path, Fraction(0), 4 * RATE, "mono")), axis=1)[0]
    assert len(sound) == 4 * RATE
    loud = np.abs(sound).reshape(-1, 480).max(axis=1) > 0.1
    assert loud[:99].all() and not loud[101:199].any() and loud[201:299].all() and not loud[301:].any()
    late = np.concatenate(list(sound_blocks(path, Fraction(1, 2), RATE, "mono")), axis=1)[0]
    np.testing.assert_allclose(late, sound[RATE // 2 : RATE // 2 + RATE], atol=1e-6)


def test_a_film_without_sound_is_told(tmp_path):
    film = write_clip(tmp_path / "a.mp4", noise_frames(5))
    assert sound_layout(film) is None and output_layout(film, "film") == "stereo"
    with pytest.raises(ValueError, match="no sound that can be read"):
        store_sound(film, tmp_path / "b.wav", film_clock(film), "mono")
    assert not (tmp_path / "b.wav").exists()


def test_times_become_samples_by_whole_numbers():
    assert samples_of(0) == 0 and samples_of(1_000_000) == RATE
    hours = 10 * 3600 * 1_000_000 + 21
    assert samples_of(hours) == 10 * 3600 * RATE + 1
    assert [samples_of(time) for time in (10, 11, -10, -11)] == [0, 1, 0, -1]
