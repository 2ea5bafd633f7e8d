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
"""The whole method: a script, a silent clip and a voice in; speech in that voice, timed by the lips, out."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Unpack, overload

import numpy as np
import torch
from diffusers import DiffusionPipeline, SchedulerMixin
from diffusers.utils import replace_example_docstring
from diffusers.utils.torch_utils import randn_tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ...checkpoints.saving import PathlessConfigMixin
from ...checkpoints.sources import FETCH_OPTIONS, fetch_checkpoint, local_checkpoint
from ...models.aligner import FlowDubberAlignerEncoding, FlowDubberAlignerModel
from ...models.semantic import (
    FlowDubberSemanticForConditionalGeneration,
    build_prompt,
    check_tokenizer,
    pad_prompts,
    prompt_text,
)
from ...models.speech_tokenizer import FlowDubberSpeechTokenizer
from ...models.style import FlowDubberStyleEncoder
from ...models.vector_field import FlowDubberVectorField, guide
from ...models.vocoder import FlowDubberVocoder
from ...processing.audio import (
    MEL_FRAMES_PER_VIDEO_FRAME,
    SAMPLING_RATE,
    VIDEO_FRAME_RATE,
    load_audio,
    pad_sounds,
    with_headroom,
)
from ...processing.clips import Frames
from ...processing.held import HeldFile
from ...processing.lips import FlowDubberLipFeatureExtractor
from ...processing.references import check_reference, level_voice
from ...processing.sound import Sound
from ...processing.text import NO_WORDS, PAUSES, Lexicon, Phonemization, phonemize
from ...processing.video import SYNTHETIC_SPEECH_NOTICE, mux_audio, write_wav
from ...schedulers import (
    FlowMatchMidpointDiscreteScheduler,
    flow_sigmas,
    flow_time,
    scheduler_output,
    set_flow_timesteps,
)
from ...work.reading import in_a_line
from .inputs import (
    AudioInput,
    DubbingInputs,
    DubbingOptions,
    VideoInput,
    checked_clip,
    checked_sound,
    each,
    naming,
)
from .loading import (
    check_components,
    check_folder,
    check_weight_files,
    check_weights,
)
from .lora import VectorFieldLoraMixin
from .passes import (
    WHOLE_SECONDS,
    Pass,
    Timing,
    given_frames,
    group_passes,
    narrowed,
    paths_of,
    split_clip,
    vocode,
    whole_clip,
)
from .pipeline_output import FlowDubberPipelineOutput
from .prepared import Clips, PreparedClip, PreparedVoice, pad_clips
from .timing import check_room, checked_frames, even_frames, flat_lips, hurried_words, spoken_words


EXAMPLE_DOC_STRING = """
        Examples:
            ```py
            >>> import torch
            >>> from flowdubber_hf import FlowDubberPipeline

            >>> pipe = FlowDubberPipeline.from_pretrained("flowdubber-grid-tiny")
            >>> dub = pipe(
            ...     script="bin blue at f two now",
            ...     video="clip.mp4",
            ...     reference_audio="voice.wav",
            ...     generator=torch.Generator("cpu").manual_seed(0),
            ... )
            >>> pipe.save_video(dub, "dubbed.mp4")
            ```
"""

SEMANTIC_TOKENS_PER_SECOND = 50
# The language model writes the speech before the lips set its length: at most so many times as long as the clip.
_SEMANTIC_ROOM = 1
_TOO_LOUD = "the dub goes far beyond full scale, was made quieter and sounds distorted; lower the temperature (it was {temperature:g})."
_MAX_LOUD_SHARE = (
    0.005  # of a dub's samples beyond full scale; the bundled model has at most 0.0013, at temperature 2 0.024
)
_SHARED_PRODUCT = 1_000_000  # weights of a matrix from which on several threads are worth their coordination

_TOGETHER_FRAMES = 6000  # mel frames of clips up to which the rows of a batch are computed at once

# Module names that a published checkpoint uses for this package's classes (one-line import files beside the weights).
HUB_MODULES = {
    "flowdubber_speech_tokenizer": FlowDubberSpeechTokenizer.__module__,
    "flowdubber_semantic": FlowDubberSemanticForConditionalGeneration.__module__,
    "flowdubber_style": FlowDubberStyleEncoder.__module__,
    "flowdubber_lips": FlowDubberLipFeatureExtractor.__module__,
    "flowdubber_aligner": FlowDubberAlignerModel.__module__,
    "flowdubber_vector_field": FlowDubberVectorField.__module__,
    "flowdubber_vocoder": FlowDubberVocoder.__module__,
    "flowdubber_midpoint": FlowMatchMidpointDiscreteScheduler.__module__,
}


@contextmanager
def _decoding_threads(model: torch.nn.Module) -> Iterator[None]:
    """One thread while a small model writes token by token on a CPU: its products are too small to be shared out.

    The bundled one takes a quarter of a second for 120 tokens with one thread and a third with two. Larger models keep
    the threads they have.
    """
    sizes = model.config.text_config
    threads = torch.get_num_threads()
    small = sizes.hidden_size * sizes.intermediate_size < _SHARED_PRODUCT
    if small and model.device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _Stopwatch:
    """Seconds spent in each named stage, of whose start `on_start` is told."""

    def __init__(self, on_start: Callable[[str], None] | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._on_start = on_start
        self._start = time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        if self._on_start is not None:
            self._on_start(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def total(self) -> dict[str, float]:
        return {**self.seconds, "total": time.perf_counter() - self._start}


class FlowDubberPipeline(PathlessConfigMixin, VectorFieldLoraMixin, DiffusionPipeline):
    r"""
    Dubs a silent clip of a speaker: lips give the timing, the script the words, a short recording the voice.

    Args:
        style_encoder ([`FlowDubberStyleEncoder`]): reference sound to a 256-wide style vector.
        lip_feature_extractor ([`FlowDubberLipFeatureExtractor`]): video to mouth crops.
        aligner ([`FlowDubberAlignerModel`]): ties phonemes to lips and fuses them with the language model's knowledge.
        vector_field ([`FlowDubberVectorField`]): mel prior and velocity of the flow.
        scheduler (`SchedulerMixin`): a flow-matching solver: diffusers' Euler (`shift=1.0, invert_sigmas=True`) or Heun
            scheduler, or [`FlowMatchMidpointDiscreteScheduler`].
        vocoder ([`FlowDubberVocoder`] or `SpeechT5HifiGan`): mel to sound.
        tokenizer (`PreTrainedTokenizerBase`), speech_tokenizer ([`FlowDubberSpeechTokenizer`]), semantic_model
            ([`FlowDubberSemanticForConditionalGeneration`]), *optional*: the speech language model; all three or none. Without
            them the aligner's learned null stands for its knowledge, and there is nothing to guide.

    Raises:
        ValueError: parts whose settings disagree.
    """

    style_encoder: FlowDubberStyleEncoder
    lip_feature_extractor: FlowDubberLipFeatureExtractor
    aligner: FlowDubberAlignerModel
    vector_field: FlowDubberVectorField
    scheduler: SchedulerMixin
    vocoder: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase | None
    speech_tokenizer: FlowDubberSpeechTokenizer | None
    semantic_model: FlowDubberSemanticForConditionalGeneration | None

    model_cpu_offload_seq = "style_encoder->speech_tokenizer->semantic_model->aligner->vector_field->vocoder"
    _optional_components = ["tokenizer", "speech_tokenizer", "semantic_model"]  # noqa: RUF012
    _callback_tensor_inputs = ["latents", "prior"]  # noqa: RUF012

    def __init__(
        self,
        style_encoder: FlowDubberStyleEncoder,
        lip_feature_extractor: FlowDubberLipFeatureExtractor,
        aligner: FlowDubberAlignerModel,
        vector_field: FlowDubberVectorField,
        scheduler: SchedulerMixin,
        vocoder: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase | None = None,
        speech_tokenizer: FlowDubberSpeechTokenizer | None = None,
        semantic_model: FlowDubberSemanticForConditionalGeneration | None = None,
    ):
        super().__init__()
        self.register_modules(
            tokenizer=tokenizer,
            speech_tokenizer=speech_tokenizer,
            semantic_model=semantic_model,
            style_encoder=style_encoder,
            lip_feature_extractor=lip_feature_extractor,
            aligner=aligner,
            vector_field=vector_field,
            scheduler=scheduler,
            vocoder=vocoder,
        )
        check_components(self.components)
        if tokenizer is not None and semantic_model is not None:
            check_tokenizer(tokenizer, semantic_model.config)
        self.sampling_rate = SAMPLING_RATE
        self._guidance_scale = 1.0
        self._num_timesteps = 0
        self._interrupt = False

    # ------------------------------------------------------------------------------------------------ loading, saving

    @classmethod
    def load_config(
        cls, pretrained_model_name_or_path, return_unused_kwargs=False, return_commit_hash=False, **kwargs
    ):
        """As diffusers', with the module names of a published checkpoint mapped to this package's.

        A published index names import files of its own so that plain diffusers can load it; the class at hand is
        installed already, so none of the repository's code is run.
        """
        result = super().load_config(
            pretrained_model_name_or_path,
            return_unused_kwargs=return_unused_kwargs,
            return_commit_hash=return_commit_hash,
            **kwargs,
        )
        config = result[0] if isinstance(result, tuple) else result
        if isinstance(config.get("_class_name"), (list, tuple)):
            config["_class_name"] = config["_class_name"][-1]
        for name, entry in config.items():
            if isinstance(entry, (list, tuple)) and len(entry) == 2 and entry[0] in HUB_MODULES:
                config[name] = [HUB_MODULES[entry[0]], entry[1]]
        return result

    @classmethod
    def download(cls, pretrained_model_name, **kwargs) -> str:
        """The local folder of a checkpoint; one of the Hub is fetched, never its code or pickled weights.

        Args:
            pretrained_model_name (`str`): a bundled name, a folder, `ORG/NAME` or `ORG/NAME@REVISION`.
            kwargs: `revision`, `cache_dir`, `token`, `local_files_only`, `force_download` and `variant` of
                `from_pretrained`; parts that are given as objects are not fetched.

        Raises:
            ValueError: there is no such checkpoint, or it cannot be reached; says why, and what to do.
        """
        folder = local_checkpoint(pretrained_model_name)
        if folder is not None:
            return str(folder)
        expected, _ = cls._get_signature_keys(cls)
        parts = [name for name in expected if name not in kwargs]
        options = {name: kwargs[name] for name in (*FETCH_OPTIONS, "variant") if name in kwargs}
        return str(fetch_checkpoint(str(pretrained_model_name), parts, **options))

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **kwargs: Any) -> "FlowDubberPipeline":
        r"""
        Loads a checkpoint: the name of a bundled one (`"flowdubber-grid-tiny"`), a folder, or a Hub id.

        Args:
            pretrained_model_name_or_path (`str` or `Path`): see above, a Hub id also as `ORG/NAME@REVISION`; the network is
                used for Hub ids only.
            dtype (`torch.dtype` or `dict`, *optional*, defaults to `torch.float32`): of the models; weights stored in half
                precision are widened.
            variant (`str`, *optional*): `"fp16"` reads `model.fp16.safetensors` where a part has it.
            kwargs: as `DiffusionPipeline.from_pretrained`: `revision`, `cache_dir`, `token`, `local_files_only`,
                `force_download`, parts (`scheduler=...`).

        Raises:
            ValueError: no such checkpoint or variant; missing, damaged or wrong-shaped parts; pickled weights; parts whose
                settings disagree.
        """
        folder = Path(cls.download(pretrained_model_name_or_path, **kwargs))
        variant = kwargs.get("variant")
        expected, _ = cls._get_signature_keys(cls)
        given = {name for name in expected if name in kwargs}
        read = sorted(set(expected) - given)
        required = [name for name in expected if name not in cls._optional_components]
        check_folder(folder, required, cls._optional_components, given)
        check_weight_files(folder, read, variant)
        if kwargs.get("torch_dtype") is None and kwargs.get("dtype") is None:
            kwargs["dtype"] = torch.float32
        try:
            pipe = super().from_pretrained(str(folder), **{"use_safetensors": True, **kwargs})
        except Exception as error:  # of whatever kind the libraries' readers raise: one sentence for all
            raise ValueError(f"{folder} cannot be loaded ({in_a_line(error)}); get it anew.") from error
        models = {name: part for name, part in pipe.components.items() if isinstance(part, torch.nn.Module)}
        check_weights(folder, {name: model for name, model in models.items() if name not in given}, variant)
        return pipe

    # ------------------------------------------------------------------------------------------------ state of a call

    @property
    def guidance_scale(self) -> float:
        """w = 1 + alpha of the running or last call."""
        return self._guidance_scale

    @property
    def do_classifier_free_guidance(self) -> bool:
        """Whether the second branch, without the language model's knowledge, is evaluated."""
        return self._guidance_scale != 1

    @property
    def num_timesteps(self) -> int:
        """Network evaluations of the running or last call."""
        return self._num_timesteps

    @property
    def interrupt(self) -> bool:
        """Set `pipe._interrupt = True` from a callback to skip the remaining steps."""
        return self._interrupt

    # ------------------------------------------------------------------------------------------------ stages

    def _enter(self, model: torch.nn.Module) -> torch.nn.Module:
        """Brings an offloaded model to the device before one of its methods other than `forward` is called."""
        hook = getattr(model, "_hf_hook", None)
        if hook is not None and hasattr(hook, "pre_forward"):
            hook.pre_forward(model)
        return model

    @torch.no_grad()
    def prepare_clip(
        self,
        video: VideoInput,
        fps: float | None = None,
        mouth_box: Sequence[float] | None = None,
        turn: int | None = None,
        timing: str = "lips",
    ) -> PreparedClip:
        """Reads a clip once, for any number of dubs: a call takes the result as `video`.

        Args:
            video, fps, mouth_box, turn, timing: of one clip, as a call takes them; `timing="cue"` looks for no face.

        Raises:
            ValueError: as a call; `NoFaceError`: no face in any frame.
        """
        source = checked_clip(video, fps, mouth_box, turn, timing)
        start = time.perf_counter()
        clip = self._read_clip(source, mouth_box, turn, look=timing == "lips")
        self.maybe_free_model_hooks()
        return replace(clip, seconds=time.perf_counter() - start)

    @torch.no_grad()
    def prepare_voice(self, reference_audio: AudioInput, reference_sampling_rate: int | None = None) -> PreparedVoice:
        """Listens to a voice once, for any number of dubs: a call takes the result as `reference_audio`.

        Args:
            reference_audio, reference_sampling_rate: of one voice, as a call takes them.

        Raises:
            ValueError: as a call.
        """
        start = time.perf_counter()
        voice = self._hear_voice(checked_sound(reference_audio, reference_sampling_rate))
        self.maybe_free_model_hooks()
        return replace(voice, seconds=time.perf_counter() - start)

    def _hear_voice(self, source: Path | HeldFile | Sound | PreparedVoice) -> PreparedVoice:
        if isinstance(source, PreparedVoice):
            return source
        sound = load_audio(source)
        remarks = check_reference(sound, f"the reference {source}" if isinstance(source, Path) else "the reference")
        values, mask = (tensor.to(self._execution_device) for tensor in pad_sounds([level_voice(sound)]))
        encoder = self._enter(self.style_encoder)
        style = encoder(values.to(encoder.dtype), attention_mask=mask).style[0]
        if self.speech_tokenizer is None:
            return PreparedVoice(style, warnings=tuple(remarks))
        tokenizer = self._enter(self.speech_tokenizer)
        codes = tokenizer.encode(values.to(tokenizer.dtype), attention_mask=mask)
        spoken = codes.semantic_tokens[0][codes.semantic_mask[0].bool()]
        return PreparedVoice(style, codes.global_tokens[0], spoken, tuple(remarks))

    def _read_clips(self, given: DubbingInputs, look: bool, encode: bool) -> list[PreparedClip]:
        """Each clip of a call; what stands there several times is read once."""
        read: dict[tuple[int, Any], PreparedClip] = {}
        rows = []
        for row, (clip, box) in enumerate(zip(given.video, given.mouth_box, strict=True)):
            key = (id(clip), None if box is None else tuple(box))
            if key not in read:
                with naming("video", given.video, row):
                    read[key] = self._read_clip(clip, box, given.turn, look, encode)
            rows.append(read[key])
        return rows

    def _read_clip(
        self,
        source: Path | HeldFile | Frames | PreparedClip,
        mouth_box: Sequence[float] | None,
        turn: int | None,
        look: bool,
        encode: bool = True,
    ) -> PreparedClip:
        """Lengths alone without `look`; mouth pictures without features where they are not to be encoded."""
        if isinstance(source, PreparedClip):
            if encode and look and source.features is None:
                raise ValueError("`video` was prepared with timing='cue', which reads no lips; prepare it without.")
            return source
        path = source if isinstance(source, Path) else None
        extractor = self.lip_feature_extractor
        found = extractor(source, mouth_box=mouth_box, turn=turn) if look else extractor.measure(source)
        lengths = (int(found["num_frames"]), int(found["num_samples"]), float(found["duration"]))
        if not look:
            return PreparedClip(*lengths, tuple(found["warnings"]), path)
        seen = torch.as_tensor(found["found"])
        features = self.encode_lips(found["lip_values"], seen) if encode else None
        return PreparedClip(*lengths, tuple(found["warnings"]), path, np.asarray(found["crops"]), seen, features)

    def encode_lips(self, lip_values: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """The lip encoder's features `(F, hidden)` of a clip's normalised crops `(1, F, 88, 88)`; `seen` `(F,)` is bool."""
        aligner = self._enter(self.aligner)
        values = torch.as_tensor(lip_values).to(self._execution_device, aligner.dtype)
        return aligner.lip_encoder(values, seen[None].to(values.device))[0]

    def _spoken_words(self, text: str) -> list[str]:
        return phonemize(text, self.aligner.config.phoneme_accent).words

    def generate_semantics(
        self,
        scripts: list[str],
        passes: list[Pass],
        reference_text: list[str | None],
        voices: Sequence[PreparedVoice],
        generator: torch.Generator | list[torch.Generator] | None,
        temperature: float,
        top_k: int,
        top_p: float,
        max_new_tokens: int | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The language model's hidden states `(passes, L, hidden)` at the speech it writes for each, and their mask."""
        config = self.semantic_model.config
        alone = Counter(one.clip for one in passes)
        prompts = []
        for one in passes:
            written = scripts[one.clip] if alone[one.clip] == 1 else one.phonemization.punctuated
            text = reference_text[one.clip]
            prompts.append(
                build_prompt(
                    self.tokenizer,
                    prompt_text(config, written, one.phonemization.words),
                    None if text is None else prompt_text(config, text, self._spoken_words(text)),
                    voices[one.clip].global_tokens,
                    voices[one.clip].semantic_tokens,
                    config.prompt_separator,
                )
            )
        if isinstance(generator, (list, tuple)):
            generator = [generator[one.clip] for one in passes]
        num_frames = [one.num_frames for one in passes]
        model = self._enter(self.semantic_model)
        input_ids, attention_mask = pad_prompts(prompts, model.config.pad_token_id)
        if max_new_tokens is None:
            tokens_per_frame = SEMANTIC_TOKENS_PER_SECOND // VIDEO_FRAME_RATE
            limits = [_SEMANTIC_ROOM * tokens_per_frame * frames for frames in num_frames]
        else:
            limits = [max_new_tokens] * len(prompts)
        self._check_prompt_room(prompts, limits)
        with _decoding_threads(model):
            spoken = model.generate_semantics(
                input_ids.to(model.device),
                attention_mask.to(model.device),
                generator=generator,
                max_new_tokens=max(limits),
                temperature=temperature,
                top_k=top_k,
                top_p=top_p,
            )
        # A row stops at its own limit, whatever its neighbours' are; earlier states do not depend on later tokens
        places = torch.arange(spoken.mask.shape[1], device=spoken.mask.device)
        mask = spoken.mask.bool() & (places < torch.tensor(limits, device=places.device)[:, None])
        return spoken.hidden_states, mask

    def _check_prompt_room(self, prompts: list[list[int]], limits: list[int]) -> None:
        places = self.semantic_model.config.text_config.max_position_embeddings
        for prompt, limit in zip(prompts, limits, strict=True):
            if len(prompt) + limit > places:
                raise ValueError(
                    f"script, reference and dub need {len(prompt) + limit} tokens but the language model has room for "
                    f"{places}; shorten the reference or leave `reference_text` out."
                )

    def plan_passes(
        self,
        phonemizations: list[Phonemization],
        clips: Clips,
        style: torch.Tensor,
        phoneme_frames: list[np.ndarray] | None = None,
        cue: bool = False,
    ) -> list[Pass]:
        """What the aligner and the language model read at a time: a clip whole, a long one in passes."""
        passes = []
        for row, (phonemization, frames) in enumerate(zip(phonemizations, clips.num_frames, strict=True)):
            if frames <= WHOLE_SECONDS * VIDEO_FRAME_RATE:
                passes.append(whole_clip(row, phonemization, frames))
            elif phoneme_frames is not None:
                counts = np.diff(np.cumsum(phoneme_frames[row]) // MEL_FRAMES_PER_VIDEO_FRAME, prepend=0)
                passes += split_clip(row, phonemization, counts, natural=False)
            else:
                of_lips = None if clips.features is None else clips.features[row : row + 1, :frames]
                plan = self._enter(self.aligner).plan(
                    **self._script_inputs([phonemization]),
                    style=style[row : row + 1].to(self.aligner.dtype),
                    lip_features=of_lips,
                    lip_mask=clips.mask[row : row + 1, :frames],
                    seen_mask=clips.seen[row : row + 1, :frames],
                    cue=cue,
                )
                counts = plan.frames[0].cpu().numpy()
                passes += split_clip(row, phonemization, counts, natural=not bool(plan.heeded[0]))
        return passes

    def _script_inputs(self, phonemizations: list[Phonemization]) -> dict[str, torch.Tensor]:
        """What the aligner reads of scripts, right-padded."""

        def padded(rows: list[Any], dtype: torch.dtype) -> torch.Tensor:
            tensors = [torch.as_tensor(row, dtype=dtype) for row in rows]
            return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True).to(self._execution_device)

        return {
            "input_ids": padded([one.ids for one in phonemizations], torch.long),
            "attention_mask": padded([[True] * len(one.ids) for one in phonemizations], torch.bool),
            "pause_ids": padded([one.pause_ids for one in phonemizations], torch.long),
        }

    def align(
        self,
        passes: list[Pass],
        clips: Clips,
        style: torch.Tensor,
        phoneme_frames: list[np.ndarray] | None = None,
        cue: bool = False,
        knowledge: tuple[torch.Tensor | None, torch.Tensor | None] = (None, None),
    ) -> Timing:
        """Ties the phonemes of each pass to its frames.

        `phoneme_frames` are the clips' own mel frames a phoneme, in place of searched ones; without the clips' features the vector that
        stands for speech without a picture takes the place of the lips, and natural durations alone give the timing, from
        the clip's start where `cue`. `knowledge` is the language model's, a row a pass, and its mask.
        """
        groups, first = [], 0
        for group in group_passes(passes):
            rows = [None if part is None else part[first : first + len(group)] for part in knowledge]
            groups.append((group, self._align_group(group, clips, style, phoneme_frames, cue, rows)))
            first += len(group)
        return Timing(groups)

    def _align_group(
        self,
        passes: list[Pass],
        clips: Clips,
        style: torch.Tensor,
        phoneme_frames: list[np.ndarray] | None,
        cue: bool,
        knowledge: Sequence[torch.Tensor | None],
    ) -> FlowDubberAlignerEncoding:
        aligner = self._enter(self.aligner)
        phonemizations = [one.phonemization for one in passes]
        script = self._script_inputs(phonemizations)
        optional = script["attention_mask"] & (script["pause_ids"] >= PAUSES.index("clause"))

        def cut(values: torch.Tensor) -> torch.Tensor:
            rows = [values[one.clip, one.start : one.stop] for one in passes]
            return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)

        path = None
        if phoneme_frames is not None:
            path = paths_of([given_frames(one, phoneme_frames[one.clip]) for one in passes], passes)
        elif any(one.spoken is not None for one in passes):
            path = paths_of([self._natural_frames(one, style, cue) for one in passes], passes)
        return aligner.encode(
            script["input_ids"],
            script["attention_mask"],
            optional,
            lip_mask=cut(clips.mask),
            style=style[[one.clip for one in passes]].to(aligner.dtype),
            lip_features=None if clips.features is None else cut(clips.features),
            path=None if path is None else path.to(self._execution_device, aligner.dtype),
            seen_mask=None if clips.features is None else cut(clips.seen),
            pause_ids=script["pause_ids"],
            cue=cue,
            semantic_features=knowledge[0],
            semantic_mask=knowledge[1],
        )

    def _natural_frames(self, one: Pass, style: torch.Tensor, cue: bool) -> np.ndarray:
        """Mel frames of a pass whose words stay where the plan has them, `(P,)`: natural durations in just that time."""
        aligner = self.aligner
        start, stop = narrowed(one)
        script = self._script_inputs([one.phonemization])
        encoding = aligner.encode(
            script["input_ids"],
            script["attention_mask"],
            lip_mask=torch.ones(1, stop - start, dtype=torch.bool, device=self._execution_device),
            style=style[one.clip : one.clip + 1].to(aligner.dtype),
            pause_ids=script["pause_ids"],
            cue=cue,
        )
        frames = encoding.path[0].float().sum(1).round().long().cpu().numpy()
        frames[0] += MEL_FRAMES_PER_VIDEO_FRAME * (start - one.start)
        frames[-1] += MEL_FRAMES_PER_VIDEO_FRAME * (one.stop - stop)
        return frames

    def encode_prior(
        self,
        timing: Timing,
        semantic_features: torch.Tensor | None,
        semantic_mask: torch.Tensor | None,
        style: torch.Tensor,
        frame_mask: torch.Tensor,
    ) -> torch.Tensor:
        """The mel prior mu `(B, 80, T)`; without semantic features, a row a pass, mu', where the learned null stands for them."""
        aligner = self._enter(self.aligner)
        expanded, first = [], 0
        for passes, encoding in timing.groups:
            rows = slice(first, first + len(passes))
            known = () if semantic_features is None else (semantic_features[rows], semantic_mask[rows])
            expanded.append(aligner.expand(encoding, *known))
            first += len(passes)
        num_frames = frame_mask.sum(1).tolist()
        fused = aligner.fusion(
            timing.join(expanded, num_frames, MEL_FRAMES_PER_VIDEO_FRAME),
            timing.join([encoding.lip_states for _, encoding in timing.groups], num_frames, 1),
            frame_mask,
        )
        field = self._enter(self.vector_field)
        mel_mask = frame_mask.repeat_interleave(MEL_FRAMES_PER_VIDEO_FRAME, dim=1)
        return field.prior(fused.to(field.dtype), style.to(field.dtype), mel_mask)

    def prepare_latents(
        self,
        num_mel_frames: list[int],
        temperature: float,
        generator: torch.Generator | list[torch.Generator] | None,
        latents: torch.Tensor | None,
        device: torch.device,
    ) -> torch.Tensor:
        """Noise `(B, 80, T)` scaled by the temperature, each row drawn at its own length; given latents as they are.

        Raises:
            ValueError: given latents of another shape.
        """
        shape = (len(num_mel_frames), self.vector_field.config.num_mels, max(num_mel_frames))
        if latents is not None:
            if tuple(latents.shape) != shape:
                raise ValueError(f"`latents` must have the shape {shape} for these clips, got {tuple(latents.shape)}.")
            return latents.to(device, torch.float32)
        noise = torch.zeros(shape, device=device)
        generators = generator if isinstance(generator, (list, tuple)) else [generator] * shape[0]
        for row, (frames, one) in enumerate(zip(num_mel_frames, generators, strict=True)):
            noise[row, :, :frames] = randn_tensor(
                (shape[1], frames), generator=one, device=device, dtype=torch.float32
            )
        return noise * temperature

    def _velocity(
        self,
        latents: torch.Tensor,
        t: torch.Tensor,
        priors: torch.Tensor,
        style: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """One evaluation of the vector field, `(B, 80, T)`; with guidance both branches stand in one batch.

        `priors`, `style` and `mask` have the rows of the conditional branch, then those of the null branch if there is one.
        """
        branches = len(priors) // len(latents)
        field = self._enter(self.vector_field)
        latents = latents.repeat(branches, 1, 1).to(priors.dtype)
        inputs = (latents, t.expand(len(priors)), priors, style, mask)
        # What a processor computes at once has to fit its memory; together is faster where it does.
        rows = len(priors) if latents.shape[2] <= _TOGETHER_FRAMES else 1
        parts = zip(*(value.split(rows) for value in inputs), strict=True)
        velocity = torch.cat([field(*part).sample.float() for part in parts])
        if branches == 1:
            return velocity
        return guide(*velocity.chunk(2), alpha=self.guidance_scale - 1.0)

    def sample_mel(
        self,
        latents: torch.Tensor,
        prior: torch.Tensor,
        prior_null: torch.Tensor | None,
        style: torch.Tensor,
        mel_mask: torch.Tensor,
        sigmas: Sequence[float],
        callback: Callable | None,
        callback_inputs: Sequence[str],
    ) -> torch.Tensor:
        """Solves the flow from noise to the normalised mel, both `(B, 80, T)`."""
        timesteps = set_flow_timesteps(self.scheduler, sigmas, latents.device)
        self._num_timesteps = len(timesteps)
        style = style.to(prior.dtype)

        def stacked(rows: torch.Tensor, null_rows: torch.Tensor) -> torch.Tensor:
            return torch.cat([rows, null_rows]) if self.do_classifier_free_guidance else rows

        def conditions() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            return stacked(prior, prior_null), stacked(style, style), stacked(mel_mask, mel_mask)

        built_for, inputs = self.do_classifier_free_guidance, conditions()
        with self.progress_bar(total=len(timesteps)) as progress:
            for index, timestep in enumerate(timesteps):
                if self.interrupt:
                    continue
                t = flow_time(self.scheduler, timestep)  # stays float32: the time embedding turns on its fourth digit
                velocity = self._velocity(latents, t, *inputs)
                output = scheduler_output(self.scheduler, velocity)
                latents = self.scheduler.step(output, timestep, latents, return_dict=False)[0]
                if callback is not None:
                    tensors = {"latents": latents, "prior": prior}
                    changed = callback(self, index, timestep, {name: tensors[name] for name in callback_inputs}) or {}
                    latents = changed.pop("latents", latents)
                    new_prior = changed.pop("prior", prior)
                    if new_prior is not prior or built_for != self.do_classifier_free_guidance:
                        prior, built_for = new_prior, self.do_classifier_free_guidance
                        inputs = conditions()
                progress.update()
        return latents

    def decode(
        self,
        latents: torch.Tensor,
        num_mel_frames: list[int],
        num_samples: list[int],
        on_too_loud: Callable[[int], None] | None = None,
    ) -> list[torch.Tensor]:
        """Normalised mels to `(samples,)` float32 sounds on the CPU, each vocoded alone so that padding cannot be heard, with a
        decibel of headroom; `on_too_loud` is called with the row of a sound that goes far beyond full scale."""
        mel = self.vector_field.denormalize(latents)
        vocoder = self._enter(self.vocoder)
        sounds = []
        for index, (row, frames, samples) in enumerate(zip(mel, num_mel_frames, num_samples, strict=True)):
            spectrogram = row[:, :frames].T[None].to(vocoder.dtype)
            sound = vocode(vocoder, spectrogram)[0].float().cpu()[:samples]
            if on_too_loud is not None and float((sound.abs() > 1).float().mean()) > _MAX_LOUD_SHARE:
                on_too_loud(index)
            sounds.append(torch.nn.functional.pad(with_headroom(sound), (0, samples - len(sound))))
        return sounds

    # ------------------------------------------------------------------------------------------------ the call

    @overload
    def __call__(
        self,
        script: str | list[str],
        video: VideoInput | list[VideoInput],
        reference_audio: AudioInput | list[AudioInput],
        fps: float | None = ...,
        reference_sampling_rate: int | None = ...,
        *,
        return_dict: Literal[True] = ...,
        **options: Unpack[DubbingOptions],
    ) -> FlowDubberPipelineOutput: ...

    @overload
    def __call__(
        self,
        script: str | list[str],
        video: VideoInput | list[VideoInput],
        reference_audio: AudioInput | list[AudioInput],
        fps: float | None = ...,
        reference_sampling_rate: int | None = ...,
        *,
        return_dict: Literal[False],
        **options: Unpack[DubbingOptions],
    ) -> tuple[Any, ...]: ...

    @torch.no_grad()
    @replace_example_docstring(EXAMPLE_DOC_STRING)
    def __call__(
        self,
        script: str | list[str],
        video: VideoInput | list[VideoInput],
        reference_audio: AudioInput | list[AudioInput],
        fps: float | None = None,
        reference_sampling_rate: int | None = None,
        reference_text: str | list[str | None] | None = None,
        mouth_box: Sequence[float] | list[Sequence[float] | None] | None = None,
        num_inference_steps: int = 10,
        guidance_scale: float = 1.4,
        temperature: float | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: torch.Tensor | None = None,
        semantic_temperature: float = 0.8,
        semantic_top_k: int = 50,
        semantic_top_p: float = 0.95,
        semantic_max_new_tokens: int | None = None,
        output_type: str = "np",
        return_dict: bool = True,
        callback_on_step_end: Callable[[Any, int, torch.Tensor, dict], dict] | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
        sigmas: Sequence[float] | None = None,
        phoneme_frames: Sequence[int] | np.ndarray | list | None = None,
        without: Sequence[str] = (),
        callback_on_stage: Callable[[Any, str], None] | None = None,
        timing: str = "lips",
        lexicon: Lexicon = NO_WORDS,
        turn: int | None = None,
    ) -> FlowDubberPipelineOutput | tuple:
        r"""
        Dubs one clip, or several: lists in, lists out. A single video or reference serves all scripts of a list.

        Args:
            script (`str` or `list[str]`): the words to be spoken.
            video (`str`, `Path`, `np.ndarray`, `torch.Tensor`, a list of pictures ... or a list of such): the clip: its file (a
                path, bytes, a file object, `{"path", "bytes"}`), RGB frames `(frames, height, width, 3)` or
                `(frames, 3, height, width)` as uint8 or floats in [0, 1], a list of pictures (of PIL, arrays, tensors), or a
                `VideoDecoder` of torchcodec, as `datasets` gives it.
            reference_audio (`str`, `Path`, `np.ndarray`, `torch.Tensor`, a dictionary, a pair ... or a list of such): at least 1 s
                of the voice: a file in the forms above; samples, as floats in [-1, 1] or whole numbers of 8, 16 or 32 bits, one
                channel or several; these with their rate as `{"array", "sampling_rate"}` or `(rate, samples)`; or an
                `AudioDecoder` of torchcodec.
            fps (`float`, *optional*): frames a second of clips given as frames or pictures.
            reference_sampling_rate (`int`, *optional*): Hz of references given as samples alone.
            reference_text (`str` or `list`, *optional*): what is said in the reference; helps the language model.
            mouth_box (`(x0, y0, x1, y1)` or a list, *optional*): where the mouth is, in pixels, if it is not to be looked for.
            num_inference_steps (`int`, *optional*, defaults to 10): steps of the solver.
            guidance_scale (`float`, *optional*, defaults to 1.4): w = 1 + alpha; 1 is the plain conditional model, which costs half.
            temperature (`float`, *optional*): standard deviation of the initial noise; the vector field's own
                `config.sampling_temperature` by default.
            generator (`torch.Generator` or a list of one for each clip, *optional*): the only source of randomness.
            latents (`torch.Tensor` of shape `(batch, 80, mel_frames)`, *optional*): initial noise, already scaled.
            semantic_temperature, semantic_top_k, semantic_top_p: sampling of the language model (0 as temperature is greedy).
            semantic_max_new_tokens (`int`, *optional*): most speech tokens it may write; as long as the clip by default.
            output_type (`str`, *optional*, defaults to `"np"`): `"np"`, `"pt"`, or `"latent"` for the normalised mel.
            return_dict (`bool`, *optional*, defaults to `True`): an output object, or a tuple whose first entry is `audios`.
            callback_on_step_end (`Callable`, *optional*): called as `(pipe, index, timestep, tensors)` after each network
                evaluation; what it returns replaces the tensors.
            callback_on_step_end_tensor_inputs (`list[str]`, *optional*): which of `pipe._callback_tensor_inputs` it gets.
            sigmas (`list[float]`, *optional*): a grid of its own, 1 - t falling from 1, end point left out (`flow_sigmas`).
            phoneme_frames (`(P,)` whole numbers or a list of such, *optional*): own timing: how many mel frames (100 a
                second, four a video frame) each phoneme lasts, in place of what the lips say; the sum is four
                times the clip's frames at 25 a second.
            without (`list[str]`, *optional*): parts of the method to do without, to measure them: `"semantics"` (the learned
                null takes the place of the language model's knowledge, and guidance, which sharpens it, falls away),
                `"lips"` (no picture: phonemes of natural length, or `phoneme_frames`), `"style"` (zeros as the style vector).
            callback_on_stage (`Callable`, *optional*): called as `(pipe, name)` when a stage begins, to show progress:
                `"phonemes"`, `"reference"`, `"lips"`, `"semantics"`, `"alignment"`, `"flow"` (whose steps
                `callback_on_step_end` tells), `"vocoder"`, the names of the output's `timings`.
            timing (`str`, *optional*, defaults to `"lips"`): `"lips"`, or `"cue"` for a clip that does not show the speaker: no
                face is looked for, and the script begins at the clip's start, at a natural tempo if there is time.
            lexicon (`Lexicon`, *optional*): your own pronunciations, see [`~processing.text.read_lexicon`].
            turn (`int`, *optional*): degrees counter-clockwise, 0, 90, 180 or 270, by which the clips lie beside what their
                metadata says; by default a face is looked for upright, then in the turned picture.

        Examples:

        Returns:
            [`FlowDubberPipelineOutput`] or `tuple`.

        Raises:
            ValueError: bad input, saying what to do.
        """
        given = DubbingInputs(
            script=script,
            video=video,
            reference_audio=reference_audio,
            fps=fps,
            reference_sampling_rate=reference_sampling_rate,
            reference_text=reference_text,
            mouth_box=mouth_box,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            temperature=temperature,
            generator=generator,
            latents=latents,
            semantic_temperature=semantic_temperature,
            semantic_top_k=semantic_top_k,
            semantic_top_p=semantic_top_p,
            semantic_max_new_tokens=semantic_max_new_tokens,
            output_type=output_type,
            callback_on_step_end_tensor_inputs=callback_on_step_end_tensor_inputs,
            sigmas=sigmas,
            phoneme_frames=phoneme_frames,
            without=without,
            timing=timing,
            turn=turn,
        )
        given.check(self.semantic_model is not None, self._callback_tensor_inputs)
        scripts, frames_of = given.script, given.phoneme_frames
        if temperature is None:
            temperature = self.vector_field.config.sampling_temperature
        self._guidance_scale = 1.0 if "semantics" in without else float(guidance_scale)
        self._interrupt = False
        read_lips = timing == "lips" and "lips" not in without
        device = self._execution_device
        watch = _Stopwatch(None if callback_on_stage is None else partial(callback_on_stage, self))

        with watch.stage("phonemes"):
            accent = self.aligner.config.phoneme_accent
            phonemizations = each("script", scripts, lambda text: phonemize(text, accent, lexicon))
        with watch.stage("reference"):
            voices = each("reference_audio", given.reference_audio, self._hear_voice)
            style = torch.stack([voice.style for voice in voices]).to(device)
        if "style" in without:
            style = torch.zeros_like(style)
        with watch.stage("lips"):
            clips = pad_clips(self._read_clips(given, timing == "lips", read_lips), read_lips, device)
        if frames_of is None:
            for row, fit in enumerate(zip(phonemizations, clips.num_frames, strict=True)):
                with naming("script", scripts, row):
                    check_room(*fit)
        num_mel_frames = [MEL_FRAMES_PER_VIDEO_FRAME * frames for frames in clips.num_frames]
        # Drawn before the language model samples: how much that draws depends on the other rows of a batch.
        latents = self.prepare_latents(num_mel_frames, temperature, generator, latents, device)
        remarks = [[*clip.warnings, *voice.warnings] for clip, voice in zip(clips.rows, voices, strict=True)]
        cue = timing == "cue"
        if not read_lips and frames_of is None and self.aligner.duration_predictor is None:
            frames_of = [even_frames(*row) for row in zip(phonemizations, num_mel_frames, strict=True)]
        if frames_of is not None:
            frames_of = [checked_frames(*row) for row in zip(phonemizations, frames_of, num_mel_frames, strict=True)]
        passes = self.plan_passes(phonemizations, clips, style, frames_of, cue)
        features, features_mask = None, None
        if self.semantic_model is not None and "semantics" not in without:
            with watch.stage("semantics"):
                features, features_mask = self.generate_semantics(
                    scripts,
                    passes,
                    given.reference_text,
                    voices,
                    generator,
                    semantic_temperature,
                    semantic_top_k,
                    semantic_top_p,
                    semantic_max_new_tokens,
                )
        with watch.stage("alignment"):
            knowledge = (features, features_mask)
            aligned = self.align(passes, clips, style, frames_of, cue, knowledge)
            mel_mask = clips.mask.repeat_interleave(MEL_FRAMES_PER_VIDEO_FRAME, dim=1)
            prior = self.encode_prior(aligned, features, features_mask, style, clips.mask)
            prior_null = None
            if self.do_classifier_free_guidance:
                prior_null = self.encode_prior(aligned, None, None, style, clips.mask)
        with watch.stage("flow"):
            latents = self.sample_mel(
                latents,
                prior,
                prior_null,
                style,
                mel_mask,
                flow_sigmas(num_inference_steps, self.scheduler.config.get("sway", 0.0)) if sigmas is None else sigmas,
                callback_on_step_end,
                callback_on_step_end_tensor_inputs,
            )
        audios: Any = latents
        if output_type != "latent":
            with watch.stage("vocoder"):
                remark = _TOO_LOUD.format(temperature=temperature)
                num_samples = [clip.num_samples for clip in clips.rows]
                audios = self.decode(latents, num_mel_frames, num_samples, lambda row: remarks[row].append(remark))
            if output_type == "np":
                audios = [sound.numpy() for sound in audios]
        self.maybe_free_model_hooks()
        output = self._output(audios, phonemizations, clips.rows, remarks, aligned, watch)
        return output if return_dict else output.to_tuple()

    def _output(
        self,
        audios: Any,
        phonemizations: list[Phonemization],
        clips: Sequence[PreparedClip],
        remarks: list[list[str]],
        aligned: Timing,
        watch: _Stopwatch,
    ) -> FlowDubberPipelineOutput:
        frames = aligned.phoneme_frames([len(one.phonemes) for one in phonemizations])
        durations = [clip.duration for clip in clips]
        words = [spoken_words(*row) for row in zip(frames, phonemizations, durations, strict=True)]
        flat = flat_lips(aligned, len(phonemizations))
        return FlowDubberPipelineOutput(
            audios=audios,
            sampling_rate=self.sampling_rate,
            words=words,
            durations=durations,
            phonemes=[list(one.phonemes) for one in phonemizations],
            alignments=aligned.maps(len(phonemizations)),
            phoneme_frames=frames,
            warnings=[
                [*one.warnings, *found, *still, *hurried_words(one, said)]
                for one, found, still, said in zip(phonemizations, remarks, flat, words, strict=True)
            ],
            timings=watch.total(),
            videos=[clip.source for clip in clips],
            mouths=[clip.crops for clip in clips],
        )

    # ------------------------------------------------------------------------------------------------ writing

    def save_video(
        self,
        dub: FlowDubberPipelineOutput,
        path: str | Path,
        overwrite: bool = False,
        index: int = 0,
        comment: str | None = SYNTHETIC_SPEECH_NOTICE,
        transcode: bool = False,
        turn: int | None = None,
    ) -> Path:
        """Writes the clip's own video packets with the dub as its sound; what the file cannot hold is added to `dub.warnings`.

        Args:
            dub: what the call returned, with `output_type` `"np"` or `"pt"`.
            path: the file to write; `.wav` writes the sound alone.
            overwrite (`bool`, *optional*, defaults to `False`): replace a file that exists.
            index (`int`, *optional*, defaults to 0): which clip of the call.
            comment (`str`, *optional*): goes into the file's metadata, by default that the speech is synthetic.
            transcode (`bool`, *optional*, defaults to `False`): pictures that the file cannot hold are encoded anew, as H.264.
            turn (`int`, *optional*): degrees counter-clockwise by which players are told to turn the picture.

        Returns:
            `path` as `Path`.

        Raises:
            ValueError: latents instead of sound, frames instead of a file, or a path that cannot be written.
        """
        if isinstance(dub.audios, torch.Tensor):
            raise ValueError('the dub holds latents; call the pipeline with output_type="np" to get sound.')
        path = Path(path)
        sound = np.asarray(dub.audios[index], dtype=np.float32)
        if path.suffix.lower() == ".wav":
            write_wav(path, sound, dub.sampling_rate, overwrite=overwrite, comment=comment)
        elif dub.videos[index] is None:
            raise ValueError(
                "the clip was not given by its path, so there is no file to copy; write the sound to a .wav file."
            )
        else:
            mux_audio(
                dub.videos[index],
                sound,
                dub.sampling_rate,
                path,
                overwrite=overwrite,
                comment=comment,
                transcode=transcode,
                turn=turn or 0,
                on_warning=dub.warnings[index].append,
            )
        return path
