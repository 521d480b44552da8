"""Textual's driver for terminals, with every drawing going through the painter, which sends only what changed.

The app is made with it; nothing else knows of it. Keys, mouse and modes stay Textual's.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from typing import Any

from textual import constants, events
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from tui.terminal.keyboard import Keyboard
from tui.terminal.painter import Painter

ENDS = (signal.SIGTERM, signal.SIGHUP)
"""Signals that would end the process with the terminal still taken over."""


LOOK_S = 1.0
"""Between two looks whether the terminal is still there: not every one that goes sends a signal."""


class SparingDriver(LinuxDriver):
    """Keys and mouse as Textual reads them; drawing by cells."""

    painter: Painter
    _look: asyncio.TimerHandle | None = None
    _away = False
    """Suspended: a shell has the terminal."""

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self.painter = app.painter

    def start_application_mode(self) -> None:
        """Take the terminal over."""
        assert sys.__stderr__ is not None, "there is a terminal"
        width, height = self._get_terminal_size()
        self.painter.start(sys.__stderr__, width, height)
        for number in ENDS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, self._end)
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._look_for_terminal()

    def write(self, data: str) -> None:
        """Draw, soon."""
        self.painter.draw(data)

    def close(self) -> None:
        """Everything is on the terminal when this returns."""
        if self._look is not None:
            self._look.cancel()
        self.painter.close()
        super().close()
        for number in ENDS:
            if signal.getsignal(number) == self._end:
                signal.signal(number, signal.SIG_DFL)

    def _sigtstp_application(self, *_: object) -> None:
        """Asked to make room. Between two turns of the loop: the signal may come while one before is being obeyed."""
        if self._loop.is_closed():
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            self._loop.call_soon_threadsafe(self._make_room)

    def _sigcont_application(self, *_: object) -> None:
        """Back; also from a stop that nobody was asked about, after which the terminal is not as it was left."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._come_back)

    def _make_room(self) -> None:
        if self._away or not self._app.is_running:  # the terminal is given back already
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            self._away = True
            super()._sigtstp_application()

    def _come_back(self) -> None:
        if not self._app.is_running:  # and it stays so
            return
        if not self._away:
            self.suspend_application_mode()
        self._away = False
        super()._sigcont_application()

    def _end(self, number: int, _: object) -> None:
        """Asked to go: the terminal is left as it was. A second time it is not waited for."""
        signal.signal(number, signal.SIG_DFL)
        self._leave(number)

    def _look_for_terminal(self) -> None:
        terminal = select.poll()
        terminal.register(self.fileno, 0)
        if terminal.poll(0):
            self._leave(signal.SIGHUP)
        else:
            self._look = self._loop.call_later(LOOK_S, self._look_for_terminal)

    def _leave(self, number: int) -> None:
        self._loop.call_soon_threadsafe(lambda: self._app.exit(return_code=128 + number))

    def run_input_thread(self) -> None:
        """Every key and every move of the mouse, until the end. What a terminal sends cannot end the app."""
        for message in Keyboard(self.fileno).messages(self.exit_event.is_set):
            self.process_message(message)

    def process_message(self, message: Message) -> None:
        """A key or the mouse: what it changes is drawn at once."""
        if isinstance(message, events.InputEvent):
            self.painter.hurry()
        super().process_message(message)


def driver_class() -> type[Driver] | None:
    """The driver for this terminal; None where TEXTUAL_DRIVER names another."""
    return None if constants.DRIVER else SparingDriver
