#!/usr/bin/env bash
# Trains the bundled flowdubber-grid-tiny further and prints its figures. One command, on a CPU or a GPU:
#
#   examples/recipes/continue_from_bundled.sh ../shared/data outputs/continued
#
# The language model, the speech tokenizer and the style encoder stay frozen; lips, dubber and vocoder go on. Give the same
# command again after a stop. LIP_STEPS, DUBBER_STEPS and VOCODER_STEPS say how long; 0 leaves a part as it is. Needs the
# extras `train` and `eval`, and resemblyzer (docs/benchmarks.md says how).
set -euo pipefail

data=${1:?first argument: folder with grid/ and speech/}
output=${2:?second argument: folder for features, runs and the new model}
steps_lips=${LIP_STEPS:-4000} steps_dubber=${DUBBER_STEPS:-20000} steps_vocoder=${VOCODER_STEPS:-20000}

examples=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
model=$(python -c 'import flowdubber_hf, pathlib; print(pathlib.Path(flowdubber_hf.__file__).parent / "pretrained/flowdubber-grid-tiny")')
precision=$(python -c 'import torch; print("bf16" if torch.cuda.is_available() else "no")')
features=$output/features
mkdir -p "$output"

python "$examples/prepare_features.py" --data "$data" --output "$features"
python "$examples/extract_style.py" --features "$features" --style_encoder "$model/style_encoder"
# The tokens and states of the language model are cached once: it stays frozen.
python - "$model/speech_tokenizer" "$features" <<'PYTHON'
import sys

import torch

from flowdubber_hf import FlowDubberSpeechTokenizer
from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.training.speech_tokenizer_tokens import extract_tokens

store = FeatureStore(sys.argv[2])
device = "cuda" if torch.cuda.is_available() else "cpu"
tokenizer = FlowDubberSpeechTokenizer.from_pretrained(sys.argv[1], dtype=torch.float32).to(device)
extract_tokens(tokenizer, store, store.clips())
PYTHON
python "$examples/extract_semantic_features.py" --features "$features" --model "$model/semantic_model" --tokenizer "$model/tokenizer"

aligner=$model/aligner
if [ "$steps_lips" -gt 0 ]; then
    python "$examples/train_aligner.py" --features "$features" --init_from "$model/aligner" \
        --output_dir "$output/lips" --max_steps "$steps_lips" --learning_rate 3e-4 --mixed_precision "$precision"
    aligner=$output/lips/aligner
fi
vector_field=$model/vector_field
if [ "$steps_dubber" -gt 0 ]; then
    python "$examples/train_dubber.py" --features "$features" --aligner "$aligner" --vector_field "$model/vector_field" \
        --output_dir "$output/dubber" --max_steps "$steps_dubber" --learning_rate 3e-4 --mixed_precision "$precision"
    aligner=$output/dubber/aligner vector_field=$output/dubber/vector_field
fi
vocoder=$model/vocoder
if [ "$steps_vocoder" -gt 0 ]; then
    python "$examples/train_vocoder.py" --features "$features" --init_from "$model/vocoder" \
        --output_dir "$output/vocoder" --max_train_steps "$steps_vocoder" --learning_rate 3e-4 --mixed_precision "$precision"
    vocoder=$output/vocoder/best
fi

python "$examples/assemble_pipeline.py" --style_encoder "$model/style_encoder" --speech_tokenizer "$model/speech_tokenizer" \
    --semantic_model "$model/semantic_model" --tokenizer "$model/tokenizer" --aligner "$aligner" \
    --vector_field "$vector_field" --vocoder "$vocoder" --output "$output/model" --overwrite
python "$examples/evaluate_figures.py" --data "$data" --model "$output/model" --output "$output/eval"
