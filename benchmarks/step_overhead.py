"""What telling costs: microseconds added to a training step by log, telemetry and an attached cockpit.

    python benchmarks/step_overhead.py

One model, one loader, one thread. Short blocks of steps run in random order within each round, in three ways: telling
nothing; log, plans, reports, memory split and socket with nobody attached; the same with a real cockpit attached in a
pseudo-terminal of 120x32. A block's figure is its median step, and a round's difference to its own silent block is one
sample: the machine's other work hits all three alike. The hardware sampler is measured by itself.
"""

from __future__ import annotations

import os
import pty
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from fcntl import ioctl
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import results
from engine.control.journal import Journal
from engine.control.server import ControlServer
from engine.data.prepare import prepare
from engine.models.slotted import BlockPlan
from engine.profile.load import load_profile
from engine.profile.write import to_toml
from engine.protocol.events import Hardware
from engine.runlog.catalog import create_run
from engine.runlog.lock import RunLock
from engine.runlog.writer import LogWriter
from engine.telemetry.sampler import Sampler
from engine.train.build import build_parts
from engine.train.life import assemble, tell_start
from engine.train.run import Run

WAYS = ("silent", "no cockpit", "one cockpit")
SETTLE_STEPS = 2


class SilentLog:
    """Takes events and does nothing."""

    head_seq = 0

    def emit(self, event: Any) -> None:
        """Nothing."""

    def commit(self, event: Any, durable: bool = False) -> int:  # noqa: ARG002 - the writer's signature
        """Nothing."""
        return 0


class NoMemoryWatch:
    """Measures no step."""

    def begin_step(self) -> None:
        """Nothing."""

    def forward(self) -> AbstractContextManager[None]:
        """Nothing."""
        return nullcontext()

    def revealed(self, rows: list[BlockPlan]) -> list[BlockPlan]:
        """As planned."""
        return rows

    def backward_done(self, step: int) -> None:
        """Nothing."""


class Told:
    """A log and a socket of its own, with or without a cockpit."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.state = "running"
        self.lock = RunLock(run_dir)
        self.server: ControlServer | None = None
        self.log = LogWriter(run_dir, run_dir.name, on_frames=self._publish)
        self.mailbox: Any = None
        self.cockpit: subprocess.Popen[bytes] | None = None

    def serve(self, run: Run) -> None:
        """Open the socket."""
        self.server = ControlServer(
            self.run_dir,
            self.run_dir.name,
            self.log,
            run.mailbox,
            Journal(),
            state=lambda: "running",
            rev=lambda: 0,
        )
        self.server.start()

    def attach(self) -> None:
        """Start a real cockpit on it, in a terminal that is read to the end."""
        ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 32, 120, 0, 0))
        self.cockpit = subprocess.Popen(
            [sys.executable, "-m", "slotdeck.cli", "attach", str(self.run_dir)],
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        threading.Thread(target=self._read, args=(ours,), daemon=True).start()

    def close(self) -> None:
        """End cockpit, socket and log."""
        if self.cockpit is not None:
            self.cockpit.terminate()
            self.cockpit.wait()
        if self.server is not None:
            self.server.close()
        self.log.close()
        self.lock.release()

    def _publish(self, frames: list[tuple[int, int, bytes]]) -> None:
        if self.server is not None:
            self.server.publish(frames)

    def _read(self, fd: int) -> None:
        try:
            while os.read(fd, 65536):
                pass
        except OSError:
            return  # the cockpit is gone


def measure(rounds: int, steps: int, sets: list[str]) -> dict[str, list[float]]:
    """Milliseconds a step, by way, one value a round."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "tokens"
        prepare([_text(Path(folder))], data, vocab_size=1024, val_share=0.2, workers=1)
        profile = load_profile("tiny", [f"data.dir={data}", "train.steps=1000000000", *sets])
        folders = [
            create_run(
                Path(folder) / "runs", profile.name, to_toml(profile), time.time(), os.urandom(2).hex()
            )
            for _ in range(2)
        ]
        parts = build_parts(folders[0])
        quiet, watched = (Told(run_dir) for run_dir in folders)
        run = assemble(folders[0], parts, quiet.log)
        for told in (quiet, watched):
            told.serve(run)
            run.log = told.log
            run.enter("running", "")
            tell_start(run, parts)
        watched.attach()
        time.sleep(3)
        memory = run.memory
        logs: dict[str, Any] = {"silent": SilentLog(), "no cockpit": quiet.log, "one cockpit": watched.log}
        times: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in random.sample(WAYS, len(WAYS)):
                times[way].append(_block(run, logs[way], memory, steps, way))
        assert watched.cockpit is not None, "it was attached"
        assert watched.cockpit.poll() is None, "the cockpit went away"
        for told in (watched, quiet):
            told.close()
        return times


def _block(run: Run, log: Any, memory: Any, steps: int, way: str) -> float:
    """Median milliseconds of a step."""
    run.log = log
    silent = way == "silent"
    run.memory = NoMemoryWatch() if silent else memory  # type: ignore[assignment]
    for _ in range(SETTLE_STEPS):
        _step(run, silent)
    times = []
    for _ in range(steps):
        begun = time.perf_counter()
        _step(run, silent)
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)


def sampler_cost(seconds: float = 10.0) -> float:
    """Processor milliseconds that the hardware sampler takes in a second, its child excluded."""
    samples: list[Hardware] = []
    sampler = Sampler(samples.append, 1.0, ROOT)
    begun = time.process_time()
    sampler.start()
    time.sleep(seconds)
    took = time.process_time() - begun
    sampler.close()
    return 1000 * took / len(samples)


def _step(run: Run, silent: bool) -> None:
    run.choose_slots()
    run.take_step()
    if not silent:
        run.tell()


def _text(folder: Path) -> Path:
    """This project's own source, a file a document."""
    texts = folder / "texts"
    texts.mkdir()
    for number, path in enumerate(sorted((ROOT / "engine").rglob("[a-z]*.py"))):
        (texts / f"{number}.txt").write_bytes(path.read_bytes())
    return texts


def main() -> None:
    """Measure both models and write the figures down."""
    import torch

    torch.set_num_threads(1)
    demo = [
        "model.n_layer=8",
        "model.n_embd=128",
        "model.n_head=4",
        "model.seq_len=64",
        "train.batch_size=16",
    ]
    rows = []
    for name, rounds, steps, sets in (("tiny model", 120, 25, []), ("demo's model", 40, 6, demo)):
        times = measure(rounds, steps, sets)
        silent = statistics.median(times["silent"])
        for way in WAYS[1:]:
            added = [1000 * (told - base) for told, base in zip(times[way], times["silent"], strict=True)]
            quarters = statistics.quantiles(added, n=4)
            rows.append(
                {
                    "figure": f"{name}, {silent:.1f} ms a step: added with {way}",
                    "value": round(statistics.median(added)),
                    "unit": "µs a step",
                    "quartiles": [round(quarters[0]), round(quarters[2])],
                    "percent_of_step": round(statistics.median(added) / silent / 10, 2),
                    "rounds": rounds,
                }
            )
    rows.append(
        {"figure": "hardware sampler", "value": sampler_cost(), "unit": "ms of processor time a second"}
    )
    for row in rows:
        print(row)
    notes = ["20 step reports a second at most, a plan whenever it changes (here: at nearly every step)."]
    results.write("step_overhead", "What telling adds to a training step", rows, notes)


if __name__ == "__main__":
    main()
