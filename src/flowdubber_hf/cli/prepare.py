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
"""`flowdubber prepare`: make a training dataset of recordings."""

import argparse
import shlex
from pathlib import Path
from typing import Any

from .common import available_cores


def add_prepare(commands: Any) -> None:
    prepare = commands.add_parser(
        "prepare",
        help="make a training dataset of recordings",
        description="Makes a training dataset of a folder of clips and transcripts: sound, mouth crops, phoneme times, voices, "
        "speech tokens. Give the same command again after a stop: finished clips are kept. See docs/data.md.",
        epilog="Needs the extra: pip install 'flowdubber-hf[train]'",
    )
    prepare.add_argument("input", type=Path, metavar="INPUT", help="folder with metadata.jsonl or .csv, or a corpus")
    prepare.add_argument("output", type=Path, metavar="OUTPUT", help="folder of the dataset, made where missing")

    def option(name: str, **settings: Any) -> None:
        names = dict.fromkeys([f"--{name}", f"--{name.replace('_', '-')}"])
        prepare.add_argument(*names, dest=name, **settings)

    option(
        "corpus", default="auto", choices=("auto", "metadata", "grid", "chem", "v2c", "lrs"), help="layout of INPUT"
    )
    option("name", help="of the source, first part of the clips' names (default: the corpus, or INPUT's name)")
    option("license", metavar="ID", help="of the recordings, for the card: cc-by-4.0, ... (default: the corpus' own)")
    option("num_proc", type=int, help="processes (default: as many as there are cores)")
    option("speech_tokenizer", default="bundled", metavar="FOLDER", help="for the tokens; or bundled (default), none")
    option("style_encoder", default="bundled", metavar="FOLDER", help="for the voices; bundled by default")
    option(
        "times",
        default="forced",
        choices=("forced", "given"),
        help="where the corpus has word times: only compare them with the forced alignment's (default), or keep them",
    )
    option("textgrids", type=Path, metavar="FOLDER", help="TextGrids with words and phones, named as the clips")
    option("val_share", type=float, help="of train that becomes val where INPUT has none (default 1/30, 0: none)")
    option(
        "val_by", default="clip", choices=("clip", "speaker"), help="val holds other clips (default), or other voices"
    )
    option("min_face_share", type=float, help="drop clips with a face in fewer of their frames (default 0.5)")
    option("min_alignment_score", type=float, help="drop clips whose text fits worse (default -40; 0 is the best)")
    option(
        "max_word_difference", type=float, help="drop clips whose given word times are further off (default 0.25 s)"
    )
    option("max_length_difference", type=float, help="drop clips whose sound and picture differ more (default 0.5 s)")
    option("device", default="cpu", help="for voices and tokens: cpu (default), cuda, ...")
    option("follow_links", action="store_true", help="read links that lead out of INPUT too")
    option("limit", type=int, help="only the first clips, to try it out")
    prepare.add_argument("--quiet", action="store_true", help="no progress bar, no last lines")
    prepare.set_defaults(run=_prepare)


def _prepare(arguments: argparse.Namespace) -> None:
    from ..data.prepare import PrepareSettings, prepare
    from ..data.report import summary

    chosen = {name: value for name, value in vars(arguments).items() if value is not None}
    known = {name: chosen[name] for name in PrepareSettings.__dataclass_fields__ if name in chosen}
    settings = PrepareSettings(**{"num_proc": available_cores(), **known})
    try:
        done = prepare(settings)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; finished clips are kept, the same command goes on from them.") from None
    if arguments.quiet:
        return
    print("\n".join(summary(done.report)))
    work = sum(done.work_seconds.values())
    parts = ", ".join(f"{part} {seconds:.0f}" for part, seconds in done.work_seconds.items())
    print(f"{done.seconds:.0f} s; {work:.0f} s of processor time on clips{f' ({parts})' if parts else ''}")
    print(
        f"{'wrote' if done.written else 'up to date:'} {settings.output} (why clips were dropped: report.json, report.png)"
    )
    name = settings.output.resolve().name
    command = [
        "hf",
        "upload",
        f"USER/{name}",
        str(settings.output),
        ".",
        "--repo-type",
        "dataset",
        "--exclude",
        "work/*",
    ]
    print(f"to publish it, if its licence allows: {shlex.join(command)}")
