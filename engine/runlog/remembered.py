"""A folder of runs, looked at again and again: what is over is read once and remembered, also for the next time.

Called by the cockpit's home screen, in its own thread. `.catalog` in the runs folder holds the rows of runs that have
ended, each with the state of the files it was read from. It can be deleted at any time; one that is damaged, of another
version or of another user counts as none, and of two homes that write it the last one wins.
"""

from __future__ import annotations

import os
from array import array
from contextlib import suppress
from pathlib import Path

import msgspec

from engine.errors import SlotdeckError
from engine.runlog.catalog import run_dirs
from engine.runlog.packed import floats, to_bytes
from engine.runlog.run_folder import ARTIFACTS, CHECKPOINTS, LOG
from engine.runlog.summary import Followed, RunSummary, Telling, presence_of, size_of, summary_of
from engine.small_file import open_plain, write_whole

NAME = ".catalog"
FORMAT = 1
_MAX_BYTES = 256 << 20
Stamp = tuple[int, ...]


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """What a run that has ended said, and the files it was read from."""

    stamp: Stamp
    profile_name: str
    total_steps: int
    begun: bool
    step: int
    state: str
    outcome: str
    reason: str
    loss: float | None
    val_loss: float | None
    best_val_loss: float | None
    best_step: int
    span: tuple[float, float]
    curve: bytes
    """f64, little-endian."""
    size_stamp: Stamp = ()
    size_bytes: int = 0


_TOLD = (
    "profile_name", "total_steps", "begun", "step", "state", "outcome", "reason", "loss", "val_loss", "best_val_loss",
    "best_step", "span",
)  # fmt: skip
"""What of it is a `Telling`'s, by the same names."""


class Page(msgspec.Struct, frozen=True):
    """The file."""

    format: int
    runs: dict[str, Kept]


class RememberedRuns:
    """The runs of one folder. One thread at a time."""

    def __init__(self, runs_dir: Path) -> None:
        """Reads what is remembered."""
        self.runs_dir = runs_dir
        self._kept = _read(runs_dir / NAME)
        self._followed: dict[str, tuple[Stamp, Followed]] = {}
        self._changed = False

    def paths(self) -> list[Path]:
        """Every run, newest first; what is remembered of runs that are gone is forgotten.

        Raises:
            SlotdeckError: the folder cannot be read.
        """
        found = run_dirs(self.runs_dir)[::-1]
        names = {path.name for path in found}
        for name in self._kept.keys() - names:
            del self._kept[name]
            self._changed = True
        for name in self._followed.keys() - names:
            del self._followed[name]
        return found

    def remembered(self, run_dir: Path) -> RunSummary | None:
        """The row of a run that nobody works on and whose log is as it was; None: it is to be read."""
        kept = self._kept.get(run_dir.name)
        if kept is None or kept.stamp != _log_stamp(run_dir):
            return None
        presence = presence_of(run_dir)
        if presence[0]:
            return None
        return summary_of(run_dir, _telling(kept), presence, kept.size_bytes)

    def look(self, run_dir: Path) -> RunSummary:
        """The row of a run, from memory or from its log. Its size is the one measured last."""
        if (known := self.remembered(run_dir)) is not None:
            return known
        name, presence, stamp = run_dir.name, presence_of(run_dir), _log_stamp(run_dir)
        _, followed = self._followed.get(name, ((), None))
        followed = followed or Followed(run_dir)
        telling: Telling | None
        try:
            telling = followed.look()
        except (SlotdeckError, OSError):
            telling = None
        before = self._kept.get(name)
        size_stamp, size_bytes = (before.size_stamp, before.size_bytes) if before else ((), 0)
        if presence[0] or telling is None:
            self._followed[name] = (stamp, followed)
            self._kept.pop(name, None)
        else:
            self._followed.pop(name, None)
        if telling is not None:
            # Of a live run too, for its size; its stamp is one that no log has, so that it is read again.
            self._kept[name] = _kept(telling, () if presence[0] else stamp, size_stamp, size_bytes)
            self._changed = self._changed or not presence[0]
        return summary_of(run_dir, telling, presence, size_bytes)

    def size(self, run_dir: Path) -> int:
        """Bytes of all that a run's folder holds: walked when something was added to it or taken from it."""
        kept, stamp = self._kept.get(run_dir.name), _size_stamp(run_dir)
        if kept is not None and kept.size_stamp == stamp:
            return kept.size_bytes
        size_bytes = size_of(run_dir)
        if kept is not None:
            self._kept[run_dir.name] = msgspec.structs.replace(kept, size_stamp=stamp, size_bytes=size_bytes)
            self._changed = True
        return size_bytes

    def save(self) -> None:
        """Write what is new. A disk that is full or not ours to write costs nothing but time at the next start."""
        if not self._changed:
            return
        self._changed = False
        # A folder's name need not be UTF-8; such a run is read anew each time.
        ended = {name: kept for name, kept in self._kept.items() if kept.stamp and _is_utf8(name)}
        with suppress(OSError):
            write_whole(self.runs_dir / NAME, msgspec.msgpack.encode(Page(FORMAT, ended)))


def _is_utf8(name: str) -> bool:
    return name == name.encode("utf-8", "replace").decode()


def _kept(telling: Telling, stamp: Stamp, size_stamp: Stamp, size_bytes: int) -> Kept:
    told = {name: getattr(telling, name) for name in _TOLD}
    curve = to_bytes(array("d", telling.curve))
    return Kept(stamp=stamp, curve=curve, size_stamp=size_stamp, size_bytes=size_bytes, **told)


def _telling(kept: Kept) -> Telling:
    losses = list(floats(kept.curve))
    told = {name: getattr(kept, name) for name in _TOLD}
    return Telling(steps=list(range(len(losses))), losses=losses, **told)


def _read(path: Path) -> dict[str, Kept]:
    try:
        with open_plain(path) as file:
            if os.fstat(file.fileno()).st_uid != os.getuid():
                return {}
            page = msgspec.msgpack.decode(file.read(_MAX_BYTES), type=Page)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
    whole = all(len(kept.curve) % 8 == 0 for kept in page.runs.values())
    return dict(page.runs) if page.format == FORMAT and whole else {}


def _log_stamp(run_dir: Path) -> Stamp:
    """Changes whenever the log does: its segments, the newest one's size and time, the inode of all."""
    newest, segments = "", 0
    try:
        with os.scandir(run_dir / LOG) as entries:
            for entry in entries:
                segments += 1
                newest = max(newest, entry.name) if entry.name.endswith(".slog") else newest
        if not newest:
            return (segments, 0)
        info = os.stat(run_dir / LOG / newest)
    except OSError:
        return (segments, 0)
    return (segments, info.st_ino, info.st_size, info.st_mtime_ns)


def _size_stamp(run_dir: Path) -> Stamp:
    """Changes whenever a checkpoint, an artifact or a log segment comes or goes, or the log grows."""
    times = []
    for part in (".", CHECKPOINTS, ARTIFACTS):
        try:
            times.append(os.stat(run_dir / part).st_mtime_ns)
        except OSError:
            times.append(0)
    return (*times, *_log_stamp(run_dir))
