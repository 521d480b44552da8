"""The sub-commands of `slotdeck bench`, one function each, importing what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slotdeck.help import Command, Group
from slotdeck.options import RUNS, Runs

app = typer.Typer(cls=Group, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback()
def bench(context: typer.Context) -> None:
    """Measure what a trained model can do."""
    # `slotdeck --runs DIR bench elastic` means what `slotdeck bench elastic --runs DIR` means.
    context.default_map = {context.invoked_subcommand or "": context.default_map}


@app.command(cls=Command)
def elastic(
    checkpoint: Annotated[
        str,
        typer.Argument(metavar="CHECKPOINT", help="A run (its newest checkpoint), or a checkpoint's folder."),
    ],
    beside: Annotated[
        str,
        typer.Option(metavar="CHECKPOINT", help="Another to show it beside: the same model trained dense."),
    ] = "",
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Judge on this data, not on the run's own.")
    ] = None,
    tokens: Annotated[
        int, typer.Option(metavar="N", min=1, help="Validation tokens of each point.")
    ] = 32_768,
    keep: Annotated[
        str, typer.Option(metavar="N,N,...", help="Blocks to keep; by default 10, 8 and 6 of 12.")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where plot and JSON go, if not to the run's artifacts."),
    ] = None,
    device: Annotated[str, typer.Option(metavar="auto|cuda|mps|cpu", help="Where to compute.")] = "auto",
    runs_dir: Runs = RUNS,
) -> None:
    """Take blocks out of a trained model and measure what is lost.

    Prints the curve and plots it. Which blocks go is chosen one by one on a small probe, the cheapest first; the
    losses are those on validation tokens that the choice never saw.

    Examples:
        slotdeck bench elastic my-run --beside my-dense-run
        slotdeck bench elastic my-run --keep 8,6,4 --tokens 65536
    """
    from slotdeck.bench.elastic import bench_elastic

    bench_elastic(
        checkpoint,
        beside,
        runs_dir=runs_dir,
        data=data,
        tokens=tokens,
        keep=keep,
        out=out,
        device_name=device,
    )
