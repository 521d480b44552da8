"""The size of the terminal is what the terminal says; one that has none, as on a serial line, is told the usual.

Called once, before the app starts. Textual and rich would otherwise each assume another size and lay out for ever, or
believe a `LINES` that the shell exported when the window was larger.
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios

ROWS, COLUMNS = 24, 80
_STDOUT = 1


def ensure_size() -> None:
    """Give the terminal on stdout a size when it has none; a resize that comes later counts as ever."""
    for exported in ("COLUMNS", "LINES"):
        os.environ.pop(exported, None)
    try:
        if 0 in os.get_terminal_size(_STDOUT):
            fcntl.ioctl(_STDOUT, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    except OSError:
        return  # it is no terminal, or one that cannot be told
