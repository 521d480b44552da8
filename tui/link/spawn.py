"""Starts an engine that outlives whoever started it, and waits until it steps or says why it cannot.

Called by the command line and the home screen. The engine gets a session of its own, so neither a closed
terminal nor the cockpit's end reaches it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from engine.errors import SlotdeckError
from engine.protocol.codec import decode
from engine.protocol.events import RunEnded, RunStarted
from engine.runlog.private import check_run_folder, child_environment
from engine.runlog.reader import LogReader
from engine.text import one_line

OUTPUT = "engine.out"
LOOK_S = 0.05


@dataclass(slots=True)
class Spawned:
    """An engine process, from its start until its first event."""

    run_dir: Path
    process: subprocess.Popen[bytes]
    output_from: int
    """Where in engine.out this engine's words begin."""
    log_from: int
    """The first sequence number it can write."""

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait(self, timeout_s: float = 300.0) -> RunStarted:
        """Block until the engine is ready to step.

        Raises:
            SlotdeckError: it ended before, with the line it printed and its exit code; or the time is up.
        """
        until_s = time.monotonic() + timeout_s
        while (started := self.look()) is None:
            if time.monotonic() > until_s:
                raise SlotdeckError(
                    f"the engine (pid {self.pid}) is not ready yet", f"see {self.run_dir / OUTPUT}"
                )
            time.sleep(LOOK_S)
        return started

    async def started(self, timeout_s: float = 300.0) -> RunStarted:
        """`wait` for a cockpit that goes on drawing."""
        return await asyncio.to_thread(self.wait, timeout_s)

    def look(self) -> RunStarted | None:
        """Whether it is ready by now. Raises SlotdeckError when it has ended instead."""
        code = self.process.poll()  # before the log is read: what it wrote last is then seen
        for event in self._events():
            if isinstance(event, RunStarted):
                return event
        if code is not None:
            raise SlotdeckError(self._last_words(code), exit_code=code if 0 < code < 126 else 1)
        return None

    def _events(self) -> list[object]:
        try:
            entries = LogReader(self.run_dir).entries(self.log_from)
            return [decode(entry.kind, entry.payload) for entry in entries]
        except SlotdeckError:
            return []  # no log yet

    def _last_words(self, code: int) -> str:
        """The line the engine printed, or what is known without it."""
        with (self.run_dir / OUTPUT).open("rb") as output:
            output.seek(self.output_from)
            lines = [line for line in output.read()[-8192:].splitlines() if line.strip()]
        if lines:
            return one_line(lines[-1].removeprefix(b"slotdeck: ").removeprefix(b"error: "), 2000)
        for event in self._events():
            if isinstance(event, RunEnded):
                return one_line(event.reason)
        what = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return f"the engine {what} before it started"


def spawn(run_dir: Path, *, resume: bool = False, restarts: int = 0, python: str = sys.executable) -> Spawned:
    """Start `python -m engine RUN_DIR` in a session of its own, its output in the run folder.

    With `restarts` the process is a small parent of the engine, which starts it again when it crashes.

    Raises:
        SlotdeckError: the run folder cannot be written, or is not ours alone.
    """
    folder = str(run_dir.resolve())
    command = [python, "-m", "engine", folder]
    if restarts:
        command = [python, "-m", "engine.control.restarter", folder, "--restarts", str(restarts)]
    return start([*command, *(["--resume"] if resume else [])], run_dir)


def start(command: list[str], run_dir: Path) -> Spawned:
    """`spawn` for any command that writes a run into `run_dir`."""
    check_run_folder(run_dir)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        output = os.open(run_dir / OUTPUT, flags, 0o600)
    except OSError as error:
        raise SlotdeckError(f"{run_dir / OUTPUT}: {error.strerror}", "check the run folder") from error
    try:
        # Before it runs: on a busy machine it may have spoken by the time that Popen returns.
        output_from, log_from = os.fstat(output).st_size, _head_seq(run_dir) + 1
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=child_environment() | {"PYTHONUNBUFFERED": "1"},
        )
        return Spawned(run_dir, process, output_from, log_from)
    finally:
        os.close(output)


def _head_seq(run_dir: Path) -> int:
    from engine.runlog.index import History

    try:
        return History(run_dir, raw_reports=0).head_seq
    except SlotdeckError:
        return 0
