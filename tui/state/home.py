"""What the home screen lists: frozen rows, made by `tui.link.runs`, drawn by `tui.screens.home`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunRow:
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
    size_bytes: int
    parent: str = ""
    """The run it came from, if any."""


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One profile that can be started."""

    name: str
    about: str
    detail: str
    """Derived in a few words: `8 slots, 9.2 M parameters, 3,000 steps`; or what is wrong with it."""
    problem: bool = False


@dataclass(frozen=True, slots=True)
class HomeView:
    """Everything the home screen shows."""

    runs_dir: Path
    runs: tuple[RunRow, ...]
    profiles: tuple[ProfileRow, ...]
    now_wall_s: float
