"""What the slots cost and learn, as measured now and then; and what leaving one out does, where somebody looked.

A slot that a step left out has no gradient there: what is shown of it is what was measured of it last.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from engine.protocol.events import (
    JobReported,
    Probed,
    Pruned,
    RunStarted,
    SlotPlanned,
    SlotsMeasured,
    WentBack,
)
from tui.state.curves.thinned import Thinned
from tui.state.slots.expiries import Expiries


class SlotMeasure(Struct, frozen=True):
    """One slot, measured at one step. `None`: not at that step."""

    step: int
    grad_norm: float | None = None
    grad_ratio: float | None = None
    """Gradient norm over weight norm."""
    update_ratio: float | None = None
    """Norm of what the step changed over the norm of the weights."""
    forward_ms: float | None = None
    backward_ms: float | None = None
    duty: float | None = None
    """Under which it worked then."""

    @property
    def ms(self) -> float | None:
        """Forward and backward."""
        if self.forward_ms is None or self.backward_ms is None:
            return self.forward_ms if self.backward_ms is None else self.backward_ms
        return self.forward_ms + self.backward_ms

    @property
    def full_ms(self) -> float | None:
        """What it would be with every sequence through the slot."""
        return self.ms / self.duty if self.ms is not None and self.duty else None


class Effect(Struct, frozen=True):
    """What leaving one slot out does to the validation loss."""

    change: float | None
    """Nats per token; None: the loss was not finite."""
    step: int
    how: str
    """`probe` or `prune trial`."""


class SlotMeasures:
    """Fed by the store."""

    def __init__(self) -> None:
        self.history: Thinned[tuple[SlotMeasure, ...]] = Thinned()
        """A row a measurement, a column a slot."""
        self.latest: tuple[SlotMeasure, ...] = ()
        """For each slot the newest of each figure."""
        self.effects: dict[str, Effect] = {}
        """By the slot's name, the newest."""
        self.pruned: list[Pruned] = []
        self.expiries = Expiries()

    def heard(self, event: object, plan: SlotPlanned | None) -> bool:
        """An event of the run, and the plan that holds; whether something is known now that was not."""
        match event:
            case SlotsMeasured():
                self.measured(event, plan)
            case Probed():
                self.probed(event)
            case JobReported():
                self.reported(event)
            case Pruned():
                self.pruned.append(event)
            case SlotPlanned():
                self.expiries.planned(event)
            case RunStarted(step=step) | WentBack(step=step):
                self.went_to(step)
            case _:
                return False
        return True

    def measured(self, event: SlotsMeasured, plan: SlotPlanned | None) -> None:
        """One more measurement, under the plan of its step."""
        row = measures_of(event, plan)
        self.history.append(row)
        before = self.latest if len(self.latest) == len(row) else row
        self.latest = tuple(_newest(old, new) for old, new in zip(before, row, strict=True))

    def probed(self, event: Probed) -> None:
        """Each slot was left out once."""
        for name, loss in zip(event.slots, event.losses, strict=False):
            self.effects[name] = Effect(None if loss is None else loss - event.loss, event.step, "probe")

    def reported(self, event: JobReported) -> None:
        """A trial of one slot alone says as much; of several together it says nothing of one."""
        name, before, after = (event.result.get(key) for key in ("slots", "loss_before", "loss_after"))
        if event.state != "done" or not isinstance(name, str) or not name or "," in name:
            return
        if isinstance(before, int | float) and isinstance(after, int | float):
            self.effects[name] = Effect(after - before, event.step, "prune trial")

    def went_to(self, step: int) -> None:
        """The run goes on from this step: what came after it is left behind."""
        self.history.keep(lambda row: all(one.step <= step for one in row))
        self.effects = {name: effect for name, effect in self.effects.items() if effect.step <= step}
        self.latest = self.history.newest or ()
        self.expiries.went_to(step)

    def of(self, slot: int) -> SlotMeasure | None:
        """What is known of a slot."""
        return self.latest[slot] if slot < len(self.latest) else None


def measures_of(event: SlotsMeasured, plan: SlotPlanned | None) -> tuple[SlotMeasure, ...]:
    """One measurement, a row a slot, under the plan of its step."""
    duties: list[float | None] = [None] * len(event.weight_norms)
    if plan is not None and len(plan.rows) == len(duties):
        duties = [row.duty for row in plan.rows]
    return tuple(_measure(event, at, duty) for at, duty in enumerate(duties))


def _measure(event: SlotsMeasured, at: int, duty: float | None) -> SlotMeasure:
    grad, weight, update = (
        _at(norms, at) for norms in (event.grad_norms, event.weight_norms, event.update_norms)
    )
    return SlotMeasure(
        step=event.step,
        grad_norm=grad,
        grad_ratio=grad / weight if grad is not None and weight else None,
        update_ratio=update / weight if update is not None and weight else None,
        forward_ms=_at(event.forward_ms, at),
        backward_ms=_at(event.backward_ms, at),
        duty=duty,
    )


def _newest(old: SlotMeasure, new: SlotMeasure) -> SlotMeasure:
    """Figure by figure the new one where there is one; a time stays with the duty it was measured under."""
    timed = new if new.ms is not None else old
    learnt = new if new.grad_norm is not None else old
    return SlotMeasure(
        step=new.step,
        grad_norm=learnt.grad_norm,
        grad_ratio=learnt.grad_ratio,
        update_ratio=new.update_ratio if new.update_ratio is not None else old.update_ratio,
        forward_ms=timed.forward_ms,
        backward_ms=timed.backward_ms,
        duty=timed.duty,
    )


def _at(values: Sequence[float | None], at: int) -> float | None:
    return values[at] if at < len(values) else None
