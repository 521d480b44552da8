"""Sub-commands that take what a run's log holds elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.errors import SlotdeckError
from engine.text import one_line
from engine.units import format_bytes
from slotdeck.options import RUNS, Run, Runs, app
from slotdeck.say import say, shown_share


@app.command("export-run")
def export_run(
    run: Run,
    csv: Annotated[
        bool, typer.Option("--csv", help="Tables for a spreadsheet; loss.csv is the curve.")
    ] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="The same tables, typed.")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Event files.")] = False,
    wandb: Annotated[
        bool, typer.Option("--wandb-offline", help="An offline W&B run, to sync or look at.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="The folder to make; else RUN-export here.")
    ] = None,
    final_branch: Annotated[
        bool, typer.Option("--final-branch", help="Leave out what rollbacks left behind.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export.")] = False,
    runs_dir: Runs = RUNS,
) -> None:
    """Write what a run's log holds for other programs.

    Several formats at once are fine. A live run may be exported: what its log holds now.

    Examples:
        slotdeck export-run my-run --csv
        slotdeck export-run my-run --parquet --tensorboard --to exports/my-run
    """
    from engine.runlog.catalog import find_run
    from slotdeck.export_run.export import export_run as write
    from slotdeck.terminal import shown_path

    asked = {"csv": csv, "parquet": parquet, "tensorboard": tensorboard, "wandb": wandb}
    formats = [name for name, wanted in asked.items() if wanted]
    if not formats:
        raise SlotdeckError("no format given", "add --csv, --parquet, --tensorboard or --wandb-offline")
    run_dir = find_run(run, runs_dir)
    target = shown_path(to or Path(f"{run_dir.resolve().name}-export"))
    with shown_share(f"writing {one_line(run_dir.resolve().name)}") as tell:
        write(run_dir, target, formats, overwrite=overwrite, only_final=final_branch, say=say, tell=tell)


@app.command()
def report(
    run: Run,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE.html", help="The page to make; else RUN.html here.")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    runs_dir: Runs = RUNS,
) -> None:
    """Write a run as one HTML page.

    Charts, slots, commands, profile. Nothing is loaded from elsewhere and no script is run: it can be sent, printed
    and kept.

    Examples:
        slotdeck report my-run --open
    """
    from engine.runlog.catalog import find_run
    from slotdeck.report.page import write_report
    from slotdeck.terminal import shown_path

    run_dir = find_run(run, runs_dir)
    page = shown_path(to or Path(f"{run_dir.resolve().name}.html"))
    if page.exists() and not overwrite:
        raise SlotdeckError(
            f"{one_line(str(page), 1000)} exists", "choose another --to, or replace it with --overwrite"
        )
    write_report(run_dir, page)
    say(
        f"{one_line(str(page), 1000)}: {format_bytes(page.stat().st_size)}, one page to look at in any browser"
    )
    if show:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())


@app.command()
def dump(run: Run, runs_dir: Runs = RUNS) -> None:
    """Print a run's log, one JSON line a frame.

    Examples:
        slotdeck dump my-run | jq -c 'select(.kind == "CommandApplied")'
    """
    from engine.runlog.catalog import find_run
    from engine.runlog.dump import dump as dump_lines

    for line in dump_lines(find_run(run, runs_dir)):
        say(line)
