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
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from engine.errors import SlotdeckError
from engine.text import one_line
from tui.screens.parts.hand_over import hand_over
from tui.state.compared import MOST_RUNS, RunChoice
from tui.state.formatting import fit_start, fixed, padded
from tui.widgets.chart.curves import LETTERS


class ChooseRuns(ModalScreen[tuple[Path, ...] | None]):
    """Gives the runs in the order chosen."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("escape", "done", show=False),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("pageup", "move(-10)", show=False, priority=True),
        Binding("pagedown", "move(10)", show=False, priority=True),
    ]
    AUTO_FOCUS = "Input"
    DEFAULT_CSS = """
    ChooseRuns { align: center middle; }
    ChooseRuns #choose-box {
        width: 92; max-width: 96%; height: auto; max-height: 90%; border: round $panel;
        border-title-color: $text; border-subtitle-color: $quiet; padding: 0 2; background: $surface;
    }
    ChooseRuns Input { background: $surface; height: 1; margin-bottom: 1; }
    ChooseRuns OptionList {
        height: auto; max-height: 24; border: none; padding: 0; background: $surface;
        scrollbar-size-vertical: 1;
    }
    ChooseRuns OptionList > .option-list--option { padding: 0; text-wrap: nowrap; }
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
        with Vertical(id="choose-box") as box:
            box.border_title = "runs to compare"
            box.border_subtitle = "type to filter   ↑ ↓   enter takes in or out   esc done"
            yield Input(placeholder="a part of the name or the profile", compact=True, select_on_focus=False)
            runs = OptionList(markup=False)
            runs.can_focus = False
            yield runs
            yield Static("reading the runs", id="choose-note")

    def on_mount(self) -> None:
        """Read the list beside the screen."""
        self._read()

    @work(thread=True)
    def _read(self) -> None:
        try:
            runs = self._load()
        except (SlotdeckError, OSError) as error:
            hand_over(self, self._say, one_line(str(error), 400))
        else:
            hand_over(self, self._show, runs)

    def _show(self, runs: Sequence[RunChoice]) -> None:
        self._runs = runs
        if self.is_attached:  # esc may have come before the list
            self._list()

    def _say(self, text: str) -> None:
        if self.is_attached:
            self.query_one("#choose-note", Static).update(Content(text))

    def _list(self) -> None:
        words = self.query_one(Input).value.lower().split()
        self._shown = [run for run in self._runs if all(word in run.text.lower() for word in words)]
        runs = self.query_one(OptionList)
        at = runs.highlighted or 0
        runs.clear_options()
        runs.add_options([Option(self._row(run)) for run in self._shown])
        if self._shown:
            runs.highlighted = min(at, len(self._shown) - 1)
        count = len(self._chosen)
        none = "no run here has this in its name" if self._runs else "there are no runs here"
        self._say(f"{count} of {len(self._runs)} chosen, {MOST_RUNS} at most" if self._shown else none)

    def _row(self, run: RunChoice) -> Content:
        taken = run.path in self._chosen
        mark = LETTERS[self._chosen.index(run.path)] if taken else "·"
        told = f" {padded(run.state, 10)} step {run.step:>9,}  loss {fixed(run.loss)}"
        room = min(44, self.query_one(OptionList).scrollable_content_region.width - 2 - len(told))
        return Content.assemble(
            (f"{mark} ", "bold $accent" if taken else "$quiet"), f"{fit_start(run.name, room):<{room}}",
            (told, "$quiet"),
        )  # fmt: skip

    @on(Input.Changed)
    def _narrowed(self, event: Input.Changed) -> None:
        event.stop()
        if self._runs:
            self.query_one(OptionList).highlighted = 0
            self._list()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        at = self.query_one(OptionList).highlighted
        if at is not None and self._shown:
            self._turn(self._shown[at])

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._turn(self._shown[event.option_index])

    def _turn(self, run: RunChoice) -> None:
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
        runs = self.query_one(OptionList)
        if self._shown:
            runs.highlighted = min(max((runs.highlighted or 0) + by, 0), len(self._shown) - 1)

    def on_click(self) -> None:
        """Beside the box is as good as esc."""
        if self.get_widget_at(*self.app.mouse_position)[0] is self:
            self.action_done()

    def action_done(self) -> None:
        """These."""
        self.dismiss(tuple(self._chosen))
