"""Draw the picture of the method in README.md, `docs/method.svg`, from a real dub of the drawn clip.

    python examples/draw_method.py docs/method.svg

Frames, mouth crops, alignment, mel spectrograms and waveforms in it are what the bundled model saw and made. Text is dark on opaque
light boxes and arrows are of a middle grey, so that the picture is legible on light and dark pages alike.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import base64
import tempfile
import textwrap
from collections.abc import Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np
import torch

from flowdubber_hf import FlowDubberPipeline, FlowDubberPipelineOutput, load_audio, log_mel
from flowdubber_hf.demo import demo_frames, make_demo
from flowdubber_hf.libraries import quiet_libraries


WIDTH, HEIGHT = 880, 452
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
INK, ARROW = "#1f2328", "#8b949e"
# Kind of box to fill and border.
COLOURS = {
    "input": ("#fff6dd", "#d4a72c"),
    "reader": ("#e4f1ff", "#54a0e0"),
    "aligner": ("#e3f6e8", "#4fa866"),
    "flow": ("#f4e9fd", "#a371d9"),
    "output": ("#ffebe6", "#e0705a"),
}


# ---------------------------------------------------------------------------------------------------------------------
# Pieces of SVG


def box(x: float, y: float, width: float, height: float, kind: str, title: str, lines: Sequence[str] = ()) -> str:
    """A box with its title at the top and lines of small print at the bottom."""
    fill, border = COLOURS[kind]
    parts = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="9" fill="{fill}" stroke="{border}" stroke-width="1.5"/>',
        f'<text x="{x + width / 2}" y="{y + 20}" class="title">{escape(title)}</text>',
    ]
    for number, line in enumerate(reversed(lines)):
        baseline = y + height - 10 - 15 * number
        parts.append(f'<text x="{x + width / 2}" y="{baseline}" class="small">{escape(line)}</text>')
    return "\n".join(parts)


def arrow(*points: tuple[float, float]) -> str:
    """Straight lines from point to point with a head at the last."""
    path = " ".join(f"{'M' if index == 0 else 'L'}{x},{y}" for index, (x, y) in enumerate(points))
    return f'<path d="{path}" fill="none" stroke="{ARROW}" stroke-width="2.5" stroke-linejoin="round" marker-end="url(#head)"/>'


def picture(pixels: np.ndarray, x: float, y: float, width: float, height: float, smooth: bool = False) -> str:
    """`(h, w)` or `(h, w, 3)` uint8 RGB as an embedded file, JPEG where it may be smoothed."""
    if smooth:
        pixels = cv2.resize(pixels, (round(1.5 * width), round(1.5 * height)), interpolation=cv2.INTER_AREA)
    content = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    suffix, settings = (
        (".jpg", [cv2.IMWRITE_JPEG_QUALITY, 82]) if smooth else (".png", [cv2.IMWRITE_PNG_COMPRESSION, 9])
    )
    _, data = cv2.imencode(suffix, content, settings)
    uri = f"data:image/{suffix[1:].replace('jpg', 'jpeg')};base64,{base64.b64encode(data).decode()}"
    style = "" if smooth else ' style="image-rendering:pixelated"'
    place = f'x="{x}" y="{y}" width="{width}" height="{height}"'
    return f'<image {place} preserveAspectRatio="none"{style} href="{uri}"/>'


def waveform(sound: np.ndarray, x: float, y: float, width: float, height: float, colour: str) -> str:
    """The envelope of `(samples,)`."""
    columns = 120
    peaks = np.abs(sound[: len(sound) // columns * columns]).reshape(columns, -1).max(axis=1)
    peaks = peaks / max(peaks.max(), 1e-6) * height / 2
    across = x + (np.arange(columns) + 0.5) * width / columns
    upper = [f"{a:.1f},{y + height / 2 - peak:.1f}" for a, peak in zip(across, peaks, strict=True)]
    lower = [f"{a:.1f},{y + height / 2 + peak:.1f}" for a, peak in zip(across[::-1], peaks[::-1], strict=True)]
    return f'<polygon points="{" ".join(upper + lower)}" fill="{colour}"/>'


def coloured(values: np.ndarray, colours: int = cv2.COLORMAP_VIRIDIS) -> np.ndarray:
    """`(rows, columns)` from low to high as `(rows, columns, 3)` uint8 RGB, the first row at the bottom."""
    low, high = np.percentile(values, (1, 99.5))
    scaled = np.clip((values - low) / max(high - low, 1e-6), 0, 1)[::-1]
    return cv2.cvtColor(cv2.applyColorMap((255 * scaled).astype(np.uint8), colours), cv2.COLOR_BGR2RGB)


def blues(values: np.ndarray) -> np.ndarray:
    """Attention in [0, 1] as white to dark blue."""
    shade = np.clip(values, 0, 1)[::-1, :, None]
    return np.round(255 * (1 - shade) + np.array([8, 64, 129]) * shade).astype(np.uint8)


# ---------------------------------------------------------------------------------------------------------------------
# The picture


def draw(
    dub: FlowDubberPipelineOutput,
    frame: np.ndarray,
    crops: Sequence[np.ndarray],
    voice: np.ndarray,
    style: np.ndarray,
    prior: np.ndarray,
    flow: Sequence[np.ndarray],
    script: str,
) -> str:
    """
    The SVG file.

    Args:
        dub: of the clip.
        frame: `(h, w, 3)` uint8 of the clip.
        crops: four mouth pictures `(88, 88)` uint8.
        voice: `(samples,)`, the reference.
        style: `(256,)`, what was made of it.
        prior: `(80, frames)` log-mel.
        flow: `(80, frames)` log-mels: nearly noise, on the way, and the result.
        script: what is said.
    """
    attention, path = dub.alignments[0], dub.paths[0].argmax(axis=0)
    spoken = [phoneme for phoneme in dub.phonemes[0] if phoneme not in ("sil", "sp")]
    parts = [
        # what comes in
        box(10, 12, 160, 128, "input", "silent clip", ["its timing is kept"]),
        picture(frame, 42, 38, 96, 76, smooth=True),
        box(10, 174, 160, 70, "input", "script", textwrap.wrap(f"“{script}”", 18)),
        box(10, 278, 160, 92, "input", "reference voice", ["a second or more"]),
        waveform(voice, 24, 302, 132, 44, COLOURS["input"][1]),
        # what reads it
        arrow((170, 76), (212, 76)),
        arrow((170, 209), (212, 209)),
        arrow((170, 318), (212, 318)),
        box(216, 12, 180, 128, "reader", "lips", ["mouth crops, 25 a second"]),
        *[picture(crop, 225 + 41.5 * index, 52, 39, 39, smooth=True) for index, crop in enumerate(crops)],
        box(216, 174, 180, 70, "reader", "phonemes", textwrap.wrap(" ".join(spoken), 24)),
        box(216, 278, 180, 92, "reader", "voice encoders", ["a style vector, and the", "tokens of a speech codec"]),
        picture(coloured(style[None, :48], cv2.COLORMAP_CIVIDIS), 232, 308, 148, 18),
        box(216, 394, 424, 48, "reader", "speech language model", ["how this voice would say these words"]),
        arrow((306, 370), (306, 390)),
        arrow((90, 244), (90, 262), (186, 262), (186, 418), (212, 418)),
        # what ties it together
        box(440, 12, 200, 232, "aligner", "aligner", ["which phoneme each frame", "shows: one monotonic path"]),
        picture(blues(attention), 456, 40, 168, 156),
        _path_line(path, len(attention), 456, 40, 168, 156),
        arrow((396, 76), (436, 76)),
        arrow((396, 209), (436, 209)),
        box(440, 278, 200, 92, "aligner", "mel prior", ["phonemes and knowledge,", "on the path, in the style"]),
        picture(coloured(prior), 466, 304, 148, 28, smooth=True),
        arrow((396, 324), (436, 324)),
        arrow((540, 244), (540, 274)),
        arrow((540, 394), (540, 374)),
        # what makes the sound
        box(690, 12, 180, 232, "flow", "flow matching", ["few steps from noise, led", "by the language model"]),
        *[picture(coloured(mel), 706, 40 + 54 * index, 148, 44, smooth=True) for index, mel in enumerate(flow)],
        arrow((640, 324), (664, 324), (664, 128), (686, 128)),
        box(690, 278, 180, 164, "output", "dubbed clip", ["by a vocoder, as long as", "the clip, to the sample"]),
        picture(frame, 742, 302, 76, 60, smooth=True),
        waveform(dub.audios[0], 704, 366, 152, 40, COLOURS["output"][1]),
        arrow((780, 244), (780, 274)),
    ]
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">
<title>FlowDubber: lips give the timing, a script the words, a short recording the voice</title>
<defs>
<marker id="head" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="5.5" markerHeight="5.5" orient="auto">
<path d="M0,0 L10,5 L0,10 z" fill="{ARROW}"/>
</marker>
<style>
text {{ font-family: {FONT}; fill: {INK}; text-anchor: middle; }}
.title {{ font-size: 14.5px; font-weight: 600; }}
.small {{ font-size: 12px; }}
</style>
</defs>
{chr(10).join(parts)}
</svg>
"""


def _path_line(path: np.ndarray, rows: int, x: float, y: float, width: float, height: float) -> str:
    """The row of each mel frame, from the bottom, as steps."""
    across = x + np.arange(len(path) + 1) * width / len(path)
    up = y + height - (path + 0.5) * height / rows
    points = [f"{a:.1f},{b:.1f}" for index, b in enumerate(up) for a in across[index : index + 2]]
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="#d1242f" stroke-width="1.8"/>'


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Draw the picture of the method.")
    parser.add_argument("output", type=Path, help="file to write, .svg")
    parser.add_argument("--model", default="flowdubber-grid-tiny", help="bundled name, folder or Hub id")
    args = parser.parse_args(argv)

    quiet_libraries()
    pipe = FlowDubberPipeline.from_pretrained(args.model)
    pipe.set_progress_bar_config(disable=True)
    states = []

    def keep(pipe: FlowDubberPipeline, index: int, timestep: torch.Tensor, tensors: dict) -> dict:
        states.append({name: pipe.vector_field.denormalize(tensor)[0].numpy() for name, tensor in tensors.items()})
        return {}

    with tempfile.TemporaryDirectory() as folder:
        demo = make_demo(folder)
        dub = pipe(
            script=demo.script,
            video=demo.video,
            reference_audio=demo.reference,
            guidance_scale=1.4 if pipe.semantic_model is not None else 1.0,
            generator=torch.Generator("cpu").manual_seed(0),
            callback_on_step_end=keep,
            callback_on_step_end_tensor_inputs=["latents", "prior"],
        )
        lips = pipe.lip_feature_extractor(str(demo.video))["lip_values"][0]
        voice, style = load_audio(demo.reference), pipe.prepare_voice(demo.reference).style.numpy()
    shown = np.linspace(len(lips) * 0.2, len(lips) * 0.72, 4).astype(int)
    low, high = float(lips.min()), float(lips.max())
    crops = [((np.asarray(lips[index]) - low) / (high - low) * 255).astype(np.uint8) for index in shown]
    final = log_mel(torch.from_numpy(dub.audios[0])).numpy()
    flow = [states[0]["latents"], states[2]["latents"], final]
    svg = draw(dub, demo_frames()[shown[1]], crops, voice, style, states[0]["prior"], flow, demo.script)
    args.output.write_text(svg, encoding="utf-8")
    print(f"wrote {args.output}, {args.output.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
