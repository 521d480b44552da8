"""TensorBoard and W&B LEET opening a run, from their start to the first thing that can be looked at."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from benchmarks.terminal.child import CURVE, Child

PATIENCE_S = 120.0
STILL_S = 4.0
"""Without drawing anything for so long, LEET has read the run to its end."""
LOSS = ("loss", "loss/train")


@dataclass(frozen=True, slots=True)
class Opened:
    """A run opened by somebody."""

    first_s: float
    """From its start until there was a curve."""
    whole_s: float
    """Until every report was in it."""
    memory_mb: float
    """Resident then, in 10^6 bytes."""


def tensorboard(python: Path, exported: Path, last_step: int) -> Opened:
    """From its start until it has answered with a curve of the loss, and with one that reaches to the end.

    Raises:
        AssertionError: it never did.
    """
    (events,) = {path.parent for path in exported.rglob("events.out.tfevents.*")}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began_s = time.perf_counter()
    server = psutil.Popen(
        [python, "-m", "tensorboard.main", "--logdir", str(events.parent), "--port", str(port), "--host", "127.0.0.1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    first_s = 0.0
    try:
        while (now_s := time.perf_counter() - began_s) < PATIENCE_S:
            newest = _newest_step(port)
            first_s = first_s or (now_s if newest else 0.0)
            if newest == last_step:
                whole_s = time.perf_counter() - began_s
                return Opened(first_s, whole_s, _memory_mb(server))
            time.sleep(0.02)
    finally:
        server.terminate()
        server.wait()
    raise AssertionError("TensorBoard never answered with the loss")


def _newest_step(port: int) -> int:
    """Of the loss, as it answers now; 0 where it does not answer."""
    try:
        tags = json.loads(_get(port, "/data/plugin/scalars/tags"))
        for run, names in tags.items():
            for tag in names:
                if tag in LOSS:
                    path = f"/data/plugin/scalars/scalars?run={quote(run)}&tag={quote(tag)}"
                    return int(json.loads(_get(port, path))[-1][1])
    except (OSError, ValueError, IndexError, http.client.HTTPException):
        return 0
    return 0


def _get(port: int, path: str) -> bytes:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    line.request("GET", path)
    return line.getresponse().read()


def _memory_mb(process: psutil.Process) -> float:
    """With what it started."""
    family = [process, *process.children(recursive=True)]
    return sum(float(one.memory_info().rss) for one in family) / 1e6


def leet(python: Path, exported: Path) -> Opened:
    """From its start to a drawn curve, and to the last change of what it draws: it reads the run in pieces.

    Raises:
        AssertionError: it never drew one.
    """
    (run_file,) = exported.rglob("run-*.wandb")
    core = next(python.parent.parent.glob("lib*/python*/site-packages/wandb/bin/wandb-core"))
    settings = {"WANDB_MODE": "offline", "WANDB_CONFIG_DIR": str(run_file.parent)}
    words = ["leet", "run", "--no-observability", "-run-file", str(run_file), str(run_file.parent.parent)]
    child = Child(*words, program=core, environment=settings)
    try:
        first_s = child.until(CURVE, limit_s=PATIENCE_S)
        whole_s = time.perf_counter()
        while child.read(STILL_S, until_any=True) and time.perf_counter() - child.began_s < PATIENCE_S:
            whole_s = time.perf_counter()
        return Opened(first_s, whole_s - child.began_s, child.memory_mb())
    finally:
        child.leave()
