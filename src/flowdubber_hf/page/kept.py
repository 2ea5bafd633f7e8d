"""What a browser keeps of the page over a reload: script and settings, never clips, voices or consent."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from typing import Any

import gradio as gr

from .limits import MAX_SCRIPT_CHARACTERS, Problem, Request, check_settings


KEPT = ("script", "steps", "guidance_scale", "seed", "takes", "temperature")
_KEY = "flowdubber"


def keep_in_browser(demo: gr.Blocks, fields: dict[str, Any], max_takes: int) -> None:
    """Adds the store and its events to the page that is being built.

    Args:
        demo: the page.
        fields: components by the name of the API's parameter.
        max_takes: most takes that the server can choose from.
    """
    components = [fields[name] for name in KEPT]
    # The name of the key is no secret: it is sent to every browser. A drawn one would forget all at the server's next start.
    store = gr.BrowserState(None, storage_key=_KEY, secret=_KEY)
    quietly: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    demo.load(lambda kept: restored(kept, max_takes), store, components, **quietly)
    changes = [event for component in components for event in (component.change,)]
    gr.on(changes, None, components, store, js="(...values) => [values]", **quietly)


def restored(kept: Any, max_takes: int) -> list[Any]:
    """The kept values, where they are such as the page itself could have kept; otherwise those that stand there.

    Args:
        kept: what the browser sent, which may be anything.
        max_takes: most takes that the server can choose from.

    Returns:
        A value or a skip for each of `KEPT`.
    """
    if not isinstance(kept, list) or len(kept) != len(KEPT):
        return [gr.skip()] * len(KEPT)
    values = dict(zip(KEPT, kept, strict=True))
    script = values.pop("script")
    is_script = isinstance(script, str) and len(script) <= MAX_SCRIPT_CHARACTERS
    try:
        check_settings(Request(clip=None, script=None, **values), max_takes)
    except Problem:
        values = dict.fromkeys(values, gr.skip())
    return [script if is_script else gr.skip(), *values.values()]
