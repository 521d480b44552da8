"""The box of the command palette, on a terminal that changes its size under it and under quick hands."""

from __future__ import annotations

from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette
from textual.errors import NoWidget
from textual.geometry import Region
from textual.widget import Widget


class SearchScreen(CommandPalette):
    """What textual's palette does where there is room for it."""

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Go, unless it has gone already: of two quick clicks the second must not take the screen below along."""
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def get_widget_at(self, x: int, y: int) -> tuple[Widget, Region]:
        """Beside everything, where a click was on a row that has gone since."""
        try:
            return super().get_widget_at(x, y)
        except NoWidget:
            return self, self.region

    def _action_command_list(self, action: str) -> None:
        """Nothing while there is no room for a single row of the list."""
        if self.query_one(CommandList).size.area:
            super()._action_command_list(action)
