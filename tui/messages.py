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


class RunLeft(Message):
    """The operator left a cockpit or a replay."""

    def __init__(self, farewell: str) -> None:
        super().__init__()
        self.farewell = farewell
        """One line for the shell, such as how to attach again."""
