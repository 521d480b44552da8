"""The cockpit as the command line calls it: each function runs until it is left and returns an exit code."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from textual.screen import Screen

from engine.units import write_bytes
from tui.app.app import SlotdeckApp, Start
from tui.app.screens import cockpit_screen, compare_screen, home_screen, replay_screen
from tui.settings import Settings
from tui.terminal_size import ensure_size


def run_home(
    runs_dir: Path, start: Start | None = None, read_only: bool = False, *, thin: bool = False
) -> int:
    """The list of runs and profiles. `start` is called in a thread when a profile is to be trained.

    `read_only`: nothing is started, and runs are opened to watch. `thin`: for a slow line, whatever the settings say.
    """
    return _run(lambda _: home_screen(runs_dir, read_only), start, read_only, thin=thin)


def run_attach(
    run_dir: Path, start: Start | None = None, read_only: bool = False, *, thin: bool = False
) -> int:
    """The cockpit of one run; `start` as of home, for its profile as a form."""
    return _run(lambda settings: cockpit_screen(run_dir, settings, read_only), start, read_only, thin=thin)


def run_replay(run_dir: Path, start: Start | None = None, *, thin: bool = False) -> int:
    """The same cockpit on a recorded run."""
    return _run(lambda settings: replay_screen(run_dir, settings), start, thin=thin)


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
    ensure_size()
    app = SlotdeckApp(first, settings, start, read_only)
    app.run()
    return app.return_code or 0
