"""The MANIFEST: the seal of a checkpoint. It names every file with size and SHA-256, and guards itself.

    {"format": 1, "name": "step-00000500", "step": 500, "branch": 0, ..., "files": {"model.safetensors": ...}}
    crc32 89abcdef

Two lines: JSON, then the CRC-32 of the first line. A folder without a valid one is not a checkpoint.
`sha256sum` checks the rest without our code.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from pathlib import Path

import msgspec

NAME = "MANIFEST"
MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.msgpack"
FILES = (MODEL, OPTIMIZER, STATE)
HELD = "HELD"
"""An empty file beside the MANIFEST: kept until deleted by hand."""
_FOLDER = re.compile(r"step-(\d{8,})(?:\.(\d+))?")


class Damaged(Exception):
    """This checkpoint cannot be believed, and why."""


class FileSeal(msgspec.Struct, frozen=True):
    """What a file must be."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint holds."""

    format: int = 1
    name: str
    """Of the folder, so that a folder renamed by hand is noticed."""
    step: int
    branch: int
    reason: str
    saved_wall_s: float
    files: dict[str, FileSeal]
    val_loss: float | None = None
    """Validation loss of these very weights, if it was measured."""

    @property
    def total_bytes(self) -> int:
        """Of all sealed files."""
        return sum(seal.bytes for seal in self.files.values())


def encode(manifest: Manifest) -> bytes:
    """The file's content."""
    line = msgspec.json.encode(manifest)
    return line + b"\ncrc32 %08x\n" % zlib.crc32(line)


def read(folder: Path) -> Manifest:
    """The seal of a checkpoint folder; its files are not looked at.

    Raises:
        Damaged: there is none, or it is not what was written.
    """
    try:
        content = (folder / NAME).read_bytes()
    except OSError as error:
        raise Damaged(f"{NAME} cannot be read: {error.strerror}") from None
    line, _, tail = content.partition(b"\n")
    if tail != b"crc32 %08x\n" % zlib.crc32(line):
        raise Damaged(f"{NAME} is damaged")
    try:
        manifest = msgspec.json.decode(line, type=Manifest)
    except msgspec.DecodeError as error:
        raise Damaged(f"{NAME} is not one: {error}") from None
    if manifest.name != folder.name:
        raise Damaged(f"{NAME} belongs to {manifest.name}")
    if set(manifest.files) != set(FILES):
        raise Damaged(f"{NAME} names {', '.join(sorted(manifest.files))}")
    return manifest


def seal(path: Path) -> FileSeal:
    """The seal of a file as it is on disk."""
    with path.open("rb") as file:
        return FileSeal(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def verify(folder: Path) -> Manifest:
    """The seal, with every file held against it.

    Raises:
        Damaged: the first thing that is not as it was written.
    """
    manifest = read(folder)
    for name, wanted in manifest.files.items():
        path = folder / name
        try:
            size = path.stat().st_size
            if size != wanted.bytes:
                raise Damaged(f"{name} has {size:,} bytes, not {wanted.bytes:,}")
            if seal(path) != wanted:
                raise Damaged(f"{name} is not what was written: its checksum differs")
        except OSError as error:
            raise Damaged(f"{name} cannot be read: {error.strerror}") from None
    return manifest


def folder_name(step: int, copy: int = 1) -> str:
    """`step-00000500`; a second one of the same step is `step-00000500.2`."""
    return f"step-{step:08d}" if copy == 1 else f"step-{step:08d}.{copy}"


def parse_name(name: str) -> tuple[int, int] | None:
    """The step and the copy that a folder's name says, or None if it is not a checkpoint's."""
    match = _FOLDER.fullmatch(name)
    return (int(match[1]), int(match[2] or 1)) if match else None


def checkpoint_folders(root: Path) -> list[Path]:
    """The folders under `checkpoints/` that are named like one, by step and copy, oldest first."""
    if not root.is_dir():
        return []
    named = [(parse_name(p.name), p) for p in root.iterdir() if p.is_dir() and not p.is_symlink()]
    return [p for _, p in sorted((key, p) for key, p in named if key)]
