"""The bottom row: the keys that apply now, as many as fit, help always among them."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from tui.keys import Key, Place, keys_for


class KeyBar(Widget):
    """Drawn from the key table; a screen's `labels_now` says what an action would do just now: empty, nothing."""

    def __init__(self, place: Place) -> None:
        super().__init__(id="key-bar")
        self._keys = sorted((key for key in keys_for(place) if key.bar), key=lambda key: key.bar)
        self._shown: tuple[tuple[str, str], ...] = ()

    def redraw(self) -> None:
        """Repaint only when the hints differ."""
        hints = self._hints()
        if hints != self._shown:
            self.refresh()

    def render(self) -> Content:
        """`key label` pairs."""
        self._shown = self._hints()
        pairs = [
            Content.assemble((key, "bold $accent"), (f" {label}", "$quiet")) for key, label in self._shown
        ]
        return Content("   ").join(pairs)

    def _hints(self) -> tuple[tuple[str, str], ...]:
        now: dict[str, str] = getattr(self.screen, "labels_now", {})
        applies = [
            (key.shown.split(" or ")[0], now.get(key.action, key.label))
            for key in self._keys
            if self._applies(key) and now.get(key.action, key.label)
        ]
        keep, room = [], self.size.width - 2
        last = applies[-2:]  # leave and help
        room -= sum(len(key) + len(label) + 4 for key, label in last)
        for key, label in applies[:-2]:
            room -= len(key) + len(label) + 4
            if room < 0:
                break
            keep.append((key, label))
        return (*keep, *last)

    def _applies(self, key: Key) -> bool:
        name = key.action.split("(")[0]
        return bool(self.screen.check_action(name, ()))
