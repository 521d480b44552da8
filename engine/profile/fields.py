"""Every key of the profile as a form shows it: its type, choices, range, default, and what the schema says of it.

Called by the cockpit's launch screen. The words are the schema's own docstrings, read from its source once; an
installed package has it beside the module.
"""

from __future__ import annotations

import ast
import inspect
import typing
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Any, Literal

import msgspec
from msgspec import Meta

from engine.profile import schema
from engine.profile.load import FOLDERS
from engine.profile.schema import Profile, Section

Kind = Literal["whole number", "number", "yes or no", "text", "choice", "folder"]


@dataclass(frozen=True, slots=True)
class Field:
    """One key."""

    key: str
    """Dotted, as in `--set`."""
    kind: Kind
    default: str
    choices: tuple[str, ...] = ()
    range: str = ""
    """In words: `1 or more`, `from 0 to 1`."""
    help: str = ""

    @property
    def table(self) -> str:
        """`train` of `train.steps`; empty for the profile's own."""
        return self.key.rpartition(".")[0]

    @property
    def wanted(self) -> str:
        """What can be written there."""
        if self.choices:
            return " | ".join(self.choices)
        return f"{self.kind}, {self.range}" if self.range else self.kind


@cache
def fields() -> tuple[Field, ...]:
    """All of them, in the schema's order."""
    return tuple(_fields(Profile, ""))


def as_text(value: object) -> str:
    """A value as one would type it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)


def value_of(profile: Profile, key: str) -> object:
    """What a profile has at a dotted key."""
    found: object = profile
    for name in key.split("."):
        found = getattr(found, name)
    return found


def _fields(section: type[Section], prefix: str) -> typing.Iterator[Field]:
    words = _docstrings().get(section.__name__, {})
    defaults = {info.name: info.default for info in msgspec.structs.fields(section)}
    for name, hint in typing.get_type_hints(section, include_extras=True).items():
        if isinstance(hint, type) and issubclass(hint, Section):
            yield from _fields(hint, f"{prefix}{name}.")
            continue
        key = f"{prefix}{name}"
        bare, meta = _unwrapped(hint)
        choices = tuple(map(str, typing.get_args(bare))) if typing.get_origin(bare) is Literal else ()
        if bare is bool:
            choices = ("no", "yes")
        yield Field(
            key,
            _kind(key, bare, bool(choices)),
            as_text(defaults[name]),
            choices,
            _range(meta),
            words.get(name, ""),
        )


def _unwrapped(hint: Any) -> tuple[Any, Meta | None]:
    if typing.get_origin(hint) is typing.Annotated:
        bare, *extras = typing.get_args(hint)
        return bare, next((extra for extra in extras if isinstance(extra, Meta)), None)
    return hint, None


def _kind(key: str, bare: Any, choices: bool) -> Kind:
    if bare is bool:
        return "yes or no"
    if choices:
        return "choice"
    assert bare in (int, float, str, NoneType), f"{key} is of a kind that no form has"
    return (
        "whole number"
        if bare is int
        else "number"
        if bare is float
        else "folder"
        if key in FOLDERS
        else "text"
    )


def _range(meta: Meta | None) -> str:
    if meta is None:
        return ""
    low = (
        f"{meta.ge:g} or more" if meta.ge is not None else f"above {meta.gt:g}" if meta.gt is not None else ""
    )
    if meta.le is not None:
        return f"{f'from {meta.ge:g}' if meta.ge is not None else low} to {meta.le:g}".strip()
    return f"{low}, below {meta.lt:g}" if meta.lt is not None else low


@cache
def _docstrings() -> dict[str, dict[str, str]]:
    """Class -> attribute -> the string below it. Empty where the source is not there."""
    try:
        tree = ast.parse(inspect.getsource(schema))
    except (OSError, TypeError):
        return {}
    found: dict[str, dict[str, str]] = {}
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        words = found.setdefault(node.name, {})
        for before, after in zip(node.body, node.body[1:], strict=False):
            if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name):
                text = after.value.value if _is_text(after) else ""  # type: ignore[attr-defined]
                words[before.target.id] = " ".join(text.replace("`", "").split())
    return found


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
