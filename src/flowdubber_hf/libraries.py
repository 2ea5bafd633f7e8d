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
"""The libraries below, as the commands want them; `quiet()` is for your own scripts too."""

import warnings


def quiet() -> None:
    """No remarks and no loading bars of transformers and diffusers from now on, in this process: what you have to know, this package
    says."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    # Deprecation warnings are for developers, not for users.
    warnings.filterwarnings("ignore", category=FutureWarning)


quiet_libraries = quiet
