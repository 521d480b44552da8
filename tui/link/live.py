"""The live link: the log first, then the engine's socket, and back again by itself when the line breaks.

The cockpit's app owns one for each run it shows. Everything reaches the store in the order of the sequence
numbers, each event once; what the socket leaves out is read from the log. The engine need not be there: the
link says so and goes on looking.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from engine.errors import SlotdeckError
from engine.protocol import events as e
from engine.protocol import messages as m
from engine.protocol.codec import decode, encode
from engine.protocol.commands import AnyCommand
from engine.protocol.frames import Damage, Frame, FrameScanner, encode_frame
from engine.protocol.verbs import as_text, check
from engine.runlog.endpoint import connect
from engine.runlog.reader import LogReader
from engine.runlog.restarts import awaited
from engine.text import one_line
from tui.link.absence import absence, engine_of
from tui.link.rebuild import past_of, rebuild
from tui.link.turns import Turns
from tui.state.store import RunStore

PING_S = 5.0
SILENT_S = 15.0
"""An engine that says nothing for so long, pings included, is lost."""
WELCOME_S = 5.0
WATCH_S = 0.5
"""How often a run without an engine is looked at."""
RETRY_S = (0.1, 0.2, 0.5, 1.0)
"""An engine that is back is found within a second."""
RESEND_S = 30.0
"""A command lost with the line is sent again on return; an older one is not, the operator has moved on."""
SEEK_EVENTS = 20_000
"""Beyond so many events behind, the log is searched rather than read on."""


class LiveSource:
    """One cockpit's link to one run."""

    def __init__(
        self, run_dir: Path, store: RunStore, client_id: str, who: str, role: str = "control"
    ) -> None:
        self.run_dir, self._store = run_dir, store
        self._client_id, self._who, self._role = client_id, who, role
        self._log: LogReader | None = None
        self._read_to = 0
        self._damaged = 0
        """Stretches of the log found unreadable before `_log` began where it did."""
        self._writer: asyncio.StreamWriter | None = None
        self._welcome = False
        """Whether the engine has let us in."""
        self._other_version = False
        """It speaks another protocol; another engine may come."""
        self._unanswered: dict[str, tuple[float, m.Request]] = {}
        self._wall_offset_s = 0.0
        self._closed = asyncio.Event()
        self._turns = Turns()

    # -- what the app calls ------------------------------------------------------------------------------

    async def start(self) -> None:
        """Show what the log has, whether or not an engine is there.

        Raises:
            SlotdeckError: not a run folder, or its log cannot be read.
        """
        self._store.set_link("connecting", "reading the log")
        history = await asyncio.to_thread(past_of, self.run_dir)
        self._log = LogReader(self.run_dir)
        for _ in rebuild(self._store, history, history.head_seq):
            await asyncio.sleep(0)
        self._read_to, self._damaged = self._store.head_seq, len(history.damage)
        self._log.seek(self._read_to + 1)

    async def run(self) -> None:
        """Follow the run until closed, through every loss of the line and restart of the engine."""
        tries = 0
        while not self._closed.is_set():
            if not await self._read_on():
                await self._pause(WATCH_S)
                continue
            holder = engine_of(self.run_dir)
            if holder is None or (holder.host and not holder.here):
                self._store.set_link(*absence(self.run_dir, holder, self._store))
                await self._pause(WATCH_S)
                continue
            reason = await self._attach()
            tries = 0 if self._store.link.status == "live" else tries + 1
            if self._closed.is_set():
                return
            if expected := awaited(self.run_dir):
                self._store.set_link("restarting", expected)
            elif self._store.ended is None and not self._other_version:
                self._store.set_link("lost", reason)
            await self._pause(RETRY_S[min(tries, len(RETRY_S) - 1)])

    async def _read_on(self) -> bool:
        """Catch up with the log; False, and said, when it is not there to be read."""
        try:
            await self._catch_up()
        except (SlotdeckError, OSError) as error:
            if self.run_dir.is_dir():
                reason = error.message if isinstance(error, SlotdeckError) else error.strerror
                self._store.set_link("unreadable", one_line(reason or str(error)))
                return False
        if self.run_dir.is_dir():
            return True
        self._store.set_link("gone", one_line(f"{self.run_dir} is not there"), "its engine may still train")
        return False

    def close(self) -> None:
        """Let go of the engine; it goes on without us."""
        self._closed.set()
        if self._writer is not None:
            self._writer.close()

    def send(self, command: AnyCommand) -> str:
        """Ask for a command; its life then appears in the store under the id given back.

        Raises:
            SlotdeckError: no engine is connected, this link only watches, or a value is out of its range.
        """
        check(command)
        command_id = os.urandom(8).hex()
        fence = self._store.lease.fence if self.holds_lease else None
        request = m.Request(command_id=command_id, command=command, fence=fence)
        self._say(request)
        self._unanswered[command_id] = (time.monotonic(), request)
        self._store.request(command_id, as_text(command))
        return command_id

    def take_lease(self) -> None:
        """Take the controls, from whoever holds them."""
        self._say(m.Lease(action="take"))

    @property
    def holds_lease(self) -> bool:
        """Whether this cockpit holds the controls."""
        return self._store.lease.holder == self._client_id

    # -- the line ----------------------------------------------------------------------------------------

    async def _attach(self) -> str:
        """Be a client of the engine for as long as it lasts; says why it ended."""
        self._other_version = False
        try:
            peer = await asyncio.to_thread(connect, self.run_dir)
        except SlotdeckError as error:
            return str(error)
        if peer is None:
            return "the engine does not answer yet"
        peer.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=peer)
        self._writer = writer
        if self._closed.is_set():
            writer.close()
        pinging = asyncio.create_task(self._ping(writer))
        try:
            writer.write(_framed(self._hello()))
            return await self._listen(reader, writer)
        except TimeoutError:
            return "the engine does not answer: it may be stopped or hung"
        except OSError as error:
            return error.strerror or "the line broke"
        except SlotdeckError as error:  # what was missed could not be read from the log
            return one_line(str(error))
        finally:
            self._writer, self._welcome = None, False
            pinging.cancel()
            writer.close()

    def _hello(self) -> m.Hello:
        return m.Hello(
            major=m.MAJOR, minor=m.MINOR, client_id=self._client_id, who=self._who, role=self._role,
            have_seq=self._store.head_seq,
        )  # fmt: skip

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        scanner = FrameScanner()
        while True:
            async with asyncio.timeout(SILENT_S if self._welcome else WELCOME_S):
                data = await reader.read(1 << 16)
            if not data:
                return "the engine closed the line"
            self._turns.begin()
            for frame in scanner.feed(data):
                await self._turns.pause()
                if isinstance(frame, Damage):
                    return "the line carried damaged bytes"
                if frame.seq:
                    await self._take(frame)
                    continue
                message = decode(frame.kind, frame.payload)
                if isinstance(message, m.Refused):
                    if message.code == "version":
                        self._not_ours(one_line(message.reason), one_line(message.remedy))
                    return one_line(message.reason)
                if isinstance(message, m.Welcome):
                    if message.major != m.MAJOR:
                        said = f"the engine speaks protocol {message.major}, this cockpit {m.MAJOR}"
                        self._not_ours(said, "use the slotdeck that started the run")
                        return said
                    await self._welcomed(message, writer)
                else:
                    await self._hear(message, writer)

    def _not_ours(self, reason: str, remedy: str) -> None:
        self._other_version = True
        self._store.set_link("version", reason, remedy)

    async def _welcomed(self, welcome: m.Welcome, writer: asyncio.StreamWriter) -> None:
        self._wall_offset_s = welcome.wall_s - welcome.mono_ns / 1e9
        await self._catch_up(welcome.from_seq - 1)
        self._store.set_lease(welcome.holder, welcome.holder_who, welcome.fence)
        self._store.set_link("live")
        self._welcome = True
        now_s = time.monotonic()
        self._unanswered = {k: v for k, v in self._unanswered.items() if now_s - v[0] < RESEND_S}
        for _, request in self._unanswered.values():
            writer.write(_framed(request))

    async def _take(self, frame: Frame) -> None:
        """A frame of the log."""
        await self._catch_up(frame.seq - 1)
        if frame.seq <= self._store.head_seq:
            return
        event = decode(frame.kind, frame.payload)
        self._store.apply(frame.seq, self._wall_offset_s + frame.t_ns / 1e9, event)
        self._settle(event)

    async def _hear(self, message: object, writer: asyncio.StreamWriter) -> None:
        """A message, or an answer that is in no log."""
        match message:
            case m.Ping():
                writer.write(_framed(m.Pong(t_ns=message.t_ns)))
            case m.Gap():
                await self._catch_up(message.to_seq)
            case e.LeaseChanged():
                self._store.set_lease(message.holder, message.who, message.fence)
            case e.CommandRefused():
                self._store.apply(0, time.time(), message)
                self._settle(message)
            case _:
                pass

    async def _ping(self, writer: asyncio.StreamWriter) -> None:
        while True:
            await asyncio.sleep(PING_S)
            writer.write(_framed(m.Ping(t_ns=time.monotonic_ns())))

    def _say(self, message: m.Message) -> None:
        if self._role != "control":
            raise SlotdeckError("this cockpit only watches", "attach without --read-only to steer")
        if not self._welcome or self._writer is None or self._writer.is_closing():
            detail = self._store.link.detail
            raise SlotdeckError(
                f"no engine is connected{f': {detail}' if detail else ''}", "wait, or resume the run"
            )
        self._writer.write(_framed(message))

    # -- the log -----------------------------------------------------------------------------------------

    async def _catch_up(self, to_seq: int | None = None) -> None:
        """Apply what the log has beyond the store: all of it, or only if `to_seq` is not reached yet."""
        store, log = self._store, self._log
        assert log is not None, "start comes before run"
        if to_seq is not None and store.head_seq >= to_seq:
            return
        if store.head_seq - self._read_to > SEEK_EVENTS:
            self._damaged += len(log.damage)
            log.seek(store.head_seq + 1)
        self._turns.begin()
        for entry in log.read_on():
            if entry.seq > store.head_seq:
                event = decode(entry.kind, entry.payload)
                store.apply(entry.seq, entry.wall_s, event)
                self._settle(event)
            await self._turns.pause()
        self._read_to = store.head_seq
        store.note_damage(self._damaged + len(log.damage))

    def _settle(self, event: object) -> None:
        if isinstance(event, e.CommandApplied | e.CommandRefused):
            ours = self._unanswered.pop(event.command_id, None)
            if ours is not None and self._store.when_answered is not None:
                self._store.when_answered()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        except TimeoutError:
            return


def _framed(message: m.Message) -> bytes:
    return encode_frame(message.KIND, 0, time.monotonic_ns(), encode(message))
