"""As much of the Protocol Buffers wire format as event files and offline W&B runs need: fields into bytes.

Field numbers never change their meaning in protobuf, so what is written here stays readable; the messages
themselves are those of TensorBoard's `event.proto` and W&B's `wandb_internal.proto`.
"""

from __future__ import annotations

import math
import struct


def varint(number: int) -> bytes:
    """An integer >= 0, seven bits a byte, low ones first."""
    assert number >= 0, "a negative varint would take ten bytes; nothing here has one"
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def integer(field: int, number: int) -> bytes:
    """An int32, int64, bool or enum field."""
    return varint(field << 3) + varint(number)


def double(field: int, number: float) -> bytes:
    """A double field."""
    return varint(field << 3 | 1) + struct.pack("<d", number)


def text(field: int, value: str) -> bytes:
    """A string field."""
    return message(field, value.encode())


def message(field: int, *parts: bytes) -> bytes:
    """A field that holds a message, or bytes."""
    body = b"".join(parts)
    return varint(field << 3 | 2) + varint(len(body)) + body


def timestamp(field: int, wall_s: float) -> bytes:
    """A google.protobuf.Timestamp field."""
    fraction, seconds = math.modf(max(wall_s, 0.0))
    return message(field, integer(1, int(seconds)), integer(2, int(fraction * 1e9)))
