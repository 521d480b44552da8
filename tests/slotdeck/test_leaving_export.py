"""`slotdeck export-run`: what a spreadsheet, pyarrow, TensorBoard and W&B find in a run's export."""

from __future__ import annotations

import csv
import importlib.util
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fake_run import START_WALL_S, FakeClock, FakeRun, write_fake_run
from slotdeck_command import ROOT, Slotdeck, run_slotdeck

from engine.protocol import events as ev
from engine.runlog.writer import LogWriter
from slotdeck.export_run.facts import read_facts
from slotdeck.export_run.tables import TABLES
from slotdeck.export_run.tfrecord import scalar_records

RUN = "20261121-090000-demo-3f2a"
STEPS = 700


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 140 reports in every format."""
    folder = tmp_path_factory.mktemp("leaving")
    write_fake_run(folder / "runs" / RUN, FakeRun(steps=STEPS, total_steps=STEPS))
    flags = ("--csv", "--parquet", "--tensorboard", "--wandb-offline")
    done = run_slotdeck("export-run", RUN, *flags, "--to", "out", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "loss curve for a spreadsheet: out/csv/loss.csv" in done.stdout
    return folder / "out"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_loss_curve_opens_in_a_spreadsheet(exported: Path) -> None:
    curve = rows_of(exported / "csv" / "loss.csv")
    assert [int(row["step"]) for row in curve] == list(range(5, STEPS + 1, 5))
    assert curve[0]["time"] == "2026-11-21T09:00:00.150Z"
    assert [row["val_loss"] for row in curve[:50]] == [""] * 50
    assert all(float(row["val_loss"]) > 5 for row in curve[50:])
    raw = (exported / "csv" / "loss.csv").read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") == len(curve) + 1


def test_every_command_has_a_row_with_what_came_of_it(exported: Path) -> None:
    (row,) = rows_of(exported / "csv" / "commands.csv")
    assert (row["status"], row["text"], row["step"], row["before"], row["after"]) == (
        "applied", "pin block.3", "400", "auto", "pin",
    )  # fmt: skip
    assert (row["who"], json.loads(row["args"])) == ("ada@box7", {"slot": "block.3"})
    assert float(row["waited_s"]) == pytest.approx(0.01, abs=1e-6)


def test_parquet_has_the_documented_schema_and_the_run_in_its_metadata(exported: Path) -> None:
    kinds = {"time": "timestamp[us, tz=UTC]", "float64": "double"}
    for table in TABLES:
        schema = pq.read_schema(exported / "parquet" / f"{table.name}.parquet")
        assert schema.names == list(table.names)
        assert [str(t) for t in schema.types] == [kinds.get(c.type, c.type) for c in table.columns]
        assert schema.metadata[b"run_id"] == RUN.encode()
        assert schema.metadata[b"complete"] == b"true"
    steps = pq.read_table(exported / "parquet" / "steps.parquet")
    assert steps.column("step").to_pylist() == list(range(5, STEPS + 1, 5))
    assert steps.column("on_final_branch").to_pylist() == [True] * 140
    assert steps.column("time").to_pylist()[0].timestamp() == pytest.approx(START_WALL_S + 0.15)
    plans = pq.read_table(exported / "parquet" / "slot_plans.parquet").to_pylist()
    assert {(row["name"], row["held"]) for row in plans if row["step"] >= 420 and row["slot"] == 3} == {
        ("block.3", "pin")
    }


def test_the_page_of_the_schema_names_every_column() -> None:
    page = (ROOT / "docs" / "export-run.md").read_text(encoding="utf-8")
    for table in TABLES:
        part = page.partition(f"### {table.name}\n")[2].partition("\n### ")[0]
        assert [
            line.split("|")[1].strip(" `") for line in part.splitlines() if line.startswith("| `")
        ] == list(table.names)


def went_back(folder: Path) -> Path:
    """Forty steps, a rollback to step 20, and on to 40; with foreign text in it."""
    run_dir = folder / "runs" / RUN
    (run_dir / "log").mkdir(parents=True)
    run = FakeRun(run_id=RUN, steps=40, total_steps=40, report_every=1, clock=FakeClock())
    reports = [event for event in run.events() if isinstance(event, ev.StepReport)]
    writer = LogWriter(run_dir, RUN, clock_ns=run.clock.clock_ns, wall=run.clock.wall)
    writer.commit(run._started())
    for report in reports:
        writer.commit(report)
    writer.commit(ev.LogLine(level="info", text='=HYPERLINK("http://x","\x1b[2J")'))
    writer.commit(ev.WentBack(step=20, branch=1, from_step=40, checkpoint="step-00000020", reason="asked"))
    for report in reports[20:30]:
        writer.commit(_on_branch(report, 1))
    writer.close()
    return run_dir


def _on_branch(report: ev.StepReport, branch: int) -> ev.StepReport:
    from msgspec.structs import replace

    return replace(report, branch=branch, loss=float("nan") if report.step == 25 else report.loss)


def test_what_a_rollback_left_behind_is_told_apart(slotdeck: Slotdeck, tmp_path: Path) -> None:
    went_back(tmp_path)
    assert slotdeck("export-run", RUN, "--csv", "--tensorboard").returncode == 0
    out = tmp_path / f"{RUN}-export"
    steps = rows_of(out / "csv" / "steps.csv")
    left = [int(row["step"]) for row in steps if row["on_final_branch"] == "false"]
    assert left == list(range(21, 41))
    curve = rows_of(out / "csv" / "loss.csv")
    assert [int(row["step"]) for row in curve] == list(range(1, 31))
    assert curve[24]["loss"] == "nan"
    assert sorted(path.name for path in (out / "tensorboard").iterdir() if path.is_dir()) == [
        RUN,
        f"{RUN}-left-branch-0",
    ]
    assert slotdeck("export-run", RUN, "--csv", "--final-branch", "--overwrite").returncode == 0
    assert len(rows_of(out / "csv" / "steps.csv")) == 30


def test_foreign_text_is_no_formula_and_no_escape(slotdeck: Slotdeck, tmp_path: Path) -> None:
    went_back(tmp_path)
    assert slotdeck("export-run", RUN, "--csv", "--to", "out").returncode == 0
    (line,) = rows_of(tmp_path / "out" / "csv" / "log_lines.csv")
    assert line["text"] == '\'=HYPERLINK("http://x","\\x1b[2J")'


def test_an_export_is_replaced_only_when_asked_and_nothing_else_ever(
    slotdeck: Slotdeck, tmp_path: Path
) -> None:
    went_back(tmp_path)
    mine = tmp_path / "out" / "csv"
    mine.mkdir(parents=True)
    (mine / "thesis.txt").write_text("years of work")
    done = slotdeck("export-run", RUN, "--csv", "--to", "out", "--overwrite")
    assert (done.returncode, "holds no export" in done.stderr) == (2, True)
    assert (mine / "thesis.txt").read_text() == "years of work"
    assert slotdeck("export-run", RUN, "--parquet", "--to", "out").returncode == 0
    again = slotdeck("export-run", RUN, "--parquet", "--to", "out")
    assert (again.returncode, "--overwrite" in again.stderr) == (2, True)


def test_a_run_that_has_not_ended_is_exported_up_to_now(slotdeck: Slotdeck, tmp_path: Path) -> None:
    from engine.runlog.lock import RunLock

    run_dir = write_fake_run(tmp_path / "runs" / RUN, FakeRun(steps=50, outcome=""))
    with RunLock(run_dir):
        done = slotdeck("export-run", RUN, "--wandb-offline", "--to", "out")
    assert (done.returncode, "is live" in done.stdout) == (0, True)
    kinds = [number for number, _ in wandb_records(tmp_path / "out")]
    assert 18 not in kinds, "a live run has no exit"


# -- TensorBoard: the frames by an independent reader, the contents by the real one --------------------------


def crc32c(data: bytes) -> int:
    total = 0xFFFFFFFF
    for byte in data:
        total ^= byte
        for _ in range(8):
            total = (total >> 1) ^ (0x82F63B78 if total & 1 else 0)
    total ^= 0xFFFFFFFF
    return ((total >> 15 | total << 17) + 0xA282EAD8) & 0xFFFFFFFF


def frames(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        body = data[at + 12 : at + 12 + length]
        assert struct.unpack_from("<I", data, at + 8)[0] == crc32c(data[at : at + 8])
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == crc32c(body)
        yield body
        at += 16 + length


def test_event_files_are_whole_frames_with_right_sums(exported: Path) -> None:
    (file,) = (exported / "tensorboard" / RUN).iterdir()
    events = list(frames(file.read_bytes()))
    assert b"brain.Event:2" in events[0]
    assert sum(b"loss/train" in event for event in events) == 140
    assert sum(b"loss/val" in event for event in events) == 2


def test_a_step_of_any_size_is_a_whole_record() -> None:
    import numpy as np

    steps = np.array([0, 1, 127, 128, 16_383, 16_384, 2**40], np.int64)
    wall_s, values = np.arange(7.0), np.arange(14.0).reshape(7, 2)
    found = list(frames(scalar_records(wall_s, steps, ["a", "b/" + "c" * 200], values)))
    assert len(found) == 7
    assert found[3][9:12] == b"\x10\x80\x01"
    assert struct.unpack("<f", found[6][-4:]) == (13.0,)


@pytest.mark.skipif(
    not importlib.util.find_spec("tensorboard"), reason="needs pip install 'slotdeck[tensorboard]'"
)
def test_the_real_tensorboard_reads_every_scalar(exported: Path) -> None:
    read = (
        "import sys; from tensorboard.backend.event_processing.event_accumulator import EventAccumulator as E\n"
        "e = E(sys.argv[1], size_guidance={'scalars': 0, 'tensors': 0}); e.Reload(); s = e.Scalars('loss/train')\n"
        "print(len(s), s[0].step, s[-1].step, s[0].wall_time, sorted(e.Tags()['tensors']))"
    )
    folder = str(exported / "tensorboard" / RUN)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", read, folder], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == f"140 5 {STEPS} {START_WALL_S + 0.15} ['commands', 'profile/life_1']", (
        done.stderr
    )


# -- W&B: the container by an independent reader, the messages by the real package ---------------------------


def wandb_records(out: Path) -> list[tuple[int, bytes]]:
    """Field number and bytes of each record."""
    (file,) = out.glob("wandb/offline-run-*/run-*.wandb")
    data, at, whole, found = file.read_bytes(), 7, b"", []
    assert data[:7] == b":W&B\xe1\xbe\x00"
    while at + 7 <= len(data):
        crc, length, kind = struct.unpack_from("<IHB", data, at)
        if kind == 0:
            at += 32768 - at % 32768
            continue
        piece = data[at + 7 : at + 7 + length]
        assert crc == zlib.crc32(piece, zlib.crc32(bytes([kind])))
        assert at // 32768 == (at + 6 + length) // 32768, "a piece does not cross blocks"
        whole, at = whole + piece, at + 7 + length
        if kind in (1, 4):
            number = 1
            while whole[number] & 0x80:
                number += 1
            field, shift, place = 0, 0, number + 1
            while True:
                field |= (whole[place] & 0x7F) << shift
                shift, place = shift + 7, place + 1
                if not whole[place - 1] & 0x80:
                    break
            found.append((field >> 3, whole))
            whole = b""
    return found


def test_the_offline_run_has_a_row_a_step_and_an_end(exported: Path) -> None:
    records = wandb_records(exported)
    kinds = [number for number, _ in records]
    assert (kinds[0], kinds[1], kinds[-1]) == (21, 17, 18)
    assert (kinds.count(2), kinds.count(3)) == (140, 1)
    rows = [record for number, record in records if number == 2]
    assert sum(b"loss/val" in row for row in rows) == 2
    assert b"1795251600.15" in rows[0], "the run's own time"


@pytest.mark.skipif(not importlib.util.find_spec("wandb"), reason="needs pip install 'slotdeck[wandb]'")
def test_the_real_wandb_would_sync_it(exported: Path) -> None:
    (run,) = exported.glob("wandb/offline-run-*")
    command = [sys.executable, "-m", "wandb", "sync", "--dry-run", str(run)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Would sync 1 run" in done.stdout + done.stderr


def test_facts_know_the_line_that_leads_to_the_end(tmp_path: Path) -> None:
    facts = read_facts(went_back(tmp_path))
    assert facts.line[0] == 20
    assert (facts.leads(0, 21), facts.leads(1, 21)) == (False, True)
