"""Holds: the operator's word on single slots, which beats the policy until it is released or expires."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import SlotdeckError
from engine.slots.duty import DUTIES


@dataclass(frozen=True, slots=True)
class Hold:
    """What the operator said about a slot."""

    kind: str
    """`pin` or `ban`."""
    duty: float
    trained: bool = True
    until: int | None = None
    """Over once this many steps are done; None: when released."""

    def in_force(self, step: int) -> bool:
        """Whether it rules the step that follows `step` steps done."""
        return self.until is None or step < self.until

    def describe(self) -> str:
        """`pin`, `pin duty 0.5 not trained until 500`, `ban until 500`."""
        words = [self.kind]
        if self.kind == "pin" and self.duty != 1.0:
            words.append(f"duty {self.duty:g}")
        if self.kind == "pin" and not self.trained:
            words.append("not trained")
        if self.until is not None:
            words.append(f"until {self.until}")
        return " ".join(words)


def pinned(duty: float, trained: bool, until: int | None) -> Hold:
    """Keep a slot at a duty.

    Raises:
        SlotdeckError: not one of the duties.
    """
    if duty not in DUTIES:
        raise SlotdeckError(f"pin: duty {duty:g}", f"give one of {', '.join(f'{d:g}' for d in DUTIES)}")
    return Hold("pin", float(duty), trained, until)


def banned(until: int | None) -> Hold:
    """Keep a slot off."""
    return Hold("ban", 0.0, True, until)


def parse_until(text: str, step: int) -> int | None:
    """`""` -> None, `"500"` -> 500, `"+200"` -> 200 steps from `step`.

    Raises:
        SlotdeckError: not a step, or one that is behind.
    """
    if not text:
        return None
    number = text.removeprefix("+")
    if not (number.isascii() and number.isdigit() and len(number) <= 12):
        raise SlotdeckError(f"until={text!r} is not a step", "give 500 or +200")
    until = int(number) + (step if text.startswith("+") else 0)
    if until <= step:
        raise SlotdeckError(
            f"until={text} is not ahead of step {step}", f"give a step from {step + 1} on, or +200"
        )
    return until
