"""The base of screens that look at a folder again and again: in a thread, one look at a time, while they are on top."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Generic, TypeVar

from textual import work
from textual.screen import Screen
from textual.worker import get_current_worker

from engine.errors import SlotdeckError
from tui.screens.parts.hand_over import hand_over

View = TypeVar("View")


class Looking(Screen[None], Generic[View]):
    """Subclasses say what a look gives and draw it."""

    def __init__(self) -> None:
        super().__init__()
        self._view: View | None = None
        """What was seen last; `None` before."""
        self._looking = False

    @abstractmethod
    def views(self) -> Iterable[View]:
        """What one look gives, growing: asked for on the screen's thread and gone through in another.

        Raises:
            SlotdeckError: there is nothing to look at; also while it is gone through.
        """

    @abstractmethod
    def show(self, view: View) -> None:
        """Draw it."""

    @abstractmethod
    def failed(self, error: str) -> None:
        """Say why nothing is seen."""

    def reload(self) -> None:
        """Look again, unless a look is under way or another screen lies over this one."""
        if not self._looking and (self.is_active or self._view is None):
            self._looking = True
            self._look(self.views())

    @work(thread=True, group="look")
    def _look(self, views: Iterable[View]) -> None:
        worker = get_current_worker()
        try:
            for view in views:
                if worker.is_cancelled:
                    return
                hand_over(self, self.show, view)
        except (OSError, SlotdeckError) as error:
            if not worker.is_cancelled:
                hand_over(self, self.failed, str(error))
        finally:
            self._looking = False
