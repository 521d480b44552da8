"""Between events and payloads: encode once, decode into closed types, tolerate what is newer.

msgspec does both in about a microsecond. Payloads are arrays; `schema()` gives the names, so that a reader
with nothing but MessagePack can label them (`slotdeck dump` does just that).
"""

from __future__ import annotations

import types
import typing
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from engine.protocol.events import EVENTS, Event, Wire
from engine.protocol.messages import MESSAGES, Message

SEGMENT_HEADER = 240
"""Kind of a segment's first frame: a map, described in docs/runlog.md."""
SEGMENT_FOOTER = 241
"""Kind of a sealed segment's last frame."""

_TYPES: list[type[Event] | type[Message]] = [*EVENTS, *MESSAGES]
KINDS: dict[int, type[Event] | type[Message]] = {t.KIND: t for t in _TYPES}
NAMES: dict[int, str] = {kind: t.__name__ for kind, t in KINDS.items()} | {
    SEGMENT_HEADER: "SegmentHeader",
    SEGMENT_FOOTER: "SegmentFooter",
}
assert len(KINDS) == len(EVENTS) + len(MESSAGES), "two types share a kind"

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not what they should be; its ValidationError is a DecodeError."""

_encoder = msgspec.msgpack.Encoder()
_decoders: dict[int, msgspec.msgpack.Decoder[Any]] = {k: msgspec.msgpack.Decoder(t) for k, t in KINDS.items()}


class Unknown(Struct, frozen=True):
    """A frame of a kind this version does not know, or cannot read: skipped and counted, never fatal."""

    kind: int
    reason: str


def encode(value: Event | Message) -> bytes:
    """The payload. The frame's kind is `value.KIND`.

    Half characters, as Python has them for the bytes of a file name that is not UTF-8, become `\\udcNN`.
    """
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(escaped(msgspec.to_builtins(value)))


def decode(kind: int, payload: bytes) -> Event | Message | Unknown:
    """The event or message in a payload; `Unknown` for a newer kind or a payload of the wrong shape."""
    decoder = _decoders.get(kind)
    if decoder is None:
        return Unknown(kind, "kind not known to this version")
    try:
        return decoder.decode(payload)  # type: ignore[no-any-return]
    except UNREADABLE as error:
        return Unknown(kind, str(error))


@cache
def schema() -> dict[str, list[list[str]]]:
    """Field names of every event, message and nested struct.

    `{"3 RunEnded": [["step", ""], ...], "SlotRow": [...]}`: a type that has a kind is keyed by kind and name.
    The second of each pair names the struct that the field holds, or a list of which it holds, or is empty. Made once,
    since every welcome carries it and the type hints take milliseconds to resolve; not to be changed.
    """
    table: dict[str, list[list[str]]] = {}
    for kind, struct in KINDS.items():
        table[f"{kind} {struct.__name__}"] = _fields(struct)
    for wire in Wire.__subclasses__():
        table[wire.__name__] = _fields(wire)
    return table


def _fields(struct: type[msgspec.Struct]) -> list[list[str]]:
    hints = typing.get_type_hints(struct)
    return [[name, _nested(hints[name])] for name in struct.__struct_fields__]


def _nested(hint: object) -> str:
    """Name of the array-like struct in a type, looking through lists and unions."""
    if isinstance(hint, type) and issubclass(hint, Wire):
        return hint.__name__
    if typing.get_origin(hint) in (list, typing.Union, types.UnionType):
        return next(filter(None, map(_nested, typing.get_args(hint))), "")
    return ""


def escaped(value: Any) -> Any:
    """Built-in values whose every text can be written as UTF-8: half characters become escapes."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case list() | tuple():
            return [escaped(item) for item in value]
        case dict():
            return {escaped(key): escaped(item) for key, item in value.items()}
        case _:
            return value
