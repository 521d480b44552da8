"""What the operator has chosen to see: kept by a screen, changed by its keys, read by its panels."""

from __future__ import annotations

from dataclasses import dataclass, field

from tui.state.selection import SlotSelection
from tui.state.step_window import StepWindow


@dataclass(slots=True)
class Choices:
    """Of one cockpit or replay."""

    slot: SlotSelection = field(default_factory=SlotSelection)
    window: StepWindow = field(default_factory=StepWindow)
    log_scale: bool = False
    """A logarithmic loss axis."""
    read_to: int = 0
    """Alarms up to this sequence number have been seen and put away."""
