"""The `slotdeck` command: home when nothing is asked for, the sub-commands of `slotdeck.commands`, and its errors.

Each sub-command imports what it needs when it runs: `--help` and completion therefore answer at once, and nothing
here ever imports torch. What a user can mend is one line on stderr and an exit code: 2 for input, 1 for a run or
command that failed.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from slotdeck.bench.commands import app as bench_app
from slotdeck.commands import data, keeping, leaving, machine, training, watching, weights
from slotdeck.front import answered, complain
from slotdeck.help import Command
from slotdeck.options import RUNS, Runs, Thin, app
from slotdeck.say import say

__all__ = ["app", "main"]

_PANELS = {
    training.__name__: "Train",
    watching.__name__: "Watch and steer",
    keeping.__name__: "Keep order among runs",
    weights.__name__: "Data and weights",
    data.__name__: "Data and weights",
    leaving.__name__: "Take a run elsewhere",
    machine.__name__: "This machine",
}
"""What the sub-commands of each module are listed under, in this order."""

for found in app.registered_commands:
    found.cls = Command
    found.rich_help_panel = _PANELS[getattr(found.callback, "__module__", "")]
app.registered_commands.sort(
    key=lambda command: list(_PANELS).index(getattr(command.callback, "__module__", ""))
)
app.add_typer(bench_app, name="bench", rich_help_panel="Data and weights")

USAGE_ERROR: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError")
"""What a mistake on the command line raises; typer has its own copy of click, or click itself."""


@app.callback(invoke_without_command=True)
def home(
    context: typer.Context,
    runs_dir: Runs = RUNS,
    read_only: Annotated[bool, typer.Option("--read-only", help="Watch only; start nothing.")] = False,
    thin: Thin = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Train transformers by slots, with your hand on the controls.

    Without a command: home, with the runs and profiles there are. RUN is a run's name, a unique part of it, or its
    folder. `slotdeck COMMAND --help` tells more.

    Examples:
        slotdeck demo                   train a small model here and now, and watch it
        slotdeck                        all runs, and the profiles to start one with
        slotdeck attach 3f2a            the cockpit of a run, by a part of its name
    """
    if version:
        import slotdeck

        say(f"slotdeck {slotdeck.__version__}")
        raise typer.Exit
    if context.invoked_subcommand not in ("config", "doctor"):  # they are for mending it
        runs_dir = _configured(runs_dir, context)
    if context.invoked_subcommand is not None:
        # `slotdeck --runs DIR train ...` means what `slotdeck train ... --runs DIR` means.
        context.default_map = {context.invoked_subcommand: {"runs_dir": str(runs_dir)}}
        return
    from slotdeck.terminal import has_terminal

    if not has_terminal():
        watching.list_runs(runs_dir)
        return
    from slotdeck.starter import starter
    from tui.app import run_home

    raise typer.Exit(run_home(runs_dir, starter(runs_dir), read_only, thin=thin))


def _configured(runs_dir: Path, context: typer.Context) -> Path:
    """The folder of runs, from the user's settings where neither a flag nor the environment gave one.

    Raises:
        SlotdeckError: the settings have a mistake; said now, before an engine is started.
    """
    from tui.config_path import config_path

    if not config_path(os.environ).exists():
        return runs_dir
    from tui.config import load

    source = context.get_parameter_source("runs_dir")
    given = source is not None and source.name != "DEFAULT"
    configured = load(os.environ)
    return runs_dir if given else Path(str(configured.values["runs"])).expanduser()


def _mistake(error: Any) -> str:
    """As our own errors say it: a small letter first, what was meant in brackets."""
    said = re.sub(r"\.? Did you mean (.+?)\?$", r" (did you mean \1?)", error.format_message()).rstrip(".")
    said = re.sub(r" ?\(Possible options?: (.+)\)$", r" (did you mean \1?)", said)
    return said[:1].lower() + said[1:]


def _asked(context: Any) -> str:
    """Whose help to read; an option without its value is told without a context."""
    if context is not None:
        return str(context.command_path)
    return " ".join(["slotdeck", *(word for word in sys.argv[1:2] if word[:1] != "-")])


def main() -> None:
    """The whole command line; `slotdeck.front` has a shorter way for what is typed most."""
    with answered():
        try:
            sys.exit(app(prog_name="slotdeck", standalone_mode=False))
        except USAGE_ERROR as error:
            complain(f"{_mistake(error)}; see: {_asked(error.ctx)} --help", error.exit_code)
        except typer.Abort:
            raise KeyboardInterrupt from None


if __name__ == "__main__":
    main()
