"""The mailbox: the only place where the outside world reaches the training loop.

The control server puts a command in once it is durable in the log; the loop drains it at step boundaries, and
waits on it while paused. Neither ever waits for the other beyond a lock held for an append.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from engine.protocol.commands import Command

NOT_LOGGED = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """A command that stands in the log and waits to be applied or refused."""

    command_id: str
    client_id: str
    who: str
    command: Command
    seq: int
    """Of its CommandAccepted; `NOT_LOGGED` for what a rerun is still to ask."""


class Mailbox:
    """Commands in the order in which they became durable."""

    def __init__(self) -> None:
        self._waiting: list[Accepted] = []
        self._changed = threading.Condition()

    def put(self, accepted: Accepted) -> None:
        """Add one, and wake a paused loop."""
        with self._changed:
            self._waiting.append(accepted)
            self._changed.notify_all()

    def drain(self) -> list[Accepted]:
        """All that wait, oldest first; the mailbox is empty afterwards."""
        with self._changed:
            taken, self._waiting = self._waiting, []
        return taken

    def holds(self, kind: type[Command]) -> bool:
        """Whether a command of that kind waits."""
        with self._changed:
            return any(isinstance(waiting.command, kind) for waiting in self._waiting)

    def wait(self, timeout_s: float) -> bool:
        """Sleep until there is something to drain, or until the time is up. Says whether there is."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._waiting), timeout_s)
