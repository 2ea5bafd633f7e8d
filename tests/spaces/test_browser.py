"""The page as people use it, in a real browser without a network."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import os
import re
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from flowdubber_hf.processing.video import probe_video
from support.films import make_film
from support.video_files import head_frames, noise_frames, write_clip


pytestmark = pytest.mark.slow


playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
]
LONGEST_SECONDS = 600  # of one test
PATIENCE = 90_000  # ms; a busy machine is no failure
playwright.expect.set_options(timeout=PATIENCE)


@pytest.fixture
def browser(chromium: str, own_url: str, request: pytest.FixtureRequest) -> Iterator["playwright.Browser"]:
    """A browser for this test. Some waits of the library have no limit, so one that stops answering is ended from outside."""

    def end() -> None:
        request.node.hung = own_url
        for process in psutil.Process().children(recursive=True):
            if process.name().startswith(("chrom", "node")):
                process.kill()

    timer = threading.Timer(LONGEST_SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        with playwright.sync_playwright() as driver:
            running = driver.chromium.launch(executable_path=chromium, args=FLAGS, timeout=PATIENCE)
            yield running
            running.close()
    except Exception:
        if not hasattr(request.node, "hung"):
            raise
    finally:
        timer.cancel()


@pytest.fixture
def open_page(browser, own_url, request):
    """Opens the page at a size and in a colour scheme; afterwards no error may stand in the console, and no other host asked."""
    contexts, complaints = [], []

    def note(kind: str, text: str) -> None:
        complaints.append((kind, text))

    def open_at(width: int = 1280, height: int = 900, scheme: str = "light") -> "playwright.Page":
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: message.type == "error" and note("console", message.text))
        page.on("pageerror", lambda error: note("exception", str(error)))
        page.on("request", lambda request: is_foreign(request.url, own_url) and note("request", request.url))
        page.goto(own_url)
        page.get_by_role("button", name="Dub the clip").wait_for()
        return page

    yield open_at
    if not hasattr(request.node, "hung"):
        for context in contexts:
            context.close()
        assert complaints == []


def is_foreign(address: str, url: str) -> bool:
    return not address.startswith((url, "data:", "blob:"))


@pytest.fixture(scope="module")
def real_clip(media, repository) -> tuple[Path, str]:
    """A clip of a real speaker where there is one here, otherwise the drawn head, and what is said in it."""
    data = Path(os.environ.get("FLOWDUBBER_TEST_DATA", repository.parent / "shared" / "data"))
    grid = data / "grid" / "s1" / "bbaf2n.mp4"
    return (grid, "bin blue at f two now") if grid.is_file() else (media / "head.mp4", "place blue at f two now")


def upload(page, field: str, file: Path) -> None:
    page.locator(f"#{field} input[type=file]").set_input_files(str(file))


def press(page) -> None:
    page.get_by_role("button", name="Dub the clip").click()


def consent(page) -> None:
    page.get_by_label("have agreed to this dub").check()


def set_number(page, name: str, value: float) -> None:
    field = page.get_by_label(name, exact=True)
    if float(field.input_value()) == value:
        return
    # The page takes a number on a moment later, and keeps it then; a dub asked for before would have the old one. What is kept is
    # sealed, so the number itself cannot be looked for in it.
    page.wait_for_timeout(300)  # what was changed before is kept by then
    kept = page.evaluate("localStorage.getItem('flowdubber')")
    field.fill(str(value))
    field.press("Tab")
    page.wait_for_function("(old) => localStorage.getItem('flowdubber') !== old", arg=kept)


def open_settings(page, **values: float) -> None:
    page.get_by_role("button", name="Advanced").click()
    for name, value in values.items():
        set_number(page, "Seed" if name == "seed" else f"number input for {name.capitalize()}", value)


def shown(page) -> str:
    """Address of the clip that stands there as the dubbed one."""
    page.locator("#dubbed video").wait_for()
    return page.evaluate("document.querySelector('#dubbed video').src")


def result(page, other_than: str) -> str:
    """Address of the dubbed clip, as soon as there is another one that can be played."""
    page.wait_for_function(
        "(old) => { const video = document.querySelector('#dubbed video');"
        " return video && video.src && video.src !== old && video.readyState > 0 }",
        arg=other_than,
    )
    page.locator("#timeline .track").wait_for()
    return page.evaluate("document.querySelector('#dubbed video').src")


def fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=20) as answer:
        return answer.read()


def no_wider_than_the_screen(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_clip_is_dubbed_played_and_dubbed_again(open_page, media, real_clip):
    clip, script = real_clip
    page = open_page()
    upload(page, "clip", clip)
    page.locator("#clip video").wait_for()
    page.get_by_label("Script").fill(script)
    upload(page, "voice", media / "voice.wav")
    page.locator("#voice canvas, #voice .waveform-container").first.wait_for()
    consent(page)
    open_settings(page, steps=1)
    ready = shown(page)
    press(page)
    first = result(page, other_than=ready)
    assert page.locator(".problem [role=alert]").count() == 0

    duration = page.evaluate("document.querySelector('#dubbed video').duration")
    assert duration == pytest.approx(probe_video(clip).duration, abs=0.05)
    page.locator("#original video").wait_for()
    assert page.locator("#timeline button").all_inner_texts() == script.split()
    assert page.locator("#timeline img").count() == 2  # before and after: both clips have a sound of their own
    assert "of work for" in page.locator("#seconds summary").inner_text()
    assert not page.locator("#seconds table").is_visible()

    page.locator("#timeline button").nth(3).click()  # plays from the word
    page.wait_for_function("document.querySelector('#dubbed video').currentTime > 1.2")
    page.locator("#timeline .playhead").wait_for()
    page.evaluate("document.querySelector('#dubbed video').pause()")

    set_number(page, "Seed", 5)
    press(page)
    second = result(page, other_than=first)
    page.get_by_role("button", name="Another take").click()
    third = result(page, other_than=second)
    assert page.get_by_label("Seed", exact=True).input_value() == "6"
    assert len({fetch(address) for address in (first, second, third)}) == 3
    set_number(page, "Seed", 0)
    press(page)
    fourth = result(page, other_than=third)
    assert fetch(fourth) == fetch(first)
    # Takes of the visit, to go back to
    takes = page.locator("#takes label")
    assert takes.count() == 4 and takes.nth(1).inner_text().strip() == f"2: {script} (seed 5)"
    takes.nth(1).click()
    assert fetch(result(page, other_than=fourth)) == fetch(second)
    # What can be taken away
    for kind, ending in {"video": "mp4", "sound": "wav", "subtitles": "srt", "report": "json"}.items():
        with page.expect_download() as download:
            page.locator(f"#download-{kind}").click()
        assert download.value.suggested_filename == f"dubbed.{ending}"
        assert Path(download.value.path()).stat().st_size > 0


def test_wrong_input_is_told_beside_its_field(open_page, media, tmp_path):
    page = open_page()
    (tmp_path / "note.txt").write_text("hello")
    (tmp_path / "large.mp4").open("wb").truncate(60_000_000)
    problem = page.locator("#clip-problem [role=alert]")
    # Said before anything is sent
    upload(page, "clip", tmp_path / "note.txt")
    playwright.expect(problem).to_contain_text("This is not a video file")
    upload(page, "clip", tmp_path / "large.mp4")
    playwright.expect(problem).to_contain_text("more than 50 MB")
    upload(page, "voice", tmp_path / "note.txt")
    playwright.expect(page.locator("#voice-problem [role=alert]")).to_contain_text("This is not a sound file")
    # Said by the server: it has the name of a clip
    upload(page, "clip", media / "text.mp4")
    playwright.expect(problem).to_contain_text("cannot be read as a video")
    # Said when the button is pressed, to all fields at once
    press(page)
    expected = {
        "clip": "Upload a clip",
        "script": "Type the words",
        "voice": "Upload or record",
        "consent": "Tick this box",
    }
    for field, text in expected.items():
        playwright.expect(page.locator(f"#{field}-problem [role=alert]")).to_contain_text(text)
    # Gone as soon as the field is corrected
    page.get_by_label("Script").fill("now")
    playwright.expect(page.locator("#script-problem [role=alert]")).to_have_count(0)
    consent(page)
    playwright.expect(page.locator("#consent-problem [role=alert]")).to_have_count(0)
    assert page.locator(".problem [role=alert]").count() == 2
    # Found by the models
    upload(page, "clip", write_clip(tmp_path / "noise.mp4", noise_frames(40, 120, 160)))
    page.locator("#clip video").wait_for()
    playwright.expect(problem).to_have_count(0)
    page.get_by_label("Script").fill("<b>place</b> blue")
    upload(page, "voice", media / "voice.wav")
    page.locator("#voice canvas, #voice .waveform-container").first.wait_for()
    playwright.expect(page.locator("#voice-problem [role=alert]")).to_have_count(0)
    press(page)
    playwright.expect(problem).to_contain_text("No face was found")
    assert page.locator(".problem [role=alert]").count() == 1
    # Cleared by an example
    page.locator("#examples button").first.click()
    playwright.expect(page.locator(".problem [role=alert]")).to_have_count(0)


def test_an_example_by_keyboard_alone(open_page):
    page = open_page()
    reached = []

    def tab_to(text: str, whole: bool = False) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            name = page.evaluate(
                "(() => { const e = document.activeElement;"
                " return e.innerText || e.ariaLabel || e.labels?.[0]?.innerText || e.value || '' })()"
            )
            reached.append(name)
            if text == name.strip() or (text in name and not whole):
                return
        raise AssertionError(f"{text!r} is not reached by the Tab key: {reached}")

    tab_to("place blue at f two now")
    page.keyboard.press("Enter")
    page.locator("#clip video").wait_for()
    tab_to("Script")
    page.keyboard.press("Enter")  # asks for the dub, which consent is missing for
    playwright.expect(page.locator("#consent-problem [role=alert]")).to_contain_text("Tick this box")
    tab_to("have agreed")
    page.keyboard.press("Space")
    tab_to("Dub the clip")
    page.keyboard.press("Enter")
    page.locator("#takes label").wait_for()  # the clip that stood there is the same: made of the same example
    assert all(name.strip() for name in reached), reached
    tab_to("place", whole=True)  # the word, not the take that begins with it
    start = page.evaluate("Number(document.activeElement.dataset.start)")
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.querySelector('#dubbed video').currentTime >= {start}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(open_page, scheme):
    page = open_page(390, 844, scheme)
    assert no_wider_than_the_screen(page)
    page.locator("#examples button").nth(1).click()
    page.locator("#clip video").wait_for()
    open_settings(page, steps=1)
    consent(page)
    ready = shown(page)
    press(page)
    result(page, other_than=ready)
    assert no_wider_than_the_screen(page)
    # One below the other: fields, button, dub, original
    names = ["clip", "consent", "dub", "dubbed", "original"]
    boxes = page.evaluate(  # at one moment, since the page may be scrolling
        "(names) => names.map((name) => { const box = document.getElementById(name).getBoundingClientRect();"
        " return [box.left, box.right, box.top] })",
        names,
    )
    assert [top for _, _, top in boxes] == sorted(top for _, _, top in boxes)
    assert all(0 <= left < right <= 390 for left, right, _ in boxes)
    # The figures follow the scheme
    colours = page.evaluate(
        "(() => { const style = getComputedStyle(document.querySelector('.timeline'));"
        " return [style.color, style.backgroundColor] })()"
    )
    text, ground = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
    assert (text > ground + 300) if scheme == "dark" else (text + 300 < ground)


def test_the_clips_own_sound_takes_the_place_of_a_recording(open_page, media):
    page = open_page()
    upload(page, "clip", media / "mute.mp4")
    page.locator("#clip video").wait_for()
    page.get_by_label("Script").fill("place blue now")
    page.get_by_label("Take the clip's own sound").check()
    playwright.expect(page.locator("#voice")).to_be_hidden()
    consent(page)
    press(page)
    playwright.expect(page.locator("#voice-problem [role=alert]")).to_contain_text("no sound of its own")


def give(page, field: str, file: Path, name: str) -> None:
    """A file of a kind that the browser has no type for."""
    data = {"name": name, "mimeType": "", "buffer": file.read_bytes()}
    page.locator(f"#{field} input[type=file]").set_input_files([data])


def test_files_without_a_type_and_a_video_as_the_voice(open_page, media, tmp_path):
    page = open_page()
    clip = write_clip(tmp_path / "head.mkv", head_frames()[10:60])
    give(page, "clip", clip, "head.mkv")
    page.wait_for_function("document.querySelector('#clip video')?.src.endsWith('.mp4')")
    upload(page, "voice", media / "head.mp4")
    page.locator("#voice canvas, #voice .waveform-container").first.wait_for()
    page.get_by_label("Script").fill("place blorx now")
    consent(page)
    playwright.expect(page.locator("#script-note")).to_contain_text('pronunciation of "blorx" is guessed')
    open_settings(page, steps=1)
    ready = shown(page)
    press(page)
    result(page, other_than=ready)
    playwright.expect(page.locator("#remarks")).to_contain_text('pronunciation of "blorx" is guessed')


def test_words_are_moved_dubs_stopped_and_script_and_settings_kept(open_page):
    page = open_page()
    page.locator("#examples button").first.click()
    page.locator("#clip video").wait_for()
    consent(page)
    open_settings(page, steps=1)
    ready = shown(page)
    press(page)
    first = result(page, other_than=ready)
    page.get_by_role("button", name="Move words").click()
    set_cell(page, row=0, column=1, text="0.2")
    page.get_by_role("button", name="Redo with these times").click()
    second = result(page, other_than=first)
    assert page.locator("#timeline button").first.get_attribute("data-start") == "0.200"
    set_cell(page, row=0, column=2, text="0.21")
    page.get_by_role("button", name="Redo with these times").click()
    playwright.expect(page.locator("#moves-problem [role=alert]")).to_contain_text("at least 0.04 s")
    # Stopped: the last take stays
    set_number(page, "number input for Steps", 50)
    press(page)
    page.get_by_role("button", name="Stop", exact=True).click()
    playwright.expect(page.locator("#remarks")).to_contain_text("Stopped")
    playwright.expect(page.locator("#stop")).to_have_count(0)
    page.wait_for_function("(old) => document.querySelector('#dubbed video')?.src === old", arg=second)
    playwright.expect(page.locator("#takes label")).to_have_count(2)
    playwright.expect(page.locator("#dubbed")).not_to_contain_text("Error")
    # A seed nobody thought of
    before = page.get_by_label("Seed", exact=True).input_value()
    page.get_by_role("button", name="Random seed").click()
    page.wait_for_function(f"document.querySelector('#seed input').value !== '{before}'")
    seed = page.get_by_label("Seed", exact=True).input_value()
    page.get_by_label("Script").fill("set red now")
    page.get_by_label("Script").blur()
    page.wait_for_timeout(1000)  # the browser writes what it keeps a moment later
    page.reload()
    playwright.expect(page.get_by_label("Script")).to_have_value("set red now")
    page.get_by_role("button", name="Advanced").click()
    playwright.expect(page.get_by_label("Seed", exact=True)).to_have_value(seed)
    playwright.expect(page.get_by_label("number input for Steps")).to_have_value("50")
    assert not page.get_by_label("have agreed to this dub").is_checked() and page.locator("#clip video").count() == 0


def test_a_dub_that_waits_is_stopped_and_the_one_that_runs_is_not(open_page):
    first, second = open_page(), open_page()
    for page, settings in ((first, {"steps": 50, "takes": 4}), (second, {"steps": 1})):
        page.locator("#examples button").first.click()
        page.locator("#clip video").wait_for()
        consent(page)
        open_settings(page, **settings)
    ready = shown(first)
    press(first)
    first.get_by_role("button", name="Stop", exact=True).wait_for()
    press(second)
    second.get_by_role("button", name="Stop", exact=True).click()
    playwright.expect(second.locator("#remarks")).to_contain_text("Stopped")
    assert first.locator("#takes label").count() == 0  # it still runs, so the second one waited
    result(first, other_than=ready)
    second.wait_for_timeout(5000)  # long enough for a dub of one step
    assert second.locator("#takes label").count() == 0
    playwright.expect(second.locator("#remarks")).to_contain_text("Stopped")


def set_cell(page, row: int, column: int, text: str) -> None:
    page.locator(f"#moves [data-row='{row}'][data-col='{column}']").last.dblclick()
    page.wait_for_function("document.activeElement.matches('#moves input, #moves textarea')")
    page.wait_for_timeout(200)  # the cell puts its cursor behind what stands there
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_what_is_seen_first(open_page):
    page = open_page(1280, 900)
    # Fields and the button without scrolling, and a dub to look at
    for name in ("clip", "voice", "script", "consent", "dub", "dubbed"):
        box = page.locator(f"#{name}").bounding_box()
        assert box["y"] + box["height"] <= 900, name
    page.wait_for_function("document.querySelector('#dubbed video')?.readyState > 0")
    assert page.locator("#timeline button").all_inner_texts() == ["place", "blue", "at", "f", "two", "now"]
    playwright.expect(page.locator("#remarks")).to_contain_text("An example, made when this page started")
    # Names and sizes
    names = page.evaluate("[...document.querySelectorAll('video')].map((video) => video.ariaLabel)")
    assert sorted(names) == ["Dubbed clip", "Original clip"]
    sizes = page.evaluate(
        "[...document.querySelectorAll('button')].filter((one) => one.offsetParent).map((one) => {"
        " const box = one.getBoundingClientRect(); return [box.width, box.height, one.innerText || one.ariaLabel] })"
    )
    assert len(sizes) > 8 and [one for one in sizes if min(one[:2]) < 24] == []


def test_a_film_is_dubbed_and_one_of_its_cues_done_again(open_page, tmp_path):
    film = make_film(tmp_path)
    page = open_page()
    page.get_by_role("tab", name="Film").click()
    page.get_by_role("button", name="Dub the film").click()
    expected = {"film": "Upload a film", "cues": "Give a cue sheet", "film-consent": "Tick this box"}
    for field, text in expected.items():
        playwright.expect(page.locator(f"#{field}-problem [role=alert]")).to_contain_text(text)
    upload(page, "film", film)
    playwright.expect(page.locator("#film-note")).to_contain_text("15.0 s, 360 × 288, with sound")
    upload(page, "sheet", tmp_path / "film.srt")
    playwright.expect(page.locator("#cues-note")).to_contain_text("4 of 5 cues are spoken")
    upload(page, "film-voice-0", tmp_path / "anna.wav")
    page.locator("#film-voice-0 canvas, #film-voice-0 .waveform-container").first.wait_for()
    page.get_by_label("Or seconds of the film").nth(1).fill("3.0-5.5")
    page.get_by_label("Everybody who is seen").check()
    page.locator("#film-advanced button").first.click()
    page.get_by_label("number input for Steps").last.fill("1")
    page.get_by_label("number input for Steps").last.press("Tab")
    page.get_by_role("button", name="Check", exact=True).click()
    playwright.expect(page.locator("#cues-note")).to_contain_text("Nothing is wrong: 4 cues")
    page.get_by_role("button", name="Dub the film").click()
    playwright.expect(page.locator("#film-remarks")).to_contain_text("4 cues dubbed, 4 of them now")
    ready = "document.querySelector('#film-dubbed video')?.readyState > 0"
    page.wait_for_function(ready)
    first = page.evaluate("document.querySelector('#film-dubbed video').src")
    page.locator("#cues [data-row='1'][data-col='4']").last.click()
    page.get_by_role("button", name="Do cue 2 again").click()
    playwright.expect(page.locator("#film-remarks")).to_contain_text("4 cues dubbed, 1 of them now")
    page.wait_for_function(ready)
    assert fetch(page.evaluate("document.querySelector('#film-dubbed video').src")) != fetch(first)
    for kind, ending in {"film": "mp4", "subtitles": "srt", "page": "html", "report": "json"}.items():
        with page.expect_download() as download:
            page.locator(f"#film-download-{kind}").click()
        assert download.value.suggested_filename.endswith(f".{ending}")
    assert page.locator("#film-download-stems").count() == 0
    page.set_viewport_size({"width": 390, "height": 844})
    assert no_wider_than_the_screen(page)
