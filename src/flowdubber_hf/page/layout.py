"""The page as it is seen: fields, one button, results. What happens is in [`events`] and [`api`]."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from ..sampling import DEFAULT_GUIDANCE_SCALE, DEFAULT_STEPS
from .draft import can_draft
from .dubbing import Dubber
from .history import Take, keep
from .limits import (
    GUIDANCE,
    MAX_FILE_BYTES,
    MAX_SCRIPT_CHARACTERS,
    MAX_VOICE_SECONDS,
    STEPS,
    TAKES,
    TEMPERATURE,
    Request,
)
from .samples import Example, make_examples


ASSETS = Path(__file__).parent / "assets"

ABOUT_BUNDLED = (
    "**What to expect.** A small model that learned the six-word commands of the GRID corpus (“place blue at f two now”) best and "
    "everyday English less well. One face, seen from the front; clips of up to {seconds:g} s. The voice is copied only roughly."
)
ABOUT_OTHER = (
    "**What to expect.** This page runs the model `{model}`; its card says what it can and cannot do. English, one face seen from "
    "the front, clips of up to {seconds:g} s."
)
SYNTHETIC = (
    "The speech is synthetic, and every file made here says so in its metadata. Say so too where you publish it."
)
CONSENT = "The person in the clip and the owner of the voice have agreed to this dub."
ABOUT_READY = "An example, made when this page started: drawn head, synthetic voice. Yours takes its place."
BUNDLED_MODEL = "flowdubber-grid-tiny"

# What our readers take and browsers do not always know a type of.
VIDEO_ENDINGS = [
    "mp4",
    "m4v",
    "mov",
    "mkv",
    "webm",
    "avi",
    "mts",
    "m2ts",
    "ts",
    "mpg",
    "mpeg",
    "m2v",
    "3gp",
    "3g2",
    "ogv",
    "ogg",
    "flv",
    "f4v",
    "asf",
    "wmv",
    "mxf",
    "nut",
    "dv",
    "y4m",
    "gif",
]
SOUND_ENDINGS = [
    "wav",
    "flac",
    "mp3",
    "aac",
    "ac3",
    "eac3",
    "m4a",
    "aif",
    "aiff",
    "caf",
    "au",
    "amr",
    "ape",
    "wv",
    "tta",
    "voc",
    "gsm",
    "ogg",
    "oga",
    "opus",
    "w64",
]

PROBLEM_TEMPLATE = '{{#if value}}<p role="alert">{{value}}</p>{{/if}}'
NOTE_TEMPLATE = '{{#if value}}<p role="status">{{value}}</p>{{/if}}'
#: Kinds of files of a take that can be taken away, and what each is called.
DOWNLOADS = {"video": "Video (mp4)", "sound": "Sound (wav)", "subtitles": "Subtitles (srt)", "report": "Report (JSON)"}


def asset(name: str) -> str:
    """The text of a file beside this module."""
    return (ASSETS / name).read_text(encoding="utf-8")


@dataclass
class Parts:
    """The page's components.

    Attributes:
        fields: by the name of the API's parameter.
        problems: the line for what is wrong with each of `FIELDS`.
        notes: lines about the script and the voice that are no mistakes.
        examples: that fill in the fields.
        buttons: `dub`, `stop`, `again`, `redo`, `draft`, `random`.
        results: what shows a take, by name.
        downloads: by kind of file.
        takes: the list of the visit's takes.
        moves: the table of words, and `moves_fold` around it.
    """

    fields: dict[str, Any]
    problems: dict[str, gr.HTML]
    notes: dict[str, gr.HTML]
    examples: gr.Examples
    buttons: dict[str, gr.Button]
    results: dict[str, Any]
    downloads: dict[str, gr.DownloadButton]
    takes: gr.Radio
    moves: gr.Dataframe
    moves_fold: gr.Accordion


def build_parts(dubber: Dubber, model: str) -> Parts:
    """All components of the page, inside of the `gr.Blocks` that is being built.

    Args:
        dubber: runs the models, and makes the dub that is there at first.
        model: their name, for the notice.
    """
    buttons: dict[str, gr.Button] = {}
    with TemporaryDirectory(prefix="flowdubber-examples-") as folder:
        made = make_examples(Path(folder))
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=6, min_width=320, elem_id="inputs"):
                fields, problems, notes, examples = _inputs(dubber, made, buttons)
            with gr.Column(scale=6, min_width=320, elem_id="results"):
                # Other models may take minutes for it, and a card that is lent is lent to visitors only.
                is_ready = model == BUNDLED_MODEL and not dubber.is_lent
                ready = _ready_take(dubber, made[0], Path(folder)) if is_ready else None
                results, downloads, takes = _results(ready, buttons)
                moves, fold, problems["moves"] = _moves(buttons)
    for component in (fields["clip"], fields["voice"], results["dubbed"], results["original"]):
        component.keep_in_cache |= (
            component.temp_files
        )  # gradio itself spares the clips only when it deletes old files
    return Parts(fields, problems, notes, examples, buttons, results, downloads, takes, moves, fold)


def _ready_take(dubber: Dubber, example: Example, folder: Path) -> Take:
    """A dub to look at before one has been asked for: of the first example, by the models as they are."""
    request = Request(str(example.clip), example.script, str(example.voice), consent=True)
    dub = dubber.dub(request, folder, lambda progress, desc: None)
    return keep(dub, request, 0, folder, store=str)


def theme() -> gr.themes.Base:
    """Gradio's own with another colour, and text and buttons that stand out enough to be read (WCAG AA)."""
    button = {
        f"button_primary_background_fill{state}{scheme}": f"*primary_{shade}"
        for state, shade in (("", 700), ("_hover", 800))
        for scheme in ("", "_dark")
    }
    return gr.themes.Default(primary_hue="teal", neutral_hue="slate").set(
        body_text_color_subdued="*neutral_500", block_info_text_color="*neutral_500", **button
    )


def heading(model: str, seconds: float) -> None:
    """The page's name and what to expect of it."""
    about = ABOUT_BUNDLED if model == BUNDLED_MODEL else ABOUT_OTHER
    gr.Markdown(
        "# FlowDubber\nA clip of somebody speaking, the words to be said and a short recording of a voice: you get the clip with these "
        "words in that voice, in time with the lips.",
        elem_id="heading",
    )
    gr.Markdown(f"{about.format(model=model, seconds=seconds)} {SYNTHETIC}", elem_id="notice")


# ---------------------------------------------------------------------------------------------------------------------
# Fields


def _inputs(
    dubber: Dubber, made: list[Example], buttons: dict[str, gr.Button]
) -> tuple[dict[str, Any], dict[str, gr.HTML], dict[str, gr.HTML], gr.Examples]:
    problems: dict[str, gr.HTML] = {}
    notes: dict[str, gr.HTML] = {}
    examples_place = gr.Column(elem_id="examples-place")
    with gr.Row(elem_id="files"):
        with gr.Column(min_width=240):
            clip = _clip(dubber.max_seconds)
            problems["clip"] = problem_line(
                "clip", "video/", VIDEO_ENDINGS, "This is not a video file. Give mp4, mov, webm, mkv or avi."
            )
        with gr.Column(min_width=240):
            voice = gr.Audio(
                label=f"Voice to copy (1 to {MAX_VOICE_SECONDS:g} s)",
                sources=["upload", "microphone"],
                type="filepath",
                elem_id="voice",
                buttons=[],
            )
            own_sound = gr.Checkbox(label="Take the clip's own sound as the voice", elem_id="own-sound")
            problems["voice"] = problem_line(
                "voice",
                "audio/ video/",
                [*SOUND_ENDINGS, *VIDEO_ENDINGS],
                "This is not a sound file. Give wav, mp3, flac, ogg, m4a, or a video of the voice.",
            )
            notes["voice"] = note_line("voice")
    with gr.Row(elem_id="script-row"):
        script = gr.Textbox(
            label="Script",
            placeholder="place blue at f two now",
            lines=1,
            max_lines=4,
            max_length=MAX_SCRIPT_CHARACTERS,
            elem_id="script",
            scale=1,
        )
        buttons["draft"] = gr.Button(
            "Draft from the clip's sound", size="sm", scale=0, min_width=120, elem_id="draft", visible=can_draft()
        )
    problems["script"] = problem_line("script")
    notes["script"] = note_line("script")
    consent = gr.Checkbox(label=CONSENT, elem_id="consent")
    problems["consent"] = problem_line("consent")
    with gr.Row(elem_id="go"):
        buttons["dub"] = gr.Button("Dub the clip", variant="primary", size="lg", elem_id="dub", scale=3)
        buttons["stop"] = gr.Button("Stop", variant="stop", size="lg", elem_id="stop", visible=False, scale=1)
    with gr.Accordion("Advanced", open=False, elem_id="advanced"):
        settings = _settings(dubber)
        buttons["random"] = gr.Button("Random seed", size="sm", elem_id="random")
    problems["settings"] = problem_line("settings")
    with examples_place:
        examples = gr.Examples(
            [[str(one.clip), one.script, str(one.voice)] for one in made],
            inputs=[clip, script, voice],
            example_labels=[one.script for one in made],
            label="Try an example (drawn head, synthetic voice)",
            cache_examples=False,
            api_visibility="private",
            elem_id="examples",
        )
    fields = {"clip": clip, "script": script, "voice": voice, "own_sound": own_sound, "consent": consent, **settings}
    return fields, problems, notes, examples


def _clip(seconds: float) -> gr.Video:
    return gr.Video(
        label=f"Clip of the speaker (up to {seconds:g} s)",
        sources=["upload", "webcam"],
        include_audio=True,
        # Without a wish of ours a camera gives the largest picture it has.
        webcam_options=gr.WebcamOptions(constraints={"video": {"width": {"ideal": 1280}, "height": {"ideal": 720}}}),
        elem_id="clip",
        buttons=[],
    )


def _settings(dubber: Dubber) -> dict[str, Any]:
    return {
        "steps": gr.Slider(
            *STEPS, value=DEFAULT_STEPS, step=1, label="Steps", info="More are slower and rarely better."
        ),
        "guidance_scale": gr.Slider(
            *GUIDANCE,
            value=DEFAULT_GUIDANCE_SCALE if dubber.can_guide else 1.0,
            step=0.1,
            label="Guidance",
            info="How much the speech plan is stressed; 1 is none and is faster.",
            visible=dubber.can_guide,
        ),
        "seed": _seed(),
        "takes": gr.Slider(
            *TAKES,
            value=1,
            step=1,
            label="Takes",
            info="Makes several and keeps the best by voice, then words. Each takes as long as one.",
            visible=dubber.max_takes > 1,
        ),
        "temperature": gr.Slider(
            *TEMPERATURE,
            value=dubber.temperature,
            step=0.05,
            label="Temperature",
            info="Lower is steadier, higher is livelier and noisier.",
        ),
    }


def _seed() -> gr.Number:
    return gr.Number(
        0,
        label="Seed",
        precision=None,
        info="The same seed gives the same sound; another one, another take.",
        elem_id="seed",
    )


def problem_line(field: str, kinds: str = "", endings: list[str] | None = None, wrong: str = "") -> gr.HTML:
    """A line for what is wrong with a field; for files it speaks before anything is uploaded.

    Args:
        field: its name.
        kinds: beginnings of the types of its files.
        endings: of names of files that browsers know no type for.
        wrong: what is said of other files.
    """
    return gr.HTML(
        "",
        html_template=PROBLEM_TEMPLATE,
        apply_default_css=False,
        js_on_load=asset("file_check.js") if kinds else None,
        elem_id=f"{field}-problem",
        elem_classes="problem",
        field=field,
        kinds=kinds.split(),
        endings=endings or [],
        wrong=wrong,
        limit=MAX_FILE_BYTES,
        too_large=f"This file has more than {MAX_FILE_BYTES / 1e6:.0f} MB.",
    )


def note_line(field: str) -> gr.HTML:
    """A line about a field that is no mistake."""
    return gr.HTML(
        "",
        html_template=NOTE_TEMPLATE,
        apply_default_css=False,
        js_on_load=None,
        elem_id=f"{field}-note",
        elem_classes="note",
    )


# ---------------------------------------------------------------------------------------------------------------------
# Results


def _results(ready: Take | None, buttons: dict[str, gr.Button]) -> tuple[dict[str, Any], dict[str, Any], gr.Radio]:
    remarks = gr.HTML(
        "" if ready is None else f'<p class="ready">{ABOUT_READY}</p>{ready.remarks}',
        elem_id="remarks",
        js_on_load=None,
        apply_default_css=False,
    )
    with gr.Row(elem_id="videos"):
        videos = {
            name: gr.Video(
                value=None if ready is None else ready.files[kind],
                label=label,
                interactive=False,
                height=230,
                min_width=220,
                elem_id=name,
                buttons=[],
                visible=name == "dubbed" or ready is not None,
            )
            for name, kind, label in (("dubbed", "video", "Dubbed"), ("original", "original", "Original"))
        }
    with gr.Row(elem_id="downloads"):
        downloads = {
            kind: gr.DownloadButton(label, size="sm", min_width=100, visible=False, elem_id=f"download-{kind}")
            for kind, label in DOWNLOADS.items()
        }
    takes = gr.Radio([], label="Takes of this visit", visible=False, elem_id="takes")
    buttons["again"] = gr.Button("Another take (next seed)", visible=False, size="md", elem_id="again")
    shown = {
        "timeline": gr.HTML(
            "" if ready is None else ready.timeline(),
            elem_id="timeline",
            js_on_load=asset("timeline.js"),
            apply_default_css=False,
        ),
        "seconds": gr.HTML(
            "" if ready is None else ready.seconds, elem_id="seconds", js_on_load=None, apply_default_css=False
        ),
    }
    return {**videos, "remarks": remarks, **shown}, downloads, takes


def _moves(buttons: dict[str, gr.Button]) -> tuple[gr.Dataframe, gr.Accordion, gr.HTML]:
    """The table of the words' times, which can be edited and dubbed again."""
    with gr.Accordion("Move words", open=False, visible=False, elem_id="moves-fold") as fold:
        gr.Markdown("Change where words start and end, in seconds, then redo the dub with these times.")
        moves = gr.Dataframe(
            headers=["Word", "Start", "End"],
            datatype=["str", "number", "number"],
            column_count=(3, "fixed"),
            row_count=(1, "fixed"),
            type="array",
            static_columns=[0],
            interactive=True,
            show_label=False,
            max_height=320,
            elem_id="moves",
            buttons=[],
        )
        problem = problem_line("moves")
        buttons["redo"] = gr.Button("Redo with these times", size="md", elem_id="redo")
    return moves, fold, problem


def cancel_waiting(stopped: Any, made: Any, name: str) -> None:
    """Takes what still waits for its turn, or hears nobody, out of the line once Stop is through.

    gradio cancels where something is clicked, not in a `then`, so a button that nobody sees is.

    Args:
        stopped: the event of Stop.
        made: the event that makes the dub.
        name: of the button in the page.
    """
    button = gr.Button(visible="hidden", elem_id=name)
    stopped.then(None, js=f"() => document.querySelector('#{name}').click()")
    button.click(None, cancels=[made])
