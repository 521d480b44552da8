"""Which runs are compared: a list that typing narrows; enter takes a run in or out, esc is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from engine.errors import SlotdeckError
from engine.text import one_line
from tui.screens.dialogs.dialog import Dialog
from tui.screens.parts.hand_over import hand_over
from tui.state.compared import MOST_RUNS, RunChoice
from tui.state.formatting import fit_middle, fixed, padded
from tui.widgets.chart.curves import LETTERS
from tui.widgets.pick_list import PickList

ROWS_BESIDE = 6
"""Rows of the box that are not of the list."""
HEADS = f" {'state':<10} {'step':>9}   {'loss':>5}"


class ChooseRuns(Dialog[tuple[Path, ...]]):
    """Gives the runs in the order chosen."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("escape", "leave", show=False),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("pageup", "move(-10)", show=False, priority=True),
        Binding("pagedown", "move(10)", show=False, priority=True),
    ]
    AUTO_FOCUS = "Input"
    DEFAULT_CSS = """
    ChooseRuns > #choose-box { width: 92; }
    ChooseRuns Input { background: $surface; height: 1; }
    ChooseRuns #choose-heads { color: $quiet; height: 1; }
    ChooseRuns #choose-note { color: $quiet; height: 1; margin-top: 1; }
    """

    def __init__(self, load: Callable[[], Sequence[RunChoice]], chosen: tuple[Path, ...]) -> None:
        super().__init__()
        self._load = load
        self._chosen = list(chosen)
        self._runs: Sequence[RunChoice] = ()
        self._shown: list[RunChoice] = []

    def compose(self) -> ComposeResult:
        """The filter, the list, a word."""
        with Vertical(id="choose-box", classes="box") as box:
            box.border_title = "runs to compare"
            box.border_subtitle = "type to filter · enter takes in or out · esc done"
            yield Input(placeholder="a part of the name or the profile", compact=True, select_on_focus=False)
            yield Static(id="choose-heads")
            runs = PickList()
            runs.can_focus = False
            runs.styles.height = 0
            yield runs
            yield Static("reading the runs", id="choose-note")

    def on_mount(self) -> None:
        """Read the list beside the screen."""
        self._read()

    def on_resize(self) -> None:
        """As many rows as there is room for; their number stays while typing narrows the list."""
        self.call_after_refresh(self._list)

    @work(thread=True)
    def _read(self) -> None:
        try:
            runs = self._load()
        except (SlotdeckError, OSError) as error:
            hand_over(self, self._say, f"✗ {one_line(str(error), 400)}", "$error")
        else:
            hand_over(self, self._show, runs)

    def _show(self, runs: Sequence[RunChoice]) -> None:
        self._runs = runs
        if self.is_attached:  # esc may have come before the list
            self._list()
            self.call_after_refresh(self._list)  # its width is known now

    def _say(self, text: str, ink: str = "") -> None:
        if self.is_attached:
            self.query_one("#choose-note", Static).update(Content.assemble((text, ink)))

    def _list(self, cursor: int | None = None) -> None:
        if not self._runs:
            return
        words = self.query_one(Input).value.lower().split()
        self._shown = [run for run in self._runs if all(word in run.text.lower() for word in words)]
        rows = self.query_one(PickList)
        rows.styles.height = min(len(self._runs), max(3, int(self.app.size.height * 0.94) - ROWS_BESIDE))
        rows.show(len(self._shown), lambda at: self._row(self._shown[at]), cursor)
        self.query_one("#choose-heads", Static).update(Content(f"  {'run':<{self._name_cells}}{HEADS}"))
        count = len(self._chosen)
        none = "no run here has this in its name"
        self._say(f"{count} of {len(self._runs)} chosen, {MOST_RUNS} at most" if self._shown else none)

    @property
    def _name_cells(self) -> int:
        return max(10, self.query_one(PickList).size.width - 3 - len(HEADS))

    def _row(self, run: RunChoice) -> Content:
        taken, cells = run.path in self._chosen, self._name_cells
        mark = LETTERS[self._chosen.index(run.path)] if taken else "·"
        return Content.assemble(
            (f"{mark} ", "bold $accent" if taken else "$quiet"), padded(fit_middle(one_line(run.name), cells), cells),
            (f" {padded(run.state, 10)} {run.step:>9,}   {fixed(run.loss)}", "$quiet"),
        )  # fmt: skip

    @on(Input.Changed)
    def _narrowed(self, event: Input.Changed) -> None:
        event.stop()
        self._list(cursor=0)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._turn()

    @on(PickList.Pointed)
    def _turn(self) -> None:
        at = self.query_one(PickList).cursor
        if not 0 <= at < len(self._shown):
            return
        run = self._shown[at]
        if run.path in self._chosen:
            self._chosen.remove(run.path)
        elif len(self._chosen) < MOST_RUNS:
            self._chosen.append(run.path)
        else:
            self._say(f"{MOST_RUNS} are as many as can be told apart: take one out first")
            return
        self._list()

    def action_move(self, by: int) -> None:
        """Another row."""
        rows = self.query_one(PickList)
        rows.go_to(rows.cursor + by)

    def action_leave(self) -> None:
        """These."""
        self.dismiss(tuple(self._chosen))
