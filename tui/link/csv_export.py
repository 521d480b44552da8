"""Writes what a run's log holds as CSV, by `slotdeck export-run` in a process of its own: the cockpit goes on drawing.

Called by the app in a thread. Only an earlier export of the same run is ever replaced.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

from engine.errors import SlotdeckError
from engine.runlog.private import child_environment
from engine.text import one_line

LOOK_S = 0.1
"""Between two looks whether the cockpit is being left."""


def write_csv(run_dir: Path, left: Callable[[], bool], python: str = sys.executable) -> str:
    """Into `<run>-export/csv` of the folder that one works in; gives the line that says where the loss curve is.

    When the cockpit is `left` meanwhile it is not waited for: the export goes on by itself. "" then.

    Raises:
        SlotdeckError: what the command said it could not do.
    """
    words = ["export-run", str(run_dir.absolute()), "--csv", "--overwrite"]
    with TemporaryFile("w+", errors="replace") as out, TemporaryFile("w+", errors="replace") as err:
        export = subprocess.Popen(
            [python, "-m", "slotdeck.front", *words],
            stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=child_environment(), start_new_session=True,
        )  # fmt: skip
        while True:
            with suppress(subprocess.TimeoutExpired):
                export.wait(LOOK_S)
                break
            if left():
                export.returncode = 0  # not ours any more
                return ""
        out.seek(0), err.seek(0)
        said, wrong = ([one_line(line, 2000) for line in told if line.strip()] for told in (out, err))
    if export.returncode:
        raise SlotdeckError(
            wrong[-1].removeprefix("slotdeck: ") if wrong else "the export ended without a word"
        )
    return next((line for line in said if line.startswith("loss curve")), "written")
