"""Figure 5: a log cut at every byte, and with bits flipped at random: what the two ways to read it then show.

The log is a whole small run's: a sealed segment and one that a killed engine left open. `LogReader` gives the events
one by one, `History` the life-cycle events, the newest of each kind and the columns of the step reports. An event that
is shown must be byte for byte one that was written.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.durability.proof import Proof, Row, count_row
from engine.errors import SlotdeckError
from engine.protocol import events as e
from engine.protocol.codec import decode
from engine.protocol.frames import HEADER
from engine.runlog.index import History
from engine.runlog.reader import LogReader
from engine.runlog.scan import Scan
from engine.runlog.segment import FILE_MAGIC
from engine.runlog.writer import LogWriter

WORKERS = 2
REPORTS = 24
RELIABLE = frozenset(kind.KIND for kind in e.EVENTS if kind.RELIABLE)
Shown = dict[int, tuple[int, int, bytes]]
"""By sequence number: kind, time and payload."""


def write_log(run_dir: Path) -> None:
    """Two lives of an engine that said a little of everything; the second one was killed."""
    for life in range(2):
        writer = LogWriter(run_dir, run_dir.name)
        for event in _said(life):
            writer.emit(event)
        writer.commit(e.StateChanged(state="paused", step=REPORTS, reason="asked"))
        if life:
            alive = _last(run_dir).read_bytes()
        writer.close()
    _last(run_dir).write_bytes(alive)


def _said(life: int) -> Iterator[e.Event]:
    yield e.StateChanged(state="running", step=0, reason="begun")
    for number in range(REPORTS):
        step = life * REPORTS + number + 1
        loss = 4.0 + math.sin(step)
        yield e.StepReport(
            step=step, branch=life, steps=1, tokens=step * 128, loss=loss, loss_ema=loss, lr=1e-3, grad_norm=1.0 / step,
            tokens_per_s=1e5, step_ms=5.0, data_ms=0.1, forward_ms=1.5, backward_ms=3.0, optimizer_ms=0.4,
            active_slots=3.5, precision="fp32", eta_s=60.0,
        )  # fmt: skip
        if number % 6 == 0:
            yield e.Evaluated(step=step, branch=life, loss=loss, perplexity=9.0, tokens=640, seconds=0.1)
            yield e.LogLine(level="info", text=f"step {step}: \xa7N is the frame's magic in Latin-1")
            name = f"ask-{step}"
            yield e.CommandAccepted(
                command_id=name,
                client_id="c",
                who="a@b",
                verb="note",
                args={"text": name},
                text=f"note {name}",
            )
            yield e.CommandApplied(
                command_id=name, client_id="c", verb="note", text=f"note {name}", step=step, branch=life, rev=number,
                before="", after=name,
            )  # fmt: skip


def _last(run_dir: Path) -> Path:
    return max((run_dir / "log").glob("*.slog"))


class Truth:
    """What was written, and the judge of what is shown."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.files = {path: path.read_bytes() for path in sorted((run_dir / "log").glob("*.slog"))}
        self.events = _read(run_dir)
        self.places = {
            entry_seq: (number, offset)
            for number, content in enumerate(self.files.values())
            for entry_seq, offset in _ends(content)
        }
        """By sequence number: which file, and the offset behind the event's last byte."""
        reports = {
            seq: report
            for seq, (kind, _, payload) in self.events.items()
            if isinstance(report := decode(kind, payload), e.StepReport)
        }
        self.steps = {seq: report.step for seq, report in reports.items()}
        self.losses = {report.step: report.loss for report in reports.values()}

    def judge(self, what: str, whole: set[int], may_lose: int) -> list[str]:
        """What is wrong with how the files are shown as they are now; of the `whole` events so many may be missing."""
        try:
            read = _read(self.run_dir)
            history = History(self.run_dir)
            marks: Shown = {m.seq: (m.kind, m.t_ns, m.payload) for m in history.marks}
            latest, curve = history.latest, history.tracks
        except SlotdeckError as error:
            return [f"{what}: the log is refused: {error}"]
        wrong = [
            f"{what}: event {seq} is shown altered"
            for seq, shown in (*read.items(), *marks.items())
            if self.events.get(seq) != shown
        ]
        if any(self.events[entry.seq][2] != entry.payload for entry in latest.values()):
            wrong.append(f"{what}: the newest event of a kind is shown altered")
        points = dict(zip(curve.step, curve.columns["loss"].last if len(curve) else (), strict=True))
        if any(self.losses.get(step) != loss for step, loss in points.items()):
            wrong.append(f"{what}: a point of the curve is shown altered")
        lost = {
            "events": whole - read.keys(),
            "life-cycle events": {seq for seq in whole if self.events[seq][0] in RELIABLE} - marks.keys(),
            "points of the curve": {self.steps[seq] for seq in whole & self.steps.keys()} - points.keys(),
        }
        wrong += [
            f"{what}: {len(gone)} {name} are lost" for name, gone in lost.items() if len(gone) > may_lose
        ]
        return wrong

    def cut(self, path: Path, size: int) -> list[str]:
        """With a segment cut short: what lies whole before the cut must be shown."""
        path.write_bytes(self.files[path][:size])
        number = list(self.files).index(path)
        whole = {seq for seq, (at, end) in self.places.items() if at != number or end <= size}
        wrong = self.judge(f"{path.name} cut at {size}", whole, 0)
        path.write_bytes(self.files[path])
        return wrong

    def flip(self, path: Path, bit: int) -> list[str]:
        """With a bit flipped: at most one event is lost."""
        content = bytearray(self.files[path])
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        wrong = self.judge(f"bit {bit % 8} of byte {bit // 8} of {path.name} flipped", set(self.events), 1)
        path.write_bytes(self.files[path])
        return wrong


def _ends(content: bytes) -> list[tuple[int, int]]:
    return [
        (seq, at + HEADER.size + len(payload)) for at, _, seq, _, payload in Scan(content, len(FILE_MAGIC))
    ]


def _read(run_dir: Path) -> Shown:
    return {entry.seq: (entry.kind, entry.t_ns, entry.payload) for entry in LogReader(run_dir).entries()}


def try_all(folder: Path, worker: int, cuts: int, flips: int) -> tuple[int, int, list[str]]:
    """This worker's share. Cuts and flips tried, and what was wrong. `cuts`: 0 for at every byte."""
    run_dir = folder / f"run-{worker}"
    (run_dir / "log").mkdir(parents=True)
    write_log(run_dir)
    truth, draw = Truth(run_dir), random.Random(worker)
    places = [(path, size) for path, content in truth.files.items() for size in range(len(content) + 1)]
    places = draw.sample(places, cuts) if cuts else places[worker::WORKERS]
    wrong = [sentence for path, size in places for sentence in truth.cut(path, size)]
    for _ in range(flips):
        path = draw.choice(list(truth.files))
        wrong += truth.flip(path, draw.randrange(8 * len(truth.files[path])))
    return len(places), flips, wrong


def _rows(folder: Path, cuts: int, flips: int) -> tuple[int, int, list[str]]:
    # Fresh ones: a fork of a process with threads may wait for a lock that nobody holds any more.
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        parts = [pool.submit(try_all, folder, n, cuts, flips // WORKERS) for n in range(WORKERS)]
        found = [part.result() for part in parts]
    for sentence in [sentence for *_, wrong in found for sentence in wrong][:20]:
        print("  ", sentence)
    return (
        sum(f[0] for f in found),
        sum(f[1] for f in found),
        [sentence for *_, wrong in found for sentence in wrong],
    )


def _cut(folder: Path, cuts: int) -> Row:
    places, _, wrong = _rows(folder, cuts, 0)
    what = "log cut short at every byte: a whole event before the cut not shown, or one shown altered"
    note = "a sealed segment of a finished life and the open one of a killed engine, through LogReader and History"
    return count_row(what, len(wrong), places, "cuts", note)


def _flip(folder: Path, flips: int) -> Row:
    _, done, wrong = _rows(folder, 1, flips)
    what = "random bit of the log flipped: more than one event lost, or one shown altered"
    return count_row(
        what, len(wrong), done, "flips", "in the same two segments, headers and footers included"
    )


def proofs(long: bool) -> list[Proof]:
    """The claims of figure 5."""
    return [
        Proof(5, "log cut", lambda folder: _cut(folder, 0 if long else 150)),
        Proof(5, "log flipped", lambda folder: _flip(folder, 10_000 if long else 300)),
    ]
