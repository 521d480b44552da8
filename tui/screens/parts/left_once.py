"""The base of screens that lie over another and go: of two clicks or keys that leave one, the second finds it gone."""

from __future__ import annotations

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import Screen

Answer = TypeVar("Answer")


class LeftOnce(Screen[Answer]):
    """Leaves by itself, and never takes the screen below along."""

    def dismiss(self, result: Answer | None = None) -> AwaitComplete:
        """Go, with the answer, unless it has gone already."""
        return super().dismiss(result) if self.is_current else AwaitComplete()
