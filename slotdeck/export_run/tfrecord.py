"""TensorBoard's event records as bytes: many scalars of many steps at a time, or one text.

Source: tensorflow/core/util/event.proto and framework/summary.proto, tensorflow/core/lib/io/record_writer.h (length and
data, each with a masked CRC-32C). Written with numpy instead of the `tensorboard` package: its writer takes 150 us for
a report of 12 scalars, most of it in a checksum byte by byte; here all records of a batch are summed at once.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from slotdeck.export_run.protobuf import double, integer, message, text, varint

FILE_VERSION = "brain.Event:2"
_WALL, _STEP, _VERSION, _SUMMARY = 1, 2, 3, 5
_STRING = 7
"""DT_STRING."""
Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint32]


def scalar_records(
    wall_s: npt.NDArray[np.float64],
    steps: npt.NDArray[np.int64],
    tags: Sequence[str],
    values: npt.NDArray[np.float64],
) -> bytes:
    """A record a step with a value for each tag.

    Args:
        wall_s: Unix times, (n,).
        steps: >= 0, (n,).
        tags: names, k of them.
        values: (n, k); written as float32, which is what TensorBoard keeps.
    """
    parts = []
    sizes = np.array([len(varint(int(step))) for step in steps]) if len(steps) else np.zeros(0, int)
    start = 0
    # Records of one length lie in one array: neighbours whose step takes as many bytes.
    for end in [*(np.flatnonzero(np.diff(sizes)) + 1), len(steps)]:
        if end > start:
            part = slice(start, end)
            parts.append(_records(wall_s[part], steps[part], tags, values[part], int(sizes[start])))
        start = end
    return b"".join(parts)


def text_record(wall_s: float, step: int, tag: str, markdown: str) -> bytes:
    """A record with a text, as TensorBoard's text page shows it."""
    plugin = message(9, message(1, text(1, "text")))
    shape = message(2, message(2, integer(1, 1)))
    tensor = message(8, integer(1, _STRING), shape, text(8, markdown))
    return record(
        double(_WALL, wall_s) + integer(_STEP, step) + _summary(message(1, text(1, tag), plugin, tensor))
    )


def version_record(wall_s: float) -> bytes:
    """The first record of a file."""
    return record(double(_WALL, wall_s) + text(_VERSION, FILE_VERSION))


def record(data: bytes) -> bytes:
    """One event, framed."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", _sum_one(length)) + data + struct.pack("<I", _sum_one(data))


def _summary(*values: bytes) -> bytes:
    return message(_SUMMARY, *values)


def _records(
    wall_s: npt.NDArray[np.float64],
    steps: npt.NDArray[np.int64],
    tags: Sequence[str],
    values: npt.NDArray[np.float64],
    step_bytes: int,
) -> bytes:
    """Records of one length: a pattern, repeated, with times, steps and values put into their places."""
    before = varint(_WALL << 3 | 1) + bytes(8) + varint(_STEP << 3) + bytes(step_bytes)
    named = [text(1, tag) + varint(2 << 3 | 5) + bytes(4) for tag in tags]
    event = before + _summary(*(message(1, body) for body in named))
    length = struct.pack("<Q", len(event))
    pattern = length + struct.pack("<I", _sum_one(length)) + event + bytes(4)
    lines = np.tile(np.frombuffer(pattern, np.uint8), (len(steps), 1))
    at = 12
    lines[:, at + 1 : at + 9] = _as_bytes(wall_s.astype("<f8"))
    for place in range(step_bytes):
        more = 0x80 if place + 1 < step_bytes else 0
        lines[:, at + 10 + place] = (steps >> (7 * place)) & 0x7F | more
    end = at + len(event)
    for number in range(len(tags) - 1, -1, -1):
        lines[:, end - 4 : end] = _as_bytes(values[:, number].astype("<f4"))
        end -= len(message(1, named[number]))
    lines[:, -4:] = _as_bytes(_sums(lines[:, at:-4]).astype("<u4"))
    return lines.tobytes()


def _as_bytes(column: npt.NDArray[Any]) -> Bytes:
    return column.view(np.uint8).reshape(len(column), -1)


def _table() -> Words:
    """CRC-32C (Castagnoli) of each byte."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1).astype(np.uint32)
    return table


_TABLE = _table()
_TABLE_INTS = _TABLE.tolist()


def _sums(lines: Bytes) -> Words:
    """The masked sum of each line."""
    sums = np.full(len(lines), 0xFFFFFFFF, np.uint32)
    for column in np.ascontiguousarray(lines.T):
        sums = _TABLE[(sums ^ column) & 0xFF] ^ (sums >> np.uint32(8))
    sums ^= np.uint32(0xFFFFFFFF)
    return ((sums >> np.uint32(15)) | (sums << np.uint32(17))) + np.uint32(0xA282EAD8)


def _sum_one(data: bytes) -> int:
    total = 0xFFFFFFFF
    for byte in data:
        total = _TABLE_INTS[(total ^ byte) & 0xFF] ^ total >> 8
    total ^= 0xFFFFFFFF
    return ((total >> 15 | total << 17) + 0xA282EAD8) & 0xFFFFFFFF
