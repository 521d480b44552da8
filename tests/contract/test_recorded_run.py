"""The run that comes with the project: today's reader still reads it whole, and it tells the story it is there for."""

from __future__ import annotations

from pathlib import Path

from engine.protocol.codec import Unknown, decode
from engine.protocol.events import (
    Alarm,
    CommandApplied,
    CommandRefused,
    Evaluated,
    Probed,
    RunEnded,
    SlotPlanned,
    SlotsMeasured,
    WentBack,
)
from engine.runlog.reader import LogReader

RECORDED = Path(__file__).parents[2] / "runs" / "recorded-demo"


def test_every_frame_of_the_recorded_run_is_read() -> None:
    reader = LogReader(RECORDED)
    events = [decode(entry.kind, entry.payload) for entry in reader.entries()]
    assert reader.damage == []
    assert [e for e in events if isinstance(e, Unknown)] == []


def test_it_shows_a_loss_that_falls_and_an_operator_at_work() -> None:
    events = [decode(entry.kind, entry.payload) for entry in LogReader(RECORDED).entries()]
    losses = [e.loss for e in events if isinstance(e, Evaluated)]
    assert losses[0] > 8
    assert losses[-1] < 5.3
    assert {"pin", "ban", "lr", "policy", "note", "probe", "prune", "rollback"} <= {
        e.verb for e in events if isinstance(e, CommandApplied)
    }
    assert any(isinstance(e, CommandRefused) for e in events)
    assert "loss-spikes" in {e.code for e in events if isinstance(e, Alarm)}
    assert any(isinstance(e, WentBack) for e in events)
    assert sum(isinstance(e, Probed) for e in events) == 2
    assert any(isinstance(e, SlotsMeasured) for e in events)
    held = [{row.held for row in e.rows} for e in events if isinstance(e, SlotPlanned)]
    assert any(kinds >= {"pin", "ban"} for kinds in held)
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.outcome == "finished"
