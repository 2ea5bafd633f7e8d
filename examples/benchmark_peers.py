"""Processor seconds of a 3 s dub, ours beside those of other systems whose checkouts you have.

    git clone https://github.com/GalaxyCong/EmoDubber
    git clone https://github.com/shivammehta25/Matcha-TTS
    python examples/benchmark_peers.py --emodubber EmoDubber --emodubber_checkpoint emodubber.ckpt \\
        --matcha Matcha-TTS --matcha_checkpoint matcha_vctk.ckpt

Each system runs in a process of its own, with one thread and a Python of its own (--emodubber_python, --matcha_python: one in
which its requirements are installed; this one by default), and they take turns, so that whatever else the machine does hits all
alike. Processor seconds of the process count, medians of --repeats after one dub that does not count. Nothing of theirs is
part of this script: it calls the classes that their own inference scripts call. Their checkpoints are opened by their own loaders, which
unpickle: take them from their authors only. The vocoders, HiFi-GANs by the peers' own settings, have random weights, which cost what
trained ones do.

EmoDubber gets random lips, faces and voice of the right sizes, so its figure holds no work on video or reference; ours holds
everything from pictures to sound. Matcha-TTS reads no lips at all; its tempo is set so that it speaks for the same time.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any


SECONDS = 3.0  # of the drawn demo clip
NUM_PHONEMES = 22  # of its script, with silence at both ends
STEPS = 10
TEMPERATURE = 0.667  # both peers' default

Dub = Callable[[], tuple[int, int]]


@dataclass(frozen=True)
class System:
    """What is measured.

    Attributes:
        name: of `LOADERS`.
        python: the interpreter that has its requirements.
        checkout: its repository, `None` for ours.
        weights: a model of ours, or a peer's checkpoint.
    """

    name: str
    python: str
    checkout: str | None
    weights: str


def load_ours(system: System) -> Dub:
    """The drawn clip from pictures and recording to sound, with the settings that a call has by default."""
    import torch

    from flowdubber_hf import FlowDubberPipeline
    from flowdubber_hf.demo import DEMO_SCRIPT, demo_frames, demo_reference
    from flowdubber_hf.processing.audio import SAMPLING_RATE, VIDEO_FRAME_RATE

    pipe = FlowDubberPipeline.from_pretrained(system.weights)
    pipe.set_progress_bar_config(disable=True)
    given = {
        "script": DEMO_SCRIPT,
        "video": demo_frames(),
        "fps": VIDEO_FRAME_RATE,
        "reference_audio": demo_reference(),
    }
    if pipe.semantic_model is None:
        given["guidance_scale"] = 1.0

    def dub() -> tuple[int, int]:
        generator = torch.Generator().manual_seed(0)
        sound = pipe(**given, reference_sampling_rate=SAMPLING_RATE, generator=generator).audios[0]
        return len(sound), SAMPLING_RATE

    return dub


def load_emodubber(system: System) -> Dub:
    """Lip, face and voice features to sound."""
    import torch

    root = Path(system.checkout)
    sys.path[:0] = [str(root / "EmoDubber_Networks"), str(root)]
    os.chdir(root)
    from hifigan.env import AttrDict
    from hifigan.models import Generator
    from models.EmoDubber import EmoDubber_all

    model = EmoDubber_all.load_from_checkpoint(system.weights, map_location="cpu").eval()
    config = AttrDict(json.loads((root / "Vocoder_16KHz" / "config.json").read_text(encoding="utf-8")))
    vocoder = Generator(config).eval()
    vocoder.remove_weight_norm()
    torch.manual_seed(0)
    frames = round(25 * SECONDS)
    given = {
        "x": torch.randint(1, model.n_vocab, (1, NUM_PHONEMES)),
        "x_lengths": torch.tensor([NUM_PHONEMES]),
        "Lip": torch.randn(1, frames, 512),
        "lip_lengths": torch.tensor([frames]),
        "spks": torch.nn.functional.normalize(torch.rand(1, 256), dim=-1),
        "VAfeature": torch.randn(1, frames, 256),
    }

    def dub() -> tuple[int, int]:
        with torch.inference_mode():
            mel = model.synthesise(**given, n_timesteps=STEPS, temperature=TEMPERATURE)["mel"]
            return vocoder(mel).shape[-1], 16000

    return dub


def load_matcha(system: System) -> Dub:
    """Phonemes to sound, at the tempo that makes it last as long."""
    import torch

    sys.path[:0] = [system.checkout]
    from matcha.hifigan.config import v1
    from matcha.hifigan.env import AttrDict
    from matcha.hifigan.models import Generator
    from matcha.models.matcha_tts import MatchaTTS

    model = MatchaTTS.load_from_checkpoint(system.weights, map_location="cpu").eval()
    vocoder = Generator(AttrDict(v1)).eval()
    vocoder.remove_weight_norm()
    rate, hop = v1["sampling_rate"], v1["hop_size"]
    torch.manual_seed(0)
    # Its text front end puts a blank between all phonemes.
    tokens = torch.zeros(1, 2 * NUM_PHONEMES + 1, dtype=torch.long)
    tokens[:, 1::2] = torch.randint(1, model.n_vocab, (1, NUM_PHONEMES))
    given = {
        "x": tokens,
        "x_lengths": torch.tensor([tokens.shape[1]]),
        "spks": torch.tensor([0]) if model.n_spks > 1 else None,
        "temperature": TEMPERATURE,
    }
    with torch.inference_mode():
        natural = int(model.synthesise(**given, n_timesteps=1, length_scale=1.0)["mel_lengths"][0])
    tempo = SECONDS * rate / hop / natural

    def dub() -> tuple[int, int]:
        with torch.inference_mode():
            mel = model.synthesise(**given, n_timesteps=STEPS, length_scale=tempo)["mel"]
            return vocoder(mel).shape[-1], rate

    return dub


LOADERS: dict[str, Callable[[System], Dub]] = {"ours": load_ours, "emodubber": load_emodubber, "matcha": load_matcha}


def work(system: System) -> None:
    """Loads a system, then dubs once for each line that is read; answers with a line of JSON each time."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what a peer prints is none of the answers
        import torch

        torch.set_num_threads(1)
        dub = LOADERS[system.name](system)
        print(json.dumps({"weights": system.weights}), file=answers, flush=True)
        for _ in sys.stdin:
            start = time.process_time()
            samples, rate = dub()
            spent = time.process_time() - start
            print(json.dumps({"seconds": spent, "duration": samples / rate}), file=answers, flush=True)


class Worker:
    """A system in its process.

    Raises:
        ValueError: it ended before it answered; what it said of that stands above on the error stream.
    """

    def __init__(self, system: System):
        self.system = system
        command = [system.python, str(Path(__file__).resolve()), "--work", json.dumps(asdict(system))]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            name, code = self.system.name, self.process.wait()
            raise ValueError(f"{name} ended with status {code} before it had dubbed; its own message stands above.")
        return json.loads(line)

    def dub(self) -> dict[str, float]:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def measure(systems: Sequence[System], repeats: int) -> dict[str, dict[str, float]]:
    """Median processor seconds of a dub and how long it lasts, by system, taken by turns in both directions."""
    workers: list[Worker] = []
    found: dict[str, list[dict[str, float]]] = {system.name: [] for system in systems}
    try:
        for system in systems:
            workers.append(Worker(system))
        for turn in range(repeats + 1):
            for worker in workers if turn % 2 else workers[::-1]:
                found[worker.system.name].append(worker.dub())
    finally:
        for worker in workers:
            worker.close()
    return {
        name: {key: median(row[key] for row in rows[1:]) for key in ("seconds", "duration")}
        for name, rows in found.items()
    }


def table(found: dict[str, dict[str, float]]) -> list[str]:
    """In Markdown; ours beside each peer, for sound of the same length."""

    def rate(name: str) -> float:
        return found[name]["seconds"] / found[name]["duration"]

    rows = ["| system | processor seconds a dub | its length | ours to it |", "|---|---|---|---|"]
    for name, row in found.items():
        share = "" if name == "ours" else f"{rate('ours') / rate(name):.2f}"
        rows.append(f"| {name} | {row['seconds']:.2f} | {row['duration']:.2f} s | {share} |")
    return rows


def parse_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="flowdubber-grid-tiny", help="of ours: a bundled name, folder or Hub id")
    for name, title in (("emodubber", "EmoDubber"), ("matcha", "Matcha-TTS")):
        parser.add_argument(f"--{name}", type=Path, help=f"checkout of {title}")
        parser.add_argument(f"--{name}_checkpoint", type=Path, help=f"trained weights of {title}, from its authors")
        parser.add_argument(f"--{name}_python", default=sys.executable, help=f"Python that has what {title} requires")
    parser.add_argument("--repeats", type=int, default=5, help="dubs of each that count")
    parser.add_argument("--docs", action="store_true", help="print the table alone, as docs/benchmarks.md holds it")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    arguments = parser.parse_args(given)
    if arguments.work:
        return arguments
    if arguments.repeats < 1:
        parser.error("--repeats must be at least 1.")
    for name in ("emodubber", "matcha"):
        checkout, weights = getattr(arguments, name), getattr(arguments, f"{name}_checkpoint")
        if (checkout is None) != (weights is None):
            parser.error(f"--{name} and --{name}_checkpoint go together.")
        if checkout is not None and not (checkout.is_dir() and weights.is_file()):
            parser.error(f"--{name} must be a folder and --{name}_checkpoint a file, got {checkout} and {weights}.")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    if arguments.work:
        work(System(**json.loads(arguments.work)))
        return
    systems = [System("ours", sys.executable, None, arguments.model)]
    for name in ("emodubber", "matcha"):
        checkout = getattr(arguments, name)
        if checkout is not None:
            weights = str(getattr(arguments, f"{name}_checkpoint").resolve())
            systems.append(System(name, getattr(arguments, f"{name}_python"), str(checkout.resolve()), weights))
    try:
        found = measure(systems, arguments.repeats)
    except ValueError as error:
        sys.exit(f"benchmark_peers.py: {error}")
    print("\n".join(table(found)))
    if not arguments.docs:
        print(f"\n{platform.processor() or platform.machine()}, one thread each, medians of {arguments.repeats}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
