"""The libraries below, as the commands want them; `quiet()` is for your own scripts too."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

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
