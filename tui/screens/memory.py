"""What holds the training device's memory."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding

from tui.keys import Place, bindings
from tui.screens.page import RunPage


class MemoryScreen(RunPage):
    """Filled from the store."""

    BINDINGS: ClassVar[list[Binding]] = bindings("memory")  # type: ignore[assignment]
    place: Place = "memory"
