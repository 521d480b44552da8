"""`label.json`: what people say of a run: tags, a note, whether it is put away. The engine never reads it.

Called by the cockpit's home screen and by `slotdeck tag`, `note` and `archive`. It is no part of the run's history,
so it may be changed or removed at any time.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec.structs import replace

from engine.errors import SlotdeckError
from engine.small_file import open_plain, write_whole
from engine.text import one_line

NAME = "label.json"
MOST_TAGS, TAG_CHARACTERS, NOTE_CHARACTERS = 16, 32, 1000
_MAX_BYTES = 64 << 10
_TAG = re.compile(rf"[^\W_][\w.:+-]{{0,{TAG_CHARACTERS - 1}}}")


class Label(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What people say of a run."""

    tags: tuple[str, ...] = ()
    """In the order they were given."""
    note: str = ""
    archived: bool = False
    """Left out of lists; found by its name all the same."""


def read_label(run_dir: Path) -> Label:
    """The label of a run; an empty one where there is none or it cannot be understood."""
    try:
        with open_plain(run_dir / NAME) as file:
            label = msgspec.json.decode(file.read(_MAX_BYTES), type=Label)
    except (OSError, msgspec.DecodeError):
        return Label()
    return Label(
        tags=tuple(one_line(tag, TAG_CHARACTERS) for tag in label.tags[:MOST_TAGS]),
        note=one_line(label.note, NOTE_CHARACTERS),
        archived=label.archived,
    )


def change_label(run_dir: Path, change: Callable[[Label], Label]) -> Label:
    """Read, change and write a run's label; whoever else changes it waits meanwhile. Returns the new one.

    Raises:
        SlotdeckError: the run is gone or its folder cannot be written; the label is as it was.
    """
    try:
        with _alone(run_dir):
            before = read_label(run_dir)
            after = change(before)
            if after != before:
                write_whole(run_dir / NAME, msgspec.json.encode(after) + b"\n", durable=True)
    except OSError as error:
        raise SlotdeckError(
            f"{one_line(run_dir.name)} cannot be labelled: {error.strerror}",
            "check the disk, and the run folder's owner",
        ) from None
    return after


def tagged(label: Label, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Label:
    """The label with other tags.

    Raises:
        SlotdeckError: one is no tag, or there are too many.
    """
    gone = set(map(check_tag, remove))
    tags = tuple(dict.fromkeys(tag for tag in (*label.tags, *map(check_tag, add)) if tag not in gone))
    if len(tags) > MOST_TAGS:
        raise SlotdeckError(f"{len(tags)} tags are too many", f"keep to {MOST_TAGS}")
    return replace(label, tags=tags)


def noted(label: Label, note: str) -> Label:
    """The label with another note; empty: none.

    Raises:
        SlotdeckError: it is too long.
    """
    clean = one_line(note.strip(), NOTE_CHARACTERS + 1)
    if len(clean) > NOTE_CHARACTERS:
        raise SlotdeckError("the note is too long", f"keep it below {NOTE_CHARACTERS} characters")
    return replace(label, note=clean)


def check_tag(text: str) -> str:
    """A tag as it is kept: a leading `#` is not part of it.

    Raises:
        SlotdeckError: it is none.
    """
    tag = text.removeprefix("#")
    if _TAG.fullmatch(tag) and one_line(tag) == tag:
        return tag
    raise SlotdeckError(
        f"{one_line(text, 60)!r} is no tag",
        f"use up to {TAG_CHARACTERS} letters, digits, dots, colons, plus signs, dashes and underscores",
    )


@contextmanager
def _alone(run_dir: Path) -> Iterator[None]:
    """Hold the folder itself: nothing is left behind, and the kernel lets go if we die."""
    fd = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
