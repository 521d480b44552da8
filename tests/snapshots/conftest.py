"""What every snapshot needs: times of day drawn the same wherever the tests run."""

from __future__ import annotations

import time

import pytest


@pytest.fixture(autouse=True)
def same_clock_everywhere(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
