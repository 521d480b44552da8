"""Deleting a run: only a whole run folder, directly in the runs folder, that nobody works on.

Called by `slotdeck delete` and the cockpit's home screen, after the user was asked.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from engine.errors import SlotdeckError
from engine.runlog.catalog import is_run_dir
from engine.runlog.lock import RunLock, is_live
from engine.runlog.restarts import kept_going
from engine.runlog.summary import files_below
from engine.text import one_line

GOING = ".deleted-"
"""Begins the name of a folder whose removal has begun; what was interrupted is finished by the next one."""


def freed_bytes(run_dir: Path) -> int:
    """What the disk gets back: a file that another run shares stays."""
    return sum(info.st_size for info in files_below(run_dir) if info.st_nlink == 1)


def delete_run(run_dir: Path, runs_dir: Path) -> None:
    """Remove a run for good. It is out of sight at once, whole or not at all.

    Raises:
        SlotdeckError: it is not a run folder of `runs_dir`, a link, live, or cannot be removed.
    """
    check_deletable(run_dir, runs_dir)
    name = one_line(run_dir.name)
    with RunLock(run_dir):  # no engine begins meanwhile
        going = runs_dir / f"{GOING}{secrets.token_hex(4)}"
        try:
            run_dir.rename(going)
        except OSError as error:
            raise SlotdeckError(
                f"{name} cannot be deleted: {error.strerror}", "check its owner and the runs folder's"
            ) from None
    for folder in (going, *_left_behind(runs_dir)):
        _clear(folder)
    if going.exists():
        raise SlotdeckError(
            f"{name} is gone from the list, but parts of it cannot be removed", f"remove {going} yourself"
        )


def check_deletable(run_dir: Path, runs_dir: Path) -> None:
    """Refuse what is not a dead run directly in `runs_dir`.

    Raises:
        SlotdeckError: why not.
    """
    name = one_line(run_dir.name)
    if run_dir.is_symlink():
        raise SlotdeckError(f"{name} is a symbolic link", "delete the run where it lies")
    try:
        inside = run_dir.name not in ("", ".", "..") and os.path.samefile(run_dir.parent, runs_dir)
    except OSError:
        inside = False
    if not inside:
        raise SlotdeckError(
            f"{one_line(str(run_dir), 1024)} does not lie in {one_line(str(runs_dir), 1024)}",
            "name its folder of runs with --runs",
        )
    if not is_run_dir(run_dir):
        raise SlotdeckError(f"{name} is not a run folder: it has no log/", "remove it yourself")
    if (parent := kept_going(run_dir)) is not None:
        raise SlotdeckError(
            f"{name} is kept going by pid {parent.pid} on {one_line(parent.host)}", "stop it first"
        )
    if (holder := is_live(run_dir)) is not None:
        raise SlotdeckError(
            f"{name} is live (pid {holder.pid} on {one_line(holder.host)})",
            "stop it first: a live run is kept",
        )


def _left_behind(runs_dir: Path) -> list[Path]:
    try:
        return [path for path in runs_dir.iterdir() if path.name.startswith(GOING) and not path.is_symlink()]
    except OSError:
        return []


def _clear(folder: Path) -> None:
    """As much of it as can go; links below are removed, never followed."""
    with suppress(OSError):
        shutil.rmtree(folder, ignore_errors=True)
