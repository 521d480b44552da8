"""Figure 9: every TERM, locale and size: the recorded run opened in a real pseudo-terminal, some keys, and out again.

A terminal that cannot draw gets plain lines instead. A crash is an exit code other than the one expected, a traceback,
or no end at all.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)] if str(ROOT) not in sys.path else []

from benchmarks.durability.proof import Proof, Row, count_row
from benchmarks.durability.raw_terminal import PATIENCE_S, RawTerminal

RECORDED = ROOT / "runs" / "recorded-demo"
TERMS = ("xterm-256color", "xterm", "screen", "linux", "dumb", "")
"""The last is unset."""
LATIN_1 = "en_US.ISO-8859-1"
LOCALES = ("C", "C.UTF-8", LATIN_1)
SIZES = ((120, 32), (80, 24), (300, 100), (40, 12), (20, 5), (1, 1), (0, 0))
"""Columns and rows."""
KEYS = (b" ", b"f", b"f", b"n", b"\x1b[F", b"z", b"d", b"2")
"""None is an escape, which a busy machine takes together with the key that follows."""
DRAWS_NOTHING = ("dumb", "")


@dataclass(frozen=True, slots=True)
class Kind:
    """One terminal."""

    term: str
    locale: str
    size: tuple[int, int]

    @property
    def environment(self) -> dict[str, str | None]:
        """What it is in a process's environment."""
        locpath = str(latin_1_folder() or "") if self.locale == LATIN_1 else None
        return {
            "TERM": self.term or None, "LC_ALL": self.locale, "LANG": None, "LOCPATH": locpath, "COLORTERM": None,
            "PYTHONUTF8": None, "PYTHONIOENCODING": None,
        }  # fmt: skip

    def __str__(self) -> str:
        return f"TERM={self.term or 'unset'} LC_ALL={self.locale} {self.size[0]}x{self.size[1]}"


@cache
def latin_1_folder() -> Path | None:
    """A folder with a Latin-1 locale, made with `localedef`; None where that cannot be had."""
    if shutil.which("localedef") is None:
        return None
    folder = Path(tempfile.gettempdir(), f"slotdeck-locale-{os.getuid()}-{os.getpid()}")
    folder.mkdir(mode=0o700)
    command = ["localedef", "-i", "en_US", "-f", "ISO-8859-1", "--no-archive", str(folder / LATIN_1)]
    subprocess.run(command, capture_output=True, check=False)
    return folder if (folder / LATIN_1).is_dir() else None


def every_kind() -> list[Kind]:
    """The whole matrix; without Latin-1 where there is no such locale."""
    locales = [name for name in LOCALES if name != LATIN_1 or latin_1_folder() is not None]
    return [Kind(*kind) for kind in itertools.product(TERMS, locales, SIZES)]


def some_kinds() -> list[Kind]:
    """Each TERM, locale and size at least once."""
    locales = [name for name in LOCALES if name != LATIN_1 or latin_1_folder() is not None]
    return [
        Kind(TERMS[n % len(TERMS)], locales[(n + 2) % len(locales)], SIZES[n % len(SIZES)])
        for n in range(max(len(TERMS), len(SIZES)))
    ]


def try_out(kind: Kind, cwd: Path) -> str:
    """What went wrong in such a terminal, or nothing."""
    draws = kind.term not in DRAWS_NOTHING
    words = ["replay" if draws else "attach", str(RECORDED)]
    columns, rows = kind.size
    with RawTerminal(
        "-m", "slotdeck.cli", *words, cwd=cwd, columns=columns, rows=rows, environment=kind.environment
    ) as terminal:  # fmt: skip
        try:
            if draws:
                terminal.until(rb"(?s)\x1b\[\?1049h.*\x1b\[\d+;\d+H")
                terminal.quiet(0.3)
                for key in KEYS:
                    terminal.press(key)
                    terminal.read(0.08)
            code = leave(terminal) if draws else terminal.end()
        except AssertionError as error:
            return f"{kind}: {str(error)[:400]}"
        sent = bytes(terminal.sent)
    if code != 0:
        return f"{kind}: exit code {code}: {sent[-300:]!r}"
    if b"Traceback" in sent:
        return f"{kind}: a traceback: {sent[-600:]!r}"
    if not draws and (b"\x1b" in sent or b"finished at step" not in sent):
        return f"{kind}: not plain lines: {sent[-300:]!r}"
    return ""


def leave(terminal: RawTerminal, limit_s: float = PATIENCE_S) -> int:
    """Press q until it is gone: what is open over the cockpit is closed by the first. Its exit code."""
    until_s = time.monotonic() + limit_s
    while terminal.child.poll() is None:
        assert time.monotonic() < until_s, f"it would not leave: {terminal.sent[-300:]!r}"
        terminal.press(b"q")
        terminal.read(1.5)
    return terminal.child.wait()


def try_all(kinds: list[Kind], cwd: Path, workers: int = 2) -> list[str]:
    """What went wrong in these terminals, some at a time."""
    with ThreadPoolExecutor(workers) as pool:
        return [wrong for wrong in pool.map(lambda kind: try_out(kind, cwd), kinds) if wrong]


def _row(folder: Path, kinds: list[Kind]) -> Row:
    wrong = try_all(kinds, folder)
    for sentence in wrong:
        print("  ", sentence)
    locales = ", ".join(sorted({kind.locale for kind in kinds}))
    sizes = ", ".join(f"{columns}x{rows}" for columns, rows in SIZES)
    left_out = "" if latin_1_folder() else "; no Latin-1 locale could be made here"
    note = f"TERM {', '.join(filter(None, TERMS))} and unset; LC_ALL {locales}{left_out}; {sizes}"
    return count_row(
        "terminals in which the recorded run crashed the cockpit", len(wrong), len(kinds), "terminals", note
    )


def proofs(long: bool) -> list[Proof]:
    """The claim of figure 9."""
    return [Proof(9, "terminal-kinds", lambda folder: _row(folder, every_kind() if long else some_kinds()))]
