"""A terminal to run a command in: what is on its screen, and keys into it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pexpect
import pyte
from patience import PATIENCE_S
from slotdeck_command import COMMAND, ENVIRONMENT


class Screen:
    """`slotdeck WORDS...` in a pseudo-terminal, its output drawn by a terminal emulator."""

    def __init__(
        self, *words: str | Path, cwd: Path, columns: int = 120, rows: int = 32, **exported: str
    ) -> None:
        environment = {**ENVIRONMENT, "TERM": "xterm-256color", "COLORTERM": "truecolor", **exported}
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self._screen)
        self._child = pexpect.spawn(
            COMMAND[0], [*COMMAND[1:], *map(str, words)], cwd=cwd, env=environment, encoding="utf-8",
            codec_errors="replace", dimensions=(rows, columns),
        )  # fmt: skip

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def text(self) -> str:
        """The screen as lines of text."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def pid(self) -> int:
        """Of the command."""
        return int(self._child.pid)

    def press(self, keys: str) -> None:
        """Type."""
        self._child.send(keys)

    def wait_for(self, *wanted: str, timeout_s: float = PATIENCE_S) -> str:
        """Draw until all of these are on the screen; the screen then."""
        return self._until(lambda: all(text in self.text for text in wanted), f"{wanted} on", timeout_s)

    def wait_until_gone(self, unwanted: str, timeout_s: float = PATIENCE_S) -> str:
        """Draw until this is no more on the screen; the screen then."""
        return self._until(lambda: unwanted not in self.text, f"no {unwanted!r} on", timeout_s)

    def wait_for_end(self, timeout_s: float = PATIENCE_S) -> int:
        """Draw until the command has ended; its exit status."""
        last_s = time.monotonic() + timeout_s
        while self._draw():
            assert time.monotonic() < last_s, f"it never ended:\n{self.text}"
        while self._child.isalive():
            assert time.monotonic() < last_s, f"it let go of its terminal and never ended:\n{self.text}"
            time.sleep(0.01)
        assert self._child.exitstatus is not None, f"it died of signal {self._child.signalstatus}"
        return int(self._child.exitstatus)

    def hang_up(self) -> None:
        """Close the terminal, as a lost connection does."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, self._child.child_fd)  # pexpect would kill the command as well
        os.close(nowhere)

    def _end(self) -> None:
        """Kill what is still there, and wait for it: pexpect would do so for a tenth of a second only."""
        if self._child.isalive():
            self._child.kill(signal.SIGKILL)
            self._child.wait()
        self._child.close()

    def _until(self, condition: Callable[[], bool], what: str, timeout_s: float) -> str:
        last_s = time.monotonic() + timeout_s
        while not condition():
            alive = self._draw()
            assert time.monotonic() < last_s, f"never {what} the screen:\n{self.text}"
            assert alive or condition(), f"it ended before {what} the screen:\n{self.text}"
        return self.text

    def _draw(self) -> bool:
        """Take in what was written; False at the end."""
        try:
            self._stream.feed(self._child.read_nonblocking(65_536, timeout=0.1))
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        return True
