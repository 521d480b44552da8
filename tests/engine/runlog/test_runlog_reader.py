"""Reading in order, from anywhere, while it grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import SlotdeckError
from engine.protocol.events import LogLine
from engine.runlog import writer as writer_module
from engine.runlog.reader import LogReader
from engine.runlog.segment import Header, encode_header, segment_paths
from engine.runlog.writer import LogWriter


def line(text: str) -> LogLine:
    return LogLine(level="info", text=text)


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "SEGMENT_BYTES", 40_000)


@pytest.mark.usefixtures("small_segments")
def test_reading_starts_at_any_number(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, "r")
    for _ in range(1500):
        writer.commit(line("x" * 40))
    writer.close()
    assert len(segment_paths(tmp_path)) > 2
    reader = LogReader(tmp_path)
    for start in (1, 2, 255, 256, 257, 300, 700, 1499, 1500, 1501, 5000):
        assert [entry.seq for entry in reader.entries(start)] == list(range(start, 1501))
        reader.seek(start)
        assert [entry.seq for entry in reader.poll()] == list(range(start, 1501))


@pytest.mark.usefixtures("small_segments")
def test_polling_follows_a_growing_log_through_new_segments(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, "r")
    reader = LogReader(tmp_path)
    seen: list[int] = []
    for i in range(800):
        writer.commit(line("x" * 100))
        if i % 7 == 0:
            seen += [entry.seq for entry in reader.poll()]
    writer.close()
    seen += [entry.seq for entry in reader.poll()]
    assert seen == list(range(1, 801))
    assert reader.poll() == []
    assert reader.damage == []


def test_stopping_in_the_middle_and_polling_on_repeats_nothing(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, "r")
    for _ in range(20):
        writer.commit(line("x"))
    writer.close()
    reader = LogReader(tmp_path)
    entries = reader.entries()
    assert [next(entries).seq for _ in range(5)] == [1, 2, 3, 4, 5]
    del entries
    assert [entry.seq for entry in reader.poll()] == list(range(6, 21))


def test_a_run_without_events_yet_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    reader = LogReader(tmp_path)
    assert reader.poll() == []
    writer = LogWriter(tmp_path, "r")
    writer.commit(line("x"))
    assert [entry.seq for entry in reader.poll()] == [1]
    writer.close()


def test_a_folder_that_is_no_run_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SlotdeckError, match=r"is not a run folder.*slotdeck runs"):
        LogReader(tmp_path)
    with pytest.raises(SlotdeckError, match="does not exist"):
        LogReader(tmp_path / "nowhere")


def test_a_log_of_a_newer_slotdeck_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    header = Header(
        format=2,
        major=1,
        minor=0,
        run_id="r",
        first_seq=1,
        wall_s=0,
        mono_ns=0,
        boot_id="",
        host="",
        schema={},
    )
    (tmp_path / "log" / "000000.slog").write_bytes(encode_header(header))
    with pytest.raises(SlotdeckError, match="log format 2"):
        LogReader(tmp_path).poll()
    with pytest.raises(SlotdeckError, match="newer slotdeck"):
        LogWriter(tmp_path, "r")


def test_a_damaged_segment_header_costs_no_event(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, "r")
    for _ in range(5):
        writer.commit(line("x"))
    writer.close()
    path = segment_paths(tmp_path)[0]
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)
    reader = LogReader(tmp_path)
    assert [entry.seq for entry in reader.poll()] == [1, 2, 3, 4, 5]
    assert [(name, offset) for name, offset, _ in reader.damage] == [("000000.slog", 8)]
