"""What `slotdeck config` says: every setting, its value and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from slotdeck.text_table import lined_up
from tui.config import FILE, Config, as_text
from tui.config_path import config_path
from tui.settings import OPTIONS


def settings_lines(config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    """A line for each setting, and for each key that the user changed."""
    rows = [
        (option.name, as_text(config.values[option.name]), config.origin(option.name, environ), option.help)
        for option in OPTIONS.values()
    ]
    for place, changes in config.keys.items():
        where = f"keys.{place}" if place else "keys"
        rows += [(f"{where}.{action}", keys, FILE, "") for action, keys in changes.items()]
    yield from lined_up(rows)
    path = config_path(environ)
    yield ""
    yield f"file: {path}{'' if path.exists() else '  (not there)'}"


def key_lines() -> Iterator[str]:
    """Every action that can have another key: place, name, keys, what it does."""
    from tui.keys import PLACES, keys_for

    for place in PLACES:
        for key in keys_for(place):
            if key.action != "digit":
                yield f"keys.{f'{place}.{key.name}':<28}  {key.shown:<18}  {key.help}"
