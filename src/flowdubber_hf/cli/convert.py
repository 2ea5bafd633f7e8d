"""`flowdubber convert`: other projects' public weights as parts of this package."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import importlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..libraries import quiet_libraries
from .common import Result, add_command, add_running_options, check_output_folder


@dataclass(frozen=True)
class Source:
    """A kind of public checkpoint that can be converted.

    Attributes:
        kind: the subcommand.
        help: what it becomes, in a few words.
        description: where the weights are, and what they become.
        licence: of the weights, a Hub identifier or `other`.
        licence_note: what whoever passes the converted weights on has to know.
        example: arguments of a typical call.
        function: `module:function` inside the package; called with the source, `file`, and the kind's `options`. It returns the
            part, or a mapping of folder names to parts, each with `save_pretrained`.
        options: further options: name of the function's argument to the settings of `add_argument`.
    """

    kind: str
    help: str
    description: str
    licence: str
    licence_note: str
    example: str
    function: str
    options: Mapping[str, Mapping[str, Any]] | None = None


SOURCES = (
    Source(
        kind="spark-tts",
        help="Spark-TTS, a semantic_model, a tokenizer and a speech_tokenizer",
        description="Spark-TTS-0.5B (the Hub's SparkAudio/Spark-TTS-0.5B, 3.9 GB) becomes the three parts of the language "
        "model: LLM a semantic_model and a tokenizer, BiCodec with wav2vec2-large-xlsr-53 a speech_tokenizer, whose weights "
        "stay float32 since rounded ones choose other codes. It is read tensor by tensor; wav2vec2's pytorch_model.bin, a "
        "pickle, as plain tensors.",
        licence="cc-by-nc-sa-4.0",
        licence_note="The weights are SparkAudio's: not for commercial use, and what is made of them stays under the same "
        "licence. wav2vec2-large-xlsr-53 is Facebook AI's (apache-2.0).",
        example="SparkAudio/Spark-TTS-0.5B parts/spark_tts",
        function="models.spark_tts:convert_spark_tts",
        options={
            "revision": {"metavar": "NAME", "help": "branch, tag or commit of a Hub id"},
            "keep_postnet": {
                "action": "store_true",
                "help": "keep BiCodec's postnet, which is needed only to train the speech tokenizer further",
            },
        },
    ),
    Source(
        kind="ge2e",
        help="Resemblyzer's voice encoder, a style_encoder",
        description="Resemblyzer's GE2E speaker encoder (pretrained.pt) becomes a style_encoder. SOURCE may be the word "
        "resemblyzer, which means the file inside the installed package of that name (pip install --no-deps resemblyzer).",
        licence="apache-2.0",
        licence_note="The weights are Resemble AI's (github.com/resemble-ai/Resemblyzer).",
        example="resemblyzer parts/style_encoder",
        function="models.style.conversion:convert_style_encoder",
    ),
    Source(
        kind="hifigan",
        help="a 16 kHz HiFi-GAN, a vocoder",
        description="A HiFi-GAN generator of github.com/jik876/hifi-gan's layout with its config.json becomes a vocoder "
        "(transformers' SpeechT5HifiGan). The method's siblings use EmoDubber's: the 16 kHz vocoder that the README of "
        "github.com/GalaxyCong/EmoDubber links to, with config.json of its Vocoder_16KHz folder.",
        licence="other",
        licence_note="EmoDubber's code is MIT, and for its weights it states nothing else.",
        example="Vocoder_16KHz parts/vocoder",
        function="models.vocoder.conversion:convert_hifigan",
        options={"settings": {"metavar": "FILE", "help": "its config.json, if it is not beside the checkpoint"}},
    ),
    Source(
        kind="lipreader",
        help="the LRW-trained lip reader, for an aligner's lip encoder",
        description="The front end (3-D convolution and ResNet-18) of the lip-reading networks that mpc001 publishes on GitHub "
        "(Lipreading using Temporal Convolutional Networks; resnet18_mstcn or resnet18_dctcn, video) becomes a lip reader: "
        "train_aligner.py --preset base --lip_reader OUT trains an aligner on its 512-wide features. It takes the package's own "
        "mouth crops, 88 x 88 grey at 25 fps.",
        licence="other",
        licence_note="its repository allows non-commercial use only, for comparison and benchmarking; LRW has terms of its own.",
        example="lrw_models parts/lip_reader --activation swish",
        function="models.lip_reader.conversion:convert_lip_reader",
        options={
            "activation": {
                "choices": ("prelu", "relu", "swish"),
                "help": "relu_type of the checkpoint's settings; not needed if slopes among the weights show that it is prelu",
            }
        },
    ),
    Source(
        kind="syncnet",
        help="SyncNet, the papers' judge of lip-sync",
        description="syncnet_v2.model (github.com/joonson/syncnet_python, download_model.sh) becomes a judge for LSE-C and "
        "LSE-D: flowdubber evaluate --metrics lse=OUT. It takes 224 x 224 colour faces, which that command cuts.",
        licence="other",
        licence_note="that of Chung and Zisserman (2016); their terms are with the repository "
        "github.com/joonson/syncnet_python.",
        example="syncnet_v2.model judges/syncnet-v2",
        function="models.syncnet.conversion:convert_syncnet",
    ),
    Source(
        kind="utmos",
        help="UTMOS, a judge of naturalness",
        description="utmos22_strong_step7459_v1.pt (github.com/tarepan/SpeechMOS, releases; or mos/ of the Hub's "
        "k2-fsa/TTS_eval_models, 400 MB) becomes a judge: flowdubber evaluate --metrics utmos=OUT.",
        licence="mit",
        licence_note="The weights are the Saruwatari and Koyama laboratory's, the University of Tokyo "
        "(github.com/sarulab-speech/UTMOS22).",
        example="k2-fsa/TTS_eval_models utmos22_strong",
        function="models.utmos.conversion:convert_utmos",
    ),
)


def add_convert(commands: Any) -> None:
    convert = add_command(
        commands,
        "convert",
        usage="flowdubber convert KIND SOURCE OUT [options]",
        summary="turn public weights into parts of a model",
        description="Turns other projects' public weights into parts of a FlowDubber model, or into judges. docs/pretrained.md lists "
        "them, their licences and where to get them. Old checkpoints are pickles: they are only ever read as "
        "plain tensors, no code in them is run. A name or a shape that differs from the public network's is an error.",
        examples=[(source.help[0].upper() + source.help[1:], _command(source)) for source in SOURCES],
        report={},
    )
    kinds = convert.add_subparsers(dest="kind", required=True, metavar="KIND", title="kinds")
    for source in SOURCES:
        _add_kind(kinds, source)


def _command(source: Source) -> str:
    return f"flowdubber convert {source.kind} {source.example}"


def _licence(source: Source) -> str:
    return source.licence_note if source.licence == "other" else f"{source.licence}. {source.licence_note}"


def _add_kind(kinds: Any, source: Source) -> None:
    parser = add_command(
        kinds,
        source.kind,
        summary=source.help,
        description=f"{source.description} Licence of the weights: {_licence(source)}",
        examples=[
            ("Convert it", _command(source)),
            ("Again, half as large", f"{_command(source)} --dtype float16 --overwrite"),
        ],
        report={
            "kind": "as given",
            "source": "as given",
            "output": "folder that was written",
            "parts": "folders in it, where there are several",
            "weights": "how many numbers",
            "dtype": "of the weights",
            "left_out": "what the public checkpoint has and the part does not need",
            "license": "of the weights",
        },
    )
    given = parser.add_argument_group("input").add_argument
    given("source", metavar="SOURCE", help="the checkpoint, its folder, or a Hub id (owner/name)")
    given("--file", metavar="NAME", help="the checkpoint's name in SOURCE, if it is not the usual one")
    for name, settings in (source.options or {}).items():
        given(f"--{name.replace('_', '-')}", dest=name, **settings)
    output = parser.add_argument_group("output").add_argument
    output("output", metavar="OUT", type=Path, help="folder to write")
    output(
        "--dtype",
        choices=("float32", "float16"),
        default="float32",
        help="of the written weights; float16 halves them (default %(default)s)",
    )
    output("--overwrite", action="store_true", help="replace OUT if it exists")
    add_running_options(parser)
    parser.set_defaults(run=lambda arguments: _convert(source, arguments))


def _convert(source: Source, arguments: argparse.Namespace) -> Result:
    output = arguments.output
    check_output_folder(output, arguments.overwrite)

    import torch

    from ..work.files import replace_folder

    quiet_libraries()
    module, function = source.function.split(":")
    convert = getattr(importlib.import_module(f"..{module}", __package__), function)
    options = {name: getattr(arguments, name) for name in source.options or {}}
    parts = convert(arguments.source, file=arguments.file, **options)
    parts = dict(parts) if isinstance(parts, Mapping) else {"": parts}
    models = [part for part in parts.values() if hasattr(part, "num_parameters")]
    for model in models:
        model.to(getattr(torch, arguments.dtype))
        if hasattr(model, "progress"):
            model.progress = not arguments.quiet

    def write(folder: Path) -> None:
        for name, part in parts.items():
            part.save_pretrained(folder / name)
        (folder / "README.md").write_text(_card(source, arguments), encoding="utf-8")

    replace_folder(output, write)
    weights = sum(model.num_parameters() for model in models)
    left_out = [what for model in models for what in getattr(model, "left_out", ())]
    if not arguments.quiet:
        print(f"wrote {', '.join(filter(None, parts)) or source.kind} with {weights:,} weights to {output}")
        if left_out:
            print(f"left out: {'; '.join(left_out)}")
        print(f"to check it: {shlex.join(['flowdubber', 'doctor', str(output)])}")
    names = {
        "kind": source.kind,
        "source": arguments.source,
        "output": str(output),
        "parts": list(filter(None, parts)),
    }
    sizes = {"weights": weights, "dtype": arguments.dtype, "left_out": left_out}
    return Result({**names, **sizes, "license": source.licence})


def _card(source: Source, arguments: argparse.Namespace) -> str:
    """A card that says where the weights come from and under which licence they stay."""
    from ..version import __version__

    return f"""---
license: {source.licence}
tags: [flowdubber]
---

# {source.help[0].upper()}{source.help[1:]}

{source.description}

Converted from `{Path(arguments.source).name}` by flowdubber-hf {__version__} (`flowdubber convert {source.kind}`); the weights
stay under their own licence: {_licence(source)}
"""
