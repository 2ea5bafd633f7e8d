"""The web page of the Space and of `flowdubber ui`. Its modules need the extra `space`; nothing else of the package imports them.

[`serve`] loads the models and serves, [`layout`] is what is seen, [`events`] what happens, [`api`] the endpoint for programs.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0
