#!/usr/bin/env bash
# Trains the semantic language model in two stages and caches its knowledge for the dubber, on a CPU or a GPU:
#
#   examples/recipes/train_semantic_lm.sh features outputs/semantic
#
# `features` is a dataset of `flowdubber prepare` with speech tokens. Each stage that was
# stopped goes on with the same command. The dubber must be trained anew on the new states: they are another model's.
set -euo pipefail

features=${1:?first argument: feature folder with phones/ and tokens/}
output=${2:?second argument: folder for the two stages}
steps_phones=${PHONE_STEPS:-5000} steps_tokens=${TOKEN_STEPS:-20000} batch=${BATCH_SIZE:-16}

examples=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
precision=$(python -c 'import torch; print("bf16" if torch.cuda.is_available() else "no")')

stage() {
    local folder=$1
    shift
    [ -e "$folder/model/model.safetensors" ] && return
    [ -e "$folder/checkpoint/progress.json" ] && set -- "$@" --resume
    accelerate launch --mixed_precision "$precision" "$examples/train_semantic_lm.py" --features "$features" \
        --output_dir "$folder" --batch_size "$batch" --eval_steps 1000 --checkpoint_steps 500 "$@"
}

stage "$output/phones" --codes phones --max_train_steps "$steps_phones"
stage "$output/tokens" --init "$output/phones" --init_codes phones --learning_rate 1.5e-3 --max_train_steps "$steps_tokens"
rm -rf "$features/semantic" # states of an earlier model
python "$examples/extract_semantic_features.py" --features "$features" --model "$output/tokens/model" \
    --tokenizer "$output/tokens/tokenizer"
