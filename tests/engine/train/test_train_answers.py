"""A command takes effect once the log says so: on a disk that takes nothing it waits, and nothing of it happens."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from engine_run import EngineRun
from live_run import live_run

from engine.control.journal import Journal
from engine.control.mailbox import Accepted
from engine.protocol.commands import Ban, Command, Lr, Pin, Stop, verb_of
from engine.protocol.events import CommandAccepted, CommandApplied, CommandRefused, LogLine
from engine.protocol.verbs import as_args, as_text
from engine.runlog.segment_file import SegmentFile
from engine.train.loop import obey
from engine.train.run import Run
from engine.train.verbs import asked


class Disk:
    """Takes what the log writes, or nothing at all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        append = SegmentFile.append

        def write(file: SegmentFile, data: bytes, durable: bool = False) -> None:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            append(file, data, durable)

        monkeypatch.setattr(SegmentFile, "append", write)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    monkeypatch.setattr(asked, "RETRY_S", 0.0)
    return Disk(monkeypatch)


def ask(run: Run, number: int, command: Command) -> None:
    """As the control server does it: in the log, then in the mailbox."""
    accepted = CommandAccepted(
        command_id=str(number),
        client_id="tester",
        who="tester@here",
        verb=verb_of(command),
        args=as_args(command),
        text=as_text(command),
    )
    seq = run.log.commit(accepted, durable=True)
    assert seq
    run.mailbox.put(Accepted(str(number), "tester", "tester@here", command, seq))


def train(run: Run, steps: int) -> None:
    for _ in range(steps):
        obey(run)
        run.choose_slots()
        run.take_step()


def test_what_the_log_cannot_take_waits_in_its_order_and_the_story_is_told_when_it_can(
    tmp_path: Path, token_dir: Path, disk: Disk
) -> None:
    folder = EngineRun(tmp_path, token_dir, "train.compile=off")
    with live_run(folder) as (run, _):
        run.meter.start()
        train(run, 1)
        for number, command in enumerate((Lr(value="x0.5"), Pin(slot="nine"), Ban(slot="2"))):
            ask(run, number, command)
        disk.full = True
        train(run, 2)
        assert run.lr_control.text == "schedule"
        assert (run.step, run.rev, run.planner.describe_hold(2, run.step)) == (3, 0, "free")
        disk.full = False
        train(run, 1)
        assert (run.lr_control.text, run.rev) == ("x0.5", 2)
    applied, refused = folder.of(CommandApplied), folder.of(CommandRefused)
    assert [(done.text, done.step, done.rev) for done in applied] == [("lr x0.5", 3, 1), ("ban 2", 3, 2)]
    assert [(no.code, no.step) for no in refused] == [("unknown-slot", 3)]
    lines = [event.text for event in folder.of(LogLine)]
    assert "'lr x0.5' waited since step 1 for a log that could not be written" in lines


def test_an_engine_that_ends_meanwhile_leaves_it_to_the_next(
    tmp_path: Path, token_dir: Path, disk: Disk
) -> None:
    folder = EngineRun(tmp_path, token_dir, "train.compile=off")
    with live_run(folder) as (run, _):
        run.meter.start()
        ask(run, 0, Lr(value="x0.5"))
        ask(run, 1, Stop())
        disk.full = True
        train(run, 1)
        assert not run.stopping
    disk.full = False
    assert [waiting.command for waiting in Journal.read(folder.dir).unanswered] == [Lr(value="x0.5"), Stop()]
    with live_run(folder) as (run, _):
        obey(run)
        assert run.lr_control.text == "x0.5"
