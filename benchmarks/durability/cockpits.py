"""Figure 2: sixteen cockpits attached, reading from their sockets, eight of them stopped: what a step pays for them.

One model in one process. Short blocks of steps tell either a run with nobody attached or one with sixteen client
processes, in random order within each round; a round's difference is one sample. The stopped clients' queues are
filled first, so that they are as full as they get; the bytes are read off the server's lanes after each block.
"""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.durability.proof import Proof, Row
from benchmarks.durability.reader import LAST_WORD
from benchmarks.durability.run_folder import ROOT, make_run, make_tokens
from engine.protocol.events import LogLine, StateChanged

READERS, STOPPED = 16, 8
AIM_US = 100
HELD_BYTES = 1 << 20
PATIENCE_S = 240.0
"""Only what fails waits so long."""
FLOOD_EVENTS = 3000
"""A kilobyte each: more than the sockets' own buffers and the lanes hold."""


@dataclass(slots=True)
class Tally:
    """What was seen."""

    alone_ms: list[float] = field(default_factory=list)
    watched_ms: list[float] = field(default_factory=list)
    held_bytes: int = 0
    """Most ever queued for one client."""
    gaps: int = 0
    dropped: int = 0
    wrong: list[str] = field(default_factory=list)


def measure(folder: Path, phases: int, rounds: int, steps: int) -> Tally:
    """Each phase has clients of its own: one that takes nothing for a minute is let go."""
    import torch

    from benchmarks.step_overhead import Told
    from engine.train.build import build_parts
    from engine.train.life import assemble, tell_start

    torch.set_num_threads(1)
    tally, tokens = Tally(), make_tokens(folder)
    folders = [
        make_run(folder / name, tokens, "train.steps=1000000000", "checkpoint.every=0")
        for name in ("alone", "watched")
    ]
    parts = build_parts(folders[0])
    alone, watched = (Told(run_dir) for run_dir in folders)
    run = assemble(folders[0], parts, alone.log)
    for told in (alone, watched):
        told.serve(run)
        run.log = told.log
        run.enter("running", "")
        tell_start(run, parts)
    try:
        for _ in range(phases):
            readers = [_reader(watched.run_dir, number) for number in range(READERS)]
            _until(lambda: sum(c.greeted for c in _clients(watched)) == READERS)
            _phase(run, alone, watched, readers, rounds, steps, tally)
    finally:
        for told in (alone, watched):
            told.close()
    return tally


def _phase(
    run: Any,
    alone: Any,
    watched: Any,
    readers: list[subprocess.Popen[str]],
    rounds: int,
    steps: int,
    tally: Tally,
) -> None:
    from benchmarks.step_overhead import _block

    for reader in readers[:STOPPED]:
        os.kill(reader.pid, signal.SIGSTOP)
    for number in range(FLOOD_EVENTS):
        watched.log.emit(LogLine(level="info", text=f"{number}: {'x' * 1000}"))
        if number % 100 == 99:
            watched.log.commit(LogLine(level="info", text="written"))
            tally.held_bytes = max(tally.held_bytes, _held(watched))
    logs = {"alone": (alone.log, tally.alone_ms), "watched": (watched.log, tally.watched_ms)}
    for _ in range(rounds):
        for way in random.sample(list(logs), 2):
            log, times = logs[way]
            times.append(_block(run, log, run.memory, steps, way))
            tally.held_bytes = max(tally.held_bytes, _held(watched))
    if len(_clients(watched)) < READERS:
        tally.wrong.append(f"{READERS - len(_clients(watched))} clients were let go")
    for reader in readers[:STOPPED]:
        os.kill(reader.pid, signal.SIGCONT)
    last = watched.log.commit(StateChanged(state="running", step=run.step, reason=LAST_WORD))
    for number, reader in enumerate(readers):
        said, _ = reader.communicate(timeout=PATIENCE_S)
        got = json.loads(said)
        tally.gaps += got["gaps"]
        tally.dropped += got["dropped"]
        wanted = last - got["from_seq"] + 1
        if got["frames"] + got["dropped"] != wanted or got["to_seq"] != last:
            tally.wrong.append(f"client {number} cannot account for {wanted} frames: {got}")
        if number < STOPPED and not got["gaps"]:
            tally.wrong.append(f"client {number} was stopped and told of no gap")
    _until(lambda: not _clients(watched))


def _reader(run_dir: Path, number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.durability.reader", str(run_dir), f"reader-{number}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def _clients(told: Any) -> list[Any]:
    """Of the server, as its own thread sees them."""
    return list(told.server._clients.values())


def _held(told: Any) -> int:
    """The most bytes that are queued for one client now."""
    return max(
        (c._lane.pending_bytes + len(c._unsent) + len(c._urgent) for c in _clients(told)),
        default=0,
    )


def _until(seen: Any, within_s: float = PATIENCE_S) -> None:
    until_s = time.monotonic() + within_s
    while not seen():
        if time.monotonic() > until_s:
            raise TimeoutError(f"it did not happen within {within_s:g} s")
        time.sleep(0.01)


class Figure:
    """Both rows come from one measurement."""

    def __init__(self, phases: int, rounds: int, steps: int) -> None:
        self._form = (phases, rounds, steps)
        self._tally: Tally | None = None

    def step(self, folder: Path) -> Row:
        """Microseconds added to the median step."""
        tally = self._measured(folder)
        added = [1000 * (w - a) for w, a in zip(tally.watched_ms, tally.alone_ms, strict=True)]
        low, _, high = statistics.quantiles(added, n=4)
        value = round(statistics.median(added))
        alone_ms = statistics.median(tally.alone_ms)
        return {
            "figure": f"{READERS} clients attached, {STOPPED} of them stopped: added to a step of {alone_ms:.1f} ms",
            "value": value, "unit": "µs", "aim": AIM_US, "met": value < AIM_US, "quartiles": [round(low), round(high)],
            "rounds": len(added),
            "note": f"{len(added)} rounds of blocks of {self._form[2]} steps, in turns with the same run without "
                    "clients; they are processes that read their sockets and count",
        }  # fmt: skip

    def held(self, folder: Path) -> Row:
        """Bytes queued for one client, and whether every frame is accounted for."""
        tally = self._measured(folder)
        for sentence in tally.wrong:
            print("  ", sentence)
        return {
            "figure": "the same: most bytes queued for one client", "value": round(tally.held_bytes / 1024, 1),
            "unit": "KiB", "aim": HELD_BYTES // 1024, "met": tally.held_bytes <= HELD_BYTES and not tally.wrong,
            "note": f"{tally.dropped:,} frames left out for stopped clients and told in {tally.gaps} gaps; by what "
                    f"came and what the gaps name, {len(tally.wrong)} clients could not account for every frame",
        }  # fmt: skip

    def _measured(self, folder: Path) -> Tally:
        if self._tally is None:
            self._tally = measure(folder, *self._form)
        return self._tally


def proofs(long: bool) -> list[Proof]:
    """The claims of figure 2."""
    figure = Figure(5, 24, 20) if long else Figure(1, 3, 5)
    return [Proof(2, "cockpits: step", figure.step), Proof(2, "cockpits: held", figure.held)]
