"""The page's function for programs: the API endpoint `/dub` and the MCP tool `dub`."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from ..sampling import DEFAULT_GUIDANCE_SCALE, DEFAULT_STEPS
from .dubbing import Dubber
from .limits import Problems, Request


def add_api(dubber: Dubber, fields: dict[str, Any], queue: str) -> None:
    """Adds the endpoint to the page that is being built.

    Args:
        dubber: runs the models.
        fields: components of the page by the name of the parameter; sliders become plain numbers.
        queue: name of the line in which everybody waits.
    """
    inputs = [
        gr.Number(field.value, label=field.label, visible=False) if isinstance(field, gr.Slider) else field
        for field in fields.values()
    ]
    gr.on(
        [],
        api_handler(dubber),
        inputs=inputs,
        outputs=[gr.Video(visible=False, label="Dubbed clip"), gr.JSON(visible=False, label="Report")],
        api_name="dub",
        concurrency_id=queue,
        concurrency_limit=1,
    )


def api_handler(dubber: Dubber):
    """The function behind `/dub` and the MCP tool."""

    def dub(
        clip: str,
        script: str,
        voice: str | None = None,
        own_sound: bool = False,
        consent: bool = False,
        steps: int = DEFAULT_STEPS,
        guidance_scale: float = DEFAULT_GUIDANCE_SCALE,
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
