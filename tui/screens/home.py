"""Home: the runs there are and the profiles that can be started.

Reads through the `load` it is given, off the event loop, every few seconds; posts `RunOpened`,
`ProfileChosen` and `RunLeft`, and never touches a run itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.errors import SlotdeckError
from engine.text import one_line
from tui.keys import Place, bindings
from tui.messages import PipelinesAsked, ProfileChosen, RunLeft, RunOpened
from tui.screens.help import HelpScreen
from tui.screens.key_bar import KeyBar
from tui.screens.rows import Columns, profile_row, run_header, run_row
from tui.screens.too_small import TooSmall
from tui.state.home import HomeView, RunRow

RELOAD_S = 3.0
"""Between two looks at the runs folder."""


class HomeScreen(Screen[None]):
    """Two lists; the highlighted row is what the keys act on."""

    BINDINGS: ClassVar[list[Binding]] = bindings("home")  # type: ignore[assignment]
    AUTO_FOCUS = ""  # the runs, or the profiles when there are none
    place: Place = "home"

    def __init__(self, load: Callable[[], HomeView], read_only: bool = False) -> None:
        super().__init__()
        self.read_only = read_only
        self._load = load
        self._view: HomeView | None = None

    def compose(self) -> ComposeResult:
        """Title, runs, profiles, keys."""
        yield Static(id="home-title")
        yield Static(id="runs-header")
        yield OptionList(id="runs")
        yield Static("Reading the runs…", id="runs-empty")
        yield OptionList(id="profiles")
        yield KeyBar("home")
        yield TooSmall()

    def on_mount(self) -> None:
        """Look at the folder, now and every few seconds."""
        self.query_one("#profiles").border_title = "Profiles"
        self.add_class("no-runs", "no-profiles")  # until the folder has been read
        self.reload()
        self.set_interval(RELOAD_S, self.reload)

    @work(thread=True, exclusive=True, group="home")
    def reload(self) -> None:
        """Read runs and profiles in a thread; a folder that cannot be read is said, not raised."""
        try:
            view = self._load()
        except (OSError, SlotdeckError) as error:
            self.app.call_from_thread(self._failed, str(error))
        else:
            self.app.call_from_thread(self.show, view)

    def show(self, view: HomeView) -> None:
        """Draw the lists, keeping what is highlighted."""
        if self._view is not None and (self._view.runs, self._view.profiles) == (view.runs, view.profiles):
            return
        self._view = view
        self._draw()

    def on_resize(self) -> None:
        """Columns depend on the width."""
        if self._view is not None:
            self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keys that need a run or a profile show only when one is highlighted."""
        if action in ("attach", "replay"):
            run = self._run()
            return run is not None and (action == "replay" or run.live)
        return action != "start" or (self._profile() is not None and not self.read_only)

    def action_open(self) -> None:
        """What enter means for the highlighted row."""
        run = self._run()
        if run is not None:
            self.post_message(RunOpened(run.path, replay=not run.live))
        else:
            self.action_start()

    def action_attach(self) -> None:
        """Open the run live."""
        if (run := self._run()) is not None:
            self.post_message(RunOpened(run.path, replay=False))

    def action_replay(self) -> None:
        """Open the run as a replay, live or not."""
        if (run := self._run()) is not None:
            self.post_message(RunOpened(run.path, replay=True))

    def action_start(self) -> None:
        """Start the highlighted profile."""
        if (name := self._profile()) is not None:
            self.post_message(ProfileChosen(name))

    def action_switch_list(self) -> None:
        """Between the two lists."""
        self.focus_next("OptionList")

    def action_pipelines(self) -> None:
        """Long jobs."""
        self.post_message(PipelinesAsked())

    def action_help(self) -> None:
        """The keys."""
        self.app.push_screen(HelpScreen("home"))

    def action_leave(self) -> None:
        """Quit; the runs go on."""
        self.post_message(RunLeft(""))

    @on(OptionList.OptionSelected)
    def _selected(self) -> None:
        self.action_open()

    @on(OptionList.OptionHighlighted)
    def _highlighted(self) -> None:
        self.query_one(KeyBar).redraw()

    def on_descendant_focus(self) -> None:
        """The keys follow the focused list."""
        self.query_one(KeyBar).redraw()

    def _run(self) -> RunRow | None:
        name = self._chosen("#runs")
        return next((run for run in self._view.runs if str(run.path) == name), None) if self._view else None

    def _profile(self) -> str | None:
        return self._chosen("#profiles")

    def _chosen(self, selector: str) -> str | None:
        rows = self.query_one(selector, OptionList)
        if not rows.has_focus or rows.highlighted_option is None:
            return None
        return rows.highlighted_option.id

    def _failed(self, error: str) -> None:
        self._view = None
        self.add_class("no-runs")
        self.query_one("#runs-empty", Static).update(Content(f"✗ {one_line(error, 1024)}"))

    def _draw(self) -> None:
        view = self._view
        assert view is not None, "drawn only with a view"
        runs, profiles = self.query_one("#runs", OptionList), self.query_one("#profiles", OptionList)
        width = self.size.width - 3  # a cell at each edge, one for the scroll bar
        columns = Columns.for_width(width)
        self.query_one("#home-title", Static).update(_title(view.runs_dir, view.runs, width, self.read_only))
        self.query_one("#runs-header", Static).update(run_header(columns))
        _fill(runs, [Option(run_row(run, columns, view.now_wall_s), id=str(run.path)) for run in view.runs])
        _fill(profiles, [Option(profile_row(row, width), id=row.name) for row in view.profiles])
        self.query_one("#runs-empty", Static).update(_empty(view))
        self.set_class(not view.runs, "no-runs")
        self.set_class(not view.profiles, "no-profiles")
        if self.focused is None:
            (runs if view.runs else profiles).focus()
        self.query_one(KeyBar).redraw()


def _fill(rows: OptionList, options: list[Option]) -> None:
    """Replace the rows; the same one stays highlighted, or the first."""
    before = rows.highlighted_option.id if rows.highlighted_option is not None else None
    rows.set_options(options)
    at = next((i for i, option in enumerate(options) if option.id == before), 0)
    rows.highlighted = at if options else None


def _title(runs_dir: Path, runs: tuple[RunRow, ...], width: int, read_only: bool) -> Content:
    live = sum(run.live for run in runs)
    right = f"{one_line(str(runs_dir))}   {len(runs)} run{'' if len(runs) == 1 else 's'}, {live} live"
    mode = "  read-only" if read_only else ""
    room = max(1, width - len("slotdeck") - len(mode))
    return Content.assemble(("slotdeck", "bold $accent"), (mode, "$quiet"), f"{right:>{room}}")


def _empty(view: HomeView) -> Content:
    """What to do when there is nothing."""
    how = (
        "Choose a profile below and press s to start one."
        if view.profiles
        else "Start one with:  slotdeck train PROFILE   or see everything at work with:  make demo"
    )
    return Content(f"No runs yet in {one_line(str(view.runs_dir))}.\n\n{how}")
