"""Launch: a profile as a form, judged as it is changed, with what it comes to and the command line that does the same.

Posts `ProfileChosen` with the changed keys; the app starts the run and opens its cockpit, or says why not through
`on_start_refused`. Nothing is written: the profile's file stays as it is.
"""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from engine.errors import SlotdeckError
from engine.profile.fields import Field
from engine.text import one_line
from tui.keys import Place, bindings
from tui.messages import ProfileChosen, RunLeft, StartRefused
from tui.screens.dialogs.help import HelpScreen
from tui.screens.launch.finding import Finding
from tui.screens.launch.rows import (
    command_rows,
    few_figures,
    field_row,
    figure_row,
    help_rows,
    title_row,
)
from tui.screens.launch.start_button import StartButton
from tui.screens.launch.words import status, title
from tui.screens.parts.ask_line import AskLine
from tui.screens.parts.key_bar import KeyBar
from tui.screens.parts.text_rows import TextRows
from tui.screens.parts.too_small import TooSmall
from tui.screens.parts.whole import is_whole
from tui.state.launch.form import Form
from tui.state.launch.prospect import prospect
from tui.widgets.pick_list import PickList

WIDE = 140
"""Columns from which the figures have a panel of their own."""
PANEL_CELLS = 52


class LaunchScreen(Finding):
    """The form on the left or on top, the figures beside or below it, the command line at the bottom."""

    DEFAULT_CSS = """
    LaunchScreen { overflow: hidden hidden; }
    #launch-title { height: 1; margin: 0 1; }
    #launch-status { height: 1; margin: 0 1; }
    LaunchScreen.asking #launch-status { display: none; }
    #launch-ask { margin: 0 1; }
    #launch-body { width: 100%; height: 1fr; }
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
        self._starting = False
        self._refused = ""

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield TextRows(id="launch-title")
        yield TextRows(id="launch-status")
        yield AskLine(id="launch-ask")
        yield Static(id="launch-empty")
        with Horizontal(id="launch-body"):
            with Container(id="form"):
                yield self.fields
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
        self.call_after_refresh(self.draw)
        self.call_after_refresh(self.fields.focus)

    def on_resize(self) -> None:
        """Panels come and go with the room."""
        self.set_class(self.size.width >= WIDE, "roomy")
        self.call_after_refresh(self.draw)

    def changed(self) -> None:
        """What was refused may be mended."""
        self._refused = ""
        self.draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Without a profile there is nothing to change."""
        if action == "start":
            return self.form is not None and not self.read_only and not self._starting
        if action in ("edit", "turn", "reset"):
            row = self.row
            if row is None or self.form is None:
                return False
            return row.key in self.form.sets if action == "reset" else True
        return self.form is not None or action in ("leave", "help")

    # -- starting ----------------------------------------------------------------------------------------

    def action_start(self) -> None:
        """Start it, when nothing is wrong."""
        form = self.form
        if form is None or self._starting or self.read_only:
            return
        if self.is_typing:
            self.close_edit(keep=True)
        if form.wrong:
            key = next(iter(form.wrong))
            self.show_key(key)
            wrong = form.wrong[key]
            self._refused = wrong if not key or wrong.startswith(key) else f"{key}: {wrong}"
            self.draw()
            return
        self._starting, self._refused = True, ""
        self.draw()
        self.post_message(ProfileChosen(self._profile, form.words))

    def on_start_refused(self, message: StartRefused) -> None:
        """It did not come to a run."""
        self._starting, self._refused = False, message.error
        self.draw()

    def action_copy(self) -> None:
        """The command line into the clipboard."""
        if self.form is not None:
            self.app.copy_to_clipboard(self.form.command)
            self.notify("command line copied")

    def action_switch(self) -> None:
        """Form and button."""
        (self.query_one(StartButton) if self.fields.has_focus else self.fields).focus()

    def action_help(self) -> None:
        """The keys."""
        self.app.push_screen(HelpScreen("launch"))

    def action_leave(self) -> None:
        """Back; what was changed is gone."""
        if self.words:
            self.show_all()
        else:
            self.post_message(RunLeft(""))

    # -- drawing -----------------------------------------------------------------------------------------

    @on(PickList.Highlighted)
    def _highlighted(self) -> None:
        self._draw_help()
        self.query_one(KeyBar).redraw()

    def draw(self, cursor: int | None = None) -> None:
        """Everything."""
        if not is_whole(self):
            return
        form, width = self.form, self.size.width
        self.query_one("#launch-title", TextRows).show(
            [title(form, self._profile, width - 2, self.read_only)]
        )
        found = sum(isinstance(line, Field) for line in self.lines)
        said = status(form, self._refused, self._starting, self.words, found)
        self.query_one("#launch-status", TextRows).show([said])
        if form is None:
            return
        shown, listed = self.fields, self.lines
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
            self.query_one("#field-help", TextRows).show(help_rows(self.row, self.form, self.size.width - 4))
