"""`slotdeck attach`: the cockpit on a run, or plain lines without a terminal. Loads nothing that starts runs yet."""

from __future__ import annotations

from pathlib import Path

from engine.errors import SlotdeckError
from engine.runlog.catalog import find_run
from engine.runlog.lock import is_live
from engine.text import one_line
from slotdeck.say import say
from slotdeck.terminal import has_terminal


def attach(run: str, runs_dir: Path, *, read_only: bool, plain: bool, thin: bool = False) -> int:
    """The cockpit on a run, live or over; plain lines without a terminal."""
    run_dir = find_run(run, runs_dir)
    holder = is_live(run_dir)
    if holder is not None and holder.host and not holder.here:
        host = one_line(holder.host)
        raise SlotdeckError(
            f"{one_line(run_dir.name)} runs on {host}",
            f"go there: ssh {host} slotdeck attach {run_dir.resolve()}",
        )
    if has_terminal() and not plain:
        from slotdeck.starter import starter
        from tui.app.run import run_attach

        return run_attach(run_dir, starter(run_dir.parent), read_only, thin=thin)
    from slotdeck.plain import follow

    return follow(run_dir, None, say)
