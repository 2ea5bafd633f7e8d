"""What several tests share: small models, files, datasets, runs and servers of their own."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0
