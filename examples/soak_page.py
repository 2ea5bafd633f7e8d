"""Dub many times over the page's API, each time as a new visitor, and print how much memory its process holds (Linux).

python examples/soak_page.py                # 200 dubs of a drawn clip, one step each, at `flowdubber ui` on 127.0.0.1
python examples/soak_page.py --dubs 50 --json soak.json
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from gradio_client import Client, handle_file

from flowdubber_hf.demo import DemoFiles, make_demo
from flowdubber_hf.training.arguments import run_script
from flowdubber_hf.work.files import replace_file


SETTLING = 20  # dubs until every buffer has its size
SHOWN_EVERY = 20


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--dubs", type=int, default=200, help=f"how many, more than {SETTLING} (default %(default)s)")
    parser.add_argument("--port", type=int, default=7899, help="of the page (default %(default)s)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


@contextmanager
def served_page(port: int) -> Iterator[tuple[str, int]]:
    """`flowdubber ui` in a process of its own: its address and the process's number."""
    command = [sys.executable, "-m", "flowdubber_hf", "ui", "--port", str(port), "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = next((line for line in process.stdout if "The page is at" in line), None)
            if line is None:
                raise ValueError("flowdubber ui did not start; what it says stands above.")
            yield re.search(r"http\S+", line)[0], process.pid
        finally:
            process.terminate()


def megabytes(process: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


def threads(process: int) -> int:
    return len(list(Path(f"/proc/{process}/task").iterdir()))


def dub(url: str, demo: DemoFiles, seed: int, folder: Path) -> None:
    """A visitor who comes, dubs a clip once and goes."""
    client = Client(url, verbose=False, download_files=str(folder))
    try:
        client.predict(
            clip=handle_file(demo.video),
            script=demo.script,
            voice=handle_file(demo.reference),
            consent=True,
            steps=1,
            seed=seed,
            api_name="/dub",
        )
    finally:
        client.close()


def soak(dubs: int, port: int) -> list[float]:
    """Megabytes before the first dub and after each."""
    with TemporaryDirectory(prefix="flowdubber-soak-") as folder, served_page(port) as (url, process):
        demo = make_demo(Path(folder) / "demo")
        start, held = time.monotonic(), [megabytes(process)]
        for number in range(1, dubs + 1):
            dub(url, demo, number, Path(folder))
            held.append(megabytes(process))
            if number % SHOWN_EVERY == 0:
                print(
                    f"{number:4} dubs: {held[-1]:7.1f} MB, {threads(process)} threads, {time.monotonic() - start:.0f} s",
                    flush=True,
                )
    return held


def main() -> None:
    args = parse_arguments()
    if args.dubs <= SETTLING + 1:
        raise ValueError(f"--dubs must be more than {SETTLING + 1}, got {args.dubs}.")
    held = soak(args.dubs, args.port)
    settled = held[SETTLING:]
    slope = float(np.polyfit(np.arange(len(settled)), settled, 1)[0])
    figures = {
        "dubs": args.dubs,
        "before": held[0],
        f"after {SETTLING}": settled[0],
        "at the end": settled[-1],
        "most": max(held),
        f"a dub after the first {SETTLING}": slope,
    }
    print(
        "\n".join(f"{name}: {value:.2f} MB" if name != "dubs" else f"dubs: {value}" for name, value in figures.items())
    )
    if args.json is not None:
        replace_file(args.json, json.dumps(figures, indent=2).encode())


if __name__ == "__main__":
    run_script(main)
