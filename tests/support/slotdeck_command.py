"""The `slotdeck` command as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from nursery import ForkedProcess
from patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "slotdeck.front"]
NOWHERE = "/nonexistent/slotdeck-tests"
THEIRS = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLORFGBG")
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items()
       if name not in THEIRS and not name.startswith(("SLOTDECK_", "TEXTUAL_"))},
    "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TERM": "dumb",
    "XDG_CONFIG_HOME": NOWHERE, "XDG_STATE_HOME": NOWHERE,
}  # fmt: skip
"""Without the settings and the terminal of whoever runs the tests."""

Slotdeck = Callable[..., subprocess.CompletedProcess[str]]
"""Runs `slotdeck WORDS...` to its end."""


def run_slotdeck(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """To its end, in a folder, without a terminal; a fork of a process that has it loaded."""
    process = ForkedProcess("slotdeck", words, cwd, ENVIRONMENT)
    stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode is not None
    return subprocess.CompletedProcess([*COMMAND, *map(str, words)], process.returncode, stdout, stderr)


def run_installed(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The same as a user has it: a start from nothing."""
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        cwd=cwd,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
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
