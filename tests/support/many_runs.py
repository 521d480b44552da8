"""A folder of many runs, made in seconds: a few stories written once, then copied under other names.

    write_many_runs(tmp_path / "runs", 1000)

Every run has a real log, a profile and checkpoints of a size (holes in the disk); one in fifty was killed, one in
forty failed. Nothing is live and nothing is random.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fake_run import START_WALL_S, FakeClock, FakeRun, write_fake_run

STORIES = ((3000, "finished"), (1700, "stopped"), (900, "failed"), (400, ""))
"""How far each gets, and how it ends."""
NAMES = ("demo", "tiny", "gpt2-124m", "gpt2-124m-8gb")
CHECKPOINT_BYTES = 41_500_000


def write_many_runs(runs_dir: Path, count: int = 1000, report_every: int = 20) -> list[Path]:
    """`count` run folders, one an hour up to `START_WALL_S`; the newest last. Returns them."""
    runs_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        stories = [
            write_fake_run(
                Path(folder, str(number)),
                FakeRun(
                    steps=steps,
                    outcome=outcome,
                    report_every=report_every,
                    seed=number,
                    clock=FakeClock(START_WALL_S - 3600.0 * (count + 1)),
                ),
            )
            for number, (steps, outcome) in enumerate(STORIES)
        ]
        return [_copy(stories[_story(number)], runs_dir, number, count) for number in range(count)]


def _story(number: int) -> int:
    return 3 if number % 50 == 7 else 2 if number % 40 == 3 else 1 if number % 5 == 1 else 0


def _copy(story: Path, runs_dir: Path, number: int, count: int) -> Path:
    moment = datetime.fromtimestamp(START_WALL_S, UTC) - timedelta(hours=count - number)
    run_dir = runs_dir / f"{moment:%Y%m%d-%H%M%S}-{NAMES[number % len(NAMES)]}-{number:04x}"
    shutil.copytree(story, run_dir)
    for step in (500, 1000, 1500):
        saved = run_dir / "checkpoints" / f"step-{step:08d}"
        saved.mkdir(parents=True)
        for name, size in (
            ("model.safetensors", CHECKPOINT_BYTES),
            ("optimizer.safetensors", CHECKPOINT_BYTES * 2),
        ):
            with (saved / name).open("wb") as file:
                file.truncate(size)
    return run_dir
