"""Sub-commands that make data to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slotdeck.options import RUNS, Runs, app


@app.command()
def prepare(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="parquet, txt, json or jsonl files, or folders.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to make.")],
    text_column: Annotated[str, typer.Option(metavar="NAME", help="Column of parquet files.")] = "text",
    text_key: Annotated[str, typer.Option(metavar="NAME", help="Key of json and jsonl files.")] = "text",
    tokenizer: Annotated[
        str,
        typer.Option(
            metavar="FILE|train",
            help="A tokenizer.json, a folder with one or GPT-2's two files, or train one.",
        ),
    ] = "train",
    vocab_size: Annotated[int, typer.Option(metavar="N", help="Entries of a trained tokenizer.")] = 8192,
    encoding: Annotated[str, typer.Option(metavar="NAME", help="Of txt, json and jsonl files.")] = "utf-8",
    workers: Annotated[int, typer.Option(metavar="N", help="Processes; else as many as help.")] = 0,
    val_share: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the documents for validation.")
    ] = 0.01,
    on_bad: Annotated[
        str, typer.Option(metavar="skip|refuse", help="What to do with nulls and invalid text.")
    ] = "skip",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what DIR holds.")] = False,
    runs_dir: Runs = RUNS,
) -> None:
    """Turn text into token shards to train on.

    Examples:
        slotdeck prepare my.parquet --text-column text --out data/mine
        slotdeck prepare articles/ more.jsonl --tokenizer data/mine --out data/more
    """
    from slotdeck.prepare import prepare_data

    prepare_data(
        inputs, out, text_column=text_column, text_key=text_key, tokenizer=tokenizer, vocab_size=vocab_size,
        encoding=encoding, workers=workers, val_share=val_share, on_bad=on_bad, overwrite=overwrite, runs_dir=runs_dir,
    )  # fmt: skip
