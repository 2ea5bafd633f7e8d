"""What happens on the page: mistakes reported at once, dubs made in a queue, takes shown, words moved."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from ..processing.text import phonemize
from .api import add_api
from .draft import ABOUT_DRAFT, draft_script
from .dubbing import Dubber, playable
from .history import Take, added, keep, numbered
from .kept import keep_in_browser
from .layout import DOWNLOADS, Parts, asset, cancel_waiting
from .limits import FIELDS, MAX_SEED, Problem, Problems, Request, check_clip, check_script, for_visitors
from .moving import Row, moved_frames, rows_of
from .progress import Stopped, Stops
from .voices import prepare_voice as make_voice_ready


QUEUE = "dub"  # the page and the API wait in one line: the models serve one visitor at a time
LOOKING = "look"  # another line, for what needs no model: it does not wait for the dubs
LOOKING_AT_ONCE = 4
DRAFTING = "draft"
FORGOTTEN = "So many visitors came that the server has forgotten this request. Press the button again."
GONE = "The server has deleted the files of this take, as it does after an hour. Make it again."

Wanted = tuple[int, Request | None]  # how many requests this visitor has made, and the last one
_SHOWN = ("dubbed", "original", "remarks", "timeline", "seconds")


def wire(demo: gr.Blocks, dubber: Dubber, parts: Parts) -> None:
    """Adds all events to the page that is being built."""
    page = _Page(dubber, parts)
    page.check_files()
    page.clear_messages()
    page.help_with_the_script()
    page.dub()
    page.show_takes()
    keep_in_browser(demo, parts.fields, dubber.max_takes)
    add_api(dubber, parts.fields, QUEUE)


class _Page:
    """The events, by what they are for."""

    def __init__(self, dubber: Dubber, parts: Parts):
        self.dubber, self.parts = dubber, parts
        self.stops = Stops()
        self.kept = gr.State([])  # takes of the visit
        self.wanted = gr.State((0, None))
        self.lines = [parts.problems[name] for name in FIELDS]
        self.shown = [
            *(parts.results[name] for name in _SHOWN),
            *parts.downloads.values(),
            parts.moves,
            parts.moves_fold,
            parts.buttons["again"],
        ]
        self.quietly: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        self.looking: dict[str, Any] = {
            "concurrency_id": LOOKING,
            "concurrency_limit": LOOKING_AT_ONCE,
            "api_visibility": "private",
        }

    def check_files(self) -> None:
        """Clips and voices are looked at as soon as they are given."""
        fields, problems = self.parts.fields, self.parts.problems
        clip, voice = fields["clip"], fields["voice"]
        gr.on(
            [clip.upload, clip.stop_recording],
            clip_handler(self.dubber),
            clip,
            [clip, problems["clip"]],
            show_progress_on=[clip],
            **self.looking,
        )
        gr.on(
            [voice.upload, voice.stop_recording],
            prepare_voice,
            voice,
            [voice, problems["voice"], self.parts.notes["voice"]],
            show_progress_on=[voice],
            **self.looking,
        )

    def clear_messages(self) -> None:
        """A field's message goes as soon as the field is corrected; the browser does it alone."""
        fields, problems = self.parts.fields, self.parts.problems
        changes = {
            "script": [fields["script"].change],
            "consent": [fields["consent"].change],
            "settings": [fields[name].change for name in ("steps", "guidance_scale", "seed", "takes", "temperature")],
            "moves": [self.parts.moves.change],
        }
        for name, events in changes.items():
            gr.on(events, None, None, problems[name], js="() => ''", **self.quietly)
        both = [problems["voice"], self.parts.notes["voice"]]
        gr.on([fields["voice"].clear], None, None, both, js="() => ['', '']", **self.quietly)
        gr.on([fields["clip"].clear], None, None, problems["clip"], js="() => ''", **self.quietly)
        fields["own_sound"].change(
            lambda own: (gr.Audio(visible=not own), "", ""),
            fields["own_sound"],
            [fields["voice"], *both],
            **self.quietly,
        )
        empty = f"() => {[''] * (len(self.lines) + 2)}"
        everything = [*self.lines, *self.parts.notes.values()]
        self.parts.examples.load_input_event.then(None, None, everything, js=empty, **self.quietly)

    def help_with_the_script(self) -> None:
        """Words whose sounds are guessed are told when the script is left; a draft of it, a seed nobody thought of."""
        fields, buttons = self.parts.fields, self.parts.buttons
        note, problem = self.parts.notes["script"], self.parts.problems["script"]
        fields["script"].blur(script_handler(self.dubber), fields["script"], note, **self.quietly)
        buttons["draft"].click(
            draft_handler(self.dubber),
            fields["clip"],
            [fields["script"], problem, note],
            concurrency_id=DRAFTING,
            concurrency_limit=1,
            api_visibility="private",
        )
        drawn = f"() => Math.floor(Math.random() * {MAX_SEED + 1})"
        buttons["random"].click(None, None, fields["seed"], js=drawn, **self.quietly)

    def dub(self) -> None:
        """Pressing the button checks first, apart from the line; only what passes is put into it."""
        fields, buttons = self.parts.fields, self.parts.buttons
        inputs, seed = list(fields.values()), fields["seed"]
        outputs = [*self.lines, self.parts.problems["moves"], self.wanted, buttons["stop"]]
        passed = {"outputs": outputs, "show_progress": "hidden", **self.looking}
        asked = gr.on(
            [buttons["dub"].click, fields["script"].submit],
            check_handler(self.dubber),
            [*inputs, self.wanted],
            **passed,
        )
        next_seed = "(seed) => (Math.floor(Number(seed) || 0) + 1) % " + str(MAX_SEED + 1)
        another = (
            buttons["again"]
            .click(None, seed, seed, js=next_seed, **self.quietly)
            .then(check_handler(self.dubber), [*inputs, self.wanted], **passed)
        )
        moved = buttons["redo"].click(
            moves_handler(self.dubber),
            [self.parts.moves, self.parts.takes, self.kept, self.wanted],
            [self.parts.problems["moves"], self.wanted, buttons["stop"]],
            show_progress="hidden",
            **self.looking,
        )
        made = self.wanted.change(
            page_handler(self.dubber, self.stops, self.parts.results["dubbed"].move_resource_to_block_cache),
            [self.wanted, self.kept],
            [*self.lines, self.kept, self.parts.takes, *self.shown],
            show_progress_on=[self.parts.results["dubbed"]],
            concurrency_id=QUEUE,
            concurrency_limit=1,
            api_visibility="private",
        )
        ended = made.then(lambda: gr.Button(visible=False), None, buttons["stop"], **self.quietly)
        ended.then(None, js=asset("show_outcome.js"))
        for event in (asked, another, moved):
            event.then(None, js=asset("show_problem.js"))
        stopped = buttons["stop"].click(
            stop_handler(self.stops), None, [buttons["stop"], self.parts.results["remarks"]], **self.quietly
        )
        cancel_waiting(stopped, made, "leave-line")

    def show_takes(self) -> None:
        """An earlier take of the visit is shown again."""
        takes = self.parts.takes
        takes.input(show_earlier, [takes, self.kept], self.shown, **self.quietly)


# ---------------------------------------------------------------------------------------------------------------------
# Files as they are given, and the script


def clip_handler(dubber: Dubber) -> Callable[[str | None], Iterator[tuple[Any, str]]]:
    """As soon as a clip is given: what is wrong with it, and a copy that the browser can show if need be."""

    def prepare_clip(clip: str | None) -> Iterator[tuple[Any, str]]:
        if clip is None:
            yield None, ""
            return
        with TemporaryDirectory(prefix="flowdubber-") as folder:
            try:
                check_clip(clip, dubber.max_seconds)
                shown = playable(Path(clip), Path(folder))
            except Problem as problem:
                yield None, str(problem)
            else:
                yield gr.skip() if shown == Path(clip) else str(shown), ""

    return prepare_clip


def prepare_voice(voice: str | None) -> Iterator[tuple[Any, str, str]]:
    """As soon as a voice is given: what is wrong with it, a recording that the browser can show, and remarks on it."""
    if voice is None:
        yield None, "", ""
        return
    with TemporaryDirectory(prefix="flowdubber-") as folder:
        try:
            shown, remarks = make_voice_ready(voice, Path(folder))
        except Problem as problem:
            yield None, str(problem), ""
        else:
            yield gr.skip() if shown == Path(voice) else str(shown), "", " ".join(remarks)


def script_handler(dubber: Dubber) -> Callable[[str], str]:
    """What one should know of a script before it is dubbed: words whose sounds are guessed, and what is not said."""

    def read_script(script: str) -> str:
        try:
            phonemes = check_script(script, dubber.accent)
        except Problem:  # told when the button is pressed
            return ""
        return " ".join(for_visitors(warning) for warning in phonemes.warnings)

    return read_script


def draft_handler(dubber: Dubber) -> Callable[[str | None], tuple[Any, str, str]]:
    """A script heard in the clip's own sound."""

    def draft(clip: str | None) -> tuple[Any, str, str]:
        try:
            return draft_script(clip, dubber.max_seconds), "", ABOUT_DRAFT
        except Problem as problem:
            return gr.skip(), str(problem), ""

    return draft


# ---------------------------------------------------------------------------------------------------------------------
# A dub: checked, made, stopped


def check_handler(dubber: Dubber) -> Callable[..., tuple]:
    """The button's function: a problem for each field, or a request that may wait for the models."""

    def check(
        clip: str | None,
        script: str,
        voice: str | None,
        own_sound: bool,
        consent: bool,
        steps: int,
        guidance_scale: float,
        seed: int,
        takes: int,
        temperature: float,
        wanted: Wanted,
    ) -> tuple:
        request = Request(clip, script, voice, own_sound, consent, steps, guidance_scale, seed, takes, temperature)
        try:
            dubber.check(request)
        except Problems as found:
            return (*_problem_texts(found.by_field), "", gr.skip(), gr.skip())
        return (*_problem_texts({}), "", (wanted[0] + 1, request), gr.Button(visible=True))

    return check


def moves_handler(dubber: Dubber) -> Callable[..., tuple]:
    """The function of "redo": what is wrong with the table, or the shown take's request with times of its own."""

    def move(rows: list[Row], number: int | None, takes: list[Take], wanted: Wanted) -> tuple:
        take = numbered(takes, number)
        try:
            if take is None or not take.is_there:
                raise Problem(GONE)
            phonemes = phonemize(take.request.script, dubber.accent)
            frames = moved_frames(phonemes, take.phoneme_frames, rows)
        except Problem as problem:
            return str(problem), gr.skip(), gr.skip()
        request = replace(take.request, seed=take.seed, takes=1, phoneme_frames=frames)
        return "", (wanted[0] + 1, request), gr.Button(visible=True)

    return move


def page_handler(dubber: Dubber, stops: Stops, store: Callable[[str], str]) -> Callable[..., Iterator[tuple]]:
    """What is done when it is the visitor's turn: the dub, or what the models found wrong, and the list of takes."""
    unchanged = (gr.skip(),) * (2 + len(_shown_nothing()))

    def run(
        wanted: Wanted,
        takes: list[Take],
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio looks for it there
        visitor: gr.Request | None = None,
    ) -> Iterator[tuple]:
        request = wanted[1]
        if request is None:
            yield (*_problem_texts({"settings": FORGOTTEN}), *unchanged)
            return
        session = None if visitor is None else visitor.session_hash
        with TemporaryDirectory(prefix="flowdubber-") as folder, stops.listening(session, progress) as report:
            try:
                dub = dubber.dub(request, Path(folder), report)
            except Problems as found:
                yield (*_problem_texts(found.by_field), *unchanged)
                return
            except Stopped:
                # A generator that ends without a word is an error to gradio, which would stand over the last take.
                yield (*_problem_texts({}), *unchanged)
                return
            number = takes[-1].number + 1 if takes else 1
            take = keep(dub, request, number, Path(folder), store)
        takes = added(takes, take)
        yield (*_problem_texts({}), takes, _list(takes, take.number), *_shown(take))

    return run


def stop_handler(stops: Stops) -> Callable[[gr.Request], tuple]:
    """The function of Stop."""

    def stop(visitor: gr.Request) -> tuple:
        stops.stop(visitor.session_hash)
        return gr.Button(visible=False), '<ul class="remarks"><li>Stopped: no new dub was made.</li></ul>'

    return stop


def _problem_texts(by_field: dict[str, str]) -> list[str]:
    return [by_field.get(field, "") for field in FIELDS]


# ---------------------------------------------------------------------------------------------------------------------
# Takes


def show_earlier(number: int, takes: list[Take]) -> tuple:
    """An earlier take as it was."""
    take = numbered(takes, number)
    if take is None or not take.is_there:
        gr.Warning(GONE)
        return _shown_nothing()
    return _shown(take)


def _list(takes: list[Take], number: int) -> gr.Radio:
    return gr.Radio([(take.label, take.number) for take in takes], value=number, visible=True)


def _shown_nothing() -> tuple:
    return (gr.skip(),) * (len(_SHOWN) + len(DOWNLOADS) + 3)


def _shown(take: Take) -> tuple:
    return (
        take.files["video"],
        gr.Video(take.files["original"], visible=True),
        take.remarks,
        take.timeline(),
        take.seconds,
        *(gr.DownloadButton(value=take.files[kind], visible=True) for kind in DOWNLOADS),
        rows_of(take.words),
        gr.Accordion(visible=True),
        gr.Button(visible=True),
    )
