"""A prune that is still to be judged: the run keeps it and its checkpoints hold it. See `engine.train.verbs.prune`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from engine.protocol.events import LogLine

if TYPE_CHECKING:
    from engine.train.run import Run


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


def forget_without_way_back(run: Run) -> None:
    """A fork begins with its parent's judgement still to come, and without the checkpoint to go back to: say so."""
    healing = run.healing
    if healing is None or (run.writer.root / healing.checkpoint).is_dir():
        return
    run.healing = None
    text = f"the prune of {', '.join(healing.slots)} stays and is not judged: {healing.checkpoint} is not in this run"
    run.log.emit(LogLine(level="warning", text=text))
