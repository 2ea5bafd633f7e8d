"""What happens in the tab of films: sheets read into the table, mistakes told at once, films dubbed, cues done again."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from ..film.voices import DEFAULT
from .events import FORGOTTEN, LOOKING, LOOKING_AT_ONCE, QUEUE, prepare_voice
from .figures import draw_warnings
from .film_dubbing import FilmChecked, FilmDub, FilmDubber
from .film_limits import (
    FILM_FIELDS,
    MAX_SHEET_CHARACTERS,
    MAX_SPEAKERS,
    NOT_SPOKEN,
    FilmProblems,
    FilmRequest,
    Row,
    VoiceGiven,
    about_film,
    check_film_file,
    filled,
    read_sheet,
    speakers_of,
    with_notes,
)
from .film_tab import FILM_DOWNLOADS, FilmParts, voice_label
from .layout import asset, cancel_waiting
from .limits import Problem, Problems
from .progress import Stopped, Stops


Wanted = tuple[int, FilmRequest | None]  # how many requests this visitor has made, and the last one
_STOPPED = (
    '<ul class="remarks"><li>Stopped. Takes that were finished are kept: the next dub goes on from there.</li></ul>'
)


@dataclass(frozen=True)
class Shown:
    """What is kept of a dubbed film beyond its request, as files in gradio's cache.

    Attributes:
        film: as browsers play it.
        files: by kind.
        rows: of the table.
        remarks: HTML.
    """

    film: str
    files: dict[str, str]
    rows: list[Row]
    remarks: str


def wire_films(demo: gr.Blocks, films: FilmDubber, parts: FilmParts) -> None:
    """Adds all events to the tab that is being built."""
    tab = _Tab(films, parts)
    tab.look_at_files()
    tab.fill_the_table()
    tab.clear_messages()
    tab.dub()
    demo.unload(forget_handler(films))


class _Tab:
    """The events, by what they are for."""

    def __init__(self, films: FilmDubber, parts: FilmParts):
        self.films, self.parts = films, parts
        self.stops = Stops()
        self.names = gr.State([DEFAULT] + [""] * (MAX_SPEAKERS - 1))  # whose voice each place is for
        self.wanted = gr.State((0, None))
        self.chosen = gr.State(None)  # number of the cue that is selected
        self.lines = [parts.problems[name] for name in FILM_FIELDS]
        self.quietly: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        self.looking: dict[str, Any] = {
            "concurrency_id": LOOKING,
            "concurrency_limit": LOOKING_AT_ONCE,
            "api_visibility": "private",
        }

    def look_at_files(self) -> None:
        """The film and the voices are looked at as soon as they are given."""
        film, problem, note = self.parts.film, self.parts.problems["film"], self.parts.film_note
        film.upload(look_at_film, film, [film, problem, note], show_progress_on=[film], **self.looking)
        film.clear(None, None, [problem, note], js="() => ['', '']", **self.quietly)
        for place in self.parts.voices:
            given = place.recording
            gr.on(
                [given.upload, given.stop_recording],
                prepare_voice,
                given,
                [given, place.problem, place.note],
                show_progress_on=[given],
                **self.looking,
            )
            given.clear(None, None, [place.problem, place.note], js="() => ['', '']", **self.quietly)

    def fill_the_table(self) -> None:
        """A sheet, uploaded or typed, becomes the table; the table's speakers get places for their voices."""
        table, problem, note = self.parts.table, self.parts.problems["cues"], self.parts.cues_note
        into: dict[str, Any] = {"outputs": [table, problem, note], "show_progress_on": [table], **self.looking}
        self.parts.sheet.upload(take_sheet, self.parts.sheet, **into)
        self.parts.buttons["take"].click(take_typed, self.parts.typed, **into)
        places = [part for place in self.parts.voices for part in (place.group, place.recording)]
        table.change(place_voices, [table, self.names], [self.names, *places], **self.quietly)
        chosen = [self.chosen, self.parts.buttons["redo"], self.parts.buttons["earlier"]]
        table.select(choose_cue, None, chosen, **self.quietly)

    def clear_messages(self) -> None:
        """A field's message goes as soon as the field is corrected."""
        parts, problems = self.parts, self.parts.problems
        voices = [event for place in parts.voices for event in (place.recording.change, place.spans.change)]
        changes = {
            "cues": [parts.table.input],
            "voices": voices,
            "film-consent": [parts.consent.change],
            "film-settings": [setting.change for setting in parts.settings.values()],
        }
        for name, events in changes.items():
            gr.on(events, None, None, problems[name], js="() => ''", **self.quietly)

    def dub(self) -> None:
        """Pressing a button checks first, apart from the line; only what passes is put into it."""
        parts, buttons = self.parts, self.parts.buttons
        voices = [part for place in parts.voices for part in (place.recording, place.spans)]
        inputs = [
            self.wanted, self.chosen, self.names, parts.film, parts.table, parts.consent, *parts.settings.values(), *voices
        ]  # fmt: skip
        outputs = [*self.lines, parts.table, parts.cues_note, self.wanted, buttons["stop"]]
        for name in ("check", "dub", "redo", "earlier"):
            pressed = buttons[name].click(
                film_check_handler(self.films, name), inputs, outputs, show_progress="hidden", **self.looking
            )
            pressed.then(None, js=asset("show_problem.js"))
        made = self.wanted.change(
            film_handler(self.films, self.stops, parts.shown.move_resource_to_block_cache),
            self.wanted,
            [*self.lines, parts.shown, parts.remarks, parts.table, *parts.downloads.values()],
            show_progress_on=[parts.shown],
            concurrency_id=QUEUE,
            concurrency_limit=1,
            api_visibility="private",
        )
        ended = made.then(lambda: gr.Button(visible=False), None, buttons["stop"], **self.quietly)
        ended.then(None, js=asset("show_outcome.js"))
        stop = film_stop_handler(self.stops)
        stopped = buttons["stop"].click(stop, None, [buttons["stop"], parts.remarks], **self.quietly)
        cancel_waiting(stopped, made, "film-leave-line")


# ---------------------------------------------------------------------------------------------------------------------
# What is given


def look_at_film(film: str | None) -> tuple[Any, str, str]:
    """What is wrong with a film, or a line about it."""
    if film is None:
        return None, "", ""
    try:
        source = check_film_file(film)
    except Problem as problem:
        return None, str(problem), ""
    return gr.skip(), "", " ".join([about_film(source), *source.warnings])


def take_sheet(sheet: str | None) -> tuple[Any, str, str]:
    """The table of an uploaded sheet, and what is wrong with it."""
    if sheet is None:
        return gr.skip(), "", ""
    try:
        rows, mistakes = read_sheet(Path(sheet))
    except Problem as problem:
        return gr.skip(), str(problem), ""
    spoken = sum(not row[6] for row in rows)
    return rows, "\n".join(mistakes), f"{spoken} of {len(rows)} cues are spoken."


def take_typed(text: str | None) -> tuple[Any, str, str]:
    """The same of what was typed."""
    if not isinstance(text, str) or not text.strip():
        return gr.skip(), "Type cues first, as SRT or VTT.", ""
    if len(text) > MAX_SHEET_CHARACTERS:
        return gr.skip(), f"At most {MAX_SHEET_CHARACTERS} characters are read.", ""
    with TemporaryDirectory(prefix="flowdubber-") as folder:
        sheet = Path(folder) / "cues.txt"
        sheet.write_text(text, encoding="utf-8", errors="replace")
        return take_sheet(str(sheet))


def places_of(names: Sequence[str], speakers: Sequence[str]) -> list[str]:
    """Whose voice each place is for: speakers keep their places, new ones take those that are free."""
    kept = [name if name in speakers else "" for name in names]
    new = iter([name for name in speakers if name not in kept])
    return [name or next(new, "") for name in kept]


def place_voices(rows: list[Row], names: list[str]) -> tuple[Any, ...]:
    """Places for the voices of the table's speakers; one stays as long as nobody speaks."""
    names = places_of(names, speakers_of(rows) or [DEFAULT])
    updates = [part for name in names for part in (gr.Column(visible=bool(name)), gr.Audio(label=voice_label(name)))]
    return (names, *updates)


def choose_cue(event: gr.SelectData) -> tuple[int | None, Any, Any]:
    """The cue of the row that is selected, and the buttons that do it again and take its take before."""
    number = (event.row_value or [None])[0]
    if not isinstance(number, (int, float)) or isinstance(number, bool):
        return None, gr.Button(visible=False), gr.Button(visible=False)
    again, earlier = f"Do cue {int(number)} again", f"Cue {int(number)}: the take before"
    return int(number), gr.Button(again, visible=True), gr.Button(earlier, visible=True)


# ---------------------------------------------------------------------------------------------------------------------
# Checked, dubbed, stopped


def film_request(
    film: str | None, rows: list[Row], consent: bool, background: str, takes: int, steps: int, stems: bool,
    names: Sequence[str], voices: Sequence[str | None],
) -> FilmRequest:  # fmt: skip
    """What the fields say.

    Args:
        names: whose voice each place is for.
        voices: recording and spans of each place, one after another.
    """
    pairs = zip(names, voices[::2], voices[1::2], strict=True)
    given = tuple(VoiceGiven(name, recording, spans or "") for name, recording, spans in pairs if name)
    table = tuple(tuple(row) for row in filled(rows or ()))
    return FilmRequest(film, table, given, consent, background, takes, steps, stems is True)


def film_check_handler(films: FilmDubber, button: str) -> Callable[..., tuple]:
    """The function of a button: what is wrong, field by field and cue by cue, or a request that may wait for the models.

    Args:
        button: `check` asks for nothing, `dub` for the film, `redo` for another take of the cue that is selected, `earlier` for the one
            that it had before.
    """

    def check(wanted: Wanted, chosen: int | None, names: list[str], film: str | None, rows: list[Row], consent: bool,
              background: str, takes: int, steps: int, stems: bool, *voices: Any) -> tuple:  # fmt: skip
        request = film_request(film, rows, consent, background, takes, steps, stems, names, voices)
        if button in ("redo", "earlier") and chosen is not None:
            request = replace(request, **{button: (chosen,)})
        try:
            checked = films.check(request)
        except FilmProblems as found:
            told = with_notes(filled(request.rows), found.by_cue)
            return (*_texts(found.by_field), told if told else gr.skip(), "", gr.skip(), gr.skip())
        told = (*_texts({}), checked.rows, _about(checked))
        if button == "check":
            return (*told, gr.skip(), gr.skip())
        return (*told, (wanted[0] + 1, request), gr.Button(visible=True))

    return check


def _about(checked: FilmChecked) -> str:
    doubtful = sum(row[-1] not in ("", NOT_SPOKEN) for row in checked.rows)
    look = f", {doubtful} with something to look at" if doubtful else ""
    return " ".join([f"Nothing is wrong: {checked.cues} cues{look}.", *checked.remarks])


def film_handler(films: FilmDubber, stops: Stops, store: Callable[[str], str]) -> Callable[..., Iterator[tuple]]:
    """What is done when it is the visitor's turn: the film, or what was found wrong on the way."""
    unchanged = (gr.skip(),) * (3 + len(FILM_DOWNLOADS))

    def keep(dub: FilmDub) -> Shown:
        files = {kind: store(str(file)) for kind, file in dub.files.items()}
        cues = f"{dub.takes} cues dubbed, {dub.made} of them now."
        return Shown(store(str(dub.shown)), files, dub.rows, draw_warnings([cues, *dub.remarks], []))

    def run_film(
        wanted: Wanted,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio looks for it there
        visitor: gr.Request | None = None,
    ) -> Iterator[tuple]:
        request = wanted[1]
        if request is None:
            yield (*_texts({"film-settings": FORGOTTEN}), *unchanged)
            return
        session = None if visitor is None else visitor.session_hash
        with stops.listening(session, progress) as report:
            try:
                shown = films.dub(request, session, report, keep)
            except Problems as found:
                yield (*_texts(found.by_field), *unchanged)
                return
            except Stopped:
                # A generator that ends without a word is an error to gradio, which would stand over the last film.
                yield (*_texts({}), *unchanged)
                return
        downloads = (
            gr.DownloadButton(value=shown.files.get(kind), visible=kind in shown.files) for kind in FILM_DOWNLOADS
        )
        yield (*_texts({}), shown.film, shown.remarks, shown.rows, *downloads)

    return run_film


def film_stop_handler(stops: Stops) -> Callable[[gr.Request], tuple]:
    """The function of Stop."""

    def stop_film(visitor: gr.Request) -> tuple:
        stops.stop(visitor.session_hash)
        return gr.Button(visible=False), _STOPPED

    return stop_film


def forget_handler(films: FilmDubber) -> Callable[[gr.Request], None]:
    """Deletes the work on a visitor's film when the page is left."""

    def forget(visitor: gr.Request) -> None:
        films.folders.forget(visitor.session_hash)

    return forget


def _texts(by_field: dict[str, str]) -> list[str]:
    return [by_field.get(name, "") for name in FILM_FIELDS]
