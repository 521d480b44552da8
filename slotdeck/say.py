"""Words to the terminal: the only place in the front door that prints, and nothing unsafe gets past it.

Whatever is told may hold a name, a path or an error that somebody else chose: control characters, bidi marks and the
like are shown as escapes. Newlines and tabs stay; say one line with `one_line` where it must be one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.text import sanitise
from engine.units import format_duration

Say = Callable[[str], None]
"""Takes a line for the user; `say` and `note` are such."""
LIMIT = 1 << 22
"""Characters of one telling; a line of `dump` holds at most a frame."""

SILENT_S = 1.0
"""Work shorter than this says nothing of how far it is."""


def say(line: str) -> None:
    """On stdout: what was asked for."""
    print(sanitise(line, LIMIT), flush=True)


def note(line: str) -> None:
    """On stderr: progress and complaints."""
    print(sanitise(line, LIMIT), file=sys.stderr, flush=True)


@contextmanager
def shown_share(doing: str, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[float], None]]:
    """How much of long work is done: a row on stderr that comes after a second, moves, and is gone in the end.

    Nothing where stderr is no terminal.
    """
    begun_s = clock()
    shown = ""

    def tell(share: float) -> None:
        nonlocal shown
        seconds = clock() - begun_s
        if seconds < SILENT_S or not sys.stderr.isatty():
            return
        left = f", {format_duration(seconds / share - seconds)} left" if share > 0 else ""
        row = f"{doing}: {share:4.0%}{left}" if share < 1 else ""
        if row != shown:
            shown = row
            print(f"\r{sanitise(row)}\x1b[K", end="", file=sys.stderr, flush=True)

    try:
        yield tell
    finally:
        tell(1.0)
