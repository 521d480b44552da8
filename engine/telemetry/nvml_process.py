"""The engine's end of the NVML child: starts it, reads what it said, kills it when it hangs, starts it again.

Polled by the sampler's thread; `poll` never waits. A hang, a crash or nonsense on the pipe costs the GPU rows
for a while and nothing else, and the status says which it was.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgpack
import msgspec

from engine.protocol.events import Gpu
from engine.telemetry.nvml_child import Reading

_PACKAGES = Path(__file__).resolve().parents[2]
"""Where `engine` is imported from; the run's own folder may hold anything."""
_START_S = 30.0
"""Until the first word: a Python start, on a busy machine."""
_LONGEST_BACKOFF_S = 60.0
_PIPE_BYTES = 1 << 20


class NvmlProcess:
    """The latest word of a child process that may hang or die at any time."""

    def __init__(
        self,
        every_s: float,
        *,
        hang_s: float = 5.0,
        backoff_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing starts before the first `poll`.

        Args:
            every_s: period of the child's readings.
            hang_s: silence beyond a period after which the child is killed.
            backoff_s: wait before the first new try; doubles up to a minute, and starts over after a reading.
            clock: monotonic seconds.
        """
        self._every_s = every_s
        self._hang_s = hang_s
        self._first_backoff_s = self._backoff_s = backoff_s
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._stuck: subprocess.Popen[bytes] | None = None
        self._unpacker = msgpack.Unpacker(max_buffer_size=_PIPE_BYTES)
        self._restart_at = clock()
        self._deadline = 0.0
        self._reading = Reading([], "starting")

    @property
    def pid(self) -> int | None:
        """Of the child, when there is one."""
        return self._process.pid if self._process else None

    def poll(self) -> tuple[list[Gpu], str]:
        """The GPUs as last read, and why there are none; starts, reads or kills the child as needed."""
        if self._stuck is not None and self._stuck.poll() is None:
            return [], "sampler lost: stuck in the driver"
        self._stuck = None
        if self._process is None:
            if not self._reading.final and self._clock() >= self._restart_at:
                self._launch()
        else:
            ended = self._drain(self._process)
            if self._reading.final:
                self.close()
            elif ended:
                self._lose(f"crashed ({ended})")
            elif self._clock() > self._deadline:
                self._lose("hung")
        return self._reading.gpus, self._reading.status

    def close(self) -> None:
        """End the child; takes two seconds at most."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin, "it was asked for"
        assert process.stdout, "it was asked for"
        process.stdin.close()
        if not _ends(process):
            process.kill()
            if not _ends(process):  # stuck inside the driver, where no signal reaches it
                self._stuck = process
        process.stdout.close()

    def _launch(self) -> None:
        command = [sys.executable, "-m", "engine.telemetry.nvml_child", str(self._every_s)]
        try:
            self._process = subprocess.Popen(
                command,
                cwd=_PACKAGES,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            self._lose(f"did not start ({error.strerror})")
            return
        assert self._process.stdout, "it was asked for"
        os.set_blocking(self._process.stdout.fileno(), False)
        self._unpacker = msgpack.Unpacker(max_buffer_size=_PIPE_BYTES)
        self._deadline = self._clock() + _START_S

    def _drain(self, process: subprocess.Popen[bytes]) -> str:
        """Take what the child said. Returns how it ended, or nothing while it lives."""
        assert process.stdout, "it was asked for"
        try:
            while said := os.read(process.stdout.fileno(), 65_536):
                self._unpacker.feed(said)
                for message in self._unpacker:
                    self._reading = msgspec.convert(message, Reading)
                    self._deadline = self._clock() + self._every_s + self._hang_s
                    if self._reading.gpus:
                        self._backoff_s = self._first_backoff_s
        except BlockingIOError:
            return ""
        except (ValueError, msgpack.BufferFull, msgpack.FormatError, msgspec.ValidationError):
            return "unreadable answer"
        try:
            status = process.wait(1.0)  # the pipe is closed: it is on its way out
        except subprocess.TimeoutExpired:
            return "closed its pipe"
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"

    def _lose(self, how: str) -> None:
        if self._process is not None:
            self._process.kill()
        self.close()
        self._restart_at = self._clock() + self._backoff_s
        said = self._reading.status  # the child ends by itself after a word of NVML's that explains it
        why = said if said.startswith("NVML: ") else how
        self._reading = Reading([], f"sampler lost: {why}; again in {self._backoff_s:g} s")
        self._backoff_s = min(2 * self._backoff_s, _LONGEST_BACKOFF_S)


def _ends(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(1.0)
    except subprocess.TimeoutExpired:
        return False
    return True
