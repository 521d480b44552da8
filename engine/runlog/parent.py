"""`parent.json`: where a run comes from, if it is a fork or a rerun, and what it is to repeat.

Written once, when the run folder is made; read by the engine at each start and by whoever lists runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import SlotdeckError
from engine.text import one_line

NAME = "parent.json"
FORK, RERUN = "fork", "rerun"
_MAX_BYTES = 16 << 20


class Repeat(msgspec.Struct, frozen=True):
    """A command of the parent that the run applies at the same step."""

    step: int
    verb: str
    args: dict[str, Any]


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was made from."""

    kind: str
    """`fork` or `rerun`."""
    run: str
    """Name of the parent's folder."""
    checkpoint: str = ""
    """The one the run begins with; empty: it begins at step 0."""
    asked_by: str = ""
    """Client and command that made it, so that a repeated command does not make another."""
    threads: int | None = None
    """Torch threads of the parent on a CPU: sums depend on them to the last bit."""
    repeat: list[Repeat] = []

    def describe(self) -> str:
        """`fork of RUN at step-00000500`, for lists."""
        where = f" at {self.checkpoint}" if self.checkpoint else ""
        return one_line(f"{self.kind} of {self.run}{where}")


def write_parent(run_dir: Path, parent: Parent) -> None:
    """Into a run folder that was just made; on the disk when this returns."""
    fd = os.open(run_dir / NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(msgspec.json.encode(parent))
        file.flush()
        os.fsync(fd)


def read_parent(run_dir: Path) -> Parent | None:
    """Where the run comes from; None: from a profile.

    Raises:
        SlotdeckError: the file is there and cannot be understood.
    """
    path = run_dir / NAME
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise msgspec.DecodeError("it is too large")
        return msgspec.json.decode(content, type=Parent)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SlotdeckError(
            f"{path}: {one_line(str(why))}", "restore it, or make the fork or rerun again"
        ) from None


def made_for(runs_dir: Path, asked_by: str) -> Path | None:
    """The run that a command has made already."""
    for path in sorted(runs_dir.glob(f"*/{NAME}")):
        try:
            parent = read_parent(path.parent)
        except SlotdeckError:
            continue
        if parent is not None and parent.asked_by == asked_by:
            return path.parent
    return None
