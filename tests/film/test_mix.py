"""Takes in their places, stems that add up to the mix bit for bit, loudness and leakage of what comes out."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math

import av
import numpy as np
import pytest

from flowdubber_hf.film.background import FilmBackground, OwnBackground, SeparatedBackground, joined
from flowdubber_hf.film.leakage import find_leaks, leakage
from flowdubber_hf.film.levels import momentary_loudness, programme_loudness, true_peak
from flowdubber_hf.film.mix import Finish, Finished, Mix, blocks_of, finish_mix, sound_track, write_stems
from flowdubber_hf.film.sound import Silence
from flowdubber_hf.film.stems import EDGE_FADE, Line, pan_weights, placed_sound, stems_of
from flowdubber_hf.processing.encoding import to_sound_rate
from flowdubber_hf.processing.long_wav import LongWav, channel_names
from flowdubber_hf.processing.wav import write_wav
from support.film_sounds import RATE, Array, noise, tone, voice


pytestmark = pytest.mark.slow


SAMPLES = 24 * RATE + 1234  # no whole number of blocks


def lines() -> list[Line]:
    """Three takes of two speakers, of which two overlap and one crosses from block to block."""
    return [
        Line(voice(2, 120, 0), 1_000_000, "Anna"),
        Line(voice(3, 180, 1), 2_000_013, "ben", 4.5, -0.5),
        Line(voice(4, 130, 2), 8_123_457, "Anna", -3.0),
    ]


def spans() -> list[tuple[int, int]]:
    return joined([(RATE, 5 * RATE + 10), (8 * RATE, 13 * RATE)], SAMPLES)


# stems ------------------------------------------------------------------------------------------------------------------


def test_a_take_stands_at_its_sample_with_faded_edges(tmp_path):
    sound = np.full(16000, 0.25, np.float32)
    line = Line(write_wav(tmp_path / "take.wav", sound), 1_234_567, "a", 6.0)
    stem = stems_of([line], "mono", 4 * RATE)["a"]
    out = stem.read(0, 4 * RATE)[0]
    place = round(1_234_567 * 48000 / 1e6)
    heard = np.flatnonzero(out)
    assert abs(heard[0] - place) <= 1 and heard[-1] < place + RATE
    middle = out[place + 4800 : place + RATE - 4800]
    np.testing.assert_allclose(middle, 0.25 * 10 ** (6 / 20), rtol=1e-3)
    assert out[place + EDGE_FADE // 2] == pytest.approx(middle[0] / 2, rel=0.1)
    assert (
        np.abs(out[place : place + 10]).max() < 0.05 * middle[0] > np.abs(out[place + RATE - 10 : place + RATE]).max()
    )


def test_takes_are_brought_to_48_khz_once_with_every_sample_in_place():
    time = np.arange(16000) / 16000
    take = (0.3 * np.sin(2 * np.pi * 437 * time)).astype(np.float32)
    out = stems_of([Line(take, 500_000, "a")], "mono", 2 * RATE)["a"].read(0, 2 * RATE)[0]
    expected = 0.3 * np.sin(2 * np.pi * 437 * np.arange(RATE) / RATE)
    inner = slice(RATE // 2 + 1000, RATE // 2 + RATE - 1000)
    np.testing.assert_allclose(out[inner], expected[1000 : RATE - 1000], atol=2e-3)


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1(side)"])
def test_blocks_of_a_stem_are_the_whole_and_have_the_length_of_the_film(layout):
    stem = stems_of(lines(), layout, SAMPLES)["Anna"]
    whole = stem.read(0, SAMPLES)
    assert whole.shape == (len(channel_names(layout)), SAMPLES)
    np.testing.assert_array_equal(np.concatenate(list(blocks_of(stem)), axis=1), whole)
    np.testing.assert_array_equal(stem.read(9 * RATE, 9 * RATE + 5), whole[:, 9 * RATE : 9 * RATE + 5])
    assert len(stem._held) <= 1


def test_what_reaches_beyond_the_film_is_cut():
    stem = stems_of([Line(voice(2, 100), 1_000_000, "a")], "mono", 2 * RATE)["a"]
    assert stem.read(0, 2 * RATE).shape == (1, 2 * RATE) and stem.read(RATE, 2 * RATE).any()
    assert not stem.read(2 * RATE, 2 * RATE + 10).any()


def test_voices_are_as_loud_wherever_they_stand():
    for layout in ("mono", "stereo", "5.1", "5.1(side)", "7.1", "quad", "2.1"):
        for pan in (-1, -0.5, 0, 0.3, 1):
            weights = pan_weights(layout, pan)
            assert np.sum(weights.astype(float) ** 2) == pytest.approx(1)
            assert all(
                weight == 0 for name, weight in zip(channel_names(layout), weights, strict=True) if name == "LFE"
            )
    assert pan_weights("5.1").argmax() == 2
    np.testing.assert_allclose(pan_weights("stereo", -1), [1, 0], atol=1e-7)
    loudness = [
        programme_loudness(momentary_loudness([placed_sound(Line(voice(3, 120), 0, "a"), layout)], layout))
        for layout in ("mono", "stereo", "5.1")
    ]
    assert loudness == pytest.approx([loudness[0]] * 3, abs=0.01)
    with pytest.raises(ValueError, match="pan lies between -1"):
        pan_weights("stereo", 2)
    with pytest.raises(ValueError, match="a gain lies between"):
        placed_sound(Line(voice(1, 100), 0, "a", math.nan), "mono")


# the mix ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1"])
def test_stems_add_up_to_the_mix_bit_for_bit_in_any_order(tmp_path, layout):
    channels = len(channel_names(layout))
    film = Array(noise(SAMPLES / RATE, 0.1, channels))
    background = FilmBackground(film, spans(), 0.1)
    files = write_stems(tmp_path / "stems", stems_of(lines(), layout, SAMPLES), background, layout, "synthetic")
    assert sorted(files) == ["anna", "background", "ben", "mix"]
    sounds = {}
    for name, path in files.items():
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            assert stream.rate == RATE and stream.channels == channels and container.metadata["comment"] == "synthetic"
            data = np.concatenate([frame.to_ndarray() for frame in container.decode(stream)], axis=1)
        sounds[name] = data.reshape(-1, channels).T
        assert sounds[name].shape == (channels, SAMPLES)
    total = sounds["background"] + sounds["anna"] + sounds["ben"]
    np.testing.assert_array_equal(total, sounds["mix"])
    np.testing.assert_array_equal(sounds["ben"] + sounds["anna"] + sounds["background"], sounds["mix"])
    far = np.ones(SAMPLES, bool)
    for start, stop in spans():
        far[start - 2880 : stop + 2880] = False
    np.testing.assert_array_equal(sounds["mix"][:, far], film.sound[:, far])


def test_stems_that_would_be_one_file_are_refused(tmp_path):
    stems = stems_of([Line(voice(1, 100), 0, "Anna"), Line(voice(1, 100), 0, "anna")], "mono", RATE)
    with pytest.raises(ValueError, match="the same file name twice"):
        write_stems(tmp_path, stems, Silence(1, RATE), "mono")
    with pytest.raises(ValueError, match="same length and channels"):
        Mix({"a": Silence(1, RATE), "b": Silence(1, RATE + 1)})


def test_a_mix_that_is_quiet_enough_passes_bit_for_bit():
    mix = Mix({"": Array(noise(25, 0.05, 2))})
    finished, levels = finish_mix(mix, "stereo", "none")
    np.testing.assert_array_equal(finished.read(0, mix.samples), mix.read(0, mix.samples))
    assert levels.finish.gain_db == 0 and levels.output == pytest.approx(levels.mix, abs=0.01)


@pytest.mark.parametrize(("choice", "expected"), [("ebu", -23.0), (-16.0, -16.0), ("film", -26.5)])
@pytest.mark.parametrize("codec", ["aac", "flac"])
def test_the_programme_has_the_loudness_that_was_asked_for(tmp_path, choice, expected, codec):
    mix = Mix(
        {**stems_of(lines(), "stereo", SAMPLES), "": FilmBackground(Array(noise(SAMPLES / RATE, 0.03, 2)), spans())}
    )
    finished, levels = finish_mix(mix, "stereo", choice, film=-26.5, codec=codec, folder=tmp_path)
    out = list(blocks_of(finished))
    assert sum(block.shape[1] for block in out) == SAMPLES
    assert programme_loudness(momentary_loudness(out, "stereo")) == pytest.approx(expected, abs=0.1)
    assert levels.output == pytest.approx(expected, abs=0.1)
    peak = true_peak(out, "stereo")
    assert peak <= (-1 if codec == "flac" else -2) and levels.true_peak == pytest.approx(peak, abs=0.05)
    _, same = finish_mix(mix, "stereo", choice, film=-26.5, codec=codec, folder=tmp_path)
    assert same.finish == levels.finish


def test_loud_films_are_limited_and_keep_their_loudness():
    sound = noise(12, 0.12) + 0.9 * (noise(12, 1, seed=1) > 4.2)
    mix = Mix({"": Array(sound.astype(np.float32))})
    _, levels = finish_mix(mix, "mono", "ebu")
    assert levels.output == pytest.approx(-23, abs=0.2) and levels.true_peak <= -2
    louder, levels = finish_mix(mix, "mono", -14.0, codec="flac")
    assert levels.output == pytest.approx(-14, abs=0.3) and levels.true_peak <= -1
    assert np.abs(louder.read(0, mix.samples)).max() < 0.9


def test_any_place_of_a_finished_mix_can_be_read():
    mix = Mix({"": Array(noise(12, 0.4))})
    finished = Finished(mix, Finish(3.0))
    whole = finished.read(0, mix.samples)
    assert whole.shape == (1, mix.samples) and not np.array_equal(
        whole, mix.read(0, mix.samples) * np.float32(10**0.15)
    )
    np.testing.assert_allclose(finished.read(5 * RATE, 6 * RATE), whole[:, 5 * RATE : 6 * RATE], atol=2e-7)
    np.testing.assert_allclose(finished.read(11 * RATE, 12 * RATE), whole[:, 11 * RATE :], atol=2e-7)
    track = sound_track(finished, "flac", "mono", "deu", "Dub")
    assert sum(block.shape[1] for block in track.blocks()) == track.samples == mix.samples
    assert (track.language, track.title, track.codec) == ("deu", "Dub", "flac")


# leakage ----------------------------------------------------------------------------------------------------------------


def actor() -> np.ndarray:
    """The film's own voice: of the same words, at the same times, as the dub."""
    return to_sound_rate(voice(4, 125, 0), 16000)[None]


def dub() -> np.ndarray:
    return to_sound_rate(voice(4, 122, 0), 16000)[None] * np.float32(1.3)


@pytest.mark.parametrize("level", [-10.0, -20.0, -35.0, -45.0])
@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_a_known_trace_of_the_actor_is_measured(level, gain):
    trace = 10 ** (level / 20) / gain
    mix = gain * (dub() + trace * actor())
    assert leakage(actor(), mix, dub()) == pytest.approx(level, abs=0.1)


def test_no_trace_is_none_however_alike_the_voices_are():
    assert leakage(actor(), dub(), dub()) is None or leakage(actor(), dub(), dub()) < -100
    assert leakage(np.zeros_like(actor()), dub(), dub()) is None
    assert leakage(actor(), np.zeros_like(actor()), np.zeros_like(actor())) is None


def test_music_beside_the_actor_is_no_trace_of_the_actor():
    music = tone(4, 333, 0.1) + noise(4, 0.02)
    film = actor() + music
    assert leakage(film, dub() + music, dub(), music) < -45
    for part in (0.3, 0.03):
        bed = music + part * actor()
        assert leakage(film, dub() + bed, dub(), bed) == pytest.approx(20 * math.log10(part / (1 - part)), abs=0.5)
    assert leakage(film, dub() + film, dub(), film) == 0  # a track that is the film's own sound


def test_leaks_of_a_whole_film_are_found():
    film = Array(np.concatenate([actor(), noise(1, 0.01), actor()], axis=1))
    windows = [(0, 4 * RATE), (5 * RATE, 9 * RATE)]
    voices = Array(np.concatenate([dub(), np.zeros((1, RATE), np.float32), dub()], axis=1))
    clean = FilmBackground(film, windows)
    assert not any(leak.heard for leak in find_leaks(film, Mix({"a": voices, "": clean}), voices, windows))
    ducked = FilmBackground(film, windows, 10 ** (-18 / 20))
    leaks = find_leaks(film, Mix({"a": voices, "": ducked}), voices, windows)
    assert all(leak.heard and leak.level == pytest.approx(-18, abs=0.2) for leak in leaks)
    own = OwnBackground(Array(noise(9, 0.01)), windows)
    leaks = find_leaks(film, Mix({"a": voices, "": own}), voices, windows, own)
    assert not any(leak.heard for leak in leaks)
    rest = SeparatedBackground(film, [(0, Array(film.sound[:, : 5 * RATE] * 0.05))])
    leaks = find_leaks(film, Mix({"a": voices, "": rest}), voices, windows[:1], rest)
    assert leaks[0].heard and leaks[0].level == pytest.approx(20 * math.log10(0.05 / 0.95), abs=0.2)


def test_a_long_wav_is_read_where_it_is_asked_for(tmp_path):
    mix = Mix({"": Array(noise(2, 0.1, 2))})
    path = write_stems(tmp_path, {}, mix, "stereo")["background"]
    sound = LongWav(path)
    np.testing.assert_array_equal(sound.read(-10, 20)[:, 10:], mix.read(0, 20))
    assert not sound.read(2 * RATE - 5, 2 * RATE + 5)[:, 5:].any()
