"""Sub-commands about this machine and this user."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from engine.errors import SlotdeckError, nearest
from slotdeck.options import RUNS, Runs, app
from slotdeck.say import say


@app.command()
def doctor(runs_dir: Runs = RUNS) -> None:
    """Say what this machine can do, and what to mend."""
    from slotdeck.doctor.examine import examine

    raise typer.Exit(examine(runs_dir, say))


@app.command()
def config(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A setting, or keys.PLACE.ACTION.")] = "",
    value: Annotated[str | None, typer.Argument(metavar="VALUE", help="Write it into your settings.")] = None,
    unset: Annotated[bool, typer.Option("--unset", help="Take KEY out of your settings.")] = False,
    path: Annotated[bool, typer.Option("--path", help="Print where they lie.")] = False,
    keys: Annotated[
        bool, typer.Option("--keys", help="List every action that can have another key.")
    ] = False,
) -> None:
    """Show your settings and where each comes from, or set one.

    A flag beats the environment, the environment your file, your file the default.

    Examples:
        slotdeck config
        slotdeck config theme light
        slotdeck config keys.live.pin ctrl+b
    """
    from slotdeck.settings_table import key_lines, settings_lines
    from tui.config import load
    from tui.config_edit import set_value
    from tui.config_path import config_path

    place = config_path(os.environ)
    if path:
        say(str(place))
    elif keys:
        from tui.keys import rebind

        rebind(load(os.environ).keys)
        for line in key_lines():
            say(line)
    elif key and (value is not None or unset):
        set_value(place, key, None if unset else value)
        say(f"{key} {'is no longer set' if unset else f'= {value}'} in {place}")
    else:
        lines = list(settings_lines(load(os.environ), os.environ))
        found = [line for line in lines if not key or line.split(" ")[0] == key]
        if not found:
            from tui.settings import OPTIONS

            raise SlotdeckError(f"no setting {key!r}{nearest(key, list(OPTIONS))}", "see: slotdeck config")
        for line in found:
            say(line)
