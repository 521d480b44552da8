"""A profile as TOML: what a run folder keeps, and what loads back equal.

Called when a run is made. Every setting is written, defaults too, so a run can be read without this version
of slotdeck at hand.
"""

from __future__ import annotations

import json

import msgspec

from engine.profile.schema import Profile, Section


def to_toml(profile: Profile) -> str:
    """TOML text; `load_profile` on a file of it gives an equal profile."""
    lines: list[str] = []
    tables: list[str] = []
    for key in profile.__struct_fields__:
        value = getattr(profile, key)
        if isinstance(value, Section):
            tables += [
                "",
                f"[{key}]",
                *(f"{k} = {_literal(v)}" for k, v in msgspec.structs.asdict(value).items()),
            ]
        else:
            lines.append(f"{key} = {_literal(value)}")
    return "\n".join([*lines, *tables]) + "\n"


def _literal(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            # A JSON string is a TOML basic string but for DEL, and for the surrogate pairs of ensure_ascii.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    raise AssertionError(f"the schema holds no {type(value).__name__}")
