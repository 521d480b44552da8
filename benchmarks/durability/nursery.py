"""Engines that start in a blink: one process imports torch, and each engine is a fork of it.

A thousand lives would otherwise spend two hours on imports. The fork runs what `python -m engine` runs; nothing of it
is replaced. `Nursery` is the side of the benchmarks and tests; `python -m benchmarks.durability.nursery` the other.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
READY_S = 300.0
PR_SET_PDEATHSIG = 1


class Nursery:
    """The parent of the engines. One caller at a time; every engine is gone when it is closed."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        """Pays for the import of torch once. `environment`: added to ours, for every engine."""
        self._alive: set[int] = set()
        self._codes: dict[int, int] = {}
        self._buffer = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.durability.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
        )
        self._hear(READY_S)

    def __enter__(self) -> Nursery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def start(self, run_dir: Path, *, resume: bool = False, faults: str = "") -> int:
        """Begin a life of the engine on a run folder; its process number.

        `faults`: the control file of a FailingDisk, if this nursery was made with its environment.
        """
        assert self._process.stdin is not None
        order = {"run_dir": str(run_dir), "resume": resume, "faults": faults}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        while (pid := self._hear(READY_S).get("started")) is None:
            pass
        self._alive.add(pid)
        return pid

    def wait(self, pid: int, timeout_s: float = READY_S) -> int:
        """The exit code of an engine; minus the number of the signal that killed it."""
        until_s = time.monotonic() + timeout_s
        while pid in self._alive:
            self._hear(until_s - time.monotonic())
        return self._codes.pop(pid)

    def ended(self, pid: int) -> bool:
        """Whether an engine is gone."""
        while pid in self._alive and self._readable(0):
            self._hear(READY_S)
        return pid not in self._alive

    def kill(self, pid: int) -> int:
        """SIGKILL an engine, and wait for it: no goodbye."""
        if not self.ended(pid):
            os.kill(pid, signal.SIGKILL)
        return self.wait(pid)

    def close(self) -> None:
        """End every engine and the parent."""
        for pid in list(self._alive):
            self.kill(pid)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _readable(self, timeout_s: float) -> bool:
        return b"\n" in self._buffer or bool(
            select.select([self._process.stdout], [], [], max(0, timeout_s))[0]
        )

    def _hear(self, timeout_s: float) -> dict[str, int]:
        """The next word of the other side; notes the ends of engines on the way."""
        assert self._process.stdout is not None
        while b"\n" not in self._buffer:
            if not self._readable(timeout_s):
                raise TimeoutError(f"nothing heard of the engines for {timeout_s:.0f} s")
            data = os.read(self._process.stdout.fileno(), 4096)
            assert data, "the parent of the engines is gone"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        said: dict[str, int] = json.loads(line)
        if "ended" in said:
            self._alive.discard(said["ended"])
            self._codes[said["ended"]] = said["code"]
        return said


_lent: list[Nursery] = []


@contextmanager
def lend(nursery: Nursery) -> Iterator[None]:
    """Inside, `borrowed` gives this one: proofs one after the other pay for one import."""
    _lent.append(nursery)
    try:
        yield
    finally:
        _lent.remove(nursery)


@contextmanager
def borrowed(environment: dict[str, str] | None = None) -> Iterator[Nursery]:
    """The nursery that is lent, or one of the caller's own."""
    if _lent:
        yield _lent[-1]
    else:
        with Nursery(environment) as nursery:
            yield nursery


def main() -> None:
    """Fork an engine for every line; say when one starts and how it ended."""
    import torch

    torch.set_num_threads(1)
    from engine.train import life

    _say(ready=1)
    children: set[int] = set()
    lines = b""
    while True:
        if select.select([0], [], [], 0.002 if children else None)[0]:
            data = os.read(0, 65536)
            if not data:
                for pid in children:
                    os.kill(pid, signal.SIGKILL)
                return
            lines += data
        while b"\n" in lines:
            line, _, lines = lines.partition(b"\n")
            order = json.loads(line)
            pid = os.fork()
            if pid == 0:
                _live(life.run_engine, Path(order["run_dir"]), bool(order["resume"]), str(order["faults"]))
            children.add(pid)
            _say(started=pid)
        while children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            children.discard(pid)
            _say(ended=pid, code=os.waitstatus_to_exitcode(status))


def _live(run_engine, run_dir: Path, resume: bool, faults: str) -> None:  # type: ignore[no-untyped-def]
    """What `engine.__main__` does, in a fork."""
    from engine.errors import SlotdeckError
    from engine.runlog.private import UMASK

    code = 70
    try:
        os.setsid()
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(
                PR_SET_PDEATHSIG, signal.SIGKILL
            )  # no engine outlives a benchmark that was killed
        if faults:
            ctypes.CDLL(None).listen_for_faults(os.fsencode(faults))
        os.umask(UMASK)
        output = os.open(run_dir / "engine.out", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = run_engine(run_dir, resume=resume)
    except SlotdeckError as error:
        sys.stderr.write(f"error: {error}\n")
        code = error.exit_code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _say(**words: int) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")


if __name__ == "__main__":
    main()
