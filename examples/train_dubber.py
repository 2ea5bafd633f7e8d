"""Stage 2 of the dubber: aligner, mel prior and flow jointly, on top of the lips of stage 1 and the cached states of the
frozen language model. Ends by writing a pipeline folder.

    python examples/train_dubber.py --dataset data/grid data/speech --aligner runs/aligner/best/aligner --output_dir runs/dubber

The lip encoder stays as stage 1 left it, so its features are computed once, in several augmented views. Clips of sound
alone (transcribed speech without video) join with a learned vector in place of the lips: they teach other voices.

`--init_from PIPELINE` goes on from a finished pipeline, a folder or the bundled one: fine-tuning. So do `--aligner` and
`--vector_field` with the folders of an earlier run, such as one without the language model. `output_dir/pipeline` is
`--base_pipeline` with the trained aligner and vector field in it (`none`: write no pipeline).

The same command runs on a CPU, a GPU or several (`accelerate launch`); add `--resume_from_checkpoint latest` to go on after
a stop. A YAML or JSON file of options may come first.

`--lora_rank 8` trains low-rank matrices beside the vector field's weights and nothing else: a file of a few hundred kB for a voice,
`best/lora/pytorch_lora_weights.safetensors`, which `pipe.load_lora_weights("runs/dubber/best/lora")` puts into the pipeline
that it was trained from.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from typing import Any

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.training.arguments import parse_arguments, run_script
from flowdubber_hf.training.dubber_run import DubberArguments, train_dubber
from flowdubber_hf.training.loop import make_accelerator


def main(given: Sequence[str] | None = None, store: FeatureStore | None = None) -> dict[str, Any]:
    """Trains as a command line says, `sys.argv`'s where not given, on `--dataset` where no `store` is given; the run in figures."""
    arguments = parse_arguments(DubberArguments, given, description=__doc__)
    return train_dubber(arguments, make_accelerator(arguments, find_unused_parameters=True), store=store)


if __name__ == "__main__":
    run_script(main)
