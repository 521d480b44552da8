"""Clients that come and go leave nothing behind in the engine."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from patience import PATIENCE_S
from slotdeck_command import ENVIRONMENT, ROOT

from benchmarks.durability.soak import AIM_BYTES, soak_with_clients
from engine.runlog.endpoint import connect


def test_neither_memory_nor_descriptors_nor_threads_grow(tmp_path: Path) -> None:
    run_dir = tmp_path / "20261121-090000-demo-3f2a"
    run_dir.mkdir(mode=0o700)
    script = ROOT / "tests" / "support" / "tiny_engine.py"
    engine = subprocess.Popen([sys.executable, str(script), str(run_dir)], env=ENVIRONMENT)
    try:
        until_s = time.monotonic() + PATIENCE_S
        while (peer := connect(run_dir)) is None:
            assert time.monotonic() < until_s, "it never answered"
            time.sleep(0.05)
        peer.close()
        soaked = soak_with_clients(run_dir, engine.pid, 200)
    finally:
        engine.kill()
        engine.wait()
    assert soaked.grown_bytes <= AIM_BYTES
    assert soaked.more_descriptors == 0
    assert soaked.more_threads == 0
