"""An engine's life: take the run's lock, build, open log and socket, train, and end saying why."""

from __future__ import annotations

import os
import sys
import time
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path

from engine.checkpoint.writer import CheckpointWriter
from engine.control.hook import Hook
from engine.control.mailbox import Mailbox
from engine.control.server import ControlServer
from engine.errors import SlotdeckError
from engine.precision.device import is_out_of_memory
from engine.profile.advice import advice
from engine.profile.derive import tokens_per_step
from engine.protocol.events import LogLine, RunEnded, RunStarted
from engine.runlog.lock import RunLock
from engine.runlog.parent import Parent, read_parent
from engine.runlog.private import check_run_folder
from engine.runlog.run_folder import LOG
from engine.runlog.writer import LogWriter, Published
from engine.telemetry.alarms import HardwareAlarms
from engine.telemetry.sampler import Sampler
from engine.text import one_line, sanitise
from engine.train import snapshot
from engine.train.build import Parts, build_parts, describe_machine, describe_model, profile_path
from engine.train.fitting import compiling
from engine.train.fitting.fit import settle_batch
from engine.train.fitting.threads import settle_threads
from engine.train.guards.out_of_memory import smaller
from engine.train.loop import train
from engine.train.meters.memory import MemoryWatch
from engine.train.meters.metrics import Meter
from engine.train.resume import Past, go_on, load_past
from engine.train.run import Run
from engine.train.saving import not_saved, saved
from engine.train.signals import Signals, StopNow


def run_engine(run_dir: Path, *, resume: bool, paused: bool = False) -> int:
    """Live once on `run_dir`. Returns the process's exit code; see `engine.__main__`.

    Args:
        run_dir: the run.
        resume: go on from the newest good checkpoint.
        paused: wait there for the operator.

    Raises:
        SlotdeckError: the run cannot start. Nothing was logged then.
    """
    profile_path(run_dir)  # before the lock, which would make a file in whatever folder this is
    check_run_folder(run_dir)
    with RunLock(run_dir):
        begun = any((run_dir / LOG).glob("*.slog"))
        if begun and not resume:
            raise SlotdeckError(
                f"{run_dir.name} has begun already", f"go on with: slotdeck resume {run_dir.name}"
            )
        parts = build_parts(run_dir)
        parent = read_parent(run_dir)
        past = load_past(run_dir, parts, parent) if begun or parent else Past()
        return _live(run_dir, parts, past, paused)


def _live(run_dir: Path, parts: Parts, past: Past, paused: bool) -> int:
    """From the opened log to the sealed one."""
    server: ControlServer | None = None
    hook: Hook | None = None

    def written(frames: list[Published]) -> None:
        if server:
            server.publish(frames)
        if hook:
            hook.saw(frames)

    log = LogWriter(run_dir, run_dir.name, on_frames=written)
    hook = Hook(
        parts.profile.guard.hook,
        run_dir.name,
        lambda text: log.emit(LogLine(level="warning", text=text)),
    )
    run = assemble(run_dir, parts, log)
    server = ControlServer(
        run_dir,
        run_dir.name,
        log,
        run.mailbox,
        past.journal,
        state=lambda: run.state,
        rev=lambda: run.rev,
        step=lambda: run.step,
    )
    alarms = HardwareAlarms(lambda: run.step, on_gpu=parts.device.type == "cuda")
    sampler = Sampler(log.emit, parts.profile.telemetry.hardware_every_s, run_dir, judge=alarms.look)
    with Signals() as signals:
        run.signals = signals.received
        try:
            server.start()
            sampler.start()
            run.hang.start()
            ended, code = _train(run, parts, past, signals, paused)
            log.commit(ended, durable=True)
            return code
        finally:
            run.jobs.close()
            sampler.close()
            run.hang.close()
            run.writer.drain()
            server.close()  # before the log: a command that arrives now must find no closed log
            hook.close()
            log.close()


def _train(run: Run, parts: Parts, past: Past, signals: Signals, paused: bool) -> tuple[RunEnded, int]:
    """From the first event to the last but one. Returns the last, and the exit code."""
    started = False
    try:
        signals.arm()
        run.enter("starting", "")
        go_on(run, past)
        settle_threads(run, past.threads)
        if run.profile.train.batch == "auto" and not (past.state and snapshot.knows_batch(run, past.state)):
            settle_batch(run)
        tell_start(run, parts, past.checkpoint, past.parent)
        started = True
        compiling.begin(run, past.state.get("compiled", False) if past.state else None)
        ended = train(run, paused=paused)
        signals.calm()
        return ended, 0
    except StopNow:
        reason = "stopped at once by a second signal"
        return RunEnded(step=run.step, outcome="stopped", reason=reason), 3
    except Exception as error:
        signals.calm()
        refused = isinstance(error, SlotdeckError)
        words = f"error: {one_line(str(error), 2000)}\n" if refused else traceback.format_exc()
        with suppress(OSError):  # engine.out may lie on a full disk; the log has the reason anyway
            sys.stderr.write(sanitise(words, 1 << 20))
        return _failure(run, error), 2 if refused and not started else 1


def assemble(run_dir: Path, parts: Parts, log: LogWriter) -> Run:
    """A run of these parts that tells `log`, not yet begun."""
    run = Run(
        run_dir=run_dir,
        profile=parts.profile,
        device=parts.device,
        model=parts.model,
        optimizer=parts.optimizer,
        scaling=parts.scaling,
        loader=parts.loader,
        validation=parts.validation,
        planner=parts.planner,
        meter=Meter(parts.device, parts.profile.telemetry.reports_per_s),
        memory=MemoryWatch(parts.model, parts.optimizer, parts.device, lean=parts.profile.train.lean),
        log=log,
        mailbox=Mailbox(),
        tokenizer=parts.tokenizer,
        vocab_hash=parts.shards.vocab_hash,
        precision=parts.precision,
    )
    run.writer = CheckpointWriter(
        run_dir,
        keep=parts.profile.checkpoint.keep,
        on_saved=partial(saved, run),
        on_failed=partial(not_saved, run),
        on_way=lambda place: run.branches.hold(place),
    )
    return run


def tell_start(run: Run, parts: Parts, resumed_from: str = "", parent: Parent | None = None) -> None:
    """Log what is about to be trained, and where. `resumed_from` names the checkpoint, if any."""
    model, slots = describe_model(run.model)
    run.log.commit(
        RunStarted(
            run_id=run.run_dir.name,
            profile_name=run.profile.name,
            profile_toml=profile_path(run.run_dir).read_text(encoding="utf-8"),
            model=model,
            slots=slots,
            machine=describe_machine(run.device),
            branch=run.branch,
            step=run.step,
            total_steps=run.total_steps,
            tokens_per_step=tokens_per_step(run.profile),
            wall_s=time.time(),
            pid=os.getpid(),
            resumed_from=resumed_from,
            parent=parent.run if parent else "",
            parent_checkpoint=parent.checkpoint if parent else "",
        )
    )
    if parts.origin:
        run.log.emit(LogLine(level="info", text=parts.origin))
    if run.precision == parts.precision:
        run.log.emit(LogLine(level="info", text=f"precision {run.precision}: {parts.precision_reason}"))
    for text in advice(run.profile):
        run.log.emit(LogLine(level="warning", text=text))
    if run.profile.sample.every and run.tokenizer is None:
        text = f"no samples will be drawn: there is no tokenizer.json in {run.profile.data.dir}"
        run.log.emit(LogLine(level="warning", text=text))


def _failure(run: Run, error: Exception) -> RunEnded:
    """The last event of a run that broke."""
    if isinstance(error, SlotdeckError):
        return RunEnded(step=run.step, outcome="failed", reason=error.message, remedy=error.remedy)
    if is_out_of_memory(error):
        remedy = f"lower evaluate.batch_size, {smaller(run)}"
        return RunEnded(step=run.step, outcome="failed", reason=one_line(str(error), 1024), remedy=remedy)
    reason = f"{type(error).__name__}: {one_line(str(error), 1024)}"
    return RunEnded(step=run.step, outcome="failed", reason=reason, remedy="the traceback is in engine.out")
