"""Whether a run folder is ours alone: looked at at every start, before anything in it is trusted.

Called by whoever starts an engine and by the engine itself. Folders are made 0700 and files 0600; one that
belongs to somebody else, that others may write, or that is a link to another place is refused, never mended.
"""

from __future__ import annotations

import os
import site
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.errors import SlotdeckError
from engine.runlog.run_folder import ARTIFACTS, CHECKPOINTS, LOG, PROFILE
from engine.text import one_line

SOCKET = "sock"
FILES = (PROFILE, "parent.json", "lock", "restarts", "engine.out", "label.json")
OTHERS_MAY_WRITE = 0o022
UMASK = 0o077
"""Of every process that writes into a run folder."""


def check_run_folder(run_dir: Path) -> None:
    """Refuse a run folder that somebody else could have made, changed or may change.

    Looks at the folder itself (where the path leads, links included), what the engine keeps in it, the
    log's segments and the checkpoints. What is not there yet is no fault.

    Raises:
        SlotdeckError: the first path that is not as we would have made it, what is wrong, and the remedy.
    """
    run_dir = run_dir.resolve()
    if not run_dir.is_dir():
        return  # said better by whoever opens it
    _check(run_dir, run_dir, stat.S_ISDIR)
    for name in FILES:
        _check(run_dir / name, run_dir, stat.S_ISREG)
    _check(run_dir / SOCKET, run_dir, stat.S_ISSOCK)
    _check(run_dir / ARTIFACTS, run_dir, stat.S_ISDIR)
    for name in (LOG, CHECKPOINTS):
        if _check(run_dir / name, run_dir, stat.S_ISDIR):
            for path in _entries(run_dir / name):
                if _check(path, run_dir, _is_file_or_folder):
                    for file in _entries(path):
                        _check(file, run_dir, _is_file_or_folder)


def child_environment() -> dict[str, str]:
    """For Python children and theirs: modules come from where ours do, never from the folder one stands in.

    `python -m` looks in the current folder first, and that may be one that others can write.
    """
    home = str(Path(__file__).resolve().parents[2])
    given = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    # Installed, it is found anyway; and before the standard library site-packages do not belong.
    known = home in (*site.getsitepackages(), site.getusersitepackages())
    path = os.pathsep.join(dict.fromkeys([*([] if known else [home]), *given]))
    safe = {"PYTHONSAFEPATH": "1"} | ({"PYTHONPATH": path} if path else {})
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | safe


def _is_file_or_folder(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _check(path: Path, run_dir: Path, fits: Callable[[int], bool]) -> bool:
    """Judge one path. Says whether it is a folder; one that vanished meanwhile is none."""
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return False
    shown = one_line(str(path), 1024)
    if stat.S_ISLNK(info.st_mode):
        raise SlotdeckError(f"{shown} is a symbolic link", "put the file or folder itself there")
    if not fits(info.st_mode):
        raise SlotdeckError(f"{shown} is not what a run has there", "remove it")
    if info.st_uid != os.getuid():
        raise SlotdeckError(
            f"{shown} belongs to user {info.st_uid}, not to you (user {os.getuid()})",
            "work on the run as its owner, or copy it",
        )
    if info.st_mode & OTHERS_MAY_WRITE and not stat.S_ISSOCK(info.st_mode):
        raise SlotdeckError(
            f"{shown} may be written by others (mode {stat.S_IMODE(info.st_mode):04o})",
            f"chmod -R go-w {one_line(str(run_dir), 1024)}, or give a --runs folder on a disk that keeps modes",
        )
    return stat.S_ISDIR(info.st_mode)


def _entries(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise SlotdeckError(
            f"{one_line(str(folder), 1024)} cannot be read: {error.strerror}", "work on the run as its owner"
        ) from None
