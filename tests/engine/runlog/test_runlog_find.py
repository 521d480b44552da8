"""The few events that are news, out of a log of many: all, in order, whatever lies between and wherever it is cut."""

import pytest
from fake_run import FakeRun, write_fake_run

from engine.errors import SlotdeckError
from engine.protocol import events as e
from engine.runlog import find
from engine.runlog.reader import LogReader
from engine.runlog.writer import LogWriter

KINDS = {e.Evaluated.KIND, e.CommandApplied.KIND, e.Sampled.KIND, e.LogLine.KIND}


def found(run_dir, from_seq=1):
    return [entry for piece in find.entries_of(run_dir, KINDS, from_seq) for entry in piece]


def read(run_dir, from_seq=1):
    return [entry for entry in LogReader(run_dir).entries(from_seq) if entry.kind in KINDS]


@pytest.mark.parametrize("piece_bytes", [64, 257, 4096, 1 << 20])
def test_it_finds_what_reading_finds_wherever_the_log_is_cut(tmp_path, monkeypatch, piece_bytes):
    monkeypatch.setattr(find, "PIECE_BYTES", piece_bytes)
    run_dir = write_fake_run(tmp_path / "run", FakeRun("run", steps=600))
    assert found(run_dir) == read(run_dir) != []
    assert found(run_dir, 80) == read(run_dir, 80)


def test_it_goes_through_every_life_of_the_engine_and_reads_one_that_is_not_sealed(tmp_path):
    run_dir = write_fake_run(tmp_path / "run", FakeRun("run", steps=100, outcome=""))
    writer = LogWriter(run_dir, "run")
    for number in range(300):
        writer.emit(e.LogLine(level="info", text=f"line {number} " + "x" * 5000))
    writer.commit(e.Evaluated(step=101, branch=0, loss=4.0, perplexity=54.0, tokens=1, seconds=0.1))
    assert found(run_dir) == read(run_dir)
    assert len(found(run_dir)) > 300
    writer.close()


def test_damage_costs_only_the_frames_it_touches(tmp_path):
    run_dir = write_fake_run(tmp_path / "run", FakeRun("run", steps=600))
    (segment,) = (run_dir / "log").glob("*.slog")
    data = bytearray(segment.read_bytes())
    data[len(data) // 3] ^= 0xFF
    segment.write_bytes(data)
    assert found(run_dir) == read(run_dir)


def test_a_folder_that_is_no_run_is_said(tmp_path):
    with pytest.raises(SlotdeckError, match="is not a run folder"):
        found(tmp_path)
