#!/usr/bin/env bash
# Trains flowdubber-grid-tiny from raw clips to a pipeline folder and its figures. One command, on a CPU or a GPU:
#
#   examples/recipes/grid_tiny.sh DATA OUT
#
# DATA holds grid/ (clips with video, metadata.jsonl) and, if there, speech/ (sound alone), transcribed/ (what
# examples/transcribe_speech.py writes), kokoro/ and flite/ (what examples/make_teacher_speech.py writes; flite/ is made in OUT where that
# program is installed). OUT gets data/, one folder a stage,
# pipeline/ and figures/. Give the same command again after a stop: finished stages are passed over, a stopped one goes on.
# The time of each stage stands in OUT/times.txt and is printed at the end. Options of every stage:
# examples/recipes/tiny/*.yaml. From the environment:
#   VOCODER_STEPS, ALIGNER_STEPS, DURATION_STEPS, DUBBER_STEPS, TOKENIZER_STEPS, VOICE_STEPS, SPELLING_STEPS,
#   TOKEN_STEPS, KNOWLEDGE_STEPS  steps of a stage
#   LAUNCH     how scripts start, e.g. "accelerate launch --num_processes 4" (default: python)
#   PRECISION  auto (default), no, bf16 or fp16, of vocoder, dubber and language model; bf16 pays on CPUs with AMX
#   WORKERS    processes that load data (default 0)
#   NUM_PROC   processes of `flowdubber prepare` (default: all cores)
#   EXCLUDE    speakers that no stage trains on, e.g. "grid-s4"
#   ANSWER     speech (default) or spelling: what the language model's knowledge is of (docs/architecture.md)
#   FLITE      0 makes no speech with flite
#   EVALUATE   0 leaves the figures out
# Needs the extras `train` and `eval`, and resemblyzer for the figures (docs/benchmarks.md says how).
set -euo pipefail

{ # read whole before it runs, so that an edit of this file does not reach a running recipe
data=${1:?first argument: folder with grid/ and perhaps speech/, transcribed/, kokoro/ and flite/}
out=${2:?second argument: folder for everything that is made}
recipes=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
examples=$recipes/..
launch=${LAUNCH:-python}
common=(--dataloader_num_workers "${WORKERS:-0}" --resume_from_checkpoint latest)
# shellcheck disable=SC2206
[ -z "${EXCLUDE:-}" ] || common+=(--exclude_speakers $EXCLUDE)
mkdir -p "$out/done"

sources=()
for source in grid speech transcribed kokoro flite; do
    [ -d "$data/$source" ] && sources+=("$source")
done
[ -d "$data/grid" ] || { echo "grid_tiny.sh: there is no folder $data/grid" >&2; exit 2; }
make_flite=
if [ ! -d "$data/flite" ] && [ "${FLITE:-1}" != 0 ] && command -v flite >/dev/null; then
    make_flite=1
    sources+=(flite)
fi
datasets=("${sources[@]/#/$out/data/}")

# Runs a stage unless it is finished; notes its seconds, those of earlier, stopped attempts too.
stage() {
    local name=$1 started=$SECONDS seconds
    shift
    [ -e "$out/done/$name" ] && return
    echo "== $name"
    trap 'echo "'"$name"' $((SECONDS - '"$started"')) stopped" >>"$out/times.txt"' EXIT
    "$@"
    trap - EXIT
    seconds=$((SECONDS - started))
    echo "$name $seconds" >>"$out/times.txt"
    touch "$out/done/$name"
}

alone() {
    local name=$1
    shift
    python "$examples/$name.py" "$@"
}

# Trains a stage: name of the script, name of the recipe and of the folder, steps (empty: the recipe's), more options.
trained() {
    local name=$1 recipe=$2 steps=$3 precision=auto
    shift 3
    case $recipe in vocoder | dubber* | semantic*) precision=${PRECISION:-auto} ;; esac
    $launch "$examples/$name.py" "$recipes/tiny/$recipe.yaml" --dataset "${datasets[@]}" --output_dir "$out/$recipe" \
        --mixed_precision "$precision" "${common[@]}" ${steps:+--max_steps "$steps"} "$@"
}

prepare() {
    local source validation folder
    for source in "${sources[@]}"; do
        validation=()
        case $source in
        speech | transcribed) validation=(--val_by speaker --val_share 0.02) ;; # many voices: validate on others
        flite | kokoro) validation=(--val_share 0) ;;                           # real speech alone validates
        esac
        folder=$data/$source
        [ "$source" = flite ] && [ -n "$make_flite" ] && folder=$out/flite
        flowdubber prepare "$folder" "$out/data/$source" ${NUM_PROC:+--num_proc "$NUM_PROC"} "${validation[@]}" "$@"
    done
}

states() {
    $launch "$examples/extract_semantic_features.py" --dataset "${datasets[@]}" --model "$language_model" \
        --cache "$out/states" "$@"
}

assemble() {
    flowdubber assemble "$out/pipeline" --style-encoder "$bundled/style_encoder" --vocoder "$out/vocoder/best" \
        --speech-tokenizer "$out/speech_tokenizer_voice/best" --semantic-model "$language_model" \
        --tokenizer "$language_model" --aligner "$out/dubber_knowledge/best/aligner" \
        --vector-field "$out/dubber_knowledge/best/vector_field" --overwrite
}

answer=${ANSWER:-speech}
case $answer in
speech) language_model=$out/semantic/best ;;
spelling) language_model=$out/semantic_spelling/best ;;
*) echo "grid_tiny.sh: ANSWER is speech or spelling, not $answer" >&2; exit 2 ;;
esac
bundled=$(python -c 'import flowdubber_hf, pathlib; print(pathlib.Path(flowdubber_hf.__file__).parent / "pretrained/flowdubber-grid-tiny")')

if [ -n "$make_flite" ]; then
    stage flite alone make_teacher_speech --teacher flite --output "$out/flite"
fi
stage prepare prepare --speech_tokenizer none
stage vocoder trained train_vocoder vocoder "${VOCODER_STEPS:-}"
stage aligner trained train_aligner aligner "${ALIGNER_STEPS:-}"
stage durations trained train_durations durations "${DURATION_STEPS:-}" --aligner "$out/aligner/best/aligner"
stage dubber trained train_dubber dubber "${DUBBER_STEPS:-}" --aligner "$out/durations/best/aligner" --base_pipeline none
stage speech_tokenizer trained train_speech_tokenizer speech_tokenizer "${TOKENIZER_STEPS:-}"
stage speech_tokenizer_voice trained train_speech_tokenizer speech_tokenizer_voice "${VOICE_STEPS:-}" \
    --init_from "$out/speech_tokenizer/best"
stage tokens prepare --speech_tokenizer "$out/speech_tokenizer_voice/best"
stage semantic_spelling trained train_semantic_lm semantic_spelling "${SPELLING_STEPS:-}"
sampling=() channel=()
if [ "$answer" = speech ]; then
    stage semantic trained train_semantic_lm semantic "${TOKEN_STEPS:-}" --init_from "$out/semantic_spelling/best"
else
    sampling=(--samples 1) channel=(--semantic_channel path --phoneme_drop 0.3)
fi
stage states states "${sampling[@]}"
stage dubber_knowledge trained train_dubber dubber_knowledge "${KNOWLEDGE_STEPS:-}" --semantic_features "$out/states" \
    --aligner "$out/dubber/best/aligner" --vector_field "$out/dubber/best/vector_field" --base_pipeline none "${channel[@]}"
stage pipeline assemble
if [ "${EVALUATE:-1}" != 0 ]; then
    stage figures flowdubber evaluate --data "$data/grid" --split dev --model "$out/pipeline" --output "$out/figures" \
        ${NUM_PROC:+--num-proc "$NUM_PROC"}
fi

awk '{ sum[$1] += $2; if (!($1 in seen)) { seen[$1] = 1; order[++count] = $1 } }
    END { for (i = 1; i <= count; i++) { printf "%-24s %8.1f min\n", order[i], sum[order[i]] / 60; all += sum[order[i]] }
          printf "%-24s %8.1f min\n", "all", all / 60 }' "$out/times.txt"
echo "pipeline: $out/pipeline"
exit
}
