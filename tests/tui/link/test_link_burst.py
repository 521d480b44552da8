"""A burst of events into a live cockpit: every life-cycle event arrives, and the loop has its turns meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

from patience import PATIENCE_S
from tiny_engine import TinyEngine

from engine.protocol import events as e
from tui.link.live import LiveSource
from tui.link.turns import TURN_S
from tui.state.store import RunStore

EVALUATIONS = 300
REPORTS_BETWEEN = 20


async def test_a_burst_leaves_out_nothing_and_lets_others_work(tmp_path: Path) -> None:
    with TinyEngine(tmp_path / "20261121-090000-tiny-0001") as engine:
        store = RunStore()
        source = LiveSource(engine.run_dir, store, "burst", "tester@here")
        await source.start()
        following = asyncio.create_task(source.run())
        turns = 0
        async with asyncio.timeout(PATIENCE_S):
            while store.link.status != "live":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            for _ in range(EVALUATIONS):
                engine.advance(REPORTS_BETWEEN)
                engine.log.emit(
                    e.Evaluated(step=engine.step, branch=0, loss=1.0, perplexity=2.7, tokens=10, seconds=0.1)
                )
            while store.step < engine.step or len(store.evaluations) < EVALUATIONS:
                await asyncio.sleep(0)
                turns += 1
        source.close()
        await following
    assert [event.step for event in store.evaluations] == [
        REPORTS_BETWEEN * (number + 1) for number in range(EVALUATIONS)
    ]
    assert turns > 1
    assert TURN_S <= 0.02, "a key waits for no more than this"
