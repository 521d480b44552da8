"""The store against a real log: what is loaded at once equals what was applied one by one."""

from __future__ import annotations

from pathlib import Path

from told_run import story

from engine.protocol.codec import decode
from engine.runlog.index import History
from engine.runlog.reader import LogReader
from engine.runlog.writer import LogWriter
from tui.state.store import RunStore
from tui.state.store_facts import SCALARS


def written(run_dir: Path) -> None:
    log = LogWriter(run_dir, "told")
    for _, event in story(steps=900):
        if event.RELIABLE:
            log.commit(event)
        else:
            log.emit(event)
    log.close()


def test_curves_from_the_pyramid_are_those_of_the_single_reports(tmp_path: Path) -> None:
    written(tmp_path)
    one_by_one, at_once = RunStore(clock=lambda: 0.0), RunStore(clock=lambda: 0.0)
    history = History(tmp_path, raw_reports=0)
    at_once.load(history.tracks)
    for entry in history.state_before(history.head_seq + 1):
        at_once.apply(entry.seq, entry.wall_s, decode(entry.kind, entry.payload))
    for entry in LogReader(tmp_path).entries():
        one_by_one.apply(entry.seq, entry.wall_s, decode(entry.kind, entry.payload))
    assert at_once.head_seq == one_by_one.head_seq
    assert at_once.step == one_by_one.step == 900
    assert [i.text for i in at_once.feed] == [i.text for i in one_by_one.feed]
    for name in SCALARS:
        loaded, applied = at_once.series[name], one_by_one.series[name]
        assert loaded.last == applied.last
        assert loaded.forks[1] == applied.forks[1] == 500
        for draw in ("live", "abandoned"):
            old, new = (list(getattr(s, draw)(0, 1000, 1).filled()) for s in (loaded, applied))
            assert bool(old) == bool(new)
        assert max(loaded.live(0, 1000, 1).high) == max(applied.live(0, 1000, 1).high)
