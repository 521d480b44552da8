"""Sub-commands that take what a run's log holds elsewhere."""

from __future__ import annotations

from slotdeck.options import RUNS, Run, Runs, app
from slotdeck.say import say


@app.command()
def dump(run: Run, runs_dir: Runs = RUNS) -> None:
    """Print a run's log, one JSON line a frame."""
    from engine.runlog.catalog import find_run
    from engine.runlog.dump import dump as dump_lines

    for line in dump_lines(find_run(run, runs_dir)):
        say(line)
