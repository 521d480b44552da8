"""The command line's root and the options that several sub-commands share. `slotdeck.commands` hangs them on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.errors import SlotdeckError
from slotdeck.help import Group

app = typer.Typer(
    name="slotdeck",
    cls=Group,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def runs_named(context: typer.Context, incomplete: str) -> list[str]:
    """For the shell's completion."""
    from engine.runlog.catalog import run_dirs

    try:
        runs = run_dirs(Path(context.params.get("runs_dir") or RUNS))
    except SlotdeckError:
        return []
    return [path.name for path in runs if path.name.startswith(incomplete)]


def profiles_named(incomplete: str) -> list[str]:
    """For the shell's completion."""
    from engine.profile.shelf import list_profiles

    return [found.name for found in list_profiles() if found.name.startswith(incomplete)]


Runs = Annotated[
    Path,
    typer.Option("--runs", metavar="DIR", envvar="SLOTDECK_RUNS", readable=False, help="Folder of runs."),
]
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run: its name, a unique part of it, or its folder.", autocompletion=runs_named
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set a key of the profile; as often as you like."),
]
Plain = Annotated[bool, typer.Option("--plain", help="Plain lines, even in a terminal.")]
Thin = Annotated[bool, typer.Option("--thin", help="For a slow line: far fewer bytes to the terminal.")]
Detach = Annotated[bool, typer.Option("--detach", help="Return as soon as the engine steps.")]
Restarts = Annotated[
    int,
    typer.Option(
        "--restarts", metavar="N", min=0, max=1000, help="Start a crashed engine again, at most N times."
    ),
]
RUNS = Path("runs")
