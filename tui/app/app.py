"""The application: which screen comes first, and what happens between screens."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual import on, work
from textual.message import Message
from textual.screen import Screen
from textual.worker import get_current_worker

from engine.errors import SlotdeckError
from engine.text import one_line
from tui.app.screens import cockpit_screen, compare_screen, home_screen, pipelines_screen, replay_screen
from tui.app.shell import Shell
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

if TYPE_CHECKING:
    from tui.link.log_file import LogFile
    from tui.state.measured_log import MeasuredLog

Start = Callable[[str, tuple[str, ...]], Path]
"""Creates a run of a profile with some keys set, starts its engine and returns the run folder."""


class SlotdeckApp(Shell):
    """Holds the screens; owns no run."""

    def __init__(
        self,
        first: Callable[[Settings], Screen[None]],
        settings: Settings,
        start: Start | None = None,
        read_only: bool = False,
    ) -> None:
        super().__init__(settings)
        self._first = first
        self._start = start
        self._read_only = read_only
        self._writing = ""
        """Of an export as CSV that would go on without the cockpit; to be said when it is left."""
        self._changed_s = 0.0
        """When a screen came or went. What was asked for before it was a second click on one that had answered."""

    def get_default_screen(self) -> Screen[None]:
        """The screen everything else lies on: home, a cockpit or a replay. It has the classes for its size from
        the beginning, so that its styles are worked out once."""
        screen = self._first(self._settings)
        for room, steps in zip(
            self.size, (self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS), strict=True
        ):
            screen.add_class(max(step for step in steps if room >= step[0])[1], update=False)
        return screen

    @on(RunOpened)
    def _open(self, message: RunOpened) -> None:
        if message.replay:
            self._show(message, lambda: replay_screen(message.path, self._settings))
        else:
            self._show(message, lambda: cockpit_screen(message.path, self._settings, self._read_only))

    @on(MomentOpened)
    def _open_moment(self, message: MomentOpened) -> None:
        self._show(message, lambda: replay_screen(message.path, self._settings, message.seq))

    def _show(self, asked: Message, screen: Callable[[], Screen[None]]) -> None:
        """Another screen over the one that asked; of two quick clicks or keys the first."""
        if asked.time < self._changed_s:
            return
        try:
            self.push_screen(screen())
            self._changed_s = time.monotonic()
        except (SlotdeckError, OSError) as error:  # the run's folder may have gone since it was listed
            self.notify(str(error), severity="error")

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
        self._show(message, lambda: home_screen(message.runs_dir, self._read_only))

    @on(CompareAsked)
    def _compare(self, message: CompareAsked) -> None:
        self._show(message, lambda: compare_screen(message.paths, self._settings))

    @on(LaunchAsked)
    def _launch(self, message: LaunchAsked) -> None:
        from tui.screens.launch.screen import LaunchScreen

        self._show(message, lambda: LaunchScreen(message.name, self._read_only))

    @on(PipelinesAsked)
    def _pipelines(self, message: PipelinesAsked) -> None:
        self._show(message, lambda: pipelines_screen(message.runs_dir, self._read_only))

    @on(CsvAsked)
    def _csv_asked(self, message: CsvAsked) -> None:
        self.notify(f"writing what was logged of {message.path.name} as CSV …")
        self._writing = f"{message.path.name}-export/csv is still being written"
        self._write_csv(message.path)

    @work(thread=True)
    def _write_csv(self, run_dir: Path) -> None:
        from tui.link.csv_export import write_csv

        worker = get_current_worker()
        try:
            said, severity = write_csv(run_dir, lambda: worker.is_cancelled), "information"
        except (SlotdeckError, OSError) as error:
            said, severity = str(error), "error"
        if not worker.is_cancelled:
            self.call_from_thread(self._csv_told, said, severity)

    def _csv_told(self, said: str, severity: str) -> None:
        self._writing = ""
        self.clear_notifications()
        self.notify(said, severity=severity, timeout=20)

    @on(ProfileChosen)
    def _profile_chosen(self, message: ProfileChosen) -> None:
        if self._read_only:
            self.notify("read-only: leave it and come back without --read-only to start runs")
        elif self._start is None:
            self._refused(
                f"nothing is started from here; in a shell: {start_command(message.name, message.sets)}"
            )
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
        if message.time < self._changed_s:
            return
        self._changed_s = time.monotonic()
        if len(self.screen_stack) > 1:
            self.pop_screen()
            if message.farewell:
                self.notify(message.farewell)
        else:
            last = "\n".join(one_line(line, 1024) for line in (message.farewell, self._writing) if line)
            self.exit(0, message=Text(last) if last else None)
