"""Whether there is a terminal for the cockpit, and how this command is called from it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path


def has_terminal() -> bool:
    """Both ends are a terminal that can draw; TERM unset or `dumb` and pipes get plain lines instead."""
    return (
        sys.stdin.isatty()
        and sys.stdout.isatty()
        and os.environ.get("TERM", "") not in ("", "dumb", "unknown")
    )


def command_line(*words: str | Path) -> str:
    """A command of ours as one would paste it here: quoted, with the path to `slotdeck` if it needs one."""
    program = "slotdeck"
    called = Path(sys.argv[0])
    if shutil.which(program) is None and called.name == program:
        program = str(shown_path(called))
    return " ".join([shlex.quote(program), *(shlex.quote(str(word)) for word in words)])


def shown_path(path: Path) -> Path:
    """Relative to where the user is, when it lies below; else absolute."""
    try:
        return path.absolute().relative_to(Path.cwd())
    except ValueError:
        return path.absolute()
