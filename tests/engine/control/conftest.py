"""The control tests talk to a real server over a real socket."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parents[2] / "support"
if str(SUPPORT) not in sys.path:
    sys.path.insert(0, str(SUPPORT))

from tiny_engine import TinyEngine  # noqa: E402


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "20261121-090000-tiny-3f2a"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def engine(run_dir: Path) -> Iterator[TinyEngine]:
    with TinyEngine(run_dir) as running:
        yield running
