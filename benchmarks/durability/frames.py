"""Figure 7, second half: random, mutated and hostile frames into the socket of a real control server.

The server has a process of its own, which measures itself: processor time of each read and of each frame heard, and
for each turn of its loop the peak of its resident memory above what it held before; a turn takes in many frames, so it
bounds each of them.

    python -m benchmarks.durability.frames RUN_DIR REPORT      the server's process
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[2]
SUPPORT = ROOT / "tests" / "support"
sys.path[:0] = [path for path in (str(ROOT), str(SUPPORT)) if path not in sys.path]

from benchmarks.durability.proof import Proof, Row, count_row
from engine.protocol import commands as c
from engine.protocol import events as e
from engine.protocol import messages as m
from engine.protocol.codec import KINDS, encode
from engine.protocol.frames import HEADER, MAGIC, MAX_COMMAND, encode_frame
from engine.runlog.endpoint import connect

LONG, SHORT = 1_000_000, 5_000
MEMORY_AIM_BYTES = 2 << 20
TIME_AIM_MS = 5.0
BATCH = 40
"""Frames written in one go; a connection ends at the first that the server will not forgive."""
PATIENCE_S = 240.0

COMMANDS: tuple[c.Command, ...] = (
    c.Pause(), c.Resume(), c.Step(n=3), c.Checkpoint(), c.Lr(value="x0.5"), c.Precision(value="bf16"),
    c.Policy(name="anneal", options={"mean_duty": 0.6}), c.Pin(slot="block.3", until="+9"), c.Ban(slot="block.1"),
    c.Release(slot="block.1"), c.Evaluate(), c.Sample(prompt="once"), c.Note(text="a note"),
    c.Rollback(to="best"), c.Fork(settings={"optim.lr": "1e-4"}), c.Prune(slots="block.3"), c.Export(),
)  # fmt: skip
BOMBS: tuple[Callable[[int], bytes], ...] = (
    lambda n: b"\x91" * n,  # arrays in arrays
    lambda n: b"\x81\xa1a" * (n // 3),  # maps in maps
    lambda n: b"\xdd" + n.to_bytes(4, "big") + b"\x80" * (n - 5),  # an array of empty maps
    lambda n: b"\x92\xa2id\xdd" + n.to_bytes(4, "big") + b"\x80" * (n - 9),  # the same behind a good id
    lambda n: b"\x92\xa2id" + b"\x91" * (n - 4),
    lambda n: b"\xdd\xff\xff\xff\xff"[:n],  # four billion elements that are not there
    lambda n: b"\xdf\xff\xff\xff\xff"[:n],
    lambda n: b"\xdb\xff\xff\xff\xff"[:n],
    lambda n: b"\xc6\xff\xff\xff\xff"[:n],
    lambda n: b"\xdd\x00\x00\x13\x88" * (n // 5),  # 5,000 of 5,000 of ...
    lambda n: b"\xc9\x00\x00\x00\x01\x01\x00" * (n // 7),  # extension types
    lambda n: b"\x92\xa2id\x92\xa4note\xda" + (n - 12).to_bytes(2, "big") + b"\xff" * (n - 12),  # no UTF-8
    lambda n: b"\x92\xa2id\x92\xa4note\xda" + (n - 12).to_bytes(2, "big") + b"\x1b" * (n - 12),
    lambda n: b"\x92\xa2id\x93\xa6policy\xa3all\xde\xff\xff" + b"\xa1a\x00" * ((n - 18) // 3),  # one key, over and over
)  # fmt: skip


class Fuzzer:
    """Bytes to send, from a seed."""

    def __init__(self, seed: int) -> None:
        self._dice = Random(seed)
        self._number = 0

    def greeting(self) -> bytes:
        hello = m.Hello(
            major=m.MAJOR, minor=m.MINOR, client_id=f"fuzz-{self._dice.randrange(8)}", who="fuzz@here",
            role=self._dice.choice(("control", "once", "observe")), have_seq=self._dice.choice((-1, 0, 1, 1 << 40)),
        )  # fmt: skip
        return _framed(hello)

    def batch(self) -> bytes:
        """A hello more often than not, and frames."""
        frames = [self.greeting()] if self._dice.random() < 0.95 else []
        frames += [self._frame() for _ in range(BATCH)]
        return b"".join(frames)

    def _frame(self) -> bytes:
        dice, draw = self._dice, self._dice.random()
        if draw < 0.30:
            return encode_frame(m.Request.KIND, 0, 0, self._mutated(self._request()))
        if draw < 0.55:
            return encode_frame(dice.choice((195, 197, 198, 199)), dice.getrandbits(64), 0, self._tree())
        if draw < 0.70:
            return encode_frame(dice.randrange(256), 0, 0, dice.randbytes(dice.randint(1, 60)))
        if draw < 0.80:
            kind = dice.choice(list(KINDS))
            return encode_frame(kind, 0, 0, self._mutated(self._request()), flags=dice.randrange(256))
        if draw < 0.90:
            return _framed(m.Ping(t_ns=dice.getrandbits(63)))
        if draw < 0.93:
            return encode_frame(m.Request.KIND, 0, 0, self._request())
        if draw < 0.96:
            return self._damaged(encode_frame(m.Request.KIND, 0, 0, self._request()))
        if draw < 0.965:
            return dice.randbytes(dice.randint(1, 200))
        if draw < 0.97:
            head = struct.pack(
                "<2sBBIQQI", MAGIC, 0, 195, dice.choice((0, 65_537, 1 << 20, (1 << 32) - 1)), 0, 0, 0
            )
            return head + dice.randbytes(40)
        if draw < 0.972:
            return self._magics()
        if draw < 0.975:
            bomb = dice.choice(BOMBS)(dice.choice((200, 5_000, MAX_COMMAND)))
            return encode_frame(dice.choice((192, 195, 195, 195, 197)), 0, 0, bomb[:MAX_COMMAND])
        return encode_frame(m.Request.KIND, 0, 0, self._tree())

    def _request(self) -> bytes:
        self._number += 1
        dice = self._dice
        return encode(
            m.Request(
                command_id=f"q{self._number}", command=dice.choice(COMMANDS),  # type: ignore[arg-type]
                expect_rev=dice.choice((None, None, 0, 7)), fence=dice.choice((None, None, 1, 1 << 62)),
            )
        )  # fmt: skip

    def _mutated(self, payload: bytes) -> bytes:
        """Flipped, cut, doubled or spliced."""
        dice, body = self._dice, bytearray(payload)
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(body))
            match dice.randrange(4):
                case 0:
                    body[at] ^= 1 << dice.randrange(8)
                case 1:
                    body[at : at + dice.randint(1, 4)] = b""
                case 2:
                    body[at:at] = dice.randbytes(dice.randint(1, 6))
                case _:
                    body[at:at] = body[at : at + dice.randint(1, 20)]
            if not body:
                body += b"\xc0"
        return bytes(body)

    def _damaged(self, framed: bytes) -> bytes:
        body = bytearray(framed)
        if self._dice.random() < 0.5:
            return bytes(body[: self._dice.randrange(len(body))])
        body[self._dice.randrange(len(body))] ^= 1 << self._dice.randrange(8)
        return bytes(body)

    def _tree(self) -> bytes:
        return msgspec.msgpack.encode(self._node(3))

    def _node(self, depth: int) -> Any:
        dice = self._dice
        match dice.randrange(9 if depth else 7):
            case 0:
                return dice.choice((None, True, False))
            case 1:
                return dice.choice((0, -1, 1 << 31, (1 << 64) - 1, -(1 << 63)))
            case 2:
                return dice.choice((0.0, float("nan"), float("inf"), -1e308))
            case 3:
                return dice.choice(("", "id", "take", "note", "pause", "\x1b[2J", "\u202e", "x" * 300))
            case 4 | 5:
                return dice.choice(("lr", "pin", "control", "observe"))
            case 6:
                return dice.randbytes(dice.randrange(20))
            case 7:
                return [self._node(depth - 1) for _ in range(dice.randrange(6))]
            case _:
                return {
                    dice.choice(("", "a", "n", "slot")): self._node(depth - 1)
                    for _ in range(dice.randrange(4))
                }

    def _magics(self) -> bytes:
        """Headers in headers, each of which could be the start of a whole frame."""
        dice = self._dice
        total = dice.choice((2_000, MAX_COMMAND))
        head = HEADER.pack(MAGIC, 0, 195, total, 0, 0, 0)
        unit = MAGIC + b"\x00\xc3" + (total // dice.choice((2, 4, 50))).to_bytes(4, "little")
        return head + unit * (total // len(unit))


def _framed(message: m.Message) -> bytes:
    return encode_frame(message.KIND, 0, 0, encode(message))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the server's process said of itself."""

    heard: int
    """Frames and damage that it took in."""
    worst_ms: float
    """Processor time of the costliest frame or read."""
    worst_bytes: int
    """The largest peak above the memory held before, of one turn."""
    too_slow: int
    """Frames or reads over 5 ms."""
    too_large: int
    """Turns over 2 MiB."""
    grown_bytes: int
    """Resident memory after the last frame above that after the first."""
    crashed: str
    """The first exception that left the server, or empty."""
    serves: bool
    """An honest client attached and had a command applied after all that."""


def fuzz(frames: int, seed: int = 1) -> Outcome:
    """Send until the server has taken in so many frames; then ask it something sensible."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if os.access(shm, os.W_OK) else None) as folder:
        run_dir, report = Path(folder, "run"), Path(folder, "report.json")
        Path(folder, "heard").write_bytes(bytes(8))
        server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.durability.frames", str(run_dir), str(report)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE,
        )  # fmt: skip
        try:
            _wait_until(lambda: _attached(run_dir), server)
            with Path(folder, "heard").open("rb") as file:
                with mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ) as counter:
                    _flood(run_dir, counter, frames, Fuzzer(seed), server)
            serves = server.poll() is None and _serves(run_dir)
        finally:
            assert server.stdin is not None
            server.stdin.close()
            server.wait(PATIENCE_S)
        said = (
            json.loads(report.read_text())
            if report.exists()
            else {"crashed": f"exit code {server.returncode}"}
        )
        return Outcome(**said, serves=serves)


def _row(frames: int) -> Row:
    outcome = fuzz(frames)
    wrong = bool(outcome.crashed) + (not outcome.serves) + outcome.too_large + outcome.too_slow
    note = (
        "lying headers, flipped bits, mutated commands and memory bombs into a real control server; the costliest "
        f"took {outcome.worst_ms:.2f} ms of processor time (garbage collection aside), "
        f"the largest {outcome.worst_bytes / 2**20:.2f} MiB; "
        f"{outcome.grown_bytes / 2**20:.1f} MiB stayed; {outcome.crashed or 'an honest client was served afterwards'}"
    )
    figure = "server crashed, or a frame cost it more than 2 MiB or 5 ms"
    return count_row(figure, wrong, outcome.heard, "frames", note)


def proofs(long: bool) -> list[Proof]:
    """The claim of figure 7 about the socket."""
    return [Proof(7, "frames", lambda _: _row(LONG if long else SHORT))]


def _flood(
    run_dir: Path, counter: mmap.mmap, frames: int, fuzzer: Fuzzer, server: subprocess.Popen[bytes]
) -> None:
    heard, moved_s = 0, time.monotonic()
    while heard < frames and server.poll() is None:
        peer = connect(run_dir)
        if peer is not None:
            with peer:
                peer.settimeout(2.0)
                with suppress(OSError):  # it was closed at a frame that is not forgiven
                    peer.sendall(fuzzer.batch())
                    peer.shutdown(socket.SHUT_WR)
                    while peer.recv(1 << 16):
                        pass
        now = int.from_bytes(counter[:8], "little")
        if now > heard:
            heard, moved_s = now, time.monotonic()
        assert time.monotonic() - moved_s < PATIENCE_S, f"the server stood still after {heard} frames"


def _attached(run_dir: Path) -> bool:
    peer = connect(run_dir) if run_dir.is_dir() else None
    if peer is not None:
        peer.close()
    return peer is not None


def _serves(run_dir: Path) -> bool:
    from raw_peer import RawPeer

    with RawPeer(run_dir) as peer:
        peer.attach("honest")
        peer.send(m.Lease(action="take"))
        peer.expect(e.LeaseChanged, holder="honest")
        peer.request("last", c.Note(text="still here"))
        peer.expect(e.CommandApplied, command_id="last")
    return True


def _wait_until(true: Callable[[], bool], server: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not true():
        assert server.poll() is None, "the server's process ended"
        assert time.monotonic() < until_s, "the server never answered"
        time.sleep(0.02)


# -- the server's process ---------------------------------------------------------------------------------------


class _Meter:
    """Wraps the server's own methods; the numbers are of its one thread."""

    def __init__(self, counter: mmap.mmap) -> None:
        self.heard, self.crashed = 0, ""
        self.worst_ms, self.worst_bytes, self.too_slow, self.too_large = 0.0, 0, 0, 0
        self._counter = counter
        self._began_ns = self._collecting_ns = self._collection_ns = 0
        gc.callbacks.append(self._collected)
        self._status = os.open("/proc/self/status", os.O_RDONLY)
        self._refs = os.open("/proc/self/clear_refs", os.O_WRONLY)

    def held_bytes(self, field: bytes = b"VmRSS:") -> int:
        text = os.pread(self._status, 4096, 0)
        return int(text[text.index(field) + len(field) :].split(None, 1)[0]) << 10

    def around(self, server: Any) -> None:
        """Put the meter around a server that has not started."""
        from engine.control.client import Client

        read, hear, turn, serve = Client.read, server._hear, server._turn, server._serve

        def metered_read(client: Client) -> list[Any]:
            self._begin()
            found = read(client)
            self._took()
            self.heard += len(found) + (client.gone == "malformed frame")
            self._counter[:8] = self.heard.to_bytes(8, "little")
            return found

        def metered_hear(client: Client, frame: Any) -> None:
            self._begin()
            hear(client, frame)
            self._took()

        def metered_turn(timeout_s: float) -> None:
            os.write(self._refs, b"5")  # the peak is counted anew
            before = self.held_bytes()
            turn(timeout_s)
            peak = self.held_bytes(b"VmHWM:") - before
            self.worst_bytes = max(self.worst_bytes, peak)
            self.too_large += peak > MEMORY_AIM_BYTES

        def guarded_serve() -> None:
            try:
                serve()
            except BaseException as error:
                self.crashed = f"{type(error).__name__}: {error}"
                raise

        Client.read = metered_read  # type: ignore[method-assign, assignment]
        server._hear, server._turn = metered_hear, metered_turn
        server._thread._target = guarded_serve

    def _begin(self) -> None:
        self._collecting_ns, self._began_ns = 0, time.thread_time_ns()

    def _took(self) -> None:
        took_ms = (time.thread_time_ns() - self._began_ns - self._collecting_ns) / 1e6
        self.worst_ms = max(self.worst_ms, took_ms)
        self.too_slow += took_ms > TIME_AIM_MS

    def _collected(self, phase: str, _: dict[str, int]) -> None:
        """Collections of garbage look through the whole process, whoever's turn it is: no frame's doing."""
        now_ns = time.thread_time_ns()
        if phase == "start":
            self._collection_ns = now_ns
        else:
            self._collecting_ns += now_ns - self._collection_ns


def _applied(engine: Any) -> Iterator[None]:
    """Notes are applied; the rest would only stop or hurry a loop that does nothing."""
    while True:
        for accepted in engine.mailbox.drain():
            if isinstance(accepted.command, c.Note):
                engine.apply(accepted)
            else:
                refusal = e.CommandRefused(
                    command_id=accepted.command_id, client_id=accepted.client_id, verb="", text="", step=engine.step,
                    code="wrong-state", reason="this engine only listens",
                )  # fmt: skip
                engine.log.commit(refusal)
        engine.mailbox.wait(0.05)
        yield


def serve(run_dir: Path, report: Path) -> None:
    """A control server until stdin closes; then what it cost."""
    from threading import Event, Thread

    from tiny_engine import TinyEngine  # type: ignore[import-not-found]

    engine = TinyEngine(run_dir)
    with run_dir.with_name("heard").open("r+b") as file, mmap.mmap(file.fileno(), 8) as counter:
        meter = _Meter(counter)
        meter.around(engine.server)
        ended = Event()

        def until_closed() -> None:
            sys.stdin.buffer.read()
            ended.set()

        Thread(target=until_closed, daemon=True).start()
        with engine:
            began_bytes = meter.held_bytes()
            for _ in _applied(engine):
                if ended.is_set():
                    break
            grown = meter.held_bytes() - began_bytes
        report.write_text(
            json.dumps(
                {"heard": meter.heard, "worst_ms": meter.worst_ms, "worst_bytes": meter.worst_bytes,
                 "too_slow": meter.too_slow, "too_large": meter.too_large, "grown_bytes": grown,
                 "crashed": meter.crashed}
            )
        )  # fmt: skip


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]))
