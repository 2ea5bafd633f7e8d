"""Three examples that the project makes itself: a drawn head, a synthetic voice, a script. Nobody's face or voice is used."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass
from pathlib import Path

from ..demo import DEMO_SCRIPT, demo_reference, demo_speech, make_demo, make_talking_head
from ..processing.audio import SAMPLING_RATE
from ..processing.video import mux_audio, write_wav


@dataclass(frozen=True)
class Example:
    """Files and words of an example.

    Attributes:
        clip: mp4 of the drawn head.
        script: what its mouth says.
        voice: wav of the voice.
    """

    clip: Path
    script: str
    voice: Path


# Script, and pitch and vocal tract of the voice as multiples of the plain one's.
_OTHERS = (
    ("bin green with k four please", 1.7, 1.15),
    ("The train leaves at ten past nine.", 1.25, 1.05),
)


def make_examples(folder: Path) -> list[Example]:
    """Draws three clips, makes three voices, and writes them to `folder`; takes a few seconds.

    The first clip has a sound of its own, so that it can be heard before and after.
    """
    demo = make_demo(folder)
    spoken = mux_audio(demo.video, demo_speech(), SAMPLING_RATE, folder / "example_1.mp4")
    examples = [Example(spoken, DEMO_SCRIPT, demo.reference)]
    for number, (script, pitch, tract) in enumerate(_OTHERS, 2):
        clip, voice = folder / f"example_{number}.mp4", folder / f"voice_{number}.wav"
        make_talking_head(script, clip)
        write_wav(voice, demo_reference(pitch, tract))
        examples.append(Example(clip, script, voice))
    return examples
