"""Reads runs to lay them side by side, and reads on in those that go on. Never writes, never speaks to an engine.

The app makes a `CompareSource` and hands it to the compare screen; the command line opens single runs.
"""

from __future__ import annotations

import asyncio
from array import array
from math import inf
from pathlib import Path

from msgspec.structs import astuple

from engine.errors import SlotdeckError
from engine.protocol.codec import decode
from engine.protocol.events import StepReport
from engine.runlog.catalog import list_runs
from engine.runlog.index import History
from engine.runlog.lock import is_live
from engine.runlog.pyramid import Track, raw_track
from engine.runlog.reader import LogReader
from engine.text import one_line
from tui.link.waypoints import Waypoints
from tui.state.compared import ComparedRun, RunChoice
from tui.state.curves.timeline import Timeline

LOOK_S = 1.0
"""Between two looks at runs that go on."""


class CompareSource:
    """The runs side by side, in the order chosen; the first is the base unless another is picked."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self.runs = [ComparedRun(path) for path in paths]
        self._tails: dict[Path, LogReader | None] = {}
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Stop."""
        self._closed.set()

    def choose(self, paths: tuple[Path, ...]) -> None:
        """These runs from now on; those that stay are not read again."""
        known = {run.path: run for run in self.runs}
        self.runs = [known.get(path) or ComparedRun(path) for path in paths]

    async def run(self) -> None:
        """Read what is to be read, then follow, until closed."""
        while not self._closed.is_set():
            for run in list(self.runs):
                if run.loading:
                    self._tails[run.path] = await asyncio.to_thread(fill, run)
                elif (tail := self._tails.get(run.path)) is not None and not run.fault:
                    await asyncio.to_thread(follow, run, tail)
            waiting = any(run.loading for run in self.runs)
            await asyncio.sleep(0.05 if waiting else LOOK_S)


def fill(run: ComparedRun) -> LogReader | None:
    """Read a run's whole log; what is wrong with it is kept in it. Gives a reader of what comes later."""
    tail = None
    try:
        history = History(run.path)
        tail = LogReader(run.path, history.head_seq + 1)
        if not history.head_seq:
            raise SlotdeckError("nothing is recorded yet", "wait for its first report")
        run.live = is_live(run.path) is not None
        life = Waypoints()
        life.begin(history, run.store)
        life.pass_for(inf)
        _take(run, history.tracks)
    except (SlotdeckError, OSError) as error:
        run.fault = one_line(str(error), 400)
    run.loading = False
    run.grew()
    return tail


def follow(run: ComparedRun, tail: LogReader) -> None:
    """Take in what a run has logged since."""
    rows: list[tuple[float, ...]] = []
    walls: list[float] = []
    try:
        new = tail.poll()
    except (SlotdeckError, OSError) as error:
        run.fault = one_line(str(error), 400)
        return
    if not new and not run.live:
        return
    run.live = is_live(run.path) is not None
    for entry in new:
        event = decode(entry.kind, entry.payload)
        run.store.apply(entry.seq, entry.wall_s, event)
        if isinstance(event, StepReport):
            rows.append(astuple(event))
            walls.append(entry.wall_s)
    if not new:
        return
    if rows:
        later = raw_track(rows, [0] * len(rows), lambda _: 0.0)
        later.wall_s = array("d", walls)
        _take(run, later)
    run.grew()


def runs_in(runs_dir: Path) -> list[RunChoice]:
    """The runs of a folder, newest first.

    Raises:
        SlotdeckError: it cannot be read.
    """
    return [
        RunChoice(
            run.path, run.run_id, run.profile_name, run.outcome or run.state or "empty", run.step, run.loss
        )
        for run in list_runs(runs_dir)
    ]


def _take(run: ComparedRun, track: Track) -> None:
    if isinstance(run.track, Track):
        run.track.extend(track)
    else:
        run.track = track
    if len(track) and run.timeline is None:
        run.timeline = Timeline(track.wall_s)
    else:
        for wall_s in track.wall_s:
            if run.timeline is not None:
                run.timeline.extend(wall_s)
    run.walls = run.track.wall_s
