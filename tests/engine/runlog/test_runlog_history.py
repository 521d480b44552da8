"""The curves and the moments of a run, whether its segments are sealed or not."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from engine.protocol.codec import decode
from engine.protocol.events import Evaluated, SlotPlanned, SlotRow, StepReport
from engine.runlog import writer as writer_module
from engine.runlog.index import History
from engine.runlog.pyramid import BUCKET, COLUMNS
from engine.runlog.reader import LogReader
from engine.runlog.segment import segment_paths
from engine.runlog.writer import LogWriter


def report(step: int, loss: float, branch: int = 0, eta_s: float | None = 1.5) -> StepReport:
    return StepReport(
        step=step, branch=branch, steps=1, tokens=step * 10, loss=loss, loss_ema=loss, lr=6e-4, grad_norm=1.0,
        tokens_per_s=1e4, step_ms=5.0, data_ms=1.0, forward_ms=1.0, backward_ms=2.0, optimizer_ms=1.0,
        active_slots=8.0, precision="fp32", eta_s=eta_s,
    )  # fmt: skip


def plan(step: int) -> SlotPlanned:
    return SlotPlanned(step=step, branch=0, policy="all", rows=[SlotRow(duty=1.0)])


def evaluation(step: int, branch: int = 0) -> Evaluated:
    return Evaluated(step=step, branch=branch, loss=5.0, perplexity=148.0, tokens=100, seconds=1.0)


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "SEGMENT_BYTES", 60_000)


def write_run(run_dir: Path, steps: int = 2000, killed: bool = True) -> list[float]:
    """Reports, a plan every 50 steps, an evaluation every 500; returns the losses."""
    dice = random.Random(3)
    losses = [6 - 3 * step / steps + dice.random() for step in range(1, steps + 1)]
    writer = LogWriter(run_dir, "r")
    for step, loss in enumerate(losses, start=1):
        writer.commit(report(step, loss)) if step % 40 == 0 else writer.emit(report(step, loss))
        if step % 50 == 0:
            writer.emit(plan(step))
        if step % 500 == 0:
            writer.commit(evaluation(step))
    alive = segment_paths(run_dir)[-1].read_bytes()
    writer.close()
    if killed:
        segment_paths(run_dir)[-1].write_bytes(alive)
    return losses


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("killed", [True, False])
def test_a_short_run_shows_every_loss_as_it_was_logged(tmp_path: Path, killed: bool) -> None:
    losses = write_run(tmp_path, killed=killed)
    assert len(segment_paths(tmp_path)) > 3
    track = History(tmp_path).tracks
    assert list(track.columns["loss"].last) == losses
    assert list(track.step) == list(range(1, 2001))
    assert len(track.wall_s) == len(track.branch) == 2000
    assert all(a <= b for a, b in zip(track.wall_s, track.wall_s[1:], strict=False))
    assert {len(column.min) for column in track.columns.values()} == {2000}


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("killed", [True, False])
def test_buckets_hold_the_exact_extremes_and_last_values(tmp_path: Path, killed: bool) -> None:
    losses = write_run(tmp_path, killed=killed)
    track = History(tmp_path, raw_reports=0).tracks
    assert len(track) < 2000 / BUCKET + 20
    start = 0
    column = track.columns["loss"]
    for place, step in enumerate(track.step):
        bucket = losses[start:step]
        found = (column.min[place], column.max[place], column.last[place])
        assert found == (min(bucket), max(bucket), bucket[-1])
        start = step
    assert start == 2000


def test_the_newest_reports_are_kept_one_by_one_and_older_ones_in_buckets(tmp_path: Path) -> None:
    losses = write_run(tmp_path)
    track = History(tmp_path, raw_reports=100).tracks
    assert list(track.columns["loss"].last[-100:]) == losses[-100:]
    assert len(track) == 100 + math.ceil(1900 / BUCKET)


def test_what_is_not_finite_or_not_known_stays_visible(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, "r")
    for step, loss in enumerate([3.0, math.nan, 2.0, math.inf], start=1):
        writer.commit(report(step, loss, eta_s=None))
    writer.close()
    column = History(tmp_path, raw_reports=0).tracks.columns["loss"]
    assert (column.min[0], column.max[0], column.last[0]) == (2.0, 3.0, math.inf)
    raw = History(tmp_path).tracks
    assert math.isnan(raw.columns["loss"].last[1])
    assert all(math.isnan(x) for x in raw.columns["eta_s"].last)
    assert set(COLUMNS) >= {"loss", "loss_ema", "lr", "grad_norm", "tokens_per_s", "step_ms", "active_slots"}


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("killed", [True, False])
@pytest.mark.parametrize("raw_reports", [0, 500, 8192])
def test_every_moment_can_be_sought(tmp_path: Path, killed: bool, raw_reports: int) -> None:
    write_run(tmp_path, killed=killed)
    history = History(tmp_path, raw_reports)
    entries = {entry.seq: entry for entry in LogReader(tmp_path).entries()}
    for step in (1, 2, 49, 50, 51, 400, 777, 1499, 2000):
        found = decode(entries[history.seq_at(step=step)].kind, entries[history.seq_at(step=step)].payload)
        assert isinstance(found, StepReport)
        assert found.step == step
    assert history.seq_at(step=2001) == history.head_seq + 1
    assert history.seq_at(step=0) == 1
    for seq in (1, 2, 300, 1000, history.head_seq):
        at = history.seq_at(wall_s=entries[seq].wall_s)
        assert at <= seq
        assert abs(entries[at].wall_s - entries[seq].wall_s) < 1e-6
    assert history.seq_at(wall_s=history.span[0] - 5) == 1
    assert history.seq_at(wall_s=history.span[1] + 5) == history.head_seq + 1


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("killed", [True, False])
@pytest.mark.parametrize("raw_reports", [0, 8192])
def test_the_state_before_a_moment_is_what_had_happened_by_then(
    tmp_path: Path, killed: bool, raw_reports: int
) -> None:
    write_run(tmp_path, killed=killed)
    history = History(tmp_path, raw_reports)
    entries = list(LogReader(tmp_path).entries())
    for seq in (1, 2, 60, 555, 1234, 2043, history.head_seq, history.head_seq + 1):
        past = entries[: seq - 1]
        reliable = [entry for entry in past if entry.kind == Evaluated.KIND]
        newest = {entry.kind: entry for entry in past}
        expected = sorted({entry.seq for entry in (*reliable, *newest.values())})
        assert [entry.seq for entry in history.state_before(seq)] == expected
    assert [entry.seq for entry in history.marks] == [
        entry.seq for entry in entries if entry.kind == Evaluated.KIND
    ]


def test_a_step_that_was_repeated_is_sought_on_the_newest_branch(tmp_path: Path) -> None:
    first = LogWriter(tmp_path, "r")
    for step in range(1, 101):
        first.commit(report(step, 5.0))
    first.close()
    second = LogWriter(tmp_path, "r")
    second.commit(evaluation(60, branch=1))
    for step in range(61, 91):
        second.commit(report(step, 4.0, branch=1))
    second.close()
    history = History(tmp_path)
    assert history.seq_at(step=70) == 101 + 10
    assert history.seq_at(step=30) == 30
    assert history.seq_at(step=95) == 95, "only the older branch got so far"
    track = History(tmp_path, raw_reports=0).tracks
    assert list(zip(track.branch, track.step, strict=True)) == [(0, 64), (0, 100), (1, 90)]


def test_an_empty_log_has_no_past(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    for _ in range(2):
        history = History(tmp_path)
        assert (history.head_seq, len(history.tracks), history.marks, history.span) == (0, 0, [], (0.0, 0.0))
        assert history.state_before(1) == []
        assert history.seq_at(step=5) == 1
        LogWriter(tmp_path, "r").close()


def test_a_damaged_footer_only_costs_time(tmp_path: Path) -> None:
    losses = write_run(tmp_path, steps=200, killed=False)
    path = segment_paths(tmp_path)[0]
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    path.write_bytes(data)
    history = History(tmp_path, raw_reports=0)
    assert history.tracks.columns["loss"].last[-1] == losses[-1]
    assert history.head_seq == 204
