"""Reads what a run's whole log has of memory and of the slots' measurements. The app hands it to pages, which call it
in a thread; it reads files and never the engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from engine.protocol.codec import decode
from engine.protocol.events import MemorySplit, RunStarted, SlotPlanned, SlotsMeasured, WentBack
from engine.runlog.find import entries_of
from tui.state.measured_log import MeasuredLog

KINDS = frozenset(kind.KIND for kind in (MemorySplit, SlotsMeasured, SlotPlanned, RunStarted, WentBack))
PLANS = 8
"""Read of the plans between two measurements: there may be one a step."""
REST_S = 0.001
"""After a piece of the log: the screen wants to be drawn."""


def read_measured(run_dir: Path, stopped: Callable[[], bool]) -> MeasuredLog:
    """The measurements of a whole log, thinned. `stopped` is asked after every piece: nobody waits for the rest.

    Raises:
        SlotdeckError: the log cannot be read.
    """
    found, branch = MeasuredLog(), 0
    plans: list[bytes] = []
    for entries in entries_of(run_dir, KINDS):
        for entry in entries:
            found.head_seq = entry.seq
            if entry.kind == SlotPlanned.KIND:
                plans.append(entry.payload)
                continue
            event = decode(entry.kind, entry.payload)
            match event:
                case RunStarted(branch=branch) | WentBack(branch=branch):
                    plans.clear()
                case MemorySplit():
                    found.split(entry.seq, branch, event)
                case SlotsMeasured():
                    found.measured(entry.seq, event, _some(plans))
                    plans = plans[-1:]  # it still holds
                case _:
                    pass
        if stopped():
            break
        time.sleep(REST_S)
    return found


def _some(plans: list[bytes]) -> list[SlotPlanned]:
    """Evenly, the newest among them."""
    stride = max(1, -(-len(plans) // PLANS))
    decoded = (decode(SlotPlanned.KIND, payload) for payload in reversed(plans[::-1][::stride]))
    return [plan for plan in decoded if isinstance(plan, SlotPlanned)]
