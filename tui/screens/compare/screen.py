"""Up to eight runs laid over one another: at equal steps, tokens or time, with what differs between them below.

Reads only. Its source reads the logs beside it; runs that go on grow here too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content

from engine.text import one_line
from engine.units import counted, format_count
from tui.keys import Place, bindings
from tui.messages import RunLeft, StepPicked
from tui.screens.compare.choose_runs import ChooseRuns
from tui.screens.compare.rows import command_rows, figure_rows, place, profile_rows
from tui.screens.deck.chart_keys import ChartKeys
from tui.screens.dialogs.help import HelpScreen
from tui.screens.parts.key_bar import KeyBar
from tui.screens.parts.text_rows import TextRows, apart
from tui.screens.parts.too_small import TooSmall
from tui.screens.parts.whole import is_whole
from tui.settings import Settings
from tui.state.choices import Choices
from tui.state.compared import AXES, QUANTITIES, Axis, ComparedRun, RunChoice, common_x
from tui.state.cycle import cycled
from tui.state.formatting import countdown, fit
from tui.state.store import RunStore
from tui.widgets.axes import label
from tui.widgets.chart import Chart, ChartView, Mark, Plotted
from tui.widgets.chart.curves import LETTERS

PANES = ("figures", "profiles", "operators")
AXIS_NAMES: dict[Axis, str] = {"steps": "steps", "tokens": "tokens", "time": "time at work"}


class Comparing(Protocol):
    """Where the runs come from."""

    runs: list[ComparedRun]

    async def run(self) -> None: ...
    def close(self) -> None: ...
    def choose(self, paths: tuple[Path, ...]) -> None: ...


class CompareScreen(ChartKeys):
    """What keys do to a comparison."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[Binding]] = bindings("compare")  # type: ignore[assignment]
    DEFAULT_CSS = """
    CompareScreen #compare-title, CompareScreen #compare-note { height: 1; margin: 0 1; }
    CompareScreen #chart { height: 1fr; margin: 0 1; }
    CompareScreen #pane-box {
        height: auto; max-height: 45%; padding: 0 1; border-top: solid $panel;
        border-title-color: $foreground; border-title-style: bold; scrollbar-size-vertical: 1;
    }
    CompareScreen #pane { height: auto; }
    """
    place: Place = "compare"

    def __init__(
        self, source: Comparing, settings: Settings, choices_of_runs: Callable[[], Sequence[RunChoice]]
    ) -> None:
        """`choices_of_runs`: the runs that can be added, newest first; called in a thread."""
        super().__init__()
        self.source = source
        self.settings = settings
        self.store = RunStore()
        self.choices = Choices()
        self.choices.quantity = next(iter(QUANTITIES))
        self._runs_to_choose = choices_of_runs
        self.axis: Axis = "steps"
        self.base = 0
        self.pane = 0
        self._marked: tuple[object, tuple[Mark, ...]] = (None, ())
        """What `_marks` made last, and of what."""

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield TextRows(id="compare-title")
        yield TextRows(id="compare-note")
        yield Chart(id="chart")
        with VerticalScroll(id="pane-box", can_focus=False):
            yield TextRows(id="pane")
        yield KeyBar("compare")
        yield TooSmall()

    def on_mount(self) -> None:
        """Read beside the screen, paint by the clock."""
        self.run_worker(self.source.run(), group="source")
        self.set_interval(self.settings.period_s, self.paint_charts)
        self.call_after_refresh(self.paint_charts)
        if len(self.source.runs) < 2:
            self.action_choose()

    def on_unmount(self) -> None:
        """The source ends with the screen."""
        self.source.close()

    def on_resize(self) -> None:
        """Everything is laid out anew."""
        self.call_after_refresh(self.paint_all)

    # -- painting ----------------------------------------------------------------------------------------

    def paint_all(self) -> None:
        """Everything."""
        self.paint_charts()

    def paint_charts(self) -> None:
        """The curves, and the pane below, which says what the crosshair points at."""
        if self.has_class("too-small") or not is_whole(self):
            return
        width = self.size.width - 2
        runs = self.source.runs
        self.query_one("#compare-title", TextRows).show([self._title(width)])
        self.query_one("#compare-note", TextRows).show([self._note(width)])
        self.query_one("#chart", Chart).show(self._chart(runs))
        rows = self._pane_rows(runs, width)
        pane, box = self.query_one("#pane", TextRows), self.query_one("#pane-box")
        box.border_title = self._pane_title(runs)
        if pane.styles.height is None or pane.styles.height.value != len(rows):
            pane.styles.height = len(rows)
        pane.show(rows)
        self.query_one(KeyBar).redraw()

    def _title(self, width: int) -> Content:
        left = Content.assemble(("compare ", "bold"), (counted(len(self.source.runs), "run"), "$quiet"))
        right = Content.assemble((f"{self.choices.quantity}", "bold"), (" at equal ", "$quiet"),
                                 (AXIS_NAMES[self.axis], "bold $accent"))  # fmt: skip
        return apart(left, right, width, 2)

    def _note(self, width: int) -> Content:
        reading = sum(run.loading for run in self.source.runs)
        if reading:
            return Content.assemble((f"reading {reading} of {len(self.source.runs)} logs", "$quiet"))
        if len(self.source.runs) < 2:
            return Content.assemble(("one run: + adds others", "$quiet"))
        return self._nearest_action(width)

    def _nearest_action(self, width: int) -> Content:
        """What an operator did nearest to the crosshair."""
        at, marks = self.choices.crosshair, self._marks(self.source.runs)
        if at is None or not marks:
            return Content("")
        mark = min(marks, key=lambda mark: abs(mark.step - at))
        letter = LETTERS[mark.colour or 0]
        head = Content.assemble((f"▲ {letter} ", "bold"), (f"{place(self.axis, mark.step)}  ", "$quiet"))
        return Content.assemble(head, fit(mark.text, width - head.cell_length))

    def _chart(self, runs: list[ComparedRun]) -> ChartView:
        quantity = self.choices.quantity
        curves = []
        for number, run in enumerate(runs):
            if not run.loading and not run.fault:
                series = run.series(quantity, self.axis)
                curves.append(Plotted(run.name[-4:], series, series.version, "line", series.last, number))
        end = max((c.series.last_step for c in curves), default=0)
        return ChartView(
            title=quantity, curves=tuple(curves), marks=self._marks(runs), total_steps=max(end, 1),
            window=self.choices.window.span(self._last_step),
            log=self.choices.log_scale, crosshair=self.choices.crosshair, smoothing=self.choices.smoothing,
            x_label=_X_LABELS[self.axis], x_name=self.axis,
            empty="reading the logs" if any(run.loading for run in runs) else f"no {quantity} in these runs",
        )  # fmt: skip

    def _marks(self, runs: list[ComparedRun]) -> tuple[Mark, ...]:
        """What the operators did, each on the curve of its run; the same tuple until something changed."""
        of = (self.axis, *((run.path, run.version) for run in runs))
        if self._marked[0] != of:
            marks = tuple(
                Mark(action.x, "action", one_line(action.text), action.left, number)
                for number, run in enumerate(runs)
                if not run.loading and not run.fault
                for action in run.actions(self.axis)
            )
            self._marked = (of, marks)
        return self._marked[1]

    def _figures_at(self, runs: list[ComparedRun]) -> int | None:
        """The crosshair, or as far as all of them got."""
        pointed = self.choices.crosshair
        return pointed if pointed is not None else common_x(runs, self.axis)

    def _pane_title(self, runs: list[ComparedRun]) -> str:
        name, at = PANES[self.pane], self._figures_at(runs)
        if name != "figures" or at is None:
            return name
        far = "" if self.choices.crosshair is not None or len(runs) < 2 else ", as far as all of them got"
        return f"{name} at {place(self.axis, at)}{far}"

    def _pane_rows(self, runs: list[ComparedRun], width: int) -> list[Content]:
        match PANES[self.pane]:
            case "figures":
                at, quantity = self._figures_at(runs), self.choices.quantity
                return figure_rows(
                    runs, self.base, quantity, self.axis, at, self.choices.smoothing, width - 2
                )
            case "profiles":
                return profile_rows(runs, self.base, width - 2)
            case _:
                return command_rows(runs, self.axis, width - 2)

    @property
    def labels_now(self) -> dict[str, str]:
        """For the key bar: what the next one is."""
        return {
            "next_axis": f"by {cycled(AXES, self.axis)}",
            "next_pane": PANES[(self.pane + 1) % len(PANES)],
        }

    # -- what keys do ------------------------------------------------------------------------------------

    def action_next_axis(self) -> None:
        """Line the runs up by the next of steps, tokens, time; the crosshair stays at its place of the base."""
        self.axis = cycled(AXES, self.axis)
        self.choices.crosshair = None
        self.choices.window.width = None
        self.paint_charts()

    def action_next_quantity(self, by: int) -> None:
        """Another quantity."""
        self.choices.quantity = cycled(QUANTITIES, self.choices.quantity, by)
        self.paint_charts()

    def action_next_pane(self) -> None:
        """Figures, profiles, operators."""
        self.pane = (self.pane + 1) % len(PANES)
        self.query_one("#pane-box").scroll_home(animate=False)
        self.paint_charts()

    def action_page_down(self) -> None:
        """Further down in the pane."""
        self.query_one("#pane-box").scroll_page_down(animate=False)

    def action_page_up(self) -> None:
        """Further up in the pane."""
        self.query_one("#pane-box").scroll_page_up(animate=False)

    def action_digit(self, number: int) -> None:
        """The run that the others are compared with."""
        if number <= len(self.source.runs):
            self.base = number - 1
            self.paint_charts()

    def action_choose(self) -> None:
        """Which runs."""
        chosen = tuple(run.path for run in self.source.runs)

        def taken(paths: tuple[Path, ...] | None) -> None:
            if paths is not None:
                self.source.choose(paths)
                self.base = min(self.base, max(len(paths) - 1, 0))
                self.paint_charts()

        self.app.push_screen(ChooseRuns(self._runs_to_choose, chosen), taken)

    async def action_aside(self, by: int) -> None:
        """The crosshair by a column; it comes when it is not there."""
        if self.choices.crosshair is None:
            self.action_inspect()
        else:
            await self._aside(by, self._columns, "")

    async def action_far_aside(self, by: int) -> None:
        """The crosshair by a tenth of the chart."""
        await self._aside(by, 10, "")

    def on_step_picked(self, message: StepPicked) -> None:
        """The mouse on the chart."""
        self.point_at(message.step)

    def action_put_away(self) -> None:
        """The crosshair; without one, the screen."""
        if self.choices.crosshair is not None:
            self.point_at(None)
        else:
            self.action_leave()

    def action_help(self) -> None:
        """The keys."""
        self.app.push_screen(HelpScreen("compare"))

    def action_leave(self) -> None:
        """Back to where one came from."""
        self.post_message(RunLeft(""))

    # -- what the keys of charts ask ---------------------------------------------------------------------

    @property
    def _last_step(self) -> int:
        return max((end for run in self.source.runs if (end := run.last_x(self.axis)) is not None), default=0)

    @property
    def _last_shown(self) -> int:
        common = common_x(self.source.runs, self.axis) or 0
        return min(common, self._shown[1])

    @property
    def _whole_width(self) -> int:
        return max(self._last_step, 1)


def _seconds(x: float, apart: float) -> str:  # noqa: ARG001
    return countdown(x / 1000).strip()


def _tokens(x: float, apart: float) -> str:  # noqa: ARG001
    return format_count(int(x)).replace(" ", "")


_X_LABELS: dict[Axis, Callable[[float, float], str]] = {"steps": label, "tokens": _tokens, "time": _seconds}
