"""Figures without pyplot: no state, no window, safe in any process; what they become is the same bytes every time."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import io
from typing import TYPE_CHECKING

import numpy as np

from ..extras import require_extra


if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float, dpi: int = 100) -> "Figure":
    """An empty figure of `width` x `height` inches.

    Raises:
        ImportError: matplotlib is missing.
    """
    figures, canvases = (
        require_extra("train", f"matplotlib.{name}", what="drawing pictures")
        for name in ("figure", "backends.backend_agg")
    )
    figure = figures.Figure(figsize=(width, height), dpi=dpi, layout="constrained")
    canvases.FigureCanvasAgg(figure)
    return figure


def to_pixels(figure: "Figure") -> np.ndarray:
    """`(height, width, 3)` uint8 RGB."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def to_png(figure: "Figure") -> bytes:
    """The content of a PNG file."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()
