"""Pipelines: long jobs, how far each is and when it will be done; prepare, exports, trials, evaluations, probes.

Reads through the `Jobs` it is given, off the event loop, every second. Posts `RunOpened` and `RunLeft`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import ClassVar, Protocol

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from engine.errors import SlotdeckError
from engine.text import one_line
from tui.keys import Place, bindings
from tui.messages import RunLeft, RunOpened
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.parts.hand_over import hand_over
from tui.screens.parts.key_bar import KeyBar
from tui.screens.parts.looking import Looking
from tui.screens.parts.text_rows import TextRows
from tui.screens.parts.too_small import TooSmall
from tui.screens.pipelines.rows import Columns, detail_rows, job_header, job_row
from tui.state.pipelines import RUNNING, JobRow, JobsView
from tui.widgets.pick_list import PickList

RELOAD_S = 1.0
NOTHING = (
    "No long job is at work, and none is remembered.\n\n"
    "slotdeck prepare INPUT --out DIR shows here while it makes token shards,\n"
    "and so do the exports, trials, evaluations and probes of runs."
)


class Jobs(Protocol):
    """Jobs as this page sees them; both block and may raise SlotdeckError."""

    runs_dir: Path

    def read(self) -> JobsView: ...
    def interrupt(self, job_id: str) -> None: ...


class PipelinesScreen(Looking[JobsView]):
    """One list; those at work on top."""

    DEFAULT_CSS = """
    PipelinesScreen { overflow: hidden hidden; }
    #jobs-title { height: 1; margin: 0 1; }
    #jobs-header { height: 1; margin-top: 1; color: $quiet; }
    #job-detail { height: 4; padding: 0 1; border-top: solid $panel; }
    #jobs-empty { display: none; height: 1fr; content-align: center middle; text-align: center; color: $quiet; }
    PipelinesScreen.no-jobs #jobs, PipelinesScreen.no-jobs #jobs-header { display: none; }
    PipelinesScreen.no-jobs #job-detail { display: none; }
    PipelinesScreen.no-jobs #jobs-empty { display: block; }
    """
    BINDINGS: ClassVar[list[Binding]] = bindings("pipelines")  # type: ignore[assignment]
    AUTO_FOCUS = ""
    place: Place = "pipelines"

    def __init__(self, jobs: Jobs, read_only: bool = False) -> None:
        super().__init__()
        self.read_only = read_only
        self._jobs = jobs
        self._list = PickList(id="jobs")

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield TextRows(id="jobs-title")
        yield TextRows(id="jobs-header")
        yield self._list
        yield Static("Looking for jobs…", id="jobs-empty")
        yield TextRows(id="job-detail")
        yield KeyBar("pipelines")
        yield TooSmall()

    def on_mount(self) -> None:
        """Look now and every second."""
        self.add_class("no-jobs")
        self.reload()
        self.set_interval(RELOAD_S, self.reload)

    def views(self) -> Iterable[JobsView]:
        """All jobs at once."""
        yield self._jobs.read()

    def show(self, view: JobsView) -> None:
        """Draw the list; the same job stays highlighted."""
        job = self._job()
        self._view = view
        at = next((i for i, row in enumerate(view.jobs) if job is not None and _same(row, job)), None)
        self._draw(at)

    def on_resize(self) -> None:
        """Columns depend on the width."""
        if self._view is not None:
            self.call_after_refresh(self._draw)

    def failed(self, error: str) -> None:
        """Nothing is listed."""
        self.add_class("no-jobs")
        self.query_one("#jobs-empty", Static).update(
            Content.assemble((f"✗ {one_line(error, 1024)}", "$error"))
        )

    # -- what is done ------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keys that need a job of some kind show only when one is highlighted."""
        job = self._job()
        match action:
            case "open":
                return job is not None and job.run is not None
            case "copy":
                return job is not None and bool(job.command)
            case "interrupt":
                return job is not None and bool(job.job_id) and not self.read_only
            case _:
                return True

    def action_open(self) -> None:
        """The cockpit of the run."""
        job = self._job()
        if job is not None and job.run is not None:
            self.post_message(RunOpened(job.run, replay=job.state != RUNNING))

    @on(PickList.Picked)
    def _picked(self) -> None:
        self.action_open()

    def action_copy(self) -> None:
        """The command line into the clipboard."""
        job = self._job()
        if job is not None and job.command:
            self.app.copy_to_clipboard(job.command)
            self.notify("command line copied")

    def action_interrupt(self) -> None:
        """Ask first."""
        job = self._job()
        if job is None or not job.job_id:
            return

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self._end(job.job_id)

        self.app.push_screen(
            ConfirmScreen(
                f"Cancel this {one_line(job.task)}?",
                f"{one_line(job.what)}\n\nWhat it has made so far is removed; the inputs are not touched.",
                {"no": "Let it go on", "yes": "Cancel it"},
            ),
            answered,
        )

    @work(thread=True)
    def _end(self, job_id: str) -> None:
        try:
            self._jobs.interrupt(job_id)
        except (OSError, SlotdeckError) as error:
            hand_over(self, partial(self.notify, str(error), severity="error", timeout=8))

    def action_help(self) -> None:
        """The keys."""
        self.app.push_screen(HelpScreen("pipelines"))

    def action_leave(self) -> None:
        """Back."""
        self.post_message(RunLeft(""))

    # -- drawing -----------------------------------------------------------------------------------------

    @on(PickList.Highlighted)
    def _highlighted(self) -> None:
        self._draw_detail()

    def _job(self) -> JobRow | None:
        jobs = self._view.jobs if self._view is not None else ()
        return jobs[self._list.cursor] if 0 <= self._list.cursor < len(jobs) else None

    def _draw(self, cursor: int | None = None) -> None:
        view = self._view
        if view is None:
            return
        columns, jobs = Columns.for_width(self.size.width - 2), view.jobs
        running = sum(job.state == RUNNING for job in jobs)
        self.query_one("#jobs-title", TextRows).show(
            [Content.assemble(("jobs ", "bold"), (f"  {one_line(str(self._jobs.runs_dir))}   ", "$quiet"),
                              (f"{running} at work", "$success" if running else "$quiet"))]
        )  # fmt: skip
        self.query_one("#jobs-header", TextRows).show([job_header(columns)])
        self._list.show(len(jobs), lambda row: job_row(jobs[row], columns, view.now_wall_s), cursor)
        if not jobs:
            self.query_one("#jobs-empty", Static).update(Content(NOTHING))
        self.set_class(not jobs, "no-jobs")
        if self.focused is None and jobs:
            self._list.focus()
        self._draw_detail()

    def _draw_detail(self) -> None:
        job, view = self._job(), self._view
        if job is not None and view is not None:
            rows = detail_rows(job, self.size.width - 2, view.now_wall_s)
            self.query_one("#job-detail", TextRows).show(rows)
        self.query_one(KeyBar).redraw()


def _same(one: JobRow, other: JobRow) -> bool:
    return (one.task, one.what, one.began_wall_s) == (other.task, other.what, other.began_wall_s)
