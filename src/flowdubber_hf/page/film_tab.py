"""The page's tab of films: what is given, the table of cues, what comes out."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from ..film.voices import DEFAULT
from ..sampling import DEFAULT_STEPS
from .film_limits import (
    BACKGROUNDS,
    COLUMNS,
    FILM_FIELDS,
    MAX_CUES,
    MAX_FILM_SECONDS,
    MAX_SHEET_CHARACTERS,
    MAX_SPEAKERS,
)
from .layout import SOUND_ENDINGS, VIDEO_ENDINGS, note_line, problem_line
from .limits import STEPS, TAKES


INTRO = (
    "A short film, its subtitles and a voice for each speaker: lines follow the lips of who says them wherever the film shows them, and "
    f"keep their times elsewhere. Up to {MAX_FILM_SECONDS / 60:g} minutes, {MAX_CUES} cues and {MAX_SPEAKERS} speakers; on your own machine "
    "`flowdubber film` has none of these limits."
)
CONSENT = "Everybody who is seen speaking and the owner of each voice have agreed to this dub."
TYPED = "1\n00:00:01,000 --> 00:00:03,000\nANNA: Place blue at f two now."
SHEET_ENDINGS = [".srt", ".vtt", ".ass", ".ssa", ".ttml", ".xml", ".jsonl"]
#: What can be taken away of a dubbed film, and what each is called.
FILM_DOWNLOADS = {
    "film": "Film",
    "subtitles": "Subtitles (srt)",
    "page": "Report (page)",
    "report": "Report (JSON)",
    "stems": "Stems (zip)",
}


@dataclass
class VoicePlace:
    """Where a voice is given.

    Attributes:
        group: around it, hidden where no speaker needs it.
        recording, spans: one of them is given.
        problem, note: lines about the recording.
    """

    group: gr.Column
    recording: gr.Audio
    spans: gr.Textbox
    problem: gr.HTML
    note: gr.HTML


@dataclass
class FilmParts:
    """The tab's components.

    Attributes:
        film, sheet, typed, table, consent: what is given.
        settings: `background`, `takes`, `steps`, `stems`.
        voices: places for `MAX_SPEAKERS`.
        problems: the line for what is wrong with each of `FILM_FIELDS`.
        film_note, cues_note: lines that are no mistakes.
        buttons: `take`, `check`, `dub`, `stop`, `redo`, `earlier`.
        shown: the dubbed film.
        remarks: on it.
        downloads: by kind of file.
    """

    film: gr.Video
    sheet: gr.File
    typed: gr.Textbox
    table: gr.Dataframe
    consent: gr.Checkbox
    settings: dict[str, Any]
    voices: list[VoicePlace]
    problems: dict[str, gr.HTML]
    film_note: gr.HTML
    cues_note: gr.HTML
    buttons: dict[str, gr.Button]
    shown: gr.Video
    remarks: gr.HTML
    downloads: dict[str, gr.DownloadButton] = field(default_factory=dict)


def build_film_parts(max_takes: int) -> FilmParts:
    """All components of the tab, inside of the `gr.Blocks` that is being built.

    Args:
        max_takes: most takes of which the best may be asked for.
    """
    buttons: dict[str, gr.Button] = {}
    problems: dict[str, gr.HTML] = {}
    gr.Markdown(INTRO, elem_id="film-intro")
    with gr.Row(elem_id="film-columns"):
        with gr.Column(scale=6, min_width=320):
            film, film_note, sheet, typed = _given(buttons, problems)
            with gr.Row(elem_id="film-voices"):
                voices = [_voice(number) for number in range(MAX_SPEAKERS)]
            problems["voices"] = problem_line("voices")
        with gr.Column(scale=6, min_width=320, elem_id="film-results"):
            shown, remarks, downloads = _results()
    table, cues_note = _table(buttons, problems)
    consent = gr.Checkbox(label=CONSENT, elem_id="film-consent")
    problems["film-consent"] = problem_line("film-consent")
    with gr.Row(elem_id="film-go"):
        buttons["dub"] = gr.Button(
            "Dub the film", variant="primary", size="lg", elem_id="film-dub", scale=3, min_width=160
        )
        buttons["check"] = gr.Button("Check", size="lg", elem_id="film-check", scale=1, min_width=100)
        buttons["stop"] = gr.Button(
            "Stop", variant="stop", size="lg", elem_id="film-stop", visible=False, scale=1, min_width=100
        )
    with gr.Accordion("Advanced", open=False, elem_id="film-advanced"):
        settings = _settings(max_takes)
    problems["film-settings"] = problem_line("film-settings")
    assert set(problems) == set(FILM_FIELDS)
    return FilmParts(
        film, sheet, typed, table, consent, settings, voices, problems, film_note, cues_note, buttons, shown, remarks, downloads
    )  # fmt: skip


def voice_label(name: str) -> str:
    """Of the place for a speaker's voice."""
    return "Voice" if name in ("", DEFAULT) else f"Voice of {name}"


def _given(buttons: dict[str, gr.Button], problems: dict[str, gr.HTML]) -> tuple[Any, ...]:
    with gr.Row(elem_id="film-files"):
        with gr.Column(min_width=240):
            film = gr.Video(
                label=f"Film (up to {MAX_FILM_SECONDS / 60:g} minutes)", sources=["upload"], elem_id="film", buttons=[]
            )
            problems["film"] = problem_line(
                "film", "video/", VIDEO_ENDINGS, "This is not a video file. Give mp4, mov, webm, mkv or avi."
            )
            film_note = note_line("film")
        with gr.Column(min_width=240):
            sheet = gr.File(
                label="Cue sheet (SRT, VTT, ASS, TTML)", file_types=SHEET_ENDINGS, elem_id="sheet", height="17rem"
            )
            with gr.Accordion("Or type one", open=False, elem_id="typed-fold"):
                typed = gr.Textbox(
                    label="Cues as SRT or VTT; a speaker is written as ANNA:",
                    placeholder=TYPED,
                    lines=4,
                    max_lines=10,
                    max_length=MAX_SHEET_CHARACTERS,
                    elem_id="typed",
                )
                buttons["take"] = gr.Button("Take these cues", size="sm", elem_id="take")
    return film, film_note, sheet, typed


def _voice(number: int) -> VoicePlace:
    name = f"film-voice-{number}"
    with gr.Column(visible=number == 0, elem_classes="film-voice", min_width=240) as group:
        recording = gr.Audio(
            label=voice_label(""), sources=["upload", "microphone"], type="filepath", elem_id=name, buttons=[]
        )
        spans = gr.Textbox(
            label="Or seconds of the film in which only this speaker is heard",
            placeholder="61.2-68.9, 70-72",
            max_length=200,
            elem_id=f"{name}-spans",
        )
        problem = problem_line(
            name,
            "audio/ video/",
            [*SOUND_ENDINGS, *VIDEO_ENDINGS],
            "This is not a sound file. Give wav, mp3, flac, ogg, m4a, or a video of the voice.",
        )
        note = note_line(name)
    return VoicePlace(group, recording, spans, problem, note)


def _table(buttons: dict[str, gr.Button], problems: dict[str, gr.HTML]) -> tuple[gr.Dataframe, gr.HTML]:
    table = gr.Dataframe(
        [[1, "", "", "", "", "auto", False, "", ""]],
        headers=list(COLUMNS),
        datatype=["number", "str", "str", "str", "str", "str", "bool", "str", "str"],
        column_count=len(COLUMNS),
        column_widths=[65, 85, 85, 110, 350, 95, 90, 130, 330],
        static_columns=[0, len(COLUMNS) - 1],
        type="array",
        wrap=True,
        interactive=True,
        label="Cues: change what is said, when (seconds), by whom; timing is auto, lips, activity or cue",
        max_height=460,
        elem_id="cues",
        buttons=[],
    )
    problems["cues"] = problem_line("cues")
    cues_note = note_line("cues")
    with gr.Row(elem_id="film-again"):
        buttons["redo"] = gr.Button("Do this cue again", size="md", elem_id="film-redo", visible=False)
        buttons["earlier"] = gr.Button("Take before", size="md", elem_id="film-earlier", visible=False)
    return table, cues_note


def _settings(max_takes: int) -> dict[str, Any]:
    return {
        "background": gr.Radio(
            [(text, name) for name, text in BACKGROUNDS.items()],
            value="gaps",
            label="What is heard beside the dub",
            elem_id="background",
        ),
        "takes": gr.Slider(
            *TAKES,
            value=1,
            step=1,
            label="Takes a cue",
            info="Makes several and keeps the best by voice, then words. Each takes as long as one.",
            visible=max_takes > 1,
            elem_id="film-takes",
        ),
        "steps": gr.Slider(
            *STEPS,
            value=DEFAULT_STEPS,
            step=1,
            label="Steps",
            info="More are slower and rarely better.",
            elem_id="film-steps",
        ),
        "stems": gr.Checkbox(
            label="Stems too: a wav file a speaker, the background and their sum", elem_id="film-stems"
        ),
    }


def _results() -> tuple[gr.Video, gr.HTML, dict[str, gr.DownloadButton]]:
    shown = gr.Video(label="Dubbed film", interactive=False, height=330, elem_id="film-dubbed", buttons=[])
    remarks = gr.HTML("", elem_id="film-remarks", js_on_load=None, apply_default_css=False)
    with gr.Row(elem_id="film-downloads"):
        downloads = {
            kind: gr.DownloadButton(label, size="sm", min_width=100, visible=False, elem_id=f"film-download-{kind}")
            for kind, label in FILM_DOWNLOADS.items()
        }
    return shown, remarks, downloads
