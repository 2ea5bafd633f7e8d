"""What a dub can be asked for, in one place that imports nothing heavy."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

#: Where a dub's timing comes from: the lips, or the clip's length alone, from its start at a natural tempo.
TIMINGS = ("lips", "cue")
#: Parts of the method that a call can do without, to show what each is worth: the language model's knowledge (LLM-SL), the
#: timing read from the lips (DCA), the voice (the style vector of SATL and of every style-adaptive norm).
PARTS = ("semantics", "lips", "style")
#: Degrees counter-clockwise by which a picture may lie.
TURNS = (0, 90, 180, 270)

#: Where guidance is applied: to the velocity of each step, which takes two evaluations of the vector field (the paper's), or once to
#: the prior that conditions it, which takes one.
GUIDANCE_FORMS = ("velocity", "prior")
#: Of a dub: steps of the solver, and w = 1 + alpha of the guidance.
DEFAULT_STEPS, DEFAULT_GUIDANCE_SCALE = 4, 1.4
MAX_STEPS, MAX_GUIDANCE_SCALE, MAX_STYLE_GUIDANCE_SCALE, MAX_TEMPERATURE = 1000, 20, 5, 10
#: Takes of which one is kept.
MAX_TAKES = 64


def check_takes(count: int) -> None:
    """Raises `ValueError` if the number of takes is above the limit."""
    if not 1 <= count <= MAX_TAKES:
        raise ValueError(f"--best-of must lie between 1 and {MAX_TAKES}, got {count}.")
