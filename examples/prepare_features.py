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
"""Prepares training features once: sound, phoneme times and mouth crops.

    python examples/prepare_features.py --data ../shared/data --output features

Finished files are skipped, so the command can be stopped and started again. Stages: `audio` (16 kHz sound and the
manifest), `phones` (forced alignment of the transcripts; needs the train extra) and `crops` (grey mouth crops).
"""

import argparse
import sys
from pathlib import Path

from flowdubber_hf.data.features import STAGES, StageReport, measured, read_sources, run_stage, seconds, write_manifest


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with grid/ and speech/ and their metadata.jsonl"
    )
    parser.add_argument("--output", type=Path, required=True, help="feature folder, made where missing")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--num_workers", type=int, default=2, help="processes")
    parser.add_argument("--limit", type=int, default=None, help="only the first N clips of each source")
    return parser.parse_args(arguments)


def limited(clips: list, limit: int | None) -> list:
    if limit is None:
        return clips
    sources = dict.fromkeys(clip.source for clip in clips)
    return [clip for source in sources for clip in [c for c in clips if c.source == source][:limit]]


def describe(report: StageReport) -> str:
    lines = [f"{report.stage}: {report.written} written, {report.present} there before, {len(report.dropped)} dropped"]
    lines += [f"  dropped {clip_id}: {reason}" for clip_id, reason in sorted(report.dropped.items())]
    lines += [f"  note {clip_id}: {remark}" for clip_id, remark in sorted(report.remarks.items())]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    args = parse_args(arguments)
    sources = limited(read_sources(args.data), args.limit)
    args.output.mkdir(parents=True, exist_ok=True)
    reports = []
    for stage in [stage for stage in STAGES if stage in args.stages]:
        clips = sources if stage == "audio" else measured(args.data, args.output, sources)
        reports.append(run_stage(stage, args.data, args.output, clips, args.num_workers))
        if stage == "audio":
            write_manifest(args.output, measured(args.data, args.output, sources))
    print("\n".join(describe(report) for report in reports))
    clips = measured(args.data, args.output, sources)
    print(f"{len(clips)} clips, {seconds(clips) / 3600:.2f} h of sound in {args.output}")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
