"""The slots of a run as a table."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding

from tui.keys import Place, bindings
from tui.screens.page import RunPage


class SlotsScreen(RunPage):
    """Filled from the store."""

    BINDINGS: ClassVar[list[Binding]] = bindings("slots")  # type: ignore[assignment]
    place: Place = "slots"
