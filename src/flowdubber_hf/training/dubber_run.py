"""The dubber's stage from its options to a pipeline folder: aligner, mel prior and flow jointly, on frozen lips."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from ..data.dubbing import DubbingClips
from ..data.features import Clip, FeatureStore
from ..models.aligner import FlowDubberAlignerConfig, FlowDubberAlignerModel
from ..models.aligner.configuration_aligner import SEMANTIC_CHANNELS
from ..models.parts import load_part
from ..models.vector_field import FlowDubberVectorField
from ..models.vocoder import FlowDubberVocoder
from ..pipelines.flowdubber import FlowDubberPipeline
from ..pipelines.flowdubber.parts import build_pipeline
from ..processing.audio import MEL_SETTINGS, SAMPLING_RATE
from .arguments import TrainingArguments, choose_from
from .checks import of_speakers, usable_clips
from .clip_choice import clips_of, parse_shares
from .dubber import FlowDubberTrainingModel, LossWeights
from .dubber_stage import (
    SOUND_NEEDS,
    VIDEO_NEEDS,
    DubberStage,
    LipFeatures,
    mel_statistics,
    set_dropout,
    share_by_source,
)
from .export import (
    BUNDLED,
    DTYPES,
    PIPELINE_FOLDER,
    model_card,
    push_folder,
    summarize_clips,
    write_pipeline,
)
from .few_steps import FewStepsModel, FewStepsStage, check_teacher_steps
from .knowledge import ClipKnowledge
from .loop import BEST_FOLDER, MODEL_FOLDER, train
from .presets import VECTOR_FIELD_PRESETS, VOICE_HIDDEN_SIZE
from .semantic_features import SemanticCache, model_fingerprint
from .vector_field_adapter import DEFAULT_MODULES, VectorFieldAdapter


NONE = "none"
_SHARES = (
    "speech_share",
    "knowledge_drop",
    "phoneme_drop",
    "semantic_teacher_share",
    "style_swap",
    "style_drop",
    "true_path_share",
)


@dataclass
class DubberArguments(TrainingArguments):
    """Options of this stage."""

    aligner: str | None = field(default=None, metadata={"help": "aligner folder of stage 1"})
    vector_field: str | None = field(default=None, metadata={"help": "vector field folder to go on from"})
    init_from: str | None = field(
        default=None,
        metadata={"help": "pipeline (folder or bundled name) whose aligner and vector field to go on from"},
    )
    voice_encoder: bool = field(
        default=False,
        metadata={"help": "let the vector field hear the reference's mel too: a new voice encoder where it has none"},
    )
    voice_tokens: int | None = field(
        default=None,
        metadata={
            "help": "voice tokens, such as 32, that frames ask how the voice makes their sound; with --voice_encoder"
        },
    )
    preset: str = field(default="tiny", metadata={"help": "sizes of a new vector field: tiny or base"})
    semantic_features: str | None = field(
        default=None, metadata={"help": "folder of extract_semantic_features.py; without it no knowledge is used"}
    )
    semantic_channel: str | None = field(
        default=None,
        metadata={
            "help": "how states reach the phonemes: attention or path (a new one where the aligner has the other)"
        },
    )
    semantic_teacher: str | None = field(
        default=None,
        metadata={"help": "folder of --codes spoken, whose known times teach the path; no sound is made of it"},
    )
    semantic_teacher_share: float = field(
        default=0.3, metadata={"help": "how often a clip is shown that folder's states"}
    )
    phoneme_drop: float = field(
        default=0.0, metadata={"help": "how often the phonemes are dropped where the language model's part is not"}
    )
    semantic_weight: float = field(default=0.05, metadata={"help": "of the contrastive loss of phonemes and tokens"})
    base_pipeline: str = field(
        default=BUNDLED, metadata={"help": "pipeline that gives the other parts, or none to write no pipeline"}
    )
    pipeline_dtype: str = field(default="float16", metadata={"help": "of the stored weights: float16 or float32"})
    publish: str = field(default="best", metadata={"help": "which weights the pipeline gets: best (val_loss) or last"})
    segment_frames: int = field(default=40, metadata={"help": "video frames that prior and flow see a clip"})
    speech_share: float = field(default=0.25, metadata={"help": "share of steps on sound without video"})
    sources: list[str] = field(default_factory=list, metadata={"help": "sources of the dataset; all if none is named"})
    source_shares: list[float] = field(
        default_factory=list, metadata={"help": "how often each named source, in place of --speech_share"}
    )
    max_speech_seconds: float = field(default=6.0, metadata={"help": "longest clip of sound without video"})
    knowledge_drop: float = field(default=0.15, metadata={"help": "how often the language model's part is dropped"})
    style_swap: float = field(
        default=0.5, metadata={"help": "how often the style vector is that of another clip of the speaker"}
    )
    style_drop: float = field(default=0.0, metadata={"help": "how often the style vector is replaced by zeros"})
    true_path_share: float = field(default=0.5, metadata={"help": "how often the true path replaces the searched one"})
    flow_weight: float = field(default=1.0, metadata={"help": "of the flow loss"})
    prior_weight: float = field(default=1.0, metadata={"help": "of the prior loss"})
    contrastive_weight: float = field(default=0.05, metadata={"help": "of the contrastive loss"})
    ctc_weight: float = field(default=0.01, metadata={"help": "of the CTC loss"})
    dropout: float | None = field(default=None, metadata={"help": "use this dropout everywhere, not the configured"})
    freeze_alignment: bool = field(
        default=False, metadata={"help": "leave what finds the timing as it is: phoneme encoder and both attentions"}
    )
    lora_rank: int = field(
        default=0, metadata={"help": "train matrices of this rank beside the vector field's weights; 0: the weights"}
    )
    lora_alpha: float = field(default=16.0, metadata={"help": "their product counts this divided by the rank"})
    lora_dropout: float = field(default=0.0, metadata={"help": "of what they read"})
    lora_target_modules: list[str] = field(
        default_factory=lambda: list(DEFAULT_MODULES), metadata={"help": "layers that get them"}
    )
    distill_steps: int = field(
        default=0,
        metadata={
            "help": "teach the finished vector field alone to do 1, 2 and 4 steps' work at once, from its own solution in "
            "so many steps (8); 0: train as usual"
        },
    )
    lip_views: int = field(default=4, metadata={"help": "augmented views of each clip's lips, beside the plain one"})

    def __post_init__(self):
        super().__post_init__()
        choose_from("--preset", self.preset, tuple(VECTOR_FIELD_PRESETS))
        choose_from("--pipeline_dtype", self.pipeline_dtype, DTYPES)
        choose_from("--publish", self.publish, (BEST_FOLDER, "last"))
        if self.semantic_channel is not None:
            choose_from("--semantic_channel", self.semantic_channel, SEMANTIC_CHANNELS)
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"--{name} must be in [0, 1], got {getattr(self, name)}.")
        if self.segment_frames < 1 or self.lip_views < 0:
            raise ValueError("--segment_frames must be at least 1 and --lip_views not negative.")
        if not self.aligner and not self.init_from:
            raise ValueError("give --aligner FOLDER of stage 1, or --init_from PIPELINE to go on from one.")
        if self.lora_rank and not (self.init_from or self.vector_field):
            raise ValueError("--lora_rank adapts a trained vector field; give it with --init_from or --vector_field.")
        if self.distill_steps:
            check_teacher_steps(self.distill_steps)
            if self.lora_rank or not (self.init_from or self.vector_field):
                raise ValueError(
                    "--distill_steps teaches the weights of a trained vector field: give it with --init_from or "
                    "--vector_field, and without --lora_rank."
                )
        if self.lora_rank and self.voice_encoder:
            raise ValueError(
                "--lora_rank leaves the vector field's weights as they are; train a --voice_encoder without it."
            )
        if self.voice_tokens is not None and (self.voice_tokens < 0 or not self.voice_encoder):
            raise ValueError("--voice_tokens is a number from 0 and needs --voice_encoder true.")
        make_adapter(self)
        if self.push_to_hub and self.base_pipeline == NONE:
            raise ValueError("--push_to_hub sends the pipeline folder, and --base_pipeline none writes none.")


def make_adapter(arguments: DubberArguments) -> VectorFieldAdapter | None:
    """The low-rank matrices, where they are asked for."""
    if not arguments.lora_rank:
        return None
    modules = tuple(arguments.lora_target_modules)
    try:
        return VectorFieldAdapter(arguments.lora_rank, arguments.lora_alpha, arguments.lora_dropout, modules)
    except ImportError as error:
        raise ValueError(str(error)) from error


def open_knowledge(arguments: DubberArguments, store: FeatureStore) -> ClipKnowledge | None:
    """The cached states of the language model, where they are named.

    Raises:
        ValueError: a teacher without states, of made-up speech, or of another language model.
    """
    if not arguments.semantic_features:
        if arguments.semantic_teacher:
            raise ValueError(
                "--semantic_teacher stands beside the states that a dub can have; give --semantic_features."
            )
        return None
    states, teacher = SemanticCache(arguments.semantic_features), None
    if arguments.semantic_teacher:
        teacher = SemanticCache(arguments.semantic_teacher)
        teacher.check(codes="spoken", model=states.settings.get("model"))
        teacher.samples("")
    elif states.settings["codes"] in ("spoken", "spelled"):
        teacher = states
    states.samples("")  # lists the files once, before loader processes start
    return ClipKnowledge(
        store, states, teacher, arguments.semantic_teacher_share if arguments.semantic_teacher else 0.0
    )


def chosen_data(
    arguments: DubberArguments, store: FeatureStore, accelerator: Accelerator, knowledge: ClipKnowledge | None
) -> tuple[list[tuple[DubbingClips, float]], DubbingClips]:
    """Groups of clips to train on with their shares of the steps, and the held-out clips; each clip looked at."""
    video, held_out = clips_of(store, arguments, accelerator, VIDEO_NEEDS)
    longest = arguments.max_speech_seconds * SAMPLING_RATE
    sound = [
        clip
        for clip in of_speakers(store.clips("train", needs=SOUND_NEEDS), arguments)
        if not clip.num_frames and SAMPLING_RATE <= clip.num_samples <= longest
    ]
    sound = usable_clips(store, sound, SOUND_NEEDS, arguments, accelerator)
    shares = parse_shares(arguments.sources, arguments.source_shares)
    parts = share_by_source(video + sound, shares, arguments.speech_share if sound else 0.0)
    for part in parts:
        kind = "video" if part.clips[0].num_frames else "sound"
        accelerator.print(f"{len(part.clips)} clips of {part.clips[0].source} ({kind}), share {part.share:.3f}")
    accelerator.print(f"{len(held_out)} clips held out")
    groups = [
        (DubbingClips(store, part.clips, arguments.style_swap, arguments.style_drop, knowledge), part.share)
        for part in parts
    ]
    return groups, DubbingClips(store, held_out, knowledge=knowledge)


def check_fit(
    model: FlowDubberTrainingModel, states: SemanticCache | None, base: str | None
) -> FlowDubberVocoder | None:
    """Finds parts that do not fit each other before training and not after; returns the base pipeline's vocoder."""
    width = model.aligner.config.semantic_hidden_size
    if states is not None and states.hidden_size != width:
        raise ValueError(
            f"{states.folder} holds states of width {states.hidden_size}, the aligner takes {width}; train it with "
            f"--semantic_hidden_size {states.hidden_size}."
        )
    if base is None:
        return None
    pipeline = build_pipeline({"aligner": model.aligner, "vector_field": model.vector_field}, base)
    if states is not None and pipeline.semantic_model is not None:
        states.check(model=model_fingerprint(pipeline.semantic_model, pipeline.tokenizer))
    return pipeline.vocoder


def with_channel(aligner: FlowDubberAlignerModel, channel: str, width: int | None = None) -> FlowDubberAlignerModel:
    """The aligner whose states reach the phonemes by `channel`, by a new one, for states of `width`, where it had the other."""
    if aligner.config.semantic_channel == channel:
        return aligner
    width = aligner.config.semantic_hidden_size if width is None else width
    settings = {**aligner.config.to_dict(), "semantic_channel": channel, "semantic_hidden_size": width}
    made = FlowDubberAlignerModel(FlowDubberAlignerConfig.from_dict(settings))
    new = made.state_dict()
    kept = {name: value for name, value in aligner.state_dict().items() if name in new}
    made.load_state_dict({**new, **kept})
    return made


def with_voice_encoder(vector_field: FlowDubberVectorField, num_tokens: int | None = None) -> FlowDubberVectorField:
    """The vector field with a voice encoder and `num_tokens` voice tokens (`None`: as many as it has): new ones, which change nothing
    yet, where it had none.

    Raises:
        ValueError: it has another number of voice tokens.
    """
    had = vector_field.config
    tokens = had.num_voice_tokens if num_tokens is None else num_tokens
    if had.voice_hidden_size and tokens == had.num_voice_tokens:
        return vector_field
    if had.num_voice_tokens:
        raise ValueError(
            f"--voice_tokens {tokens}: the vector field has {had.num_voice_tokens}; leave the option out."
        )
    width = had.voice_hidden_size or VOICE_HIDDEN_SIZE
    made = FlowDubberVectorField.from_config(had, voice_hidden_size=width, num_voice_tokens=tokens)
    made.load_state_dict({**made.state_dict(), **vector_field.state_dict()})
    return made


def make_model(
    arguments: DubberArguments,
    training: DubbingClips,
    adapter: VectorFieldAdapter | None = None,
    width: int | None = None,
) -> FlowDubberTrainingModel:
    """Aligner and vector field to start from, the lip encoder frozen; with an adapter all but that. `width` is that of the states."""
    initial = FlowDubberPipeline.from_pretrained(arguments.init_from) if arguments.init_from else None
    aligner = load_part("aligner", arguments.aligner, training=True) if arguments.aligner else initial.aligner
    if arguments.vector_field:
        vector_field = load_part("vector_field", arguments.vector_field, training=True)
    elif initial is not None:
        vector_field = initial.vector_field
    else:
        mean, std = mel_statistics(training)
        vector_field = FlowDubberVectorField(
            **VECTOR_FIELD_PRESETS[arguments.preset], mel_mean=mean, mel_std=std, mel_settings=MEL_SETTINGS
        )
    if arguments.voice_encoder:
        vector_field = with_voice_encoder(vector_field, arguments.voice_tokens)
    aligner = with_channel(aligner, arguments.semantic_channel or aligner.config.semantic_channel, width)
    aligner.lip_encoder.requires_grad_(False)
    if aligner.duration_predictor is not None:
        aligner.duration_predictor.requires_grad_(False)
    if arguments.freeze_alignment:
        for part in (aligner.phoneme_encoder, aligner.lip_to_phoneme, aligner.phoneme_to_lip):
            part.requires_grad_(False)
    if arguments.dropout is not None:
        set_dropout(aligner, arguments.dropout)
        set_dropout(vector_field, arguments.dropout)
    if adapter is not None:
        aligner.requires_grad_(False)
        adapter.attach(vector_field)
    weights = LossWeights(
        arguments.flow_weight,
        arguments.prior_weight,
        arguments.contrastive_weight,
        arguments.ctc_weight,
        arguments.semantic_weight,
    )
    return FlowDubberTrainingModel(aligner, vector_field, weights)


def train_dubber(
    arguments: DubberArguments,
    accelerator: Accelerator,
    name: str = "training",
    store: FeatureStore | None = None,
) -> dict[str, Any]:
    """Trains the dubber and writes its pipeline, as `examples/train_dubber.py` and `flowdubber finetune` do.

    Args:
        arguments: of the stage.
        accelerator: of [`~training.loop.make_accelerator`], with `find_unused_parameters`.
        name: of the progress bar.
        store: the clips, in place of those of `--dataset`.

    Returns:
        The run in figures, see [`~training.loop.train`].

    Raises:
        FloatingPointError: a loss or the gradient is no longer finite.
        ValueError: no clip to train on, or parts that do not fit each other.
    """
    output = Path(arguments.output_dir)
    store = FeatureStore(arguments.dataset) if store is None else store
    knowledge = open_knowledge(arguments, store)
    groups, held_out = chosen_data(arguments, store, accelerator, knowledge)
    training = [clip for clips, _ in groups for clip in clips.clips]
    adapter = make_adapter(arguments)
    states = None if knowledge is None else knowledge.states
    width = None if states is None else states.hidden_size
    model = make_model(arguments, DubbingClips(store, training), adapter, width)
    base = None if arguments.base_pipeline == NONE else arguments.base_pipeline
    vocoder = check_fit(model, states, base)
    lips = LipFeatures(model.aligner, store, output / "lips", arguments.lip_views, arguments.seed)
    lips.prepare(model.aligner, [clip for clip in training + held_out.clips if clip.num_frames], accelerator)
    kind = DubberStage
    if arguments.distill_steps:
        kind = FewStepsStage
        model = FewStepsModel(model.aligner, model.vector_field, arguments.distill_steps)
    stage = kind(
        model,
        groups,
        held_out,
        lips,
        arguments.batch_size,
        arguments.seed,
        arguments.segment_frames,
        arguments.knowledge_drop,
        arguments.true_path_share,
        vocoder,
        adapter,
        arguments.phoneme_drop,
        None if knowledge is None or knowledge.teacher is None else knowledge.taught,
    )
    summary = train(stage, arguments, accelerator, push=False, name=name)
    if base is not None and accelerator.is_main_process:
        _publish(arguments, accelerator, summary, training, base)
    return summary


def _publish(
    arguments: DubberArguments, accelerator: Accelerator, summary: dict[str, Any], training: Sequence[Clip], base: str
) -> None:
    """Writes the pipeline folder of the trained and the given parts, and sends it where that was asked for."""
    output = Path(arguments.output_dir)
    folder = output / (BEST_FOLDER if arguments.publish == BEST_FOLDER else MODEL_FOLDER)
    trained = ("aligner", "vector_field")
    pipeline = build_pipeline({name: folder / name for name in trained}, base)
    name = (arguments.hub_model_id or output.absolute().name).split("/")[-1]
    card = model_card(name, arguments, summary, summarize_clips(training), trained, base, accelerator.num_processes)
    write_pipeline(pipeline, output / PIPELINE_FOLDER, card, arguments.pipeline_dtype)
    push_folder(output / PIPELINE_FOLDER, arguments, accelerator)
    accelerator.print(f"pipeline in {output / PIPELINE_FOLDER}")
