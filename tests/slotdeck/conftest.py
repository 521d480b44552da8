"""What the command-line tests share: the command in a child process, and a small data folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from slotdeck_command import ROOT, Slotdeck, run_slotdeck


@pytest.fixture
def slotdeck(tmp_path: Path) -> Slotdeck:
    """Runs `slotdeck WORDS...` in the test's folder."""
    return partial(run_slotdeck, cwd=tmp_path)


@pytest.fixture(scope="session")
def token_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of this project's own source."""
    from engine.data.prepare import prepare

    folder = tmp_path_factory.mktemp("data")
    texts = folder / "texts"
    texts.mkdir()
    for number, path in enumerate(sorted((ROOT / "engine").glob("*/[a-z]*.py"))[:30]):
        (texts / f"{number}.txt").write_bytes(path.read_bytes())
    prepare([texts], folder / "tokens", vocab_size=300, val_share=0.2, workers=1)
    return folder / "tokens"
