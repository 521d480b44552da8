"""Where documents come from: which files an input means, and which reader a file gets.

`prepare` asks for the files once, up front, so that a wrong column or an unreadable file is refused before
any work is done; then it reads them in order, some megabytes at a time, whatever their size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.data import json_source, parquet_source, text_source
from engine.data.documents import Batch, Tally
from engine.errors import SlotdeckError, nearest

SUFFIXES = (".parquet", ".txt", ".json", ".jsonl")


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read inputs: the same for all of them."""

    text_column: str = "text"
    """Of parquet files."""
    text_key: str = "text"
    """Of JSON objects."""
    encoding: str = "utf-8"
    """Of .txt, .json and .jsonl."""


def find(inputs: Sequence[Path | str], leave_out: Path) -> list[Path]:
    """The files that the inputs mean: files as they are named, folders searched in order of path.

    A file met twice is read once. Hidden files, files of other kinds in folders, and everything in
    `leave_out` (where the output goes) are passed over.

    Raises:
        SlotdeckError: an input is not there, is of an unknown kind, or is a folder with nothing to read.
    """
    files: dict[Path, Path] = {}
    for given in map(Path, inputs):
        for path in _files_of(given, leave_out.resolve()):
            files.setdefault(path.resolve(), path)
    if not files:
        raise SlotdeckError("no input was given", "name a file or a folder: " + ", ".join(SUFFIXES))
    return list(files.values())


def check(files: Sequence[Path], reading: Reading) -> None:
    """Look at every file without reading it whole.

    Raises:
        SlotdeckError: a file is empty or unreadable, or has no such column of text.
    """
    for path in files:
        try:
            with path.open("rb") as file:
                empty = not file.read(1)
        except OSError as error:
            raise SlotdeckError(f"{path} cannot be read: {error.strerror}", "check its permissions") from None
        if empty:
            raise SlotdeckError(f"{path} is empty (0 bytes)", "remove it from the input, or fetch it again")
        if path.suffix.lower() == ".parquet":
            parquet_source.check(path, reading.text_column)
    text_source.check_encoding(reading.encoding)


def read(files: Sequence[Path], reading: Reading, tally: Tally) -> Iterator[Batch]:
    """The documents of all files in order, in batches of about a megabyte of text.

    Raises:
        SlotdeckError: a file turns out broken on the way, or a bad row is refused by `tally`.
    """
    for path in files:
        suffix = path.suffix.lower()
        try:
            if suffix == ".parquet":
                yield from parquet_source.read(path, reading.text_column, tally)
            elif suffix == ".txt":
                yield from text_source.read(path, reading.encoding, tally)
            elif suffix == ".jsonl":
                yield from json_source.read_lines(path, reading.text_key, reading.encoding, tally)
            else:
                yield from json_source.read_values(path, reading.text_key, reading.encoding, tally)
        except OSError as error:
            raise SlotdeckError(
                f"{path} cannot be read: {error.strerror or error}", "fetch it again"
            ) from None


def _files_of(given: Path, leave_out: Path) -> list[Path]:
    if given.is_dir():
        found = sorted(p for p in given.rglob("*") if _wanted(p, given, leave_out))
        if not found:
            raise SlotdeckError(f"nothing to read in {given}", "it needs files of " + ", ".join(SUFFIXES))
        return found
    if not given.exists():
        siblings = [p.name for p in given.parent.iterdir()] if given.parent.is_dir() else []
        raise SlotdeckError(f"no input {given}{nearest(given.name, siblings)}", "check the path")
    if given.suffix.lower() not in SUFFIXES:
        raise SlotdeckError(f"{given} is of an unknown kind", "give files of " + ", ".join(SUFFIXES))
    return [given]


def _wanted(path: Path, folder: Path, leave_out: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    if hidden or path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    return not path.resolve().is_relative_to(leave_out)
