"""Runs a measured process to its end: exit code, last words, and the most memory it ever had resident."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended."""

    code: int
    peak_bytes: int
    """`ru_maxrss`: resident at most, torch and its libraries included."""
    last_line: str


class RowFailed(Exception):
    """A row that could not be measured, and why, in a line."""


def run_child(words: list[str], job: str, threads: int, limit_s: float) -> Ended:
    """Run `python words`, `job` on its stdin.

    Raises:
        RowFailed: it took longer than `limit_s`, and was ended.
    """
    env = dict(os.environ)
    if threads:
        env["OMP_NUM_THREADS"] = str(threads)
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
        told.write(job.encode())
        told.seek(0)
        child = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=env, stdin=told, stdout=said, stderr=said
        )
        overdue = threading.Event()

        def end() -> None:
            overdue.set()
            child.kill()

        timer = threading.Timer(limit_s, end)
        timer.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            child.wait()
            raise
        finally:
            timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
    if overdue.is_set():
        raise RowFailed(f"took longer than {limit_s:g} s and was ended")
    return Ended(child.returncode, usage.ru_maxrss * 1024, lines[-1] if lines else "")
