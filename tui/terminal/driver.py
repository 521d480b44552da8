"""Textual's driver for terminals, with every drawing going through the painter, which sends only what changed.

The app is made with it; nothing else knows of it. Keys, mouse and modes stay Textual's.
"""

from __future__ import annotations

import sys
from typing import Any

from textual import constants, events
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from tui.terminal.painter import Painter


class SparingDriver(LinuxDriver):
    """Keys and mouse as Textual reads them; drawing by cells."""

    painter: Painter

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self.painter = app.painter

    def start_application_mode(self) -> None:
        """Take the terminal over."""
        assert sys.__stderr__ is not None, "there is a terminal"
        width, height = self._get_terminal_size()
        self.painter.start(sys.__stderr__, width, height)
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def write(self, data: str) -> None:
        """Draw, soon."""
        self.painter.draw(data)

    def close(self) -> None:
        """Everything is on the terminal when this returns."""
        self.painter.close()
        super().close()

    def process_message(self, message: Message) -> None:
        """A key or the mouse: what it changes is drawn at once."""
        if isinstance(message, events.InputEvent):
            self.painter.hurry()
        super().process_message(message)


def driver_class() -> type[Driver] | None:
    """The driver for this terminal; None where TEXTUAL_DRIVER names another."""
    return None if constants.DRIVER else SparingDriver
