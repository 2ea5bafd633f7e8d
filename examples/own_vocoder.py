"""Put your own vocoder into the pipeline: transformers' `SpeechT5HifiGan` on this package's mel spectrograms.

    flowdubber demo demo
    python examples/own_vocoder.py --recordings voices/*.wav --output outputs/hifigan --steps 2000 \\
        --video demo/demo.mp4 --script "place blue at f two now" --reference demo/demo_reference.wav

Any model that takes `(batch, frames, 80)` log-mels and returns `(batch, 160 * frames)` samples will do; what both sides must agree on
are the settings of the mel spectrogram (`MEL_SETTINGS`), which the pipeline compares when it is put together. Here a small HiFi-GAN
learns from recordings by the spectral distance of its sound from theirs, without the adversarial training that a good one gets: enough to
see the parts fit, not enough to like the sound. Better ones: `flowdubber convert hifigan` brings the 16 kHz vocoder of the method's
siblings, `train_vocoder.py` trains the bundled kind.

To keep the result as a model of your own: `flowdubber assemble my-model --base flowdubber-grid-tiny --vocoder outputs/hifigan`.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

from flowdubber_hf import FlowDubberPipeline, load_audio, log_mel
from flowdubber_hf.processing.audio import HOP_LENGTH, NUM_MELS, SAMPLING_RATE
from flowdubber_hf.training.speech_tokenizer_losses import spectral_loss


def build_vocoder(channels: int) -> SpeechT5HifiGan:
    """An untrained one; 8 * 5 * 2 * 2 = 160 samples a mel frame."""
    config = SpeechT5HifiGanConfig(
        model_in_dim=NUM_MELS,
        sampling_rate=SAMPLING_RATE,
        upsample_initial_channel=channels,
        upsample_rates=[8, 5, 2, 2],
        upsample_kernel_sizes=[16, 11, 4, 4],
        normalize_before=False,  # log-mels as they are
    )
    return SpeechT5HifiGan(config)


def train(vocoder: SpeechT5HifiGan, recordings: Sequence[torch.Tensor], steps: int, frames: int = 64) -> list[float]:
    """Teaches it to give back `(samples,)` sounds from their mels, a random cut at a time; returns the distances."""
    optimizer = torch.optim.AdamW(vocoder.parameters(), lr=2e-4, betas=(0.8, 0.99))
    generator = torch.Generator().manual_seed(0)
    distances = []
    vocoder.train()
    for step in range(steps):
        sound = recordings[int(torch.randint(len(recordings), (), generator=generator))]
        room = max(len(sound) // HOP_LENGTH - frames, 1)
        start = int(torch.randint(room, (), generator=generator)) * HOP_LENGTH
        cut = sound[start : start + frames * HOP_LENGTH][None]
        cut = cut[:, : cut.shape[1] // HOP_LENGTH * HOP_LENGTH]
        loss = spectral_loss(vocoder(log_mel(cut).transpose(1, 2)), cut)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vocoder.parameters(), 2.0)
        optimizer.step()
        distances.append(loss.item())
        if (step + 1) % 50 == 0 or step + 1 == steps:
            print(f"step {step + 1}: spectral distance {distances[-1]:.3f}")
    vocoder.eval()
    return distances


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train a HiFi-GAN and dub with it.")
    parser.add_argument("--recordings", nargs="+", required=True, help="sounds to learn from, 1 s or longer")
    parser.add_argument("--output", type=Path, required=True, help="folder of the vocoder, and of dubbed.mp4")
    parser.add_argument("--steps", type=int, default=2000, help="training steps")
    parser.add_argument("--channels", type=int, default=128, help="width at the start; the published ones have 512")
    parser.add_argument("--video", required=True, help="the clip of the speaker")
    parser.add_argument("--script", required=True, help="the words to be spoken")
    parser.add_argument("--reference", required=True, help="at least 1 s of the voice")
    parser.add_argument("--model", default="flowdubber-grid-tiny", help="model that gives the other parts")
    parser.add_argument("--guidance_scale", type=float, default=1.4, help="1 is none and costs half")
    args = parser.parse_args(argv)

    torch.manual_seed(0)
    vocoder = build_vocoder(args.channels)
    train(vocoder, [torch.from_numpy(load_audio(path)) for path in args.recordings], args.steps)
    vocoder.save_pretrained(args.output)

    vocoder = SpeechT5HifiGan.from_pretrained(args.output)
    pipe = FlowDubberPipeline.from_pretrained(args.model, vocoder=vocoder)  # the other parts come from the model
    dub = pipe(
        script=args.script,
        video=args.video,
        reference_audio=args.reference,
        guidance_scale=args.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(0),
    )
    print(f"wrote {pipe.save_video(dub, args.output / 'dubbed.mp4')}")


if __name__ == "__main__":
    main()
