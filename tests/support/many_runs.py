"""A folder of many runs, each with a real log, a profile and checkpoints of a size (holes in the disk).

    write_many_runs(tmp_path / "runs", 1000)

One in fifty was killed, one in forty failed, one in five was stopped. Nothing is live and nothing is random.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fake_run import START_WALL_S, FakeClock, FakeRun, write_fake_run

NAMES = ("demo", "tiny", "gpt2-124m", "gpt2-124m-8gb")
CHECKPOINT_BYTES = 41_500_000
APART_S = 3600.0


@dataclass(slots=True)
class EarlierClock(FakeClock):
    """A clock whose monotonic time begins with the run, however long ago that was."""

    began_s: float = START_WALL_S

    def clock_ns(self) -> int:
        return int((self.now_s - self.began_s + 1000.0) * 1e9)


def write_many_runs(runs_dir: Path, count: int = 1000, report_every: int = 100) -> list[Path]:
    """`count` run folders, one an hour up to `START_WALL_S`; the newest last. Returns them."""
    return [
        _write(runs_dir, number, START_WALL_S - APART_S * (count - number), report_every)
        for number in range(count)
    ]


def _write(runs_dir: Path, number: int, began_s: float, report_every: int) -> Path:
    steps, outcome = _story(number)
    name = f"{datetime.fromtimestamp(began_s, UTC):%Y%m%d-%H%M%S}-{NAMES[number % len(NAMES)]}-{number:04x}"
    clock = EarlierClock(began_s, began_s)
    run = FakeRun(name, steps, report_every=report_every, outcome=outcome, clock=clock, seed=number)
    run_dir = write_fake_run(runs_dir / name, run)
    for step in range(500, steps, 500):
        saved = run_dir / "checkpoints" / f"step-{step:08d}"
        saved.mkdir(parents=True)
        for part, size in (("model", CHECKPOINT_BYTES), ("optimizer", 2 * CHECKPOINT_BYTES)):
            with (saved / f"{part}.safetensors").open("wb") as file:
                file.truncate(size)
    return run_dir


def _story(number: int) -> tuple[int, str]:
    """How far it gets, and how it ends."""
    if number % 50 == 7:
        return 400, ""
    if number % 40 == 3:
        return 900, "failed"
    return (1700, "stopped") if number % 5 == 1 else (3000, "finished")
