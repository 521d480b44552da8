"""The user's file of settings, and where each setting comes from.

The app and `slotdeck config` read it. A file with a mistake in it is refused with its name, the key and the
nearest key: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from engine.errors import SlotdeckError, nearest
from engine.text import one_line
from tui.config_path import config_path
from tui.settings import OPTIONS, Settings, from_environment, terminal_theme

DEFAULT, FILE, ENVIRONMENT, FLAG = "default", "file", "environment", "flag"


class Config(Struct, frozen=True):
    """Every setting and its origin."""

    values: Mapping[str, object]
    origins: Mapping[str, str]
    """`default`, `file`, `environment` or `flag`."""
    keys: Mapping[str, Mapping[str, str]]
    """Place, or empty for every place -> action -> keys."""

    def origin(self, name: str, environ: Mapping[str, str]) -> str:
        """Where a setting comes from: `default`, `file`, `flag`, or the variable's name."""
        origin = self.origins[name]
        if origin != ENVIRONMENT:
            return origin
        variable = OPTIONS[name].variable
        return variable if environ.get(variable) is not None else "SLOTDECK_LIGHT"

    def settings(self, environ: Mapping[str, str]) -> Settings:
        """What the screens are handed."""
        values = {name: value for name, value in self.values.items() if name != "runs"}
        if values["theme"] == "auto":
            values["theme"] = terminal_theme(environ)
        return Settings(**values, keys=self.keys)  # type: ignore[arg-type]


def load(environ: Mapping[str, str], flags: Mapping[str, object] | None = None) -> Config:
    """All settings. `flags`: those that the command line gave.

    Raises:
        SlotdeckError: the file or a variable has a mistake.
    """
    values: dict[str, object] = {option.name: option.default for option in OPTIONS.values()}
    origins = dict.fromkeys(values, DEFAULT)
    from_file, keys = read_file(config_path(environ))
    for origin, given in ((FILE, from_file), (ENVIRONMENT, from_environment(environ)), (FLAG, flags or {})):
        values.update(given)
        origins.update(dict.fromkeys(given, origin))
    return Config(values, origins, keys)


def as_text(value: object) -> str:
    """A value as in the file, without quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else one_line(str(value))


def read_file(path: Path) -> tuple[dict[str, object], dict[str, dict[str, str]]]:
    """Settings and keys that the file sets; nothing where there is no file.

    Raises:
        SlotdeckError: it cannot be read, is no TOML, or sets what cannot be set.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return {}, {}
    except OSError as error:
        raise SlotdeckError(f"{path} cannot be read: {error.strerror}", "mend it, or move it away") from None
    return parse(text, path)


def parse(text: bytes, path: Path) -> tuple[dict[str, object], dict[str, dict[str, str]]]:
    """`read_file` of these bytes."""
    import tomllib  # only who has a file pays for it

    try:
        table = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SlotdeckError(
            f"{path} is not TOML: {one_line(str(error))}", "mend it, or move it away"
        ) from None
    keys: dict[str, dict[str, str]] = {}
    values: dict[str, object] = {}
    for name, given in table.items():
        if name == "keys":
            keys = _keys(given, path)
        elif name in OPTIONS:
            try:
                values[name] = OPTIONS[name].read(given)
            except ValueError as error:
                raise SlotdeckError(
                    f"{path}: {name} = {one_line(repr(given), 60)} {error}", "mend the line"
                ) from None
        else:
            known = nearest(name, [*OPTIONS, "keys"])
            raise SlotdeckError(f"{path}: no setting {one_line(name, 60)!r}{known}", "see: slotdeck config")
    return values, keys


def _keys(given: Any, path: Path) -> dict[str, dict[str, str]]:
    """The table `keys`, checked against the key table."""
    from tui.keys.rebound import check

    if not isinstance(given, dict):
        raise SlotdeckError(
            f"{path}: keys is not a table", 'write: [keys] and below it checkpoint = "ctrl+s"'
        )
    keys: dict[str, dict[str, str]] = {"": {}}
    for name, value in given.items():
        if isinstance(value, dict):
            keys[name] = {
                action: _key_list(keys_, f"{name}.{action}", path) for action, keys_ in value.items()
            }
        else:
            keys[""][name] = _key_list(value, name, path)
    check(keys, str(path))
    return keys


def _key_list(value: object, name: str, path: Path) -> str:
    given = value if isinstance(value, list) else [value]
    if not given or not all(isinstance(key, str) and key for key in given):
        raise SlotdeckError(
            f"{path}: keys.{one_line(name, 60)} is not a key", 'give one like "ctrl+s", or a list'
        )
    return ",".join("comma" if key == "," else str(key) for key in given)
