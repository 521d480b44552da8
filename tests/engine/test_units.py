"""Numbers as people read them."""

from __future__ import annotations

from engine.units import counted


def test_one_is_not_a_plural() -> None:
    assert [counted(n, "slot") for n in (0, 1, 2, 1200)] == ["0 slots", "1 slot", "2 slots", "1,200 slots"]
