"""What every snapshot needs: times of day drawn the same wherever the tests run."""

from __future__ import annotations

import time

import pytest
import textual.constants


@pytest.fixture(autouse=True)
def same_clock_everywhere(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(params=["none", "16"])
def few_colours(request, monkeypatch):
    """A terminal without colours, and one with sixteen."""
    if request.param == "none":
        monkeypatch.setenv("NO_COLOR", "1")
    else:
        monkeypatch.setattr(textual.constants, "COLOR_SYSTEM", "standard")
    return request.param
