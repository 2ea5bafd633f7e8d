"""Progress of a film for people: a bar a stage, with the time that is left."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from types import TracebackType

from tqdm.auto import tqdm


_NAMES = {
    "shots": "cuts",
    "faces": "faces",
    "speakers": "speakers",
    "dub": "takes",
    "sound": "the film's sound",
    "separate": "separating",
    "mix": "mixing",
    "film": "writing",
    "clips": "clips",
}


class Bars:
    """Called with a stage and the share of it that is done.

    Args:
        disable: show nothing.
    """

    def __init__(self, disable: bool = False):
        self._disable = disable
        self._stage: str | None = None
        self._bar: tqdm | None = None

    def __call__(self, stage: str, share: float) -> None:
        if stage != self._stage:
            self.close()
            form = "{l_bar}{bar}| {elapsed}<{remaining}"
            self._bar = tqdm(total=1.0, desc=_NAMES.get(stage, stage), disable=self._disable, bar_format=form)
            self._stage = stage
        self._bar.update(max(0.0, min(1.0, share) - self._bar.n))

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar, self._stage = None, None

    def __enter__(self) -> "Bars":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
