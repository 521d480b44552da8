"""What a cockpit starts runs with. Nothing that trains is loaded before a form asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path


def starter(runs_dir: Path) -> Callable[[str, Sequence[str]], Path]:
    """Makes a run of a profile with some keys set, in `runs_dir`, and returns its folder, its engine at work."""

    def start(name: str, sets: Sequence[str]) -> Path:
        from slotdeck.journey import start_quietly

        return start_quietly(name, sets, runs_dir)

    return start
