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
"""The FlowDubber Space: the page of the package. `python app.py` serves it on this machine, as `flowdubber ui` does; on the Hub it runs
as it stands, on a CPU or on ZeroGPU."""

import os


try:
    from spaces import GPU  # before torch: on ZeroGPU it lends the graphics card to the functions it decorates
except ImportError:
    GPU = None

from flowdubber_hf.page.layout import BUNDLED_MODEL
from flowdubber_hf.page.limits import MAX_CLIP_SECONDS, check_max_seconds
from flowdubber_hf.page.serve import build_demo, build_dubber, launch_settings


MODEL = os.environ.get("FLOWDUBBER_MODEL") or BUNDLED_MODEL
MAX_SECONDS = check_max_seconds(os.environ.get("FLOWDUBBER_MAX_SECONDS") or MAX_CLIP_SECONDS, "FLOWDUBBER_MAX_SECONDS")

dubber = build_dubber(MODEL, MAX_SECONDS, lend=GPU)
demo = build_demo(dubber, MODEL, lend=GPU)

if __name__ == "__main__":
    demo.launch(**launch_settings())
