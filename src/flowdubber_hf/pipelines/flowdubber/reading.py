"""Clips and voices as the models read them, once for any number of dubs."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...models.aligner import FlowDubberAlignerModel
from ...models.speech_tokenizer import FlowDubberSpeechTokenizer
from ...models.style import FlowDubberStyleEncoder
from ...models.vector_field import FlowDubberVectorField
from ...processing.audio import (
    MEL_FRAMES_PER_VIDEO_FRAME,
    SAMPLING_RATE,
    VIDEO_FRAME_RATE,
    load_audio,
    log_mel,
    pad_sounds,
)
from ...processing.clips import Frames
from ...processing.held import HeldFile
from ...processing.lips import FlowDubberLipFeatureExtractor
from ...processing.references import check_reference, level_voice, voice_pieces
from ...processing.sound import Sound
from ...processing.text import NO_WORDS, Lexicon, phonemize
from .colour import colour_of, in_colour
from .inputs import AudioInput, DubbingInputs, VideoInput, checked_clip, checked_mouths, checked_sound, each, naming
from .passes import Pass, Timing
from .prepared import Clips, PreparedClip, PreparedDub, PreparedVoice, pad_clips
from .stopwatch import Stopwatch
from .timing import check_room, checked_frames, even_frames


_PIECES_TOGETHER = 16  # of a reference, 64 s: memory does not grow with longer ones


class ReadingMixin:
    """What [`FlowDubberPipeline`] takes from a clip and from a voice."""

    style_encoder: FlowDubberStyleEncoder
    lip_feature_extractor: FlowDubberLipFeatureExtractor
    aligner: FlowDubberAlignerModel
    vector_field: FlowDubberVectorField
    speech_tokenizer: FlowDubberSpeechTokenizer | None

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
    def prepare_mouths(
        self, crops: np.ndarray, seen: Sequence[bool] | np.ndarray | None = None, duration: float | None = None
    ) -> PreparedClip:
        """A clip of mouth pictures that are cut already, such as those of one speaker in a film: a call takes the result as `video`.

        Args:
            crops (`np.ndarray` of shape `(F, 96, 96)`, uint8): grey squares around the mouth, 25 a second, as
                [`FlowDubberLipFeatureExtractor`] cuts them.
            seen (`(F,)` bool, *optional*): frames that show the mouth; the others (a cut-away, a hand) give no evidence, whatever
                they hold. All by default.
            duration (`float`, *optional*): seconds that the dub lasts, `F / 25` by default.

        Raises:
            ValueError: pictures of another form, no frame that shows the mouth, or a duration that is not that of the frames.
        """
        start = time.perf_counter()
        crops, shown = checked_mouths(crops, seen, self.lip_feature_extractor.crop_size)
        seconds = len(crops) / VIDEO_FRAME_RATE if duration is None else float(duration)
        if not abs(seconds - len(crops) / VIDEO_FRAME_RATE) <= 1 / VIDEO_FRAME_RATE:
            raise ValueError(f"{len(crops)} frames at 25 a second do not last {duration} s.")
        found = torch.as_tensor(shown)
        features = self.encode_lips(self.lip_feature_extractor.normalize(crops)[None], found)
        clip = PreparedClip(len(crops), round(seconds * SAMPLING_RATE), seconds, (), None, crops, found, features)
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

    @torch.no_grad()
    def prepare(
        self,
        script: str | list[str],
        video: VideoInput | list[VideoInput],
        reference_audio: AudioInput | list[AudioInput],
        fps: float | None = None,
        reference_sampling_rate: int | None = None,
        reference_text: str | list[str | None] | None = None,
        mouth_box: Sequence[float] | list[Sequence[float] | None] | None = None,
        turn: int | None = None,
        lexicon: Lexicon = NO_WORDS,
        timing: str = "lips",
        phoneme_frames: Sequence[int] | np.ndarray | list | None = None,
        without: Sequence[str] = (),
        callback_on_stage: Callable[[Any, str], None] | None = None,
    ) -> PreparedDub:
        """Reads script, clip and voice and aligns them once, for any number of takes: a call takes the result as `script`.

        To change only the script, the voice or the clip, reuse the rest: `pipe.prepare(other, ready.clips[0], ready.voices[0])`.

        Args:
            script, video, reference_audio, fps, reference_sampling_rate, reference_text, mouth_box, turn, lexicon, timing,
                phoneme_frames, without, callback_on_stage: as a call takes them.

        Raises:
            ValueError: as a call.
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
            guidance_scale=1.0,
        )
        given.check(self.semantic_model is not None)
        watch = Stopwatch(None if callback_on_stage is None else partial(callback_on_stage, self))
        ready = self._read(given, watch)
        if self.aligner.config.duration_source == "text":
            with watch.stage("alignment"):
                clips, style = self._conditions(ready)
                passes = self._passes_of(ready, clips, style)
                ready = replace(ready, timing=self.align(passes, clips, style, ready.phoneme_frames, ready.cue))
        self.maybe_free_model_hooks()
        return replace(ready, seconds=watch.total())

    def _read(self, given: DubbingInputs, watch: Stopwatch) -> PreparedDub:
        """Everything that is read of checked arguments, before anything is aligned."""
        look = given.timing == "lips"
        read_lips = look and "lips" not in given.without
        with watch.stage("phonemes"):
            accent = self.aligner.config.phoneme_accent
            phonemizations = each("script", given.script, lambda text: phonemize(text, accent, given.lexicon))
        with watch.stage("reference"):
            # Tokens are for the language model's prompts alone.
            hear = partial(self._hear_voice, tokens="semantics" not in given.without)
            voices = each("reference_audio", given.reference_audio, hear)
        with watch.stage("lips"):
            clips = self._read_clips(given, look, read_lips)
        frames_of = given.phoneme_frames
        if frames_of is None:
            for row, (phonemization, clip) in enumerate(zip(phonemizations, clips, strict=True)):
                with naming("script", given.script, row):
                    check_room(phonemization, clip.num_frames)
        num_mel_frames = [MEL_FRAMES_PER_VIDEO_FRAME * clip.num_frames for clip in clips]
        if not read_lips and frames_of is None and self.aligner.duration_predictor is None:
            frames_of = [even_frames(*row) for row in zip(phonemizations, num_mel_frames, strict=True)]
        if frames_of is not None:
            frames_of = tuple(
                checked_frames(*row) for row in zip(phonemizations, frames_of, num_mel_frames, strict=True)
            )
        return PreparedDub(
            scripts=tuple(given.script),
            phonemizations=tuple(phonemizations),
            clips=tuple(clips),
            voices=tuple(voices),
            reference_texts=tuple(given.reference_text),
            without=tuple(given.without),
            phoneme_frames=frames_of,
            cue=not look,
        )

    def _conditions(self, ready: PreparedDub) -> tuple[Clips, torch.Tensor]:
        """The clips side by side, and the style vectors `(B, 256)`, zeros where the style is left out."""
        device = self._execution_device
        style = torch.stack([voice.style for voice in ready.voices]).to(device)
        if "style" in ready.without:
            style = torch.zeros_like(style)
        return pad_clips(ready.clips, not ready.cue and "lips" not in ready.without, device), style

    def _voices_of(self, ready: PreparedDub, style: torch.Tensor) -> torch.Tensor:
        """The voices as prior and flow take them: the style vectors, with what the vector field heard itself. The aligner
        keeps to the style vectors, so that the timing does not depend on it."""
        if "style" in ready.without or self.vector_field.voice_encoder is None:
            return style
        heard = torch.stack([self._timbre_of(voice) for voice in ready.voices])
        return self.vector_field.voice(style, heard.to(style))

    def _timbre_of(self, voice: PreparedVoice) -> torch.Tensor:
        """What the vector field heard in a voice."""
        if voice.timbre is None or voice.timbre.shape[-1] != self.vector_field.voice_size:
            raise ValueError(
                "`reference_audio` was heard by a model whose vector field has no voice encoder, or another one; prepare the voice "
                "with `prepare_voice` of this pipeline."
            )
        return voice.timbre

    def _passes_of(self, ready: PreparedDub, clips: Clips, style: torch.Tensor) -> list[Pass]:
        """What the aligner and the language model read at a time."""
        if ready.timing is not None:
            return ready.timing.passes
        return self.plan_passes(ready.phonemizations, clips, style, ready.phoneme_frames, ready.cue)

    def _null_prior(
        self,
        ready: PreparedDub,
        aligned: Timing,
        style: torch.Tensor,
        frame_mask: torch.Tensor,
        style_guidance_scale: float | None,
    ) -> torch.Tensor:
        """mu' `(B, 80, T)`, which is the same for takes of one dub and made once for them."""
        copies = 1 if ready.timing is None else ready.copies
        rows = len(ready) // copies
        once = Timing(aligned.groups[: len(aligned.groups) // copies])
        prior = self.encode_prior(once, None, None, style[:rows], frame_mask[:rows], style_guidance_scale)
        return prior.repeat(copies, 1, 1)

    def _hear_voice(self, source: Path | HeldFile | Sound | PreparedVoice, tokens: bool = True) -> PreparedVoice:
        """Style and, where the pipeline has a language model and `tokens` asks for them, what its prompts need."""
        tokens = tokens and self.speech_tokenizer is not None
        if isinstance(source, PreparedVoice):
            if tokens and source.global_tokens is None:
                raise ValueError(
                    "`reference_audio` was heard without the language model's tokens (without=['semantics'], or a model "
                    "that has none); prepare the voice with `prepare_voice` of this pipeline."
                )
            if self.vector_field.voice_encoder is not None:
                self._timbre_of(source)
            return source
        sound = load_audio(source)
        remarks = check_reference(sound, f"the reference {source}" if isinstance(source, Path) else "the reference")
        sound = level_voice(sound)
        values, mask = (tensor.to(self._execution_device) for tensor in pad_sounds([sound]))
        encoder = self.style_encoder
        style = encoder(values.to(encoder.dtype), attention_mask=mask).style[0]
        beside = {
            "timbre": None if self.vector_field.voice_encoder is None else self._hear_timbre(sound),
            "colour": self._hear_colour(sound),
        }
        if not tokens:
            return PreparedVoice(style, warnings=tuple(remarks), **beside)
        tokenizer = self.speech_tokenizer
        codes = tokenizer.encode(values.to(tokenizer.dtype), attention_mask=mask)
        spoken = codes.semantic_tokens[0][codes.semantic_mask[0].bool()]
        return PreparedVoice(style, codes.global_tokens[0], spoken, tuple(remarks), **beside)

    def _hear_timbre(self, sound: np.ndarray) -> torch.Tensor:
        """What the vector field hears in a reference `(samples,)`, the mean over its pieces, `(voice_size,)` float32."""
        field, heard = self.vector_field, []
        for part in torch.from_numpy(voice_pieces(sound)).split(_PIECES_TOGETHER):
            heard.append(field.hear(log_mel(part.to(self._execution_device)).to(field.dtype)).float())
        return torch.cat(heard).mean(0)

    def _hear_colour(self, sound: np.ndarray) -> torch.Tensor:
        """The colour of a reference `(samples,)`, the mean over its pieces, `(80,)` float32."""
        pieces = torch.from_numpy(voice_pieces(sound)).split(_PIECES_TOGETHER)
        heard = [colour_of(mel) for part in pieces for mel in log_mel(part.to(self._execution_device))]
        return torch.stack(heard).mean(0)

    def _in_colour(self, latents: torch.Tensor, ready: PreparedDub, share: float | None) -> torch.Tensor:
        """Normalised mels `(B, 80, T)` with a share of the references' colour (see `colour_match` of the call)."""
        field = self.vector_field
        share = field.config.sampling_colour_match if share is None else share
        if not share or "style" in ready.without:
            return latents
        mels = field.denormalize(latents.float())
        for row, (voice, frames) in enumerate(zip(ready.voices, ready.num_mel_frames, strict=True)):
            if voice.colour is None:
                raise ValueError(
                    "`reference_audio` was heard without its colour; prepare the voice with `prepare_voice` again."
                )
            mels[row, :, :frames] = in_colour(mels[row, :, :frames], voice.colour.to(mels), share)
        return field.normalize(mels).to(latents.dtype)

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
        aligner = self.aligner
        values = torch.as_tensor(lip_values).to(self._execution_device, aligner.dtype)
        return aligner.encode_lips(values, seen[None].to(values.device))[0]
