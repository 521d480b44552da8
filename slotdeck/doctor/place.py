"""What the doctor looks at around a run: the folder of runs, its sockets and its disk, and the terminal."""

from __future__ import annotations

import locale
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import SlotdeckError
from engine.runlog.endpoint import (
    MAX_ADDRESS_BYTES,
    SOCKET_NAME,
    address_of,
    check_user_folder,
    temp_roots,
    user_folder,
)
from engine.units import format_bytes
from slotdeck.doctor.finding import Finding

ENOUGH_DISK_BYTES = 5 << 30


def sockets(runs_dir: Path) -> Iterator[Finding]:
    """Whether a cockpit can reach an engine: a socket in a run folder, or in the private temp folder."""
    with _scratch(runs_dir) as folder:
        if folder is None:
            yield Finding("fail", "socket", f"{runs_dir} cannot be written", "give another --runs folder")
            return
        path = folder / SOCKET_NAME
        length = len(os.fsencode(path.resolve()))
        problem = _bind(path)
        long = f"; reached through its folder, {length} bytes long" if length > MAX_ADDRESS_BYTES else ""
        if not problem:
            yield Finding("ok", "socket", f"run folders take sockets{long}")
            return
    for root in temp_roots():
        place = user_folder(root)
        try:
            if place.exists():
                check_user_folder(place)
        except SlotdeckError as error:
            yield Finding("fail", "socket", f"{problem}, and {error.message}", error.remedy)
            return
        yield Finding("ok", "socket", f"{runs_dir} takes no sockets ({problem}); they go to {place}")
        return


def disk(runs_dir: Path) -> Iterator[Finding]:
    """Room for checkpoints, and how long a durable write takes."""
    with _scratch(runs_dir) as folder:
        if folder is None:
            yield Finding("fail", "disk", f"{runs_dir} cannot be written", "give another --runs folder")
            return
        free = shutil.disk_usage(folder).free
        times = []
        with (folder / "probe").open("wb") as file:
            for _ in range(8):
                file.write(b"x" * 4096)
                file.flush()
                started = time.perf_counter()
                os.fsync(file.fileno())
                times.append(time.perf_counter() - started)
    median = sorted(times)[len(times) // 2]
    text = f"{format_bytes(free)} free in {runs_dir}, a durable write takes {median * 1000:.1f} ms"
    if free < ENOUGH_DISK_BYTES:
        yield Finding("warn", "disk", text, "free some space: checkpoints need it")
    elif median > 0.1:
        yield Finding(
            "warn", "disk", text, "commands will be slow to answer; a local disk for --runs is better"
        )
    else:
        yield Finding("ok", "disk", text)


def terminal(_: Path) -> Iterator[Finding]:
    """What the cockpit can draw here."""
    term = os.environ.get("TERM", "")
    if not sys.stdout.isatty() or term in ("", "dumb", "unknown"):
        yield Finding("ok", "terminal", f"none here (TERM={term or 'unset'}): runs are told in plain lines")
        return
    columns, rows = shutil.get_terminal_size()
    truecolor = os.environ.get("COLORTERM", "") in ("truecolor", "24bit")
    colours = (
        "none (NO_COLOR)"
        if os.environ.get("NO_COLOR")
        else "16 million"
        if truecolor
        else ("256" if "256" in term else "16")
    )
    small = columns < 80 or rows < 24
    text = f"{columns}x{rows}, TERM={term}, colours: {colours}"
    yield Finding("warn" if small else "ok", "terminal", text, "make it at least 80x24" if small else "")
    encoding = locale.getpreferredencoding(False)
    if "utf" not in encoding.lower():
        yield Finding("warn", "locale", f"{encoding}: charts cannot be drawn", "set LANG=C.UTF-8")


@contextmanager
def _scratch(runs_dir: Path) -> Iterator[Path | None]:
    """A folder inside the runs folder, gone afterwards; None when it cannot be made."""
    was_there = runs_dir.exists()
    try:
        runs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".doctor-", dir=runs_dir))
    except OSError:
        yield None
        return
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if not was_there:
            runs_dir.rmdir()


def _bind(path: Path) -> str:
    """Why a socket cannot be bound there; empty when it can."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        try:
            with address_of(path) as address:
                server.bind(address)
        except OSError as error:
            return error.strerror or str(error)
    return ""
