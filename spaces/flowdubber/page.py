# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""The page: fields, one button, results; the same behind the API endpoint `/dub` and the MCP tool `dub`."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from dubbing import Dub, Dubber, playable
from figures import draw_seconds, draw_timeline, draw_warnings
from flowdubber_hf.extras import absent
from limits import (
    FIELDS,
    GUIDANCE,
    MAX_FILE_BYTES,
    MAX_SCRIPT_CHARACTERS,
    MAX_SEED,
    MAX_VOICE_SECONDS,
    QUEUE_LENGTH,
    STEPS,
    TAKES,
    TEMPERATURE,
    Problem,
    Problems,
    Request,
    check_clip,
    max_clip_seconds,
)
from samples import make_examples


HERE = Path(__file__).parent
KEPT_SECONDS = 3600  # uploads and results, before they are deleted from the server
QUEUE = "dub"  # the page and the API wait in one line: the models serve one visitor at a time

ABOUT_BUNDLED = (
    "**What to expect.** A small model that learned the six-word commands of the GRID corpus (“place blue at f two now”) best and "
    "everyday English less well. One face, seen from the front; clips of up to {seconds:g} s. The voice is copied only roughly."
)
ABOUT_OTHER = (
    "**What to expect.** This Space runs the model `{model}`; its card says what it can and cannot do. English, one face seen from "
    "the front, clips of up to {seconds:g} s."
)
SYNTHETIC = (
    "The speech is synthetic, and every file made here says so in its metadata. Say so too where you publish it."
)
CONSENT = "The person in the clip and the owner of the voice have agreed to this dub."
BUNDLED_MODEL = "flowdubber-grid-tiny"

PROBLEM_TEMPLATE = '{{#if value}}<p role="alert">{{value}}</p>{{/if}}'


def build_demo(dubber: Dubber, model: str = BUNDLED_MODEL) -> gr.Blocks:
    """The Space's page.

    Args:
        dubber: runs the models.
        model: their name, for the notice.
    """
    seconds = max_clip_seconds()
    with gr.Blocks(
        title="FlowDubber", analytics_enabled=False, delete_cache=(KEPT_SECONDS // 6, KEPT_SECONDS)
    ) as demo:
        _heading(model, seconds)
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=5, min_width=320, elem_id="inputs"):
                fields, problems, examples = _inputs(dubber, seconds)
            with gr.Column(scale=7, min_width=320, elem_id="results"):
                button = gr.Button("Dub the clip", variant="primary", size="lg", elem_id="dub")
                results = _results()
        _wire(dubber, fields, problems, examples, button, results)
    demo.queue(max_size=QUEUE_LENGTH, default_concurrency_limit=1)
    return demo


def launch_settings() -> dict[str, Any]:
    """What `launch` needs beside the page itself."""
    return {
        "theme": _theme(),
        "css_paths": HERE / "page.css",
        "max_file_size": 2 * MAX_FILE_BYTES,  # a hard stop; the page says what is too large before it is sent
        "footer_links": ["api"],
        "run_history": False,
        "show_error": True,
        "ssr_mode": False,
        "mcp_server": _can_serve_mcp(),
    }


def _theme() -> gr.themes.Base:
    """Gradio's own with another colour, and text and buttons that stand out enough to be read (WCAG AA)."""
    button = {
        f"button_primary_background_fill{state}{scheme}": f"*primary_{shade}"
        for state, shade in (("", 700), ("_hover", 800))
        for scheme in ("", "_dark")
    }
    return gr.themes.Default(primary_hue="teal", neutral_hue="slate").set(
        body_text_color_subdued="*neutral_500", block_info_text_color="*neutral_500", **button
    )


def _can_serve_mcp() -> bool:
    """Whether gradio's extra `mcp` is installed."""
    return not absent(["mcp"])


# ---------------------------------------------------------------------------------------------------------- components


def _heading(model: str, seconds: float) -> None:
    about = ABOUT_BUNDLED if model == BUNDLED_MODEL else ABOUT_OTHER
    gr.Markdown(
        "# FlowDubber\nGive a clip of somebody speaking, the words to be said, and a short recording of a voice. You get the "
        "clip with these words in that voice, in time with the lips.",
        elem_id="heading",
    )
    gr.Markdown(f"{about.format(model=model, seconds=seconds)} {SYNTHETIC}", elem_id="notice")


def _inputs(dubber: Dubber, seconds: float) -> tuple[dict[str, Any], dict[str, gr.HTML], gr.Examples]:
    """Fields by the name of the API's parameter, the line for what is wrong with each, and the examples."""
    problems: dict[str, gr.HTML] = {}
    examples_place = gr.Column(elem_id="examples-place")
    clip = gr.Video(
        label=f"Clip of the speaker (up to {seconds:g} s)",
        sources=["upload", "webcam"],
        include_audio=True,
        # Without a wish of ours a camera gives the largest picture it has.
        webcam_options=gr.WebcamOptions(constraints={"video": {"width": {"ideal": 1280}, "height": {"ideal": 720}}}),
        elem_id="clip",
        buttons=[],
    )
    problems["clip"] = _problem_line(
        "clip", kinds=["video/"], wrong="This is not a video file. Give mp4, mov, webm, mkv or avi."
    )
    script = gr.Textbox(
        label="Script",
        placeholder="place blue at f two now",
        lines=1,
        max_lines=4,
        max_length=MAX_SCRIPT_CHARACTERS,
        elem_id="script",
    )
    problems["script"] = _problem_line("script")
    voice = gr.Audio(
        label=f"Voice to copy (1 to {MAX_VOICE_SECONDS:g} s)",
        sources=["upload", "microphone"],
        type="filepath",
        elem_id="voice",
        buttons=[],
    )
    own_sound = gr.Checkbox(label="Take the clip's own sound as the voice", elem_id="own-sound")
    problems["voice"] = _problem_line(
        "voice", kinds=["audio/"], wrong="This is not a sound file. Give wav, mp3, flac, ogg or m4a."
    )
    consent = gr.Checkbox(label=CONSENT, elem_id="consent")
    problems["consent"] = _problem_line("consent")
    with gr.Accordion("Advanced", open=False, elem_id="advanced"):
        settings = _settings(dubber)
    problems["settings"] = _problem_line("settings")
    fields = {"clip": clip, "script": script, "voice": voice, "own_sound": own_sound, "consent": consent, **settings}
    with TemporaryDirectory(prefix="flowdubber-examples-") as folder, examples_place:
        made = make_examples(Path(folder))
        examples = gr.Examples(
            [[str(one.clip), one.script, str(one.voice)] for one in made],
            inputs=[clip, script, voice],
            example_labels=[one.script for one in made],
            label="Try an example (drawn head, synthetic voice)",
            cache_examples=False,
            api_visibility="private",
            elem_id="examples",
        )
    for component in (clip, voice):  # gradio itself spares the clips only when it deletes old files
        component.keep_in_cache |= component.temp_files
    return fields, problems, examples


def _settings(dubber: Dubber) -> dict[str, Any]:
    return {
        "steps": gr.Slider(*STEPS, value=10, step=1, label="Steps", info="More are slower and rarely better."),
        "guidance_scale": gr.Slider(
            *GUIDANCE,
            value=1.4 if dubber.can_guide else 1.0,
            step=0.1,
            label="Guidance",
            info="How much the speech plan is stressed; 1 is none and is faster.",
            visible=dubber.can_guide,
        ),
        "seed": gr.Number(
            0, label="Seed", precision=None, info="The same seed gives the same sound; another one, another take."
        ),
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


def _problem_line(field: str, kinds: list[str] | None = None, wrong: str = "") -> gr.HTML:
    """A line for what is wrong with a field; for files it speaks before anything is uploaded."""
    too_large = f"This file has more than {MAX_FILE_BYTES / 1e6:.0f} MB."
    return gr.HTML(
        "",
        html_template=PROBLEM_TEMPLATE,
        apply_default_css=False,
        js_on_load=(HERE / "file_check.js").read_text(encoding="utf-8") if kinds else None,
        elem_id=f"{field}-problem",
        elem_classes="problem",
        field=field,
        kinds=kinds,
        wrong=wrong,
        limit=MAX_FILE_BYTES,
        too_large=too_large,
    )


def _results() -> dict[str, Any]:
    with gr.Row(elem_id="videos"):
        dubbed = gr.Video(
            label="Dubbed", interactive=False, height=280, min_width=240, elem_id="dubbed", buttons=["download"]
        )
        original = gr.Video(
            label="Original",
            interactive=False,
            height=280,
            min_width=240,
            elem_id="original",
            buttons=[],
            visible=False,
        )
    remarks = gr.HTML("", elem_id="remarks", js_on_load=None, apply_default_css=False)
    again = gr.Button("Another take (next seed)", visible=False, size="md", elem_id="again")
    follow = (HERE / "timeline.js").read_text(encoding="utf-8")
    timeline = gr.HTML("", elem_id="timeline", js_on_load=follow, apply_default_css=False)
    seconds = gr.HTML("", elem_id="seconds", js_on_load=None, apply_default_css=False)
    return {
        "dubbed": dubbed,
        "original": original,
        "remarks": remarks,
        "timeline": timeline,
        "seconds": seconds,
        "again": again,
    }


# -------------------------------------------------------------------------------------------------------------- events


def _wire(
    dubber: Dubber,
    fields: dict[str, Any],
    problems: dict[str, gr.HTML],
    examples: gr.Examples,
    button: gr.Button,
    results: dict[str, Any],
) -> None:
    inputs = list(fields.values())
    lines = [problems[name] for name in FIELDS]
    shown = list(results.values())
    run = page_handler(dubber)

    quietly = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    fields["own_sound"].change(lambda own: gr.Audio(visible=not own), fields["own_sound"], fields["voice"], **quietly)
    gr.on(
        [fields["clip"].upload, fields["clip"].stop_recording],
        prepare_clip,
        fields["clip"],
        [fields["clip"], problems["clip"]],
        show_progress_on=[fields["clip"]],
        concurrency_limit=2,
        api_visibility="private",
    )
    for name in ("clip", "voice"):
        fields[name].clear(lambda: "", None, problems[name], **quietly)
    examples.load_input_event.then(lambda: [""] * len(lines), None, lines, **quietly)
    settings = {
        "inputs": inputs,
        "outputs": [*lines, *shown],
        "show_progress_on": [results["dubbed"]],
        "concurrency_id": QUEUE,
        "concurrency_limit": 1,
        "api_visibility": "private",
    }
    started = gr.on([button.click, fields["script"].submit], run, **settings)
    next_seed = results["again"].click(
        lambda seed: (int(seed or 0) + 1) % (MAX_SEED + 1),
        fields["seed"],
        fields["seed"],
        **quietly,
    )
    repeated = next_seed.then(run, **settings)
    for event in (started, repeated):
        event.then(None, js=(HERE / "show_outcome.js").read_text(encoding="utf-8"))

    api_settings = [
        gr.Number(field.value, label=field.label, visible=False) if isinstance(field, gr.Slider) else field
        for field in inputs
    ]
    gr.on(
        [],
        api_handler(dubber),
        inputs=api_settings,
        outputs=[gr.Video(visible=False, label="Dubbed clip"), gr.JSON(visible=False, label="Report")],
        api_name="dub",
        concurrency_id=QUEUE,
        concurrency_limit=1,
    )


def prepare_clip(clip: str | None) -> Iterator[tuple[Any, str]]:
    """As soon as a clip is given: what is wrong with it, and a copy that the browser can show if need be."""
    if clip is None:
        yield None, ""
        return
    with TemporaryDirectory(prefix="flowdubber-") as folder:
        try:
            check_clip(clip)
            shown = playable(Path(clip), Path(folder))
        except Problem as problem:
            yield None, str(problem)
        else:
            yield gr.skip() if shown == Path(clip) else str(shown), ""


def page_handler(dubber: Dubber):
    """The button's function: a problem for each field, then what is shown of the result."""
    nothing = (gr.skip(),) * 6

    def run(
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
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio looks for it there
    ) -> Iterator[tuple]:
        request = Request(clip, script, voice, own_sound, consent, steps, guidance_scale, seed, takes, temperature)
        yield (*_problem_texts({}), *nothing)
        with TemporaryDirectory(prefix="flowdubber-") as folder:
            try:
                dub = dubber.dub(request, Path(folder), progress)
            except Problems as found:
                yield (*_problem_texts(found.by_field), *nothing)
            else:
                yield (*_problem_texts({}), *_shown(dub))  # copied by gradio before the folder goes

    return run


def _problem_texts(by_field: dict[str, str]) -> list[str]:
    return [by_field.get(field, "") for field in FIELDS]


def _shown(dub: Dub) -> tuple:
    return (
        str(dub.video),
        gr.Video(str(dub.original), visible=True),
        draw_warnings(dub.warnings, dub.takes),
        draw_timeline(dub.sound, dub.own_sound, dub.words, dub.mouths, dub.duration),
        draw_seconds(dub.seconds, dub.duration),
        gr.Button(visible=True),
    )


def api_handler(dubber: Dubber):
    """The function behind `/dub` and the MCP tool."""

    def dub(
        clip: str,
        script: str,
        voice: str | None = None,
        own_sound: bool = False,
        consent: bool = False,
        steps: int = 10,
        guidance_scale: float = 1.4,
        seed: int = 0,
        takes: int = 1,
        temperature: float | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio looks for it there
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Dubs a clip: speaks a script in a given voice, in time with the lips seen in the clip. English, one face.

        Args:
            clip: video of one person seen from the front (mp4, mov, webm, mkv, avi), at most 20 s and 50 MB.
            script: the words to be spoken, at most 400 characters.
            voice: recording of the voice, 1 to 30 s (wav, mp3, flac, ogg, m4a); not needed with own_sound.
            own_sound: take the clip's own sound as the voice.
            consent: must be true: the person in the clip and the owner of the voice have agreed to this dub.
            steps: steps of the flow, 1 to 50.
            guidance_scale: how much the speech plan is stressed, 1 (none) to 4.
            seed: the same seed gives the same sound.
            takes: make so many, 1 to 4, and keep the best by voice, then words.
            temperature: 0 to 1.5; lower is steadier. The model's own where left out.

        Returns:
            The dubbed clip, and a report: duration, word times in seconds, seed, takes, warnings, seconds of work by stage.
        """
        request = Request(clip, script, voice, own_sound, consent, steps, guidance_scale, seed, takes, temperature)
        with TemporaryDirectory(prefix="flowdubber-") as folder:
            try:
                made = dubber.dub(request, Path(folder), progress)
            except Problems as problems:
                raise gr.Error(str(problems), print_exception=False) from problems
            yield str(made.video), made.report()

    return dub
