"""The form under one's hands: a value typed in place, another of the choices, the value that the profile has.

The base of the form's screen, which draws it and starts the run.
"""

from __future__ import annotations

from textual import events, on
from textual.screen import Screen
from textual.widgets import Input

from engine.profile.fields import Field, fields
from engine.text import one_line
from tui.screens.launch.rows import VALUE_AT, VALUE_CELLS, Line, lines
from tui.state.launch.form import Form
from tui.widgets.pick_list import PickList

_NUMBERS = "0123456789.-"


class Editing(Screen[None]):
    """Fields, one of them highlighted; a field lies over its value while it is typed."""

    def __init__(self) -> None:
        super().__init__()
        self.form: Form | None = None
        self.fields = PickList(id="fields")
        self.lines: list[Line] = lines(list(fields()), filtered=False)
        self._undo = ""

    def changed(self) -> None:
        """A value is another; called whenever it is."""
        raise NotImplementedError

    @property
    def row(self) -> Field | None:
        """The highlighted field."""
        at = self.fields.cursor
        row = self.lines[at] if 0 <= at < len(self.lines) else None
        return row if isinstance(row, Field) else None

    @property
    def edit(self) -> Input:
        """What a value is typed into."""
        return self.query_one("#edit", Input)

    @property
    def is_typing(self) -> bool:
        """Whether it is open."""
        return self.edit.has_class("open")

    def action_edit(self) -> None:
        """Type a value in place, or take the next choice."""
        self._edit("")

    def _edit(self, typed: str) -> None:
        row, form = self.row, self.form
        if row is None or form is None:
            return
        if row.choices:
            self.action_turn(1)
            return
        line, rows = self.edit, self.fields
        self._undo = form.text(row.key)
        room = max(VALUE_CELLS, rows.size.width - VALUE_AT - 1)
        line.styles.width = VALUE_CELLS if _is_number(row) else room
        line.styles.offset = (VALUE_AT, rows.cursor - rows.in_sight.start)
        line.value = typed or self._undo
        line.cursor_position = len(line.value)
        line.add_class("open")
        line.display = True
        self.set_focus(line)  # at once: the next key may be typed already

    def action_turn(self, way: int) -> None:
        """Another of the choices."""
        row = self.row
        if row is not None and self.form is not None and row.choices:
            self.form.turn(row, way)
            self.changed()

    def action_reset(self) -> None:
        """As the profile has it."""
        if (row := self.row) is not None and self.form is not None:
            self.form.reset(row.key)
            self.changed()

    def on_key(self, event: events.Key) -> None:
        """A digit begins a number."""
        row, typed = self.row, event.character or ""
        if self.is_typing and event.is_printable:  # typed before the field had the keys
            event.stop()
            self.edit.insert_text_at_cursor(typed)
        elif self.edit.has_focus and event.key == "escape":
            event.stop()
            self.close_edit(keep=False)
        elif typed and typed in _NUMBERS and self.fields.has_focus and row is not None and _is_number(row):
            event.stop()
            self._edit(typed)

    @on(Input.Changed, "#edit")
    def _typed(self, event: Input.Changed) -> None:
        row = self.row
        if (safe := one_line(event.value, 4096)) != event.value:
            event.input.value = safe
        elif row is not None and self.form is not None and self.is_typing:
            self.form.put(row.key, safe)
            self.changed()

    @on(Input.Submitted, "#edit")
    def _entered(self) -> None:
        self.close_edit(keep=True)

    @on(PickList.Picked)
    def _picked(self) -> None:
        if self.is_typing:
            self.close_edit(keep=True)
        else:
            self.action_edit()

    def close_edit(self, keep: bool) -> None:
        """Away with the field; its value holds, or the one before."""
        line, row = self.edit, self.row
        line.remove_class("open")
        line.display = False
        if row is not None and self.form is not None:
            self.form.put(row.key, line.value if keep else self._undo)
        self.set_focus(self.fields)
        self.changed()


def _is_number(row: Field) -> bool:
    return row.kind in ("number", "whole number")
