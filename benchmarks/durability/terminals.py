"""Figure 1: terminals, tmux servers and whole sessions killed at any moment, and how soon one is attached again.

The run is begun by `slotdeck train` in a terminal, which is then killed; cockpits attach from other terminals and are
killed too. A real pseudo-terminal is closed, a real tmux server killed; for a lost ssh connection stand a hang-up
signal to the whole session and the terminal closed, which is what sshd does when a connection breaks. The run's log
must then tell of every step and have every sequence number, from one single life of the engine.
"""

from __future__ import annotations

import os
import pty
import random
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections import Counter
from fcntl import ioctl
from pathlib import Path

from benchmarks.durability.nursery import borrowed
from benchmarks.durability.proof import Proof, Row, count_row
from benchmarks.durability.run_folder import ROOT, events, make_run, make_tokens, of
from benchmarks.results import spread
from engine.protocol import commands as c
from engine.protocol import events as e
from engine.runlog.lock import is_live
from engine.runlog.reader import LogReader
from tui.link.oneshot import send

HOW = ("terminal", "session", "tmux")
SETS = ("evaluate.every=0", "train.steps=10000000", "checkpoint.every=0")
REPORTS_A_DAY = 864_000
ATTACHED_WITHIN_S = 0.3
PATIENCE_S = 240.0
"""Only what fails waits so long."""

ATTACH = """
import asyncio, sys, time
from pathlib import Path
from tui.link.live import LiveSource
from tui.state.store import RunStore

async def attach():
    began_s = time.perf_counter()
    store = RunStore()
    source = LiveSource(Path(sys.argv[1]), store, "bench", "bench@here")
    await source.start()
    link = asyncio.create_task(source.run())
    while store.link.status != "live":
        await asyncio.sleep(0.0005)
    print(time.perf_counter() - began_s, store.head_seq)
    source.close()
    await link

asyncio.run(attach())
"""


class Screen:
    """A `slotdeck` command in a terminal that can be killed."""

    def __init__(self, how: str, words: list[str], name: str) -> None:
        command = [sys.executable, "-m", "slotdeck.cli", *words]
        environment = {
            **os.environ,
            "TERM": "xterm-256color",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
        }
        self._how, self._name = how, name
        self._child: subprocess.Popen[bytes] | None = None
        if how == "tmux":
            tmux = ["tmux", "-L", name, "-f", os.devnull, "new-session", "-d", "-x", "120", "-y", "32"]
            subprocess.run([*tmux, *command], check=True, env=environment, cwd=ROOT)
            return
        self._master, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 32, 120, 0, 0))
        self._child = subprocess.Popen(
            [sys.executable, "-c", _OWN_TERMINAL, *command], stdin=theirs, stdout=theirs, stderr=theirs,
            env=environment, cwd=ROOT, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self._dead = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def kill(self) -> None:
        """The terminal is gone from one moment to the next; so is what ran in it."""
        if self._how == "tmux":
            subprocess.run(["tmux", "-L", self._name, "kill-server"], check=False, capture_output=True)
            return
        assert self._child is not None, "made with the terminal"
        if self._how == "session":
            os.killpg(self._child.pid, signal.SIGHUP)
        self._dead.set()
        self._reader.join()
        os.close(self._master)  # and the kernel hangs up on everybody in the session
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()  # a cockpit that does not notice is no business of the engine's
            self._child.wait()

    def _read(self) -> None:
        while not self._dead.is_set():
            if select.select([self._master], [], [], 0.02)[0]:
                try:
                    os.read(self._master, 1 << 16)
                except OSError:
                    return  # what ran in it is gone


_OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes the pseudo-terminal the controlling one, as a login does."""


def live_through(folder: Path, births: list[str], attaches: int) -> tuple[Counter[str], list[str]]:
    """Runs begun in a terminal that is killed, then watched from others that are killed. Kills, and what was wrong."""
    tokens, draw, killed, wrong = make_tokens(folder), random.Random(1), Counter[str](), list[str]()
    ways = [how for how in HOW if how != "tmux" or shutil.which("tmux")]
    for number, how in enumerate(births):
        runs = folder / f"runs-{number}"
        words = ["--runs", str(runs), "train", "tiny", "--set", f"data.dir={tokens}"]
        screen = Screen(
            how, words + [w for key in SETS for w in ("--set", key)], f"slotdeck-{os.getpid()}-{number}"
        )
        run_dir = _begun(runs)
        time.sleep(draw.uniform(0, 0.5))
        screen.kill()
        killed[how] += 1
        for attach in range(attaches):
            way = ways[attach % len(ways)]
            screen = Screen(
                way,
                ["--runs", str(runs), "attach", run_dir.name],
                f"slotdeck-{os.getpid()}-{number}-{attach}",
            )
            time.sleep(draw.uniform(0, 2.0))
            screen.kill()
            killed[way] += 1
        wrong += _what_was_lost(run_dir)
    return killed, wrong


def _begun(runs: Path) -> Path:
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        for run_dir in runs.glob("*/log"):
            if of(events(run_dir.parent), e.RunStarted):
                return run_dir.parent
        time.sleep(0.02)
    raise TimeoutError("no run began")


def _what_was_lost(run_dir: Path) -> list[str]:
    """Stop the engine, and read its log from the first frame to the last."""
    if is_live(run_dir) is None:
        return [f"{run_dir.name}: the engine is gone"]
    for _ in send(run_dir, c.Stop(save=False), take=True, who="bench@here", timeout_s=PATIENCE_S):
        pass
    while is_live(run_dir) is not None:
        time.sleep(0.02)
    told = events(run_dir)
    reports = of(told, e.StepReport)
    numbers = [entry.seq for entry in LogReader(run_dir).entries()]
    wrong = []
    if sum(report.steps for report in reports) != of(told, e.RunEnded)[-1].step:
        wrong.append(f"{run_dir.name}: the reports do not tell of every step")
    if numbers != list(range(1, len(numbers) + 1)):
        wrong.append(f"{run_dir.name}: a sequence number is missing")
    if of(told, e.LogGap):
        wrong.append(f"{run_dir.name}: events were lost")
    if len(of(told, e.RunStarted)) != 1:
        wrong.append(f"{run_dir.name}: the engine died")
    return wrong


def _killed(folder: Path, births: list[str], attaches: int) -> Row:
    killed, wrong = live_through(folder, births, attaches)
    for sentence in wrong:
        print("  ", sentence)
    note = ", ".join(f"{n} x {how}" for how, n in sorted(killed.items()))
    note += (
        f"; {len(births)} of them the terminal that `slotdeck train` ran in. `session`: a hang-up signal to the "
        "session and its terminal closed, for a broken ssh connection"
    )
    if not shutil.which("tmux"):
        note += "; no tmux here"
    what = "terminal, session or tmux killed at a random moment: steps missed, or events lost"
    return count_row(what, len(wrong), killed.total(), "kills", note)


def _attach(folder: Path, reports: int, rounds: int) -> Row:
    """To a live engine whose log is a day long."""
    from benchmarks.open_log import write_log

    run_dir = make_run(folder / "runs", make_tokens(folder), *SETS)
    write_log(run_dir, reports)
    with borrowed() as nursery:
        pid = nursery.start(run_dir, resume=True)
        while not of(events(run_dir, reports), e.RunStarted):
            time.sleep(0.1)
        times = []
        for _ in range(rounds):
            command = [sys.executable, "-c", ATTACH, str(run_dir)]
            said = subprocess.run(
                command, cwd=ROOT, check=True, capture_output=True, text=True
            ).stdout.split()
            times.append(float(said[0]))
            assert int(said[1]) > reports, "the store has the whole log"
        nursery.kill(pid)
    told = {name: round(1000 * seconds) for name, seconds in spread(times).items()}
    return {
        "figure": f"attached to a live run with {reports:,} reports in its log (10 a second: {reports / 36000:.1f} h)",
        "value": told["median"], "unit": "ms", "aim": 1000 * ATTACHED_WITHIN_S,
        "met": told["median"] < 1000 * ATTACHED_WITHIN_S, "spread": told,
        "note": f"median of {rounds} new processes, imports excluded: until the engine's welcome, with curves "
                "and events in the store",
    }  # fmt: skip


def proofs(long: bool) -> list[Proof]:
    """The claims of figure 1."""
    births, attaches = (list(HOW), 12) if long else ([HOW[0]], 2)
    if not shutil.which("tmux"):
        births = [how for how in births if how != "tmux"]
    reports, rounds = (REPORTS_A_DAY, 9) if long else (20_000, 1)
    return [
        Proof(1, "terminals killed", lambda folder: _killed(folder, births, attaches)),
        Proof(1, "attached again", lambda folder: _attach(folder, reports, rounds)),
    ]
