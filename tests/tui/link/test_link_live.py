"""The live link against real engines: attach, follow, steer, lose the line, come back."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from patience import PATIENCE_S
from raw_peer import RawPeer
from tiny_engine import TinyEngine, report

from engine.errors import SlotdeckError
from engine.protocol import commands as c
from engine.protocol import events as e
from engine.protocol import messages as m
from engine.runlog.reader import LogReader
from tui.link.live import LiveSource
from tui.link.oneshot import send
from tui.state.store import RunStore

Start = Callable[[], "subprocess.Popen[bytes]"]


class WatchedStore(RunStore):
    """The real store, and a note of every sequence number it was given."""

    def __init__(self) -> None:
        self.given: list[int] = []
        super().__init__()

    def reset(self, keep_series: bool = False) -> None:
        self.given = []
        super().reset(keep_series)

    def apply(self, seq: int, wall_s: float, event: object) -> None:
        self.given.append(seq)
        super().apply(seq, wall_s, event)


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def linked(
    run_dir: Path, client_id: str = "cockpit", role: str = "control"
) -> AsyncIterator[tuple[LiveSource, WatchedStore]]:
    store = WatchedStore()
    source = LiveSource(run_dir, store, client_id, f"{client_id}@box7", role)
    await source.start()
    running = asyncio.create_task(source.run())
    try:
        yield source, store
    finally:
        source.close()
        await running


def assert_whole(store: WatchedStore) -> None:
    """Every event up to the newest was given once, in order."""
    assert store.given == list(range(1, store.head_seq + 1))


async def test_attach_shows_the_past_and_follows(run_dir: Path) -> None:
    with TinyEngine(run_dir) as engine:
        engine.advance(100)
        async with linked(run_dir) as (_, store):
            await until(lambda: store.link.status == "live", "the line")
            assert store.run is not None
            engine.advance(50)
            await until(lambda: store.step == 150, "step 150")
            assert store.report == report(150)
            assert abs(store.report_wall_s - time.time()) < 60
            assert_whole(store)


async def test_command_goes_through_its_life_in_the_store(run_dir: Path) -> None:
    with TinyEngine(run_dir) as engine:
        async with linked(run_dir) as (source, store):
            await until(lambda: store.link.status == "live", "the line")
            good = source.send(c.Pin(slot="block.3"))
            bad = source.send(c.Pin(slot="nosuch"))
            assert store.commands.get(good).status == "requested"  # type: ignore[union-attr]
            await until(lambda: store.commands.get(bad).status == "accepted", "accepted")  # type: ignore[union-attr]
            assert source.holds_lease
            engine.drain()
            await until(lambda: store.commands.get(bad).status == "refused", "refused")  # type: ignore[union-attr]
            assert store.commands.get(good).status == "applied"  # type: ignore[union-attr]
            assert [tick.text for tick in store.ticks] == ["pin block.3"]


async def test_controls_pass_between_two_cockpits(run_dir: Path) -> None:
    with TinyEngine(run_dir) as engine:
        async with linked(run_dir, "ada") as (ada, hers), linked(run_dir, "bob") as (bob, his):
            await until(lambda: hers.link.status == his.link.status == "live", "both lines")
            ada.take_lease()
            await until(lambda: his.lease.holder == "ada", "ada has it")
            refused = bob.send(c.Pause())
            await until(lambda: his.commands.get(refused).code == "no-lease", "bob refused")  # type: ignore[union-attr]
            bob.take_lease()
            await until(lambda: hers.lease.holder == "bob", "ada sees bob")
            assert hers.lease.who == "bob@box7"
            done = bob.send(c.Note(text="mine now"))
            await until(lambda: bool(engine.mailbox.wait(0)), "mailbox")
            engine.drain()
            await until(lambda: his.commands.get(done).status == "applied", "bob applied")  # type: ignore[union-attr]


async def test_values_out_of_range_and_watchers_are_told_before_anything_is_sent(run_dir: Path) -> None:
    with TinyEngine(run_dir):
        async with linked(run_dir, role="observe") as (source, store):
            await until(lambda: store.link.status == "live", "the line")
            with pytest.raises(SlotdeckError, match="only watches"):
                source.send(c.Pause())
            with pytest.raises(SlotdeckError, match="learning rate"):
                source.send(c.Lr(value="fast"))


async def test_engine_killed_and_started_again_is_found_again(run_dir: Path, start_engine: Start) -> None:
    first = start_engine()
    await until(lambda: (run_dir / "sock").exists(), "the first engine")
    async with linked(run_dir) as (source, store):
        await until(lambda: store.link.status == "live" and store.step > 20, "the first line")
        first.send_signal(signal.SIGKILL)
        first.wait()
        await until(lambda: store.link.status == "ended", "the loss")
        assert "killed" in store.link.detail
        with pytest.raises(SlotdeckError, match="no engine"):
            source.send(c.Pause())
        died_at = store.head_seq
        start_engine()
        await until(lambda: store.link.status == "live" and store.head_seq > died_at + 50, "the second line")
        stop = source.send(c.Stop())
        await until(lambda: store.ended is not None and store.link.status == "ended", "the end")
        assert store.commands.get(stop).status == "applied"  # type: ignore[union-attr]
        assert store.link.detail == "stopped: stopped by the operator"
        assert_whole(store)
    assert store.head_seq == max(entry.seq for entry in LogReader(run_dir).entries())


async def test_stopped_cockpit_misses_nothing_in_the_end(run_dir: Path) -> None:
    """A cockpit that does not run for a while is thinned out, and refills from the log."""
    with TinyEngine(run_dir) as engine:
        async with linked(run_dir) as (_, store):
            await until(lambda: store.link.status == "live", "the line")
            for number in range(100):  # blocks the loop, and so the cockpit
                engine.log.commit(e.LogLine(level="info", text=f"{number} " + "x" * 30_000))
            engine.log.commit(e.StateChanged(state="paused", step=7))
            await until(lambda: store.state == "paused", "the newest event")
            assert_whole(store)


async def test_line_cut_in_the_middle_resumes_without_loss(run_dir: Path) -> None:
    """Someone with the same id attaches: the server drops us, and we come back with what we have."""
    with TinyEngine(run_dir) as engine:
        async with linked(run_dir, "ada") as (_, store):
            for round_number in range(3):
                await until(lambda: store.link.status == "live", "the line")
                engine.advance(20)
                with RawPeer(run_dir) as rival:
                    rival.hello("ada")
                    await until(lambda: store.link.status == "lost", "the cut")
                    assert "attached again" in store.link.detail
                    engine.advance(20)
                await until(lambda: store.step == engine.step, f"round {round_number}")
            assert_whole(store)


async def test_command_sent_as_the_line_breaks_is_applied_once(run_dir: Path) -> None:
    with TinyEngine(run_dir) as engine:
        async with linked(run_dir, "ada") as (source, store):
            await until(lambda: store.link.status == "live", "the line")
            command_id = source.send(c.Note(text="now"))
            with RawPeer(run_dir) as rival:
                rival.attach("ada")
            await until(lambda: store.link.status == "lost", "the cut")
            await until(lambda: store.link.status == "live", "the return")
            await until(lambda: bool(engine.mailbox.wait(0)), "mailbox")
            engine.drain()
            await until(lambda: store.commands.get(command_id).status == "applied", "applied")  # type: ignore[union-attr]
            assert engine.rev == 1


async def test_finished_run_says_how_it_ended(run_dir: Path) -> None:
    with TinyEngine(run_dir) as engine:
        engine.advance(30)
        engine.log.commit(e.RunEnded(step=30, outcome="finished", reason="all 30 steps done"))
    async with linked(run_dir) as (_, store):
        await until(lambda: store.link.status == "ended", "the end")
        assert store.link.detail == "finished: all 30 steps done"
        assert store.step == 30
        assert_whole(store)


async def test_engine_that_hangs_is_reported_as_lost(
    run_dir: Path, start_engine: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.link.live.SILENT_S", 0.5)
    monkeypatch.setattr("tui.link.live.WELCOME_S", 0.5)
    process = start_engine()
    await until(lambda: (run_dir / "sock").exists(), "the engine")
    async with linked(run_dir) as (_, store):
        await until(lambda: store.link.status == "live", "the line")
        process.send_signal(signal.SIGSTOP)
        await until(lambda: store.link.status == "lost", "the silence")
        assert "hung" in store.link.detail
        process.send_signal(signal.SIGCONT)
        await until(lambda: store.link.status == "live", "the return")
        assert_whole(store)


async def test_engine_of_another_version_is_named_with_what_to_do(run_dir: Path) -> None:
    class Newer(LiveSource):
        def _hello(self) -> m.Hello:
            return msgspec.structs.replace(super()._hello(), major=m.MAJOR + 1)

    with TinyEngine(run_dir) as engine:
        engine.advance(5)
        store = RunStore()
        source = Newer(run_dir, store, "cockpit", "ada@box7")
        await source.start()
        running = asyncio.create_task(source.run())
        await until(lambda: (store.link.status, store.step) == ("version", 5), "the refusal")
        assert store.link.remedy == "use the slotdeck that started the run"
        source.close()
        await running


async def test_run_folder_that_goes_away_is_said_until_it_is_back(run_dir: Path) -> None:
    with TinyEngine(run_dir) as engine:
        engine.advance(5)
    async with linked(run_dir) as (_, store):
        await until(lambda: store.link.status == "ended", "the end")
        elsewhere = run_dir.with_name("elsewhere")
        os.rename(run_dir, elsewhere)
        await until(lambda: store.link.status == "gone", "the loss")
        assert store.step == 5
        os.rename(elsewhere, run_dir)
        await until(lambda: store.link.status == "ended", "the return")


async def test_no_run_folder_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SlotdeckError, match="does not exist"):
        await LiveSource(tmp_path / "nosuch", RunStore(), "c", "w").start()


async def test_damage_in_the_log_is_counted_and_passed_over(run_dir: Path) -> None:
    with TinyEngine(run_dir) as engine:
        engine.advance(50)
    path = next((run_dir / "log").iterdir())
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(data)
    with TinyEngine(run_dir) as engine:
        async with linked(run_dir) as (_, store):
            await until(lambda: store.link.status == "live", "the line")
            engine.step = 50
            engine.advance(1)
            await until(lambda: store.step == 51, "the newest step")
            assert store.damaged >= 1


async def test_long_log_opens_with_curve_and_recent_past(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.link.rebuild.RECENT_EVENTS", 500)
    monkeypatch.setattr("tui.link.rebuild.MOST_EVENTS", 500)
    with TinyEngine(run_dir) as engine:
        engine.advance(3000)
        engine.log.commit(e.StateChanged(state="paused", step=3000))
        async with linked(run_dir) as (_, store):
            assert store.step == 3000
            assert store.run is not None
            assert len(store.given) < 700
            assert [p[0] for p in store.series["loss"].points()][:3] == [1, 2, 3]
            assert [p[0] for p in store.series["loss"].points()] == list(range(1, 3001))


async def test_run_on_another_host_says_where_and_how(run_dir: Path) -> None:
    """The disk is shared, the socket is not: the lock names the host."""
    with TinyEngine(run_dir) as engine:
        engine.advance(5)
    with (run_dir / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write('{"pid": 7, "host": "box9", "boot_id": "", "since_wall_s": 0}\n')
        lock.flush()
        async with linked(run_dir) as (_, store):
            await until(lambda: store.link.status == "lost", "the answer")
            assert f"ssh box9 slotdeck attach {run_dir.name}" in store.link.detail
            assert store.step == 5
        with pytest.raises(SlotdeckError, match="runs on box9"):
            next(send(run_dir, c.Pause(), who="ada@box7"))
