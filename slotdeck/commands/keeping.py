"""Sub-commands that keep order among runs: tags, notes, the archive, deleting."""

from __future__ import annotations

from typing import Annotated

import typer

from slotdeck.options import RUNS, Run, Runs, app
from slotdeck.say import say


@app.command()
def tag(
    run: Run,
    tags: Annotated[list[str], typer.Argument(metavar="TAG...", help="Words such as baseline.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take these tags away.")] = False,
    runs_dir: Runs = RUNS,
) -> None:
    """Give a run tags, to find it by.

    Examples:
        slotdeck tag my-run baseline paper
    """
    from slotdeck.keeping import tag_run

    tag_run(run, tags, runs_dir, remove=remove, say=say)


@app.command("note")
def note_run(
    run: Run,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]", help="A line about it; none takes the old one away."),
    ] = None,
    runs_dir: Runs = RUNS,
) -> None:
    """Write a line about a run.

    It stands beside the run in lists. `slotdeck send RUN note TEXT` writes into the log of a live run instead.

    Examples:
        slotdeck note my-run the lr was too high
    """
    from slotdeck.keeping import note_of_run

    note_of_run(run, " ".join(words or []), runs_dir, say=say)


@app.command()
def archive(
    run: Run,
    undo: Annotated[bool, typer.Option("--undo", help="Back into the list.")] = False,
    runs_dir: Runs = RUNS,
) -> None:
    """Leave a run out of lists.

    Nothing of it is touched; `slotdeck runs --all` shows it too.
    """
    from slotdeck.keeping import archive_run

    archive_run(run, runs_dir, undo=undo, say=say)


@app.command()
def delete(
    run: Run,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    runs_dir: Runs = RUNS,
) -> None:
    """Delete a run that is over.

    Its checkpoints and exports go with it. Asks first; --yes where there is nobody to ask.
    """
    from slotdeck.keeping import delete_for_good

    delete_for_good(run, runs_dir, yes=yes, say=say)
