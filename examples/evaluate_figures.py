# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Dubs real clips with a model and prints its figures beside those of the true sound.

```bash
python examples/evaluate_figures.py --data ../shared/data --model flowdubber-grid-tiny
```

`--data` holds `grid/metadata.jsonl` (`file_name`, `speaker`, `text`, `words`, `split`) and the clips. Each clip is dubbed with
its own script and silent picture; the reference voice is **the next clip of the same speaker in the order of the file
names, the last one taking the first**; a speaker with one clip in the split takes the clip itself, which is counted apart.
Settings are the pipeline's own and every clip starts from the same seed.

Stages (all by default):

| stage | sound that is measured |
|---|---|
| `truth` | the clip's own sound: the ceiling of every figure |
| `vocoder` | the truth through log-mel and vocoder: what the vocoder alone costs |
| `true_times` | the dub with the forced alignment of the truth in place of the predicted one: flow without the lips' error |
| `no_guidance` | the dub with `guidance_scale=1` |
| `dub` | the dub with default settings: the figures of the model |
| `delay` | eight clips dubbed again with the picture 10 frames late: the speech must follow |
| `speed` | warm real-time factor with two threads, from the video file to the samples |
| `memory` | peak memory of the `flowdubber dub` command in its own process |

Dubs and their figures are kept under `--output` in folders named by a hash of the weights and the code, so a second run
only does what is missing. `figures-SPLIT.json` and `figures-SPLIT.md` are written there; `--docs .` also writes the figures
into the repository's pages. Needs `pip install "flowdubber-hf[eval]"` and `pip install --no-deps resemblyzer`.
"""

import argparse
import contextlib
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

import flowdubber_hf
from flowdubber_hf.data.adapters import read_corpus
from flowdubber_hf.metrics import functional
from flowdubber_hf.processing.audio import (
    MEL_FRAME_RATE,
    MEL_FRAMES_PER_VIDEO_FRAME,
    SAMPLES_PER_VIDEO_FRAME,
    SAMPLING_RATE,
    VIDEO_FRAME_RATE,
    load_audio,
    log_mel,
)
from flowdubber_hf.processing.video import iter_frames, probe_video


SOUND_STAGES = ("truth", "vocoder", "true_times", "no_guidance", "dub")
STAGES = (*SOUND_STAGES, "delay", "speed", "memory")
DELAY_FRAMES = 10
DELAY_CLIPS = 8
SPEED_WARM_UP = 2
SPEED_CLIPS = 5
THREADS = 2
TITLES = {
    "truth": "true sound",
    "vocoder": "true sound through log-mel and vocoder",
    "true_times": "dub, true times",
    "no_guidance": "dub, guidance off",
    "dub": "**dub**",
}


@dataclass(frozen=True)
class Clip:
    """A clip of the corpus, its script, and the recording that lends the voice."""

    name: str
    path: Path
    text: str
    speaker: str
    words: tuple[tuple[str, float, float], ...]
    reference: Path
    own_reference: bool

    @cached_property
    def num_samples(self) -> int:
        return probe_video(self.path).num_samples

    @cached_property
    def truth(self) -> np.ndarray:
        """The clip's own sound, `(num_samples,)` at 16 kHz: cut or padded to the length of the picture."""
        sound = load_audio(self.path)[: self.num_samples]
        return np.pad(sound, (0, self.num_samples - len(sound)))

    @cached_property
    def true_words(self) -> list[functional.WordTime] | None:
        return align(self.truth, self.text)

    @cached_property
    def true_words_steady(self) -> list[functional.WordTime] | None:
        return align(self.truth, self.text, steadily=True)


def read_clips(data: Path, split: str, limit: int | None) -> list[Clip]:
    """Clips of a split in the order of their file names, each with its reference by the rule of this file's head."""
    listing = data / "grid" / "metadata.jsonl"
    if not listing.is_file():
        raise SystemExit(f"there is no {listing}; give the folder that holds grid/ as --data.")
    rows = [json.loads(line) for line in listing.read_text(encoding="utf-8").splitlines() if line.strip()]
    splits = {clip.file_name: clip.split for clip in read_corpus(data / "grid").recordings}
    rows = sorted((row for row in rows if splits.get(row["file_name"]) == split), key=lambda row: row["file_name"])
    if not rows:
        raise SystemExit(f"{listing} has no clips of the split {split!r}.")
    speakers: dict[str, list[dict]] = {}
    for row in rows:
        speakers.setdefault(row["speaker"], []).append(row)
    clips = []
    for row in rows:
        own = speakers[row["speaker"]]
        reference = own[(own.index(row) + 1) % len(own)]
        clips.append(
            Clip(
                name=row["file_name"].removesuffix(".mp4").replace("/", "_"),
                path=data / "grid" / row["file_name"],
                text=row["text"],
                speaker=row["speaker"],
                words=tuple(map(tuple, row["words"])),
                reference=data / "grid" / reference["file_name"],
                own_reference=reference is row,
            )
        )
    return clips[:limit]


def file_hash(paths: Sequence[Path], tensors: Sequence[torch.Tensor] = ()) -> str:
    """Ten hexadecimal digits that change with any of the files or tensors."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    for tensor in tensors:
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:10]


def save_sound(path: Path, sound: np.ndarray) -> None:
    """Writes `(samples,)` float sound as 16-bit wav, whole or not at all."""
    temporary = path.with_suffix(".part")
    with wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLING_RATE)
        file.writeframes((np.clip(sound, -1, 1) * 32767).round().astype("<i2").tobytes())
    temporary.replace(path)


def save_json(path: Path, content: Any) -> None:
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    temporary.replace(path)


def align(sound: np.ndarray, text: str, steadily: bool = False) -> list[functional.WordTime] | None:
    """Forced alignment, or `None` where the recogniser cannot find the words: such clips are counted, not left out."""
    try:
        return (functional.align_words_steadily if steadily else functional.align_words)(sound, text)
    except ValueError:
        return None


class Dubber:
    """The pipeline with fixed seeds and default settings, save those given here."""

    def __init__(self, model: str, seed: int, **settings: Any):
        from flowdubber_hf import FlowDubberPipeline

        self.model = model
        self.seed = seed
        self.settings = settings
        self.pipe = FlowDubberPipeline.from_pretrained(model)
        self.pipe.set_progress_bar_config(disable=True)

    @cached_property
    def fingerprint(self) -> str:
        package = Path(flowdubber_hf.__file__).parent
        modules = [part for part in self.pipe.components.values() if isinstance(part, torch.nn.Module)]
        weights = [tensor for module in modules for _, tensor in sorted(module.state_dict().items())]
        settings = "".join(f"{module.config}" for module in modules) + f"{self.settings}"
        numbers = torch.tensor(list(settings.encode()), dtype=torch.uint8)
        return file_hash(sorted(package.rglob("*.py")), [*weights, numbers])

    def __call__(self, clip: Clip, **settings: Any) -> np.ndarray:
        generator = torch.Generator("cpu").manual_seed(self.seed)
        arguments = {"video": str(clip.path), "reference_audio": str(clip.reference)} | self.settings | settings
        return np.asarray(self.pipe(script=clip.text, generator=generator, **arguments).audios[0], dtype=np.float32)

    def vocode(self, clip: Clip) -> np.ndarray:
        mel = log_mel(torch.from_numpy(clip.truth)).T[None].to(self.pipe.vocoder.dtype)
        with torch.inference_mode():
            return self.pipe.vocoder(mel.to(self.pipe.vocoder.device)).float().cpu().reshape(-1).numpy()

    def with_true_times(self, clip: Clip) -> np.ndarray:
        """The dub on the path that the truth's forced alignment gives, in place of the one searched on the lips."""
        from flowdubber_hf.data.dubbing import phoneme_frames
        from flowdubber_hf.data.forced_alignment import align as align_phonemes
        from flowdubber_hf.processing.text import phonemize

        phonemes = phonemize(clip.text, self.pipe.aligner.config.phoneme_accent)
        times = np.array(align_phonemes(clip.truth, phonemes))
        num_frames = clip.num_samples // SAMPLES_PER_VIDEO_FRAME * MEL_FRAMES_PER_VIDEO_FRAME
        frames = phoneme_frames(times, np.array(phonemes.optional), num_frames, MEL_FRAME_RATE)
        owner = torch.repeat_interleave(torch.arange(len(frames)), torch.from_numpy(frames))
        path = torch.nn.functional.one_hot(owner, len(frames)).T[None]
        encode = self.pipe.aligner.encode
        self.pipe.aligner.encode = lambda *inputs, **named: encode(*inputs, **named | {"path": path})
        try:
            return self(clip)
        finally:
            del self.pipe.aligner.encode  # the instance's attribute: the class's own method shows again


def milliseconds(
    found: Sequence[functional.WordTime] | None, true: Sequence[functional.WordTime] | None
) -> float | None:
    return 1000 * functional.mean_word_start_difference(found, true) if found and true else None


def measure(sound: np.ndarray, clip: Clip, reference: np.ndarray) -> dict[str, Any]:
    """Figures of one sound; `word_starts_ms` is `None` where the words cannot be aligned."""
    heard = functional.recognize_words(sound)
    found, steady = align(sound, clip.text), align(sound, clip.text, steadily=True)
    corpus = [functional.WordTime(*word) for word in clip.words]
    return {
        "script": clip.text,
        "heard": " ".join(heard),
        "word_starts_ms": milliseconds(found, clip.true_words),
        "word_starts_steady_ms": milliseconds(steady, clip.true_words_steady),
        "word_starts_corpus_ms": milliseconds(found, corpus),
        "word_starts": [time.start for time in found] if found else None,
        "ge2e": functional.speaker_similarity(sound, reference),
        "ge2e_trimmed": functional.speaker_similarity(sound, reference, trim_silences=True),
        "dnsmos": functional.dnsmos_p808(sound),
        "length_difference": functional.length_difference(sound, clip.num_samples),
        "own_reference": clip.own_reference,
    }


def measure_all(clips: Sequence[Clip], folder: Path, make: Callable[[Clip], np.ndarray], title: str) -> list[dict]:
    """Makes and measures each clip's sound, or reads what an earlier run left in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    measures = file_hash([Path(functional.__file__)])
    figures = []
    for clip in tqdm(clips, desc=title, unit="clip"):
        kept, sound_file = folder / f"{clip.name}-{measures}.json", folder / f"{clip.name}.wav"
        if not kept.is_file():
            if not sound_file.is_file():
                save_sound(sound_file, make(clip))
            save_json(kept, measure(load_audio(sound_file), clip, load_audio(clip.reference)))
        figures.append(json.loads(kept.read_text(encoding="utf-8")))
    return figures


def mean_of(figures: Sequence[dict], key: str, own_reference: bool | None = None) -> float | None:
    """Mean over the clips that have the figure; on request only those whose reference is (not) the clip itself."""
    chosen = [figure for figure in figures if own_reference in (None, figure["own_reference"])]
    values = [figure[key] for figure in chosen if figure[key] is not None]
    return fmean(values) if values else None


def summarize(figures: Sequence[dict]) -> dict[str, Any]:
    """One row of the table from the figures of its clips."""
    return {
        "clips": len(figures),
        "words_wrong": functional.word_error_rate([f["script"] for f in figures], [f["heard"] for f in figures]),
        "word_starts_ms": mean_of(figures, "word_starts_ms"),
        "word_starts_steady_ms": mean_of(figures, "word_starts_steady_ms"),
        "word_starts_corpus_ms": mean_of(figures, "word_starts_corpus_ms"),
        "not_aligned": sum(figure["word_starts"] is None for figure in figures),
        "ge2e": mean_of(figures, "ge2e", own_reference=False),
        "ge2e_trimmed": mean_of(figures, "ge2e_trimmed", own_reference=False),
        "ge2e_own": mean_of(figures, "ge2e", own_reference=True),
        "dnsmos": mean_of(figures, "dnsmos"),
        "length_difference": max((figure["length_difference"] for figure in figures), key=abs),
    }


def delay_test(dub: Dubber, clips: Sequence[Clip], folder: Path) -> dict[str, Any]:
    """Dubs clips with the picture `DELAY_FRAMES` late (first frame held) and tells how far the speech moved, in s."""
    chosen = [clips[index] for index in np.linspace(0, len(clips) - 1, min(DELAY_CLIPS, len(clips))).astype(int)]
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for clip in tqdm(chosen, desc="picture late", unit="clip"):
        sounds = []
        for delay in (0, DELAY_FRAMES):
            sound_file = folder / f"{clip.name}_{delay}.wav"
            if not sound_file.is_file():
                frames = np.stack(list(iter_frames(clip.path, "rgb24")))
                late = np.concatenate([np.repeat(frames[:1], delay, axis=0), frames[: len(frames) - delay]])
                save_sound(sound_file, dub(clip, video=late, fps=float(VIDEO_FRAME_RATE)))
            sounds.append(load_audio(sound_file))
        found = [align(sound, clip.text, steadily=True) for sound in sounds]
        shift = functional.speech_shift(found[1], found[0]) if all(found) else None
        onset = functional.speech_onset(sounds[1]) - functional.speech_onset(sounds[0])
        rows.append({"clip": clip.name, "shift": shift, "onset_shift": onset})
    shifts = [row["shift"] for row in rows if row["shift"] is not None]
    onsets = [row["onset_shift"] for row in rows]
    return {
        "expected": DELAY_FRAMES / VIDEO_FRAME_RATE,
        "median": median(shifts) if shifts else None,
        "mean": fmean(shifts) if shifts else None,
        "onset_median": median(onsets),
        "onset_mean": fmean(onsets),
        "not_aligned": len(rows) - len(shifts),
        "clips": rows,
    }


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Limits torch and OpenCV to `count` threads, and the process to as many cores where the system can."""
    import cv2

    before, cv_before = torch.get_num_threads(), cv2.getNumThreads()
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    if cores:
        os.sched_setaffinity(0, set(sorted(cores)[:count]))
    try:
        yield
    finally:
        torch.set_num_threads(before)
        cv2.setNumThreads(cv_before)
        if cores:
            os.sched_setaffinity(0, cores)


def speed_test(dub: Dubber, clips: Sequence[Clip]) -> dict[str, Any]:
    """Real-time factor of warm calls: video decoding, mouth tracking, all networks, guidance."""
    chosen = [clips[index % len(clips)] for index in range(SPEED_WARM_UP + SPEED_CLIPS)]
    factors, guided_off = [], []
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    with threads(THREADS):
        for index, clip in enumerate(tqdm(chosen, desc="speed", unit="clip")):
            start = time.perf_counter()
            sound = dub(clip)
            middle = time.perf_counter()
            dub(clip, guidance_scale=1.0)
            if index >= SPEED_WARM_UP:
                factors.append((middle - start) * SAMPLING_RATE / len(sound))
                guided_off.append((time.perf_counter() - middle) * SAMPLING_RATE / len(sound))
    return {
        "real_time_factor": median(factors),
        "best": min(factors),
        "guidance_off": median(guided_off),
        "threads": THREADS,
        "load_before": load,
        "clips": factors,
    }


# A process counts the memory of the one it was forked from as its own: a small one has to start the command.
_PEAK_OF_CHILD = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


def memory_test(dub: Dubber, clip: Clip) -> dict[str, Any]:
    """Peak resident memory of the command line in a process of its own, in GB (1e9 bytes), and its time with loading."""
    command = Path(sys.executable).with_name("flowdubber")
    with tempfile.TemporaryDirectory() as folder:
        inputs = ["--video", str(clip.path), "--script", clip.text, "--reference", str(clip.reference)]
        arguments = [str(command), "dub", *inputs, "--output", f"{folder}/dub.mp4", "--model", dub.model]
        start = time.perf_counter()
        process = subprocess.run([sys.executable, "-c", _PEAK_OF_CHILD, *arguments], capture_output=True, text=True)
    if process.returncode:
        raise SystemExit(f"the command ended with {process.returncode}:\n{process.stderr}")
    unit = 1 if sys.platform == "darwin" else 1024
    return {"peak_gb": int(process.stdout) * unit / 1e9, "seconds": time.perf_counter() - start}


def machine() -> dict[str, Any]:
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    return {
        "cpu": name,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "flowdubber_hf": flowdubber_hf.__version__,
        "date": time.strftime("%Y-%m-%d"),
    }


def shown(value: float | None, pattern: str) -> str:
    return "-" if value is None else pattern.format(value)


def heading(results: dict[str, Any]) -> list[str]:
    setup = results["machine"]
    return [
        f"`{results['model']}`, {results['clips']} clips of `{results['split']}`, seed {results['seed']}, "
        f"{results.get('settings') or 'default settings'}; "
        f"reference = the next clip of the speaker ({results['own_references']} clips are their own reference). "
        f"{setup['cpu']}, {setup['cores']} cores, Python {setup['python']}, torch {setup['torch']}, {setup['date']}.",
        "",
    ]


def figures_table(results: dict[str, Any]) -> list[str]:
    """The figures of the dub beside the bar that each has to pass and beside the true sound."""
    sounds = {name: results["sounds"].get(name, {}) for name in ("dub", "truth")}
    delay, speed, memory = (results.get(name, {}) for name in ("delay", "speed", "memory"))

    def row(title: str, bar: str, key: str, pattern: str, factor: float = 1) -> str:
        values = [sounds[name].get(key) for name in ("dub", "truth")]
        cells = [shown(None if value is None else factor * value, pattern) for value in values]
        return f"| {title} | {bar} | {cells[0]} | {cells[1]} |"

    return [
        "| figure | bar | dub | true sound |",
        "|---|---|---|---|",
        row("words wrong, PocketSphinx with GRID's grammar", "<= 18 %", "words_wrong", "{:.1f} %", 100),
        row("mean difference of word starts, forced alignment", "<= 40 ms", "word_starts_ms", "{:.0f} ms"),
        row("the same, steadier alignment", "", "word_starts_steady_ms", "{:.0f} ms"),
        row("GE2E similarity to the reference, whole clips", ">= 0.80", "ge2e", "{:.3f}"),
        row("the same, silences trimmed", "", "ge2e_trimmed", "{:.3f}"),
        row("DNSMOS P.808", ">= 3.0", "dnsmos", "{:.2f}"),
        row("length against the clip (largest), samples", "0", "length_difference", "{:d}"),
        f"| picture {DELAY_FRAMES} frames late: shift of the speech, median / mean | 0.34 to 0.46 s "
        f"| {shown(delay.get('median'), '{:.3f}')} / {shown(delay.get('mean'), '{:.3f} s')} | |",
        f"| warm real-time factor, {THREADS} threads, from the file to the samples | <= 0.4 "
        f"| {shown(speed.get('real_time_factor'), '{:.2f}')} | |",
        f"| peak memory of `flowdubber dub` | <= 2.5 GB | {shown(memory.get('peak_gb'), '{:.2f} GB')} | |",
    ]


def sounds_table(results: dict[str, Any]) -> list[str]:
    """Where the error sits: one row a sound, from the truth to the dub."""
    lines = [
        "| sound | words wrong | word starts | steadier alignment | GE2E | GE2E, trimmed | DNSMOS | length |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for stage, row in results["sounds"].items():
        aside = f" ({row['not_aligned']} clips not aligned)" if row["not_aligned"] else ""
        own = f" (own clip {row['ge2e_own']:.3f})" if row["ge2e_own"] is not None else ""
        lines.append(
            f"| {TITLES[stage]} | {100 * row['words_wrong']:.1f} % | {shown(row['word_starts_ms'], '{:.0f} ms')}{aside} "
            f"| {shown(row['word_starts_steady_ms'], '{:.0f} ms')} "
            f"| {shown(row['ge2e'], '{:.3f}')}{own} | {shown(row['ge2e_trimmed'], '{:.3f}')} | {row['dnsmos']:.2f} "
            f"| {row['length_difference']:+d} |"
        )
    if "truth" in results["sounds"]:
        noise = shown(results["sounds"]["truth"]["word_starts_corpus_ms"], "{:.0f} ms")
        lines += ["", f"The plain alignment of the true sound is {noise} from the corpus' own word starts on average."]
    return lines


def timing_lines(results: dict[str, Any]) -> list[str]:
    lines = []
    if "delay" in results:
        delay = results["delay"]
        lines.append(
            f"- Picture late by {delay['expected']:.2f} s, {len(delay['clips'])} clips ({delay['not_aligned']} not aligned): "
            f"speech onset by level moves by median {delay['onset_median']:.3f} s, mean {delay['onset_mean']:.3f} s."
        )
    if "speed" in results:
        speed = results["speed"]
        lines.append(
            f"- Warm real-time factor: best {speed['best']:.2f}, without guidance {speed['guidance_off']:.2f} (median); load "
            f"average of the machine before the test {shown(speed['load_before'], '{:.1f}')}."
        )
    if "memory" in results:
        lines.append(f"- The command takes {results['memory']['seconds']:.1f} s with loading and writing the video.")
    return ["", *lines] if lines else []


def words_table(results: dict[str, Any], every: int) -> list[str]:
    """Scripts beside what the recogniser hears in the last sound that was measured (the dub, if it was)."""
    stage = list(results["words"])[-1]
    rows = list(results["words"][stage].items())[::every]
    return [
        f"| clip | script | heard in the {TITLES[stage].strip('*')} |",
        "|---|---|---|",
        *(f"| {name} | {figure['script']} | {figure['heard']} |" for name, figure in rows),
    ]


def report(results: dict[str, Any], every: int = 1) -> str:
    """All figures as Markdown, with the words of every `every`-th clip."""
    parts = [
        figures_table(results),
        [""],
        sounds_table(results),
        timing_lines(results),
        [""],
        words_table(results, every),
    ]
    return "\n".join([*heading(results), *(line for part in parts for line in part)]) + "\n"


def insert(path: Path, section: str, text: str) -> None:
    """Puts text between `<!-- section -->` and `<!-- end section -->` of a Markdown file."""
    start, end = f"<!-- {section} -->\n", f"<!-- end {section} -->"
    content = path.read_text(encoding="utf-8")
    if start not in content or end not in content:
        raise SystemExit(f"{path} has no section between {start.strip()} and {end}.")
    before, _, rest = content.partition(start)
    path.write_text(before + start + text + end + rest.partition(end)[2], encoding="utf-8")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds grid/metadata.jsonl and the clips")
    parser.add_argument("--model", default="flowdubber-grid-tiny", help="bundled name, folder or Hub id")
    parser.add_argument("--split", default="dev", choices=["dev", "zero_shot", "val"])
    parser.add_argument("--limit", type=int, help="only the first clips")
    parser.add_argument("--output", type=Path, default=Path("outputs/eval"))
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=STAGES, metavar="STAGE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--temperature", type=float, help="of the initial noise, in place of the model's own")
    parser.add_argument(
        "--guidance_scale",
        type=float,
        default=None,
        help="in place of the pipeline's; 1 for one without language model",
    )
    parser.add_argument("--docs", type=Path, help="repository whose README, benchmarks and card take the figures")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_arguments(arguments)
    clips = read_clips(args.data, args.split, args.limit)
    asked = {"temperature": args.temperature, "guidance_scale": args.guidance_scale}
    settings = {name: value for name, value in asked.items() if value is not None}
    dub = Dubber(args.model, args.seed, **settings) if set(args.stages) != {"truth"} else None
    makers: dict[str, Callable[[Clip], np.ndarray]] = {"truth": lambda clip: clip.truth}
    if dub is not None:
        makers |= {
            "vocoder": dub.vocode,
            "true_times": dub.with_true_times,
            "no_guidance": lambda clip: dub(clip, guidance_scale=1.0),
            "dub": dub,
        }

    results: dict[str, Any] = {
        "model": args.model,
        "split": args.split,
        "seed": args.seed,
        "settings": settings,
        "clips": len(clips),
        "own_references": sum(clip.own_reference for clip in clips),
        "machine": machine(),
        "sounds": {},
        "words": {},
    }
    for stage in (stage for stage in SOUND_STAGES if stage in args.stages):
        kind = "" if stage == "truth" else f"-{dub.fingerprint}-{args.seed}"
        figures = measure_all(clips, args.output / f"{args.split}-{stage}{kind}", makers[stage], stage)
        results["sounds"][stage] = summarize(figures)
        results["words"][stage] = {clip.name: figure for clip, figure in zip(clips, figures, strict=True)}
    if "delay" in args.stages:
        results["delay"] = delay_test(dub, clips, args.output / f"{args.split}-delay-{dub.fingerprint}-{args.seed}")
    if "speed" in args.stages:
        results["speed"] = speed_test(dub, clips)
    if "memory" in args.stages:
        results["memory"] = memory_test(dub, clips[0])

    args.output.mkdir(parents=True, exist_ok=True)
    save_json(args.output / f"figures-{args.split}.json", results)
    if args.docs is not None:
        insert(args.docs / "docs" / "benchmarks.md", f"figures {args.split}", report(results, every=4))
        if args.split == "dev":
            for page in ("README.md", "hub_cards/model/README.md"):
                insert(args.docs / page, "figures", "\n".join(figures_table(results)) + "\n")
    text = report(results)
    (args.output / f"figures-{args.split}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
