"""Words to the terminal: the only place in the front door that prints, and nothing unsafe gets past it.

Whatever is told may hold a name, a path or an error that somebody else chose: control characters, bidi marks and the
like are shown as escapes. Newlines and tabs stay; say one line with `one_line` where it must be one.
"""

from __future__ import annotations

import sys

from engine.text import sanitise

LIMIT = 1 << 22
"""Characters of one telling; a line of `dump` holds at most a frame."""


def say(line: str) -> None:
    """On stdout: what was asked for."""
    print(sanitise(line, LIMIT), flush=True)


def note(line: str) -> None:
    """On stderr: progress and complaints."""
    print(sanitise(line, LIMIT), file=sys.stderr, flush=True)
