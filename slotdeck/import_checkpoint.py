"""`slotdeck import-checkpoint`: weights out of a pickle, and what became of them, told."""

from __future__ import annotations

import time
from pathlib import Path

import slotdeck
from engine.text import one_line
from engine.units import format_count
from slotdeck.say import say


def import_file(file: Path, to: Path, *, n_head: int, overwrite: bool) -> None:
    """Write the folder and say what is in it.

    Raises:
        SlotdeckError: the file or the place does not allow it.
    """
    from engine.shrink.import_checkpoint import import_checkpoint

    made = import_checkpoint(
        file, to, n_head=n_head, overwrite=overwrite, version=slotdeck.__version__, now_s=time.time()
    )
    for remark in made.notes:
        say(f"note: {remark}")
    say(
        f"{one_line(str(made.folder), 1024)}: {made.n_layer} blocks of width {made.n_embd}, "
        f"{format_count(made.num_params)} parameters, vocabulary {made.vocab_size:,}, from {one_line(file.name)}"
    )
    keys = f"n_layer={made.n_layer} n_head={made.n_head} n_embd={made.n_embd} seq_len={made.seq_len}"
    words = " ".join(f"--set model.{key}" for key in keys.split())
    say(f"begin a run with: --set model.init_from=FOLDER {words}")
