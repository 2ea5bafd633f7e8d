"""The FlowDubber Space: the page of the package. `python app.py` serves it on this machine, as `flowdubber ui` does; on the Hub it runs
as it stands, on a CPU or on ZeroGPU."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

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
