"""Writes the tables of docs/protocol.md from the structs: `python docs/protocol_tables.py`.

A contract test compares; nothing else calls this.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
import types
import typing
from collections.abc import Iterable
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from engine.protocol import commands, events, messages  # noqa: E402
from engine.protocol.verbs import VERBS  # noqa: E402

PAGE = ROOT / "docs" / "protocol.md"
BEGIN, END = "<!-- tables: python docs/protocol_tables.py -->", "<!-- end of tables -->"
WIRE_TYPES = {str: "str", int: "int", float: "float", bool: "bool", type(None): "nil"}


def tables() -> str:
    """Everything between the markers."""
    parts = ["## Messages\n\nKinds 192 to 199; sequence number 0; never in the log.\n"]
    parts += [_struct(t, f"{t.KIND} {t.__name__}") for t in messages.MESSAGES]
    parts.append("## Events\n\nKinds 1 to 35; each is a frame of the log.\n")
    for event in events.EVENTS:
        lane = "life cycle" if event.RELIABLE else "telemetry"
        parts.append(_struct(event, f"{event.KIND} {event.__name__} ({lane})"))
    parts.append("## Structs inside events\n\nArrays, like the events that hold them.\n")
    parts += [_struct(t, t.__name__) for t in events.Wire.__subclasses__()]
    parts.append(
        "## Commands\n\nAn array: the verb first, then the arguments. Arguments at the end may be left out where they "
        "have a\ndefault; surplus ones are refused.\n"
    )
    for verb in VERBS.values():
        parts.append(_struct(verb.command, f"`{verb.name}`", first=1))
    return "\n".join(parts)


def page(text: str) -> str:
    """The page with fresh tables."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{tables()}\n{END}{tail}"


def _struct(struct: type[msgspec.Struct], title: str, first: int = 0) -> str:
    about = " ".join((struct.__doc__ or "").split())
    lines = [f"### {title}", "", about, ""]
    hints, notes = typing.get_type_hints(struct), _notes(struct)
    fields = msgspec.structs.fields(struct)
    if fields:
        lines += ["| place | field | type | default | meaning |", "|---|---|---|---|---|"]
    for place, field in enumerate(fields, first):
        kind = _type(hints[field.name]).replace("|", "\\|")
        note = notes.get(field.name, "").replace("|", "\\|")
        lines.append(f"| {place} | `{field.name}` | {kind} | {_default(field)} | {note} |".replace("  ", " "))
    return "\n".join(lines).rstrip() + "\n"


def _type(hint: object) -> str:
    if hint in WIRE_TYPES:
        return WIRE_TYPES[typing.cast("type", hint)]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint.__name__
    inner = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if origin is list:
        return f"array of {_type(inner[0])}"
    if origin is dict:
        return f"map of {_type(inner[0])} to {_type(inner[1])}"
    assert origin in (typing.Union, types.UnionType), f"no wire type for {hint}"
    if all(isinstance(t, type) and issubclass(t, commands.Command) for t in inner):
        return "a command"
    return _alternatives(_type(t) for t in inner)


def _alternatives(names: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(names))


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default is None:
        return "nil"
    if field.default is not msgspec.NODEFAULT:
        return f"`{msgspec.json.encode(field.default).decode()}`"
    if field.default_factory is not msgspec.NODEFAULT:
        return f"`{msgspec.json.encode(field.default_factory()).decode()}`"
    return ""


def _notes(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The string under each field."""
    body = typing.cast("ast.ClassDef", ast.parse(inspect.getsource(struct)).body[0]).body
    notes = {}
    for field, below in itertools.pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
        ):
            notes[field.target.id] = " ".join(str(typing.cast("ast.Constant", below.value).value).split())
    return notes


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
