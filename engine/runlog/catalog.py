"""The folder of runs: making a run's folder, listing what is there, finding one by what a user types."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.errors import SlotdeckError, nearest
from engine.protocol import codec
from engine.protocol import events as ev
from engine.runlog.index import History
from engine.runlog.lock import is_live
from engine.runlog.parent import read_parent
from engine.runlog.restarts import awaited
from engine.text import one_line


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in one row."""

    path: Path
    run_id: str
    profile_name: str
    state: str
    """As the engine last said; `unreadable` if the log cannot be read, empty before its first event."""
    live: bool
    """An engine holds its lock now, or is awaited."""
    step: int
    total_steps: int
    loss: float | None
    """The last reported training loss."""
    val_loss: float | None
    """The last measured validation loss."""
    started_wall_s: float | None
    ended_wall_s: float | None
    """When it said its last word; None while it is live."""
    size_bytes: int
    """Everything in the folder, checkpoints included."""
    outcome: str
    """`finished`, `stopped`, `failed`; `killed` if an engine went without a word; empty while it is live."""
    parent: str = ""
    """The run it was forked from, or whose commands it repeats."""
    reason: str = ""
    """Why it failed; while an engine is awaited, `engine restarting (2 of 3)`."""


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
        for part in ("log", "checkpoints", "artifacts"):
            (run_dir / part).mkdir(mode=0o700)
        fd = os.open(run_dir / "profile.toml", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
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
    return [summarise(path) for path in reversed(_run_dirs(runs_dir))]


def summarise(run_dir: Path) -> RunSummary:
    """One run's row, whatever state its log is in."""
    at_work = is_live(run_dir) is not None
    expected = "" if at_work else awaited(run_dir)
    live = at_work or bool(expected)
    reason = ""
    started: ev.RunStarted | None = None
    step, loss, val_loss, state, outcome = 0, None, None, "", ""
    span = (0.0, 0.0)
    try:
        history = History(run_dir, raw_reports=0)
    except SlotdeckError:
        state = "unreadable"
    else:
        span = history.span
        # In the order they were logged: the newest word on the step and the state counts.
        for entry in sorted(history.latest.values()):
            match codec.decode(entry.kind, entry.payload):
                case ev.RunStarted() as started:
                    step, state, outcome, reason = started.step, "starting", "", ""
                case ev.StateChanged() as changed:
                    step, state = changed.step, changed.state
                case ev.StepReport() as report:
                    step, loss = report.step, report.loss
                case ev.Evaluated() as evaluated:
                    val_loss = evaluated.loss
                case ev.RunEnded() as ended:
                    step, outcome, state = ended.step, ended.outcome, "ended"
                    reason = ended.reason if ended.outcome == "failed" else ""
                case _:
                    pass
    if live:
        outcome, reason = "", expected
    elif started is not None and not outcome:
        outcome = "killed"
    return RunSummary(
        path=run_dir,
        run_id=one_line(run_dir.name),
        profile_name=one_line(started.profile_name) if started else "",
        state=one_line(state),
        live=live,
        step=step,
        total_steps=started.total_steps if started else 0,
        loss=loss,
        val_loss=val_loss,
        started_wall_s=span[0] or None,
        ended_wall_s=None if live else span[1] or None,
        size_bytes=_size_of(run_dir),
        outcome=one_line(outcome),
        reason=one_line(reason, 1024),
        parent=_parent_of(run_dir),
    )


def _parent_of(run_dir: Path) -> str:
    """A fork or a rerun says it before its engine does."""
    try:
        parent = read_parent(run_dir)
    except SlotdeckError:
        return ""
    return one_line(parent.run) if parent else ""


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
        what = "is not a run folder: it has no log/" if os.path.exists(as_path) else "does not exist"
        raise SlotdeckError(f"{one_line(text)} {what}", "list the runs with `slotdeck runs`")
    names = {path.name: path for path in _run_dirs(runs_dir)}
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


def is_run_dir(path: Path) -> bool:
    """It looks like a run: there is a log folder in it."""
    try:
        return (path / "log").is_dir()
    except OSError:  # another user's, or a name longer than the file system takes
        return False


def _run_dirs(runs_dir: Path) -> list[Path]:
    try:
        return sorted(path for path in runs_dir.iterdir() if is_run_dir(path))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SlotdeckError(
            f"{runs_dir} cannot be read: {error.strerror}", "give another --runs folder"
        ) from None


def _size_of(folder: Path) -> int:
    """Bytes of all files below; what vanishes meanwhile counts nothing."""
    total = 0
    for base, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(base, name)).st_size
            except OSError:
                continue
    return total
