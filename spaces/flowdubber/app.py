# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""The FlowDubber Space. `python app.py` serves it on this machine; on the Hub it runs as it stands, on a CPU or on ZeroGPU."""

import os


try:
    from spaces import GPU  # before torch: on ZeroGPU it lends the graphics card to the functions it decorates
except ImportError:
    GPU = None

import torch

from dubbing import Dubber
from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.data.workers import use_available_cores
from flowdubber_hf.evaluation.takes import WORD_PACKAGES
from flowdubber_hf.extras import absent
from flowdubber_hf.libraries import quiet_libraries
from limits import TAKES, Request
from page import BUNDLED_MODEL, build_demo, launch_settings


MODEL = os.environ.get("FLOWDUBBER_MODEL") or BUNDLED_MODEL
GPU_SECONDS = 15  # for the longest clip and the usual number of steps


def gpu_seconds(request: Request, *_) -> int:
    """For how long ZeroGPU lends the card: a visitor's share is used up by what is asked for, so no more than needed."""
    return GPU_SECONDS * int(request.takes)


def build_dubber() -> Dubber:
    """Loads the model once, on the graphics card if there is one."""
    quiet_libraries()
    use_available_cores()
    pipe = FlowDubberPipeline.from_pretrained(MODEL).to("cuda" if torch.cuda.is_available() else "cpu")
    pipe.set_progress_bar_config(disable=True)
    max_takes = 1 if absent(WORD_PACKAGES) else TAKES[1]
    if GPU is None:
        return Dubber(pipe, max_takes)
    return Dubber(pipe, max_takes, on_device=GPU(duration=gpu_seconds))


dubber = build_dubber()
demo = build_demo(dubber, MODEL)

if __name__ == "__main__":
    demo.launch(**launch_settings())
