"""Appends the run's events to its log, in one order, from one thread of its own.

The engine owns one per life. Training calls `emit` and goes on; life-cycle events are committed. Nothing here
reads events back, and a full or slow disk never stops the run: what could not be kept is counted and told. On a full
disk what the run lives by goes into room set aside for it (`engine.runlog.reserve`), until there is room again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from engine.errors import SlotdeckError
from engine.protocol import codec
from engine.protocol.events import Alarm, Event, LogGap, LogLine, SlotPlanned, StepReport
from engine.protocol.frames import HEADER, MAX_PAYLOAD, encode_frame
from engine.runlog.mend import mend
from engine.runlog.pyramid import countable
from engine.runlog.reserve import Reserve
from engine.runlog.run_folder import LOG
from engine.runlog.segment import SEGMENT_BYTES, Latest
from engine.runlog.segment_file import SegmentFile
from engine.text import one_line

QUEUE_EVENTS = 8192
"""Telemetry waiting for the disk; more is dropped and counted."""
BATCH_EVENTS = 1024
TICK_S = 0.05
"""How long telemetry may wait for company: the training thread never pays for a wake-up."""
SYNC_S = 1.0
"""Seconds of telemetry that a power cut may cost."""

Published = tuple[int, int, bytes]
"""(seq, kind, frame) of an event that is in the log."""


class _Waiting(NamedTuple):
    """What to do once an event is on disk."""

    durable: bool
    then: Callable[[int], None]


_Queued = tuple[int, Event, _Waiting | None]
"""(monotonic time, event, who waits): a plain tuple, since the training thread makes it."""


class _Framed(NamedTuple):
    kind: int
    seq: int
    t_ns: int
    payload: bytes
    frame: bytes
    report: StepReport | None


class LogWriter:
    """The only writer of a run's log. The run's lock must be held by this process."""

    def __init__(
        self,
        run_dir: Path,
        run_id: str,
        *,
        on_frames: Callable[[list[Published]], None] | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Mend what a crash left, and open a new segment: each life of the engine has its own clock.

        `on_frames` is called in the log thread with what has just been written; it must not block or raise.

        Raises:
            SlotdeckError: the folder cannot be written, or a newer slotdeck wrote the log.
        """
        self._folder = run_dir / LOG
        self._run_id = one_line(run_id)  # of a folder whose name need not be UTF-8
        self._on_frames = on_frames
        self._clock_ns = clock_ns
        self._wall = wall
        mended = mend(run_dir)
        self.head_seq = mended.head_seq
        """Sequence number of the last event in the log."""
        self.failing = ""
        """Why the log takes no events now; empty when all is well."""
        self._latest = mended.latest
        self._number = mended.next_number
        try:
            self._segment = self._new_segment()
        except OSError as error:
            raise SlotdeckError(
                f"{self._folder} cannot be written: {error.strerror}", "check its owner and the free space"
            ) from None
        self._reserve = Reserve(self._folder)
        self._reserve.take()
        self._alarmed = False
        """The operator knows that the log is failing."""
        self._queue: deque[_Queued] = deque()
        self._wake = threading.Event()
        self._overflow_lock = threading.Lock()
        self._overflow = 0
        self._lost = 0
        """Events lost to the disk and not yet told."""
        self._step = 0
        self._dirty_since: float | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="runlog", daemon=True)
        self._thread.start()

    def emit(self, event: Event) -> None:
        """Log telemetry, soon. Never blocks; when too much is waiting it is dropped and a LogGap says so."""
        if len(self._queue) >= QUEUE_EVENTS and not event.RELIABLE:
            with self._overflow_lock:
                self._overflow += 1
            return
        self._queue.append((self._clock_ns(), event, None))

    def commit(self, event: Event, durable: bool = False) -> int:
        """Log `event` and wait until it is written, and on stable storage if `durable`.

        Returns its sequence number, or 0 when the log could not take it: `failing` then says why.
        """
        assert threading.current_thread() is not self._thread, "the log thread would wait for itself"
        done = threading.Event()
        seq = 0

        def written(number: int) -> None:
            nonlocal seq
            seq = number
            done.set()

        self.commit_soon(event, written, durable)
        while not done.wait(1.0):
            if not self._thread.is_alive():
                return 0
        return seq

    def commit_soon(self, event: Event, then: Callable[[int], None], durable: bool = True) -> None:
        """`commit` without waiting: the log thread calls `then` with the sequence number, or 0."""
        if self._closing:
            then(0)
            return
        self._queue.append((self._clock_ns(), event, _Waiting(durable, then)))
        self._wake.set()

    def close(self) -> None:
        """Write what is waiting, seal the segment with its footer, and end the log thread."""
        if self._closing:
            return
        self._closing = True
        self._wake.set()
        self._thread.join()
        self._reserve.release()
        self._segment.seal()

    # -- the log thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while True:
                closing = self._closing
                if self._queue or self._overflow:
                    self._append(self._take())
                self._sync_if_due()
                if self._queue:
                    continue
                if closing:
                    return
                self._wake.wait(TICK_S)
                self._wake.clear()
        except BaseException as error:
            self.failing = f"the log thread ended: {error!r}"
            raise

    def _take(self) -> list[_Queued]:
        batch: list[_Queued] = []
        while self._queue and len(batch) < BATCH_EVENTS:
            batch.append(self._queue.popleft())
        return batch

    def _append(self, batch: list[_Queued]) -> None:
        with self._overflow_lock:
            overflow, self._overflow = self._overflow, 0
        self._lost += overflow
        if self.failing and not self._reserve.take():
            self._append_into_reserve(batch)
            return
        framed: list[_Framed] = []
        if self._lost:
            reason = self.failing or "events came faster than the log could take them"
            self._frame(framed, self._clock_ns(), LogGap(dropped=self._lost, reason=reason))
            if self.failing:
                self._frame(framed, self._clock_ns(), self._over() if self._alarmed else self._alarm())
        seqs = [self._frame(framed, t_ns, event) for t_ns, event, _ in batch]
        if self._write(framed, _must_be_durable(batch)):
            self.failing, self._alarmed, self._lost = "", False, 0
            self._finish(batch, framed, seqs)
        elif self._reserve.release():
            self._append_into_reserve(batch)
        else:
            self._lost += len(batch)
            self._finish(batch, [], [0] * len(batch))

    def _append_into_reserve(self, batch: list[_Queued]) -> None:
        """On a full disk: what the run lives by, into the room that was given up for it. The rest is lost."""
        kept = [queued for queued in batch if _must_be_kept(queued)]
        self._lost += len(batch) - len(kept)
        framed: list[_Framed] = []
        if not self._alarmed:
            self._frame(framed, self._clock_ns(), self._alarm())
        seqs = [self._frame(framed, t_ns, event) for t_ns, event, _ in kept]
        if not framed:
            return
        if self._write(framed, _must_be_durable(kept)):
            self._alarmed = True
            self._finish(kept, framed, seqs)
        else:
            self._lost += len(kept)
            self._finish(kept, [], [0] * len(kept))

    def _finish(self, batch: list[_Queued], framed: list[_Framed], seqs: list[int]) -> None:
        """Publish what was written, and answer those who wait: with 0 if it was not."""
        if framed and self._on_frames is not None:
            self._on_frames([(f.seq, f.kind, f.frame) for f in framed])
        for seq, (_, _, waiting) in zip(seqs, batch, strict=True):
            if waiting is not None:
                waiting.then(seq)

    def _frame(self, framed: list[_Framed], t_ns: int, event: Event) -> int:
        try:
            payload = codec.encode(event)
        except (TypeError, ValueError, OverflowError) as error:  # a lone surrogate in foreign text, for one
            return self._left_out(framed, t_ns, event, f"cannot be encoded: {error}")
        if isinstance(event, StepReport) and not countable(event):
            return self._left_out(framed, t_ns, event, "counts further than the log does")
        if len(payload) > MAX_PAYLOAD:
            return self._left_out(framed, t_ns, event, f"of {len(payload)} bytes is too large for the log")
        seq = self.head_seq + len(framed) + 1
        frame = encode_frame(event.KIND, seq, t_ns, payload)
        report = event if isinstance(event, StepReport) else None
        framed.append(_Framed(event.KIND, seq, t_ns, payload, frame, report))
        return seq

    def _left_out(self, framed: list[_Framed], t_ns: int, event: Event, why: str) -> int:
        self._frame(framed, t_ns, LogGap(dropped=1, reason=one_line(f"a {type(event).__name__} {why}")))
        return 0

    def _alarm(self) -> Alarm:
        lost = f"; {self._lost:,} events are lost" if self._lost else ""
        return Alarm(
            step=self._step,
            level="warning",
            code="log-failed",
            message=f"the log cannot be written: {self.failing}{lost}",
            remedy="free space on the disk that holds the run folder; training goes on meanwhile",
        )

    def _over(self) -> LogLine:
        return LogLine(level="info", text=f"the log is written again; events lost meanwhile: {self._lost:,}")

    def _write(self, framed: list[_Framed], durable: bool) -> bool:
        """Into the log, all of it or nothing; a file that did not sync is left, and a new one tried at once."""
        data = b"".join(f.frame for f in framed)
        try:
            self._put(data, durable)
        except OSError as error:
            self.failing = f"{self._segment.path.name}: {error.strerror}"
            if self._segment.trusted:
                return False
            try:
                self._put(data, durable)
            except OSError as again:
                self.failing = f"{self._segment.path.name}: {again.strerror}"
                return False
        offset = self._segment.size - len(data)
        wall_of = self._segment.header.wall_of
        for f in framed:
            self._segment.note(offset, f.kind, f.seq, f.t_ns, f.report)
            self._latest[f.kind] = Latest(f.kind, f.seq, wall_of(f.t_ns), f.payload)
            offset += HEADER.size + len(f.payload)
        self.head_seq = framed[-1].seq
        self._step = max(self._segment.step, 0)
        if durable:
            self._dirty_since = None
        elif self._dirty_since is None:
            self._dirty_since = time.monotonic()
        return True

    def _put(self, data: bytes, durable: bool) -> None:
        segment = self._segment
        too_large = segment.size + len(data) > SEGMENT_BYTES or segment.footer_full
        if not segment.trusted or (segment.frames and too_large):
            self._roll()
        self._segment.append(data, durable)

    def _sync_if_due(self) -> None:
        if self._dirty_since is not None and time.monotonic() - self._dirty_since >= SYNC_S:
            self._sync()

    def _sync(self) -> None:
        """What nobody waits for; if it fails, the next event goes into a new file."""
        self._dirty_since = None
        try:
            self._segment.sync()
        except OSError as error:
            self.failing = f"{self._segment.path.name}: {error.strerror}"

    def _roll(self) -> None:
        """Go on in a new segment. It is opened first, so the old one is never sealed without a successor."""
        old, self._segment = self._segment, self._new_segment()
        old.seal()

    def _new_segment(self) -> SegmentFile:
        segment = SegmentFile.create(
            self._folder / f"{self._number:06d}.slog",
            run_id=self._run_id,
            first_seq=self.head_seq + 1,
            wall_s=self._wall(),
            mono_ns=self._clock_ns(),
            snapshot=[self._latest[kind] for kind in sorted(self._latest)],
        )
        self._number += 1
        return segment


def _must_be_durable(batch: list[_Queued]) -> bool:
    """Whether somebody waits for stable storage."""
    return any(waiting is not None and waiting.durable for _, _, waiting in batch)


def _must_be_kept(queued: _Queued) -> bool:
    """Whether somebody waits for it, or the run cannot be told without it. Plans come with every step."""
    _, event, waiting = queued
    return waiting is not None or (event.RELIABLE and not isinstance(event, SlotPlanned))
