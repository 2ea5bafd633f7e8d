"""What is drawn below a dub: well-formed, at the right places, and safe."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import base64
import re
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from flowdubber_hf.demo import demo_speech
from flowdubber_hf.page.figures import draw_seconds, draw_timeline, draw_warnings


pytestmark = pytest.mark.slow


WORDS = [("place", 0.5, 1.0), ("<b>blue", 1.0, 1.5), ("at", 2.0, 2.05)]


def page(html):
    """The parsed markup; raises where it is not well formed."""
    return ElementTree.fromstring(f"<div>{html}</div>")


def mouths(frames=75):
    dark = np.full((frames, 96, 96), 200, np.uint8)
    dark[20:50, 45:60, 35:60] = 10  # open
    return dark


@pytest.fixture(scope="module")
def timeline():
    return page(draw_timeline(demo_speech(), None, WORDS, mouths(), 3.0))


def test_words_stand_where_they_are_said(timeline):
    buttons = timeline.findall(".//button")
    assert [button.text for button in buttons] == [word for word, _, _ in WORDS]  # markup in a word is no markup
    assert [float(button.get("data-start")) for button in buttons] == [0.5, 1.0, 2.0]
    assert buttons[1].get("style") == "left:33.33%;width:16.67%"
    assert buttons[2].get("aria-label") == "at, 2.00 to 2.05 seconds"


def test_most_words_fit_into_their_boxes(timeline):
    width = int(re.search(r"min-width:(\d+)px", timeline.find(".//*[@class='track']").get("style"))[1])
    assert width <= 3 * 160  # one short word does not make a long strip
    shares = [float(re.search(r"width:([\d.]+)%", button.get("style"))[1]) for button in timeline.findall(".//button")]
    fits = [share * width / 100 > 7 * len(word) for share, (word, _, _) in zip(shares, WORDS, strict=True)]
    assert fits == [True, True, False]


def test_the_wave_is_loud_where_the_sound_is(timeline):
    (polygon,) = timeline.findall(".//polygon")
    points = np.array([[float(value) for value in pair.split(",")] for pair in polygon.get("points").split()])
    upper = points[: len(points) // 2]
    height = 50 - upper[:, 1]
    assert height.max() == pytest.approx(48, abs=0.1)
    assert height[upper[:, 0] < 10].max() < 5  # silence before the first word


def test_the_mouth_is_open_where_it_is_dark(timeline):
    (line,) = timeline.findall(".//polyline")
    points = np.array([[float(value) for value in pair.split(",")] for pair in line.get("points").split()])
    assert len(points) == 75
    is_open = points[:, 1] < 50
    assert np.flatnonzero(is_open).tolist() == list(range(20, 50))


def picture(image):
    data = base64.b64decode(image.get("src").split(",")[1])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_mels_before_and_after(timeline):
    assert [image.get("alt") for image in timeline.findall(".//img")] == ["Mel spectrogram of the dub"]
    assert "no sound of its own" in "".join(timeline.itertext())
    both = page(draw_timeline(demo_speech(), demo_speech()[:24000], WORDS, mouths(), 3.0)).findall(".//img")
    after, before = map(picture, both)
    assert after.shape == before.shape == (80, 300, 3)  # low tones at the bottom, 100 columns a second
    assert after[40:].mean() > after[:40].mean()
    assert before[:, 160:].max() < 20  # shorter sound: black to the end of the clip


def test_long_clips_have_whole_seconds():
    marks = page(draw_timeline(np.zeros(192000, np.float32), None, WORDS, mouths(300), 12.0)).findall(
        ".//*[@class='axis']/span"
    )
    assert [mark.text for mark in marks] == [f"{second} s" for second in range(12)]


def test_where_the_time_went():
    table = page(draw_seconds({"Reading the lips": 0.5, "Making <it>": 1.0}, 3.0))
    assert table.find(".//details").get("open") is None
    assert table.find(".//summary").text == "1.5 s of work for 3.0 s of clip"
    assert [row.text for row in table.findall(".//th")] == ["Reading the lips", "Making <it>"]
    assert [bar.get("style") for bar in table.findall(".//td/span")] == ["width:50.0%", "width:100.0%"]


def test_remarks():
    assert draw_warnings([], []) == ""
    takes = [{"kept": False}, {"kept": True}]
    lines = [line.text for line in page(draw_warnings(["2 < 3 faces"], takes)).findall(".//li")]
    assert lines[0] == "2 < 3 faces"
    assert lines[1].startswith("Take 2 of 2 was kept")
