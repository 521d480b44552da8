"""What is said to a new user where nothing else stands; the app knows whether there is one."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from textual.content import Content

from tui.keys import Place


@runtime_checkable
class Host(Protocol):
    """The app."""

    def hint(self, place: Place) -> str: ...


def hint(app: object, place: Place) -> Content:
    """One quiet row; empty for most users."""
    return Content.assemble((app.hint(place) if isinstance(app, Host) else "", "$quiet"))
