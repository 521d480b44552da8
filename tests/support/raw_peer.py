"""A client of the control socket that says exactly what a test wants, byte by byte if need be."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import TypeVar

import msgspec
from patience import PATIENCE_S

from engine.protocol import messages as m
from engine.protocol.codec import Unknown, decode, encode
from engine.protocol.commands import AnyCommand
from engine.protocol.events import Event
from engine.protocol.frames import Frame, FrameScanner, encode_frame
from engine.runlog.endpoint import connect

T = TypeVar("T", bound=m.Message | Event)


class RawPeer:
    """One blocking connection."""

    def __init__(self, run_dir: Path) -> None:
        peer = connect(run_dir)
        assert peer is not None, "nobody answers"
        self.peer = peer
        self.peer.settimeout(PATIENCE_S)
        self.heard: list[tuple[int, object]] = []
        """Sequence number and value of everything received so far."""
        self._scanner = FrameScanner()
        self._waiting: deque[tuple[int, object]] = deque()

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.peer.close()

    def send(self, value: m.Message) -> None:
        self.peer.sendall(encode_frame(value.KIND, 0, 0, encode(value)))

    def send_payload(self, kind: int, payload: object) -> None:
        """A frame whose payload need not be one of ours."""
        self.peer.sendall(encode_frame(kind, 0, 0, msgspec.msgpack.encode(payload)))

    def hello(
        self, client_id: str = "c1", *, role: str = "control", have_seq: int = -1, major: int = m.MAJOR
    ) -> None:
        who = f"{client_id}@box7"
        hello = m.Hello(
            major=major, minor=m.MINOR, client_id=client_id, who=who, role=role, have_seq=have_seq
        )  # fmt: skip
        self.send(hello)

    def attach(self, client_id: str = "c1", **options: object) -> m.Welcome:
        self.hello(client_id, **options)  # type: ignore[arg-type]
        return self.expect(m.Welcome)

    def request(self, command_id: str, command: AnyCommand, **options: object) -> None:
        self.send(m.Request(command_id=command_id, command=command, **options))  # type: ignore[arg-type]

    def next(self) -> tuple[int, object] | None:
        """The next thing said, `None` at the end of the connection."""
        while not self._waiting:
            try:
                data = self.peer.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            for frame in self._scanner.feed(data):
                assert isinstance(frame, Frame), "the server sent damage"
                value = decode(frame.kind, frame.payload)
                assert not isinstance(value, Unknown), value
                self._waiting.append((frame.seq, value))
        item = self._waiting.popleft()
        self.heard.append(item)
        return item

    def expect(self, kind: type[T], **fields: object) -> T:
        """Read on until this kind of thing is said, with these fields."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            item = self.next()
            assert item is not None, f"the connection closed before {kind.__name__}; heard {self.heard[-3:]}"
            value = item[1]
            if isinstance(value, kind) and all(getattr(value, k) == v for k, v in fields.items()):
                return value
        raise AssertionError(f"no {kind.__name__} came; heard {self.heard[-3:]}")

    def until_closed(self) -> list[object]:
        """Everything said until the server closes the connection."""
        said: list[object] = []
        while (item := self.next()) is not None:
            said.append(item[1])
        return said
