"""`slotdeck export-run`: opens the formats asked for, walks the log once for all of them, says what was written.

Each format has a folder of its own below the target, written beside its place and renamed: there whole or not at all.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import slotdeck
from engine.data.staging import staged, write_file
from engine.errors import SlotdeckError
from engine.text import one_line
from engine.units import counted, format_bytes
from slotdeck.export_run.csv_files import LOSS, CsvFiles
from slotdeck.export_run.facts import RunFacts, read_facts
from slotdeck.export_run.parquet_files import ParquetFiles
from slotdeck.export_run.table import Row, Table
from slotdeck.export_run.tensorboard_files import TensorboardFiles
from slotdeck.export_run.walk import Walk
from slotdeck.export_run.wandb_files import WandbRun
from slotdeck.say import Say

MARK = "slotdeck-export.json"
"""Says how a folder was made; only a folder that has it is ever replaced."""


class Format(Protocol):
    """What is written while the log is walked."""

    def take(self, table: Table, rows: list[Row]) -> None:
        """The next rows of a table; the list is not kept."""

    def close(self) -> None:
        """Finish the files."""


FORMATS: dict[str, Callable[[Path, RunFacts], Format]] = {
    "csv": CsvFiles,
    "parquet": ParquetFiles,
    "tensorboard": TensorboardFiles,
    "wandb": WandbRun,
}
"""Name of the folder, and what fills it."""


def export_run(
    run_dir: Path,
    to: Path,
    formats: Sequence[str],
    *,
    overwrite: bool,
    only_final: bool,
    say: Say,
    tell: Callable[[float], None] = lambda _: None,
) -> None:
    """Write a run in each format, and say where.

    Args:
        run_dir: the run, live or over; of a live one what its log holds now.
        to: the folder that gets one for each format.
        formats: keys of `FORMATS`.
        overwrite: earlier exports may be replaced; nothing else ever is.
        only_final: leave out what rollbacks left behind.
        say: takes each line.
        tell: takes the share that is done, often.

    Raises:
        SlotdeckError: the run, the place or the disk does not allow it; nothing is left behind.
    """
    for name in formats:
        _check_free(to / name, overwrite)
    facts = read_facts(run_dir)
    try:
        with ExitStack() as places:
            folders = {name: places.enter_context(staged(to / name, option="--to")) for name in formats}
            unreadable = _write(run_dir, facts, folders, tell, only_final=only_final)
    except OSError as error:
        full = error.errno == errno.ENOSPC
        remedy = "free some space" if full else "choose another --to"
        raise SlotdeckError(
            f"{to} cannot be written: {error.strerror or error}", f"{remedy}; nothing was kept"
        ) from None
    tell(1.0)
    if unreadable:
        say(f"note: {counted(unreadable, 'event')} of a newer kind left out; export with a newer slotdeck")
    if facts.live:
        say(
            f"note: {one_line(facts.run_id)} is live: this is what its log held now; --overwrite brings it up to date"
        )
    for name in formats:
        for line in _told(to / name, name):
            say(line)


def _write(
    run_dir: Path,
    facts: RunFacts,
    folders: dict[str, Path],
    tell: Callable[[float], None],
    *,
    only_final: bool,
) -> int:
    """Returns how many events could not be read."""
    writers = [FORMATS[name](folder, facts) for name, folder in folders.items()]

    def take(table: Table, rows: list[Row]) -> None:
        for writer in writers:
            writer.take(table, rows)
        tell(walk.share)

    walk = Walk(run_dir, facts, take, only_final=only_final)
    try:
        walk.run()
    finally:
        for writer in writers:
            writer.close()
    story = {
        "made_by": f"slotdeck {slotdeck.__version__}",
        "run": facts.run_id,
        "events": facts.head_seq,
        "live": facts.live,
        "only_final_branch": only_final,
    }
    for folder in folders.values():
        write_file(folder / MARK, (json.dumps(story, indent=2) + "\n").encode())
        toml = facts.lives[-1].profile_toml if facts.lives else ""
        write_file(folder / "profile.toml", toml.encode())
    return walk.unreadable


def _check_free(target: Path, overwrite: bool) -> None:
    shown = one_line(str(target))
    try:
        if not target.exists():
            return
        filled = target.is_dir() and any(target.iterdir())
    except OSError as error:
        raise SlotdeckError(f"{shown} cannot be read: {error.strerror}", "choose another --to") from None
    if not target.is_dir():
        raise SlotdeckError(f"{shown} is a file", "choose another --to")
    if filled and not (target / MARK).is_file():
        raise SlotdeckError(f"{shown} holds no export, so it is not replaced", "choose another --to")
    if filled and not overwrite:
        raise SlotdeckError(f"{shown} exists", "choose another --to, or replace it with --overwrite")


def _told(folder: Path, name: str) -> list[str]:
    """What to do with a folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    total = format_bytes(sum(path.stat().st_size for path in files))
    shown = one_line(str(folder), 1000)
    match name:
        case "csv":
            return [
                f"loss curve for a spreadsheet: {shown}/{LOSS}",
                f"{counted(len(files) - 3, 'table')} as CSV: {shown}/ ({total}); every step report is in steps.csv",
            ]
        case "parquet":
            return [f"{counted(len(files) - 2, 'table')} as Parquet: {shown}/ ({total})"]
        case "tensorboard":
            return [f"event files: {shown}/ ({total}); open them with: tensorboard --logdir {shown}"]
    run = next(folder.glob("offline-run-*"))
    return [
        f"offline W&B run: {one_line(str(run), 1000)}/ ({total})",
        f"look at it with: wandb leet {one_line(str(run), 1000)}; send it with: wandb sync {one_line(str(run), 1000)}",
    ]
