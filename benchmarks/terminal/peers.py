"""TensorBoard and W&B LEET opening a run, from their start to the first thing that can be looked at."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from benchmarks.terminal.child import CURVE, Child

PATIENCE_S = 120.0
LOSS = ("loss", "loss/train")


def tensorboard(python: Path, exported: Path, last_step: int) -> float:
    """Seconds from its start until it has answered with a curve of the loss that reaches to the end.

    Raises:
        AssertionError: it never did.
    """
    (events,) = {path.parent for path in exported.rglob("events.out.tfevents.*")}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began_s = time.perf_counter()
    server = subprocess.Popen(
        [python, "-m", "tensorboard.main", "--logdir", str(events.parent), "--port", str(port), "--host", "127.0.0.1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        while time.perf_counter() - began_s < PATIENCE_S:
            if _newest_step(port) == last_step:
                return time.perf_counter() - began_s
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


def leet(python: Path, exported: Path) -> float:
    """Seconds from its start to a drawn curve.

    Raises:
        AssertionError: it never drew one.
    """
    (run_file,) = exported.rglob("run-*.wandb")
    core = next(python.parent.parent.glob("lib*/python*/site-packages/wandb/bin/wandb-core"))
    return _drawn(core, run_file)


def _drawn(core: Path, run_file: Path) -> float:
    settings = {"WANDB_MODE": "offline", "WANDB_CONFIG_DIR": str(run_file.parent)}
    words = ["leet", "run", "--no-observability", "-run-file", str(run_file), str(run_file.parent.parent)]
    child = Child(*words, program=core, environment=settings)
    try:
        return child.until(CURVE, limit_s=PATIENCE_S)
    finally:
        child.leave()
