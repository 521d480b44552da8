"""Shared by all tests: where their support code lies, and a small folder of token shards."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "support"))
settings.register_profile(
    "the same everywhere",
    derandomize=True,  # what fails, fails again
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("the same everywhere")
for number in (signal.SIGINT, signal.SIGHUP):
    # Left ignored by nohup and background shells, for every child of ours.
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


@pytest.fixture(scope="session")
def token_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of this project's own source."""
    from engine.data.prepare import prepare

    folder = tmp_path_factory.mktemp("data")
    texts = folder / "texts"
    texts.mkdir()
    for number, path in enumerate(sorted((HERE.parent / "engine").glob("*/[a-z]*.py"))[:30]):
        (texts / f"{number}.txt").write_bytes(path.read_bytes())
    prepare([texts], folder / "tokens", vocab_size=300, val_share=0.2, workers=1)
    return folder / "tokens"
