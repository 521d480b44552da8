"""What the model can do right now, told to the log: its validation loss, and text drawn from it.

Called by the run when one is due, and for the commands that ask. Weights, generators and data order are untouched.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import torch

from engine.evaluate import sample as draw
from engine.evaluate import validate
from engine.precision.policy import dtype_of
from engine.protocol.events import Evaluated, LogLine, Progress, Sampled
from engine.text import sanitise

if TYPE_CHECKING:
    from engine.train.run import Run

PROGRESS_EVERY_S = 0.1
"""Small batches come by the thousand: the feed and the log need ten a second."""


def evaluate(run: Run, command_id: str = "") -> None:
    """Measure the validation loss, all slots on. A signal cuts it short: nobody waits for it any more."""
    run.report()
    started = told_s = time.perf_counter()

    def told(done: int, total: int) -> None:
        nonlocal told_s
        if done == total or time.perf_counter() - told_s >= PROGRESS_EVERY_S:
            told_s = time.perf_counter()
            run.log.emit(Progress(task="evaluate", done=done, total=total))
        if run.signals and done < total:
            raise CutShort(f"evaluation cut short by a signal, {done} of {total} batches done")

    try:
        loss, tokens = validate(run.model, run.validation, dtype_of(run.precision), run.device, told)
    except CutShort as cut:
        run.log.emit(LogLine(level="warning", text=str(cut)))
        return
    finally:
        seconds = time.perf_counter() - started
        run.meter.outside(seconds)
    run.last_evaluated, run.last_val_loss = run.step, loss
    if run.best_val_loss is None or loss < run.best_val_loss:
        run.best_val_loss = loss
    run.log.commit(
        Evaluated(
            step=run.step,
            branch=run.branch,
            loss=loss,
            perplexity=math.exp(min(loss, 700.0)),
            tokens=tokens,
            seconds=seconds,
            command_id=command_id,
        )
    )
    if gates := run.model.gates():
        values = " ".join(f"{value:.2f}" for value in torch.stack(gates).tolist())
        run.log.emit(LogLine(level="info", text=f"gates, first to last: {values}"))


def sample(run: Run, prompt: str, command_id: str = "") -> None:
    """Draw text that continues `prompt`."""
    assert run.tokenizer is not None, "who asks has looked whether there is a tokenizer"
    run.report()
    started = time.perf_counter()
    wish = run.profile.sample
    ids = draw(
        run.model,
        run.tokenizer.encode(prompt) or [run.tokenizer.eot_id],
        wish.tokens,
        wish.temperature,
        wish.top_k,
        torch.Generator().manual_seed(wish.seed),
        dtype=dtype_of(run.precision),
        device=run.device,
        stop_at=run.tokenizer.eot_id,
    )
    seconds = time.perf_counter() - started
    run.meter.outside(seconds)
    run.log.commit(
        Sampled(
            step=run.step,
            branch=run.branch,
            prompt=sanitise(prompt),
            text=sanitise(run.tokenizer.decode(ids)),
            seconds=seconds,
            command_id=command_id,
        )
    )


class CutShort(Exception):
    """A measurement that nobody waits for any more."""
