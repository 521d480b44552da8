"""The cockpit's application: which screen comes first, and what happens between screens.

The command line calls `run_home`, `run_attach` and `run_replay`; each returns an exit code. Links to runs are
made here and handed to the screens, which know only what `tui.screens.deck.source` asks of them.
"""

from __future__ import annotations

import gc
import getpass
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from rich.text import Text
from textual import on, work
from textual.app import App
from textual.events import Event, Paste, Resize
from textual.screen import Screen

from engine.errors import SlotdeckError
from engine.text import one_line
from engine.units import write_bytes
from tui.config_path import state_path
from tui.hints import Hints
from tui.keys import Place, rebind
from tui.keys.key import name_of
from tui.messages import (
    CompareAsked,
    CsvAsked,
    HomeAsked,
    LaunchAsked,
    MomentOpened,
    PipelinesAsked,
    ProfileChosen,
    RunLeft,
    RunOpened,
    StartRefused,
)
from tui.settings import Settings
from tui.state.launch.start_command import start_command
from tui.state.store import RunStore
from tui.terminal.driver import driver_class
from tui.terminal.painter import THIN_BYTES_PER_S, Painter
from tui.terminal_size import ensure_size
from tui.theme import themes

PASTED = 4096
"""Characters of a line that is pasted; no field wants more."""
if TYPE_CHECKING:
    from textual.actions import ActionParseResult
    from textual.dom import DOMNode

    from tui.link.log_file import LogFile
    from tui.state.measured_log import MeasuredLog


@runtime_checkable
class Painting(Protocol):
    """A screen that can be painted anew."""

    def paint_all(self) -> None: ...


Start = Callable[[str, tuple[str, ...]], Path]
"""Creates a run of a profile with some keys set, starts its engine and returns the run folder."""


class SlotdeckApp(App[int]):
    """Holds the screens; owns no run."""

    TITLE = "slotdeck"
    CSS_PATH = "cockpit.tcss"
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-middle"), (160, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall"), (44, "-high")]  # noqa: RUF012

    def __init__(
        self,
        first: Callable[[Settings], Screen[None]],
        settings: Settings,
        start: Start | None = None,
        read_only: bool = False,
    ) -> None:
        self.painter = Painter(THIN_BYTES_PER_S if settings.thin else None)
        super().__init__(driver_class=driver_class())
        if "TEXTUAL_ANIMATIONS" not in os.environ and (settings.thin or "SSH_CONNECTION" in os.environ):
            self.animation_level = "none"
        self._read_only = read_only
        self._first = first
        self._settings = settings
        self._start = start
        for theme in themes(self.console.color_system):
            self.register_theme(theme)
        self.theme = f"slotdeck-{settings.theme}"
        self.set_keymap(rebind(settings.keys))
        self.hints = Hints(state_path(os.environ)) if settings.hints else None

    @property
    def line_is_slow(self) -> bool:
        """The terminal does not take what is drawn as fast as it comes."""
        return self.painter.slow

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """As ever; who uses a key need not be told of it again."""
        if self.hints is not None and isinstance(action, str):
            self.hints.used(name_of(action))
        return await super().run_action(action, default_namespace, namespaces)

    def hint(self, place: Place) -> str:
        """What to say to a new user on this screen; mostly nothing."""
        return self.hints.row(place) if self.hints is not None else ""

    def get_default_screen(self) -> Screen[None]:
        """The screen everything else lies on: home, a cockpit or a replay."""
        return self._first(self._settings)

    def on_ready(self) -> None:
        """What was loaded for the start stays: the collector need not look at it, if it was held off till now."""
        if not gc.isenabled():
            gc.freeze()
            gc.enable()

    async def on_event(self, event: Event) -> None:
        """As ever; what is pasted comes from anywhere, and is shown before a field can look at it."""
        if isinstance(event, Paste) and not event.is_forwarded:
            event.text = "\n".join(one_line(line, PASTED) for line in event.text.splitlines())
        await super().on_event(event)

    def on_resize(self, event: Resize) -> None:
        """Nothing that is on the terminal can be counted on."""
        self.painter.resize(event.size.width, event.size.height)

    def notify(self, message: str, **options: Any) -> None:
        """A word in the corner: any text, never markup, safe to draw."""
        options["markup"] = False
        super().notify(one_line(message, 1024), **options)

    def action_settings(self) -> None:
        """The user's settings as a form."""
        from tui.screens.dialogs.settings_form import SettingsScreen
        from tui.settings_file import SettingsFile

        if self.screen.is_modal:
            return
        try:
            file = SettingsFile(os.environ, self._use)
        except SlotdeckError as error:
            self.notify(str(error), severity="error")
        else:
            self.push_screen(SettingsScreen(file, getattr(self.screen, "place", None)))

    def _use(self, settings: Settings) -> None:
        """Settings that were changed meanwhile; the pace stays that of the start."""
        self._settings = replace(settings, thin=self._settings.thin, refresh_hz=self._settings.refresh_hz)
        self.theme = f"slotdeck-{settings.theme}"
        write_bytes(settings.units)
        self.set_keymap(rebind(settings.keys))
        self.hints = Hints(state_path(os.environ)) if settings.hints else None
        for screen in self.screen_stack:
            if isinstance(screen, Painting):
                screen.paint_all()

    def action_dark_light(self) -> None:
        """The other colours."""
        dark = "slotdeck-dark" if self._settings.light else f"slotdeck-{self._settings.theme}"
        self.theme = dark if self.theme == "slotdeck-light" else "slotdeck-light"

    def action_draw_again(self) -> None:
        """All of the screen, where another program wrote over it."""
        self.painter.draw_again()
        self.screen.refresh(layout=True)

    def action_command_palette(self) -> None:
        """Search everything; imported late, since most sessions start without it."""
        from textual.command import CommandPalette

        from tui.palette import Palette

        if not CommandPalette.is_open(self):  # type: ignore[arg-type]
            self.push_screen(CommandPalette(providers=[Palette], placeholder="a verb, a slot, an action"))

    @on(RunOpened)
    def _open(self, message: RunOpened) -> None:
        try:
            if message.replay:
                self.push_screen(replay_screen(message.path, self._settings))
            else:
                self.push_screen(cockpit_screen(message.path, self._settings, self._read_only))
        except (SlotdeckError, OSError) as error:
            self.notify(str(error), severity="error")

    @on(MomentOpened)
    def _open_moment(self, message: MomentOpened) -> None:
        self.push_screen(replay_screen(message.path, self._settings, message.seq))

    def log_of(self, run_dir: Path) -> LogFile:
        """A run's log as lines, for the log page."""
        from tui.link.log_file import LogFile

        return LogFile(run_dir)

    def measured_in(self, run_dir: Path) -> Callable[[Callable[[], bool]], MeasuredLog]:
        """A reader of all that a run's log has of memory and of slots, for the pages of both."""
        from tui.link.measured import read_measured

        return partial(read_measured, run_dir)

    @on(HomeAsked)
    def _go_home(self, message: HomeAsked) -> None:
        self.push_screen(home_screen(message.runs_dir, self._read_only))

    @on(CompareAsked)
    def _compare(self, message: CompareAsked) -> None:
        self.push_screen(compare_screen(message.paths, self._settings))

    @on(LaunchAsked)
    def _launch(self, message: LaunchAsked) -> None:
        from tui.screens.launch.screen import LaunchScreen

        self.push_screen(LaunchScreen(message.name, self._read_only))

    @on(PipelinesAsked)
    def _pipelines(self, message: PipelinesAsked) -> None:
        self.push_screen(pipelines_screen(message.runs_dir, self._read_only))

    @on(CsvAsked)
    def _csv_asked(self, message: CsvAsked) -> None:
        self.notify(f"writing what was logged of {message.path.name} as CSV …")
        self._write_csv(message.path)

    @work(thread=True)
    def _write_csv(self, run_dir: Path) -> None:
        from tui.link.csv_export import write_csv

        try:
            self.call_from_thread(self._csv_told, write_csv(run_dir), "information")
        except (SlotdeckError, OSError) as error:
            self.call_from_thread(self._csv_told, str(error), "error")

    def _csv_told(self, said: str, severity: str) -> None:
        self.clear_notifications()
        self.notify(said, severity=severity, timeout=20)

    @on(ProfileChosen)
    def _profile_chosen(self, message: ProfileChosen) -> None:
        if self._read_only:
            self.notify("read-only: leave it and come back without --read-only to start runs")
        elif self._start is None:
            self.notify(f"start it with: {start_command(message.name, message.sets)}")
        else:
            self._start_profile(message, self._start)

    @work(thread=True)
    def _start_profile(self, message: ProfileChosen, start: Start) -> None:
        try:
            run_dir = start(message.name, message.sets)
        except (SlotdeckError, OSError) as error:
            self.call_from_thread(self._refused, str(error))
        else:
            self.call_from_thread(self._started, run_dir)

    def _refused(self, error: str) -> None:
        """Said where it was asked for, if that place is still there."""
        if not self.screen.post_message(StartRefused(error)) or not hasattr(self.screen, "on_start_refused"):
            self.notify(error, severity="error", timeout=12)

    def _started(self, run_dir: Path) -> None:
        """The cockpit takes the place of the form that it was started from."""
        if hasattr(self.screen, "on_start_refused") and len(self.screen_stack) > 1:
            self.pop_screen()
        self._open(RunOpened(run_dir, replay=False))

    @on(RunLeft)
    def _left(self, message: RunLeft) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()
            if message.farewell:
                self.notify(message.farewell)
        else:
            self.exit(0, message=Text(one_line(message.farewell, 1024)) if message.farewell else None)


def run_home(
    runs_dir: Path, start: Start | None = None, read_only: bool = False, *, thin: bool = False
) -> int:
    """The list of runs and profiles. `start` is called in a thread when a profile is to be trained.

    `read_only`: nothing is started, and runs are opened to watch. `thin`: for a slow line, whatever the settings say.
    """
    return _run(lambda _: home_screen(runs_dir, read_only), start, read_only, thin=thin)


def run_attach(run_dir: Path, read_only: bool = False, *, thin: bool = False) -> int:
    """The cockpit of one run."""
    return _run(lambda settings: cockpit_screen(run_dir, settings, read_only), read_only=read_only, thin=thin)


def run_replay(run_dir: Path, *, thin: bool = False) -> int:
    """The same cockpit on a recorded run."""
    return _run(lambda settings: replay_screen(run_dir, settings), thin=thin)


def home_screen(runs_dir: Path, read_only: bool = False) -> Screen[None]:
    """The list of the runs in a folder, and of the profiles."""
    from tui.link.runs import HomeReader
    from tui.screens.home.screen import HomeScreen

    return HomeScreen(HomeReader(runs_dir), read_only)


def compare_screen(paths: tuple[Path, ...], settings: Settings) -> Screen[None]:
    """Runs laid over one another; others of the first one's folder can be added."""
    from tui.link.compare import CompareSource, runs_in
    from tui.screens.compare.screen import CompareScreen

    return CompareScreen(CompareSource(paths), settings, lambda: runs_in(paths[0].parent))


def pipelines_screen(runs_dir: Path, read_only: bool = False) -> Screen[None]:
    """Long jobs: those told in the runs folder, and those in the logs of its runs."""
    from tui.link.pipelines import PipelinesReader
    from tui.screens.pipelines.screen import PipelinesScreen

    return PipelinesScreen(PipelinesReader(runs_dir), read_only)


def cockpit_screen(run_dir: Path, settings: Settings, read_only: bool = False) -> Screen[None]:
    """A cockpit and its link to the engine of `run_dir`."""
    from tui.link.live import LiveSource
    from tui.screens.deck.cockpit import CockpitScreen

    store = RunStore()
    client_id = f"cockpit-{os.getpid()}-{os.urandom(3).hex()}"
    who = one_line(f"{getpass.getuser()}@{socket.gethostname()}")
    link = LiveSource(run_dir, store, client_id, who, "observe" if read_only else "control")
    return CockpitScreen(store, link, settings, run_dir.name, client_id, read_only)


def replay_screen(run_dir: Path, settings: Settings, at_seq: int = 0) -> Screen[None]:
    """A cockpit and a player of the log in `run_dir`; with `at_seq` held at the moment of that event."""
    from tui.link.replay import ReplaySource
    from tui.screens.deck.replay import ReplayScreen

    store = RunStore()
    return ReplayScreen(store, ReplaySource(run_dir, store, at_seq=at_seq), settings, run_dir.name)


def run_compare(run_dirs: tuple[Path, ...]) -> int:
    """Several recorded or running runs, side by side."""
    return _run(lambda settings: compare_screen(run_dirs, settings))


def _run(
    first: Callable[[Settings], Screen[None]],
    start: Start | None = None,
    read_only: bool = False,
    *,
    thin: bool = False,
) -> int:
    from tui.config import load

    settings = load(os.environ, {"thin": True} if thin else {}).settings(os.environ)
    write_bytes(settings.units)
    app = SlotdeckApp(first, settings, start, read_only)
    ensure_size()
    app.run()
    return app.return_code or 0
