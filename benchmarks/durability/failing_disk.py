"""A disk that fails at a chosen call, for a Nursery's engines: the driver's side of failing_disk.c."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
NUMBERS = struct.Struct("<5q")
WHERE = {"checkpoints": 1, "log": 2}
FOREVER = 1 << 40


def compiler() -> str | None:
    """A C compiler, if there is one."""
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def preload(folder: Path) -> dict[str, str]:
    """Build the library in `folder`, and the environment that loads it; empty without a compiler."""
    command, library = compiler(), folder / "failing_disk.so"
    if command is None:
        return {}
    subprocess.run([command, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return {"LD_PRELOAD": str(library)}


class FailingDisk:
    """Sound until told otherwise."""

    def __init__(self, folder: Path) -> None:
        """An engine that is started with `control` obeys it."""
        self.control = folder / "faults"
        self.control.write_bytes(bytes(4096))
        self._file = self.control.open("r+b")
        self._shared = mmap.mmap(self._file.fileno(), 4096)

    def fail(self, where: str, number: int, first: int, last: int = FOREVER) -> None:
        """From now on: the calls `first` to `last` on files of this kind end in this errno."""
        self.mend()
        self._shared[: NUMBERS.size] = NUMBERS.pack(0, first, last, number, 0)
        self._shared[:8] = struct.pack("<q", WHERE[where])

    def mend(self) -> None:
        """From now on nothing fails."""
        self._shared[:8] = struct.pack("<q", 0)

    @property
    def calls(self) -> int:
        """On the disk since `fail`."""
        return int(NUMBERS.unpack(self._shared[: NUMBERS.size])[4])

    @property
    def has_failed(self) -> bool:
        """A call that was to fail has been made."""
        _, first, _, _, calls = NUMBERS.unpack(self._shared[: NUMBERS.size])
        return bool(calls >= first)

    def close(self) -> None:
        """Let go of the shared numbers."""
        self._shared.close()
        self._file.close()
