"""What a slot does, in words: of the cockpit's waterfall and of the page of slots."""

from __future__ import annotations

from collections.abc import Iterator

from tui.state.formatting import duty as duty_name


def doing(duty: float) -> str:
    """`on`, `off`, `duty 1/2`."""
    return duty_name(duty) if duty in (0, 1) else f"duty {duty_name(duty)}"


def holding(held: str, until: int | None, trained: bool, forever: str = "") -> Iterator[str]:
    """`pin until 1,200`, `forward only`: what is so of it. `forever`: said of a hold without an end."""
    if held:
        yield held + (f" until {until:,}" if until is not None else forever)
    if not trained:
        yield "forward only"
