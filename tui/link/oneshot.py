"""One command from a shell: connect, ask, and tell its life until it is applied or refused.

`slotdeck send` iterates over it. It attaches for that one command: while nobody holds the controls it needs none;
with `take` it takes them over and gives them back.
"""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar, cast

from engine.errors import SlotdeckError
from engine.protocol import messages as m
from engine.protocol.codec import decode, encode
from engine.protocol.commands import AnyCommand, Checkpoint, Evaluate, Export, Probe, Prune, Sample
from engine.protocol.events import (
    Alarm,
    CheckpointSaved,
    CommandAccepted,
    CommandApplied,
    CommandRefused,
    Evaluated,
    Hardware,
    JobReported,
    LeaseChanged,
    Probed,
    Progress,
    Pruned,
    Sampled,
    StepReport,
)
from engine.protocol.frames import Frame, FrameScanner, encode_frame
from engine.protocol.verbs import check
from engine.runlog.endpoint import connect
from engine.runlog.lock import is_live
from engine.runlog.reader import LogReader
from engine.runlog.restarts import awaited
from engine.text import one_line

T = TypeVar("T")
Answer = CommandApplied | CommandRefused
Result = Evaluated | Probed | Sampled | CheckpointSaved | JobReported | Pruned | CommandRefused
Life = CommandAccepted | Answer | Result
ANSWERS = (CommandApplied, CommandRefused)
SIGNS_OF_LIFE = (Progress, StepReport, Hardware)


def send(
    run_dir: Path,
    command: AnyCommand,
    *,
    take: bool = False,
    who: str,
    timeout_s: float = 60.0,
    await_result: bool = False,
    asked: Callable[[], None] = lambda: None,
) -> Iterator[Life]:
    """The life cycle of one command as it happens; the last event is CommandApplied or CommandRefused.

    Args:
        run_dir: the run folder.
        command: what to ask.
        take: take the controls from whoever holds them.
        who: `user@host`, shown to the others.
        timeout_s: how long to wait for the next event.
        await_result: of verbs that have one the result follows, once applied: what was measured, drawn or saved;
            what a job came to; and of a prune after its trial, that it is done or was refused.
        asked: called once the command is on its way to an engine that is there.

    Raises:
        SlotdeckError: no engine is live, it does not answer, or it went away before it answered; the
            result awaited will not come (exit code 1).
    """
    check(command)
    peer = connect(run_dir)
    if peer is None:
        raise SlotdeckError(*_nobody(run_dir))
    with _Line(peer, timeout_s) as line:
        client_id, command_id = f"send-{os.urandom(8).hex()}", os.urandom(8).hex()
        head_seq = line.attach(client_id, who, "control" if take else "once")
        fence = line.take_lease(client_id) if take else None
        line.say(m.Request(command_id=command_id, command=command, fence=fence))
        asked()
        try:
            answer: Life | None = None
            for answer in _life(line, run_dir, client_id, command_id, head_seq):
                yield answer
            if await_result and isinstance(answer, CommandApplied):
                yield from _results(line, run_dir, command, command_id, head_seq)
        finally:
            if take:
                with suppress(OSError):
                    line.say(m.Lease(action="release"))


def _life(
    line: _Line, run_dir: Path, client_id: str, command_id: str, head_seq: int
) -> Iterator[CommandAccepted | Answer]:
    """What is said of the command, up to its answer."""
    try:
        while True:
            event = cast("CommandAccepted | Answer", line.expect(CommandAccepted, *ANSWERS))
            if event.command_id == command_id and event.client_id in (client_id, ""):
                yield event
                if not isinstance(event, CommandAccepted):
                    return
    except _Closed:
        # The engine may have applied it as its last act: the log knows.
        yield cast("Answer", _in_log(run_dir, ANSWERS, command_id, head_seq))


def _results(
    line: _Line, run_dir: Path, command: AnyCommand, command_id: str, head_seq: int
) -> Iterator[Result]:
    """What the applied command brought, up to a job that came to nothing."""
    for kinds in _kinds_of_results(command):
        try:
            result = _result(line, kinds, command_id)
        except _Closed:
            result = cast("Result", _in_log(run_dir, kinds, command_id, head_seq))
        yield result
        if isinstance(result, JobReported) and result.state != "done":
            return


def _kinds_of_results(command: AnyCommand) -> list[tuple[type[Life], ...]]:
    """The events that a command brings after it was applied, one of each kind named."""
    match command:
        case Evaluate():
            return [(Evaluated,)]
        case Probe():
            return [(Probed,)]
        case Sample():
            return [(Sampled,)]
        case Checkpoint():
            return [(CheckpointSaved,)]
        case Export() | Prune(dry_run=True):
            return [(JobReported,)]
        case Prune(trial=True):
            return [(JobReported,), (Pruned, CommandRefused)]
        case Prune():
            return [(Pruned,)]
        case _:
            return []


def _result(line: _Line, kinds: tuple[type[Life], ...], command_id: str) -> Result:
    """What the applied command brought."""
    while True:
        event = line.expect(*kinds, Alarm, *SIGNS_OF_LIFE)
        match event:
            # One without a command is of a save that was due, and left out while this one was being written.
            case Alarm(code="checkpoint-failed") if (
                CheckpointSaved in kinds and event.command_id == command_id
            ):
                raise SlotdeckError(one_line(event.message), one_line(event.remedy), exit_code=1)
            case Alarm() | Progress() | StepReport() | Hardware() | JobReported(state="started"):
                pass
            case _ if event.command_id == command_id:
                return cast("Result", event)
            case _:
                pass


class _Closed(SlotdeckError):
    """The engine closed the connection."""


class _Line:
    """A blocking connection that is read for certain things only."""

    def __init__(self, peer: socket.socket, timeout_s: float) -> None:
        self._peer = peer
        self._timeout_s = timeout_s
        self._scanner = FrameScanner()
        self._heard: deque[object] = deque()

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._peer.close()

    def attach(self, client_id: str, who: str, role: str) -> int:
        """Be a client from now on; returns where the log stands."""
        self.say(m.Hello(major=m.MAJOR, minor=m.MINOR, client_id=client_id, who=who, role=role, have_seq=-1))
        return self.expect(m.Welcome).head_seq

    def take_lease(self, client_id: str) -> int:
        """Take the controls, from whoever holds them; returns the fencing number."""
        self.say(m.Lease(action="take"))
        while (lease := self.expect(LeaseChanged)).holder != client_id:
            pass
        return lease.fence

    def say(self, message: m.Message) -> None:
        self._peer.sendall(encode_frame(message.KIND, 0, 0, encode(message)))

    def expect(self, *kinds: type[T]) -> T:
        """The next thing said of these kinds."""
        until_s = time.monotonic() + self._timeout_s
        while True:
            while self._heard:
                value = self._heard.popleft()
                if isinstance(value, m.Refused):
                    kind = _Closed if value.code == "closing" else SlotdeckError
                    raise kind(f"the engine refused: {one_line(value.reason)}", one_line(value.remedy))
                if isinstance(value, kinds):
                    return value
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                raise SlotdeckError(
                    f"no answer within {self._timeout_s:g} s",
                    "the engine may be busy or stopped; look with attach",
                )
            self._receive(left_s)

    def _receive(self, timeout_s: float) -> None:
        self._peer.settimeout(timeout_s)
        try:
            data = self._peer.recv(1 << 16)
        except TimeoutError:
            return
        except OSError as error:
            raise _Closed(f"the engine went away: {error.strerror}") from error
        if not data:
            raise _Closed("the engine went away")
        for frame in self._scanner.feed(data):
            if isinstance(frame, Frame):
                self._heard.append(decode(frame.kind, frame.payload))


def _nobody(run_dir: Path) -> tuple[str, str]:
    holder = is_live(run_dir)
    if holder is None:
        LogReader(run_dir)  # says so when it is no run folder
        if expected := awaited(run_dir):
            return f"{run_dir.name}: {expected}", "send it again in a moment"
        return f"{run_dir.name} is not running", f"start it again with: slotdeck resume {run_dir.name}"
    if holder.host and not holder.here:
        host = one_line(holder.host)
        return (
            f"{run_dir.name} runs on {host}",
            f"send it from there: ssh {host} slotdeck send {run_dir.name} ...",
        )
    return f"the engine of {run_dir.name} (pid {holder.pid}) does not answer", "it may be starting; try again"


def _in_log(run_dir: Path, kinds: tuple[type[Life], ...], command_id: str, from_seq: int) -> Life:
    """What the log has of a command when the engine is gone."""
    for entry in LogReader(run_dir).entries(max(from_seq, 1)):
        event = decode(entry.kind, entry.payload)
        if isinstance(event, JobReported) and event.state == "started":
            continue
        if isinstance(event, kinds) and event.command_id == command_id:
            return event
    raise SlotdeckError(
        "the engine went away before it answered",
        f"resume the run; if the command was accepted it is applied then (slotdeck resume {run_dir.name})",
    )
