"""A cockpit in a pseudo-terminal: its bytes counted, its screen read, keys pressed, its processor time and memory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import pyte

ROOT = Path(__file__).resolve().parents[2]
COLUMNS, ROWS = 120, 32
SLOTDECK = "from slotdeck.front import main; main()"
CURVE = r"[⠀-⣿]{8}"
"""Eight braille cells in a row: a chart is drawn."""
_QUESTIONS = re.compile(rb"\x1b\[[?<>=][0-9;]*\$?[a-z]")
"""Modes and questions that the emulator does not know."""


class Child:
    """Python on a pseudo-terminal of 120 x 32."""

    def __init__(
        self, *arguments: str, program: Path | str = sys.executable, compiled: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """`compiled`: where Python keeps compiled modules, made at the first start as an installer would."""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "OMP_NUM_THREADS": "1"}
        for name in ("PYTHONDONTWRITEBYTECODE", "COLUMNS", "LINES", "NO_COLOR", "SLOTDECK_RUNS"):
            env.pop(name, None)
        if compiled is not None:
            env["PYTHONPYCACHEPREFIX"] = str(compiled)
        self.seen = bytearray()
        """Every byte it wrote."""
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._emulator = pyte.ByteStream(self._screen)
        self._drawn = 0
        self.began_s = time.perf_counter()
        self.process = psutil.Popen(
            [str(program), *arguments], stdin=slave, stdout=slave, stderr=slave, cwd=ROOT,
            env={**env, **(environment or {})}, start_new_session=True,
        )  # fmt: skip
        os.close(slave)

    @classmethod
    def slotdeck(cls, *words: str | Path, compiled: Path | None = None, **environment: str) -> Child:
        """`slotdeck WORDS...`, as its script calls it."""
        code = f"import sys; sys.argv = {['slotdeck', *map(str, words)]!r}; {SLOTDECK}"
        return cls("-c", code, compiled=compiled, environment=environment)

    @property
    def text(self) -> str:
        """The screen now, as lines."""
        new = bytes(self.seen[self._drawn :])
        self._drawn = len(self.seen)
        self._emulator.feed(_QUESTIONS.sub(b"", new))
        return "\n".join(self._screen.display)

    def press(self, keys: str) -> float:
        """Type; when that was."""
        os.write(self._master, keys.encode())
        return time.perf_counter()

    def read(self, seconds: float, until_any: bool = False) -> bool:
        """Take what comes for so long, or until anything came. Whether something did."""
        until_s, came = time.perf_counter() + seconds, False
        while (left_s := until_s - time.perf_counter()) > 0 and not (came and until_any):
            if select.select([self._master], [], [], left_s)[0]:
                try:
                    self.seen += os.read(self._master, 1 << 16)
                except OSError:
                    return came
                came = True
        return came

    def until(self, shown: str | Callable[[str], bool], limit_s: float = 60.0) -> float:
        """Seconds since its start until the screen matches.

        Raises:
            AssertionError: it did not within `limit_s`.
        """
        pattern = re.compile(shown).search if isinstance(shown, str) else shown
        last_s = time.perf_counter() + limit_s
        while not pattern(self.text):
            assert time.perf_counter() < last_s, f"{shown!r} never came:\n{self.text}"
            self.read(0.25, until_any=True)
        return time.perf_counter() - self.began_s

    def quiet(self, seconds: float = 0.4, limit_s: float = 10.0) -> None:
        """Take what comes until nothing has come for so long."""
        last_s = time.perf_counter() + limit_s
        while time.perf_counter() < last_s and self.read(seconds, until_any=True):
            pass

    def processor_s(self) -> float:
        """Processor time it has used."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory_mb(self) -> float:
        """Resident, in 10^6 bytes."""
        return float(self.process.memory_info().rss) / 1e6

    def leave(self) -> None:
        """Press q; kill it if that does not help."""
        with contextlib.suppress(OSError):
            self.press("q")
        last_s = time.perf_counter() + 15
        while self.process.poll() is None and time.perf_counter() < last_s:
            self.read(0.05)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)
