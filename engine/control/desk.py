"""The desk: where commands are refused or accepted, and the lease passed on.

The server's thread calls it for each message about control. A command is accepted once it is durable in the
log, and only then reaches the mailbox; a repeated one is answered from the journal. The desk knows the run
only by its state, revision and step; what needs the model is judged by the training loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from engine.control.client import Client
from engine.control.journal import RECORDED, Journal, Key
from engine.control.leases import Leases
from engine.control.mailbox import Accepted, Mailbox
from engine.errors import SlotdeckError
from engine.protocol import events as e
from engine.protocol import messages as m
from engine.protocol.codec import UNREADABLE, decode
from engine.protocol.commands import verb_of
from engine.protocol.frames import HEADER
from engine.protocol.verbs import as_args, as_text, check
from engine.text import one_line

MAX_ID = 64
"""Characters of a client's or a command's id."""


class _Known(msgspec.Struct, array_like=True):
    """Of a request that cannot be read: its id, and nothing built of the rest, which may be anything."""

    command_id: str


_id_decoder = msgspec.msgpack.Decoder(_Known)


class Log(Protocol):
    """What the desk needs of `engine.runlog.writer.LogWriter`."""

    @property
    def head_seq(self) -> int: ...
    def commit_soon(self, event: e.Event, then: Callable[[int], None], durable: bool = True) -> None: ...


class Desk:
    """Judges requests for one run."""

    def __init__(
        self,
        log: Log,
        mailbox: Mailbox,
        journal: Journal,
        leases: Leases,
        *,
        state: Callable[[], str],
        rev: Callable[[], int],
        step: Callable[[], int],
        wake: Callable[[], None],
    ) -> None:
        self._log, self._mailbox, self._journal, self._leases = log, mailbox, journal, leases
        self._state, self._rev, self._step, self._wake = state, rev, step, wake
        self._in_flight: set[Key] = set()
        """Commands handed to the log whose acceptance or refusal has not come back from it."""
        self._failed: deque[tuple[Key, e.CommandRefused]] = deque()
        """Answers that the log could not take."""

    def record(self, seq: int, kind: int, framed: bytes) -> None:
        """Note a frame that the log has written."""
        if kind in RECORDED:
            event = decode(kind, framed[HEADER.size :])
            self._journal.record(seq, event, framed)
            if isinstance(event, e.CommandAccepted | e.CommandRefused):
                self._in_flight.discard((event.client_id, event.command_id))

    def not_logged(self) -> Iterator[tuple[str, e.CommandRefused]]:
        """Client ids and the refusals that must reach them directly, since the log is failing."""
        while self._failed:
            key, refusal = self._failed.popleft()
            self._in_flight.discard(key)
            yield key[0], refusal

    def lease(self, client: Client, action: str) -> bool:
        """Pass the controls on, or say how things stand. False: no such action."""
        holder = self._leases.holder
        if action == "release":
            changed = self._leases.release(client.client_id, f"released by {client.who}")
            answer = "you do not hold the controls"
        elif action not in ("take", "request"):
            return False
        elif client.observes:
            changed, answer = None, "an observer cannot hold the controls"
        elif action == "request" and holder not in ("", client.client_id):
            changed, answer = None, f"held by {self._leases.who}"
        else:
            reason = f"taken over from {self._leases.who}" if holder else "they were free"
            changed = self._leases.take(client.client_id, client.who, reason)
            answer = "you hold the controls"
        if changed is None:
            client.say(self._leases.state(answer))
        self.tell(changed)
        return True

    def tell(self, changed: e.LeaseChanged | None) -> None:
        """Log a change of hands, and so tell everybody."""
        if changed is not None:
            self._log.commit_soon(changed, lambda _: None, durable=False)

    def request(self, client: Client, request: m.Request) -> None:
        """Answer from the journal, refuse, or accept: durable first, then to the training loop."""
        key = (client.client_id, request.command_id)
        known = self._journal.outcome(*key)
        if known is not None:
            for framed in filter(None, (known.accepted, known.answer)):
                client.resend(framed)
            return
        if key in self._in_flight:
            return
        command = request.command
        refusal = self._objection(client, request)
        self._in_flight.add(key)
        if refusal is not None:
            self._log_refusal(key, self._refused(key, verb_of(command), as_text(command), *refusal))
            return
        if self._leases.holder != client.client_id and not client.asks_once:
            self.tell(self._leases.take(client.client_id, client.who, "they were free"))
        accepted = e.CommandAccepted(
            command_id=request.command_id, client_id=client.client_id, who=client.who,
            verb=verb_of(command), args=as_args(command), text=one_line(as_text(command), 4096),
        )  # fmt: skip
        who = client.who

        def durable(seq: int) -> None:
            if seq:
                self._mailbox.put(Accepted(key[1], key[0], who, command, seq))
            else:
                self._fail(key, accepted.verb, accepted.text)

        self._log.commit_soon(accepted, durable)

    def _objection(self, client: Client, request: m.Request) -> tuple[str, str, str] | None:
        """Code, reason and remedy of a refusal that needs no look at the model; `None`: accept."""
        if not 0 < len(request.command_id) <= MAX_ID or not request.command_id.isprintable():
            return "bad-value", f"command_id must have 1 to {MAX_ID} printable characters", ""
        try:
            check(request.command)
        except SlotdeckError as error:
            return "bad-value", error.message, error.remedy
        if client.observes:
            return "observer", "this client attached to watch", "attach again with control"
        if self._state() in ("stopping", "ended"):
            return "wrong-state", f"the run is {self._state()}", "resume it with slotdeck resume"
        lease = self._leases
        if lease.holder not in ("", client.client_id):
            return "no-lease", f"{lease.who} holds the controls", "take them over (t in the cockpit, --take)"
        if request.fence is not None and (request.fence != lease.fence or lease.holder != client.client_id):
            return "stale-lease", f"the controls changed hands (fence {lease.fence})", "take them again"
        rev = self._rev()
        if request.expect_rev is not None and request.expect_rev != rev:
            reason = f"the run is at revision {rev}, not {request.expect_rev}"
            return "stale-revision", reason, "look again, then retry"
        return None

    def misread(self, client: Client, payload: bytes, reason: str) -> bool:
        """Refuse a request we cannot read by its id. False: it has none."""
        try:
            command_id = _id_decoder.decode(payload).command_id
        except UNREADABLE:
            return False
        if not 0 < len(command_id) <= MAX_ID:
            return False
        key = (client.client_id, command_id)
        if self._journal.outcome(*key) is None and key not in self._in_flight:
            self._in_flight.add(key)
            refusal = self._refused(key, "", "", "bad-request", reason, "see docs/protocol.md")
            self._log_refusal(key, refusal)
        return True

    def _refused(
        self, key: Key, verb: str, text: str, code: str, reason: str, remedy: str
    ) -> e.CommandRefused:
        return e.CommandRefused(
            command_id=one_line(key[1], MAX_ID), verb=verb, text=one_line(text, 4096), step=self._step(),
            code=code, reason=one_line(reason, 1024), remedy=one_line(remedy, 1024), client_id=key[0],
        )  # fmt: skip

    def _log_refusal(self, key: Key, refusal: e.CommandRefused) -> None:
        def logged(seq: int) -> None:
            if not seq:
                self._failed.append((key, refusal))
                self._wake()

        self._log.commit_soon(refusal, logged, durable=False)

    def _fail(self, key: Key, verb: str, text: str) -> None:
        """From the log thread: what is not durable is not accepted."""
        reason, remedy = "the log cannot be written, so it would be lost", "free disk space, then retry"
        self._failed.append((key, self._refused(key, verb, text, "log-failing", reason, remedy)))
        self._wake()
