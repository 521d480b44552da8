"""Sub-commands that start an engine."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.errors import SlotdeckError
from slotdeck.options import RUNS, Detach, Plain, Restarts, Run, Runs, Sets, Thin, app


@app.command()
def train(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="A profile's name or file.")] = "",
    sets: Sets = None,
    runs_dir: Runs = RUNS,
    resume_run: Annotated[
        str, typer.Option("--resume", metavar="RUN", help="Go on with a run instead.")
    ] = "",
    restarts: Restarts = 0,
    detach: Detach = False,
    plain: Plain = False,
    thin: Thin = False,
) -> None:
    """Train a profile and watch it.

    The engine works in the background and outlives this terminal; the cockpit opens in front, plain lines where
    there is no terminal.
    """
    from slotdeck import journey

    if resume_run:
        if profile:
            raise SlotdeckError(
                "a resumed run has its profile already", "leave PROFILE out; --set changes keys"
            )
        raise typer.Exit(
            journey.resume(
                resume_run, sets or [], runs_dir, detach=detach, plain=plain, thin=thin, restarts=restarts
            )
        )
    if not profile:
        from engine.profile.shelf import list_profiles

        names = ", ".join(found.name for found in list_profiles())
        raise SlotdeckError("no profile given", f"give a file, or one of: {names}")
    raise typer.Exit(
        journey.train(profile, sets or [], runs_dir, detach=detach, plain=plain, thin=thin, restarts=restarts)
    )


@app.command()
def demo(
    sets: Sets = None, runs_dir: Runs = RUNS, detach: Detach = False, plain: Plain = False, thin: Thin = False
) -> None:
    """Train on the source of Python's standard library.

    The whole journey in minutes, on any machine: its data is made in data/demo.
    """
    from slotdeck import journey

    raise typer.Exit(journey.train("demo", sets or [], runs_dir, detach=detach, plain=plain, thin=thin))


@app.command()
def resume(
    run: Run,
    sets: Sets = None,
    runs_dir: Runs = RUNS,
    restarts: Restarts = 0,
    detach: Detach = False,
    plain: Plain = False,
    thin: Thin = False,
) -> None:
    """Go on with a run that was stopped or killed.

    From its newest good checkpoint; --set changes its profile from there on.
    """
    from slotdeck import journey

    raise typer.Exit(
        journey.resume(run, sets or [], runs_dir, detach=detach, plain=plain, thin=thin, restarts=restarts)
    )


@app.command()
def fork(
    run: Run,
    at: Annotated[
        str,
        typer.Option("--at", metavar="CHECKPOINT|STEP|best", help="Where it begins; else at the newest."),
    ] = "",
    sets: Sets = None,
    begin: Annotated[bool, typer.Option("--start", help="Start it at once.")] = False,
    runs_dir: Runs = RUNS,
    detach: Detach = False,
    plain: Plain = False,
    thin: Thin = False,
) -> None:
    """Make a new run that begins at a checkpoint of another, with some settings changed.

    The other run may be live or over; it is not touched.
    """
    from engine.runlog.catalog import find_run
    from slotdeck.fork import fork_run, tell_how_to_start

    made = fork_run(find_run(run, runs_dir), at, sets or [])
    if not begin:
        tell_how_to_start(made)
        return
    from slotdeck import journey

    raise typer.Exit(journey.resume(str(made), [], made.parent, detach=detach, plain=plain, thin=thin))


@app.command()
def rerun(
    run: Run,
    sets: Sets = None,
    runs_dir: Runs = RUNS,
    detach: Detach = False,
    plain: Plain = False,
    thin: Thin = False,
) -> None:
    """Train a run again: its profile, data and seed, and its commands at the steps they were applied at.

    --set changes keys of the profile.
    """
    from engine.runlog.catalog import find_run
    from slotdeck import journey
    from slotdeck.rerun import make_rerun

    made = make_rerun(find_run(run, runs_dir), sets or [])
    raise typer.Exit(journey.begin(made, detach=detach, plain=plain, thin=thin))
