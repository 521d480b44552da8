"""Engine processes that are forks of one that has torch imported: a start costs a blink, not the import's seconds.

The fork runs `engine.__main__`, whole, in a process of its own, with the environment, arguments and stderr given:
it can be signalled, killed and waited for like any other. One parent a test session; every engine ends with it.

`EngineProcess` is the tests' side and answers like a `subprocess.Popen`; `python engine_nursery.py FD` is the parent.
"""

from __future__ import annotations

import array
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_S = 120.0
PR_SET_PDEATHSIG = 1
_control: list[socket.socket] = []


class EngineProcess:
    """One engine: `words` are the arguments of `python -m engine`."""

    def __init__(self, words: list[str]) -> None:
        self.returncode: int | None = None
        self._line, theirs = socket.socketpair()
        self._stderr, stderr = os.pipe()
        order = json.dumps({"words": words, "environment": dict(os.environ)}).encode()
        fds = array.array("i", [theirs.fileno(), stderr])
        control = _nursery()
        control.sendall(len(order).to_bytes(4, "big"))
        control.sendmsg([order], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        theirs.close()
        os.close(stderr)
        self._written: list[bytes] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._line.settimeout(START_S)
        self.pid = int.from_bytes(self._line.recv(4), "big")

    def poll(self) -> int | None:
        """The exit status, if it has ended."""
        if self.returncode is None and select.select([self._line], [], [], 0)[0]:
            self._note()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end: minus the number of the signal that killed it, as Popen says it."""
        if self.returncode is None:
            if not select.select([self._line], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("engine", timeout or 0.0)
            self._note()
        assert self.returncode is not None
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[None, str]:
        """Wait for its end; what it wrote on stderr."""
        self.wait(timeout)
        self._reader.join(timeout)
        return None, b"".join(self._written).decode()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _note(self) -> None:
        said = self._line.recv(4)
        assert said, "the nursery is gone"
        self.returncode = int.from_bytes(said, "big", signed=True)
        self._line.close()

    def _read(self) -> None:
        while data := os.read(self._stderr, 1 << 16):
            self._written.append(data)
        os.close(self._stderr)


def _nursery() -> socket.socket:
    """The line to this session's parent of engines; started when the first is asked for."""
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
    """Fork an engine for each order, and tell its number and how it ended."""
    import engine.train.life  # noqa: F401  # torch

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
                _live(json.loads(order), fds[1])
            os.close(fds[1])
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
    data, fds, _, _ = socket.recv_fds(control, size, 2)
    while len(data) < size:
        data += control.recv(size - len(data))
    return data, list(fds)


def _live(order: dict[str, object], stderr: int) -> None:
    """What `python -m engine WORDS` does, to the end of the process."""
    code = 70
    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.dup2(stderr, 2)
        os.close(stderr)
        os.environ.clear()
        os.environ.update({**order["environment"], "OMP_NUM_THREADS": "1"})  # type: ignore[dict-item]
        sys.argv = ["engine", *order["words"]]  # type: ignore[misc]
        from engine.__main__ import main as engine_main

        code = engine_main()
        if code != 1:
            threading._shutdown()  # type: ignore[attr-defined]  # an orderly exit waits for what is being saved
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]))
