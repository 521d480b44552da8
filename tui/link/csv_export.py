"""Writes what a run's log holds as CSV, by `slotdeck export-run` in a process of its own: the cockpit goes on drawing.

Called by the app in a thread. Only an earlier export of the same run is ever replaced.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from engine.errors import SlotdeckError
from engine.runlog.private import child_environment
from engine.text import one_line


def write_csv(run_dir: Path, python: str = sys.executable) -> str:
    """Into `<run>-export/csv` of the folder that one works in; gives the line that says where the loss curve is.

    Raises:
        SlotdeckError: what the command said it could not do.
    """
    words = ["export-run", str(run_dir.absolute()), "--csv", "--overwrite"]
    done = subprocess.run(
        [python, "-m", "slotdeck.front", *words],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
        env=child_environment(),
    )  # fmt: skip
    said = [one_line(line, 2000) for line in done.stdout.splitlines() if line.strip()]
    if done.returncode:
        wrong = [one_line(line, 2000) for line in done.stderr.splitlines() if line.strip()]
        raise SlotdeckError(
            wrong[-1].removeprefix("slotdeck: ") if wrong else "the export ended without a word"
        )
    return next((line for line in said if line.startswith("loss curve")), "written")
