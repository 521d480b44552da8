"""The life of each command as this cockpit saw it: requested, accepted, then applied or refused.

`RunStore` writes it from what the operator asked and what the engine answered; the cockpit draws it. A
command counts as done only when the engine said so.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from engine.protocol.events import CommandAccepted, CommandApplied, CommandRefused, JobReported

CAPACITY = 64
"""Commands remembered; settled ones go first."""

REQUESTED, ACCEPTED, APPLIED, REFUSED = "requested", "accepted", "applied", "refused"


class CommandLife(Struct, frozen=True):
    """One command. Times are Unix seconds, `None` until it got there."""

    command_id: str
    text: str
    """As typed: `pin block.3 until=+200`."""
    status: str
    """`requested`, `accepted`, `applied` or `refused`."""
    verb: str = ""
    who: str = ""
    requested_s: float | None = None
    accepted_s: float | None = None
    settled_s: float | None = None
    """When it was applied or refused."""
    step: int | None = None
    before: str = ""
    after: str = ""
    cost: str = ""
    code: str = ""
    reason: str = ""
    remedy: str = ""
    job: JobReported | None = None
    """What the child that works on it said last."""
    job_since_s: float = 0.0

    @property
    def settled(self) -> bool:
        return self.status in (APPLIED, REFUSED)


class PendingCommands:
    """Commands in the order they were first heard of, at most `CAPACITY`."""

    def __init__(self) -> None:
        self._lives: dict[str, CommandLife] = {}

    def __len__(self) -> int:
        return len(self._lives)

    def __iter__(self) -> Iterator[CommandLife]:
        return iter(self._lives.values())

    def get(self, command_id: str) -> CommandLife | None:
        return self._lives.get(command_id)

    @property
    def waiting(self) -> list[CommandLife]:
        """Those without an answer yet."""
        return [life for life in self if not life.settled]

    def recent(self, count: int) -> list[CommandLife]:
        """The newest, oldest of them first."""
        return list(self._lives.values())[-count:] if count > 0 else []

    def request(self, command_id: str, text: str, now_s: float) -> None:
        """The operator asked; nothing has been answered."""
        if command_id not in self._lives:
            self._keep(CommandLife(command_id, text, REQUESTED, text.partition(" ")[0], requested_s=now_s))

    def accepted(self, event: CommandAccepted, wall_s: float) -> None:
        life = self._life(event.command_id, event.text)
        if not life.settled:
            life = replace(life, status=ACCEPTED)
        self._keep(replace(life, text=event.text, verb=event.verb, who=event.who, accepted_s=wall_s))

    def applied(self, event: CommandApplied, wall_s: float) -> None:
        life = self._life(event.command_id, event.text)
        job = life.job if life.job is not None and life.job.state == "started" else None
        self._keep(
            replace(
                life, job=job, text=event.text, status=APPLIED, verb=event.verb,
                settled_s=wall_s, step=event.step, before=event.before, after=event.after, cost=event.cost,
            )
        )  # fmt: skip

    def refused(self, event: CommandRefused, wall_s: float) -> None:
        self._keep(
            replace(
                self._life(event.command_id, event.text), text=event.text, status=REFUSED, verb=event.verb,
                settled_s=wall_s, step=event.step, code=event.code, reason=event.reason, remedy=event.remedy,
            )
        )  # fmt: skip

    def worked(self, event: JobReported, wall_s: float) -> None:
        """A child works for a command; one that nobody asked for has no command to be shown with."""
        life = self._lives.get(event.command_id)
        if life is not None:
            since_s = life.job_since_s if life.job is not None and life.job.job == event.job else wall_s
            self._keep(replace(life, job=event, job_since_s=since_s))

    def _life(self, command_id: str, text: str) -> CommandLife:
        return self._lives.get(command_id) or CommandLife(command_id, text, REQUESTED)

    def _keep(self, life: CommandLife) -> None:
        self._lives[life.command_id] = life
        if len(self._lives) > CAPACITY:
            oldest = next((old for old in self if old.settled), next(iter(self)))
            del self._lives[oldest.command_id]
