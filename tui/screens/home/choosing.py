"""What home lists, in which order, and which runs are meant: filter, sort, marks, the highlighted row of two lists.

The base of what home does to runs (`keeping`), where it leads (`opening`) and how it draws (`screen`).
"""

from __future__ import annotations

from pathlib import Path

from textual import events, on

from engine.text import one_line
from engine.units import counted
from tui.screens.home.rows import MARK_CELLS, Columns, sort_at
from tui.screens.parts.ask_line import AskLine
from tui.screens.parts.looking import Looking
from tui.state.cycle import cycled
from tui.state.formatting import fit_start
from tui.state.home import SORTS, HomeView, RunRow, Sort, arranged
from tui.widgets.pick_list import PickList

SHORT_NAME_CELLS = 20
"""Of a run's name in a question, so that there is room for the answer."""


class Choosing(Looking[HomeView]):
    """Two lists; keys act on the marked runs, or on the highlighted row."""

    def __init__(self) -> None:
        super().__init__()
        self.runs, self.profiles = PickList(id="runs"), PickList(id="profiles")
        self.listed: tuple[RunRow, ...] = ()
        self.marked: set[Path] = set()
        self.words = ""
        self.sort: Sort = "age"
        self.archived = False

    @property
    def view(self) -> HomeView | None:
        """What was read last, for the palette."""
        return self._view

    @property
    def columns(self) -> Columns:
        """Of the runs."""
        return Columns.for_width(self.size.width - 2)  # the scroll bar and a cell before it

    def draw(self, cursor: int | None = None) -> None:
        """Everything, with this run highlighted; `None`: as it is."""
        raise NotImplementedError

    def answer(self, about: str, text: str) -> None:
        """Something that the line was opened for, other than the filter."""
        raise NotImplementedError

    # -- which are meant ---------------------------------------------------------------------------------

    @property
    def run(self) -> RunRow | None:
        """The highlighted run."""
        if self.profiles.has_focus or not 0 <= self.runs.cursor < len(self.listed):
            return None
        return self.listed[self.runs.cursor]

    @property
    def profile(self) -> str | None:
        """The highlighted profile, where the profiles have the keys."""
        found = self._view.profiles if self._view is not None and self.profiles.has_focus else ()
        return found[self.profiles.cursor].name if 0 <= self.profiles.cursor < len(found) else None

    @property
    def chosen(self) -> tuple[RunRow, ...]:
        """The marked runs that are listed, or the highlighted one."""
        marked = tuple(run for run in self.listed if run.path in self.marked)
        return marked or ((self.run,) if self.run is not None else ())

    def action_mark(self) -> None:
        """Mark or unmark, and on to the next."""
        if (run := self.run) is not None:
            self.marked ^= {run.path}
            self.runs.action_move(1)
            self.draw()

    @on(PickList.Pointed, "#runs")
    def _pointed(self, message: PickList.Pointed) -> None:
        if (run := self.run) is not None and message.column < MARK_CELLS:
            self.marked ^= {run.path}
            self.draw()

    def action_clear(self) -> None:
        """First the marks, then the filter."""
        if self.marked:
            self.marked.clear()
        else:
            self.words = ""
        self.list_again()

    def action_switch_list(self) -> None:
        """Between the two lists."""
        to_profiles = self.runs.has_focus and self.profiles.count
        (self.profiles if to_profiles or not self.runs.count else self.runs).focus()

    # -- what is listed ----------------------------------------------------------------------------------

    def list_again(self, keep: bool = True) -> None:
        """List anew; the same run stays highlighted, or the first."""
        if (view := self._view) is None:
            return
        run, before = self.run if keep else None, self.runs.cursor
        self.listed = arranged(view.runs, self.words, self.sort, self.archived)
        self.marked &= {row.path for row in view.runs}
        at = next((i for i, row in enumerate(self.listed) if run is not None and row.path == run.path), None)
        self.draw(cursor=at if at is not None else before if keep else 0)

    def action_sort(self) -> None:
        """The next way of sorting."""
        self._sort_by(cycled(SORTS, self.sort))

    @on(events.Click, "#runs-header")
    def _title_clicked(self, event: events.Click) -> None:
        if (sort := sort_at(self.columns, event.x)) is not None:
            self._sort_by(sort)

    def _sort_by(self, sort: Sort) -> None:
        self.sort = sort
        self.list_again(keep=False)

    def action_show_archived(self) -> None:
        """With those that were put away, or without."""
        self.archived = not self.archived
        self.list_again()

    def action_filter(self) -> None:
        """Type words; the list follows."""
        hint = "name, profile, state, #tag or note; enter keeps it, esc clears it"
        self.ask("filter", "filter", self.words, hint)

    # -- the line ----------------------------------------------------------------------------------------

    def ask(self, about: str, question: str, text: str, hint: str) -> None:
        """Open it."""
        self.add_class("asking")
        self.query_one(AskLine).ask(about, question, text, hint)

    @on(AskLine.Typed)
    def _typed(self, message: AskLine.Typed) -> None:
        if type(message) is AskLine.Typed and message.about == "filter":
            self._filter_by(message.text)

    @on(AskLine.Answered)
    def _answered(self, message: AskLine.Answered) -> None:
        self._back_to_list()
        if message.about == "filter":
            self._filter_by(message.text)
        else:
            self.answer(message.about, message.text)

    @on(AskLine.Left)
    def _left(self, message: AskLine.Left) -> None:
        self._back_to_list()
        if message.about == "filter":
            self._filter_by("")

    def _filter_by(self, words: str) -> None:
        changed, self.words = words != self.words, words
        self.list_again(keep=not changed or not words)

    def _back_to_list(self) -> None:
        self.remove_class("asking")
        self.set_focus(self.runs if self.listed else self.profiles)


def named(chosen: tuple[RunRow, ...], cells: int = 1000) -> str:
    """A run by its name, of which the end is kept; several by their number."""
    return fit_start(one_line(chosen[0].run_id), cells) if len(chosen) == 1 else counted(len(chosen), "run")
