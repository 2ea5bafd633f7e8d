"""Listings: what a line says becomes a job, and what is wrong with it is told by line and field."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest

from flowdubber_hf.batch.listing import read_jobs
from flowdubber_hf.dubbing.jobs import MAX_SHOWN, BadJobs, DubJob
from support.batch_listings import line, write_listing


OUT = Path("dubs")


def only(jobs):
    (item,) = jobs
    return item.job


def problems(listing, given=()):
    with pytest.raises(BadJobs) as caught:
        read_jobs(listing, OUT, dict(given))
    return [(problem.line, problem.field, problem.message) for problem in caught.value.problems]


def test_a_line_is_a_job(tmp_path):
    row = line("scenes/one", output="a/first.wav", reference_text="hello", mouth_box=[1, 2, 30, 40.5])
    row |= {"steps": 4, "guidance_scale": 2, "temperature": 0.5, "seed": 7, "best_of": 3}
    job = only(read_jobs(write_listing(tmp_path, row), OUT, {"steps": 20}))
    assert job == DubJob(
        video=tmp_path / "scenes/one.mp4",
        script=row["script"],
        reference=tmp_path / "voice.wav",
        output=OUT / "a/first.wav",
        reference_text="hello",
        mouth_box=(1.0, 2.0, 30.0, 40.5),
        steps=4,
        guidance_scale=2.0,
        temperature=0.5,
        seed=7,
        best_of=3,
    )


def test_what_a_line_does_not_say_is_given_or_default(tmp_path):
    listing = write_listing(
        tmp_path, line("one", reference=None, temperature=None), "", '{"video": "/x/two.mov", "seed": null}'
    )
    given = {"reference": Path("here.wav"), "script": "hello", "steps": 20, "seed": 3}
    one, two = (item.job for item in read_jobs(listing, OUT, given, suffix=".mkv"))
    assert (one.reference, one.steps, one.seed, one.temperature) == (Path("here.wav"), 20, 3, None)
    assert (one.script, two.script) == (line("one")["script"], "hello")
    assert (one.output, two.output) == (OUT / "one.mkv", OUT / "two.mkv")
    assert (two.video, two.seed) == (Path("/x/two.mov"), 3)


def test_csv(tmp_path):
    header = "video,script,reference,seed,mouth_box,temperature"
    rows = ['one.mp4,"hello, you",voice.wav,7,"1,2,30,40",0.5', "two.mp4,hello,voice.wav,,,"]
    one, two = (item.job for item in read_jobs(write_listing(tmp_path, header, *rows, name="jobs.csv"), OUT, {}))
    assert (one.script, one.seed, one.mouth_box, one.temperature) == ("hello, you", 7, (1, 2, 30, 40), 0.5)
    assert (two.seed, two.mouth_box, two.temperature) == (0, None, None)
    assert problems(write_listing(tmp_path, header, "one.mp4,hi,voice.wav,many,,", "a,b,c,1,,,,", name="bad.csv")) == [
        (2, "seed", "must be a whole number, got 'many'."),
        (3, None, "the row has more cells than the header."),
    ]


def test_every_mistake_is_told(tmp_path):
    listing = write_listing(
        tmp_path,
        line("one"),
        "{broken",
        '["a list"]',
        line("two", guidance_scal=2, sede=1),
        {"video": "three.mp4", "script": ""},
        {
            "video": "",
            "script": 5,
            "steps": 2.5,
            "seed": True,
            "temperature": "hot",
            "mouth_box": [1, 2, 3],
            "reference": "v.wav",
        },
        line("five", output="../five.mp4"),
        line("six", output="six.ogg"),
        line("seven", output="one.mp4"),
        line("other/one"),
    )
    found = problems(listing)
    assert [(number, field) for number, field, _ in found] == [
        (2, None),
        (3, None),
        (4, "guidance_scal"),
        (4, "sede"),
        (5, "reference"),
        *[(6, field) for field in ("video", "script", "mouth_box", "steps", "temperature", "seed")],
        (7, "output"),
        (8, "output"),
        (9, "output"),
        (10, "output"),
    ]
    messages = [message for _, _, message in found]
    assert "not valid JSON" in messages[0]
    assert "no JSON object" in messages[1]
    assert "did you mean guidance_scale?" in messages[2]
    assert "did you mean seed?" in messages[3]
    assert "inside of --output" in messages[11]
    assert ".wav, .mp4" in messages[12]
    assert "line 1 already" in messages[13]
    assert "line 1 already" in messages[14]


def test_the_message_shows_the_first_problems(tmp_path):
    listing = write_listing(tmp_path, *["{"] * (MAX_SHOWN + 5))
    with pytest.raises(BadJobs) as caught:
        read_jobs(listing, OUT, {})
    lines = str(caught.value).splitlines()
    assert len(lines) == MAX_SHOWN + 1
    assert lines[0].startswith(f"{listing} line 1: the line is not valid JSON")
    assert lines[-1] == "... and 5 more problems."
    assert len(caught.value.problems) == MAX_SHOWN + 5


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "lists no clip"), (b"\xff\xfe", "no text in UTF-8"), (None, "cannot be read")]
)
def test_files_that_are_no_listing(tmp_path, content, words):
    listing = tmp_path / "jobs.jsonl"
    if content is not None:
        listing.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_jobs(listing, OUT, {})
