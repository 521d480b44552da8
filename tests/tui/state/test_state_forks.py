"""A run that went back: what leads to where it is, what was left behind, and what stands right after it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_run import write_fake_run
from forked_run import BACK_TO, FROM, LAST, ForkedRun

from engine.protocol import events as e
from engine.protocol.codec import decode
from engine.runlog.index import History
from engine.runlog.reader import LogReader
from tui.link.rebuild import rebuild
from tui.state.curves.forks import BEYOND, Forks
from tui.state.store import RunStore


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "20261121-090000-demo-3f2a"
    return write_fake_run(folder, ForkedRun(run_id=folder.name))


def store_at(run_dir: Path, wanted: type[e.Event] | None = None, nth: int = 1) -> RunStore:
    """The store when the `nth` event of that type had just been applied; at the end when it is `None`."""
    store = RunStore(lambda: 0.0)
    for entry in LogReader(run_dir).entries():
        event = decode(entry.kind, entry.payload)
        store.apply(entry.seq, entry.wall_s, event)
        nth -= isinstance(event, wanted) if wanted is not None else 0
        if not nth:
            break
    store.set_link("live")
    return store


def test_the_way_to_a_branch_follows_where_each_came_from() -> None:
    forks = Forks()
    forks.begin(1, 500)
    forks.begin(2, 400)
    assert forks.line() == {2: BEYOND, 1: 400, 0: 400}
    assert forks.line(1) == {1: BEYOND, 0: 500}
    forks.begin(3, 700, came_from=0)
    assert forks.line() == {3: BEYOND, 0: 700}
    assert forks.leads(0, 650)
    assert not forks.leads(1, 450)
    assert not forks.leads(3, 701, at=1)


def test_right_after_a_rollback_the_run_stands_where_it_went(run_dir: Path) -> None:
    before, after = store_at(run_dir, e.CheckpointSaved, nth=4), store_at(run_dir, e.WentBack)
    assert (before.step, after.step, after.branch) == (FROM, BACK_TO, 1)
    was, now = before.eta_s(before.wall_s), after.eta_s(after.wall_s)
    assert was is not None
    assert now == pytest.approx(was + (FROM - BACK_TO) * before.report.step_ms / 1e3, abs=0.2)  # type: ignore[union-attr]
    assert after.report.tokens == BACK_TO * 4096  # type: ignore[union-attr]
    told = next(item for item in after.feed if item.kind == "run" and item.seq == after.head_seq)
    assert told.text == "went back from step 800 to step-00000500: asked by ada@box7"


def test_the_curve_forks_and_what_was_left_stays(run_dir: Path) -> None:
    store = store_at(run_dir)
    ema = store.series["loss_ema"]
    left = [x for x, _, _ in ema.abandoned(0, 1000, 1000).filled()]
    live = [x for x, _, _ in ema.live(0, 1000, 1000).filled()]
    assert (min(left), max(left)) == (BACK_TO + 5, FROM)
    assert max(live) == LAST
    assert (min(x for x in live if x > BACK_TO), BACK_TO in live) == (BACK_TO + 5, True)


def test_values_shown_are_those_of_the_way_to_here(run_dir: Path) -> None:
    at_fork = next(value for step, value, _ in store_at(run_dir).series["loss"].points() if step == BACK_TO)
    after = store_at(run_dir, e.WentBack)
    assert after.series["loss"].last == at_fork
    assert after.val_loss == next(v.loss for v in after.evaluations if v.step == BACK_TO)
    assert after.newest_checkpoint.step == BACK_TO  # type: ignore[union-attr]


def test_slots_start_a_new_row_where_the_run_went(run_dir: Path) -> None:
    store = store_at(run_dir)
    steps = [(tick.branch, tick.step) for tick in store.slots.ticks]
    assert [branch for branch, _ in steps] == sorted(branch for branch, _ in steps)
    assert any(not store.leads(branch, step) for branch, step in steps)
    assert min(step for branch, step in steps if branch == 1) < FROM


def test_a_pruned_slot_is_gone_until_the_prune_is_undone_or_the_run_goes_back(run_dir: Path) -> None:
    store = store_at(run_dir, e.Pruned)
    assert store.pruned == {"block.3"}
    more = {"params_before": 2, "params_after": 1}
    store.apply(store.head_seq + 1, 0.0, e.Pruned(step=700, branch=1, slots=["block.3"], undone=True, **more))
    assert store.pruned == frozenset()
    store = store_at(run_dir)
    assert store.slots.ticks[-1].pruned[3]
    store.apply(store.head_seq + 1, 0.0, e.WentBack(
        step=BACK_TO, branch=2, from_step=LAST, checkpoint="step-00000500", reason="", of_branch=0
    ))  # fmt: skip
    plan = e.SlotPlanned(step=BACK_TO, branch=2, policy="all", rows=[e.SlotRow(duty=1.0)] * 8)
    store.apply(store.head_seq + 1, 0.0, plan)
    assert store.pruned == frozenset()


def test_a_job_is_at_work_until_it_or_its_engine_ends(run_dir: Path) -> None:
    store = store_at(run_dir)
    (job,) = store.jobs.running
    assert (job.news.job, store.commands.get("d2").job) == ("j2", job.news)  # type: ignore[union-attr]
    assert store.commands.get("d1").job.state == "done"  # type: ignore[union-attr]
    store.apply(store.head_seq + 1, 0.0, e.RunEnded(step=LAST, outcome="stopped", reason="asked"))
    assert not store.jobs.running
    assert store.commands.get("d2").job.state == "cancelled"  # type: ignore[union-attr]


def test_a_forecast_is_one_line_in_the_feed_and_whole_in_the_full_one(run_dir: Path) -> None:
    told = [item for item in store_at(run_dir).feed if item.kind == "job"]
    assert [item.about for item in told] == ["job j1", "job j2"]
    assert told[0].text.startswith(
        "prune trial done: without block.3: validation loss 6.1130 → 6.1420 (+0.5%)"
    )
    lines = [line.split() for line in told[0].body.splitlines()[1:]]
    assert [(line[0], line[-1]) for line in lines] == [
        ("loss", "6.142"), ("parameters", "M"), ("memory", "MiB"), ("step", "ms"), ("slots", "block.3"),
        ("tokens", "65,536"), ("time", "89.0%"),
    ]  # fmt: skip


def test_a_rebuilt_store_forks_at_the_same_step(run_dir: Path) -> None:
    whole, loaded = store_at(run_dir), RunStore()
    history = History(run_dir, raw_reports=0)
    for _ in rebuild(loaded, history, history.head_seq, recent=16):
        pass
    assert loaded.series["loss"].forks.line() == whole.series["loss"].forks.line()
    assert loaded.pruned == whole.pruned
    assert max(x for x, _, _ in loaded.series["loss"].live(0, 1000, 10).filled()) == 7


def test_a_branch_with_a_number_from_a_damaged_log_is_not_counted_through() -> None:
    forks = Forks()
    forks.begin(1, 100)
    forks.begin(1 << 31, 50)
    assert set(forks.line()) == {1 << 31, 1, 0}
