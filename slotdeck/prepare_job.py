"""How far `prepare` is, told in the runs folder too, where the cockpit's page of jobs reads it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.runlog.jobs import telling
from slotdeck.prepare_bar import STAGES, detail_of
from slotdeck.terminal import shown_path

if TYPE_CHECKING:
    from engine.data.prepare import Progress


@contextmanager
def told_progress(
    runs_dir: Path, out: Path, show: Callable[[Progress], None]
) -> Iterator[Callable[[Progress], None]]:
    """What `prepare` calls with each bit of progress: it is passed on to `show`, and told."""
    with telling(runs_dir, "prepare", str(shown_path(out)), ("slotdeck", *sys.argv[1:])) as job:

        def tell(progress: Progress) -> None:
            show(progress)
            stage = STAGES[progress.stage]
            job.told(stage, progress.done_bytes, progress.total_bytes, "B", detail_of(progress).strip())

        yield tell
