"""Long clips: how they are split, and that what is computed piece by piece is what the whole gives."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from itertools import pairwise

import numpy as np
import pytest
import torch

from flowdubber_hf.models.aligner.lip_encoder import LIP_BLOCK_FRAMES
from flowdubber_hf.pipelines.flowdubber import passes
from flowdubber_hf.pipelines.flowdubber.passes import (
    Pass,
    given_frames,
    group_passes,
    joined_frames,
    paths_of,
    split_clip,
    vocode,
    whole_clip,
)
from flowdubber_hf.processing.text import phonemize
from support.pipeline_calls import frames, inputs
from support.tiny_models import tiny_aligner, tiny_hifigan, tiny_pipeline


SENTENCE = "Bin blue at two, please."


def frames_of(phonemization, sentence=50, clause=10, spoken=4):
    """Video frames of each phoneme: pauses between words none."""
    lengths = {"": spoken, "word": 0, "clause": clause, "sentence": sentence, "edge": 25}
    return np.array([lengths[kind] for kind in phonemization.pauses])


def test_parts_of_a_script_join_to_the_whole():
    whole = phonemize("Bin blue. At two, please. Now set red.")
    place = whole.pauses.index("sentence")
    first, second = whole.part(0, place), whole.part(place, len(whole.phonemes) - 1)
    assert first.words + second.words == whole.words
    assert first.phonemes == whole.phonemes[: place + 1] and second.phonemes == whole.phonemes[place:]
    assert first.pauses == ["edge", *whole.pauses[1:place], "edge"]
    assert second.pauses[1:] == whole.pauses[place + 1 :]
    assert second.word_index[1] == 0
    assert second.punctuated == "at two, please. now set red."


def test_a_long_clip_is_split_where_sentences_end():
    script = phonemize(" ".join([SENTENCE] * 12))
    counts = frames_of(script)
    split = split_clip(0, script, counts, natural=False)
    assert len(split) > 3 and [word for one in split for word in one.phonemization.words] == script.words
    assert split[0].start == 0 and split[-1].stop == counts.sum()
    ends = np.cumsum(counts)
    for one, following in pairwise(split):
        assert one.stop == following.start
        assert script.pauses[following.first] == "sentence"
        assert ends[following.first - 1] < one.stop < ends[following.first]  # inside the pause
        assert 4 * 25 < one.num_frames <= 20 * 25
        assert one.spoken is None


def test_without_ends_of_sentences_clauses_and_words_serve():
    script = phonemize(", ".join(["bin blue at two please now"] * 12))
    split = split_clip(0, script, frames_of(script, clause=12), natural=True)
    assert len(split) > 2 and all(script.pauses[one.first] == "clause" for one in split[1:])
    assert all(one.start < one.spoken[0] < one.spoken[1] < one.stop for one in split)
    breathless = phonemize(" ".join(["bin blue at two please now"] * 12))
    assert len(split_clip(0, breathless, frames_of(breathless), natural=False)) == 1


def test_given_frames_are_cut_at_the_seams_and_join_again():
    script = phonemize(" ".join([SENTENCE] * 12))
    video = frames_of(script)
    counts = 4 * video
    counts[1:-1:2] += 1
    counts[-1] += -counts.sum() % 4
    split = split_clip(0, script, np.diff(np.cumsum(counts) // 4, prepend=0), natural=False)
    cut = [given_frames(one, counts) for one in split]
    assert [row.sum() for row in cut] == [4 * one.num_frames for one in split] and min(map(min, cut)) >= 0
    np.testing.assert_array_equal(joined_frames(split, cut, len(counts)), counts)
    assert paths_of(cut, split).sum(1).max() == 1


def test_groups_are_as_large_as_the_memory_allows(monkeypatch):
    script = phonemize("at two")  # seven phonemes
    short = [whole_clip(row, script, 100) for row in range(5)]
    assert group_passes(short) == [short]
    monkeypatch.setattr(passes, "_GROUP_CELLS", 2 * 7 * 400)
    assert [len(group) for group in group_passes(short)] == [2, 2, 1]
    assert [len(group) for group in group_passes([whole_clip(0, script, 10_000), *short])] == [1, 2, 2, 1]


# ---------------------------------------------------------------------------------------------------- models


def test_lips_read_in_pieces_are_those_read_whole(monkeypatch):
    torch.manual_seed(0)
    encoder = tiny_aligner().eval().lip_encoder
    values = torch.randn(2, 57, encoder_side(encoder), encoder_side(encoder))
    mask = torch.arange(57) < torch.tensor([[57], [40]])
    mask[0, 20:26] = False
    with torch.no_grad():
        whole = encoder(values, mask)
        monkeypatch.setattr("flowdubber_hf.models.aligner.lip_encoder.LIP_BLOCK_FRAMES", 16)
        pieces = encoder(values, mask)
        torch.testing.assert_close(pieces, whole, atol=1e-5, rtol=1e-4)
        monkeypatch.setattr(encoder, "reach", encoder.reach - 1)
        assert not torch.allclose(encoder(values, mask), whole, atol=1e-5, rtol=1e-4)  # not one frame too many
    assert LIP_BLOCK_FRAMES > 57


def encoder_side(encoder) -> int:
    return 88 if encoder.stem.kernel_size[1] > 3 else 44


def test_a_plan_is_the_search_of_the_whole():
    torch.manual_seed(1)
    aligner = tiny_aligner(num_duration_layers=1, duration_hidden_size=16, path_steps_per_frame=1).eval()
    script = phonemize("bin blue at two")
    ids, pauses = torch.tensor([script.ids]), torch.tensor([script.pause_ids])
    mask, optional = torch.ones_like(ids, dtype=torch.bool), torch.tensor([script.optional])
    lips = torch.randn(1, 60, aligner.config.hidden_size)
    seen = torch.ones(1, 60, dtype=torch.bool)
    seen[0, 10:15] = False
    style = torch.randn(1, aligner.config.style_size)
    with torch.no_grad():
        whole = aligner.encode(
            ids,
            mask,
            optional,
            lip_mask=torch.ones_like(seen),
            style=style,
            lip_features=lips,
            seen_mask=seen,
            pause_ids=pauses,
        )
        plan = aligner.plan(ids, mask, style, lips, torch.ones_like(seen), seen, pauses)
    torch.testing.assert_close(plan.frames * 4, whole.path.sum(2).long())
    assert plan.heeded.tolist() == (whole.telling >= 1).tolist()


# ---------------------------------------------------------------------------------------------------- dubs


@pytest.fixture(scope="module")
def pipe():
    torch.manual_seed(0)
    aligner = tiny_aligner(num_duration_layers=1, duration_hidden_size=16).eval()
    torch.nn.init.zeros_(aligner.duration_predictor.out.weight)  # every phoneme lasts 80 ms
    torch.nn.init.zeros_(aligner.duration_predictor.out.bias)
    return tiny_pipeline(aligner=aligner)


def long_call(**changed) -> dict:
    script = " ".join([SENTENCE] * 6)
    return inputs(**{"script": script, "video": frames(300), "num_inference_steps": 1, **changed})


@pytest.fixture
def short_passes(monkeypatch):
    """Clips of more than 4 s are long, a pass is 2 to 5 s."""
    monkeypatch.setattr("flowdubber_hf.pipelines.flowdubber.aligning.WHOLE_SECONDS", 4.0)
    for name, value in {"_LEAST_SECONDS": 1.0, "_WANTED_SECONDS": 3.0, "_MOST_SECONDS": 5.0}.items():
        monkeypatch.setattr(passes, name, value)


@pytest.mark.parametrize("timing", ["lips", "cue"])
def test_a_long_clip_is_dubbed_whole(pipe, short_passes, timing):
    box = {"mouth_box": None} if timing == "cue" else {}
    dub = pipe(**long_call(timing=timing, **box))
    assert dub.audios[0].shape == (300 * 640,) and torch.isfinite(dub.audios[0]).all()
    assert [word for word, _, _ in dub.words[0]] == phonemize(long_call()["script"]).words
    starts = [start for _, start, _ in dub.words[0]]
    assert starts == sorted(starts)
    assert dub.phoneme_frames[0].sum() == 1200
    again = pipe(**long_call(timing=timing, phoneme_frames=dub.phoneme_frames[0], **box))
    np.testing.assert_array_equal(again.phoneme_frames[0], dub.phoneme_frames[0])


def test_a_long_clip_stands_beside_short_ones(pipe, short_passes):
    scripts = ["at two", long_call()["script"]]
    clips = [frames(60, seed=3), frames(300)]
    both = pipe(**long_call(script=scripts, video=clips, without=["semantics"], output_type="latent"))
    alone = pipe(**long_call(script=scripts[0], video=clips[0], without=["semantics"]))
    np.testing.assert_array_equal(both.phoneme_frames[0], alone.phoneme_frames[0])
    assert both.alignments[0] is not None and both.alignments[1] is None


def test_words_stay_where_the_plan_has_them_without_lips(pipe, short_passes):
    dub = pipe(**long_call(without=["lips", "semantics"]))
    first, last = dub.words[0][0], dub.words[0][-1]
    assert first[1] + last[2] == pytest.approx(12.0, abs=0.4)  # in the middle of the clip, all of it
    gaps = [b[1] - a[2] for a, b in pairwise(dub.words[0])]
    assert max(gaps) < 1.5


def test_the_language_model_writes_each_pass(pipe, short_passes, monkeypatch):
    written = []
    original = type(pipe.semantic_model).generate_semantics

    def watched(model, input_ids, *args, **options):
        written.append(len(input_ids))
        return original(model, input_ids, *args, **options)

    monkeypatch.setattr(type(pipe.semantic_model), "generate_semantics", watched)
    pipe(**long_call())
    assert written[0] > 1


def test_a_library_vocoder_is_given_pieces_that_overlap(monkeypatch):
    torch.manual_seed(0)
    vocoder = tiny_hifigan().eval()
    mel = torch.randn(1, 200, 80)
    with torch.no_grad():
        whole = vocode(vocoder, mel)
        monkeypatch.setattr(passes, "_VOCODER_FRAMES", 64)
        torch.testing.assert_close(vocode(vocoder, mel), whole, atol=1e-5, rtol=1e-4)


def test_a_pass_knows_its_length():
    assert Pass(0, phonemize("at two"), 0, 10, 35).num_frames == 25
