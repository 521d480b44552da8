"""What the command-line tests share: the command in a child process, and a small data folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from slotdeck_command import Slotdeck, prepare_own_source, run_slotdeck


@pytest.fixture
def slotdeck(tmp_path: Path) -> Slotdeck:
    """Runs `slotdeck WORDS...` in the test's folder."""
    return partial(run_slotdeck, cwd=tmp_path)


@pytest.fixture(scope="session")
def token_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of this project's own source."""
    return prepare_own_source(tmp_path_factory.mktemp("data"))
