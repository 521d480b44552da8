"""Launch: a profile as a form, judged as it is changed, with what it comes to and the command line that does the same.

Posts `ProfileChosen` with the changed keys; the app starts the run and opens its cockpit, or says why not through
`on_start_refused`. Nothing is written: the profile's file stays as it is.
"""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from engine.errors import SlotdeckError
from engine.profile.fields import Field, fields
from engine.text import one_line
from tui.keys import Place, bindings
from tui.messages import ProfileChosen, RunLeft, StartRefused
from tui.screens.dialogs.help import HelpScreen
from tui.screens.launch.rows import (
    VALUE_AT,
    VALUE_CELLS,
    Line,
    command_rows,
    few_figures,
    field_row,
    figure_row,
    help_rows,
    lines,
    title_row,
)
from tui.screens.launch.start_button import StartButton
from tui.screens.launch.words import status, title
from tui.screens.parts.ask_line import AskLine
from tui.screens.parts.key_bar import KeyBar
from tui.screens.parts.text_rows import TextRows
from tui.screens.parts.too_small import TooSmall
from tui.screens.parts.whole import is_whole
from tui.state.launch.form import Form, matching
from tui.state.launch.prospect import prospect
from tui.widgets.pick_list import PickList

WIDE = 110
"""Columns from which the figures have a panel of their own."""
PANEL_CELLS = 52
_NUMBERS = "0123456789.-"


class LaunchScreen(Screen[None]):
    """The form on the left or on top, the figures beside or below it, the command line at the bottom."""

    DEFAULT_CSS = """
    LaunchScreen { overflow: hidden hidden; }
    #launch-title { height: 1; margin: 0 1; }
    #launch-status { height: 1; margin: 0 1; }
    LaunchScreen.asking #launch-status { display: none; }
    #launch-ask { margin: 0 1; }
    #launch-body { height: 1fr; }
    #form { width: 1fr; height: 100%; layers: base over; }
    #fields { layer: base; }
    #edit { display: none; layer: over; position: absolute; height: 1; background: $surface; color: $accent; }
    #edit.open { display: block; }
    #panel { width: 54; height: 100%; padding: 0 1; border-left: solid $panel; display: none; }
    LaunchScreen.roomy #panel { display: block; }
    #figures { height: 1fr; }
    #few { height: 2; margin: 0 2; }
    LaunchScreen.roomy #few { display: none; }
    #field-help { height: 4; padding: 0 1; border-top: solid $panel; }
    #launch-command { height: 2; margin: 0 1; }
    #launch-foot { height: 1; margin: 0 1; }
    #launch-empty { display: none; height: 1fr; padding: 0 2; content-align: center middle; color: $error; }
    LaunchScreen.unreadable > TextRows, LaunchScreen.unreadable > Horizontal { display: none; }
    LaunchScreen.unreadable #launch-title, LaunchScreen.unreadable #launch-empty { display: block; }
    StartButton { width: auto; height: 1; color: $success; text-style: bold; }
    StartButton:focus { background: $panel; }
    StartButton.off { color: $quiet; }
    """
    BINDINGS: ClassVar[list[Binding]] = bindings("launch")  # type: ignore[assignment]
    AUTO_FOCUS = ""
    place: Place = "launch"

    def __init__(self, name: str, read_only: bool = False) -> None:
        """`name`: of a profile on the shelf, or a file."""
        super().__init__()
        self.read_only = read_only
        self._profile = name
        self.form: Form | None = None
        self._lines: list[Line] = []
        self._words = ""
        self._starting = False
        self._refused = ""
        self._undo = ""
        self._fields = PickList(id="fields")

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield TextRows(id="launch-title")
        yield TextRows(id="launch-status")
        yield AskLine(id="launch-ask")
        yield Static(id="launch-empty")
        with Horizontal(id="launch-body"):
            with Container(id="form"):
                yield self._fields
                yield Input(id="edit", compact=True, select_on_focus=False)
            with Vertical(id="panel"):
                yield TextRows(id="figures")
        yield TextRows(id="few")
        yield TextRows(id="field-help")
        yield TextRows(id="launch-command")
        with Horizontal(id="launch-foot"):
            yield StartButton(Content("▶ Start this run"), id="launch-start")
        yield KeyBar("launch")
        yield TooSmall()

    def on_mount(self) -> None:
        """Read the profile."""
        try:
            self.form = Form.of(self._profile)
        except (OSError, SlotdeckError) as error:
            self._refused = str(error)
            self.query_one("#launch-empty", Static).update(Content(f"✗ {one_line(self._refused, 1024)}"))
            self.add_class("unreadable")
        self._lines = lines(list(fields()), filtered=False)
        self.call_after_refresh(self._draw)
        self.call_after_refresh(self._fields.focus)

    def on_resize(self) -> None:
        """Panels come and go with the room."""
        self.set_class(self.size.width >= WIDE, "roomy")
        self.call_after_refresh(self._draw)

    # -- changing ----------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Without a profile there is nothing to change."""
        if action == "start":
            return self.form is not None and not self.read_only and not self._starting
        if action in ("edit", "turn", "reset"):
            row = self._row()
            if row is None or self.form is None:
                return False
            return row.key in self.form.sets if action == "reset" else True
        return self.form is not None or action in ("leave", "help")

    def action_edit(self) -> None:
        """Type a value in place, or take the next choice."""
        self._edit("")

    def _edit(self, typed: str) -> None:
        row, form = self._row(), self.form
        if row is None or form is None:
            return
        if row.choices:
            self.action_turn(1)
            return
        shown, line = self._fields, self.query_one("#edit", Input)
        self._undo = form.text(row.key)
        room = max(VALUE_CELLS, shown.size.width - VALUE_AT - 1)
        line.styles.width = VALUE_CELLS if row.kind in ("number", "whole number") else room
        line.styles.offset = (VALUE_AT, shown.cursor - shown.in_sight.start)
        line.value = typed or self._undo
        line.cursor_position = len(line.value)
        line.add_class("open")
        line.display = True
        self.set_focus(line)  # at once: the next key may be typed already

    def action_turn(self, way: int) -> None:
        """Another of the choices."""
        row = self._row()
        if row is not None and self.form is not None and row.choices:
            self.form.turn(row, way)
            self._changed()

    def action_reset(self) -> None:
        """As the profile has it."""
        if (row := self._row()) is not None and self.form is not None:
            self.form.reset(row.key)
            self._changed()

    def on_key(self, event: events.Key) -> None:
        """A digit begins a number."""
        row = self._row()
        typed = event.character or ""
        line = self.query_one("#edit", Input)
        if line.has_class("open") and event.is_printable:  # typed before the field had the keys
            event.stop()
            line.insert_text_at_cursor(typed)
            return
        if typed in _NUMBERS and typed and row is not None and row.kind in ("number", "whole number"):
            if self._fields.has_focus:
                event.stop()
                self._edit(typed)
        elif event.key == "escape" and self.query_one("#edit").has_focus:
            event.stop()
            self._close_edit(keep=False)

    @on(Input.Changed, "#edit")
    def _typed(self, event: Input.Changed) -> None:
        row = self._row()
        if (safe := one_line(event.value, 4096)) != event.value:
            event.input.value = safe
        elif row is not None and self.form is not None and event.input.has_class("open"):
            self.form.put(row.key, safe)
            self._changed()

    @on(Input.Submitted, "#edit")
    def _entered(self) -> None:
        self._close_edit(keep=True)

    def _close_edit(self, keep: bool) -> None:
        line, row = self.query_one("#edit", Input), self._row()
        line.remove_class("open")
        line.display = False
        if row is not None and self.form is not None:
            self.form.put(row.key, line.value if keep else self._undo)
        self.set_focus(self._fields)
        self._changed()

    def _changed(self) -> None:
        self._refused = ""
        self._draw()

    # -- finding -----------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Only keys that match."""
        self.add_class("asking")
        self.query_one(AskLine).ask(
            "filter", "find", self._words, "a key, or a word of its help, such as: lr  batch  memory"
        )

    @on(AskLine.Typed)
    def _filtered(self, message: AskLine.Typed) -> None:
        self._words = message.text
        self._lines = lines(matching(self._words) if self._words else list(fields()), bool(self._words))
        self._draw(cursor=0)
        if isinstance(message, AskLine.Answered):
            self._back()

    @on(AskLine.Left)
    def _unfiltered(self) -> None:
        self._show_all()
        self._back()

    def _show_all(self) -> None:
        row = self._row()
        self._words = ""
        self._lines = lines(list(fields()), filtered=False)
        self._draw(cursor=self._lines.index(row) if row is not None else 0)

    def show_key(self, key: str) -> None:
        """Bring a key into sight, whatever is filtered."""
        self._show_all()
        at = next((i for i, row in enumerate(self._lines) if isinstance(row, Field) and row.key == key), 0)
        self._fields.go_to(at)

    def _back(self) -> None:
        self.remove_class("asking")
        self.set_focus(self._fields)

    # -- starting ----------------------------------------------------------------------------------------

    def action_start(self) -> None:
        """Start it, when nothing is wrong."""
        form = self.form
        if form is None or self._starting or self.read_only:
            return
        if self.query_one("#edit").has_class("open"):
            self._close_edit(keep=True)
        if form.wrong:
            key = next(iter(form.wrong))
            self.show_key(key)
            wrong = form.wrong[key]
            self._refused = wrong if not key or wrong.startswith(key) else f"{key}: {wrong}"
            self._draw()
            return
        self._starting, self._refused = True, ""
        self._draw()
        self.post_message(ProfileChosen(self._profile, form.words))

    def on_start_refused(self, message: StartRefused) -> None:
        """It did not come to a run."""
        self._starting, self._refused = False, message.error
        self._draw()

    def action_copy(self) -> None:
        """The command line into the clipboard."""
        if self.form is not None:
            self.app.copy_to_clipboard(self.form.command)
            self.notify("command line copied")

    def action_switch(self) -> None:
        """Form and button."""
        shown = self._fields
        (self.query_one(StartButton) if shown.has_focus else shown).focus()

    def action_help(self) -> None:
        """The keys."""
        self.app.push_screen(HelpScreen("launch"))

    def action_leave(self) -> None:
        """Back; what was changed is gone."""
        if self._words:
            self._show_all()
        else:
            self.post_message(RunLeft(""))

    # -- drawing -----------------------------------------------------------------------------------------

    @on(PickList.Picked)
    def _picked(self) -> None:
        if self.query_one("#edit").has_class("open"):
            self._close_edit(keep=True)
        else:
            self.action_edit()

    @on(PickList.Highlighted)
    def _highlighted(self) -> None:
        self._draw_help()
        self.query_one(KeyBar).redraw()

    def _row(self) -> Field | None:
        at = self._fields.cursor
        row = self._lines[at] if 0 <= at < len(self._lines) else None
        return row if isinstance(row, Field) else None

    def _draw(self, cursor: int | None = None) -> None:
        if not is_whole(self):
            return
        form, width = self.form, self.size.width
        self.query_one("#launch-title", TextRows).show(
            [title(form, self._profile, width - 2, self.read_only)]
        )
        found = sum(isinstance(line, Field) for line in self._lines)
        said = status(form, self._refused, self._starting, self._words, found)
        self.query_one("#launch-status", TextRows).show([said])
        if form is None:
            return
        shown, listed = self._fields, self._lines
        room = shown.size.width - 2
        titles = frozenset(i for i, line in enumerate(listed) if isinstance(line, str))

        def draw(at: int) -> Content:
            line = listed[at]
            return title_row(line) if isinstance(line, str) else field_row(line, form, room)

        shown.show(len(listed), draw, cursor, titles)
        figures = prospect(form)
        self.query_one("#figures", TextRows).show([figure_row(figure, PANEL_CELLS) for figure in figures])
        self.query_one("#few", TextRows).show(few_figures(figures, width - 4))
        self.query_one("#launch-command", TextRows).show(command_rows(form.command, width - 2, 2))
        self.query_one(StartButton).set_class(bool(form.wrong) or self._starting or self.read_only, "off")
        self._draw_help()
        self.query_one(KeyBar).redraw()

    def _draw_help(self) -> None:
        if self.form is not None:
            self.query_one("#field-help", TextRows).show(
                help_rows(self._row(), self.form, self.size.width - 4)
            )
