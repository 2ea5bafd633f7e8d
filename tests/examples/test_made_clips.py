"""Clips that the benchmarks make of others: joined sentences keep their words' times, pauses and lengths; hard pictures are hard."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json

import numpy as np
import pytest

from flowdubber_hf.evaluation.clips import EvaluationClip, pair_clips, read_clips
from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.encoding import write_silent_video
from flowdubber_hf.processing.video import iter_frames, probe_video, write_wav
from support.training_runs import load_script


pytestmark = pytest.mark.slow


FRAMES, SIZE = 25, 640
GREYS = (60, 120, 180)  # of each clip's picture, by which a joined clip's frames are told apart


@pytest.fixture(scope="module")
def made(repository):
    """examples/made_clips.py as a module."""
    return load_script(repository, "made_clips")


def sound_of(number: int, frames: int = FRAMES) -> np.ndarray:
    """A ramp, so that every sample tells where it was."""
    return (0.1 * (number + 1) + 0.05 * np.arange(frames * SIZE) / (frames * SIZE)).astype(np.float32)


def write_clip(folder, number: int, start: float = 0.32, end: float = 0.6) -> EvaluationClip:
    """One second of one grey with two words between `start` and `end`."""
    picture = np.full((32, 48, 3), GREYS[number % len(GREYS)], np.uint8)
    write_silent_video(folder / f"{number}.mp4", [picture] * FRAMES, 10)
    write_wav(folder / f"{number}.wav", sound_of(number))
    words = (("bin", start, start + 0.12), ("now", start + 0.12, end))
    return EvaluationClip(
        str(number), f"x/{number}", "x", "bin now", folder / f"{number}.mp4", folder / f"{number}.wav", words
    )


@pytest.fixture
def clips(tmp_path):
    return [write_clip(tmp_path, number) for number in range(3)]


def test_short_pauses_cut_the_silences_and_long_ones_draw_them_out(made, clips):
    joined = made.join(clips, [0.2, 2.0])
    # Speech is frames 8 to 15 of each; ten frames behind it, eight before.
    assert [len(stretch.frames) for stretch in joined.stretches] == [15 + 3, 2 + 7 + 42, 8 + 17]
    assert joined.stretches[1].frames[:2].tolist() == [6, 7]
    held = joined.stretches[1].frames[9:]
    assert held[:22].tolist() == [*range(15, 25), *range(23, 14, -1), 16, 17, 18]
    assert joined.num_frames == 94
    assert joined.pauses == pytest.approx((0.2, 2.0))
    assert joined.text == "bin now. bin now. bin now."


def test_word_times_are_where_the_sound_is(made, clips):
    joined = made.join(clips, [0.6, 1.4])
    sound = joined.sound()
    assert sound.shape == (SIZE * joined.num_frames,)
    assert [word for word, _, _ in joined.words] == ["bin", "now"] * 3
    for number, (_, start, _) in enumerate(joined.words):
        own = clips[number // 2].words[number % 2][1]
        there, here = round(start * 16000), round(own * 16000)
        assert sound[there : there + 800] == pytest.approx(sound_of(number // 2)[here : here + 800], abs=1e-4)
    for (_, _, end), (_, start, _) in zip(joined.words[1:-1:2], joined.words[2::2], strict=True):
        assert start > end
    assert (
        max(np.abs(np.diff(sound[round(joined.words[1][2] * 16000) : SIZE * len(joined.stretches[0].frames)]))) < 1e-3
    )


def test_speech_within_a_frame_and_without_silence(made, tmp_path):
    clips = [write_clip(tmp_path, 0, 0.33, 1.0), write_clip(tmp_path, 1, 0.0, 0.59)]
    joined = made.join(clips, [0.5])
    assert joined.pauses[0] == pytest.approx(0.44)  # 12 frames, of which the first is still speech
    assert joined.num_frames == 24 + 12 + 25
    assert made.join(clips[1:], []).num_frames == FRAMES
    with pytest.raises(ValueError, match="1 pauses"):
        made.join(clips, [])
    with pytest.raises(ValueError, match="no word times"):
        made.join([EvaluationClip("a", "a", "x", "bin", clips[0].video, clips[0].audio)], [])


def test_pauses_are_drawn_from_their_range_and_the_same_every_time(made, clips):
    first, second = (made.join_all(clips * 4, 3) for _ in range(2))
    pauses = [pause for joined in first for pause in joined.pauses]
    assert len(first) == 4 and pauses == [pause for joined in second for pause in joined.pauses]
    assert len(set(pauses)) > 4 and min(pauses) >= 0.16 and max(pauses) <= 2.04
    with pytest.raises(ValueError, match="too few"):
        made.join_all(clips, 4)


def test_the_long_clip_is_as_long_as_it_has_to_be(made, clips):
    assert len(made.join_long(clips).stretches) == 3
    joined = made.join_long(clips * 40)
    assert 60 <= joined.num_frames / 25 < 63.5
    assert 20 <= made.join_long(clips * 40, 20.0).num_frames / 25 < 26


@pytest.fixture
def grid(made, clips, tmp_path):
    """The clips as a corpus: two speakers of `zero_shot`, one of `dev`."""
    rows = []
    for split, speaker in (("dev", "s1"), ("zero_shot", "s2"), ("zero_shot", "s26")):
        for clip in clips:
            name = f"{speaker}_{clip.name}.mp4"
            (tmp_path / name).write_bytes(clip.video.read_bytes())
            files = {"video": name, "audio": clip.audio.name}
            rows.append({**files, "speaker": speaker, "text": clip.text, "split": split, "words": clip.words})
    (tmp_path / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_joined_corpus(made, grid, tmp_path, monkeypatch):
    folder = made.make_clips("joined_3", grid, tmp_path / "out")
    found, recordings = read_clips(folder, "joined_3")
    (clip,) = pair_clips(found, 2, folder, recordings).clips
    joined = made.join_all(read_clips(grid, "dev")[0].clips, 3)[0]
    assert clip.text == joined.text and clip.words == joined.words
    assert probe_video(clip.video).num_frames == joined.num_frames
    assert len(load_audio(clip.audio)) == SIZE * joined.num_frames
    greys = [float(picture.mean()) for picture in iter_frames(clip.video, "rgb24")]
    expected = np.repeat(GREYS, [len(stretch.frames) for stretch in joined.stretches])
    assert greys == pytest.approx(expected.tolist(), abs=4)
    assert clip.reference.path.parent.name == "voices"
    assert load_audio(clip.reference.path) == pytest.approx(sound_of(0), abs=1e-4)
    monkeypatch.setattr(made, "replace_folder", lambda *inputs: pytest.fail("made again"))
    assert made.make_clips("joined_3", grid, tmp_path / "out") == folder


def test_parts_and_hard_clips(made, grid, tmp_path):
    speakers = {}
    for name in ("s26", "without_s26"):
        folder = made.make_clips(name, grid, tmp_path / "out")
        speakers[name] = {clip.speaker.rpartition("-")[2] for clip in read_clips(folder, name)[0].clips}
    assert speakers == {"s26": {"s26"}, "without_s26": {"s2"}}
    folder = made.make_clips("film", grid, tmp_path / "out")
    for clip in read_clips(folder, "film")[0].clips:
        pictures = np.stack(list(iter_frames(clip.video, "rgb24")))
        assert pictures.shape == (FRAMES, 16, 24, 3)
        assert pictures.mean() < 0.5 * max(GREYS)
    with pytest.raises(ValueError, match="no recipe for clips 'other'; choose from without_s26, s26"):
        made.make_clips("other", grid, tmp_path / "out")
