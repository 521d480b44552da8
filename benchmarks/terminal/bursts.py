"""A burst of 100,000 events into a live cockpit: what it still knows afterwards, and how long it ever stood still."""

from __future__ import annotations

import json
from threading import Thread

from benchmarks.terminal.child import Child
from benchmarks.terminal.figure import Row, Work, row
from benchmarks.terminal.live import shown_step
from benchmarks.terminal.session import Session
from engine.protocol import events as e

EVENTS = 100_000
WATCHED = """
import asyncio, json, sys, time
from pathlib import Path
import tui.app.run

stalls, began_s = [], time.perf_counter()

async def watch():
    while True:
        before_s = time.perf_counter()
        await asyncio.sleep(0.005)
        stalls.append((before_s, time.perf_counter() - before_s - 0.005))

def on_load(self):
    self.watching = asyncio.create_task(watch())

tui.app.SlotdeckApp.on_load = on_load
screens = []
cockpit_screen = tui.app.cockpit_screen
tui.app.run.cockpit_screen = lambda *a, **k: screens.append(cockpit_screen(*a, **k)) or screens[-1]
tui.app.run_attach(Path({run!r}))
store = screens[0].store
late = [late for at, late in stalls if began_s + 4 < at < stalls[-1][0] - 1]
told = dict(stalls=late, evaluations=len(store.evaluations), checkpoints=len(store.checkpoints),
            actions=len(store.ticks))
Path({told!r}).write_text(json.dumps(told))
"""


def measure(work: Work) -> list[Row]:
    """Evaluations, checkpoints and commands among reports and hardware, as fast as the log takes them."""
    told = work.folder / "told.json"
    with Session(work.folder, reports_per_s=10) as session:
        child = Child("-c", WATCHED.format(run=str(session.run_dir), told=str(told)), compiled=work.compiled)
        try:
            child.until("running")
            child.read(5)
            reader = Thread(target=session.burst, args=(EVENTS,))
            reader.start()
            while reader.is_alive():
                child.read(0.1)
            session.still.set()
            child.read(0.5)
            last_step = max(session.written_s)
            child.until(lambda text: shown_step(text) >= last_step, limit_s=120)
            child.read(1)
        finally:
            child.leave()
        sent = {
            "evaluations": session.told[e.Evaluated],
            "checkpoints": session.told[e.CheckpointSaved],
            "actions": session.told[e.CommandApplied],
        }
    after = json.loads(told.read_text())
    lost = sum(abs(count - after[name]) for name, count in sent.items())
    note = f"{EVENTS:,} events at once; with the run's first, " + ", ".join(
        f"{n:,} {name}" for name, n in sent.items()
    )
    return [
        row("a burst of 100,000 events: life-cycle events the cockpit lacks after it", lost, "", 0, note=note),
        row(
            "a burst of 100,000 events: the longest the cockpit stood still", 1000 * max(after["stalls"]), "ms", 100.0,
            note="of a timer inside it that is due every 5 ms, its first four seconds and its last apart",
        ),
    ]  # fmt: skip
