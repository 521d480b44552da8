"""What the engine relies on when it logs."""

from __future__ import annotations

import errno
import stat
import threading
from pathlib import Path

import msgspec
import pytest
from patience import PATIENCE_S
from tiny_engine import report

from engine.errors import SlotdeckError
from engine.protocol.codec import decode
from engine.protocol.events import LogGap, LogLine, RunEnded, StateChanged
from engine.protocol.frames import read_frame
from engine.runlog import segment_file
from engine.runlog import writer as writer_module
from engine.runlog.index import History
from engine.runlog.reader import LogReader
from engine.runlog.segment import read_footer, read_header, segment_paths
from engine.runlog.writer import LogWriter


def line(text: str) -> LogLine:
    return LogLine(level="info", text=text)


def texts(run_dir: Path) -> list[str]:
    events = [decode(entry.kind, entry.payload) for entry in LogReader(run_dir).entries()]
    return [event.text if isinstance(event, LogLine) else type(event).__name__ for event in events]


def test_telemetry_and_commits_stay_in_the_order_they_were_said(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, "r")
    for i in range(50):
        writer.emit(line(f"{i}"))
        if i % 10 == 9:
            assert writer.commit(StateChanged(state="running", step=i)) == i + 1 + (i + 1) // 10
    writer.close()
    expected = [t for i in range(50) for t in ([f"{i}", "StateChanged"] if i % 10 == 9 else [f"{i}"])]
    assert texts(tmp_path) == expected


def test_a_committed_event_is_in_the_file_when_commit_returns(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, "r")
    for i in range(20):
        seq = writer.commit(line(f"{i}"), durable=i % 2 == 0)
        assert texts(tmp_path)[-1] == f"{i}"
        assert writer.head_seq == seq
    writer.close()


def test_nobody_is_told_of_what_the_log_lacks(tmp_path: Path) -> None:
    seen: list[tuple[int, int, bytes]] = []

    def on_frames(frames: list[tuple[int, int, bytes]]) -> None:
        logged = {entry.seq for entry in LogReader(tmp_path).entries()}
        assert {seq for seq, _, _ in frames} <= logged
        seen.extend(frames)

    writer = LogWriter(tmp_path, "r", on_frames=on_frames)
    for i in range(10):
        writer.emit(line(f"{i}"))
    writer.commit(line("last"))
    writer.close()
    assert [seq for seq, _, _ in seen] == list(range(1, 12))
    for seq, kind, framed in seen:
        frame = read_frame(framed)
        assert frame, "the frame as it is in the log"
        assert not isinstance(frame, bool)
        assert (frame.seq, frame.kind) == (seq, kind)


def test_commit_soon_answers_from_the_log_thread_once_it_is_on_disk(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, "r")
    answered: list[int] = []
    done = threading.Event()

    def then(seq: int) -> None:
        answered.extend((seq, len(list(LogReader(tmp_path).entries()))))
        done.set()

    writer.commit_soon(line("x"), then)
    assert done.wait(PATIENCE_S)
    assert answered == [1, 1]
    writer.close()


def test_each_life_opens_a_segment_of_its_own_and_counts_on(tmp_path: Path) -> None:
    for life in range(3):
        writer = LogWriter(tmp_path, "r", wall=lambda life=life: 1000.0 * life, clock_ns=lambda: 5)  # type: ignore[misc]
        assert writer.commit(line(f"life {life}")) == life + 1
        writer.close()
    assert [path.name for path in segment_paths(tmp_path)] == ["000000.slog", "000001.slog", "000002.slog"]
    assert [entry.wall_s for entry in LogReader(tmp_path).entries()] == [0.0, 1000.0, 2000.0]
    header, _ = read_header(segment_paths(tmp_path)[2])
    assert header is not None
    assert [(kept.kind, kept.seq, kept.wall_s) for kept in header.snapshot] == [(19, 2, 1000.0)]


def test_segments_are_sealed_before_they_grow_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "SEGMENT_BYTES", 20_000)
    writer = LogWriter(tmp_path, "r")
    for i in range(400):
        writer.commit(line(f"{i:04d}" * 50))
    writer.close()
    paths = segment_paths(tmp_path)
    assert len(paths) > 4
    assert all(read_footer(path) is not None for path in paths)
    assert texts(tmp_path) == [f"{i:04d}" * 50 for i in range(400)]


def test_too_much_telemetry_is_dropped_counted_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "QUEUE_EVENTS", 10)
    held, release = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        held.set()
        assert release.wait(PATIENCE_S)

    writer = LogWriter(tmp_path, "r", on_frames=hold)
    writer.emit(line("first"))
    assert held.wait(PATIENCE_S)
    for i in range(25):
        writer.emit(line(f"{i}"))
    release.set()
    writer.commit(line("last"))
    writer.close()
    events = [decode(entry.kind, entry.payload) for entry in LogReader(tmp_path).entries()]
    assert [event.dropped for event in events if isinstance(event, LogGap)] == [15]
    assert texts(tmp_path)[-1] == "last"


def test_an_event_that_cannot_be_framed_is_told_not_fatal(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, "r")
    assert writer.commit(line("x" * (1 << 20))) == 0
    assert writer.commit(RunEnded(step=0, outcome="finished", reason="")) == 2
    writer.close()
    assert texts(tmp_path) == ["LogGap", "RunEnded"]


def test_names_of_files_that_are_not_utf8_are_logged_as_escapes(tmp_path: Path) -> None:
    folder = tmp_path / "run-\udcff"
    folder.mkdir()
    writer = LogWriter(folder, folder.name)
    writer.commit(line(f"cannot read {folder.name}/x"))
    writer.close()
    assert texts(folder) == ["cannot read run-\\udcff/x"]


def test_close_writes_what_was_still_waiting_and_later_words_are_ignored(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, "r")
    for i in range(3000):
        writer.emit(line(f"{i}"))
    writer.close()
    writer.close()
    assert len(texts(tmp_path)) == 3000
    assert writer.commit(line("too late")) == 0
    writer.emit(line("too late"))
    assert len(texts(tmp_path)) == 3000


def test_only_the_owner_can_look_inside(tmp_path: Path) -> None:
    LogWriter(tmp_path / "run", "r").close()
    assert stat.S_IMODE((tmp_path / "run" / "log").stat().st_mode) == 0o700
    for path in segment_paths(tmp_path / "run"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_made_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SlotdeckError, match="cannot be made"):
        LogWriter(tmp_path / "file", "r")


def test_after_a_failed_sync_the_log_goes_on_in_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[int] = []
    writer = LogWriter(
        tmp_path,
        "r",
        on_frames=lambda frames: published.extend(seq for seq, kind, _ in frames if kind == LogLine.KIND),
    )
    assert writer.commit(line("before"), durable=True) == 1
    real, failures = segment_file._sync, [OSError(errno.EIO, "Input/output error")]

    def failing(fd: int) -> None:
        if failures:
            raise failures.pop()
        real(fd)

    monkeypatch.setattr(segment_file, "_sync", failing)
    assert writer.commit(line("tried again"), durable=True) == 2
    assert len(segment_paths(tmp_path)) == 2
    failures += [OSError(errno.EIO, "Input/output error")] * 20
    assert writer.commit(line("lost"), durable=True) == 0
    assert "Input/output error" in writer.failing
    failures.clear()
    assert writer.commit(line("after"), durable=True)
    writer.close()
    told = texts(tmp_path)
    assert [text for text in told if text in ("before", "tried again", "lost", "after")] == [
        "before",
        "tried again",
        "after",
    ], "what nobody was told of as written is not in the log"
    events = [decode(entry.kind, entry.payload) for entry in LogReader(tmp_path).entries()]
    in_log = [entry.seq for entry in LogReader(tmp_path).entries() if entry.kind == LogLine.KIND]
    assert published == in_log
    assert sum(event.dropped for event in events if isinstance(event, LogGap)) == 1


def test_a_log_that_counts_too_far_is_read_without_those_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "countable", lambda _: True)
    writer = LogWriter(tmp_path, "r")
    monkeypatch.setattr(
        writer._segment, "note", lambda *_: None
    )  # a foreign program, without a footer of ours
    for strange in (report(1), msgspec.structs.replace(report(2), branch=1 << 40), report(3)):
        writer.commit(strange)
    assert History(tmp_path).tracks.step.tolist() == [1, 3]
    writer.close()


def test_a_report_of_a_branch_beyond_all_counting_is_left_out_and_the_log_goes_on(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, "r")
    assert writer.commit(line("before"))
    assert not writer.commit(report(1, branch=1 << 31))
    assert not writer.commit(msgspec.structs.replace(report(1), step=1 << 62))
    assert writer.commit(report(2))
    writer.close()
    events = [decode(entry.kind, entry.payload) for entry in LogReader(tmp_path).entries()]
    assert [type(event).__name__ for event in events] == ["LogLine", "LogGap", "LogGap", "StepReport"]
    assert [event.reason for event in events if isinstance(event, LogGap)] == [
        "a StepReport counts further than the log does"
    ] * 2
    assert not writer.failing
