"""Which checkpoints stay: the newest few, the best by validation loss, and those the operator asked for.

Called by the writer after each sealed one, so there is never a moment with fewer sound ones than before.
What a rollback left behind counts for nothing, so that the newest few are those a resume would take; the best of
all stays wherever it lies.
A folder goes in two moves, rename then delete: a kill in between leaves a name that no loader looks at.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from math import isfinite
from pathlib import Path

from engine.checkpoint.find import place_of, sealed
from engine.checkpoint.manifest import HELD
from engine.runlog.branches import Place


def retain(
    root: Path, keep: int, on_way: Callable[[Place], bool] = lambda _: True, spared: Collection[str] = ()
) -> list[str]:
    """Delete what need not stay; the names that went.

    Args:
        root: the run's `checkpoints/`.
        keep: how many of the newest stay, at least 1.
        on_way: whether the run came through a checkpoint; see `engine.runlog.branches`.
        spared: names that stay this time.
    """
    assert keep >= 1, "the newest always stays"
    there = sealed(root)  # one whose seal is damaged is not ours to delete: the next load says what is wrong
    newest = [m for m in reversed(there) if on_way(place_of(m))]
    stay = {*spared, *(m.name for m in newest[:keep])}
    for these in (newest, there[::-1]):
        # A NaN is smaller than nothing and larger than nothing: left in, it would pass for the best.
        measured = [(m.val_loss, m.name) for m in these if m.val_loss is not None and isfinite(m.val_loss)]
        if measured:
            stay.add(min(measured, key=lambda pair: pair[0])[1])
    gone = []
    for folder in (root / m.name for m in there):
        if folder.name in stay or (folder / HELD).exists():
            continue
        try:
            delete(folder)
        except OSError:
            continue  # one too many is no harm; it is tried again after the next save
        gone.append(folder.name)
    return gone


def delete(folder: Path) -> None:
    """Take a checkpoint away, so that it is never half there under its own name."""
    doomed = folder.with_name(f".del-{folder.name}")
    shutil.rmtree(doomed, ignore_errors=True)
    folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def sweep(root: Path) -> None:
    """Remove what a killed save or delete left behind. Call it while the run's lock is held."""
    if root.is_dir():
        for leftover in (*root.glob(".tmp-*"), *root.glob(".del-*")):
            shutil.rmtree(leftover, ignore_errors=True)
