"""Screens that read runs, each made with the link it reads by. They know only what `tui.screens` asks of a link."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path

from textual.screen import Screen

from engine.text import one_line
from tui.settings import Settings
from tui.state.store import RunStore


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
