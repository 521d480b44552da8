"""Why a run has no engine to attach to, and what to do: what lock, parent and log say. Used by the live link."""

from __future__ import annotations

from pathlib import Path

from engine.runlog.lock import LockInfo, is_live
from engine.runlog.restarts import awaited, kept_going
from engine.text import one_line
from tui.state.store import RunStore


def engine_of(run_dir: Path) -> LockInfo | None:
    """Who works on the run; not the parent that starts the engine again and now writes that into the log."""
    holder, parent = is_live(run_dir), kept_going(run_dir)
    return None if holder is not None and parent is not None and holder.pid == parent.pid else holder


def absence(run_dir: Path, holder: LockInfo | None, store: RunStore) -> tuple[str, str, str]:
    """Link status, why, and what to do; `holder`, if any, is on another machine."""
    if holder is not None:
        host = one_line(holder.host)
        return "lost", f"runs on {host}: ssh {host} slotdeck attach {run_dir.name}", "attach from there"
    if expected := awaited(run_dir):
        return "restarting", expected, ""
    ended = store.ended
    if ended is not None:
        return "ended", one_line(f"{ended.outcome}: {ended.reason}"), ""
    if store.run is None:
        return "ended", "the engine has not started", "see engine.out in the run folder"
    how = f"go on with: slotdeck resume {run_dir.name}"
    return "ended", f"engine killed after step {store.step:,}", how
