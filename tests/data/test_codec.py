# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from flowdubber_hf.data.codec import decode_audio, decode_crops, encode_audio, encode_crops, to_pcm16


@pytest.mark.parametrize("samples", [1, 640, 4096, 4097, 50000])
def test_sound_comes_back_exactly(samples):
    pcm = np.random.default_rng(0).integers(-32768, 32767, samples).astype(np.int16)
    data = encode_audio(pcm)
    assert data[:4] == b"fLaC"
    assert data == encode_audio(pcm)
    sound = decode_audio(data)
    assert sound.dtype == np.float32
    np.testing.assert_array_equal(np.rint(sound * 32767), pcm)


def test_loud_samples_are_clipped():
    np.testing.assert_array_equal(to_pcm16(np.array([-2.0, -1.0, 0.0, 1.0, 2.0])), [-32768, -32767, 0, 32767, 32767])


@pytest.mark.parametrize("frames", [1, 15, 16, 17, 75])
def test_crops_come_back_nearly(frames):
    ramp = np.linspace(0, 200, 96)[None, :, None] + np.arange(frames)[:, None, None] % 50 + np.zeros((1, 1, 96))
    crops = ramp.astype(np.uint8)
    back = decode_crops(encode_crops(crops), frames)
    assert back.shape == crops.shape
    assert back.dtype == np.uint8
    assert np.abs(back.astype(int) - crops).mean() < 1


def test_neighbours_on_the_sheet_do_not_mix():
    crops = np.zeros((32, 96, 96), np.uint8)
    crops[::2] = 255
    np.testing.assert_array_equal(decode_crops(encode_crops(crops), 32), crops)


def test_wrong_content_is_refused():
    with pytest.raises(ValueError, match="crops must be uint8"):
        encode_crops(np.zeros((2, 90, 96), np.uint8))
    with pytest.raises(ValueError, match="cannot be decoded"):
        decode_crops(b"no picture", 1)
    with pytest.raises(ValueError, match="cannot be decoded"):
        decode_crops(encode_crops(np.zeros((3, 96, 96), np.uint8)), 40)
    with pytest.raises(ValueError, match="cannot be decoded"):
        decode_audio(b"no sound at all")
