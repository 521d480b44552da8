"""Whether the line to the terminal keeps up; the app's painter knows."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Host(Protocol):
    """The app."""

    @property
    def line_is_slow(self) -> bool: ...


def slow_line(app: object) -> bool:
    """Figures are then drawn once a second, as with `--thin`, until it keeps up again."""
    return isinstance(app, Host) and app.line_is_slow
