#!/usr/bin/env bash
# Fine-tunes the bundled checkpoint, or another pipeline, on your own clips. One command, on a CPU or a GPU:
#
#   examples/recipes/finetune.sh CLIPS OUT [more options of train_dubber.py]
#
# CLIPS is any folder that `flowdubber prepare` takes: a metadata.jsonl or .csv with file_name and text beside the clips, or
# a corpus. Fifty clips are enough for a voice. OUT gets data/, states/ (of the frozen language model), dubber/ and, as
# dubber/pipeline, the finished model. Give the same command again after a stop. From the environment:
#   MODEL      pipeline to start from: a bundled name, a folder or a Hub id (default: flowdubber-grid-tiny)
#   STEPS      steps (default 300); LEARNING_RATE (default 2e-4); BATCH_SIZE (default 16)
#   LAUNCH     how scripts start, e.g. "accelerate launch --num_processes 4" (default: python)
#   PREPARE    more options of `flowdubber prepare`, e.g. "--corpus grid --num_proc 2"; a tenth of the clips validates
# Options behind OUT win: --speakers and --exclude_speakers choose whom to train on, --push_to_hub --hub_model_id user/name
# publish. Needs the extra `train`.
set -euo pipefail

{ # read whole before it runs, so that an edit of this file does not reach a running recipe
clips=${1:?first argument: folder with clips and metadata}
out=${2:?second argument: folder for everything that is made}
shift 2
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
launch=${LAUNCH:-python}
model=$(python - "${MODEL:-flowdubber-grid-tiny}" <<'PYTHON'
import sys

from flowdubber_hf import FlowDubberPipeline

try:
    print(FlowDubberPipeline.download(sys.argv[1]))
except ValueError as error:
    sys.exit(f"finetune.sh: MODEL: {error}")
PYTHON
)

# The tokenizer and the voices are the model's own, so that what is learned fits it; a model may have no language model.
tokenizer=none states=()
if [ -d "$model/semantic_model" ]; then
    tokenizer=$model/speech_tokenizer states=(--semantic_features "$out/states")
fi
# shellcheck disable=SC2086
flowdubber prepare "$clips" "$out/data" --val_share 0.1 --speech_tokenizer "$tokenizer" \
    --style_encoder "$model/style_encoder" ${PREPARE:-}
if [ -d "$model/semantic_model" ]; then
    $launch "$examples/extract_semantic_features.py" --dataset "$out/data" --model "$model" --cache "$out/states"
fi
$launch "$examples/train_dubber.py" --dataset "$out/data" ${states[@]+"${states[@]}"} --output_dir "$out/dubber" \
    --init_from "$model" --base_pipeline "$model" --resume_from_checkpoint latest --max_steps "${STEPS:-300}" \
    --batch_size "${BATCH_SIZE:-16}" --learning_rate "${LEARNING_RATE:-2e-4}" --warmup_steps 20 --save_steps 50 \
    --validation_steps 50 --logging_steps 10 "$@"
echo "pipeline: $out/dubber/pipeline"
exit
}
