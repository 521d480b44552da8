"""An operator at the socket of a run: asks, and writes down what was answered.

It attaches as any client may, with what docs/protocol.md says, and survives the engine: a lost line is a `None`.
"""

from __future__ import annotations

import select
import time
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from engine.errors import SlotdeckError
from engine.protocol import messages as m
from engine.protocol.codec import decode, encode
from engine.protocol.commands import AnyCommand
from engine.protocol.events import CommandAccepted, CommandApplied, CommandRefused, Event
from engine.protocol.frames import Frame, FrameScanner, encode_frame
from engine.runlog.endpoint import connect

T = TypeVar("T", bound=Event | m.Message)
LOOK_S = 0.002
PATIENCE_S = 240.0
"""Only what fails waits so long: an engine that is killed loses the line, which ends every wait."""


class Operator:
    """One connection, for as long as the engine lives."""

    def __init__(self, run_dir: Path, name: str = "operator", *, within_s: float = PATIENCE_S) -> None:
        """Attach as soon as the engine answers, if it does `within_s`. `attached` says whether it did."""
        self.attached = False
        self.welcome: m.Welcome | None = None
        self._heard: list[Event | m.Message] = []
        self._scanner = FrameScanner()
        self._asked = 0
        self._name = name
        until_s = time.monotonic() + within_s
        while (peer := _try(run_dir)) is None:
            if time.monotonic() > until_s:
                return
            time.sleep(LOOK_S)
        self._peer = peer
        self.attached = True
        self._say(
            m.Hello(
                major=m.MAJOR, minor=m.MINOR, client_id=name, who=f"{name}@bench", role="control", have_seq=-1
            )
        )
        self.welcome = self.expect(m.Welcome)

    def __enter__(self) -> Operator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if hasattr(self, "_peer"):
            self._peer.close()

    def ask(self, command: AnyCommand, command_id: str) -> None:
        """Send a command under an id; it may never arrive."""
        self._say(m.Request(command_id=command_id, command=command))

    def accepted(self, command_id: str, within_s: float = PATIENCE_S) -> bool:
        """Whether the engine said that it accepted a command. False: it refused, or is gone."""
        said = self._answer(command_id, (CommandAccepted, CommandRefused), within_s)
        return isinstance(said, CommandAccepted)

    def do(
        self, command: AnyCommand, command_id: str, within_s: float = PATIENCE_S
    ) -> CommandApplied | CommandRefused | None:
        """Ask, and wait until it is applied or refused. `None`: the engine is gone."""
        self.ask(command, command_id)
        said = self._answer(command_id, (CommandApplied, CommandRefused), within_s)
        assert not isinstance(said, CommandAccepted), "not waited for"
        return said

    def expect(self, *kinds: type[T], within_s: float = PATIENCE_S) -> T | None:
        """The next thing of these kinds that is said. `None`: the line is lost."""
        until_s = time.monotonic() + within_s
        while True:
            while self._heard:
                value = self._heard.pop(0)
                if isinstance(value, kinds):
                    return value
            if not self.attached:
                return None
            if time.monotonic() > until_s:
                raise TimeoutError(f"no {kinds[0].__name__} within {within_s:g} s")
            self._receive()

    def forget(self) -> None:
        """Drop everything that was said up to now."""
        while self.attached and select.select([self._peer], [], [], 0)[0]:
            self._receive()
        self._heard.clear()

    def _answer(
        self, command_id: str, kinds: tuple[type[Event], ...], within_s: float
    ) -> CommandAccepted | CommandApplied | CommandRefused | None:
        while (event := self.expect(*kinds, within_s=within_s)) is not None:
            assert isinstance(event, CommandAccepted | CommandApplied | CommandRefused)
            if event.command_id == command_id:
                return event
        return None

    def _say(self, message: m.Message) -> None:
        try:
            self._peer.settimeout(PATIENCE_S)
            self._peer.sendall(encode_frame(message.KIND, 0, 0, encode(message)))
        except OSError:
            self.attached = False

    def _receive(self) -> None:
        self._peer.settimeout(0.2)
        try:
            data = self._peer.recv(1 << 16)
        except TimeoutError:
            return
        except OSError:
            data = b""
        if not data:
            self.attached = False
        for frame in self._scanner.feed(data):
            if isinstance(frame, Frame):
                value = decode(frame.kind, frame.payload)
                if isinstance(value, Event | m.Message):
                    self._heard.append(value)


def _try(run_dir: Path):  # type: ignore[no-untyped-def]
    try:
        return connect(run_dir)
    except (SlotdeckError, OSError):
        return None
