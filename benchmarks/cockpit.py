"""The cockpit's start and its appetite for bandwidth, in a real pseudo-terminal of 120 x 32.

    python benchmarks/cockpit.py

First paint is the time from starting Python to the first cell of the run's name on the terminal, the log of a
finished run being opened on the way. Bytes are counted at the terminal while a cockpit is attached, through the
engine's own log and socket, to a run of ten step reports a second; the screen repaints four times a second.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from fake_run import FakeRun, write_fake_run

from benchmarks.results import spread, write
from engine.control.journal import Journal
from engine.control.mailbox import Mailbox
from engine.control.server import ControlServer
from engine.protocol.events import StepReport
from engine.runlog.lock import RunLock
from engine.runlog.writer import LogWriter

COLUMNS, ROWS = 120, 32
STARTS = 7
LIVE_S = 30
REPORTS_PER_S = 10
STARTED = {
    "attach": "cockpit: start to the run's name on screen",
    "replay": "replay: start to the run's name on screen",
    "home": "home: start to the first run listed",
    "bare": "for comparison: a bare Textual app with one label",
}
HEAVY = ("torch", "numpy", "pyarrow")
NOTHING_HEAVY = "HEAVY: []"
NAME = "20261121-090000-demo-3f2a"

CHILD = """
import sys
from pathlib import Path
from tui.app import {call}
code = {call}(Path({run!r}))
print("HEAVY:", [m for m in {heavy!r} if m in sys.modules], file=open({report!r}, "w"))
"""

BARE = """
from textual.app import App
from textual.widgets import Static

class Bare(App):
    BINDINGS = [("q", "quit", "")]

    def compose(self):
        yield Static("a-bare-app")

Bare().run()
"""


class Terminal:
    """A child on a pseudo-terminal; every byte it writes is counted."""

    def __init__(self, code: str) -> None:
        self.began_s = time.perf_counter()
        self.seen = bytearray()
        self._master, slave = pty.openpty()
        env = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "OMP_NUM_THREADS": "1"}
        env |= {"COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
        self.child = subprocess.Popen(
            [sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, env=env,
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)

    def read(self, seconds: float) -> None:
        """Take what comes for so long."""
        until_s = time.perf_counter() + seconds
        while (left_s := until_s - time.perf_counter()) > 0:
            if select.select([self._master], [], [], left_s)[0]:
                try:
                    self.seen += os.read(self._master, 1 << 16)
                except OSError:
                    return

    def until(self, pattern: bytes, limit_s: float = 20.0) -> float:
        """Seconds since the start at which `pattern` had come."""
        while re.search(pattern, self.seen) is None:
            assert time.perf_counter() - self.began_s < limit_s, (
                f"{pattern!r} never came: {self.seen[-500:]!r}"
            )
            self.read(0.002)
        return time.perf_counter() - self.began_s

    def leave(self) -> None:
        """Press q."""
        os.write(self._master, b"q")
        while self.child.poll() is None and time.perf_counter() - self.began_s < 300:
            self.read(0.05)
        os.close(self._master)


def start_times(run_dir: Path, folder: Path) -> tuple[dict[str, list[float]], str]:
    """Seconds to the first paint of each, taken in turns, and which heavy modules were loaded by the end."""
    report = folder / "report"

    def child(call: str, path: Path) -> str:
        return CHILD.format(call=call, run=str(path), heavy=HEAVY, report=str(report))

    kinds = {
        "bare": (BARE, b"a-bare-app"),
        "attach": (child("run_attach", run_dir), NAME.encode()),
        "replay": (child("run_replay", run_dir), NAME.encode()),
        "home": (child("run_home", run_dir.parent), NAME.encode()),
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    heavy = set()
    for _ in range(STARTS):
        for kind, (code, pattern) in kinds.items():
            terminal = Terminal(code)
            times[kind].append(terminal.until(pattern))
            terminal.read(0.3)
            terminal.leave()
            if kind != "bare":
                heavy.add(report.read_text().strip())
    return times, " ".join(sorted(heavy))


def live_bytes(folder: Path, child: str) -> float:
    """Bytes per second to the terminal while a cockpit is attached to a run through the engine's own server."""
    run_dir = folder / "live" / NAME
    run = FakeRun(NAME, steps=40_000, total_steps=40_000, report_every=5)
    (run_dir / "log").mkdir(parents=True, mode=0o700)
    lock, mailbox, journal = RunLock(run_dir), Mailbox(), Journal.read(run_dir)
    servers: list[ControlServer] = []
    log = LogWriter(run_dir, NAME, on_frames=lambda frames: [s.publish(frames) for s in servers] and None)
    server = ControlServer(
        run_dir, NAME, log, mailbox, journal, state=lambda: "running", rev=lambda: 0, step=lambda: 0
    )
    servers.append(server)
    stop = threading.Event()

    def train() -> None:
        for event in run.events():
            log.emit(event)
            if isinstance(event, StepReport) and event.step > 3000 and stop.wait(1 / REPORTS_PER_S):
                return

    server.start()
    trainer = threading.Thread(target=train)
    trainer.start()
    terminal = Terminal(child)
    terminal.until(NAME.encode())
    terminal.read(5)
    before = len(terminal.seen)
    terminal.read(LIVE_S)
    rate = (len(terminal.seen) - before) / LIVE_S
    terminal.leave()
    stop.set()
    trainer.join()
    server.close()
    log.close()
    lock.release()
    return rate


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="slotdeck-bench-"))
    try:
        run_dir = write_fake_run(folder / "runs" / NAME)
        times, heavy = start_times(run_dir, folder)
        live = CHILD.format(
            call="run_attach", run=str(folder / "live" / NAME), heavy=HEAVY, report=str(folder / "report")
        )
        rate = live_bytes(folder, live)
    finally:
        shutil.rmtree(folder)
    bare_s = statistics.median(times["bare"])
    rows = [_start(label, times[kind], bare_s) for kind, label in STARTED.items()]
    rows[-1] |= {"aim": None, "met": None}  # the bare app is there to compare with
    rows += [
        _row("bytes to a 120x32 terminal while live", rate / 1024, "KiB/s", 15.0, seconds=LIVE_S,
             reports_per_s=REPORTS_PER_S, repaints_per_s=4),
        {"figure": "of torch, numpy and pyarrow, loaded by cockpit, replay and home",
         "value": "none" if heavy == NOTHING_HEAVY else heavy, "unit": "", "aim": "none",
         "met": heavy == NOTHING_HEAVY},
    ]  # fmt: skip
    for row in rows:
        print(f"{row['figure']:<50} {row['value']} {row['unit']}  aim {row['aim']}  met {row['met']}")
    write("cockpit", "The cockpit: start and bandwidth", rows)


def _start(figure: str, times: list[float], bare_s: float) -> dict[str, object]:
    median_s = statistics.median(times)
    return _row(
        figure, median_s, "s", 0.5, spread=spread(times), times_a_bare_textual_app=round(median_s / bare_s, 2)
    )


def _row(figure: str, value: float, unit: str, aim: float, **more: object) -> dict[str, object]:
    return {"figure": figure, "value": round(value, 3), "unit": unit, "aim": aim, "met": value <= aim, **more}


if __name__ == "__main__":
    main()
