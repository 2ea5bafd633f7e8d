"""Dubs everyday English sentences, which no training set holds, onto a drawn talking head and tells how many words are lost.

```bash
python examples/evaluate_free_text.py --data ../shared/data --model flowdubber-grid-tiny
```

The 30 sentences stand in `free_text_sentences.txt`: natural English outside GRID's grammar with all 39 ARPAbet phonemes. For
each, a head that the project draws says it (`flowdubber_hf.demo.make_talking_head`: every phoneme at its mean
duration), the pipeline dubs that clip in each voice with its default settings and the same seed, and PocketSphinx hears the
result with its own dictionary and language model, decoder settings as they come. Words are compared in lower case, without
punctuation, digits spelled; the rate is over all words of a voice together.

`--whisper FOLDER` has Whisper hear the same sounds too (a folder of transformers or of CTranslate2, as `wer=FOLDER` of `flowdubber
evaluate`): a recogniser that knows far more of English, and guesses what is usually said.

For the phonemes that fail, the words of both sides become phonemes of PocketSphinx's dictionary (first pronunciation, no
stress) and are aligned by edit distance: a phoneme of the sentence that is substituted or missing is an error.

Voices, unless `--voices NAME=FILE ...` names others (files relative to `--data` or the working folder):

| voice | recording | speaker |
|---|---|---|
| `grid_s1` | first `dev` clip of GRID's s1 | man, in training |
| `female` | LibriSpeech 3080 | woman, in training |
| `male` | LibriSpeech 2609 | man, in training |
| `unseen` | LibriSpeech 6272 | woman of the `val` part, in no training |

Where the program `flite` is on the PATH, its own voices saying the same sentences are the yardstick of the recogniser.
`--sentences_per_clip 5` lets the head say five of them in one clip of 20 to 30 s, with a silence between them; `--timing cue` reads
no lips. `--diagnose` adds rows that say where words are lost: the dubs on the times at which the head was drawn to speak, in place of
those read from its lips, and flite's sound through log-mel and vocoder.
Clips, dubs and what was heard stay under `--output`, in folders named by a hash of weights and code, so a second run only
does what is missing. `free_text.json` and `free_text.md` are written there; `--docs .` also writes docs/benchmarks.md.
Needs `pip install ".[eval]"`.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import contextlib
import json
import math
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

import flowdubber_hf
from flowdubber_hf import demo
from flowdubber_hf.data.dubbing import phoneme_frames
from flowdubber_hf.evaluation.settings import PARTS
from flowdubber_hf.metrics import functional
from flowdubber_hf.processing import english, text
from flowdubber_hf.processing.audio import (
    MEL_FRAME_RATE,
    SAMPLES_PER_VIDEO_FRAME,
    VIDEO_FRAME_RATE,
    load_audio,
    log_mel,
)
from flowdubber_hf.processing.video import write_wav
from flowdubber_hf.sampling import TIMINGS
from flowdubber_hf.work.machine import describe_machine
from free_text_report import report
from listeners import Listener, pocketsphinx, whisper
from pages import file_hash, insert, save_json, update_json
from render_cards import FIGURES, write_cards


SENTENCES = Path(__file__).with_name("free_text_sentences.txt")
VOICES = {
    "grid_s1": "grid/s1/bbir8p.mp4",
    "female": "speech/librispeech/3080-5032-0000.ogg",
    "male": "speech/librispeech/2609-156975-0000.ogg",
    "unseen": "speech/librispeech/6272-70168-0000.ogg",
}
FLITE_VOICES = ("slt", "rms", "awb", "kal16")
INFERENCE = ("models", "pipelines", "processing", "schedulers")  # code that decides how a dub sounds
SEAM_SECONDS = (1.8, 3.0)  # between the sentences of a clip: five of them last 20 to 30 s


def read_sentences(path: Path = SENTENCES, limit: int | None = None) -> list[str]:
    """One sentence a line; empty lines are left out."""
    sentences = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not sentences:
        raise ValueError(f"{path} holds no sentence.")
    return sentences[:limit]


def find_voices(entries: Sequence[str] | None, data: Path | None) -> dict[str, Path]:
    """Names and recordings of the voices.

    Args:
        entries: `NAME=FILE` each, or `None` for the voices of this file's head.
        data: the folder that relative files are looked for in first.

    Raises:
        ValueError: an entry of another form, a missing file.
    """
    if entries is None and data is None:
        raise ValueError("give --data, the folder that holds grid/ and speech/, or --voices NAME=FILE.")
    pairs = VOICES.items() if entries is None else [entry.partition("=")[::2] for entry in entries]
    voices = {}
    for name, file in pairs:
        if not name or not file:
            raise ValueError(f"--voices takes NAME=FILE, got {name or file!r}.")
        found = [path for path in (*([data / file] if data else []), Path(file)) if path.is_file()]
        if not found:
            raise ValueError(f"the voice {name!r} has no recording {file}.")
        voices[name] = found[0]
    return voices


def key(sentence: str) -> str:
    """A file name for a sentence: its first words and a hash."""
    words = "_".join(functional.normalize_words(sentence)[:3])
    return f"{words}_{file_hash([], [torch.tensor(list(sentence.encode()), dtype=torch.uint8)])}"


def group_sentences(sentences: Sequence[str], size: int) -> dict[str, tuple[str, ...]]:
    """Texts of `size` sentences that follow each other, and the sentences of each; those left over make a shorter text."""
    if size < 1:
        raise ValueError(f"--sentences_per_clip must be at least 1, got {size}.")
    groups = [tuple(sentences[first : first + size]) for first in range(0, len(sentences), size)]
    return {" ".join(group): group for group in groups}


def joined_timeline(sentences: Sequence[str], accent: str = "us") -> list[dict]:
    """When the head says several sentences, as `demo.speech_timeline`: between two of them a silence of `SEAM_SECONDS`, drawn by
    a seed of the text."""
    generator = np.random.default_rng(list(" ".join(sentences).encode()))
    timeline: list[dict] = []
    for sentence in sentences:
        spoken = demo.speech_timeline(sentence, accent)
        now = 0.0
        if timeline:  # one silence in place of the two at the seam
            now = timeline[-1]["end"] = round(timeline[-1]["start"] + generator.uniform(*SEAM_SECONDS), 2)
            spoken = spoken[1:]
        shift = now - spoken[0]["start"]
        moved = [
            {**part, "start": round(part["start"] + shift, 6), "end": round(part["end"] + shift, 6)} for part in spoken
        ]
        timeline += moved
    return timeline


def draw_clips(groups: Mapping[str, Sequence[str]], folder: Path) -> dict[str, Path]:
    """The talking head saying each text, drawn where an earlier run has not."""
    folder = folder / f"clips-{file_hash([Path(module.__file__) for module in (demo, text, english)])}"
    folder.mkdir(parents=True, exist_ok=True)
    clips = {script: folder / f"{key(script)}.mp4" for script in groups}
    for script, path in tqdm(clips.items(), desc="talking head", unit="clip"):
        if path.is_file():
            continue
        more = {"timeline": joined_timeline(groups[script])} if len(groups[script]) > 1 else {}
        demo.make_talking_head(script, path, **more)
    return clips


def fingerprint(pipe: Any) -> str:
    """Changes with the weights, the settings and the code of a pipeline."""
    package = Path(flowdubber_hf.__file__).parent
    modules = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    weights = [tensor for module in modules for _, tensor in sorted(module.state_dict().items())]
    settings = "".join(f"{module.config}" for module in modules)
    code = sorted(path for part in INFERENCE for path in (package / part).rglob("*.py"))
    return file_hash(code, [*weights, torch.tensor(list(settings.encode()), dtype=torch.uint8)])


@contextlib.contextmanager
def drawn_times(pipe: Any, *sentences: str) -> Iterator[None]:
    """Within it the pipeline reads no times from the lips but takes those at which the head says the sentences."""
    accent = pipe.aligner.config.phoneme_accent
    phonemes, timeline = text.phonemize(" ".join(sentences), accent), joined_timeline(sentences, accent)
    spoken, times, now = iter(timeline), [], 0.0
    for optional in phonemes.optional:  # pauses between words last no time
        start, now = now, now if optional else next(spoken)["end"]
        times.append((start, now))
    seconds = math.ceil(now * VIDEO_FRAME_RATE - 1e-6) / VIDEO_FRAME_RATE  # the clip ends with a whole picture
    times[-1] = (times[-1][0], seconds)
    num_frames = round(seconds * MEL_FRAME_RATE)
    frames = phoneme_frames(np.array(times), np.array(phonemes.optional), num_frames, MEL_FRAME_RATE)
    owner = torch.repeat_interleave(torch.arange(len(frames)), torch.from_numpy(frames))
    path = torch.nn.functional.one_hot(owner, len(frames)).T[None]
    encode = pipe.aligner.encode
    pipe.aligner.encode = lambda *inputs, **named: encode(*inputs, **named | {"path": path})
    try:
        yield
    finally:
        del pipe.aligner.encode  # the instance's attribute: the class's own method shows again


def vocode(pipe: Any, sound: np.ndarray) -> np.ndarray:
    """`(samples,)` sound through log-mel and the pipeline's vocoder, cut to whole video frames."""
    sound = sound[: len(sound) // SAMPLES_PER_VIDEO_FRAME * SAMPLES_PER_VIDEO_FRAME]
    mel = log_mel(torch.from_numpy(sound)).T[None].to(pipe.vocoder.device, pipe.vocoder.dtype)
    with torch.inference_mode():
        return pipe.vocoder(mel).float().cpu().reshape(-1).numpy()


def dub(pipe: Any, sentence: str, clip: Path, voice: Path, seed: int, settings: Mapping[str, Any]) -> np.ndarray:
    """`(samples,)` at 16 kHz."""
    generator = torch.Generator("cpu").manual_seed(seed)
    result = pipe(script=sentence, video=str(clip), reference_audio=str(voice), generator=generator, **settings)
    return np.asarray(result.audios[0], dtype=np.float32)


def speak_with_flite(sentence: str, voice: str, path: Path) -> None:
    """Flite's own sound, at the rate that the voice has; whole or not at all."""
    temporary = path.with_suffix(".part")
    command = ["flite", "-voice", voice, "-t", sentence, "-o", str(temporary)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    temporary.replace(path)


def hear(
    sentences: Sequence[str],
    folder: Path,
    make: Callable[[str, Path], None],
    title: str,
    listener: Listener | None = None,
) -> list[str]:
    """Makes each sentence's sound file and what the listener, PocketSphinx unless another is given, hears in it, or reads what an
    earlier run left in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    listener = listener or pocketsphinx()
    heard = []
    for sentence in tqdm(sentences, desc=title, unit="clip"):
        sound, kept = folder / f"{key(sentence)}.wav", folder / f"{key(sentence)}-{listener.mark}.json"
        if not kept.is_file():
            if not sound.is_file():
                make(sentence, sound)
            save_json(kept, listener.hears(load_audio(sound)))
        heard.append(json.loads(kept.read_text(encoding="utf-8")))
    return heard


def to_phonemes(words: str) -> list[str]:
    """PocketSphinx's phonemes of a text without stress, the first pronunciation of each word.

    Raises:
        ValueError: a word that its dictionary lacks.
    """
    return [phoneme for word in functional.normalize_words(words) for phoneme in functional.pronunciations(word)[0]]


def phoneme_errors(sentences: Sequence[str], heard: Sequence[str]) -> dict[str, dict[str, Any]]:
    """For each phoneme of the sentences its `occurrences`, `errors` (substituted or missing) and what was heard `instead`.

    `instead` counts the phonemes that took its place, "-" where there is none.
    """
    jiwer = functional.require("jiwer")
    occurrences, instead = Counter(), {}
    for sentence, words in zip(sentences, heard, strict=True):
        truth, found = to_phonemes(sentence), to_phonemes(words)
        occurrences.update(truth)
        alignment = jiwer.process_words(" ".join(truth), " ".join(found)).alignments[0]
        for part in alignment:
            if part.type in ("equal", "insert"):
                continue
            wrong = truth[part.ref_start_idx : part.ref_end_idx]
            taken = found[part.hyp_start_idx : part.hyp_end_idx] if part.type == "substitute" else ["-"] * len(wrong)
            for phoneme, other in zip(wrong, taken, strict=True):
                instead.setdefault(phoneme, Counter())[other] += 1
    return {
        phoneme: {
            "occurrences": count,
            "errors": sum(instead.get(phoneme, {}).values()),
            "instead": dict(instead.get(phoneme, Counter()).most_common()),
        }
        for phoneme, count in sorted(occurrences.items())
    }


def summarize(
    sentences: Sequence[str], heard: Sequence[str], by_whisper: Sequence[str] | None = None
) -> dict[str, Any]:
    """Figures of one voice; phonemes and examples are what PocketSphinx heard."""
    phonemes = phoneme_errors(sentences, heard)
    more = {} if by_whisper is None else {"words_wrong_whisper": functional.word_error_rate(sentences, by_whisper)}
    return {
        **more,
        "sentences": len(sentences),
        "words_wrong": functional.word_error_rate(sentences, heard),
        "phonemes_lost": sum(row["errors"] for row in phonemes.values())
        / sum(row["occurrences"] for row in phonemes.values()),
        "phonemes": phonemes,
        "heard": dict(zip(sentences, heard, strict=True)),
    }


def card_figures(results: Mapping[str, Any]) -> dict[str, Any]:
    """What hub_cards/figures.json keeps: words wrong in %, by voice."""
    flite = {name.removeprefix("flite "): heard for name, heard in results["others"].items()}
    by_whisper = {name: 100 * heard.get("words_wrong_whisper", 0) for name, heard in results["voices"].items()}
    return {
        **({"voices_whisper": by_whisper} if results["whisper"] is not None else {}),
        "command": "python examples/evaluate_free_text.py --data ../shared/data --diagnose --docs .",
        "date": results["date"],
        "torch": results["machine"]["torch"],
        "seed": results["seed"],
        "sentences": len(results["sentences"]),
        "voices": {name: 100 * heard["words_wrong"] for name, heard in results["voices"].items()},
        "flite": {name: 100 * heard["words_wrong"] for name, heard in flite.items() if name in FLITE_VOICES},
    }


def load_pipeline(model: str) -> Any:
    from flowdubber_hf import FlowDubberPipeline

    pipe = FlowDubberPipeline.from_pretrained(model)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def call_settings(args: argparse.Namespace) -> dict[str, Any]:
    """What is given to the pipeline beside the clip: only what was asked for."""
    names = ("temperature", "guidance_scale", "timing")
    settings = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    return {**settings, **({"without": tuple(args.without)} if args.without else {})}


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """Runs what is missing and returns all figures."""
    groups = group_sentences(read_sentences(args.sentences, args.limit), args.sentences_per_clip)
    sentences = list(groups)
    voices = find_voices(args.voices, args.data)
    settings = call_settings(args)
    pipe = load_pipeline(args.model)
    clips = draw_clips(groups, args.output)
    made_by = f"{fingerprint(pipe)}-{args.seed}" + "".join(
        f"-{name}{'-'.join(value) if isinstance(value, tuple) else value}" for name, value in settings.items()
    )
    results: dict[str, Any] = {
        "model": args.model,
        "seed": args.seed,
        "settings": settings,
        "sentences": sentences,
        "sentences_per_clip": args.sentences_per_clip,
        "whisper": None if args.whisper is None else args.whisper.name,
        "machine": describe_machine(),
        "date": time.strftime("%Y-%m-%d"),
        "voices": {},
        "others": {},
    }
    second = None if args.whisper is None else whisper(args.whisper)

    def measure(folder: Path, make: Callable[[str, Path], None], title: str) -> dict[str, Any]:
        heard = hear(sentences, folder, make, title)
        return summarize(
            sentences, heard, hear(sentences, folder, make, f"{title}, Whisper", second) if second else None
        )

    for name, voice in voices.items():

        def speak(sentence: str, path: Path, voice: Path = voice) -> None:
            write_wav(path, dub(pipe, sentence, clips[sentence], voice, args.seed, settings))

        def speak_on_drawn_times(sentence: str, path: Path, speak: Callable = speak) -> None:
            with drawn_times(pipe, *groups[sentence]):
                speak(sentence, path)

        folder = args.output / f"{name}-{file_hash([voice])}-{made_by}"
        results["voices"][name] = measure(folder, speak, name)
        if args.diagnose:
            title, folder = f"{name}, drawn times", folder.with_name(f"{folder.name}-drawn_times")
            results["others"][title] = measure(folder, speak_on_drawn_times, title)
    for name in FLITE_VOICES if shutil.which("flite") and not args.no_flite else ():
        own = args.output / f"flite-{name}"

        def speak_as_flite(sentence: str, path: Path, name: str = name) -> None:
            speak_with_flite(sentence, name, path)

        def speak_vocoded(sentence: str, path: Path, own: Path = own) -> None:
            write_wav(path, vocode(pipe, load_audio(own / f"{key(sentence)}.wav")))

        title = f"flite {name}"
        results["others"][title] = measure(own, speak_as_flite, title)
        if args.diagnose:
            title, folder = f"{title} through the vocoder", own.with_name(f"{own.name}-{fingerprint(pipe)}")
            results["others"][title] = measure(folder, speak_vocoded, title)
    return results


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, help="folder that holds grid/ and speech/ with the voices' recordings")
    parser.add_argument("--model", default="flowdubber-grid-tiny", help="bundled name, folder or Hub id")
    parser.add_argument("--voices", nargs="+", metavar="NAME=FILE", help="recordings to speak like")
    parser.add_argument("--sentences", type=Path, default=SENTENCES, help="text file, one sentence a line")
    parser.add_argument("--whisper", type=Path, metavar="FOLDER", help="Whisper as a second recogniser")
    parser.add_argument("--limit", type=int, help="only the first sentences")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--temperature", type=float, help="of the initial noise, in place of the model's own")
    parser.add_argument(
        "--guidance_scale",
        type=float,
        default=None,
        help="in place of the pipeline's; 1 for one without language model",
    )
    parser.add_argument("--timing", choices=TIMINGS, help="cue: the clip does not show the speaker, no lips are read")
    parser.add_argument("--without", nargs="+", choices=PARTS, help="parts of the method to do without")
    parser.add_argument("--sentences_per_clip", type=int, default=1, help="several sentences are said in one clip")
    parser.add_argument("--no_flite", action="store_true", help="leave flite's own voices out")
    parser.add_argument("--diagnose", action="store_true", help="add the rows that say where words are lost")
    parser.add_argument("--output", type=Path, default=Path("outputs/free_text"))
    parser.add_argument("--docs", type=Path, help="repository whose docs/benchmarks.md and cards take the figures")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_arguments(arguments)
    if args.docs is not None and (call_settings(args) or args.sentences_per_clip > 1):
        raise ValueError(
            "--docs writes the figures of the defaults; leave it out with options of the dub and of the clips."
        )
    args.output.mkdir(parents=True, exist_ok=True)
    results = evaluate(args)
    save_json(args.output / "free_text.json", results)
    text_report = report(results)
    (args.output / "free_text.md").write_text(text_report, encoding="utf-8")
    if args.docs is not None:
        insert(args.docs / "docs" / "benchmarks.md", "figures free_text", report(results, every=6))
        update_json(args.docs / FIGURES, free_text=card_figures(results))
        write_cards(args.docs)
    print(text_report)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, ImportError) as error:
        sys.stderr.write(f"evaluate_free_text.py: {error}\n")
        raise SystemExit(2) from None
