"""Packed little-endian numbers in a footer, from and to stdlib arrays. No numpy: the cockpit imports this."""

from __future__ import annotations

import sys
from array import array


def to_bytes(values: array[int] | array[float]) -> bytes:
    """Packed little-endian."""
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def ints(typecode: str, data: bytes) -> array[int]:
    """Packed little-endian integers as an array."""
    values: array[int] = array(typecode)
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def floats(data: bytes) -> array[float]:
    """Packed little-endian float64 as an array."""
    values = array("d")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values
