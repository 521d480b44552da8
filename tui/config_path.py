"""Where the user's settings and the cockpit's memory lie; asked at every start, so it imports next to nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def config_path(environ: Mapping[str, str]) -> Path:
    """`$XDG_CONFIG_HOME/slotdeck/config.toml`, in `~/.config` where it is not set."""
    return _folder(environ, "XDG_CONFIG_HOME", ".config") / "config.toml"


def state_path(environ: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/slotdeck/hints.json`, in `~/.local/state` where it is not set."""
    return _folder(environ, "XDG_STATE_HOME", ".local/state") / "hints.json"


def _folder(environ: Mapping[str, str], variable: str, default: str) -> Path:
    base = environ.get(variable, "")
    home = Path(environ.get("HOME", "") or "~").expanduser()
    return (Path(base) if os.path.isabs(base) else home / default) / "slotdeck"
