"""The folder of runs: making a run's folder, listing what is there, finding one by what a user types."""

from __future__ import annotations

import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from engine.errors import SlotdeckError, nearest
from engine.runlog.run_folder import ARTIFACTS, CHECKPOINTS, LOG, PROFILE
from engine.runlog.summary import RunSummary, summarise
from engine.text import one_line


def create_run(
    runs_dir: Path, profile_name: str, profile_toml: str, now: float | datetime, token: str
) -> Path:
    """Make `<utc>-<profile>-<token>` with its sub-folders and `profile.toml`; only its owner may look inside.

    Args:
        runs_dir: made if it is not there.
        profile_name: as in the profile; what is no letter, digit, dot or dash becomes a dash.
        profile_toml: the resolved profile.
        now: Unix time, or a moment with its time zone.
        token: four hex digits that tell apart the runs of one second.

    Raises:
        SlotdeckError: the folder cannot be made.
    """
    moment = now.astimezone(UTC) if isinstance(now, datetime) else datetime.fromtimestamp(now, UTC)
    name = re.sub(r"[^a-z0-9.]+", "-", profile_name.lower()).strip("-.") or "run"
    run_dir = runs_dir / f"{moment:%Y%m%d-%H%M%S}-{name[:48]}-{token}"
    try:
        runs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        run_dir.mkdir(mode=0o700)
    except FileExistsError as error:
        if Path(error.filename) != run_dir:
            raise SlotdeckError(
                f"{runs_dir} is a file, not a folder of runs", "give another --runs folder"
            ) from None
        raise SlotdeckError(f"{run_dir} exists already", "start again in a second") from None
    except OSError as error:
        raise _cannot_make(run_dir, error) from None
    try:
        for part in (LOG, CHECKPOINTS, ARTIFACTS):
            (run_dir / part).mkdir(mode=0o700)
        fd = os.open(run_dir / PROFILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(profile_toml)
    except OSError as error:
        shutil.rmtree(run_dir, ignore_errors=True)
        raise _cannot_make(run_dir, error) from None
    return run_dir


def _cannot_make(run_dir: Path, error: OSError) -> SlotdeckError:
    return SlotdeckError(f"{run_dir} cannot be made: {error.strerror}", "give another --runs folder")


def list_runs(runs_dir: Path) -> list[RunSummary]:
    """Every run in the folder, newest first; an empty list when there is no such folder.

    Raises:
        SlotdeckError: the folder cannot be read.
    """
    runs = [summarise(path) for path in reversed(run_dirs(runs_dir))]
    return sorted(runs, key=_begun_wall_s, reverse=True)


def _begun_wall_s(run: RunSummary) -> float:
    """When it was started; when its folder was made, where the log does not say yet."""
    try:
        return run.started_wall_s or run.path.stat().st_mtime
    except OSError:  # it has just gone
        return 0.0


def find_run(text: str, runs_dir: Path) -> Path:
    """The run that `text` names: a path, a full name, or a beginning, an end or a part that only one has.

    Raises:
        SlotdeckError: no run or several match; the message says what is there.
    """
    if not text:
        raise SlotdeckError("no run is named", "list the runs with `slotdeck runs`")
    as_path = Path(os.path.expanduser(text))
    if ("/" in text or as_path.is_absolute() or text in (".", "..")) or is_run_dir(as_path):
        if is_run_dir(as_path):
            return as_path
        raise SlotdeckError(f"{one_line(text)} {_why_no_run(as_path)}", "list the runs with `slotdeck runs`")
    names = {path.name: path for path in run_dirs(runs_dir)}
    if text in names:
        return names[text]
    if not names:
        raise SlotdeckError(f"no runs in {runs_dir}", "start one with `slotdeck train PROFILE`")
    for fits in (str.startswith, str.endswith, str.__contains__):
        found = [path for name, path in names.items() if text and fits(name, text)]
        if len(found) == 1:
            return found[0]
        if found:
            shown = ", ".join(one_line(p.name) for p in found[-4:])
            raise SlotdeckError(
                f"{len(found)} runs match {one_line(text)!r}: {shown}", "give more of the name"
            )
    newest = ", ".join(one_line(name) for name in list(names)[-3:])
    hint = nearest(text, list(names))
    raise SlotdeckError(
        f"no run {one_line(text)!r} in {runs_dir}{hint}; the newest are {newest}", "use one of them"
    )


def _why_no_run(path: Path) -> str:
    try:
        os.stat(path / LOG)
    except PermissionError:
        return "cannot be read: Permission denied"
    except OSError:
        pass
    return "is not a run folder: it has no log/" if os.path.exists(path) else "does not exist"


def is_run_dir(path: Path) -> bool:
    """It looks like a run: there is a log folder in it."""
    try:
        return (path / LOG).is_dir()
    except OSError:  # another user's, or a name longer than the file system takes
        return False


def run_dirs(runs_dir: Path) -> list[Path]:
    """Every run folder, oldest first; none when there is no such folder.

    Raises:
        SlotdeckError: the folder cannot be read.
    """
    try:
        return sorted(path for path in runs_dir.iterdir() if path.name[0] != "." and is_run_dir(path))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SlotdeckError(
            f"{runs_dir} cannot be read: {error.strerror}", "give another --runs folder"
        ) from None
