"""Nobody else on the machine gets at a run, whatever the folders above it allow."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from benchmarks.durability.other_user import attempt_all, can_become_another


@pytest.mark.skipif(not can_become_another(), reason="only root can become another user to try it")
def test_another_user_gets_nowhere() -> None:
    with tempfile.TemporaryDirectory(prefix="slotdeck-") as folder:  # open to others, which tmp_path is not
        lines = attempt_all(Path(folder))
    assert [line for line in lines if "refused" not in line] == []
    assert "with every mode open, be served: refused (not-yours)" in lines
    assert len(lines) == 27
