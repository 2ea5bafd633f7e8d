"""The language model reads script and reference and writes speech, or spells the script; its hidden states are what it knows."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from transformers import PreTrainedTokenizerBase

from ...models.aligner import FlowDubberAlignerModel
from ...models.semantic import (
    LEAST_SPEECH_ROOM,
    FlowDubberSemanticForConditionalGeneration,
    build_prompt,
    pad_prompts,
    prompt_text,
    spelled_script,
)
from ...processing.audio import VIDEO_FRAME_RATE
from ...processing.text import phonemize
from .passes import Pass
from .prepared import PreparedVoice


SEMANTIC_TOKENS_PER_SECOND = 50
_ROOM = 2  # times as long as the clip that the language model may speak in short ones, whose tempo is its own
_SHARED_PRODUCT = 1_000_000  # weights of a matrix from which on several threads are worth their coordination


@contextmanager
def _decoding_threads(model: torch.nn.Module, device: torch.device) -> Iterator[None]:
    """One thread while a small model writes token by token on a CPU: its products are too small to be shared out.

    The bundled one takes a quarter of a second for 120 tokens with one thread and a third with two. Larger models keep
    the threads they have.
    """
    sizes = model.config.text_config
    threads = torch.get_num_threads()
    small = sizes.hidden_size * sizes.intermediate_size < _SHARED_PRODUCT
    if small and device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class KnowledgeMixin:
    """The language model's part of [`FlowDubberPipeline`]."""

    aligner: FlowDubberAlignerModel
    tokenizer: PreTrainedTokenizerBase | None
    semantic_model: FlowDubberSemanticForConditionalGeneration | None

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
        """The language model's hidden states `(passes, L, hidden)` at the speech it writes for each, and their mask; of a model
        that spells those at the script's phonemes, where nothing is drawn and the reference's words are not asked for."""
        if self.semantic_model.config.answer == "spelling":
            return self._spell(scripts, passes, voices)
        prompts = self._prompts(scripts, passes, voices, reference_text)
        if isinstance(generator, (list, tuple)):
            generator = [generator[one.clip] for one in passes]
        num_frames = [one.num_frames for one in passes]
        model, device = self.semantic_model, self._execution_device
        input_ids, attention_mask = pad_prompts(prompts, model.config.pad_token_id)
        if max_new_tokens is None:
            tokens_per_frame = SEMANTIC_TOKENS_PER_SECOND // VIDEO_FRAME_RATE
            lengths = [tokens_per_frame * frames for frames in num_frames]
            limits = [max(length, min(LEAST_SPEECH_ROOM, _ROOM * length)) for length in lengths]
        else:
            limits = [max_new_tokens] * len(prompts)
        self._check_prompt_room(prompts, limits)
        with _decoding_threads(model, device):
            spoken = model.generate_semantics(
                input_ids.to(device),
                attention_mask.to(device),
                generator=generator,
                max_new_tokens=limits,
                temperature=temperature,
                top_k=top_k,
                top_p=top_p,
            )
        return spoken.hidden_states, spoken.mask

    def _prompts(
        self,
        scripts: list[str],
        passes: list[Pass],
        voices: Sequence[PreparedVoice],
        reference_text: list[str | None] | None = None,
    ) -> list[list[int]]:
        """The prompt of each pass, without the reference's speech where its words are not known or not wanted."""
        config = self.semantic_model.config
        alone = Counter(one.clip for one in passes)
        prompts = []
        for one in passes:
            written = scripts[one.clip] if alone[one.clip] == 1 else one.phonemization.punctuated
            text = None if reference_text is None else reference_text[one.clip]
            prompts.append(
                build_prompt(
                    self.tokenizer,
                    prompt_text(config, written, one.phonemization.words),
                    None if text is None else prompt_text(config, text, self._spoken_words(text)),
                    voices[one.clip].global_tokens,
                    None if text is None else voices[one.clip].semantic_tokens,
                    config.prompt_separator,
                )
            )
        return prompts

    def _spell(
        self, scripts: list[str], passes: list[Pass], voices: Sequence[PreparedVoice]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Hidden states `(passes, L, hidden)` at the phonemes that each pass has to say, all at once, and their mask."""
        model, device = self.semantic_model, self._execution_device
        prompts = self._prompts(scripts, passes, voices)
        input_ids, attention_mask = pad_prompts(prompts, model.config.pad_token_id)
        spoken = (one.phonemization for one in passes)
        codes = [torch.tensor(spelled_script(script.phonemes, script.optional)) for script in spoken]
        self._check_prompt_room(prompts, [len(row) for row in codes])
        known = [torch.ones_like(row, dtype=torch.bool) for row in codes]
        told = model.semantic_features(
            input_ids.to(device),
            torch.nn.utils.rnn.pad_sequence(codes, batch_first=True).to(device),
            attention_mask.to(device),
            torch.nn.utils.rnn.pad_sequence(known, batch_first=True).to(device),
        )
        return told.hidden_states, told.mask

    def _check_prompt_room(self, prompts: list[list[int]], limits: list[int]) -> None:
        places = self.semantic_model.config.text_config.max_position_embeddings
        for prompt, limit in zip(prompts, limits, strict=True):
            if len(prompt) + limit > places:
                raise ValueError(
                    f"script, reference and dub need {len(prompt) + limit} tokens but the language model has room for "
                    f"{places}; shorten the reference or leave `reference_text` out."
                )
