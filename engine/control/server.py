"""The control server: one thread, one Unix socket, up to 16 clients; commands in, the log's frames out.

`engine.train.life` starts it; the log thread hands it each batch of written frames through `publish`. Nobody
in the engine ever waits for a client: what a client does not take is thinned, named in a gap, or costs it the
connection. Whatever a client sends, the worst that happens is that it is refused.
Specified for clients in other languages in docs/protocol.md.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from engine.control import socket_path
from engine.control.client import Client
from engine.control.desk import MAX_ID, Desk, Log
from engine.control.journal import Journal
from engine.control.leases import Leases
from engine.control.mailbox import Mailbox
from engine.control.ring import Ring
from engine.errors import SlotdeckError
from engine.protocol import messages as m
from engine.protocol.codec import Unknown, decode, schema
from engine.protocol.frames import Frame
from engine.runlog.endpoint import peer_uid
from engine.text import one_line

MAX_CLIENTS = 16
HELLO_WITHIN_S = 2.0
BLOCKED_S = 60.0
"""A client whose socket took nothing for so long is let go."""
TICK_S = 0.5
REBIND_EVERY_S = 5.0
FLUSH_S = 1.0
"""How long `close` goes on sending the run's last frames."""
MAX_WHO = 128

MALFORMED = m.Refused(code="bad-frame", reason="bytes that are no frame, or a frame over 64 KiB")

Frames = list[tuple[int, int, bytes]]
"""Sequence number, kind and framed bytes of logged frames, in their order."""


class ControlServer:
    """Serves one run until `close`."""

    def __init__(
        self,
        run_dir: Path,
        run_id: str,
        log: Log,
        mailbox: Mailbox,
        journal: Journal,
        *,
        state: Callable[[], str],
        rev: Callable[[], int],
        step: Callable[[], int] = lambda: 0,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._run_dir, self._run_id = run_dir, run_id
        self._state, self._rev = state, rev
        self._clock_ns, self._wall = clock_ns, wall
        self._ring = Ring(log.head_seq)
        self._leases = Leases(journal.holder, journal.holder_who, journal.fence)
        self._desk = Desk(
            log, mailbox, journal, self._leases, state=state, rev=rev, step=step, wake=self._wake
        )
        self._clients: dict[socket.socket, Client] = {}
        self._published: deque[Frames] = deque()
        self._closing = threading.Event()
        self._wake_r, self._wake_w = socket.socketpair()
        self._wake_r.setblocking(False)
        self._wake_w.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._bound: socket_path.Bound | None = None

    # -- called by the engine's other threads ------------------------------------------------------------

    @property
    def path(self) -> Path | None:
        """Where the socket lies, once started."""
        return self._bound.path if self._bound is not None else None

    def start(self) -> None:
        """Bind and begin to serve.

        Raises:
            SlotdeckError: another engine answers there, or no socket can be had.
        """
        self._bound = socket_path.bind(self._run_dir)
        self._selector.register(self._bound.listener, selectors.EVENT_READ)
        self._selector.register(self._wake_r, selectors.EVENT_READ)
        self._leases.went(self._leases.holder, self._now_s())
        self._thread.start()

    def publish(self, frames: Frames) -> None:
        """Offer frames that the log has written. Never blocks."""
        self._published.append(frames)
        self._wake()

    def close(self) -> None:
        """Send what can still be sent, say goodbye, remove the socket."""
        self._closing.set()
        self._wake()
        if self._thread.ident is not None:
            self._thread.join()
        if self._bound is not None:
            self._bound.close()
        self._selector.close()
        self._wake_r.close()
        self._wake_w.close()

    # -- the server's own thread -------------------------------------------------------------------------

    def _serve(self) -> None:
        rebind_at_s = self._now_s() + REBIND_EVERY_S
        while not self._closing.is_set():
            self._turn(TICK_S)
            now_s = self._now_s()
            self._discipline(now_s)
            if now_s >= rebind_at_s:
                self._rebind()
                rebind_at_s = now_s + REBIND_EVERY_S
        self._turn(0.0)  # what was published since the last turn
        until_s = self._now_s() + FLUSH_S
        while self._now_s() < until_s and any(c.wants_to_write for c in self._clients.values()):
            self._turn(0.05)
        for client in list(self._clients.values()):
            client.farewell(m.Refused(code="closing", reason="the engine ends", remedy="read the log"))
            self._drop(client)

    def _turn(self, timeout_s: float) -> None:
        for key, events in self._selector.select(timeout_s):
            if key.fileobj is self._wake_r:
                self._drain_wakes()
            elif self._bound is not None and key.fileobj is self._bound.listener:
                self._accept()
            elif (client := self._clients.get(key.fileobj)) is not None:  # type: ignore[call-overload]
                self._serve_client(client, events)
        self._spread()
        self._send()

    def _serve_client(self, client: Client, events: int) -> None:
        if events & selectors.EVENT_READ:
            for frame in client.read():
                if not client.gone:
                    self._hear(client, frame)
        if events & selectors.EVENT_WRITE and not client.gone:
            client.write(self._now_s())

    def _spread(self) -> None:
        """Give what was published to the ring, the journal and the clients."""
        now_s = self._now_s()
        while self._published:
            for seq, kind, framed in self._published.popleft():
                self._ring.add(seq, kind, framed)
                self._desk.record(seq, kind, framed)
                for client in self._clients.values():
                    if client.greeted:
                        client.follow(seq, kind, framed, now_s)
        for client_id, refusal in self._desk.not_logged():
            for client in self._clients.values():
                if client.client_id == client_id:
                    client.say(refusal)

    def _send(self) -> None:
        now_s = self._now_s()
        for client in list(self._clients.values()):
            if client.wants_to_write and not client.gone:
                client.write(now_s)
            if client.gone:
                if client.gone == "malformed frame":
                    client.farewell(MALFORMED)
                self._drop(client)
                continue
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.wants_to_write else 0)
            if self._selector.get_key(client.peer).events != wanted:
                self._selector.modify(client.peer, wanted)

    def _discipline(self, now_s: float) -> None:
        for client in list(self._clients.values()):
            if not client.greeted and now_s - client.since_s > HELLO_WITHIN_S:
                self._refuse(client, "no-hello", f"no hello within {HELLO_WITHIN_S:g} s")
            elif client.blocked_since_s is not None and now_s - client.blocked_since_s > BLOCKED_S:
                client.gone = "it takes nothing"
                self._drop(client)
        self._desk.tell(self._leases.expire(now_s))

    # -- clients -----------------------------------------------------------------------------------------

    def _accept(self) -> None:
        assert self._bound is not None, "the listener is registered only when bound"
        try:
            peer, _ = self._bound.listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
                time.sleep(0.05)  # the backlog keeps the caller; do not spin until descriptors are free
            return
        peer.setblocking(False)
        client = Client(peer, self._now_s())
        if peer_uid(peer) not in (os.getuid(), None):
            client.farewell(m.Refused(code="not-yours", reason="this run belongs to another user"))
            peer.close()
        elif len(self._clients) >= MAX_CLIENTS:
            client.farewell(
                m.Refused(
                    code="too-many-clients", reason=f"{MAX_CLIENTS} clients are attached", remedy="close one"
                )
            )
            peer.close()
        else:
            self._clients[peer] = client
            self._selector.register(peer, selectors.EVENT_READ)

    def _drop(self, client: Client) -> None:
        self._clients.pop(client.peer, None)
        self._selector.unregister(client.peer)
        client.peer.close()
        if client.greeted and client.gone != "replaced":
            self._leases.went(client.client_id, self._now_s())

    def _refuse(self, client: Client, code: str, reason: str, remedy: str = "") -> None:
        client.farewell(m.Refused(code=code, reason=reason, remedy=remedy))
        client.gone = reason
        self._drop(client)

    def _hear(self, client: Client, frame: Frame) -> None:
        """Act on one frame from a client."""
        message = decode(frame.kind, frame.payload)
        match message:
            case m.Hello() if not client.greeted:
                self._greet(client, message)
            case m.Request() if client.greeted:
                self._desk.request(client, message)
            case m.Lease() if client.greeted:
                if not self._desk.lease(client, message.action):
                    self._refuse(client, "bad-message", "a lease is taken, requested or released")
            case m.Ping():
                client.say(m.Pong(t_ns=message.t_ns, head_seq=self._ring.last_seq))
            case m.Pong():
                pass
            case Unknown() if frame.kind == m.Request.KIND and client.greeted:
                if not self._desk.misread(client, frame.payload, message.reason):
                    self._refuse(client, "bad-message", f"unreadable request: {one_line(message.reason)}")
            case Unknown() if client.greeted and frame.kind >= m.Hello.KIND and "known" in message.reason:
                pass  # a newer client's message that we do not know
            case _:
                said = type(message).__name__ if not isinstance(message, Unknown) else message.reason
                self._refuse(
                    client, "bad-message", f"kind {frame.kind} is not expected here: {one_line(said)}"
                )

    def _greet(self, client: Client, hello: m.Hello) -> None:
        if hello.major != m.MAJOR:
            self._refuse(
                client, "version", f"the engine speaks protocol {m.MAJOR}, the client {hello.major}",
                "use the slotdeck that started the run",
            )  # fmt: skip
            return
        if not 0 < len(hello.client_id) <= MAX_ID or not hello.client_id.isprintable():
            self._refuse(client, "bad-hello", f"client_id must have 1 to {MAX_ID} printable characters")
            return
        if hello.role not in ("control", "once", "observe"):
            self._refuse(
                client, "bad-hello", f"no role {one_line(hello.role)!r}", "say control, once or observe"
            )
            return
        for older in list(self._clients.values()):
            if older.client_id == hello.client_id:
                # The same client came back before we noticed that its old connection is dead.
                older.farewell(m.Refused(code="replaced", reason="the same client attached again"))
                older.gone = "replaced"
                self._drop(older)
        client.client_id = hello.client_id
        client.who = one_line(hello.who, MAX_WHO)
        client.observes, client.asks_once = hello.role == "observe", hello.role == "once"
        self._leases.came(client.client_id)
        from_seq, backlog = self._ring.after(hello.have_seq)
        client.say(
            m.Welcome(
                major=m.MAJOR, minor=m.MINOR, run_id=self._run_id, head_seq=self._ring.last_seq,
                from_seq=from_seq, rev=self._rev(), holder=self._leases.holder, holder_who=self._leases.who,
                fence=self._leases.fence, state=self._state(), schema=schema(),
                wall_s=self._wall(), mono_ns=self._clock_ns(),
            )
        )  # fmt: skip
        for seq, kind, framed in backlog:
            client.follow(seq, kind, framed, client.since_s, backlog=True)

    # -- small things ------------------------------------------------------------------------------------

    def _rebind(self) -> None:
        """Put the socket back when its file was removed or replaced."""
        assert self._bound is not None, "served only when bound"
        if self._bound.in_place():
            return
        try:
            bound = socket_path.bind(self._run_dir)
        except SlotdeckError:
            return  # no place for it now; attached clients stay, and the next look may find one
        self._selector.unregister(self._bound.listener)
        self._bound.close()
        self._bound = bound
        self._selector.register(bound.listener, selectors.EVENT_READ)

    def _wake(self) -> None:
        with suppress(OSError):  # full: it is awake; closed: nobody is left to wake
            self._wake_w.send(b"\0")

    def _drain_wakes(self) -> None:
        try:
            while self._wake_r.recv(4096):
                pass
        except BlockingIOError:
            return

    def _now_s(self) -> float:
        return self._clock_ns() / 1e9
