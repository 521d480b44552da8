"""What a terminal should show and what it does show; asked for it, the drawing that makes the two the same.

The painter owns one. Pure: no terminal, no threads, and the time is told.
"""

from __future__ import annotations

from tui.terminal.canvas import Canvas
from tui.terminal.difference import Pen, draw_changes

HEAL_S = 1.0
"""With each drawing, but not more often than this, one row is sent whole, whatever the terminal is thought to show:
what another program printed over the screen goes away by itself."""


class Picture:
    """Two canvases of one size, and the pen that draws on the terminal."""

    def __init__(self, width: int = 0, height: int = 0) -> None:
        self._wanted, self._shown = Canvas(width, height), Canvas(width, height)
        self._pen = Pen()
        self._passing = ""
        self._healed_s, self._healed = 0.0, 0
        self.changed = False
        """Something was drawn since the changes were asked for."""

    @property
    def in_haste(self) -> bool:
        """What draws nothing waits to be sent: a mode, a title, the clipboard."""
        return bool(self._passing)

    def draw(self, data: str) -> None:
        """Text and sequences as they would go to the terminal."""
        self._passing += self._wanted.take(data)
        self.changed = True
        if self._wanted.lost:
            self._wanted.lost = False
            self.forget()

    def resize(self, width: int, height: int) -> None:
        """The terminal may have another size: then what was to be drawn there does not count either."""
        if (width, height) != (self._wanted.width, self._wanted.height):
            self._wanted, self._shown = Canvas(width, height), Canvas(width, height)
        self.forget()

    def forget(self) -> None:
        """Nothing is known of what the terminal shows: the next changes are everything."""
        for row in self._shown.rows:
            row.forget()
        self._pen.look = None
        self._wanted.touched.update(range(self._wanted.height))
        self.changed = True

    def changes(self, now_s: float | None = None) -> tuple[str, str]:
        """What passes as it came, and what draws the cells that differ, which from then on count as shown.

        `now_s`: seconds of any clock, to heal a row now and then; None: not.
        """
        wanted, pen = self._wanted, self._pen
        pen.lift()
        if wanted.touched and now_s is not None and now_s - self._healed_s >= HEAL_S:
            self._heal(now_s)
        for y in sorted(wanted.touched):
            draw_changes(pen, y, wanted.rows[y], self._shown.rows[y])
        wanted.touched.clear()
        if pen.at is not None and wanted.x < wanted.width and wanted.y < wanted.height:
            pen.move(wanted.x, wanted.y)  # where an input method opens its window
        passing, self._passing, self.changed = self._passing, "", False
        return passing, pen.taken()

    def _heal(self, now_s: float) -> None:
        self._healed_s, self._healed = now_s, (self._healed + 1) % self._wanted.height
        self._shown.rows[self._healed].forget()
        self._wanted.touched.add(self._healed)
        self._pen.look = None
