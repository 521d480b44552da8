"""Events of control: what was asked, what came of it, and who holds the controls."""

from __future__ import annotations

from typing import ClassVar

from engine.protocol.events.base import Event, Scalar


class CommandAccepted(Event):
    """A command is durable in the log and will be applied at a step boundary, or refused there."""

    KIND: ClassVar[int] = 32
    command_id: str
    client_id: str
    who: str
    """`user@host` of the client, sanitised."""
    verb: str
    args: dict[str, Scalar | list[Scalar] | dict[str, Scalar]]
    text: str
    """The command as one would type it: `pin block.3 until=+200`."""


class CommandApplied(Event):
    """The command takes effect between step `step` and the next. Logged before it does."""

    KIND: ClassVar[int] = 33
    command_id: str
    verb: str
    text: str
    step: int
    branch: int
    rev: int
    """The run's revision after it: rises by one with each applied command."""
    before: str
    """The value it replaces, as shown to people; empty where there is none."""
    after: str
    cost: str = ""
    """What it is expected to cost: `one pass over 32,768 validation tokens`."""
    client_id: str = ""
    """Who asked: command ids are unique only for one client."""


class CommandRefused(Event):
    """Nothing was changed."""

    KIND: ClassVar[int] = 34
    command_id: str
    verb: str
    text: str
    step: int
    code: str
    """Stable, for scripts: `no-lease`, `stale-revision`, `unknown-slot`, `bad-value`, `wrong-state` ..."""
    reason: str
    remedy: str = ""
    client_id: str = ""
    """Who asked: command ids are unique only for one client."""


class LeaseChanged(Event):
    """Who holds the controls."""

    KIND: ClassVar[int] = 35
    holder: str
    """Client id, or empty when nobody does."""
    who: str
    fence: int
    """Rises with every change of hands; a command that carries an older one is refused."""
    reason: str = ""
