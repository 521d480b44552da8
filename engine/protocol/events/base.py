"""What every event has, and what travels inside one."""

from __future__ import annotations

from typing import ClassVar

import msgspec

Scalar = str | int | float | bool | None


class Wire(msgspec.Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """A value that travels inside an event."""


class Event(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One thing that happened."""

    KIND: ClassVar[int]
    """The frame's kind byte."""
    RELIABLE: ClassVar[bool] = True
    """Written before it takes effect and never dropped; otherwise telemetry, which may be conflated."""
