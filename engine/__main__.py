"""`python -m engine RUN_DIR [--resume [--paused]]`: the engine process, started by the command line in its own session.

Exit codes: 0 finished or stopped, 1 failed while training (the traceback is in engine.out, the reason in the
log), 2 refused before it began (one line on stderr), 3 stopped at once by a second signal.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from engine.errors import SlotdeckError
from engine.runlog.private import UMASK
from engine.text import one_line


def main() -> int:
    """Train the run in the folder given."""
    parser = argparse.ArgumentParser(prog="python -m engine", description="Train the run in a run folder.")
    parser.add_argument("run_dir", type=Path, help="a folder that `slotdeck train` made")
    parser.add_argument("--resume", action="store_true", help="go on from the newest good checkpoint")
    parser.add_argument("--paused", action="store_true", help="wait there for the operator")
    given = parser.parse_args()
    os.umask(UMASK)  # whatever is made in the run folder, by whichever library, is ours alone
    # Not before the arguments are read: torch takes seconds to import.
    from engine.train.life import run_engine

    try:
        return run_engine(given.run_dir, resume=given.resume, paused=given.paused)
    except SlotdeckError as error:
        sys.stderr.write(f"error: {one_line(str(error), 2000)}\n")
        return error.exit_code


FAILED = 1

if __name__ == "__main__":
    code = main()
    if code == FAILED:  # log and checkpoints are closed; a device in error can hang an orderly exit for ever
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
