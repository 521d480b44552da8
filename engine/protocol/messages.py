"""Messages: what client and server say to each other on the socket and never to the log (seq 0).

Attach: the client reads the log itself as far as it goes, connects, and says hello with the last sequence
number it has. The server answers with a welcome and goes on from there; what it no longer holds in memory it
names in a gap, and the client reads that from the log.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from engine.protocol.commands import AnyCommand

MAJOR = 1
"""Rises when an old reader could misread. Must be equal on both sides."""
MINOR = 3
"""Rises when something is added."""


class Message(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Something said on the socket."""

    KIND: ClassVar[int]


class Hello(Message):
    """Client, first: who I am and what I have."""

    KIND: ClassVar[int] = 192
    major: int
    minor: int
    client_id: str
    """Chosen by the client, kept across reconnects; up to 64 characters."""
    who: str
    """`user@host`, for people."""
    role: str
    """`control`, `once` (commands while nobody holds the controls, which stay free) or `observe`."""
    have_seq: int
    """Last sequence number the client holds; 0 for none; -1 for "only what comes from now on"."""


class Welcome(Message):
    """Server: accepted; frames after `have_seq` follow."""

    KIND: ClassVar[int] = 193
    major: int
    minor: int
    run_id: str
    head_seq: int
    """Last sequence number in the log now."""
    from_seq: int
    """First one that will be sent; if it is above have_seq + 1, read the ones between from the log."""
    rev: int
    holder: str
    """Client id of the lease holder, or empty."""
    holder_who: str
    fence: int
    state: str
    schema: dict[str, list[list[str]]]
    """Field names of every struct, as in a segment header."""
    wall_s: float = 0.0
    """Unix time at the engine when its monotonic clock read `mono_ns`: what turns a frame's t_ns into wall time."""
    mono_ns: int = 0


class Refused(Message):
    """Server: no, and the connection closes."""

    KIND: ClassVar[int] = 194
    code: str
    reason: str
    remedy: str = ""


class Request(Message, forbid_unknown_fields=True):
    """Client: a command. Its life then comes as CommandAccepted, CommandApplied or CommandRefused."""

    KIND: ClassVar[int] = 195
    command_id: str
    """Unique for this client; a repeated one is answered from the journal and applied once."""
    command: AnyCommand
    expect_rev: int | None = None
    """Refuse unless the run's revision is this one; `None`: whatever it is."""
    fence: int | None = None
    """The fencing number the client believes it holds; `None`: take the lease if it is free."""


class Gap(Message):
    """Server: these telemetry frames were not sent because the client was slow. They are in the log."""

    KIND: ClassVar[int] = 196
    from_seq: int
    to_seq: int
    dropped: int


class Lease(Message):
    """Client: `take` the controls (from whoever holds them), `request` them if free, or `release` them."""

    KIND: ClassVar[int] = 197
    action: str


class Ping(Message):
    """Either side, every 5 s: are you there?"""

    KIND: ClassVar[int] = 198
    t_ns: int


class Pong(Message):
    """The answer, with the same number and the run's head."""

    KIND: ClassVar[int] = 199
    t_ns: int
    head_seq: int = 0


MESSAGES: tuple[type[Message], ...] = (Hello, Welcome, Refused, Request, Gap, Lease, Ping, Pong)
