"""The link tests attach to a real server, in this process or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SUPPORT = ROOT / "tests" / "support"
if str(SUPPORT) not in sys.path:
    sys.path.insert(0, str(SUPPORT))

Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "20261121-090000-tiny-3f2a"
    (folder / "log").mkdir(parents=True, mode=0o700)
    return folder


@pytest.fixture
def engine_command(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What starts an engine without a model on this run."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return [sys.executable, str(SUPPORT / "tiny_engine.py"), str(run_dir)]


@pytest.fixture
def start_engine(engine_command: list[str]) -> Iterator[Start]:
    """Starts engines in processes of their own; none outlives the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(engine_command, env=os.environ))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
