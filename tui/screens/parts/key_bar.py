"""The bottom row: the keys that apply now, as many as fit, help always among them; a click does what the key does."""

from __future__ import annotations

from tui.keys import Key, Place, keys_for
from tui.screens.parts.link_row import Link, LinkRow

GAP = 3
"""Cells from one key to the next."""


class KeyBar(LinkRow):
    """Drawn from the key table; a screen's `labels_now` says what an action would do just now: empty, nothing."""

    def __init__(self, place: Place) -> None:
        super().__init__(id="key-bar")
        self._place: Place = place

    def on_mount(self) -> None:
        """The keys are there with the first frame."""
        self.redraw()

    def on_resize(self) -> None:
        """As many as fit now."""
        self.redraw()

    def redraw(self) -> None:
        """Repaint only when they differ."""
        self.show(self._links_now())

    def _links_now(self) -> list[Link]:
        now: dict[str, str] = getattr(self.screen, "labels_now", {})
        applies = [
            (key, label)
            for key in sorted((key for key in keys_for(self._place) if key.bar), key=lambda key: key.bar)
            if self._applies(key) and (label := now.get(key.action, key.label))
        ]
        keep, last = [], applies[-2:]  # leave and help
        room = self.size.width - 2 + GAP - sum(_width(key, label) for key, label in last)
        for key, label in applies[:-2]:
            room -= _width(key, label)
            if room < 0:
                break
            keep.append((key, label))
        shown = (*keep, *last)
        return [_link(key, label, GAP if at < len(shown) else 0) for at, (key, label) in enumerate(shown, 1)]

    def _applies(self, key: Key) -> bool:
        name = key.action.split("(")[0]
        return bool(self.screen.check_action(name, ()))


def _link(key: Key, label: str, gap: int) -> Link:
    parts = ((key.first, "bold $accent"), (f" {label}", "$quiet"), (" " * gap, ""))
    return Link(parts, key.action)


def _width(key: Key, label: str) -> int:
    return len(key.first) + 1 + len(label) + GAP
