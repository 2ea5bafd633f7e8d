"""One object that turns scripts and clips into what the models take: tokenizer, phonemes and lips together."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoProcessor, BatchFeature, PreTrainedTokenizerBase, ProcessorMixin

from ...checkpoints.sources import INDEX_FILE, bundled_checkpoints, part_folder
from ...models.aligner import FlowDubberAlignerConfig
from ...models.parts import load_part
from ...models.semantic import FlowDubberSemanticConfig, build_prompt, pad_prompts, prompt_text
from ...processing.lips import FlowDubberLipFeatureExtractor
from ...processing.text import NO_WORDS, Lexicon, Phonemization, phonemize
from .inputs import VideoInput, each, naming
from .timing import check_room


class FlowDubberProcessor(ProcessorMixin):
    r"""
    Scripts and clips as the aligner's inputs, and prompts as the language model's.

    Args:
        feature_extractor ([`FlowDubberLipFeatureExtractor`]): clips to mouth pictures.
        tokenizer (`PreTrainedTokenizerBase`): of the language model.
        phoneme_accent (`str`, *optional*, defaults to `"us"`): `us` or `gb`; the aligner's `config.phoneme_accent`.
        prompt_text (`str`, *optional*, defaults to `"script"`): `words` or `script`, the language model's `config.prompt_text`.
        prompt_separator (`str`, *optional*, defaults to `" "`): the language model's `config.prompt_separator`.

    Examples:
        ```py
        >>> from flowdubber_hf import FlowDubberAlignerModel, FlowDubberProcessor

        >>> processor = FlowDubberProcessor.from_pretrained("flowdubber-grid-tiny")
        >>> inputs = processor("bin blue at f two now", video="clip.mp4")
        >>> aligner = FlowDubberAlignerModel.from_pretrained("flowdubber-grid-tiny", subfolder="aligner")
        >>> encoding = aligner.encode(**inputs, style=style)
        ```
    """

    def __init__(
        self,
        feature_extractor: FlowDubberLipFeatureExtractor,
        tokenizer: PreTrainedTokenizerBase,
        phoneme_accent: str = "us",
        prompt_text: str = "script",
        prompt_separator: str = " ",
    ):
        self.phoneme_accent = phoneme_accent
        self.prompt_text = prompt_text
        self.prompt_separator = prompt_separator
        super().__init__(feature_extractor, tokenizer)

    @classmethod
    def of_parts(
        cls,
        feature_extractor: FlowDubberLipFeatureExtractor,
        tokenizer: PreTrainedTokenizerBase,
        aligner: FlowDubberAlignerConfig,
        semantic_model: FlowDubberSemanticConfig,
    ) -> "FlowDubberProcessor":
        """The processor that fits the models of these configurations."""
        return cls(
            feature_extractor,
            tokenizer,
            phoneme_accent=aligner.phoneme_accent,
            prompt_text=semantic_model.prompt_text,
            prompt_separator=semantic_model.prompt_separator,
        )

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | Path, *args: Any, **kwargs: Any
    ) -> "FlowDubberProcessor":
        """As the library's; besides a folder or Hub id of `save_pretrained`, that of a pipeline, or a bundled name.

        Raises:
            ValueError: a pipeline without a language model.
        """
        name = bundled_checkpoints().get(str(pretrained_model_name_or_path), pretrained_model_name_or_path)
        if not (Path(name) / INDEX_FILE).is_file():
            return super().from_pretrained(name, *args, **kwargs)
        return cls.of_parts(
            FlowDubberLipFeatureExtractor.from_pretrained(Path(name) / "lip_feature_extractor"),
            load_part("tokenizer", name),
            FlowDubberAlignerConfig.from_pretrained(part_folder(name, "aligner")),
            FlowDubberSemanticConfig.from_pretrained(part_folder(name, "semantic_model")),
        )

    def __call__(
        self,
        script: str | list[str],
        video: VideoInput | list[VideoInput] | None = None,
        fps: float | None = None,
        mouth_box: Sequence[float] | list[Sequence[float] | None] | None = None,
        lexicon: Lexicon = NO_WORDS,
    ) -> BatchFeature:
        r"""
        Args:
            script, video, fps, mouth_box, lexicon: as of [`FlowDubberPipeline.__call__`]; without `video` the phonemes alone.

        Returns:
            `BatchFeature` with the arguments of [`FlowDubberAlignerModel.encode`], right-padded:
            - **input_ids**, **pause_ids** (`torch.Tensor` of shape `(B, P)`, int64), **attention_mask**, **optional_mask** (bool),
            - with a video **lip_values** (`torch.Tensor` of shape `(B, F, 88, 88)`, float32), **lip_mask**, **seen_mask**
              (`torch.Tensor` of shape `(B, F)`, bool).

        Raises:
            ValueError: a script or a clip that cannot be read, or more words than the clip has room for; names which.
        """
        scripts = script if isinstance(script, list) else [script]
        spoken = each("script", scripts, lambda text: phonemize(text, self.phoneme_accent, lexicon))
        data = phoneme_inputs(spoken)
        if video is not None:
            data |= self._lips(spoken, video, fps, mouth_box)
        return BatchFeature(data)

    def _lips(self, spoken: list[Phonemization], video: Any, fps: float | None, mouth_box: Any) -> dict[str, Any]:
        clips = video if isinstance(video, list) and len(spoken) > 1 else [video] * len(spoken)
        boxes = mouth_box if isinstance(mouth_box, list) and len(spoken) > 1 else [mouth_box] * len(spoken)
        if len(clips) != len(spoken) or len(boxes) != len(spoken):
            raise ValueError(
                f"{len(spoken)} scripts, {len(clips)} clips and {len(boxes)} mouth boxes were given; give as many of each."
            )
        values, seen = [], []
        for row, (phonemization, clip, box) in enumerate(zip(spoken, clips, boxes, strict=True)):
            with naming("video", clips, row):
                found = self.feature_extractor(clip, fps=fps, mouth_box=box)
                check_room(phonemization, int(found["num_frames"]))
            values.append(torch.as_tensor(found["lip_values"])[0])
            seen.append(torch.as_tensor(found["found"]))
        lengths = torch.tensor([len(one) for one in values])
        return {
            "lip_values": pad_sequence(values, batch_first=True),
            "lip_mask": torch.arange(int(lengths.max())) < lengths[:, None],
            "seen_mask": pad_sequence(seen, batch_first=True),
        }

    def prompts(
        self,
        script: str | list[str],
        global_tokens: torch.Tensor,
        reference_text: str | list[str | None] | None = None,
        semantic_tokens: list[torch.Tensor] | None = None,
    ) -> BatchFeature:
        """Prompts that the language model continues with speech tokens.

        Args:
            script: one or several.
            global_tokens (`torch.Tensor` of shape `(B, 32)`): the speech tokenizer's codes of the voices.
            reference_text (*optional*): what is said in the references.
            semantic_tokens (`list` of `(L,)`, *optional*): the references' codes, needed with `reference_text`.

        Returns:
            `BatchFeature` with **input_ids** and **attention_mask** (`torch.Tensor` of shape `(B, L)`, int64), left-padded.
        """
        scripts = script if isinstance(script, list) else [script]
        texts = reference_text if isinstance(reference_text, list) else [reference_text] * len(scripts)
        codes = semantic_tokens or [None] * len(scripts)
        rows = [
            build_prompt(
                self.tokenizer,
                self._prompt_text(text),
                None if reference is None else self._prompt_text(reference),
                voice,
                spoken,
                self.prompt_separator,
            )
            for text, reference, voice, spoken in zip(scripts, texts, global_tokens, codes, strict=True)
        ]
        input_ids, attention_mask = pad_prompts(rows, self.tokenizer.pad_token_id)
        return BatchFeature({"input_ids": input_ids, "attention_mask": attention_mask})

    def _prompt_text(self, text: str) -> str:
        return prompt_text(self, text, phonemize(text, self.phoneme_accent).words)


def phoneme_inputs(spoken: Sequence[Phonemization]) -> dict[str, torch.Tensor]:
    """Phonemizations as the aligner's tensors `(B, P)`, right-padded: `input_ids`, `attention_mask`, `optional_mask`,
    `pause_ids`."""

    def padded(rows: list[Any], dtype: torch.dtype) -> torch.Tensor:
        return pad_sequence([torch.as_tensor(row, dtype=dtype) for row in rows], batch_first=True)

    return {
        "input_ids": padded([one.ids for one in spoken], torch.long),
        "attention_mask": padded([[True] * len(one.ids) for one in spoken], torch.bool),
        "optional_mask": padded([one.optional for one in spoken], torch.bool),
        "pause_ids": padded([one.pause_ids for one in spoken], torch.long),
    }


AutoProcessor.register(FlowDubberAlignerConfig, FlowDubberProcessor, exist_ok=True)

__all__ = ["FlowDubberProcessor", "phoneme_inputs"]
