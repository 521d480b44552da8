"""Sub-commands about this machine and this user."""

from __future__ import annotations

import typer

from slotdeck.options import RUNS, Runs, app
from slotdeck.say import say


@app.command()
def doctor(runs_dir: Runs = RUNS) -> None:
    """Say what this machine can do, and what to mend."""
    from slotdeck.doctor.examine import examine

    raise typer.Exit(examine(runs_dir, say))
