"""From a name or file, its bases and the `--set` words to one typed profile.

    load_profile("demo", ["train.steps=200", "optim.lr=3e-4"])

Order, later wins: the schema's defaults, the bases from left to right, the file, the `--set` words. Called
by the command line, by the engine for the profile in its run folder and by the cockpit's launch screen. It
judges keys and types; `engine.profile.checks` judges how they go together.
"""

from __future__ import annotations

import math
import os
import re
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import SlotdeckError, nearest
from engine.profile.schema import Profile, Section
from engine.profile.shelf import find_profile
from engine.profile.source import Source, read_source
from engine.text import one_line

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_TYPE_NAMES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "object": "a table",
    "array": "a list",
}
_GIVEN_BY_SET = "--set"
FOLDERS = {"data.dir", "model.init_from"}
"""Keys that name a folder; a relative one is meant from where it was written."""

Table = dict[str, Any]
Places = dict[str, Source | None]
"""Dotted key -> the file that set it last; None: a `--set` word."""


def load_profile(path_or_name: str | Path, sets: Sequence[str] = ()) -> Profile:
    """The resolved profile. A relative folder becomes absolute, against the file or folder that gave it.

    Args:
        path_or_name: a file, or the name of one on the shelf.
        sets: `key=value` words with dotted keys, typed by the schema.

    Raises:
        SlotdeckError: file, line where it can be told, dotted key, what is wrong, and the nearest key.
    """
    path = path_or_name if isinstance(path_or_name, Path) else find_profile(path_or_name)
    table: Table = {}
    places: Places = {}
    _fold(path, table, places, ())
    for word in sets:
        _apply_set(word, table, places)
    table.setdefault("name", re.sub(r"[^a-z0-9.-]+", "-", path.stem.lower()).strip("-.") or "run")
    try:
        return msgspec.convert(table, Profile)
    except msgspec.ValidationError as error:
        raise _mismatch(error, places) from None


def _fold(path: Path, table: Table, places: Places, above: tuple[Path, ...]) -> None:
    """Fold a file's bases, then the file, over `table`."""
    if path.resolve() in above:
        raise SlotdeckError(f"{one_line(str(path))}: base leads back to itself", "break the circle")
    source = read_source(path)
    own = dict(source.table)
    for base in _bases(own.pop("base", []), source):
        _fold(find_profile(base, beside=path.parent), table, places, (*above, path.resolve()))
    for inherited in ("name", "about"):  # who a profile is does not pass to the ones built on it
        table.pop(inherited, None)
    _merge(own, Profile, (), table, places, source)


def _bases(value: object, source: Source) -> list[str]:
    bases = [value] if isinstance(value, str) else value
    if isinstance(bases, list) and all(isinstance(base, str) for base in bases):
        return bases
    raise SlotdeckError(f"{source.place('base')}: base: not a name", 'write base = "other" or a list of such')


def _merge(
    own: Table, section: type[Section], prefix: tuple[str, ...], table: Table, places: Places, source: Source
) -> None:
    types = typing.get_type_hints(section)
    for key, value in own.items():
        dotted = ".".join((*prefix, key))
        if key not in types:
            raise _unknown(dotted, prefix, types, source.place(dotted))
        kind = types[key]
        if not _is_section(kind):
            _judge_value(value, f"{source.place(dotted)}: {dotted}")
            table[key] = _absolute(dotted, value, source.path.parent)
            places[dotted] = source
        elif isinstance(value, dict):
            _merge(value, kind, (*prefix, key), table.setdefault(key, {}), places, source)
        else:
            raise SlotdeckError(
                f"{source.place(dotted)}: {dotted} is a table", f"write its keys below [{dotted}]"
            )


def _apply_set(word: str, table: Table, places: Places) -> None:
    """Fold one `a.b=value` over `table`; the text is read as the type that the schema wants."""
    dotted, equals, text = word.partition("=")
    dotted = dotted.strip()
    if not equals or not dotted:
        raise SlotdeckError(
            f"{_GIVEN_BY_SET} {one_line(word)!r}: no key=value", "write it like train.steps=500"
        )
    section: type[Section] = Profile
    *tables, name = dotted.split(".")
    for depth, key in enumerate(tables):
        types = typing.get_type_hints(section)
        if not _is_section(types.get(key)):
            raise _unknown(dotted, tuple(tables[:depth]), types, _GIVEN_BY_SET)
        section, table = types[key], table.setdefault(key, {})
    types = typing.get_type_hints(section)
    if name not in types:
        raise _unknown(dotted, tuple(tables), types, _GIVEN_BY_SET)
    if _is_section(types[name]):
        raise SlotdeckError(
            f"{_GIVEN_BY_SET} {dotted}: it is a table", f"set one key of it, like {dotted}.KEY=VALUE"
        )
    value = _typed(text, types[name], dotted)
    _judge_value(value, f"{_GIVEN_BY_SET} {dotted}")
    table[name] = _absolute(dotted, value, Path.cwd())
    places[dotted] = None


def _typed(text: str, kind: object, dotted: str) -> object:
    """The text of a `--set` word as the schema's type; the last check judges what is not a number."""
    if kind is bool:
        return _WORDS.get(text.strip().lower(), text)
    if kind not in (int, float):
        return text
    try:
        return _whole(text) if kind is int else float(text)
    except (ValueError, OverflowError):
        wanted = _TYPE_NAMES["int" if kind is int else "float"]
        shown = one_line(text, 40)
        raise SlotdeckError(
            f"{_GIVEN_BY_SET} {dotted}: {shown!r} is not {wanted}", f"write {wanted}"
        ) from None


def _whole(text: str) -> int:
    """`500`, `1_000` and `1e3`, as people write them."""
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if number != int(number):
            raise
        return int(number)


def _judge_value(value: object, place: str) -> None:
    """Refuse what no setting can be, whatever its type."""
    if isinstance(value, float) and not math.isfinite(value):
        raise SlotdeckError(f"{place}: {value} is no setting", "write a finite number")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise SlotdeckError(f"{place}: the number does not fit 64 bits", "write a smaller one")
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise SlotdeckError(
                f"{place}: {one_line(value)!r} is not UTF-8 text", "write it in UTF-8"
            ) from None
    if isinstance(value, str) and "\0" in value:
        raise SlotdeckError(f"{place}: it holds a null character", "leave it out")


def _absolute(dotted: str, value: object, folder: Path) -> object:
    if dotted not in FOLDERS or not isinstance(value, str) or not value:
        return value
    return str((folder / os.path.expanduser(value)).resolve())


def _unknown(dotted: str, prefix: tuple[str, ...], types: dict[str, Any], place: str) -> SlotdeckError:
    """No such key: name the nearest in its table, or the table that has a key of this name."""
    shown = one_line(dotted, 80)
    word = dotted.split(".")[len(prefix)]
    elsewhere = [key for key in all_keys() if key.split(".")[-1] == dotted.split(".")[-1]]
    hint = f" (did you mean {elsewhere[0]!r}?)" if elsewhere else nearest(word, list(types))
    table = ".".join(prefix)
    return SlotdeckError(
        f"{place}: unknown key {shown!r}{hint}",
        f"{f'[{table}]' if table else 'a profile'} has: {', '.join(types)}",
    )


def all_keys(section: type[Section] = Profile, prefix: str = "") -> list[str]:
    """Every dotted key of the schema, in its order."""
    keys: list[str] = []
    for key, kind in typing.get_type_hints(section).items():
        keys += all_keys(kind, f"{prefix}{key}.") if _is_section(kind) else [f"{prefix}{key}"]
    return keys


def _is_section(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _mismatch(error: msgspec.ValidationError, places: Places) -> SlotdeckError:
    """msgspec's "Expected `int`, got `str` - at `$.train.steps`" with the place a user knows."""
    reason, _, at = str(error).partition(" - at ")
    dotted = at.strip("`").removeprefix("$.")
    source = places.get(dotted)
    place = source.place(dotted) if source else _GIVEN_BY_SET
    if match := re.fullmatch(r"Expected `(\w+)(?: \| \w+)*`, got `(\w+)`", reason):
        wanted, got = (_TYPE_NAMES.get(name, name) for name in match.groups())
        return SlotdeckError(f"{place}: {dotted}: expected {wanted}, got {got}", f"write {wanted}")
    if match := re.fullmatch(r"Invalid enum value (.+)", reason):
        choices = _choices(dotted)
        hint = nearest(match[1].strip("'"), choices)
        return SlotdeckError(
            f"{place}: {dotted}: no such choice {match[1]}{hint}", f"use one of: {', '.join(choices)}"
        )
    reason = reason.replace("`", "")
    return SlotdeckError(
        f"{place}: {dotted}: {reason[:1].lower()}{reason[1:]}", "write a value in that range"
    )


def _choices(dotted: str) -> list[str]:
    kind: Any = Profile
    for key in dotted.split("."):
        kind = typing.get_type_hints(kind)[key]
    return [str(choice) for choice in typing.get_args(kind)]
