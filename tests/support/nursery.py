"""Engines and commands that are forks of one process with torch imported: a start costs a blink, not the seconds.

The fork runs what `python -m engine` or `slotdeck` runs, whole, in a process of its own, with the environment, folder,
arguments and streams given: it can be signalled, killed and waited for like any other. One parent a test session;
everything ends with it. What a start loads, and in what time, is proved elsewhere, by real starts.

`ForkedProcess` is the tests' side and answers like a `subprocess.Popen`; `python nursery.py FD` is the parent.
"""

from __future__ import annotations

import array
import ctypes
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START_S = 300.0
PR_SET_PDEATHSIG = 1
PROGRAMS = {
    "engine": "engine.__main__",
    "faulty engine": "faulty_engine",
    "slotdeck": "slotdeck.front",
    "slotdeck, the whole command line": "slotdeck.cli",
}
"""The module whose `main` is run, with its arguments in `sys.argv`."""
_control: list[socket.socket] = []


class ForkedProcess:
    """One life of a program of `PROGRAMS`; `words` are its arguments."""

    def __init__(
        self,
        program: str,
        words: Sequence[str | Path],
        cwd: Path = ROOT,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.returncode: int | None = None
        self._line, theirs = socket.socketpair()
        self._stdout, self._stderr = _Stream(), _Stream()
        order = {
            "program": program,
            "words": [str(word) for word in words],
            "cwd": str(cwd),
            "environment": dict(os.environ if environment is None else environment),
        }
        written = json.dumps(order).encode()
        fds = array.array("i", [theirs.fileno(), self._stdout.write_fd, self._stderr.write_fd])
        control = _nursery()
        control.sendall(len(written).to_bytes(4, "big"))
        control.sendmsg([written], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        theirs.close()
        for stream in (self._stdout, self._stderr):
            stream.begin()
        self._line.settimeout(START_S)
        said = self._line.recv(4)
        assert said, "the nursery is gone"
        self.pid = int.from_bytes(said, "big")

    def poll(self) -> int | None:
        """The exit status, if it has ended."""
        if self.returncode is None and select.select([self._line], [], [], 0)[0]:
            self._note()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end: minus the number of the signal that killed it, as Popen says it."""
        if self.returncode is None:
            if not select.select([self._line], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            self._note()
        assert self.returncode is not None
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; what it wrote on stdout and stderr."""
        self.wait(timeout)
        return self._stdout.text(timeout), self._stderr.text(timeout)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it ended by itself meanwhile
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __del__(self) -> None:
        self._line.close()  # of a test that failed before its end; the next one is not to be blamed

    def _note(self) -> None:
        said = self._line.recv(4)
        assert said, "the nursery is gone"
        self.returncode = int.from_bytes(said, "big", signed=True)
        self._line.close()


class _Stream:
    """What a process writes, read as it comes."""

    def __init__(self) -> None:
        self._read_fd, self.write_fd = os.pipe()
        self._written: list[bytes] = []
        self._reader = threading.Thread(target=self._read, daemon=True)

    def begin(self) -> None:
        os.close(self.write_fd)  # the process has its own
        self._reader.start()

    def text(self, timeout: float | None) -> str:
        self._reader.join(timeout)
        return b"".join(self._written).decode()

    def _read(self) -> None:
        while data := os.read(self._read_fd, 1 << 16):
            self._written.append(data)
        os.close(self._read_fd)


def _nursery() -> socket.socket:
    """The line to this session's parent of processes; started when the first is asked for."""
    if not _control:
        ours, theirs = socket.socketpair()
        os.set_inheritable(theirs.fileno(), True)
        subprocess.Popen(  # it ends when our side of the line is closed, with this process at the latest
            [sys.executable, __file__, str(theirs.fileno())],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            close_fds=False,
        )._child_created = False  # type: ignore[attr-defined]  # nobody waits for it
        theirs.close()
        _control.append(ours)
    return _control[0]


def main(fd: int) -> None:
    """Fork a process for each order, and tell its number and how it ended."""
    for name in ("engine.train.life", "slotdeck.cli", "tui.link.oneshot"):
        importlib.import_module(name)

    control = socket.socket(fileno=fd)
    lines: dict[int, socket.socket] = {}
    while True:
        if select.select([control], [], [], 0.01 if lines else None)[0]:
            if not (size := control.recv(4, socket.MSG_WAITALL)):
                for pid in lines:
                    os.kill(pid, signal.SIGKILL)
                return
            order, fds = _receive(control, int.from_bytes(size, "big"))
            line = socket.socket(fileno=fds[0])
            pid = os.fork()
            if pid == 0:
                control.close()
                for other in (line, *lines.values()):
                    other.close()
                _live(json.loads(order), *fds[1:])
            for fd in fds[1:]:
                os.close(fd)
            lines[pid] = line
            line.sendall(pid.to_bytes(4, "big"))
        while lines:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            code = os.waitstatus_to_exitcode(status)
            with lines.pop(pid) as line:
                with suppress(OSError):  # nobody asks any more
                    line.sendall(code.to_bytes(4, "big", signed=True))


def _receive(control: socket.socket, size: int) -> tuple[bytes, list[int]]:
    data, fds, _, _ = socket.recv_fds(control, size, 3)
    while len(data) < size:
        data += control.recv(size - len(data))
    return data, list(fds)


def _live(order: dict[str, Any], stdout: int, stderr: int) -> None:
    """What the program does, to the end of the process."""
    code: object = 70
    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for fd, place in ((stdout, 1), (stderr, 2)):
            os.dup2(fd, place)
            os.close(fd)
        # The parent's own belong to /dev/null, which can be rewound; pipes cannot.
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(
            2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
        )
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update({**order["environment"], "OMP_NUM_THREADS": "1"})
        sys.argv = [order["program"], *order["words"]]
        code = importlib.import_module(PROGRAMS[order["program"]]).main()
        if code != 1:
            threading._shutdown()  # type: ignore[attr-defined]  # an orderly exit waits for what is being saved
    except SystemExit as end:
        code = end.code
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(BrokenPipeError):
                stream.flush()
        os._exit(code if isinstance(code, int) else code is not None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
