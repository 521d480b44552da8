"""Sub-commands that start an engine."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.errors import SlotdeckError
from slotdeck.options import RUNS, Detach, Plain, Restarts, Run, Runs, Sets, Thin, app, profiles_named


@app.command()
def train(
    profile: Annotated[
        str,
        typer.Argument(
            metavar="PROFILE",
            help="A profile's name or file: demo, tiny, gpt2-124m, gpt2-124m-8gb, mine.toml.",
            autocompletion=profiles_named,
        ),
    ] = "",
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

    Examples:
        slotdeck train gpt2-124m --set data.dir=data/mine --set train.steps=5000
        slotdeck train mine.toml --detach --restarts 5
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

    The whole journey in minutes, on any machine; nothing is downloaded, the data is made in data/demo.

    Examples:
        slotdeck demo
        slotdeck demo --set train.steps=200 --plain
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

    Examples:
        slotdeck resume my-run
        slotdeck resume my-run --set train.steps=2000   more, of a finished run
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
    """Begin a new run at a checkpoint of another.

    With the settings that --set changes. The other run may be live or over; it is not touched.

    Examples:
        slotdeck fork my-run --at best --set slots.policy=all --start
        slotdeck fork my-run --at 500
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
    """Train a run again, your commands at their steps.

    A new run of the same profile, data and seed; --set changes keys of the profile.

    Examples:
        slotdeck rerun my-run
        slotdeck rerun my-run --set train.seed=2
    """
    from engine.runlog.catalog import find_run
    from slotdeck import journey
    from slotdeck.rerun import make_rerun

    made = make_rerun(find_run(run, runs_dir), sets or [])
    raise typer.Exit(journey.begin(made, detach=detach, plain=plain, thin=thin))
