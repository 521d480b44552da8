"""The command line's root and the options that several sub-commands share. `slotdeck.commands` hangs them on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="slotdeck",
    help="Train transformers by slots, with your hand on the controls.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Runs = Annotated[Path, typer.Option("--runs", envvar="SLOTDECK_RUNS", help="Folder of runs.")]
Run = Annotated[
    str, typer.Argument(metavar="RUN", help="A run: its name, a unique part of it, or its folder.")
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set one key of the profile.")
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
