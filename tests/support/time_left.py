"""Whether a cockpit would have told the right time left all along a real run's log."""

from __future__ import annotations

from pathlib import Path
from statistics import median_high

from engine.protocol.codec import decode
from engine.protocol.events import RunStarted, StateChanged, StepReport
from engine.runlog.reader import LogReader
from tui.state.store import RunStore

NIGHT_S = 36_000.0


def check_time_left(run_dir: Path) -> None:
    """It is made of what steps usually take, never of pauses, saves, the time between two engines or one slow step."""
    store, taken_ms = RunStore(), list[float]()
    store.set_link("live")
    for entry in LogReader(run_dir).entries():
        event = decode(entry.kind, entry.payload)
        store.apply(entry.seq, entry.wall_s, event)
        left_s = store.eta_s(entry.wall_s)
        match event:
            case RunStarted():
                assert left_s is None, "nothing of this life is measured yet"
            case StepReport():
                taken_ms.append(event.step_ms)
                steps = (store.total_steps or 0) - event.step
                usual_s = median_high(taken_ms) / 1e3
                assert left_s is None or left_s <= steps * usual_s * 5, (
                    "one slow step is not every step to come"
                )
            case StateChanged(state="paused"):
                assert store.eta_s(entry.wall_s + NIGHT_S) == left_s, "it stands while the run does"
            case _:
                pass
