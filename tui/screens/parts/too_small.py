"""What a terminal too small for a screen shows instead of a broken one."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Static

MIN_COLUMNS, MIN_ROWS = 60, 16


class TooSmall(Static):
    """Covers the screen while the terminal is under 60 x 16; goes by itself when it grows."""

    _said: Size | None = None

    def on_mount(self) -> None:
        """Judge the size the screen starts with, then each new one."""
        self._judge()
        self.screen.screen_layout_refresh_signal.subscribe(self, lambda _: self._judge())

    def on_resize(self) -> None:
        """The terminal changed while this was showing."""
        self._judge()

    def _judge(self) -> None:
        columns, rows = size = self.app.size
        small = columns < MIN_COLUMNS or rows < MIN_ROWS
        if small and size != self._said:  # the same again would lay the screen out again, and judge again
            self._said = size
            self.update(
                Content(
                    f"This terminal is {columns} x {rows}.\n"
                    f"The cockpit needs {MIN_COLUMNS} x {MIN_ROWS}: "
                    "make the window larger, or the font smaller.\n"
                    "The run is not affected."
                )
            )
        if isinstance(self.screen, Screen):
            self.screen.set_class(small, "too-small")
