"""The `slotdeck` command as a child process of a test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "slotdeck.front"]
NOWHERE = "/nonexistent/slotdeck-tests"
ENVIRONMENT = {
    **os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TERM": "dumb",
    "XDG_CONFIG_HOME": NOWHERE, "XDG_STATE_HOME": NOWHERE,
}  # fmt: skip
"""Without the settings of whoever runs the tests."""

Slotdeck = Callable[..., subprocess.CompletedProcess[str]]
"""Runs `slotdeck WORDS...` to its end."""


def run_slotdeck(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """To its end, in a folder, without a terminal."""
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        cwd=cwd,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def prepare_own_source(folder: Path, vocab_size: int = 300) -> Path:
    """Token shards of this project's own source, below `folder`."""
    from engine.data.prepare import prepare

    texts = folder / "texts"
    texts.mkdir()
    for number, path in enumerate(sorted((ROOT / "engine").glob("*/[a-z]*.py"))[:30]):
        (texts / f"{number}.txt").write_bytes(path.read_bytes())
    prepare([texts], folder / "tokens", vocab_size=vocab_size, val_share=0.2, workers=1)
    return folder / "tokens"
