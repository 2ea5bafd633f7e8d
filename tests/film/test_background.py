"""What is heard beside the dub: bit for bit the film's outside of speech, nothing of the actor inside."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from flowdubber_hf.film.background import (
    FADE,
    FilmBackground,
    OwnBackground,
    check_own_background,
    exact,
    fade_weights,
    joined,
    open_own_background,
    parse_background,
    seconds_without_bed,
    silent_background,
)
from flowdubber_hf.film.separation import SeparationFailed, parse_separator, separate, speech_regions
from flowdubber_hf.film.sound import FilmClock, Silence
from flowdubber_hf.processing.long_wav import write_long_wav
from support.film_sounds import RATE, Array, noise


SPANS = [(RATE, 2 * RATE), (3 * RATE, 4 * RATE)]


def outside(samples: int, spans=SPANS) -> np.ndarray:
    """Which samples are farther from speech than a cross-fade."""
    far = np.ones(samples, bool)
    for start, stop in spans:
        far[max(0, start - FADE) : stop + FADE] = False
    return far


def test_gaps_are_the_film_bit_for_bit_and_nothing_of_it_is_inside():
    film = noise(6, 0.1, 2)
    sound = FilmBackground(Array(film), SPANS).read(0, 6 * RATE)
    far = outside(6 * RATE)
    np.testing.assert_array_equal(sound[:, far], film[:, far])
    for start, stop in SPANS:
        assert not sound[:, start:stop].any()
        rising = np.abs(sound[:, stop : stop + FADE]).reshape(2, 6, -1).max(axis=(0, 2))
        assert rising[0] < 0.1 * rising[-1]


@pytest.mark.parametrize("inside", [0.0, 10 ** (-18 / 20)])
def test_any_place_can_be_read(inside):
    film = noise(6, 0.1)
    background = FilmBackground(Array(film), SPANS, inside)
    whole = background.read(0, 6 * RATE)
    for start, stop in ((0, 10), (RATE - FADE - 5, RATE - 5), (RATE + 7, RATE + 9), (2 * RATE - 1, 3 * RATE + 1)):
        np.testing.assert_array_equal(background.read(start, stop), whole[:, start:stop])
    level = np.sqrt(np.mean(whole[:, RATE : 2 * RATE] ** 2) / np.mean(film[:, RATE : 2 * RATE] ** 2))
    assert level == pytest.approx(inside, abs=1e-3)


def test_weights_rise_and_fall_evenly():
    weights = fade_weights(0, 4 * RATE, [(RATE, 2 * RATE)])
    assert (np.diff(weights[: RATE + 1]) <= 0).all() and (np.diff(weights[2 * RATE :]) >= 0).all()
    assert weights[RATE - FADE - 1] == weights[2 * RATE + FADE] == 1
    assert weights[RATE - FADE] < 1 and weights[RATE - 1] > 0 == weights[RATE] == weights[2 * RATE - 1]


def test_speech_that_is_close_together_is_one_stretch():
    spans = [(500, 1000), (-50, 100), (1000 + FADE, 20000), (50000, 60000), (58000, 70000), (30, 30)]
    assert joined(spans, 65000) == [(0, 20000), (50000, 65000)]
    assert seconds_without_bed([(0, RATE), (2 * RATE, 3 * RATE)]) == 2


def test_exact_numbers_add_up_in_any_order():
    sounds = [exact(noise(1, 0.2, seed=seed)) for seed in range(5)]
    forth, back = np.zeros_like(sounds[0]), np.zeros_like(sounds[0])
    for one, other in zip(sounds, sounds[::-1], strict=True):
        forth, back = forth + one, back + other
    np.testing.assert_array_equal(forth, back)
    np.testing.assert_array_equal(forth, sum(sound.astype(np.float64) for sound in sounds).astype(np.float32))
    assert np.abs(sounds[0] - noise(1, 0.2)).max() < 2**-22


def test_an_own_track_is_heard_as_it_is(tmp_path):
    bed = noise(6, 0.1, 2)
    sound = OwnBackground(Array(bed), SPANS).read(0, 6 * RATE)
    far = outside(6 * RATE)
    np.testing.assert_array_equal(sound[:, far], bed[:, far])
    np.testing.assert_array_equal(sound[:, RATE : 2 * RATE], exact(bed[:, RATE : 2 * RATE]))
    clock = FilmClock(Fraction(3), 0, 6 * RATE, 40000)
    track = write_long_wav(tmp_path / "bed.wav", [bed], 6 * RATE, "stereo")
    check_own_background(track, clock)
    opened = open_own_background(track, tmp_path / "work" / "bed.wav", clock, "stereo", SPANS)
    np.testing.assert_array_equal(opened.read(0, 6 * RATE), sound)


@pytest.mark.parametrize(("frames", "fits"), [(0, True), (-1, True), (1, True), (-2, False), (50, False)])
def test_an_own_track_must_be_as_long_as_the_film_to_a_picture(tmp_path, frames, fits):
    samples = 2 * RATE + frames * RATE // 25
    track = write_long_wav(tmp_path / "bed.wav", [noise(samples / RATE, 0.1)], samples)
    clock = FilmClock(Fraction(0), 0, 2 * RATE, 40000)
    if fits:
        check_own_background(track, clock)
    else:
        with pytest.raises(ValueError, match=r"background: .*bed.wav lasts .* s and the film 2.000 s"):
            check_own_background(track, clock)


def test_other_files_are_refused(tmp_path):
    clock = FilmClock(Fraction(0), 0, 2 * RATE, 40000)
    (tmp_path / "bed.wav").write_bytes(b"no sound")
    with pytest.raises(ValueError, match=r"bed\.wav cannot be read"):
        check_own_background(tmp_path / "bed.wav", clock)
    with pytest.raises(ValueError, match="there is no file"):
        check_own_background(tmp_path / "none.wav", clock)


def test_a_silent_track_is_noticed():
    assert silent_background(Silence(2, 25 * RATE))
    assert silent_background(Array(noise(1, 1e-5)))
    sound = np.zeros((1, 25 * RATE), np.float32)
    sound[0, 21 * RATE] = 0.1
    assert not silent_background(Array(sound))


@pytest.mark.parametrize(
    ("text", "kind", "level", "file"),
    [
        ("gaps", "gaps", -18, None),
        ("duck", "duck", -18, None),
        ("duck=-12.5", "duck", -12.5, None),
        ("none", "none", -18, None),
        ("separate", "separate", -18, None),
        ("a=b.wav", "file", -18, Path("a=b.wav")),
    ],
)
def test_choices(text, kind, level, file):
    choice = parse_background(text)
    assert (choice.kind, choice.duck_db, choice.file) == (kind, level, file)


@pytest.mark.parametrize("text", ["duck=loud", "duck=3", "duck=-90", "duck=nan"])
def test_levels_out_of_range_are_refused(text):
    with pytest.raises(ValueError, match="background: duck=LEVEL takes decibels"):
        parse_background(text)


# separation -------------------------------------------------------------------------------------------------------------

HALVE = """
import sys, pathlib
from flowdubber_hf.processing.long_wav import LongWav, write_long_wav
given = LongWav(sys.argv[1])
pathlib.Path(__file__).with_suffix(".count").open("a").write("x")
write_long_wav(sys.argv[2], [0.5 * given.read(0, given.samples)], given.samples, "stereo")
"""


def separator(folder: Path, program: str = HALVE) -> list[str]:
    script = folder / "it's a separator; touch hacked.py"
    script.write_text(program)
    return [sys.executable, str(script), "{input}", "{output}"]


def test_a_separator_is_asked_once_for_each_stretch_of_speech(tmp_path):
    film = Array(noise(8, 0.1, 2))
    spans = [(2 * RATE, 3 * RATE), (int(3.5 * RATE), 4 * RATE)]
    regions = speech_regions(spans, film.samples)
    assert regions == [(int(1.5 * RATE), int(4.5 * RATE))]
    command, told = separator(tmp_path), []
    background = separate(film, "stereo", regions, command, tmp_path / "kept", lambda *done: told.append(done))
    sound = background.read(0, film.samples)
    far = np.ones(film.samples, bool)
    far[regions[0][0] : regions[0][1]] = False
    np.testing.assert_array_equal(sound[:, far], film.sound[:, far])
    for start, stop in spans:
        np.testing.assert_array_equal(sound[:, start:stop], exact(0.5 * film.sound[:, start:stop]))
    np.testing.assert_array_equal(background.read(70000, 90000), sound[:, 70000:90000])
    assert told == [(1, 1)]
    count = Path(command[1]).with_suffix(".count")
    separate(film, "stereo", [*regions, (5 * RATE, 6 * RATE)], command, tmp_path / "kept")
    assert count.read_text() == "xx" and not list((tmp_path / "kept").glob(".sep*"))
    assert not list(tmp_path.rglob("hacked.py"))
    assert not list(Path.cwd().glob("hacked.py"))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("raise SystemExit('out of memory')", "failed with code 1: out of memory"),
        ("pass", r"wrote no file to \{output\}"),
        ("import sys; open(sys.argv[2], 'w').write('text')", "cannot be read as a video|cannot be read as sound"),
        (
            HALVE.replace('given.samples, "stereo"', 'given.samples - 9600, "stereo"').replace(
                "given.read(0, given.samples)", "given.read(0, given.samples - 9600)"
            ),
            "wrote 1.800 s of sound in place of 2.000 s",
        ),
    ],
)
def test_a_separator_that_fails_is_told_with_its_last_line(tmp_path, program, message):
    film = Array(noise(4, 0.1, 2))
    with pytest.raises(SeparationFailed, match=rf"separator, at 1.0 s of the film: .*({message})"):
        separate(film, "stereo", [(RATE, 3 * RATE)], separator(tmp_path, program), tmp_path / "kept")
    assert not list((tmp_path / "kept").iterdir())


def test_a_separator_that_takes_too_long(tmp_path):
    film = Array(noise(2, 0.1, 2))
    command = separator(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(SeparationFailed, match=r"took longer than 0\.5 s"):
        separate(film, "stereo", [(0, RATE)], command, tmp_path / "kept", timeout=0.5)


def test_commands_of_separators():
    python = sys.executable
    assert parse_separator(f"{python} -m 'my tool' -i {{input}} -o{{output}}") == [
        python,
        "-m",
        "my tool",
        "-i",
        "{input}",
        "-o{output}",
    ]
    for command, message in (
        (f"{python} 'x {{input}} {{output}}", "cannot be split"),
        (f"{python} {{input}}", r"must have \{output\}"),
        ("", r"must have \{input\}"),
        ("no-such-separator {input} {output}", "there is no program 'no-such-separator'"),
    ):
        with pytest.raises(ValueError, match=f"separator: .*{message}"):
            parse_separator(command)
