"""What widgets and screens tell each other; past participles, handled by the screen or the app."""

from __future__ import annotations

from pathlib import Path

from textual.message import Message


class LineEntered(Message):
    """The operator pressed enter in the command line."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class LineClosed(Message):
    """The operator left the command line."""


class SlotPicked(Message):
    """A slot was clicked."""

    def __init__(self, slot: int) -> None:
        super().__init__()
        self.slot = slot


class MomentPicked(Message):
    """A place on the scrubber was clicked, or the mouse was dragged there."""

    def __init__(self, at_s: float) -> None:
        super().__init__()
        self.at_s = at_s
        """Seconds since the recording began."""


class StepPicked(Message):
    """A step on the chart was clicked."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step


class ChartZoomed(Message):
    """The mouse wheel turned over a chart."""

    def __init__(self, step: int, factor: float) -> None:
        super().__init__()
        self.step = step
        """What stays where it is."""
        self.factor = factor
        """Above 1: closer."""


class ChartPanned(Message):
    """A chart was dragged, or the wheel turned sideways."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        """Of the steps shown; below 0: back."""


class RunOpened(Message):
    """A run was chosen on the home screen."""

    def __init__(self, path: Path, replay: bool) -> None:
        super().__init__()
        self.path = path
        self.replay = replay


class ProfileChosen(Message):
    """A profile is to be started."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class HomeAsked(Message):
    """All runs of a folder are to be listed."""

    def __init__(self, runs_dir: Path) -> None:
        super().__init__()
        self.runs_dir = runs_dir


class LaunchAsked(Message):
    """A profile is to be shown as a form."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class CompareAsked(Message):
    """Runs are to be laid over one another; with one, the others are chosen there."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        super().__init__()
        self.paths = paths


class PipelinesAsked(Message):
    """Long jobs are to be listed."""


class RunLeft(Message):
    """The operator left a cockpit or a replay."""

    def __init__(self, farewell: str) -> None:
        super().__init__()
        self.farewell = farewell
        """One line for the shell, such as how to attach again."""
