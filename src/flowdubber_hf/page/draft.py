"""A first draft of the script: what a recogniser hears in the clip's own sound, where one is installed."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from ..extras import absent
from ..metrics.recognition import recognize_words
from ..processing.audio import load_audio
from .limits import MAX_CLIP_SECONDS, MAX_SCRIPT_CHARACTERS, Problem, check_clip


RECOGNISER = "pocketsphinx"
ABOUT_DRAFT = "A draft: what a small recogniser heard in the clip. It mishears much; correct it before you dub."


def can_draft() -> bool:
    """Whether the recogniser is installed; it is not imported."""
    return not absent([RECOGNISER])


def draft_script(clip: str | None, max_seconds: float = MAX_CLIP_SECONDS) -> str:
    """Words heard in a clip, in lower case, as many as a script may have.

    Raises:
        Problem: no clip, no sound, no words.
    """
    check_clip(clip, max_seconds)
    try:
        sound = load_audio(clip)
    except ValueError as error:
        raise Problem("This clip has no sound of its own that can be read. Type the words.") from error
    words = recognize_words(sound, grammar=None)
    if not words:
        raise Problem("No words were heard in the clip's own sound. Type them.")
    draft = " ".join(words)
    return draft if len(draft) <= MAX_SCRIPT_CHARACTERS else draft[:MAX_SCRIPT_CHARACTERS].rpartition(" ")[0]
