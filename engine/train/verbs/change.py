"""What judging a command gives: a change that can be told and then made, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.errors import SlotdeckError


class Refused(SlotdeckError):
    """A command that cannot be done now, with a stable code for scripts."""

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.code = code


@dataclass(frozen=True, slots=True)
class Change:
    """What a command will do, told before it is done."""

    before: str
    after: str
    effect: Callable[[], None]
    cost: str = ""
