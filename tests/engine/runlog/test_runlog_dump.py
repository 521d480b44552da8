"""`slotdeck dump`: every frame as JSON, through msgpack and the names in the log itself."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from fake_run import write_fake_run

from engine.errors import SlotdeckError
from engine.protocol.codec import decode
from engine.protocol.events import Event, Hardware, LogLine, SlotPlanned, SlotRow, StepReport
from engine.runlog.dump import dump
from engine.runlog.reader import LogReader
from engine.runlog.writer import LogWriter

ROOT = Path(__file__).parents[3]


def rows(run_dir: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in dump(run_dir)]


def plain(value: object) -> object:
    """An event as JSON would have it."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def test_the_dump_says_what_the_log_says(tmp_path: Path) -> None:
    run_dir = write_fake_run(tmp_path / "20261121-090000-demo-aaaa")
    dumped = [row for row in rows(run_dir) if "seq" in row]
    entries = list(LogReader(run_dir).entries())
    assert [row["seq"] for row in dumped] == [entry.seq for entry in entries]
    for row, entry in zip(dumped, entries, strict=True):
        event = decode(entry.kind, entry.payload)
        assert isinstance(event, Event)
        assert row["kind"] == type(event).__name__
        assert row["fields"] == plain(event)
    assert dumped[0]["time"] == "2026-11-21T09:00:00.000Z"


def test_first_and_last_lines_are_the_segments_own(tmp_path: Path) -> None:
    run_dir = write_fake_run(tmp_path / "20261121-090000-demo-aaaa")
    first, *_, last = rows(run_dir)
    assert (first["kind"], first["segment"], first["first_seq"]) == ("SegmentHeader", "000000.slog", 1)
    assert last["kind"] == "SegmentFooter"


def test_numbers_that_json_has_not_and_text_that_bites_come_out_readable(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, "r")
    report = StepReport(
        step=1, branch=0, steps=1, tokens=1, loss=math.nan, loss_ema=math.inf, lr=0.0, grad_norm=-math.inf,
        tokens_per_s=1.0, step_ms=1.0, data_ms=1.0, forward_ms=1.0, backward_ms=1.0, optimizer_ms=1.0,
        active_slots=1.0, precision="fp32",
    )  # fmt: skip
    writer.commit(report)
    writer.commit(LogLine(level="info", text="\x1b]52;c;evil\x07 \u202e two\nlines"))
    writer.close()
    lines = list(dump(tmp_path))
    assert all(line.isprintable() for line in lines)
    _, first, second, _ = map(json.loads, lines)
    assert [first["fields"][name] for name in ("loss", "loss_ema", "grad_norm")] == [
        "NaN",
        "Infinity",
        "-Infinity",
    ]
    assert second["fields"]["text"] == "\\x1b]52;c;evil\\x07 \\u202e two\nlines"


def test_nested_rows_have_names_too(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, "r")
    writer.commit(
        SlotPlanned(step=1, branch=0, policy="all", rows=[SlotRow(duty=0.5, held="pin"), SlotRow(duty=1)])
    )
    writer.commit(
        Hardware(
            cpu_percent=None,
            process_cpu_percent=None,
            ram_used_bytes=None,
            ram_total_bytes=None,
            process_rss_bytes=None,
            disk_free_bytes=None,
            disk_total_bytes=None,
        )
    )
    writer.close()
    _, plan, hardware, _ = rows(tmp_path)
    assert isinstance(plan["fields"], dict)
    assert [(row["duty"], row["held"]) for row in plan["fields"]["rows"]] == [(0.5, "pin"), (1, "")]
    assert isinstance(hardware["fields"], dict)
    assert (hardware["fields"]["gpus"], hardware["fields"]["cpu_percent"]) == ([], None)


def test_a_torn_tail_is_a_line_not_an_error(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, "r")
    writer.commit(LogLine(level="info", text="x"))
    with (tmp_path / "log" / "000000.slog").open("ab") as file:
        file.write(b"\xa7\x4e\x00\x13")
    assert rows(tmp_path)[-1]["kind"] == "Incomplete"
    writer.close()


def test_no_event_type_is_needed(tmp_path: Path) -> None:
    run_dir = write_fake_run(tmp_path / "20261121-090000-demo-aaaa")
    program = """
import sys
from pathlib import Path
from engine.runlog.dump import dump
print(sum(1 for _ in dump(Path(sys.argv[1]))))
assert not {"torch", "numpy", "textual"} & set(sys.modules)
"""
    out = subprocess.run(
        [sys.executable, "-c", program, str(run_dir)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert int(out.stdout) == len(list(LogReader(run_dir).entries())) + 2


def test_a_folder_that_is_no_run_is_a_plain_error(tmp_path: Path) -> None:
    with pytest.raises(SlotdeckError, match="not a run folder"):
        list(dump(tmp_path))
