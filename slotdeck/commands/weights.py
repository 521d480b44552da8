"""Sub-commands that bring weights in and take them out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slotdeck.options import RUNS, Run, Runs, app
from slotdeck.say import say


@app.command()
def export(
    run: Run,
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="The folder to make.")],
    checkpoint: Annotated[
        str, typer.Option(metavar="NAME|STEP|newest|best", help="Which of the run's checkpoints.")
    ] = "newest",
    dtype: Annotated[str, typer.Option(metavar="fp32|bf16", help="Of the tensors; fp32 is exact.")] = "fp32",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export.")] = False,
    runs_dir: Runs = RUNS,
) -> None:
    """Write a run's model as GPT-2 weights.

    In the layout that Hugging Face transformers loads.

    Examples:
        slotdeck export my-run --to gpt2-mine --checkpoint best
    """
    from engine.runlog.catalog import find_run
    from slotdeck.export import export_run

    run_dir = find_run(run, runs_dir)
    export_run(run_dir, to, checkpoint=checkpoint, dtype=dtype, overwrite=overwrite, say=say)


@app.command("import-checkpoint")
def import_checkpoint(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What torch.save wrote: .pt, .pth or .bin.")],
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="The folder to make.")],
    n_head: Annotated[
        int,
        typer.Option("--n-head", metavar="N", min=0, help="Attention heads, where the file does not say."),
    ] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier import.")] = False,
) -> None:
    """Turn a PyTorch file of GPT-2 weights into a folder.

    A run begins with it by `--set model.init_from=FOLDER`. The one place where pickle is read, by
    torch.load(weights_only=True): import only what you trust.

    Examples:
        slotdeck import-checkpoint ckpt.pt --to gpt2-mine
        slotdeck train gpt2-124m --set model.init_from=gpt2-mine
    """
    from slotdeck.import_checkpoint import import_file

    import_file(file, to, n_head=n_head, overwrite=overwrite)
