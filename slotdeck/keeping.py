"""Tags, notes, the archive and deleting, from the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from msgspec.structs import replace

from engine.errors import SlotdeckError
from engine.runlog.catalog import find_run
from engine.runlog.label import Label, change_label, noted, tagged
from engine.runlog.remove import check_deletable, delete_run, freed_bytes
from engine.text import one_line
from engine.units import format_bytes
from slotdeck.say import Say
from slotdeck.terminal import command_line


def tag_run(run: str, tags: Sequence[str], runs_dir: Path, *, remove: bool, say: Say) -> None:
    """Add or remove tags, and say which there are now.

    Raises:
        SlotdeckError: one is no tag, there is no such run, or its folder cannot be written.
    """

    def change(label: Label) -> Label:
        return tagged(label, remove=tags) if remove else tagged(label, add=tags)

    run_dir = find_run(run, runs_dir)
    label = change_label(run_dir, change)
    say(f"{one_line(run_dir.name)}: {' '.join(f'#{one_line(tag)}' for tag in label.tags) or 'no tags'}")


def note_of_run(run: str, text: str, runs_dir: Path, *, say: Say) -> None:
    """Write or, with no text, take away a run's note.

    Raises:
        SlotdeckError: it is too long, there is no such run, or its folder cannot be written.
    """
    run_dir = find_run(run, runs_dir)
    label = change_label(run_dir, lambda label: noted(label, text))
    say(f"{one_line(run_dir.name)}: {one_line(label.note, 1000) or 'no note'}")


def archive_run(run: str, runs_dir: Path, *, undo: bool, say: Say) -> None:
    """Into the archive, or out of it.

    Raises:
        SlotdeckError: there is no such run, or its folder cannot be written.
    """
    run_dir = find_run(run, runs_dir)
    change_label(run_dir, lambda label: replace(label, archived=not undo))
    name = one_line(run_dir.name)
    how = command_line("archive", run_dir.name, "--undo")
    say(f"{name} is in the list again" if undo else f"{name} is archived; undo it with: {how}")


def delete_for_good(run: str, runs_dir: Path, *, yes: bool, say: Say) -> None:
    """Delete a run, asked for first unless `yes`.

    Raises:
        SlotdeckError: it is live, no run of this folder, or there is nobody to ask.
    """
    run_dir = find_run(run, runs_dir)
    check_deletable(run_dir, runs_dir)
    name, size = one_line(run_dir.name), format_bytes(freed_bytes(run_dir))
    if not yes:
        if not sys.stdin.isatty():
            raise SlotdeckError(f"deleting {name} frees {size} and cannot be undone", "add --yes to do it")
        if not typer.confirm(f"Delete {name}? This frees {size} and cannot be undone."):
            say("nothing was deleted")
            return
    delete_run(run_dir, runs_dir)
    say(f"{name} is deleted; {size} freed")
