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


class SlotHovered(Message):
    """The mouse came over another slot, or left them all."""

    def __init__(self, slot: int | None) -> None:
        super().__init__()
        self.slot = slot


class SortPicked(Message):
    """The title of a column was clicked."""

    def __init__(self, column: str) -> None:
        super().__init__()
        self.column = column


class LeverPicked(Message):
    """A lever on memory was clicked."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at


class LeverPulled(Message):
    """The selected lever was clicked again."""


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

    def __init__(self, name: str, sets: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.name = name
        """A name on the shelf, or a file."""
        self.sets = sets
        """`key=value` words over it."""


class StartRefused(Message):
    """A run could not be started; sent to the screen that asked."""

    def __init__(self, error: str) -> None:
        super().__init__()
        self.error = error


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
    """Long jobs of a folder of runs are to be listed."""

    def __init__(self, runs_dir: Path) -> None:
        super().__init__()
        self.runs_dir = runs_dir


class CsvAsked(Message):
    """A run's curves are to be written as CSV."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path


class MomentOpened(Message):
    """A run is to be shown as it was when one event had just been logged."""

    def __init__(self, path: Path, seq: int) -> None:
        super().__init__()
        self.path = path
        self.seq = seq


class RunLeft(Message):
    """The operator left a cockpit or a replay."""

    def __init__(self, farewell: str) -> None:
        super().__init__()
        self.farewell = farewell
        """One line for the shell, such as how to attach again."""
