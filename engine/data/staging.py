"""A folder that appears whole or not at all: filled beside its place, put on the disk, then renamed.

`prepare` and the export write into it. After a crash the next one finds the leavings, sees that nobody holds them, and
clears them away.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.data import meta
from engine.errors import SlotdeckError
from engine.small_file import put_on_disk


def check_free(target: Path, overwrite: bool) -> None:
    """The target must be absent or empty, or prepared data that may be replaced.

    Raises:
        SlotdeckError: it is something that must not be replaced.
    """
    if not target.exists():
        return
    if not target.is_dir():
        raise SlotdeckError(f"{target} is a file", "name a folder with --out")
    if not any(target.iterdir()):
        return
    if not overwrite:
        raise SlotdeckError(f"{target} is not empty", "choose another --out, or replace it with --overwrite")
    if not (target / meta.NAME).is_file() and not any(target.glob("train*.bin")):
        raise SlotdeckError(f"{target} holds no prepared data, so it is not replaced", "choose another --out")


@contextmanager
def staged(target: Path, option: str = "--out") -> Iterator[Path]:
    """A fresh folder beside `target` that takes its place when the block ends well, and vanishes when not.

    Args:
        target: the folder to make or replace; `option` is what the user names it with.

    Raises:
        SlotdeckError: another process is preparing the same target, or the place cannot be written.
    """
    target = target.resolve()
    staging = target.with_name(f".{target.name}.preparing")
    try:
        staging.mkdir(parents=True, exist_ok=True)
        lock = os.open(staging, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise SlotdeckError(
            f"{target.parent} cannot be written: {error.strerror}", f"choose another {option}"
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SlotdeckError(
                f"another process is preparing {target}", f"wait for it, or choose another {option}"
            ) from None
        _clear(staging)
        try:
            yield staging
            _place(staging, target, lock)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
    finally:
        os.close(lock)


def write_file(path: Path, data: bytes) -> None:
    """Write and put on the disk."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _place(staging: Path, target: Path, lock: int) -> None:
    os.fsync(lock)
    old = target.with_name(f".{target.name}.replaced")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    staging.rename(target)
    put_on_disk(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def _clear(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
