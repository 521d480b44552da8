"""The cockpit's application. The only code of the cockpit, with `tui.link`, that touches runs and their logs."""

from tui.app.app import SlotdeckApp, Start
from tui.app.run import run_attach, run_compare, run_home, run_replay
from tui.app.screens import cockpit_screen, compare_screen, home_screen, pipelines_screen, replay_screen

__all__ = [
    "SlotdeckApp",
    "Start",
    "cockpit_screen",
    "compare_screen",
    "home_screen",
    "pipelines_screen",
    "replay_screen",
    "run_attach",
    "run_compare",
    "run_home",
    "run_replay",
]
