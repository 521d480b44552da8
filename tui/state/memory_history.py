"""What held the device's memory, split by split, on the way to where the run is.

Of a stretch that is drawn as one, the split that held most: a peak is never thinned away.
"""

from __future__ import annotations

from engine.protocol.events import MemorySplit, RunStarted, WentBack
from tui.state.curves.thinned import Thinned

OWN = ("weights", "gradients", "optimizer", "activations", "cache")
"""Parts that the run itself holds, in the order they are stacked."""


def own_bytes(split: MemorySplit) -> int:
    """What the run holds."""
    return split.weights + split.gradients + split.optimizer + split.activations + split.cache


class MemoryHistory(Thinned[MemorySplit]):
    """Fed by the store."""

    def __init__(self) -> None:
        super().__init__(weight=own_bytes)
        self.peak: MemorySplit | None = None
        """The one that held the most of all."""

    def append(self, entry: MemorySplit) -> None:
        """One more split."""
        super().append(entry)
        if self.peak is None or own_bytes(entry) >= own_bytes(self.peak):
            self.peak = entry

    def heard(self, event: object) -> None:
        """An event of the run; most of them say nothing here."""
        match event:
            case MemorySplit():
                self.append(event)
            case RunStarted(step=step) | WentBack(step=step):
                self.went_to(step)
            case _:
                pass

    def went_to(self, step: int) -> None:
        """The run goes on from this step: what came after it is left behind."""
        self.keep(lambda split: split.step <= step)
        self.peak = max(self, key=own_bytes, default=None)
