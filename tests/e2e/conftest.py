"""What the end-to-end tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from slotdeck_command import prepare_own_source


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Token shards of this project's own source."""
    return prepare_own_source(tmp_path_factory.mktemp("data"))
