"""Sub-commands that look at runs and steer them."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.errors import SlotdeckError
from slotdeck.options import RUNS, Plain, Run, Runs, Thin, app, runs_named
from slotdeck.say import say


@app.command()
def attach(
    run: Run,
    runs_dir: Runs = RUNS,
    read_only: Annotated[bool, typer.Option("--read-only", help="Watch only.")] = False,
    plain: Plain = False,
    thin: Thin = False,
) -> None:
    """Open the cockpit on a run.

    Without a terminal it is followed in plain lines.

    Examples:
        slotdeck attach 3f2a                       a unique part of the name is enough
        ssh -t box7 slotdeck attach 3f2a           from another machine
        slotdeck attach 3f2a --read-only --thin    only to watch, over a slow line
    """
    from slotdeck.attach import attach as attach_to

    raise typer.Exit(attach_to(run, runs_dir, read_only=read_only, plain=plain, thin=thin))


@app.command()
def replay(run: Run, runs_dir: Runs = RUNS, thin: Thin = False) -> None:
    """Play a run again in the cockpit.

    Of a run that still trains too: at the end it is followed live.

    Examples:
        slotdeck replay 3f2a
    """
    from engine.runlog.catalog import find_run
    from slotdeck.terminal import command_line, has_terminal, shown_path

    run_dir = find_run(run, runs_dir)
    if not has_terminal():
        raise SlotdeckError(
            "a replay needs a terminal", f"for text use: {command_line('dump', shown_path(run_dir))}"
        )
    from slotdeck.starter import starter
    from tui.app import run_replay

    raise typer.Exit(run_replay(run_dir, starter(run_dir.parent), thin=thin))


@app.command()
def watch(
    run: Run,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    every_s: Annotated[
        float,
        typer.Option(
            "--every", metavar="S", min=0.0, max=1e6, help="At most a report in S seconds; else each."
        ),
    ] = 0.0,
    last: Annotated[
        int | None,
        typer.Option(
            "--last",
            metavar="N",
            min=0,
            max=1_000_000,
            help="Begin with the last N reports; 0: with new ones.",
        ),
    ] = None,
    only_new: Annotated[bool, typer.Option("--new", help="The same as --last 0.")] = False,
    runs_dir: Runs = RUNS,
) -> None:
    """Print a run, a line a step report.

    From its first report on; a live run is followed until it ends. The exit code is 0 when it finished or was stopped,
    1 when it failed or was killed.

    Examples:
        slotdeck watch my-run --new --every 60
        slotdeck watch my-run --json | jq 'select(.kind == "StepReport").fields.loss'
    """
    from engine.runlog.catalog import find_run
    from slotdeck.say import note
    from slotdeck.watch import watch as watch_run

    run_dir = find_run(run, runs_dir)
    raise typer.Exit(
        watch_run(run_dir, say, note, as_json=as_json, every_s=every_s, last=0 if only_new else last)
    )


@app.command()
def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Up to 8 runs: names, unique parts of them, or folders.",
            autocompletion=runs_named,
        ),
    ],
    runs_dir: Runs = RUNS,
    plain: Plain = False,
) -> None:
    """Lay runs over one another.

    At equal steps, tokens or time. Without a terminal: their losses and what differs in their profiles, as a table.

    Examples:
        slotdeck compare my-run my-other-run
        slotdeck compare my-run my-other-run --plain
    """
    from engine.runlog.catalog import find_run
    from slotdeck.terminal import has_terminal
    from tui.state.compared import MOST_RUNS

    found = tuple(dict.fromkeys(find_run(run, runs_dir) for run in runs))
    if len(found) > MOST_RUNS:
        raise SlotdeckError(f"{len(found)} runs are too many to tell apart", f"name {MOST_RUNS} at most")
    if plain or not has_terminal():
        from slotdeck.compare_table import compare_table

        for line in compare_table(list(found)):
            say(line)
        return
    from tui.app import run_compare

    raise typer.Exit(run_compare(found))


@app.command("runs")
def list_runs(
    runs_dir: Runs = RUNS,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Only runs that have it; several: all.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Archived ones too.")] = False,
) -> None:
    """List the runs, newest first.

    Examples:
        slotdeck runs --tag baseline
    """
    from slotdeck.listing import runs_table

    for line in runs_table(runs_dir, tags or [], everything):
        say(line)


@app.command(context_settings={"ignore_unknown_options": True})
def send(
    run: Run,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="VERB [ARGUMENT]...", help="As in the cockpit.")
    ] = None,
    take: Annotated[bool, typer.Option("--take", help="Take the controls from whoever holds them.")] = False,
    timeout_s: Annotated[
        float, typer.Option("--timeout", metavar="S", min=0.1, help="Seconds to wait for each answer.")
    ] = 60.0,
    runs_dir: Runs = RUNS,
) -> None:
    """Send a command to a live run.

    Prints its life: requested, accepted, applied at a step or refused. The exit code is 0 only when it was applied,
    1 when it was refused.

    Verbs:
        pause · resume · step [N] · stop [save=no] · checkpoint
        rollback [CHECKPOINT|STEP|best] · fork [CHECKPOINT|STEP|best] [KEY=VALUE]
        lr VALUE|xFACTOR|schedule · batch SIZE|auto · recompute N
        precision fp32|bf16|fp16|fp8 · policy NAME
        pin SLOT [until=+N] · ban SLOT [until=+N] · release SLOT
        prune SLOT|amount=N [dry_run=yes] · export · evaluate · probe
        sample [PROMPT] · note TEXT

    Examples:
        slotdeck send my-run pause
        slotdeck send my-run lr x0.5
        slotdeck send my-run pin 3 until=+200
    """
    from engine.protocol.verbs import parse_command
    from engine.runlog.catalog import find_run
    from slotdeck.send import send as send_command

    command = parse_command(words or [])
    send_command(find_run(run, runs_dir), command, take=take, timeout_s=timeout_s, say=say)
