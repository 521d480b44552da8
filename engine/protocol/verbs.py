"""Verbs as people type them: one table for `slotdeck send`, the cockpit's palette, its help, and the docs.

    pin block.3 until=+200        lr 3e-4        lr x0.5        stop save=no        policy anneal mean_duty=0.6

Positional words fill the fields in order; `name=value` sets one; `note` and `sample` take the rest of the line.
"""

from __future__ import annotations

import re
from typing import cast

import msgspec
from msgspec import Struct

from engine.errors import SlotdeckError, nearest
from engine.protocol import commands as c
from engine.protocol.events import Scalar

_STEP = re.compile(r"\+?[0-9]{1,12}")
"""Absolute or relative; more digits than any run has would not fit the log."""
POLICIES = ("all", "random", "anneal")
PRECISIONS = ("fp32", "bf16", "fp16", "fp8")
EXPORTS = ("hf",)
PROBES = ("slots",)
_REST_OF_LINE = {"note", "sample"}
_YES_NO = {
    "yes": True,
    "no": False,
    "true": True,
    "false": False,
    "on": True,
    "off": False,
    "1": True,
    "0": False,
}


class Verb(Struct, frozen=True):
    """One row of the table."""

    name: str
    command: type[c.Command]
    usage: str
    help: str
    destroys: bool = False
    """The cockpit asks before it sends."""


def _verb(command: type[c.Command], usage: str, destroys: bool = False) -> Verb:
    name = c.verb_of(command)
    doc = " ".join((command.__doc__ or "").split())
    return Verb(name, command, f"{name} {usage}".strip(), doc, destroys)


VERBS: dict[str, Verb] = {
    v.name: v
    for v in (
        _verb(c.Pause, ""),
        _verb(c.Resume, ""),
        _verb(c.Step, "[N]"),
        _verb(c.Stop, "[save=yes|no]", destroys=True),
        _verb(c.Checkpoint, ""),
        _verb(c.Rollback, "[CHECKPOINT|STEP|best]", destroys=True),
        _verb(c.Fork, "[CHECKPOINT|STEP|best] [KEY=VALUE ...]"),
        _verb(c.Prune, "SLOT[,SLOT...] | amount=N [dry_run=yes|no] [trial=yes|no]", destroys=True),
        _verb(c.Export, "[hf] [at=CHECKPOINT|STEP|best]"),
        _verb(c.Lr, "VALUE | xFACTOR | schedule"),
        _verb(c.Precision, "fp32|bf16|fp16|fp8 [slot=SLOT]"),
        _verb(c.Batch, "SEQUENCES | auto"),
        _verb(c.Recompute, "BLOCKS"),
        _verb(c.Policy, "all|random|anneal [OPTION=NUMBER ...]"),
        _verb(c.Pin, "SLOT [duty=1] [trained=yes|no] [until=STEP|+STEPS]"),
        _verb(c.Ban, "SLOT [until=STEP|+STEPS]"),
        _verb(c.Release, "SLOT"),
        _verb(c.Evaluate, ""),
        _verb(c.Probe, "[slots]"),
        _verb(c.Sample, "[PROMPT]"),
        _verb(c.Note, "TEXT"),
    )
}


def parse_command(words: list[str]) -> c.AnyCommand:
    """The command that `words` spell.

    Raises:
        SlotdeckError: unknown verb (the nearest is named), a missing, surplus or malformed argument.
    """
    if not words:
        raise SlotdeckError("no verb given", f"give one of: {', '.join(VERBS)}")
    name, rest = words[0], words[1:]
    verb = VERBS.get(name)
    if verb is None:
        raise SlotdeckError(
            f"unknown verb {name!r}{nearest(name, list(VERBS))}", f"use one of: {', '.join(VERBS)}"
        )
    fields = list(verb.command.__struct_fields__)
    values: dict[str, object] = {}
    if name in _REST_OF_LINE:
        if rest:
            values[fields[0]] = " ".join(rest)
    else:
        for word in rest:
            _take(verb, fields, values, word)
    try:
        command = msgspec.convert([name, *_in_order(verb, fields, values)], verb.command, strict=False)
    except (msgspec.ValidationError, KeyError) as error:
        raise SlotdeckError(f"{name}: {_reason(error)}", f"usage: {verb.usage}") from None
    check(command)
    return cast(c.AnyCommand, command)


def check(command: c.Command) -> None:
    """Refuse values that can be judged without the run: used by the client and again by the engine.

    Raises:
        SlotdeckError: a value out of its range, with the range.
    """
    verb = VERBS[c.verb_of(command)]

    def refuse(what: str) -> SlotdeckError:
        return SlotdeckError(f"{verb.name}: {what}", f"usage: {verb.usage}")

    match command:
        case c.Step(n=n) if not 1 <= n <= 1_000_000_000:
            raise refuse(f"{n} steps; give 1 or more")
        case c.Prune(slots="", amount=amount) if amount < 1:
            raise refuse("name slots, or give amount=N")
        case c.Prune(slots=slots, amount=amount) if slots and amount:
            raise refuse("name slots or give amount=N, not both")
        case c.Export(format=format_) if format_ not in EXPORTS:
            raise refuse(f"no format {format_!r}{nearest(format_, list(EXPORTS))}")
        case c.Probe(kind=kind) if kind not in PROBES:
            raise refuse(f"no probe {kind!r}{nearest(kind, list(PROBES))}")
        case c.Lr(value=value) if value != "schedule":
            number = _finite(value[1:] if value.startswith("x") else value)
            if number is None or number < 0:
                raise refuse(f"{value!r} is not a learning rate; give a number >= 0, xFACTOR or schedule")
        case c.Precision(value=value) if value not in PRECISIONS:
            raise refuse(f"no precision {value!r}{nearest(value, list(PRECISIONS))}")
        case c.Batch(value=value) if value != "auto" and not _is_count(value):
            raise refuse(f"{value!r} is not a number of sequences; give 1 or more, or auto")
        case c.Recompute(n=n) if not 0 <= n <= 1_000_000:
            raise refuse(f"{n} blocks; give 0 or more")
        case c.Policy(name=name) if name not in POLICIES:
            raise refuse(f"no policy {name!r}{nearest(name, list(POLICIES))}")
        case c.Pin(duty=duty) if duty not in (0, 0.25, 0.5, 0.75, 1):
            raise refuse(f"duty {duty:g}; give 0, 0.25, 0.5, 0.75 or 1")
        case c.Note(text=text) if not text.strip():
            raise refuse("the note is empty")
        case _:
            pass
    if isinstance(command, c.Pin | c.Ban) and command.until and not _STEP.fullmatch(command.until):
        raise refuse(f"until={command.until!r} is not a step; give 500 or +200")
    if not _is_text(command):
        raise refuse("what was typed is not UTF-8 text")


def as_text(command: c.Command) -> str:
    """The command as one would type it; `parse_command(as_text(c).split())` gives it back."""
    name = c.verb_of(command)
    words = [name]
    for field, default in zip(command.__struct_fields__, _defaults(command), strict=True):
        value = getattr(command, field)
        if value == default:
            continue
        if isinstance(value, dict):
            words += [f"{k}={v if isinstance(v, str) else f'{v:g}'}" for k, v in value.items()]
        elif default is msgspec.NODEFAULT or field in ("n", "prompt"):
            words.append(str(value))
        else:
            shown = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
            words.append(f"{field}={shown}")
    return " ".join(words)


def as_args(command: c.Command) -> dict[str, Scalar | list[Scalar] | dict[str, Scalar]]:
    """The arguments by name, for the log."""
    return msgspec.structs.asdict(command)


def from_args(verb: str, args: dict[str, object]) -> c.AnyCommand:
    """The command that a log entry names. Raises SlotdeckError when this version does not know it."""
    if verb not in VERBS:
        raise SlotdeckError(f"unknown verb {verb!r} in the log", "use the version that wrote it")
    fields = VERBS[verb].command.__struct_fields__
    try:
        given = [verb, *(args[field] for field in fields if field in args)]
        return cast(c.AnyCommand, msgspec.convert(given, VERBS[verb].command))
    except msgspec.ValidationError as error:
        raise SlotdeckError(f"{verb} in the log: {error}", "use the version that wrote it") from None


def _take(verb: Verb, fields: list[str], values: dict[str, object], word: str) -> None:
    key, sep, value = word.partition("=")
    if not sep:
        free = next((f for f in fields if f not in values), None)
        if free is None or free == "options":
            raise SlotdeckError(f"{verb.name}: {word!r} is one argument too many", f"usage: {verb.usage}")
        key, value = free, word
    elif "settings" in fields and key not in fields:
        values.setdefault("settings", {})[key] = value  # type: ignore[index]
        return
    elif "options" in fields and key not in fields:
        number = _finite(value)
        if number is None:
            raise SlotdeckError(f"{verb.name}: {key}={value!r} is not a number", f"usage: {verb.usage}")
        values.setdefault("options", {})[key] = number  # type: ignore[index]
        return
    elif key not in fields:
        raise SlotdeckError(f"{verb.name}: no argument {key!r}{nearest(key, fields)}", f"usage: {verb.usage}")
    if isinstance(_defaults(verb.command)[fields.index(key)], bool):
        if value.lower() not in _YES_NO:
            raise SlotdeckError(f"{verb.name}: {key}={value!r} is neither yes nor no", f"usage: {verb.usage}")
        values[key] = _YES_NO[value.lower()]
    else:
        values[key] = value


def _in_order(verb: Verb, fields: list[str], values: dict[str, object]) -> list[object]:
    out: list[object] = []
    for field, default in zip(fields, _defaults(verb.command), strict=True):
        if field not in values and default is msgspec.NODEFAULT:
            raise SlotdeckError(f"{verb.name}: {field} is missing", f"usage: {verb.usage}")
        out.append(values.get(field, default))
    return out


def _defaults(command: c.Command | type[c.Command]) -> list[object]:
    struct = command if isinstance(command, type) else type(command)
    return [
        f.default_factory() if f.default_factory is not msgspec.NODEFAULT else f.default
        for f in msgspec.structs.fields(struct)
    ]


def _is_text(command: c.Command) -> bool:
    """False for a lone surrogate: how Python reads a byte of the command line that is no UTF-8."""
    words = [value for value in msgspec.structs.astuple(command) if isinstance(value, str)]
    try:
        "".join(words).encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text[:10]) >= 1 and len(text) <= 9


def _finite(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def _reason(error: Exception) -> str:
    return str(error).split(" - at")[0].lower()
