"""Which checkpoints stay: the newest few, the best by validation loss, and those the operator asked for.

Called by the writer after each sealed one, so there is never a moment with fewer sound ones than before.
A folder goes in two moves, rename then delete: a kill in between leaves a name that no loader looks at.
"""

from __future__ import annotations

import shutil
from math import isfinite
from pathlib import Path

from engine.checkpoint.manifest import HELD, Damaged, Manifest, checkpoint_folders, parse_name, read


def retain(root: Path, keep: int) -> list[str]:
    """Delete what need not stay; the names that went.

    Args:
        root: the run's `checkpoints/`.
        keep: how many of the newest stay, at least 1.
    """
    assert keep >= 1, "the newest always stays"
    sealed: list[tuple[Path, Manifest]] = []
    for folder in checkpoint_folders(root):
        try:
            sealed.append((folder, read(folder)))
        except Damaged:
            continue  # not ours to delete: the next load says what is wrong with it
    newest = sorted(sealed, key=_age, reverse=True)
    stay = {folder for folder, _ in newest[:keep]}
    # A NaN is smaller than nothing and larger than nothing: left in, it would pass for the best.
    measured = [
        (m.val_loss, folder) for folder, m in newest if m.val_loss is not None and isfinite(m.val_loss)
    ]
    if measured:
        stay.add(min(measured, key=lambda pair: pair[0])[1])
    gone = []
    for folder, _ in sealed:
        if folder in stay or (folder / HELD).exists():
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


def _age(item: tuple[Path, Manifest]) -> tuple[int, int, int]:
    folder, manifest = item
    key = parse_name(folder.name)
    assert key is not None, "listed because its name is a checkpoint's"
    return (manifest.branch, *key)
