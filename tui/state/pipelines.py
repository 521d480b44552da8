"""What the page of jobs lists: frozen rows, made by `tui.link.pipelines`, drawn by `tui.screens.pipelines.screen`."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

RUNNING, DONE, FAILED, CANCELLED, KILLED = "running", "done", "failed", "cancelled", "killed"


class JobRow(Struct, frozen=True):
    """A long job: of a run, or of its own."""

    task: str
    """`prepare`, `evaluate`, `probe`, `prune-trial`, `export`, `compile` ..."""
    what: str
    """What it makes or works on: a folder, the run's name."""
    state: str
    began_wall_s: float
    ended_wall_s: float | None
    """None while it runs."""
    stage: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    """What is counted: `B`, `tokens`; empty: parts."""
    rate_per_s: float | None = None
    eta_s: float | None = None
    detail: str = ""
    command: str = ""
    """What does it again, or would."""
    run: Path | None = None
    job_id: str = ""
    """Of a job that can be interrupted."""

    @property
    def share(self) -> float | None:
        """How much of it is done."""
        return min(1.0, self.done / self.total) if self.total > 0 else None


class JobsView(Struct, frozen=True):
    """Everything the page of jobs shows."""

    jobs: tuple[JobRow, ...]
    now_wall_s: float


def rate_and_eta(done: int, total: int, since_s: float) -> tuple[float | None, float | None]:
    """A second, and seconds left, from what was done in so many seconds."""
    if done <= 0 or since_s <= 0:
        return None, None
    rate = done / since_s
    return rate, max(0.0, (total - done) / rate) if total > 0 else None
