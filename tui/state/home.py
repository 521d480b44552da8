"""What the home screen lists: frozen rows, made by `tui.link.runs`, drawn by `tui.screens.home.screen`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from msgspec import Struct

Sort = Literal["age", "loss", "size", "name"]
SORTS: tuple[Sort, ...] = get_args(Sort)
UNREAD = "…"
"""The state of a run that has not been looked at yet."""


class RunRow(Struct, frozen=True):
    """One run folder."""

    path: Path
    run_id: str
    profile_name: str
    state: str
    """As the log says: `running`, `paused`, `finished`, `stopped`, `failed`; `killed`: the log just ends."""
    live: bool
    """An engine holds the folder now."""
    step: int
    total_steps: int
    val_loss: float | None
    """Last validation loss, or None before the first evaluation."""
    loss: float | None
    """Last training loss (EMA)."""
    curve: tuple[float, ...]
    """Training loss from start to now, few points."""
    started_wall_s: float
    size_bytes: int | None
    """None while it is being measured."""
    parent: str = ""
    """The run it came from, if any."""
    best_val_loss: float | None = None
    best_step: int = 0
    reason: str = ""
    """Why it failed, or when it is started again."""
    tags: tuple[str, ...] = ()
    note: str = ""
    archived: bool = False

    @property
    def best(self) -> float | None:
        """The lowest validation loss, as far as is known."""
        return self.val_loss if self.best_val_loss is None else self.best_val_loss


class ProfileRow(Struct, frozen=True):
    """One profile that can be started."""

    name: str
    about: str
    detail: str
    """Derived in a few words: `8 slots, 9.2 M parameters, 3,000 steps`; or what is wrong with it."""
    problem: bool = False


class HomeView(Struct, frozen=True):
    """Everything the home screen shows."""

    runs_dir: Path
    runs: tuple[RunRow, ...]
    profiles: tuple[ProfileRow, ...]
    now_wall_s: float
    free_bytes: int | None = None
    """Of the disk that the runs lie on."""


def arranged(runs: Iterable[RunRow], words: str, sort: Sort, archived: bool) -> tuple[RunRow, ...]:
    """The runs to list, in order.

    Args:
        runs: all of them.
        words: each has to stand somewhere in a run's name, profile, state, tags or note, whatever its case.
        sort: newest, lowest validation loss, largest or first by name on top.
        archived: those too. A live run is always listed.
    """
    wanted = words.lower().split()
    fit = (run for run in runs if archived or run.live or not run.archived)
    found = sorted(
        (run for run in fit if _has(run, wanted)), key=lambda run: run.run_id, reverse=sort != "name"
    )
    return tuple(sorted(found, key=lambda run: _place(run, sort)))  # equals stay as their names put them


def _has(run: RunRow, wanted: list[str]) -> bool:
    if not wanted:
        return True
    tags = " ".join(f"#{tag}" for tag in run.tags)
    kept = " archived" if run.archived else ""
    live = " live" if run.live else ""
    text = f"{run.run_id} {run.profile_name} {run.state}{live}{kept} {tags} {run.note}".lower()
    return all(word in text for word in wanted)


def _place(run: RunRow, sort: Sort) -> tuple[float, float]:
    newest = -run.started_wall_s
    match sort:
        case "age":
            return (newest, 0.0)
        case "loss":
            # Runs that were never evaluated come after those that were.
            best = run.best
            known = best is not None and best == best
            return (0.0, best) if known and best is not None else (1.0, newest)
        case "size":
            return (-(run.size_bytes or 0), newest)
        case "name":
            return (0.0, 0.0)
