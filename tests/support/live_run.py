"""A real run in this process, stepped by the test: its parts, log and past, without a socket or signals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from engine_run import EngineRun

from engine.runlog.parent import read_parent
from engine.runlog.writer import LogWriter
from engine.train.build import build_parts
from engine.train.life import assemble
from engine.train.resume import Past, go_on, load_past
from engine.train.run import Run


@contextmanager
def live_run(folder: EngineRun) -> Iterator[tuple[Run, Past]]:
    """The folder's run as its engine would begin or resume it, on one thread; it is closed, not finished."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    parts, parent = build_parts(folder.dir), read_parent(folder.dir)
    begun = any(folder.dir.glob("log/*.slog"))
    past = load_past(folder.dir, parts, parent) if begun or parent else Past()
    log = LogWriter(folder.dir, folder.dir.name)
    run = assemble(folder.dir, parts, log)
    try:
        go_on(run, past)
        yield run, past
    finally:
        run.writer.drain()
        log.close()
        torch.set_num_threads(threads)
