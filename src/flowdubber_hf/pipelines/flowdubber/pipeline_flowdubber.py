"""The whole method: a script, a silent clip and a voice in; speech in that voice, timed by the lips, out."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, Unpack, overload

import numpy as np
import torch
from diffusers import DiffusionPipeline, SchedulerMixin
from diffusers.utils import replace_example_docstring
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ...checkpoints.saving import PathlessConfigMixin
from ...models.aligner import FlowDubberAlignerModel
from ...models.semantic import (
    FlowDubberSemanticForConditionalGeneration,
    check_tokenizer,
)
from ...models.speech_tokenizer import FlowDubberSpeechTokenizer
from ...models.style import FlowDubberStyleEncoder
from ...models.vector_field import FlowDubberVectorField
from ...processing.audio import (
    MEL_FRAMES_PER_VIDEO_FRAME,
    SAMPLING_RATE,
)
from ...processing.lips import FlowDubberLipFeatureExtractor
from ...processing.text import NO_WORDS, Lexicon
from ...sampling import DEFAULT_GUIDANCE_SCALE, DEFAULT_STEPS, GUIDANCE_FORMS
from ...schedulers import (
    flow_sigmas,
)
from .aligning import AligningMixin
from .inputs import (
    AudioInput,
    DubbingInputs,
    DubbingOptions,
    VideoInput,
)
from .knowledge import KnowledgeMixin
from .loading import check_components
from .lora import VectorFieldLoraMixin
from .opening import OpeningMixin
from .pipeline_output import FlowDubberPipelineOutput
from .prepared import PreparedDub
from .reading import ReadingMixin
from .sampling import SamplingMixin
from .sounding import SoundingMixin
from .stopwatch import Stopwatch
from .timing import describe


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

_TOO_LOUD = "the dub goes far beyond full scale, was made quieter and sounds distorted; lower the temperature (it was {temperature:g})."


class FlowDubberPipeline(
    PathlessConfigMixin,
    OpeningMixin,
    ReadingMixin,
    KnowledgeMixin,
    AligningMixin,
    SamplingMixin,
    SoundingMixin,
    VectorFieldLoraMixin,
    DiffusionPipeline,
):
    r"""
    Dubs a silent clip of a speaker: the lips give the timing, the script gives the words, a short recording gives the voice.

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
            them the aligner's learned null replaces its knowledge, and guidance has no effect.

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
        self._guidance_form = GUIDANCE_FORMS[0]
        self._num_timesteps = 0
        self._interrupt = False

    @overload
    def __call__(
        self,
        script: PreparedDub,
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
        script: str | list[str] | PreparedDub,
        video: VideoInput | list[VideoInput] | None = None,
        reference_audio: AudioInput | list[AudioInput] | None = None,
        fps: float | None = None,
        reference_sampling_rate: int | None = None,
        reference_text: str | list[str | None] | None = None,
        mouth_box: Sequence[float] | list[Sequence[float] | None] | None = None,
        turn: int | None = None,
        lexicon: Lexicon = NO_WORDS,
        timing: str = "lips",
        phoneme_frames: Sequence[int] | np.ndarray | list | None = None,
        without: Sequence[str] = (),
        num_inference_steps: int = DEFAULT_STEPS,
        sigmas: Sequence[float] | None = None,
        guidance_scale: float = DEFAULT_GUIDANCE_SCALE,
        guidance_form: str = GUIDANCE_FORMS[0],
        style_guidance_scale: float | None = None,
        colour_match: float | None = None,
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
        callback_on_stage: Callable[[Any, str], None] | None = None,
    ) -> FlowDubberPipelineOutput | tuple:
        r"""
        Dubs one clip, or several: pass lists to get lists. A single video or reference is used for all scripts of a list.

        Args:
            script (`str`, `list[str]` or [`PreparedDub`]): the words to be spoken; or all that `prepare` read, in place of every argument
                down to `phoneme_frames`.
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
            mouth_box (`(x0, y0, x1, y1)` or a list, *optional*): where the mouth is, in pixels; it is then not looked for.
            turn (`int`, *optional*): degrees counter-clockwise, 0, 90, 180 or 270, by which the clips are turned against what their
                metadata says; by default a face is looked for upright, then in the turned picture.
            lexicon (`Lexicon`, *optional*): your own pronunciations, see [`~processing.text.read_lexicon`].
            timing (`str`, *optional*, defaults to `"lips"`): `"lips"`, or `"cue"` for a clip that does not show the speaker: no
                face is looked for, and the script begins at the clip's start, at a natural tempo if there is time.
            phoneme_frames (`(P,)` whole numbers or a list of such, *optional*): your own timing: how many mel frames (100 a
                second, four a video frame) each phoneme lasts, instead of what the lips say; the sum is four
                times the clip's frames at 25 a second.
            without (`list[str]`, *optional*): parts of the method to leave out, to measure what they are worth: `"semantics"` (the learned
                null replaces the language model's knowledge, and there is no guidance, which sharpens it; neither the
                language model nor the speech tokenizer is run, and `timings` has no `"semantics"`),
                `"lips"` (no picture: phonemes of natural length, or `phoneme_frames`), `"style"` (zeros as the style vector).
            num_inference_steps (`int`, *optional*, defaults to 4): steps of the solver.
            sigmas (`list[float]`, *optional*): your own grid, 1 - t falling from 1, without the end point (`flow_sigmas`).
            guidance_scale (`float`, *optional*, defaults to 1.4): w = 1 + alpha; 1 is the plain conditional model, which costs half.
            guidance_form (`str`, *optional*, defaults to `"velocity"`): `"velocity"` guides each step's velocity, as the paper does;
                `"prior"` guides the prior that conditions it, once, which halves the flow's cost. They differ little where the knowledge
                moves the prior little, as in the bundled model (docs/benchmarks.md).
            style_guidance_scale (`float`, *optional*): how much the voice is stressed against no voice in particular, in the prior; 1 is
                not at all. The vector field's own `config.sampling_style_guidance_scale` by default; see
                [`FlowDubberVectorField.guided_prior`].
            colour_match (`float`, *optional*): how much of the reference's colour the dub takes on, 0 (none) to 1: the mean spectrum of its
                louder sounds comes that much nearer to that of the reference's, by one filter for the whole dub. The vector field's own
                `config.sampling_colour_match` by default.
            temperature (`float`, *optional*): standard deviation of the initial noise; the vector field's own
                `config.sampling_temperature` by default.
            generator (`torch.Generator` or a list of one for each clip, *optional*): the only source of randomness.
            latents (`torch.Tensor` of shape `(batch, 80, mel_frames)`, *optional*): initial noise, already scaled.
            semantic_temperature, semantic_top_k, semantic_top_p: sampling of the language model (0 as temperature is greedy).
            semantic_max_new_tokens (`int`, *optional*): most speech tokens it may write, 50 a second; by default as many as
                the clip is long, in clips of up to 8 s twice that and at most 400.
            output_type (`str`, *optional*, defaults to `"np"`): `"np"`, `"pt"`, or `"latent"` for the normalised mel.
            return_dict (`bool`, *optional*, defaults to `True`): an output object, or a tuple whose first entry is `audios`.
            callback_on_step_end (`Callable`, *optional*): called as `(pipe, index, timestep, tensors)` after each network
                evaluation; what it returns replaces the tensors.
            callback_on_step_end_tensor_inputs (`list[str]`, *optional*): which of `pipe._callback_tensor_inputs` it gets.
            callback_on_stage (`Callable`, *optional*): called as `(pipe, name)` when a stage begins, to show progress:
                `"phonemes"`, `"reference"`, `"lips"`, `"semantics"`, `"alignment"`, `"flow"` (whose steps
                `callback_on_step_end` reports), `"vocoder"`, the names of the output's `timings`.

        Examples:

        Returns:
            [`FlowDubberPipelineOutput`] or `tuple`.

        Raises:
            ValueError: bad input; the message says what to do.
        """
        given = DubbingInputs(
            script=script,
            video=video,
            reference_audio=reference_audio,
            fps=fps,
            reference_sampling_rate=reference_sampling_rate,
            reference_text=reference_text,
            mouth_box=mouth_box,
            turn=turn,
            lexicon=lexicon,
            timing=timing,
            phoneme_frames=phoneme_frames,
            without=without,
            num_inference_steps=num_inference_steps,
            sigmas=sigmas,
            guidance_scale=guidance_scale,
            guidance_form=guidance_form,
            style_guidance_scale=style_guidance_scale,
            colour_match=colour_match,
            temperature=temperature,
            generator=generator,
            latents=latents,
            semantic_temperature=semantic_temperature,
            semantic_top_k=semantic_top_k,
            semantic_top_p=semantic_top_p,
            semantic_max_new_tokens=semantic_max_new_tokens,
            output_type=output_type,
            callback_on_step_end_tensor_inputs=callback_on_step_end_tensor_inputs,
        )
        given.check(self.semantic_model is not None, self._callback_tensor_inputs)
        if temperature is None:
            temperature = self.vector_field.config.sampling_temperature
        self._guidance_scale = 1.0 if "semantics" in given.without else float(guidance_scale)
        self._guidance_form = guidance_form
        self._interrupt = False
        watch = Stopwatch(None if callback_on_stage is None else partial(callback_on_stage, self))

        ready = self._read(given, watch) if given.prepared is None else given.prepared
        clips, style = self._conditions(ready)
        voices = self._voices_of(ready, style)
        # Drawn before the language model samples: how much that draws depends on the other rows of a batch.
        latents = self.prepare_latents(ready.num_mel_frames, temperature, generator, latents, style.device)
        passes = self._passes_of(ready, clips, style)
        knowledge: tuple[torch.Tensor | None, torch.Tensor | None] = (None, None)
        if self.semantic_model is not None and "semantics" not in given.without:
            with watch.stage("semantics"):
                knowledge = self.generate_semantics(
                    ready.scripts,
                    passes,
                    ready.reference_texts,
                    ready.voices,
                    generator,
                    semantic_temperature,
                    semantic_top_k,
                    semantic_top_p,
                    semantic_max_new_tokens,
                )
        with watch.stage("alignment"):
            if ready.timing is None:
                aligned = self.align(passes, clips, style, ready.phoneme_frames, ready.cue, knowledge)
            else:
                aligned = ready.timing.to(style.device)
            prior = self.encode_prior(aligned, *knowledge, voices, clips.mask, style_guidance_scale)
            prior_null = None
            if self.do_classifier_free_guidance:
                prior_null = self._null_prior(ready, aligned, voices, clips.mask, style_guidance_scale)
        with watch.stage("flow"):
            latents = self.sample_mel(
                latents,
                prior,
                prior_null,
                voices,
                clips.mask.repeat_interleave(MEL_FRAMES_PER_VIDEO_FRAME, dim=1),
                flow_sigmas(num_inference_steps, self.scheduler.config.get("sway", 0.0)) if sigmas is None else sigmas,
                callback_on_step_end,
                callback_on_step_end_tensor_inputs,
            )
            latents = self._in_colour(latents, ready, colour_match)
        audios: Any = latents
        loud: list[int] = []
        if output_type != "latent":
            with watch.stage("vocoder"):
                num_samples = [clip.num_samples for clip in ready.clips]
                audios = self.decode(latents, ready.num_mel_frames, num_samples, loud.append)
            if output_type == "np":
                audios = [sound.numpy() for sound in audios]
        self.maybe_free_model_hooks()
        remarks = {row: _TOO_LOUD.format(temperature=temperature) for row in loud}
        output = describe(ready, aligned, audios, self.sampling_rate, remarks, watch.total())
        return output if return_dict else output.to_tuple()
