"""A folder of many runs, each with a real log, a profile and checkpoints of a size (holes in the disk).

    write_many_runs(tmp_path / "runs", 1000)

A few stories are told once; each run is one of them at another hour. One in fifty was killed, one in forty failed, one
in five was stopped. Nothing is live and nothing is random.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from fake_run import PROFILE_TOML, START_WALL_S, FakeRun, write_fake_run
from msgspec.structs import replace

from engine.runlog.segment import encode_header, read_header

STORIES = ((3000, "finished"), (1700, "stopped"), (900, "failed"), (400, ""))
"""How far each gets, and how it ends."""
TELLINGS = 4
"""Of each story: other losses."""
NAMES = ("demo", "tiny", "gpt2-124m", "gpt2-124m-8gb")
CHECKPOINT_BYTES = 41_500_000
APART_S = 3600.0


def write_many_runs(runs_dir: Path, count: int = 1000, report_every: int = 50) -> list[Path]:
    """`count` run folders, one an hour up to `START_WALL_S`, the newest last. Returns them."""
    runs_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        told: dict[tuple[int, int], Path] = {}
        for story, telling in {(_story(number), number % TELLINGS) for number in range(count)}:
            steps, outcome = STORIES[story]
            run = FakeRun(steps=steps, outcome=outcome, report_every=report_every, seed=telling)
            told[story, telling] = write_fake_run(Path(folder, f"{story}{telling}"), run)
        return [
            _tell_again(told[_story(number), number % TELLINGS], runs_dir, number, count)
            for number in range(count)
        ]


def _story(number: int) -> int:
    return 3 if number % 50 == 7 else 2 if number % 40 == 3 else 1 if number % 5 == 1 else 0


def _tell_again(told: Path, runs_dir: Path, number: int, count: int) -> Path:
    """The same log under another name, begun at another hour: the header keeps its length, so offsets hold."""
    began_s = START_WALL_S - APART_S * (count - number)
    name = f"{datetime.fromtimestamp(began_s, UTC):%Y%m%d-%H%M%S}-{NAMES[number % len(NAMES)]}-{number:04x}"
    run_dir = runs_dir / name
    for part in ("log", "checkpoints", "artifacts"):
        (run_dir / part).mkdir(parents=True)
    (run_dir / "profile.toml").write_text(PROFILE_TOML)
    for segment in sorted((told / "log").glob("*.slog")):
        header, start = read_header(segment)
        assert header is not None, "the story was told whole"
        head = encode_header(replace(header, wall_s=header.wall_s - START_WALL_S + began_s))
        assert len(head) == start, "a float is as long as another"
        (run_dir / "log" / segment.name).write_bytes(head + segment.read_bytes()[start:])
    for step in range(500, STORIES[_story(number)][0], 500):
        saved = run_dir / "checkpoints" / f"step-{step:08d}"
        saved.mkdir()
        for part, size in (("model", CHECKPOINT_BYTES), ("optimizer", 2 * CHECKPOINT_BYTES)):
            with (saved / f"{part}.safetensors").open("wb") as file:
                file.truncate(size)
    return run_dir
