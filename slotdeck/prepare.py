"""`slotdeck prepare`: the options judged, the progress shown, the result told."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

from engine.errors import SlotdeckError, nearest
from engine.text import one_line
from engine.units import format_count
from slotdeck.options import RUNS
from slotdeck.prepare_bar import shown_progress
from slotdeck.prepare_job import told_progress
from slotdeck.say import say
from slotdeck.terminal import command_line, shown_path

ON_BAD = ["skip", "refuse"]


def prepare_data(
    inputs: list[str],
    out: Path,
    *,
    text_column: str,
    text_key: str,
    tokenizer: str,
    vocab_size: int,
    encoding: str,
    workers: int,
    val_share: float,
    on_bad: str,
    overwrite: bool,
    runs_dir: Path = RUNS,
) -> None:
    """Make a data folder and say how to train on it. The cockpit's page of jobs shows how far it is.

    Raises:
        SlotdeckError: any fault of the options, the input or the place.
    """
    from engine.data.prepare import prepare

    if on_bad not in ON_BAD:
        raise SlotdeckError(
            f"--on-bad {on_bad!r} is no choice{nearest(on_bad, ON_BAD)}", "use skip or refuse"
        )
    with shown_progress() as show, told_progress(runs_dir, out, show) as tell:
        made = prepare(
            inputs,
            out,
            text_column=text_column,
            text_key=text_key,
            tokenizer=tokenizer,
            vocab_size=vocab_size,
            encoding=encoding,
            workers=workers,
            val_share=val_share,
            on_bad=cast(Literal["skip", "refuse"], on_bad),
            overwrite=overwrite,
            progress=tell,
        )
    meta = made.meta
    for remark in made.notes:
        say(f"note: {one_line(remark, 1000)}")
    say(
        f"{one_line(str(made.data_dir))}: {format_count(meta.train.tokens)} training and "
        f"{format_count(meta.val.tokens)} validation tokens, vocabulary {meta.vocab_size:,}"
    )
    say(f"train on it: {command_line('train', 'PROFILE', '--set', f'data.dir={shown_path(made.data_dir)}')}")
