"""The journal: what was asked and what came of it, rebuilt from the log, which is the only record.

The engine reads it when it starts: to answer repeated commands, to apply those accepted and never answered,
and, when it resumes from an earlier checkpoint, to apply again what came after. The server keeps it current.

Commands are kept by branch. A rollback begins a new branch with those that its checkpoint already held; what was
applied after that is left with the branch it left, and is never applied again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from engine.control.mailbox import Accepted
from engine.errors import SlotdeckError
from engine.protocol import commands as c
from engine.protocol import events as e
from engine.protocol.codec import decode
from engine.protocol.commands import Command
from engine.protocol.frames import encode_frame
from engine.protocol.verbs import from_args
from engine.runlog.branches import Branches
from engine.runlog.index import History
from engine.runlog.run_folder import LOG

REMEMBERED = 10_000
"""Commands whose outcome is kept for repeats; older ones are forgotten first."""

Key = tuple[str, str]
"""Client id and command id."""


@dataclass(slots=True)
class Outcome:
    """The logged frames of one command's life, as they were written."""

    accepted: bytes = b""
    answer: bytes = b""
    """Applied or refused; empty while it waits."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A command that took effect."""

    event: e.CommandApplied
    command: Command
    client_id: str
    who: str
    seq: int


class Journal:
    """Every command of the run, and the counters that go on after a restart."""

    def __init__(self) -> None:
        self.outcomes: OrderedDict[Key, Outcome] = OrderedDict()
        self.applied: list[Applied] = []
        """In the order of the log, every branch."""
        self.branches = Branches()
        self.going_back: Applied | None = None
        """A rollback that was logged as applied, and the engine ended before it went back."""
        self.rev = 0
        """Highest revision so far."""
        self.fence = 0
        self.holder = ""
        self.holder_who = ""
        self.last_seq = 0
        """Of the log's last frame."""
        self.unreadable: list[str] = []
        """Commands in the log that this version does not know, each with its reason."""
        self._lines: dict[int, dict[Key, Applied]] = {0: {}}
        """By branch: what led to where it stands, each command as it was last applied."""
        self._waiting: OrderedDict[Key, Accepted | None] = OrderedDict()
        self._accepted: dict[Key, tuple[Command, str]] = {}

    @classmethod
    def read(cls, run_dir: Path) -> Journal:
        """The journal of a run's log; an empty one when there is no log yet."""
        journal = cls()
        if not (run_dir / LOG).is_dir():
            return journal
        past = History(run_dir, raw_reports=0)
        for entry in past.marks:
            if entry.kind in RECORDED:
                framed = encode_frame(entry.kind, entry.seq, entry.t_ns, entry.payload)
                journal.record(entry.seq, decode(entry.kind, entry.payload), framed)
        journal.last_seq = past.head_seq
        return journal

    @property
    def branch(self) -> int:
        """Highest branch so far: the one that the run is on."""
        return self.branches.current

    @property
    def line(self) -> list[Applied]:
        """What led to where the run stands, by step, each command once: no command that a rollback left behind."""
        return sorted(self._lines[self.branch].values(), key=lambda done: (done.event.step, done.seq))

    @property
    def unanswered(self) -> list[Accepted]:
        """Accepted, durable, and neither applied nor refused: to be applied now."""
        # Copied at one go: the server, once it runs, records beside the reader.
        return [waiting for waiting in list(self._waiting.values()) if waiting is not None]

    def outcome(self, client_id: str, command_id: str) -> Outcome | None:
        """What is known of a command, `None` when it is new."""
        return self.outcomes.get((client_id, command_id))

    def applied_after(
        self, step: int, rev: int | None = None, pending: Collection[Key] = ()
    ) -> list[Applied]:
        """What to apply again after going back to the state at `step`, in order, each command once.

        `rev` is the revision of that state, as its checkpoint recorded it; it tells apart the commands
        applied at `step` itself. Without it only those of later steps are given. `pending` are commands of
        an earlier life that the state itself was still to apply again: its revision says nothing of them.
        """
        return [
            done
            for done in self.line
            if (done.client_id, done.event.command_id) in pending
            or ((done.event.rev > rev) if rev is not None else (done.event.step > step))
        ]

    def record(self, seq: int, event: object, framed: bytes) -> None:
        """Take in one logged event, if it belongs to a command's life or the run's counters."""
        match event:
            case e.CommandAccepted():
                key = (event.client_id, event.command_id)
                self._remember(key).accepted = framed
                self._waiting[key] = self._command(event, seq)
            case e.CommandApplied():
                key = self._key(event)
                self._remember(key).answer = framed
                self._waiting.pop(key, None)
                self.rev = max(self.rev, event.rev)
                if key in self._accepted:
                    command, who = self._accepted[key]
                    self._apply(key, Applied(event, command, key[0], who, seq))
            case e.CommandRefused():
                key = self._key(event)
                self._remember(key).answer = framed
                self._waiting.pop(key, None)
            case e.LeaseChanged():
                self.fence = max(self.fence, event.fence)
                self.holder, self.holder_who = event.holder, event.who
            case e.RunStarted():
                self._turn_to(event.branch)
            case e.WentBack():
                self._go_back(event)
            case _:
                pass

    def _apply(self, key: Key, done: Applied) -> None:
        self.applied.append(done)
        self._turn_to(done.event.branch)
        self._lines[done.event.branch][key] = done
        if isinstance(done.command, c.Rollback):
            self.going_back = done

    def _turn_to(self, branch: int) -> None:
        """A resume that takes steps again applies the same commands again: nothing is left behind."""
        before = self.branch
        self.branches.resumed(branch)
        self._lines.setdefault(branch, dict(self._lines.get(before, {})))

    def _go_back(self, event: e.WentBack) -> None:
        known = self._lines.get(event.of_branch, {})
        self._lines[event.branch] = {
            key: done
            for key, done in known.items()
            if done.event.rev <= event.rev and done.event.step <= event.step
        }
        self.branches.take(event)
        self.going_back = None

    def _key(self, event: e.CommandApplied | e.CommandRefused) -> Key:
        """An answer without a client belongs to whoever waits for that command id, or once did."""
        if event.client_id:
            return (event.client_id, event.command_id)
        known = (*self._waiting, *self._accepted)
        return next((key for key in known if key[1] == event.command_id), ("", event.command_id))

    def _remember(self, key: Key) -> Outcome:
        outcome = self.outcomes.setdefault(key, Outcome())
        while len(self.outcomes) > REMEMBERED:
            self.outcomes.popitem(last=False)
        return outcome

    def _command(self, event: e.CommandAccepted, seq: int) -> Accepted | None:
        try:
            command = from_args(event.verb, dict(event.args))
        except SlotdeckError as error:
            self.unreadable.append(error.message)
            return None
        self._accepted[event.client_id, event.command_id] = (command, event.who)
        return Accepted(event.command_id, event.client_id, event.who, command, seq)


RECORDED = frozenset(
    t.KIND
    for t in (e.CommandAccepted, e.CommandApplied, e.CommandRefused, e.LeaseChanged, e.RunStarted, e.WentBack)
)
"""The kinds that a journal looks at."""
