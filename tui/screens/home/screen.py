"""Home: the runs there are and the profiles that can be started.

Reads through the `RunsFolder` it is given, off the event loop, every few seconds, and hands it what is to be done to
runs. Posts `RunOpened`, `LaunchAsked`, `ProfileChosen`, `CompareAsked`, `PipelinesAsked` and `RunLeft`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from engine.text import one_line
from tui.keys import Place, bindings
from tui.screens.home.keeping import RunsFolder
from tui.screens.home.opening import Opening
from tui.screens.home.rows import detail_rows, profile_row, run_header, run_row
from tui.screens.home.words import empty, status, title
from tui.screens.parts.ask_line import AskLine
from tui.screens.parts.hint import hint
from tui.screens.parts.key_bar import KeyBar
from tui.screens.parts.text_rows import TextRows
from tui.screens.parts.too_small import TooSmall
from tui.state.home import HomeView
from tui.widgets.pick_list import PickList

RELOAD_S = 3.0
"""Between two looks at the runs folder."""


class HomeScreen(Opening):
    """From top to bottom: the folder, what is listed, the runs, more about one of them, the profiles, the keys."""

    DEFAULT_CSS = """
    #home-title { height: 1; margin: 0 1; }
    #home-status { height: 1; margin: 0 1; }
    HomeScreen.asking #home-status { display: none; }
    #home-ask { margin: 0 1; }
    #runs-header { height: 1; color: $quiet; }
    #run-detail { height: 2; margin: 0 2; }
    #profiles { height: auto; max-height: 7; border-top: solid $panel; }
    HomeScreen.-low #profiles { max-height: 3; }
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
        super().__init__(folder, read_only)
        self.add_class("no-runs", "no-profiles", update=False)  # until the folder has been read

    def compose(self) -> ComposeResult:
        """The widgets."""
        yield TextRows(id="home-title")
        yield TextRows(id="home-status")
        yield AskLine(id="home-ask")
        yield TextRows(id="runs-header")
        yield self.runs
        yield Static("Reading the runs…", id="runs-empty")
        yield TextRows(id="run-detail")
        yield self.profiles
        yield KeyBar("home")
        yield TooSmall()

    def on_mount(self) -> None:
        """Look at the folder, now and every few seconds."""
        self.profiles.border_title = "profiles"
        self.reload()
        self.set_interval(RELOAD_S, self.reload)

    # -- reading -----------------------------------------------------------------------------------------

    def views(self) -> Iterable[HomeView]:
        """The runs in sight first."""
        return self.folder.views(
            [self.listed[row].path for row in self.runs.in_sight if row < len(self.listed)]
        )

    def show(self, view: HomeView) -> None:
        """Draw the lists, keeping what is highlighted."""
        before, self._view = self._view, view
        if before is None or (before.runs, before.profiles) != (view.runs, view.profiles):
            self.list_again()
        elif before.free_bytes != view.free_bytes:
            self._draw_title()

    def failed(self, error: str) -> None:
        """Nothing is listed."""
        self._view, self.listed = None, ()
        self.add_class("no-runs")
        self.query_one("#runs-empty", Static).update(
            Content.assemble((f"✗ {one_line(error, 1024)}", "$error"))
        )
        self.query_one(KeyBar).redraw()

    def on_screen_resume(self) -> None:
        """What happened while another screen lay over this one."""
        if self._view is not None:
            self.reload()

    # -- drawing -----------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Columns depend on the width."""
        self.draw()

    def draw(self, cursor: int | None = None) -> None:
        """Everything."""
        view = self._view
        if view is None:
            return
        runs, profiles = self.runs, self.profiles
        columns, width, listed = self.columns, self.size.width - 2, self.listed
        self._draw_title()
        listing = status(view, len(listed), len(self.marked), self.words, self.sort, self.archived)
        said = [row for row in (listing, hint(self.app, "home")) if row.plain]
        self.query_one("#home-status", TextRows).show([Content("  ·  ").join(said)])
        self.query_one("#runs-header", TextRows).show([run_header(columns, self.sort)])
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
            self.query_one("#runs-empty", Static).update(empty(view, self.words))
        self.set_class(not listed, "no-runs")
        self.set_class(not view.profiles, "no-profiles")
        if self.focused is None:
            (runs if listed else profiles).focus()
        self._draw_detail()

    def _draw_title(self) -> None:
        if self._view is not None:
            row = title(self._view, self.size.width - 2, self.read_only)
            self.query_one("#home-title", TextRows).show([row])

    @on(PickList.Highlighted)
    def _draw_detail(self) -> None:
        if 0 <= self.runs.cursor < len(self.listed):
            rows = detail_rows(self.listed[self.runs.cursor], self.size.width - 4)
            self.query_one("#run-detail", TextRows).show(rows)
        self.query_one(KeyBar).redraw()

    @on(PickList.Picked)
    def _picked(self) -> None:
        self.action_open()

    def on_descendant_focus(self) -> None:
        """The keys follow the focused list."""
        self.query_one(KeyBar).redraw()
