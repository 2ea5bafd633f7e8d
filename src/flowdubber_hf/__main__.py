"""`python -m flowdubber_hf` is the command `flowdubber`."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import sys

from .cli import main


if __name__ == "__main__":
    sys.exit(main())
