"""A cockpit through the crashes of its engine: told that it comes back, attached again by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from patience import PATIENCE_S

from engine.errors import SlotdeckError
from engine.protocol import commands as c
from engine.runlog.lock import is_live
from tui.link.live import LiveSource
from tui.state.store import RunStore

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "tests" / "support" / "restarted_engine.py"


@pytest.fixture
def start_parent(run_dir: Path) -> Iterator[Callable[[int, float], None]]:
    """Starts an engine with a parent; neither outlives the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(allowed: int, delay_s: float) -> None:
        command = [sys.executable, str(SCRIPT), str(run_dir), str(allowed), str(delay_s)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))

    yield start
    for process in started:
        process.kill()
        process.wait()
    if (holder := is_live(run_dir)) is not None:
        os.kill(holder.pid, signal.SIGKILL)


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        await asyncio.sleep(0.01)


def engine_of(run_dir: Path) -> int:
    holder = is_live(run_dir)
    assert holder is not None
    return holder.pid


async def test_killed_engine_comes_back_to_the_cockpit_until_nothing_helps(
    run_dir: Path, start_parent: Callable[[int, float], None]
) -> None:
    start_parent(1, 1.0)
    await until(lambda: (run_dir / "sock").exists(), "the first engine")
    store = RunStore()
    source = LiveSource(run_dir, store, "cockpit", "ada@box7")
    await source.start()
    said: list[str] = []
    running = asyncio.create_task(source.run())
    try:
        await until(lambda: store.link.status == "live" and store.step > 5, "the first line")
        first = engine_of(run_dir)
        os.kill(first, signal.SIGKILL)
        await until(lambda: store.link.status != "live", "the loss")
        while store.link.status != "live":
            said.append(f"{store.link.status}: {store.link.detail}")
            if store.link.status == "restarting":
                with pytest.raises(SlotdeckError, match="no engine is connected"):
                    source.send(c.Pause())
            await asyncio.sleep(0.01)
        assert any(text.startswith("restarting: engine restarting (1 of 1)") for text in said)
        assert not any(text.startswith("ended") for text in said), set(said)
        assert engine_of(run_dir) != first
        assert any("killed by SIGKILL" in item.text for item in store.alarms)
        died_at = store.step
        await until(lambda: store.state == "running" and store.step != died_at, "steps of the second engine")

        os.kill(engine_of(run_dir), signal.SIGKILL)
        await until(lambda: store.link.status == "ended", "the end")
        assert store.ended is not None
        assert "all 1 restarts are used" in store.ended.reason
        assert store.link.detail.startswith("failed: the engine was killed by SIGKILL")
    finally:
        source.close()
        await running
