"""`slotdeck export`: a checkpoint as a folder that `transformers` loads, and what was written, told."""

from __future__ import annotations

import time
from pathlib import Path

import slotdeck
from engine.text import one_line
from engine.units import format_bytes, format_count
from slotdeck.say import Say


def export_run(run_dir: Path, to: Path, *, checkpoint: str, dtype: str, overwrite: bool, say: Say) -> None:
    """Write the folder and say what is in it.

    Raises:
        SlotdeckError: the checkpoint or the place does not allow it.
    """
    from engine.shrink.export import export

    made = export(
        run_dir,
        to,
        checkpoint=checkpoint,
        dtype=dtype,
        overwrite=overwrite,
        version=slotdeck.__version__,
        now_s=time.time(),
    )
    for note in made.notes:
        say(f"note: {one_line(note, 1000)}")
    say(
        f"{one_line(str(made.folder))}: {made.n_layer} blocks, {format_count(made.num_params)} parameters in {dtype}, "
        f"{format_bytes(made.total_bytes)}, from {one_line(run_dir.name)} {made.checkpoint}"
    )
    say(
        "load it with: GPT2LMHeadModel.from_pretrained(FOLDER), or begin a run with --set model.init_from=FOLDER"
    )
