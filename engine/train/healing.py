"""A prune that is still to be judged: a value that the run keeps and its checkpoints hold. See `engine.train.prune`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Healing:
    """A prune that is still to be judged."""

    slots: list[str]
    checkpoint: str
    """The one before it."""
    loss_before: float
    tolerance: float
    judge_at: int
    """Steps done."""
    params_before: int
    command_id: str

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return asdict(self)
