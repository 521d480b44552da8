"""A raw pseudo-terminal with a command in it, and a strict reader of every byte the command sent.

The line discipline changes nothing (no echo, no carriage return added), so what is judged is what the program wrote.
`stray` knows the few escape sequences that the cockpit itself uses, in their exact spelling; everything else that is no
plain text is reported.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import tty
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 240.0
"""Only what fails waits so long."""
COMMAND = (sys.executable, "-m", "slotdeck.cli")
NUMBER = r"(?:0|[1-9][0-9]{0,4})"
"""Without leading zeros: a sequence from data that has them is told from one of the cockpit's own."""
OWN = re.compile(
    rf"\x1b\[(?:{NUMBER}(?:;{NUMBER})*)?m"  # colours
    rf"|\x1b\[{NUMBER};{NUMBER}H|\x1b\[H|\x1b\[{NUMBER}[ABCD]"  # where
    r"|\x1b\[\?(?:7|25|1000|1003|1004|1006|1015|1016|1049|2004|2026|2048)[hl]"  # mouse, paste, focus, screen, cursor
    r"|\x1b\[\?(?:1016|2026|2048)\$p"  # what the terminal can
    r"|\x1b\[>25u|\x1b\[<u|\x1b\[\?u"  # keyboard
    r"|\x1b\]22;(?:default|pointer|text)\x07"  # the mouse's shape
)


def stray(sent: bytes) -> list[str]:
    """What a terminal would obey or hide that is none of the cockpit's own sequences, each with what is around it."""
    try:
        text = sent.decode("utf-8")
    except UnicodeDecodeError as error:
        around = sent[max(0, error.start - 30) : error.start + 30]
        return [f"bytes that are no UTF-8: {around!r}"]
    found, plain_from = [], 0
    for match in [*OWN.finditer(text), None]:
        end = match.start() if match else len(text)
        for at in range(plain_from, end):
            char = text[at]
            if not (char.isprintable() or char in "\n\t") or unicodedata.category(char) in ("Cf", "Zl", "Zp"):
                found.append(f"U+{ord(char):04X} in {text[max(0, at - 30) : at + 30]!r}")
        plain_from = match.end() if match else end
    return found


class RawTerminal:
    """`python ARGUMENTS...` in a raw pseudo-terminal; every byte it writes is kept."""

    def __init__(
        self, *arguments: str, cwd: Path, columns: int = 120, rows: int = 32,
        environment: Mapping[str, str | None] | None = None,
    ) -> None:  # fmt: skip
        """`environment`: added to ours; None takes a name out."""
        self.sent = bytearray()
        """All it wrote so far."""
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        wanted = {
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "TERM": "xterm-256color",
            **(environment or {}),
        }
        taken = {name for name, value in wanted.items() if value is None} | {"COLUMNS", "LINES", "NO_COLOR"}
        env = {**os.environ, **{name: value for name, value in wanted.items() if value is not None}}
        self.child = subprocess.Popen(
            [sys.executable, *arguments], stdin=slave, stdout=slave, stderr=slave, cwd=cwd, start_new_session=True,
            env={name: value for name, value in env.items() if name not in taken},
        )  # fmt: skip
        os.close(slave)

    def __enter__(self) -> RawTerminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        os.close(self._master)

    def hang_up(self) -> None:
        """Close the terminal. The command is in no session of it and gets no signal."""
        os.close(self._master)
        self._master = os.open(os.devnull, os.O_RDWR)

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._master, keys)

    def read(self, seconds: float) -> bool:
        """Take what comes for so long. False: the command has gone and all is read."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            if select.select([self._master], [], [], left_s)[0]:
                try:
                    data = os.read(self._master, 1 << 16)
                except OSError:
                    return False
                if not data:
                    return False
                self.sent += data
        return True

    def quiet(self, seconds: float = 0.3, limit_s: float = 5.0) -> None:
        """Take what comes until nothing has come for so long."""
        until_s, before = time.monotonic() + limit_s, -1
        while len(self.sent) != before and time.monotonic() < until_s:
            before = len(self.sent)
            self.read(seconds)

    def until(self, pattern: bytes, limit_s: float = PATIENCE_S, after: int = 0) -> None:
        """Take what comes until it matches, from byte `after` on."""
        until_s = time.monotonic() + limit_s
        while not re.search(pattern, self.sent[after:]):
            alive = self.read(0.05)
            assert alive or re.search(pattern, self.sent[after:]), (
                f"it ended without {pattern!r}: {self.sent[-600:]!r}"
            )
            assert time.monotonic() < until_s, f"{pattern!r} never came: {self.sent[-600:]!r}"

    def end(self, limit_s: float = PATIENCE_S) -> int:
        """Take what comes until the command is gone and nothing of its is left; its exit code."""
        until_s = time.monotonic() + limit_s
        while self.read(0.05):
            assert time.monotonic() < until_s, f"it never ended: {self.sent[-600:]!r}"
        return self.child.wait(limit_s)

    def stop(self, limit_s: float = PATIENCE_S) -> None:
        """Ctrl+z: take what comes until the command has stopped."""
        self.child.send_signal(signal.SIGTSTP)
        until_s = time.monotonic() + limit_s
        while not os.waitid(os.P_PID, self.child.pid, os.WSTOPPED | os.WNOHANG):
            self.read(0.02)
            assert time.monotonic() < until_s, f"it never stopped: {self.sent[-600:]!r}"
        self.read(0.05)
