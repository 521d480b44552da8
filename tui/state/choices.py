"""What the operator has chosen to see: kept by a screen, changed by its keys, read by its panels."""

from __future__ import annotations

from dataclasses import dataclass, field

from tui.state.curves.step_window import StepWindow
from tui.state.selection import SlotSelection


@dataclass(slots=True)
class Choices:
    """Of one cockpit or replay."""

    slot: SlotSelection = field(default_factory=SlotSelection)
    window: StepWindow = field(default_factory=StepWindow)
    quantity: str = "loss"
    """What the large chart shows: a name in `tui.state.curves.quantities`."""
    log_scale: bool = False
    """A logarithmic y axis for it."""
    smoothing: float = 0.0
    """Weight of the past in the mean drawn over each noisy curve; 0: none."""
    crosshair: int | None = None
    """The step that every chart points at."""
    hovered: int | None = None
    """The slot under the mouse."""
    sorted_by: str = "slot"
    """The column of the table of slots that its rows are sorted by."""
    turned: bool = False
    """The rows the other way round."""
    read_to: int = 0
    """Alarms up to this sequence number have been seen and put away."""
