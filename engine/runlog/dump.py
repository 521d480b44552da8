"""The log as JSON lines, through plain `msgpack` and the field names in the segment headers only.

It is the proof that the log reads without our code: no event type is imported. `slotdeck dump` prints it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack

from engine.protocol.frames import MAX_PAYLOAD
from engine.runlog.scan import Scan
from engine.runlog.segment import FILE_MAGIC, read_header, read_segment, segment_paths
from engine.text import sanitise
from engine.units import format_moment

Schema = dict[str, list[list[str]]]


def dump(run_dir: Path) -> Iterator[str]:
    """One JSON line a frame: seq, kind, time, fields by name. Damage and missing numbers are lines too.

    Raises:
        SlotdeckError: not a run folder, or written by a newer slotdeck.
    """
    paths = segment_paths(run_dir)
    next_seq = 1
    for path in paths:
        header, start = read_header(path)
        if start == 0:
            yield _line({"kind": "Incomplete", "segment": path.name, "bytes": path.stat().st_size})
            continue
        if header is None:
            yield _line({"kind": "Damage", "segment": path.name, "what": "the segment header"})
        else:
            yield _line(
                {
                    "kind": "SegmentHeader",
                    "segment": path.name,
                    "time": format_moment(header.wall_s),
                    "run_id": header.run_id,
                    "format": header.format,
                    "protocol": f"{header.major}.{header.minor}",
                    "first_seq": header.first_seq,
                    "host": header.host,
                    "boot_id": header.boot_id,
                }
            )
        names = _Names(header.schema if header else {})
        data = read_segment(path)
        scan = Scan(data, max(start, len(FILE_MAGIC)))
        told = 0
        for _, kind, seq, t_ns, payload in scan:
            for offset, size in scan.damage[told:]:
                yield _line({"kind": "Damage", "segment": path.name, "offset": offset, "bytes": size})
            told = len(scan.damage)
            if seq != next_seq:
                yield _line(
                    {"kind": "Missing", "from_seq": next_seq, "to_seq": seq - 1, "events": seq - next_seq}
                )
            next_seq = seq + 1
            time = format_moment(header.wall_of(t_ns)) if header else None
            yield _line(
                {"seq": seq, "kind": names.kind(kind), "time": time, "fields": names.fields(kind, payload)}
            )
        for offset, size in scan.damage[told:]:
            yield _line({"kind": "Damage", "segment": path.name, "offset": offset, "bytes": size})
        if scan.sealed:
            yield _line({"kind": "SegmentFooter", "segment": path.name, "head_seq": next_seq - 1})
        elif scan.at < len(data):
            what = "Incomplete" if path == paths[-1] else "Damage"
            yield _line({"kind": what, "segment": path.name, "offset": scan.at, "bytes": len(data) - scan.at})


def plain(value: Any) -> Any:
    """What JSON can say: no NaN, no bytes, no control characters."""
    match value:
        case float() if math.isnan(value):
            return "NaN"
        case float() if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        case str():
            return sanitise(value, MAX_PAYLOAD)
        case bytes():
            return value.hex()
        case list():
            return [plain(v) for v in value]
        case dict():
            return {str(plain(k)): plain(v) for k, v in value.items()}
        case None | bool() | int() | float():
            return value
        case _:
            return repr(value)


class _Names:
    """Puts a segment header's field names on the arrays of its events."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._kinds = {int(key.split()[0]): key for key in schema if key.split()[0].isdigit()}

    def kind(self, kind: int) -> str:
        """`StepReport`, or the number where the header does not say."""
        return self._kinds[kind].partition(" ")[2] if kind in self._kinds else str(kind)

    def fields(self, kind: int, payload: bytes) -> Any:
        """The event's fields by name; a list where the header does not know the kind."""
        try:
            values = msgpack.unpackb(payload, strict_map_key=False, unicode_errors="backslashreplace")
        except (ValueError, msgpack.UnpackException) as error:
            return f"not MessagePack: {error}"
        return self._named(self._kinds.get(kind, ""), values)

    def _named(self, struct: str, values: Any) -> Any:
        fields = self._schema.get(struct)
        if fields is None or not isinstance(values, list):
            return plain(values)
        row: dict[str, Any] = {}
        for place, value in enumerate(values):
            name, inner = fields[place] if place < len(fields) else (f"field_{place}", "")
            if inner and isinstance(value, list) and all(isinstance(v, list) for v in value):
                row[name] = [self._named(inner, v) for v in value]
            else:
                row[name] = self._named(inner, value) if inner else plain(value)
        return row


def _line(row: dict[str, Any]) -> str:
    return json.dumps(plain(row), ensure_ascii=False, allow_nan=False)
