"""Whether a screen can be drawn on: all that it composed is there, and still is."""

from __future__ import annotations

from textual.widget import Widget


def is_whole(widget: Widget) -> bool:
    """False before it is mounted, and once it is being taken away, when its parts go first.

    What a thread or a worker brings may come at any moment of that.
    """
    return widget.is_mounted and widget.is_attached and widget.display
