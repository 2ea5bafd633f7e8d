"""What the pipeline says of how a script is read, and a lexicon of the user."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from flowdubber_hf.processing.text import Lexicon
from support.pipeline_calls import inputs
from support.tiny_models import tiny_pipeline


def test_warnings_and_a_lexicon():
    pipe = tiny_pipeline()
    pipe.set_progress_bar_config(disable=True)
    script = "(laughs) blorptag now"
    plain = pipe(**inputs(script=script))
    others = len(plain.warnings[0]) - 2  # of the picture
    assert '"(laughs)"' in plain.warnings[0][0] and '"blorptag"' in plain.warnings[0][1]
    own = pipe(**inputs(script=script, lexicon=Lexicon({"blorptag": ("B", "AO1")})))
    assert own.phonemes[0] == ["sil", "B", "AO1", "sp", "N", "AW1", "sil"]
    assert len(own.warnings[0]) == 1 + others
