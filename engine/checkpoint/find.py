"""Which checkpoint is meant by a name, a step, `best`, or nothing said. Only seals are read, no tensor.

Called for rollback, fork and export, in the engine and outside it; free of torch. It changes nothing on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from pathlib import Path

from engine.checkpoint.manifest import Damaged, Manifest, checkpoint_folders, parse_name, read
from engine.errors import SlotdeckError, nearest
from engine.runlog.branches import Branches, Place
from engine.text import one_line

BEST = "best"


def place_of(manifest: Manifest) -> Place:
    """Where it lies among the branches."""
    return Place(manifest.branch, manifest.step, manifest.name)


def age(manifest: Manifest) -> tuple[int, tuple[int, int]]:
    """The newer of two is the greater: by branch, then step, then copy."""
    key = parse_name(manifest.name)
    assert key is not None, "a sealed checkpoint has a checkpoint's name"
    return manifest.branch, key


def sealed(root: Path) -> list[Manifest]:
    """Every checkpoint under `root` whose seal can be read, oldest first; its files are not looked at."""
    found = []
    for folder in checkpoint_folders(root):
        try:
            found.append(read(folder))
        except Damaged:
            continue  # the next load says what is wrong with it
    return sorted(found, key=age)


def find(root: Path, wanted: str, branches: Branches, before: int | None = None) -> str:
    """The folder name of the checkpoint that `wanted` means.

    Args:
        root: the run's `checkpoints/`.
        wanted: a name; a step, where one on the way that the run is on comes first; `best` by validation loss;
            empty: the newest on the way.
        branches: of the run.
        before: with nothing said, only checkpoints of earlier steps.

    Raises:
        SlotdeckError: there is none; the nearest is named.
    """
    there = sealed(root)
    names = [folder.name for folder in checkpoint_folders(root)]
    if not names:
        raise SlotdeckError("the run has no checkpoint yet", "save one: checkpoint")
    if wanted in names:
        return wanted
    if not wanted:
        return _newest(
            there, lambda m: branches.hold(place_of(m)) and (before is None or m.step < before), before
        )
    if wanted == BEST:
        measured = [m for m in there if m.val_loss is not None and isfinite(m.val_loss)]
        if not measured:
            raise SlotdeckError(
                "no checkpoint has a validation loss", "name one, or evaluate, then checkpoint"
            )
        return min(reversed(measured), key=lambda m: m.val_loss or 0.0).name
    if wanted.isascii() and wanted.isdigit():
        return _at_step(there, int(wanted[:12]), branches)
    raise SlotdeckError(
        f"no checkpoint {one_line(wanted, 80)!r}{nearest(wanted, names)}",
        f"use {BEST}, a step, or one of: {', '.join(names[-5:])}",
    )


def _newest(there: list[Manifest], fits: Callable[[Manifest], bool], before: int | None) -> str:
    fitting = [m.name for m in there if fits(m)]
    if not fitting:
        when = "" if before is None else f" before step {before}"
        names = ", ".join(m.name for m in there[-5:])
        raise SlotdeckError(
            f"there is no checkpoint{when}", f"name one of: {names}" if names else "save one: checkpoint"
        )
    return fitting[-1]


def _at_step(there: list[Manifest], step: int, branches: Branches) -> str:
    def rank(m: Manifest) -> tuple[int, bool, tuple[int, tuple[int, int]]]:
        return -abs(m.step - step), branches.hold(place_of(m)), age(m)

    if not there:
        raise SlotdeckError("no checkpoint can be read", "the next resume says what is wrong with them")
    found = max(there, key=rank)
    if found.step != step:
        raise SlotdeckError(
            f"no checkpoint of step {step}; the nearest is {found.name}", f"name it: {found.step}"
        )
    return found.name
