"""Figure 10: cockpits come and go every second, half of them killed; the engine's memory, descriptors and threads stay.

The long form is 20 minutes of the real engine and real cockpits in pseudo-terminals; SLOTDECK_SOAK_S shortens it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUPPORT = ROOT / "tests" / "support"
sys.path[:0] = [path for path in (str(ROOT), str(SUPPORT)) if path not in sys.path]

from benchmarks.durability.proof import Proof, Row
from benchmarks.durability.raw_terminal import RawTerminal
from benchmarks.durability.run_folder import events, make_run, make_tokens, of
from engine.protocol import events as e

LONG_S, SHORT_S = 1200.0, 20.0
WARM_S = 10.0
"""Of every form, before the first sample counts: caches fill, the allocator settles."""
STAYS_S = 3.0
AIM_BYTES = 10 * 2**20


@dataclass(frozen=True, slots=True)
class Sample:
    """The engine at one moment."""

    at_s: float
    rss_bytes: int
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Soaked:
    """What became of it."""

    samples: list[Sample]
    visits: int

    @property
    def grown_bytes(self) -> float:
        """Median of the last fifth above that of the first: one sample says little."""
        return self._late("rss_bytes") - self._early("rss_bytes")

    @property
    def more_descriptors(self) -> float:
        return self._late("descriptors") - self._early("descriptors")

    @property
    def more_threads(self) -> float:
        return self._late("threads") - self._early("threads")

    def _early(self, what: str) -> float:
        return statistics.median(getattr(s, what) for s in self.samples[: max(1, len(self.samples) // 5)])

    def _late(self, what: str) -> float:
        return statistics.median(getattr(s, what) for s in self.samples[-max(1, len(self.samples) // 5) :])


def look(pid: int) -> Sample:
    """Now."""
    import psutil

    process = psutil.Process(pid)
    with process.oneshot():
        return Sample(time.monotonic(), process.memory_info().rss, process.num_fds(), process.num_threads())


def soak_with_clients(run_dir: Path, pid: int, visits: int) -> Soaked:
    """Clients of the socket that attach and go, some without a word. A sample after each, when it is gone."""
    from patience import PATIENCE_S  # type: ignore[import-not-found]
    from raw_peer import RawPeer  # type: ignore[import-not-found]

    samples, alone = [], look(pid)
    for number in range(visits):
        with RawPeer(run_dir) as peer:
            if number % 3:
                peer.attach(f"visitor-{number}", have_seq=0)
        until_s = time.monotonic() + PATIENCE_S
        while (now := look(pid)).descriptors > alone.descriptors and time.monotonic() < until_s:
            time.sleep(0.002)
        if number >= visits // 4:
            samples.append(now)
    return Soaked(samples, visits)


def soak_with_cockpits(run_dir: Path, pid: int, seconds: float, alive: Callable[[], bool]) -> Soaked:
    """A cockpit every second, each for three; every other one is killed."""
    samples: list[Sample] = []
    inside: list[tuple[float, RawTerminal]] = []
    began_s, visits = time.monotonic(), 0
    while (now_s := time.monotonic()) < began_s + seconds and alive():
        terminal = RawTerminal("-m", "slotdeck.cli", "attach", str(run_dir), cwd=run_dir.parent)
        inside.append((now_s + STAYS_S, terminal))
        visits += 1
        for _, other in inside:
            other.read(0.05)
            other.sent.clear()
        while inside and inside[0][0] < time.monotonic():
            _, leaving = inside.pop(0)
            if visits % 2:
                leaving.press(b"q")
                leaving.read(0.3)
            leaving.__exit__(None, None, None)  # killed where it has not left
        if now_s > began_s + min(WARM_S, seconds / 4):
            samples.append(look(pid))
        time.sleep(max(0.0, now_s + 1 - time.monotonic()))
    for _, terminal in inside:
        terminal.__exit__(None, None, None)
    return Soaked(samples, visits)


def _row(folder: Path, seconds: float) -> Row:
    run_dir = make_run(folder, make_tokens(folder), "train.steps=1000000000", "checkpoint.every=500")
    engine = subprocess.Popen(
        [sys.executable, "-m", "engine", str(run_dir)], cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not of(events(run_dir), e.StepReport):
            assert engine.poll() is None, "the engine did not begin"
            time.sleep(0.2)
        soaked = soak_with_cockpits(run_dir, engine.pid, seconds, lambda: engine.poll() is None)
        lives = engine.poll() is None
    finally:
        engine.terminate()
        engine.wait(60)
    met = (
        lives
        and soaked.grown_bytes <= AIM_BYTES
        and soaked.more_descriptors <= 0
        and soaked.more_threads <= 0
    )
    note = (
        f"{seconds / 60:.3g} minutes, {soaked.visits} cockpits that stayed {STAYS_S:g} s each, every other one killed; "
        f"descriptors {soaked.more_descriptors:+g}, threads {soaked.more_threads:+g}; "
        f"{soaked.samples[-1].rss_bytes / 2**20:.0f} MiB at the end"
    )
    return {
        "figure": "engine's resident memory grown while cockpits come and go every second",
        "value": round(soaked.grown_bytes / 2**20, 2), "unit": "MiB", "aim": 10, "met": met, "note": note,
    }  # fmt: skip


def proofs(long: bool) -> list[Proof]:
    """The claim of figure 10."""
    seconds = float(os.environ.get("SLOTDECK_SOAK_S", LONG_S)) if long else SHORT_S
    return [Proof(10, "soak", lambda folder: _row(folder, seconds))]
