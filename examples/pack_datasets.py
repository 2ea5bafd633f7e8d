"""Prepared datasets made small enough to be carried to another machine, and made whole there.

    python examples/pack_datasets.py pack outputs/data/grid outputs/data/kokoro --output kit --max_mb 60
    python examples/pack_datasets.py unpack kit --output data          # on the other machine; then train as ever:
    python examples/train_vocoder.py examples/recipes/tiny/vocoder.yaml --dataset data/grid data/kokoro --output_dir outputs/vocoder --max_minutes 8

`pack` keeps sound as Opus and mouth crops as H.264, both of which lose a little, and everything else as it is: phonemes and times,
voices, tokens. A tenth to a fifth of the size is left. `unpack` needs the package and pyarrow, no raw recording, no network and
a minute; it writes folders that every training script reads. Both are whole or not there, and refuse to write over anything.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import io
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from tqdm.auto import tqdm

from flowdubber_hf.data.codec import decode_audio, decode_crops, encode_audio, encode_crops, to_pcm16
from flowdubber_hf.data.dataset import write_data
from flowdubber_hf.data.features import data_files
from flowdubber_hf.processing.audio import SAMPLING_RATE, VIDEO_FRAME_RATE
from flowdubber_hf.processing.media import create_media, open_media
from flowdubber_hf.work.files import replace_folder
from flowdubber_hf.work.workers import available_cores, start_worker


SOUND, PICTURE = "ogg", "h264"
_BLOCK = 960  # samples that are handed to the encoder at a time
_CHUNK = 16  # rows that a process gets at a time
Change = Callable[[dict[str, Any]], dict[str, Any]]


def small_sound(sound: np.ndarray, kbps: int) -> bytes:
    """`(samples,)` float32 at 16 kHz as Opus."""
    target = io.BytesIO()
    with create_media(target, SOUND, {"fflags": "bitexact"}) as container:
        stream = container.add_stream("libopus", rate=SAMPLING_RATE, layout="mono")
        stream.bit_rate = 1000 * kbps
        for start in range(0, len(sound), _BLOCK):
            block = np.ascontiguousarray(to_pcm16(sound[start : start + _BLOCK])[None])
            frame = av.AudioFrame.from_ndarray(block, "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = SAMPLING_RATE, start, Fraction(1, SAMPLING_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()


def whole_sound(data: bytes, num_samples: int) -> np.ndarray:
    """`(num_samples,)` int16 at 16 kHz of what [`small_sound`] made.

    Raises:
        ValueError: it is shorter.
    """
    resampler, parts = av.AudioResampler("s16", "mono", SAMPLING_RATE), []
    with open_media(io.BytesIO(data), SOUND) as container:
        for frame in [*container.decode(audio=0), None]:
            parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    sound = np.concatenate(parts)[:num_samples]
    if len(sound) < num_samples - _BLOCK:
        raise ValueError(f"packed sound has {len(sound)} samples in place of {num_samples}; pack it again.")
    return np.pad(sound, (0, num_samples - len(sound)))


def small_crops(crops: np.ndarray, crf: int) -> bytes:
    """`(F, 96, 96)` uint8 grey crops as H.264."""
    target = io.BytesIO()
    with create_media(target, PICTURE) as container:
        stream = container.add_stream("libx264", rate=VIDEO_FRAME_RATE, options={"crf": str(crf), "preset": "slow"})
        stream.height, stream.width = crops.shape[1:]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for crop in crops:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(crop, "gray")))
        container.mux(stream.encode(None))
    return target.getvalue()


def whole_crops(data: bytes, num_frames: int) -> np.ndarray:
    """`(num_frames, 96, 96)` uint8 of what [`small_crops`] made.

    Raises:
        ValueError: there are more or fewer.
    """
    with open_media(io.BytesIO(data), PICTURE) as container:
        crops = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    if len(crops) != num_frames:
        raise ValueError(f"packed crops are {len(crops)} in place of {num_frames}; pack them again.")
    return np.stack(crops)


def packed(row: dict[str, Any], kbps: int, crf: int) -> dict[str, Any]:
    """A row of a prepared dataset, made small."""
    sound = decode_audio(row["audio"], row["num_samples"])
    mouth = None if row["mouth"] is None else small_crops(decode_crops(row["mouth"], row["num_frames"]), crf)
    return {**row, "audio": small_sound(sound, kbps), "mouth": mouth}


def unpacked(row: dict[str, Any]) -> dict[str, Any]:
    """A row that [`packed`] made, as training reads it."""
    mouth = None if row["mouth"] is None else encode_crops(whole_crops(row["mouth"], row["num_frames"]))
    return {**row, "audio": encode_audio(whole_sound(row["audio"], row["num_samples"])), "mouth": mouth}


def rows_of(folder: Path) -> Iterator[dict[str, Any]]:
    """All rows of a dataset, one row group in memory at a time."""
    import pyarrow.parquet

    for path in data_files(folder):
        file = pyarrow.parquet.ParquetFile(path)
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group).to_pylist()


def changed(source: Path, change: Change, num_proc: int) -> Iterator[dict[str, Any]]:
    """All rows of a dataset, changed, in order."""
    if num_proc == 1:
        yield from map(change, rows_of(source))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(num_proc, mp_context=context, initializer=start_worker) as pool:
        yield from pool.map(change, rows_of(source), chunksize=_CHUNK)


def convert(source: Path, change: Change, target: Path, num_proc: int) -> None:
    """Writes a dataset's rows, changed, into a new folder, split by split as they were."""
    splits: dict[str, list[dict[str, Any]]] = {}
    for row in tqdm(changed(source, change, num_proc), desc=source.name, unit="clip"):
        splits.setdefault(row["split"], []).append(row)
    sizes = {name: [len(row["audio"]) + len(row["mouth"] or b"") for row in rows] for name, rows in splits.items()}
    write_data(target, {name: (rows, sizes[name]) for name, rows in splits.items()})


def convert_all(
    sources: Sequence[Path], change: Change, output: Path, num_proc: int, max_mb: float | None = None
) -> None:
    """Each of the datasets under its name in a new folder.

    Raises:
        ValueError: there is something in the place, two have one name, or all together are larger than `max_mb`.
    """
    if output.exists():
        raise ValueError(f"{output} is there already; give a new folder.")
    if len({source.name for source in sources}) != len(sources):
        raise ValueError("two of the datasets have the same folder name; rename one.")

    def write(folder: Path) -> None:
        for source in sources:
            convert(source, change, folder / source.name, num_proc)
        size = sum(path.stat().st_size for path in folder.rglob("*.parquet")) / 1e6
        print(f"{size:.1f} MB")
        if max_mb is not None and size > max_mb:
            raise ValueError(
                f"the datasets take {size:.1f} MB, more than {max_mb:g}: give fewer, or less --kbps, more --crf."
            )

    replace_folder(output, write)


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    pack = commands.add_parser("pack", help="make datasets small")
    pack.add_argument("datasets", type=Path, nargs="+", help="folders of `flowdubber prepare`")
    pack.add_argument("--output", type=Path, required=True, help="new folder")
    pack.add_argument("--kbps", type=int, default=24, help="of sound, kilobits a second")
    pack.add_argument("--crf", type=int, default=20, help="of mouth crops; 12 can hardly be told, 30 is coarse")
    pack.add_argument("--max_mb", type=float, default=None, help="refuse to make more than this")
    unpack = commands.add_parser("unpack", help="make them whole again")
    unpack.add_argument("kit", type=Path, help="what `pack` wrote")
    unpack.add_argument("--output", type=Path, required=True, help="new folder")
    for command in (pack, unpack):
        command.add_argument("--num_proc", type=int, default=available_cores(), help="processes; one a core")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_args(arguments)
    if args.num_proc < 1:
        raise ValueError("`num_proc` must be at least 1.")
    if args.command == "pack":
        convert_all(
            args.datasets, partial(packed, kbps=args.kbps, crf=args.crf), args.output, args.num_proc, args.max_mb
        )
    else:
        if not args.kit.is_dir():
            raise ValueError(f"there is no folder {args.kit}.")
        convert_all(sorted(path for path in args.kit.iterdir() if path.is_dir()), unpacked, args.output, args.num_proc)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, av.FFmpegError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
