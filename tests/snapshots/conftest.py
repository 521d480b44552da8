"""What every snapshot needs: times of day and colours the same wherever the tests run."""

from __future__ import annotations

import time

import pytest
import textual.constants
from quiet import quiet_is_seen_and_not_guessed  # noqa: F401


@pytest.fixture(autouse=True)
def same_clock_and_colours_everywhere(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(textual.constants, "COLOR_SYSTEM", "truecolor")
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
