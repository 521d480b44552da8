"""One connected client, as the server sees it: its socket, its scanner, its lane and its manners.

Reads and writes never block and never raise for what the other side does; `gone` says why it has to go.
"""

from __future__ import annotations

import socket

from engine.control.lanes import Lane
from engine.protocol.codec import encode
from engine.protocol.events import Event
from engine.protocol.frames import MAX_COMMAND, Damage, Frame, FrameScanner, encode_frame
from engine.protocol.messages import Message

SEND_BYTES = 64 << 10
READ_BYTES = 64 << 10


class Client:
    """A connection, from accept to close."""

    def __init__(self, peer: socket.socket, now_s: float) -> None:
        self.peer = peer
        self.since_s = now_s
        self.blocked_since_s: float | None = None
        """When its socket last stopped taking bytes; `None` while all is sent."""
        self.client_id = ""
        """Empty until its hello."""
        self.who = ""
        self.observes = False
        self.asks_once = False
        """Its commands are taken while nobody holds the controls, and leave them free."""
        self.gone = ""
        """Why it is to be closed, or empty."""
        self._lane = Lane()
        self._scanner = FrameScanner(max_payload=MAX_COMMAND, resync=False)
        self._unsent = memoryview(b"")
        self._urgent = bytearray()

    @property
    def greeted(self) -> bool:
        return bool(self.client_id)

    @property
    def wants_to_write(self) -> bool:
        return bool(self._unsent) or bool(self._urgent) or bool(self._lane)

    def say(self, value: Message | Event) -> None:
        """Queue a message, or an answer that is not logged, ahead of the lane."""
        self._urgent += encode_frame(value.KIND, 0, 0, encode(value))
        if len(self._urgent) > SEND_BYTES:
            self.gone = "it does not read its answers"

    def resend(self, framed: bytes) -> None:
        """Queue a logged frame once more."""
        self._urgent += framed
        if len(self._urgent) > SEND_BYTES:
            self.gone = "it does not read its answers"

    def follow(self, seq: int, kind: int, framed: bytes, now_s: float, *, backlog: bool = False) -> None:
        """Queue a frame of the log."""
        if self._lane.filling and self.blocked_since_s is None:
            self.write(now_s)  # a burst is no sign of a slow client: let it drain before it is judged
        self._lane.add(seq, kind, framed, backlog=backlog)
        if self._lane.overflowed:
            self.gone = "it is too slow for the life cycle; it resumes from its last frame"

    def read(self) -> list[Frame]:
        """The frames that arrived. Sets `gone` at the end of the stream or at bytes that are no frame."""
        try:
            data = self.peer.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return []
        except OSError as error:
            self.gone = error.strerror or "connection lost"
            return []
        if not data:
            self.gone = "closed"
            return []
        found = self._scanner.feed(data)
        frames = []
        for item in found:
            if isinstance(item, Damage):
                self.gone = "malformed frame"
                break
            frames.append(item)
        return frames

    def write(self, now_s: float) -> None:
        """Send what the socket takes."""
        while not self.gone:
            if not self._unsent:
                self._unsent = memoryview(self._next())
                if not self._unsent:
                    self.blocked_since_s = None
                    return
            try:
                sent = self.peer.send(self._unsent)
            except (BlockingIOError, InterruptedError):
                if self.blocked_since_s is None:
                    self.blocked_since_s = now_s
                return
            except OSError as error:
                self.gone = error.strerror or "connection lost"
                return
            self.blocked_since_s = None
            self._unsent = self._unsent[sent:]

    def farewell(self, value: Message) -> None:
        """A last word, if the socket takes it at once and no frame is cut in half."""
        if not self._unsent:
            try:
                self.peer.send(encode_frame(value.KIND, 0, 0, encode(value)))
            except OSError:
                return

    def _next(self) -> bytes:
        if self._urgent:
            urgent, self._urgent = bytes(self._urgent), bytearray()
            return urgent
        return self._lane.take(SEND_BYTES)
