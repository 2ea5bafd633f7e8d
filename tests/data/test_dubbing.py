"""From prepared features to batches: whole frames of phonemes, augmentation, padding."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch

from flowdubber_hf.data.augmentation import augment_crops, change_tempo, cut_silence, hold_frames, normalize_crops
from flowdubber_hf.data.dubbing import (
    DubbingClips,
    DubbingExample,
    KnownStates,
    ScriptChanges,
    SpokenScript,
    collate,
    phoneme_frames,
)
from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.processing.text import phoneme_ids
from support.dubbing_dataset import PHONEMES, write_dubbing_dataset


def frames(ends: list[float], optional: list[bool], count: int) -> list[int]:
    times = np.stack([np.array([0.0, *ends[:-1]]), np.array(ends)], axis=1)
    return phoneme_frames(times, np.array(optional), count).tolist()


def test_boundaries_go_to_the_nearest_frame():
    assert frames([0.2, 0.39, 0.41, 1.0], [False] * 4, 25) == [5, 5, 1, 14]
    assert frames([0.2, 0.2, 0.4, 1.0], [False, True, False, False], 25) == [5, 0, 5, 15]


def test_every_obligatory_phoneme_gets_a_frame():
    assert frames([0.01, 0.02, 0.03, 0.2], [False] * 4, 5) == [1, 1, 1, 2]
    assert frames([0.2, 0.2, 0.2, 0.2], [False] * 4, 5) == [2, 1, 1, 1]
    assert sum(frames([0.1, 0.5, 0.9, 1.3], [False] * 4, 30)) == 30  # the last one fills the clip
    with pytest.raises(ValueError, match="3 phonemes do not fit into 2"):
        frames([0.1, 0.2, 0.3], [False] * 3, 2)


@pytest.mark.parametrize("seed", range(20))
def test_random_times_give_whole_clips(seed):
    generator = np.random.default_rng(seed)
    ends = np.sort(generator.uniform(0, 1.6, 12)).tolist()
    optional = [index % 3 == 1 for index in range(12)]
    found = frames(ends, optional, 40)
    assert sum(found) == 40 and min(found) >= 0
    assert all(count >= 1 for count, flag in zip(found, optional, strict=True) if not flag)


def test_crops_are_centred_and_normalised():
    crops = np.zeros((2, 96, 96), np.uint8)
    crops[:, 4:92, 4:92] = 255
    values = normalize_crops(crops)
    assert values.shape == (2, 88, 88)
    assert values.min().item() == pytest.approx((1 - 0.421) / 0.165, rel=1e-5)


def test_augmentation_is_seeded_and_finite():
    crops = np.random.default_rng(0).integers(0, 256, (6, 96, 96), dtype=np.uint8)
    first, second = (augment_crops(crops, np.random.default_rng(seed)) for seed in (1, 1))
    other = augment_crops(crops, np.random.default_rng(2))
    assert first.shape == (6, 88, 88) and torch.isfinite(first).all()
    assert torch.equal(first, second) and not torch.equal(first, other)


def test_time_augmentation_keeps_order_and_bounds():
    generator = np.random.default_rng(0)
    phonemes = np.repeat([0, 1, 2, 3], [10, 3, 4, 8])
    for _ in range(50):
        kept = cut_silence(phonemes, generator)
        assert set(phonemes[kept]) == {0, 1, 2, 3} and (np.diff(kept) == 1).all()
        played = change_tempo(25, 0.12, generator)
        assert (np.diff(played) >= 0).all() and played.max() <= 24 and 22 <= len(played) <= 29
        held = hold_frames(25, generator)
        assert held.shape == (25,) and (held <= np.arange(25)).all() and (held != np.arange(25)).any()


def example(phonemes: int, num_frames: int, states: int | None) -> DubbingExample:
    generator = np.random.default_rng(phonemes)
    owners = np.sort(generator.integers(0, phonemes, num_frames))
    return DubbingExample(
        phonemes=np.arange(1, phonemes + 1),
        optional=np.zeros(phonemes, bool),
        frame_phonemes=owners,
        mel_phonemes=np.repeat(owners, 4),
        lips=torch.ones(num_frames, 8),
        mel=torch.ones(80, 4 * num_frames),
        style=np.ones(256, np.float32),
        semantic=None if states is None else KnownStates(np.ones((states, 5), np.float32)),
    )


def test_collate_pads_and_masks():
    batch = collate([example(4, 10, 6), example(6, 7, None)])
    assert batch["input_ids"].tolist() == [[1, 2, 3, 4, 0, 0], [1, 2, 3, 4, 5, 6]]
    assert batch["frame_path"].shape == (2, 6, 10) and batch["frame_path"].sum((1, 2)).tolist() == [10, 7]
    assert batch["path"].shape == (2, 6, 40) and batch["path"].sum((1, 2)).tolist() == [40, 28]
    assert batch["lip_mask"].sum(1).tolist() == [10, 7] and batch["mel_mask"].sum(1).tolist() == [40, 28]
    assert batch["lips"].shape == (2, 10, 8) and batch["mel"].shape == (2, 80, 40)
    assert batch["semantic_mask"].sum(1).tolist() == [6, 1] and batch["has_semantic"].tolist() == [True, False]
    assert batch["mel"][1, :, 28:].abs().sum() == 0


def test_the_tokens_of_each_phoneme_are_known_where_the_speech_is_the_clips_own():
    spoken, made_up = example(4, 10, None), example(4, 10, 6)
    spoken.mel_phonemes = np.repeat([0, 1, 2, 3], [12, 8, 6, 14])
    spoken.semantic = KnownStates(np.ones((9, 5), np.float32), first=4)  # 0.08 s into the clip, to 0.26 s
    batch = collate([spoken, made_up, example(4, 10, None)])
    assert batch["owners"][0].argmax(0).tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 2]
    assert batch["owners"].sum((1, 2)).tolist() == [9, 0, 0]
    spoken.semantic = KnownStates(spoken.semantic.states, 4, sounding=False)
    assert collate([spoken, made_up])["has_semantic"].tolist() == [False, True]


def test_collate_pads_to_a_given_length():
    batch, short = collate([example(4, 10, None)], 12), collate([example(4, 10, None)], 3)
    assert (
        batch["lips"].shape == (1, 12, 8) and batch["mel"].shape == (1, 80, 48) and batch["path"].shape == (1, 4, 48)
    )
    assert batch["frame_path"].shape == (1, 4, 12) and batch["mel_mask"].shape == (1, 48)
    assert batch["lip_mask"].sum() == 10 and batch["lips"][:, 10:].abs().sum() == 0
    assert short["lips"].shape == (1, 10, 8)


# ---------------------------------------------------------------------------------------------------- drawn scripts

SEEDS = range(12)
SILENCE = phoneme_ids(["sil"])[0]


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> FeatureStore:
    return FeatureStore(write_dubbing_dataset(tmp_path_factory.mktemp("data")))


def drawing(store: FeatureStore, **changes) -> DubbingClips:
    """Clips whose scripts are changed in nothing but what is named."""
    settled = {"tempo": 0.25, "left_out": 0.0, "added": 0.0, "unseen": 0.0, **changes}
    return DubbingClips(store, store.clips("train", "made"), changes=ScriptChanges(**settled))


def draw(clips: DubbingClips, seed: int, followers: int) -> SpokenScript:
    return clips.draw_script(seed % len(clips), np.random.default_rng(seed), followers)


def shown(clips: DubbingClips, script: SpokenScript) -> list[int]:
    """Whose each frame is by the clips themselves, counted over the joined script."""
    owners, before = [], 0
    for clip, rows in zip(script.clips, script.frames, strict=True):
        own = clips.timing(clip)[2]
        owners += (before + own[rows]).tolist()
        before += len(clips.timing(clip)[0]) - 1  # the silence between two is one
    return owners


@pytest.mark.parametrize("followers", [0, 1, 2])
def test_joined_scripts_know_whose_every_frame_is(store, followers):
    clips = drawing(store)
    for seed in SEEDS:
        script = draw(clips, seed, followers)
        assert script.owners.tolist() == shown(clips, script)
        assert (np.diff(script.owners) >= 0).all()
        names = PHONEMES + PHONEMES[1:] * followers
        assert script.phonemes.tolist() == phoneme_ids(names) and names.count("sil") == followers + 2
        assert script.optional.tolist() == [name == "sp" for name in names]
        assert len(script.clips) == followers + 1 and len({clip.speaker for clip in script.clips}) == 1
        assert len(script.owners) == sum(map(len, script.frames))


def test_pauses_between_sentences_are_drawn_out(store):
    short, long = (drawing(store, longest_pause=longest, tempo=0.0) for longest in (0, 60))
    silent = {True: [], False: []}
    for seed in SEEDS:
        for clips in (short, long):
            script = draw(clips, seed, 1)
            silent[clips is long].append(int((script.owners == len(PHONEMES) - 1).sum()))
    assert max(silent[True]) > 40 and max(silent[False]) < 25


def test_words_that_the_script_lacks_are_nobodys(store):
    lost = []
    for seed in SEEDS:
        whole = draw(drawing(store), seed, 2)
        less = draw(drawing(store, left_out=1.0), seed, 2)
        gone = len(whole.phonemes) - len(less.phonemes)
        assert len(less.owners) == len(whole.owners)
        kept = less.owners >= 0
        assert (less.phonemes[less.owners[kept]] == whole.phonemes[whole.owners[kept]]).all()
        at_start = gone > 0 and (whole.owners[~kept] <= gone).all()
        expected = np.arange(1, gone + 1) + (0 if at_start else len(whole.phonemes) - gone - 2)
        assert set(whole.owners[~kept]) <= set(expected)
        assert set(whole.owners[kept]).isdisjoint(expected)
        assert less.phonemes[0] == less.phonemes[-1] == SILENCE and not less.optional[[0, -1]].any()
        assert gone <= len(whole.phonemes) // 3 + 1
        lost.append((gone > 0, at_start))
    assert {(True, True), (True, False)} <= set(lost)


def test_frames_of_left_out_words_are_no_positives(store):
    clips = drawing(store, left_out=1.0)
    examples = [clips.alignment_example(seed % 8, np.random.default_rng(seed), 2) for seed in SEEDS]
    batch = collate(examples)
    for row, example in enumerate(examples):
        counted = batch["frame_path"][row, :, : len(example.frame_phonemes)].sum(0)
        assert counted.tolist() == (example.frame_phonemes >= 0).astype(float).tolist()
        assert batch["path"][row].sum() == 4 * counted.sum()
    assert any((example.frame_phonemes < 0).any() for example in examples)


def test_words_that_nobody_says_have_no_frame(store):
    places = set()
    for seed in SEEDS:
        plain, more = draw(drawing(store), seed, 1), draw(drawing(store, added=1.0), seed, 1)
        assert len(more.phonemes) == len(plain.phonemes) + 4
        assert (more.phonemes[more.owners] == plain.phonemes[plain.owners]).all()
        silent = np.setdiff1d(np.arange(len(more.phonemes)), more.owners)
        unsaid = silent[~more.optional[silent]]
        assert len(unsaid) == 3 and (np.diff(unsaid) == 1).all()
        at_start = unsaid[0] == 1
        assert at_start or unsaid[-1] == len(more.phonemes) - 2
        # A pause stands between them and the words that are said.
        assert more.optional[unsaid[-1] + 1 if at_start else unsaid[0] - 1]
        places.add(bool(at_start))
    assert places == {True, False}


def test_same_seed_same_script_and_pictures_of_the_same_number(store):
    clips = drawing(store, left_out=0.5, added=0.5, unseen=0.5)
    for seed in range(6):
        first, again = (clips.alignment_example(1, np.random.default_rng(seed), 2) for _ in range(2))
        assert torch.equal(first.lips, again.lips)
        assert first.frame_phonemes.tolist() == again.frame_phonemes.tolist()
        assert first.phonemes.tolist() == again.phonemes.tolist()
        assert len(first.lips) == len(first.frame_phonemes) == len(first.mel_phonemes) // 4
        script = clips.draw_script(1, np.random.default_rng(seed), 2)
        assert len(script.owners) == len(first.lips)  # what a step's common length is found by
    other = clips.alignment_example(1, np.random.default_rng(99), 2)
    assert other.lips.shape != first.lips.shape or not torch.equal(other.lips, first.lips)


def test_another_tempo_loses_no_phoneme(store):
    clips = drawing(store, tempo=0.6)
    lost, moved = False, set()
    for seed in range(60):
        index = seed % len(clips)
        owners = clips.timing(clips.clips[index])[2]
        rows = clips.moved_frames(index, np.random.default_rng(seed))
        assert set(owners[rows]) == set(owners)
        generator = np.random.default_rng(seed)
        kept = cut_silence(owners, generator)
        lost |= set(owners[kept[change_tempo(len(kept), 0.6, generator)]]) != set(owners)
        moved.add(len(rows) - len(kept))
    assert lost and min(moved) < 0 < max(moved)


def test_unseen_spans_are_told(store):
    generator = np.random.default_rng
    examples = [drawing(store, unseen=1.0).alignment_example(0, generator(seed)) for seed in range(5)]
    for example in examples:
        assert example.seen.shape == example.frame_phonemes.shape and not example.seen.all()
    seen = collate(examples)["seen_mask"]
    assert [row[: len(one.seen)].tolist() for row, one in zip(seen, examples, strict=True)] == [
        one.seen.tolist() for one in examples
    ]
    assert drawing(store).alignment_example(0, generator(0)).seen is None
    assert drawing(store, unseen=1.0).alignment_example(0, None).seen is None
    dubbing, lips = drawing(store, unseen=1.0), torch.zeros(25, 8)
    assert not dubbing.dubbing_example(0, generator(0), lips).seen.all()
    assert dubbing.dubbing_example(0, generator(0), None).seen is None
