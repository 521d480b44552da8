"""A log torn at every byte of its last frame: readers say "not yet", and the next engine goes on after it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.protocol.codec import decode
from engine.protocol.events import Alarm, LogGap, LogLine, StateChanged
from engine.protocol.frames import encode_frame
from engine.runlog.dump import dump
from engine.runlog.index import History
from engine.runlog.reader import LogReader
from engine.runlog.segment import read_footer
from engine.runlog.writer import LogWriter

ROOT = Path(__file__).parents[2]


def write_run(run_dir: Path, events: int = 5) -> Path:
    """A run whose engine was killed: no footer."""
    writer = LogWriter(run_dir, "torn")
    for step in range(events):
        writer.commit(StateChanged(state="running", step=step, reason="x" * 20))
    segment = run_dir / "log" / "000000.slog"
    alive = segment.read_bytes()
    writer.close()
    segment.write_bytes(alive)
    return segment


def last_frame_at(data: bytes) -> int:
    return data.rindex(b"\xa7\x4e")


def test_at_every_byte_the_reader_waits_and_the_writer_goes_on(tmp_path: Path) -> None:
    segment = write_run(tmp_path)
    whole = segment.read_bytes()
    for cut in range(last_frame_at(whole), len(whole)):
        for path in (tmp_path / "log").iterdir():
            path.unlink()
        segment.write_bytes(whole[:cut])

        reader = LogReader(tmp_path)
        assert [entry.seq for entry in reader.poll()] == [1, 2, 3, 4]
        assert reader.poll() == []
        assert reader.damage == [], "a torn tail is not damage: the rest may still come"
        assert History(tmp_path).head_seq == 4

        writer = LogWriter(tmp_path, "torn")
        assert writer.commit(StateChanged(state="running", step=9), durable=True) == 5
        writer.close()

        assert [entry.seq for entry in reader.poll()] == [5], (
            "the waiting reader follows into the new segment"
        )
        assert reader.damage == []
        assert [entry.seq for entry in LogReader(tmp_path).entries()] == [1, 2, 3, 4, 5]
        assert read_footer(segment) is not None, "the segment the crash left is sealed"


def test_the_rest_of_a_torn_frame_completes_it(tmp_path: Path) -> None:
    segment = write_run(tmp_path)
    whole = segment.read_bytes()
    for cut in range(last_frame_at(whole), len(whole)):
        segment.write_bytes(whole[:cut])
        reader = LogReader(tmp_path)
        assert len(reader.poll()) == 4
        segment.write_bytes(whole)
        assert [entry.seq for entry in reader.poll()] == [5]


def test_a_header_torn_at_every_byte_is_set_aside(tmp_path: Path) -> None:
    segment = write_run(tmp_path, events=0)
    whole = segment.read_bytes()
    for cut in [*range(0, len(whole), 97), len(whole) - 1]:
        for path in (tmp_path / "log").iterdir():
            path.unlink()
        segment.write_bytes(whole[:cut])
        assert LogReader(tmp_path).poll() == []
        assert History(tmp_path).head_seq == 0
        writer = LogWriter(tmp_path, "torn")
        assert writer.commit(StateChanged(state="running", step=0)) == 1
        writer.close()
        assert [entry.seq for entry in LogReader(tmp_path).entries()] == [1]


def test_zero_bytes_left_by_a_power_cut_are_cut_off(tmp_path: Path) -> None:
    segment = write_run(tmp_path)
    with segment.open("ab") as file:
        file.write(bytes(4096))
    writer = LogWriter(tmp_path, "torn")
    assert writer.commit(StateChanged(state="running", step=9)) == 6
    writer.close()
    assert [entry.seq for entry in LogReader(tmp_path).entries()] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("sealed", [True, False])
def test_a_damaged_frame_in_the_middle_costs_that_frame_and_is_told(tmp_path: Path, sealed: bool) -> None:
    segment = write_run(tmp_path)
    data = bytearray(segment.read_bytes())
    damaged = encode_frame(2, 3, 0, b"x")[:2]
    places = [i for i in range(len(data)) if data[i : i + 2] == damaged]
    at = places[-3]
    data[at + 30] ^= 0x40
    segment.write_bytes(data)
    if sealed:
        LogWriter(tmp_path, "torn").close()
    reader = LogReader(tmp_path)
    assert [entry.seq for entry in reader.poll()] == [1, 2, 4, 5]
    assert reader.damage == [("000000.slog", at, places[-2] - at)]
    assert History(tmp_path).damage == reader.damage
    lines = [json.loads(line) for line in dump(tmp_path)]
    assert [line["offset"] for line in lines if line["kind"] == "Damage"] == [at]
    assert [line["from_seq"] for line in lines if line["kind"] == "Missing"] == [3]


@pytest.mark.parametrize("bit", range(32))
def test_a_damaged_length_of_a_segments_header_hides_no_event(tmp_path: Path, bit: int) -> None:
    segment = write_run(tmp_path)
    data = bytearray(segment.read_bytes())
    length_at = 12  # behind the file's magic and the frame's first four bytes
    data[length_at + bit // 8] ^= 1 << bit % 8
    segment.write_bytes(data)
    assert [entry.seq for entry in LogReader(tmp_path).entries()] == [1, 2, 3, 4, 5]
    assert [mark.seq for mark in History(tmp_path).marks] == [1, 2, 3, 4, 5]


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from engine.protocol.events import LogLine, StateChanged
from engine.runlog.writer import LogWriter
writer = LogWriter(Path(sys.argv[1]), "killed")
step = 0
while True:
    writer.emit(LogLine(level="info", text="noise " * (step % 50)))
    print(writer.commit(StateChanged(state="running", step=step)), flush=True)
    step += 1
"""
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        seen = [int(child.stdout.readline()) for _ in range(100)]
        child.send_signal(signal.SIGKILL)
        seen += [int(line) for line in child.stdout.read().split("\n")[:-1] if line]
        child.wait()
        child.stdout.close()
        logged = [entry.seq for entry in LogReader(tmp_path).entries()]
        assert logged == list(range(1, len(logged) + 1))
        assert seen[-1] <= logged[-1]


def test_a_full_disk_drops_and_counts_and_tells_when_space_returns(tmp_path: Path) -> None:
    """A file size limit stands for the full disk: write(2) fails in the same way, after a short write."""
    program = """
import resource, sys, time
from pathlib import Path
from engine.protocol.events import LogLine, StateChanged
from engine.runlog.writer import LogWriter
writer = LogWriter(Path(sys.argv[1]), "full")
assert writer.commit(StateChanged(state="running", step=0)) == 1
size = (Path(sys.argv[1]) / "log" / "000000.slog").stat().st_size
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))
for _ in range(10):
    writer.emit(LogLine(level="info", text="lost"))
assert writer.commit(StateChanged(state="running", step=1), durable=True) == 0
assert "too large" in writer.failing, writer.failing
assert (Path(sys.argv[1]) / "log" / "000000.slog").stat().st_size == size
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
assert writer.commit(StateChanged(state="running", step=2), durable=True) > 1
assert writer.failing == ""
writer.close()
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=True)
    entries = list(LogReader(tmp_path).entries())
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    events = [decode(entry.kind, entry.payload) for entry in entries]
    gap = next(event for event in events if isinstance(event, LogGap))
    assert gap.dropped == 11
    assert "too large" in gap.reason
    assert any(isinstance(event, Alarm) and event.code == "log-failed" for event in events)
    assert not any(isinstance(event, LogLine) for event in events)
