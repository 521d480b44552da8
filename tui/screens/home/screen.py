"""Home: the runs there are and the profiles that can be started.

Reads through the `RunsFolder` it is given, off the event loop, every few seconds, and hands it what is to be done to
runs. Posts `RunOpened`, `LaunchAsked`, `ProfileChosen`, `CompareAsked`, `PipelinesAsked` and `RunLeft`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from engine.text import one_line
from tui.keys import Place, bindings
from tui.messages import (
    CompareAsked,
    CsvAsked,
    LaunchAsked,
    PipelinesAsked,
    ProfileChosen,
    RunLeft,
    RunOpened,
)
from tui.screens.dialogs.help import HelpScreen
from tui.screens.home.keeping import Keeping, RunsFolder
from tui.screens.home.rows import MARK_CELLS, Columns, detail_rows, profile_row, run_header, run_row, sort_at
from tui.screens.home.words import empty, status, title
from tui.screens.parts.ask_line import AskLine
from tui.screens.parts.hint import hint
from tui.screens.parts.key_bar import KeyBar
from tui.screens.parts.text_rows import TextRows
from tui.screens.parts.too_small import TooSmall
from tui.state.cycle import cycled
from tui.state.home import SORTS, HomeView, RunRow, Sort, arranged
from tui.widgets.pick_list import PickList

RELOAD_S = 3.0
"""Between two looks at the runs folder."""
_ON_RUNS = ("replay", "mark", "compare", "tag", "note", "archive", "delete")
_CHANGES = ("tag", "note", "archive", "delete", "start")


class HomeScreen(Keeping):
    """Two lists; the keys act on the marked runs, or on the highlighted row."""

    DEFAULT_CSS = """
    #home-title { height: 1; margin: 0 1; }
    #home-status { height: 1; margin: 0 1; }
    HomeScreen.asking #home-status { display: none; }
    #home-ask { margin: 0 1; }
    #runs-header { height: 1; color: $quiet; }
    #run-detail { height: 2; margin: 0 2; }
    #profiles { height: auto; max-height: 7; border-top: solid $panel; }
    #profiles { border-title-color: $foreground; border-title-style: bold; }
    #runs-empty { display: none; height: 1fr; content-align: center middle; text-align: center; color: $quiet; }
    HomeScreen.no-runs #runs, HomeScreen.no-runs #runs-header, HomeScreen.no-runs #run-detail { display: none; }
    HomeScreen.no-runs #runs-empty { display: block; }
    HomeScreen.no-profiles #profiles { display: none; }
    """
    BINDINGS: ClassVar[list[Binding]] = bindings("home")  # type: ignore[assignment]
    AUTO_FOCUS = ""  # the runs, or the profiles when there are none
    place: Place = "home"

    def __init__(self, folder: RunsFolder, read_only: bool = False) -> None:
        super().__init__(folder)
        self.read_only = read_only
        self._listed: tuple[RunRow, ...] = ()
        self._words = ""
        self._sort: Sort = "age"
        self._archived = False
        self._runs, self._profiles = PickList(id="runs"), PickList(id="profiles")

    def compose(self) -> ComposeResult:
        """Title, what is listed, runs, profiles, keys."""
        yield TextRows(id="home-title")
        yield TextRows(id="home-status")
        yield AskLine(id="home-ask")
        yield TextRows(id="runs-header")
        yield self._runs
        yield Static("Reading the runs…", id="runs-empty")
        yield TextRows(id="run-detail")
        yield self._profiles
        yield KeyBar("home")
        yield TooSmall()

    def on_mount(self) -> None:
        """Look at the folder, now and every few seconds."""
        self._profiles.border_title = "profiles"
        self.add_class("no-runs", "no-profiles")  # until the folder has been read
        self.reload()
        self.set_interval(RELOAD_S, self.reload)

    # -- reading -----------------------------------------------------------------------------------------

    @property
    def view(self) -> HomeView | None:
        """What was read last, for the palette."""
        return self._view

    def views(self) -> Iterable[HomeView]:
        """The runs in sight first."""
        return self.folder.views(
            [self._listed[row].path for row in self._runs.in_sight if row < len(self._listed)]
        )

    def show(self, view: HomeView) -> None:
        """Draw the lists, keeping what is highlighted."""
        before, self._view = self._view, view
        if before is None or (before.runs, before.profiles) != (view.runs, view.profiles):
            self._arrange()
        elif before.free_bytes != view.free_bytes:
            self._draw_title()

    def on_screen_resume(self) -> None:
        """What happened while another screen lay over this one."""
        if self._view is not None:
            self.reload()

    def on_resize(self) -> None:
        """Columns depend on the width."""
        if self._view is not None:
            self._draw()

    def failed(self, error: str) -> None:
        """Nothing is listed."""
        self._view, self._listed = None, ()
        self.add_class("no-runs")
        self.query_one("#runs-empty", Static).update(
            Content.assemble((f"✗ {one_line(error, 1024)}", "$error"))
        )
        self.query_one(KeyBar).redraw()

    # -- what is listed ----------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Type words; the list follows."""
        self.ask(
            "filter",
            "filter",
            self._words,
            "name, profile, state, #tag or note; enter keeps it, esc clears it",
        )

    def action_sort(self) -> None:
        """The next way of sorting."""
        self._sort_by(cycled(SORTS, self._sort))

    def _sort_by(self, sort: Sort) -> None:
        self._sort = sort
        self._arrange(keep=False)

    def action_show_archived(self) -> None:
        """With those that were put away, or without."""
        self._archived = not self._archived
        self._arrange()

    def action_mark(self) -> None:
        """Mark or unmark, and on to the next."""
        if (run := self._run()) is not None:
            self.marked ^= {run.path}
            self._runs.action_move(1)
            self._draw()

    def action_clear(self) -> None:
        """First the marks, then the filter."""
        if self.marked:
            self.marked.clear()
        else:
            self._words = ""
        self._arrange()

    # -- what is done ------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keys that need a run or a profile show only when one is highlighted."""
        if action in _CHANGES and self.read_only:
            return False
        run = self._run()
        if action in _ON_RUNS:
            return run is not None
        if action == "attach":
            return run is not None and run.live
        if action == "launch":
            return run is not None or self._profile() is not None
        if action == "clear":
            return bool(self.marked or self._words)
        return action != "start" or self._profile() is not None

    def action_open(self) -> None:
        """What enter means for the highlighted row."""
        if (run := self._run()) is not None:
            self.post_message(RunOpened(run.path, replay=not run.live))
        elif (name := self._profile()) is not None:
            self.post_message(LaunchAsked(name))

    def action_attach(self) -> None:
        """Open the run live."""
        if (run := self._run()) is not None:
            self.post_message(RunOpened(run.path, replay=False))

    def action_replay(self) -> None:
        """Open the run as a replay, live or not."""
        if (run := self._run()) is not None:
            self.post_message(RunOpened(run.path, replay=True))

    def action_compare(self) -> None:
        """The marked runs, or one that others are chosen for."""
        from tui.state.compared import MOST_RUNS  # only who compares pays for it

        paths = tuple(run.path for run in self.chosen())
        if len(paths) > MOST_RUNS:
            self.notify(
                f"{len(paths)} runs are marked; up to {MOST_RUNS} can be compared", severity="warning"
            )
        else:
            self.post_message(CompareAsked(paths))

    def action_write_csv(self) -> None:
        """What was logged of the run as CSV."""
        if (run := self._run()) is not None:
            self.post_message(CsvAsked(run.path))

    def action_launch(self) -> None:
        """The profile, or that of the run."""
        if (run := self._run()) is not None:
            self.post_message(LaunchAsked(str(run.path.absolute() / "profile.toml")))
        elif (name := self._profile()) is not None:
            self.post_message(LaunchAsked(name))

    def action_start(self) -> None:
        """Start the highlighted profile."""
        if (name := self._profile()) is not None:
            self.notify(f"starting {name}")
            self.post_message(ProfileChosen(name))

    def action_switch_list(self) -> None:
        """Between the two lists."""
        runs, profiles = self._runs, self._profiles
        (profiles if runs.has_focus and profiles.count else runs if runs.count else profiles).focus()

    def action_pipelines(self) -> None:
        """Long jobs."""
        self.post_message(PipelinesAsked(self.folder.runs_dir))

    def action_help(self) -> None:
        """The keys."""
        self.app.push_screen(HelpScreen("home"))

    def action_leave(self) -> None:
        """Quit; the runs go on."""
        self.post_message(RunLeft(""))

    # -- answers -----------------------------------------------------------------------------------------

    @on(AskLine.Typed)
    def _typed(self, message: AskLine.Typed) -> None:
        if type(message) is AskLine.Typed and message.about == "filter":
            self._words = message.text
            self._arrange(keep=False)

    @on(AskLine.Answered)
    def _answered(self, message: AskLine.Answered) -> None:
        self._back_to_list()
        if message.about == "filter":
            self._words = message.text
            self._arrange()
        else:
            self.answer(message.about, message.text)

    @on(AskLine.Left)
    def _left(self, message: AskLine.Left) -> None:
        self._back_to_list()
        if message.about == "filter":
            self._words = ""
            self._arrange()

    def _back_to_list(self) -> None:
        self.remove_class("asking")
        self.set_focus(self._runs if self._listed else self._profiles)

    # -- picking -----------------------------------------------------------------------------------------

    @on(PickList.Picked)
    def _picked(self) -> None:
        self.action_open()

    @on(PickList.Pointed, "#runs")
    def _pointed(self, message: PickList.Pointed) -> None:
        run = self._run()
        if run is not None and message.column < MARK_CELLS:
            self.marked ^= {run.path}
            self._draw()

    @on(PickList.Highlighted)
    def _highlighted(self) -> None:
        self._draw_detail()
        self.query_one(KeyBar).redraw()

    @on(events.Click, "#runs-header")
    def _title_clicked(self, event: events.Click) -> None:
        if (sort := sort_at(self._columns(), event.x)) is not None:
            self._sort_by(sort)

    def on_descendant_focus(self) -> None:
        """The keys follow the focused list."""
        self.query_one(KeyBar).redraw()

    def _run(self) -> RunRow | None:
        runs = self._runs
        if self._profiles.has_focus or not 0 <= runs.cursor < len(self._listed):
            return None
        return self._listed[runs.cursor]

    def _profile(self) -> str | None:
        profiles = self._profiles
        if (
            self._view is None
            or not profiles.has_focus
            or not 0 <= profiles.cursor < len(self._view.profiles)
        ):
            return None
        return self._view.profiles[profiles.cursor].name

    def chosen(self) -> tuple[RunRow, ...]:
        """The marked runs that are listed, or the highlighted one."""
        marked = tuple(run for run in self._listed if run.path in self.marked)
        run = self._run()
        return marked or ((run,) if run is not None else ())

    # -- drawing -----------------------------------------------------------------------------------------

    def _arrange(self, keep: bool = True) -> None:
        """List anew; the same run stays highlighted, or the first."""
        view = self._view
        if view is None:
            return
        run = self._run() if keep else None
        runs = self._runs
        before = runs.cursor
        self._listed = arranged(view.runs, self._words, self._sort, self._archived)
        self.marked &= {row.path for row in view.runs}
        at = next((i for i, row in enumerate(self._listed) if run is not None and row.path == run.path), None)
        self._draw(cursor=at if at is not None else before if keep else 0)

    def _columns(self) -> Columns:
        return Columns.for_width(self.size.width - 2)  # the scroll bar and a cell before it

    def _draw(self, cursor: int | None = None) -> None:
        view = self._view
        if view is None:
            return
        runs, profiles = self._runs, self._profiles
        columns, width, listed = self._columns(), self.size.width - 2, self._listed
        self._draw_title()
        listing = status(view, len(listed), len(self.marked), self._words, self._sort, self._archived)
        said = hint(self.app, "home")
        listing = Content("  ·  ").join([listing, said]) if said.plain else listing
        self.query_one("#home-status", TextRows).show([listing])
        self.query_one("#runs-header", TextRows).show([run_header(columns, self._sort)])
        runs.show(
            len(listed),
            lambda row: run_row(listed[row], columns, view.now_wall_s, listed[row].path in self.marked),
            cursor,
        )
        before = profiles.count
        profiles.show(len(view.profiles), lambda row: profile_row(view.profiles[row], width - 1))
        if before != len(view.profiles):  # a new height lays everything out anew
            profiles.styles.height = min(7, len(view.profiles) + 1)
        if not listed:
            self.query_one("#runs-empty", Static).update(empty(view, self._words))
        self.set_class(not listed, "no-runs")
        self.set_class(not view.profiles, "no-profiles")
        if self.focused is None:
            (runs if listed else profiles).focus()
        self._draw_detail()
        self.query_one(KeyBar).redraw()

    def _draw_title(self) -> None:
        if self._view is not None:
            row = title(self._view, self.size.width - 2, self.read_only)
            self.query_one("#home-title", TextRows).show([row])

    def _draw_detail(self) -> None:
        runs = self._runs
        if 0 <= runs.cursor < len(self._listed):
            rows = detail_rows(self._listed[runs.cursor], self.size.width - 4)
            self.query_one("#run-detail", TextRows).show(rows)
