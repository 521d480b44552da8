"""Tags, notes and the archive; deleting; and what is remembered of a folder of many runs."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from fake_run import FakeRun, write_fake_run
from many_runs import write_many_runs
from msgspec.structs import replace

from engine.errors import SlotdeckError
from engine.runlog.catalog import find_run, list_runs
from engine.runlog.label import NAME, Label, change_label, noted, read_label, tagged
from engine.runlog.lock import RunLock
from engine.runlog.remembered import NAME as CATALOG
from engine.runlog.remembered import RememberedRuns
from engine.runlog.remove import delete_run, freed_bytes


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    write_many_runs(tmp_path / "runs", 12)
    return tmp_path / "runs"


def test_a_label_is_private_and_says_what_was_given_last(runs_dir: Path) -> None:
    run_dir = find_run("tiny-0001", runs_dir)
    assert read_label(run_dir) == Label()
    change_label(run_dir, lambda label: tagged(label, add=["baseline", "#cpu"]))
    change_label(run_dir, lambda label: noted(label, " the one\nto beat "))
    change_label(run_dir, lambda label: tagged(label, add=["big"], remove=["cpu"]))
    change_label(run_dir, lambda label: replace(label, archived=True))
    assert read_label(run_dir) == Label(tags=("baseline", "big"), note="the one to beat", archived=True)
    assert stat.S_IMODE((run_dir / NAME).stat().st_mode) == 0o600
    assert [path.name for path in run_dir.iterdir() if path.name.endswith(".part")] == []
    assert find_run("tiny-0001", runs_dir) == run_dir, "an archived run is found by its name"


@pytest.mark.parametrize("content", [b"", b"{", b'{"tags": 3}', b"\xff\xfe", b'{"note": "\\u001b[2J"}'])
def test_a_label_that_is_damaged_or_hostile_does_no_harm(runs_dir: Path, content: bytes) -> None:
    run_dir = find_run("tiny-0001", runs_dir)
    (run_dir / NAME).write_bytes(content)
    assert "\x1b" not in read_label(run_dir).note
    assert read_label(run_dir).tags == ()
    assert change_label(run_dir, lambda label: tagged(label, add=["x"])).tags == ("x",)


@pytest.mark.parametrize("tag", ["", "two words", "a" * 33, "-x", "\u202eevil", "#"])
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(SlotdeckError, match="is no tag"):
        tagged(Label(), add=[tag])


def test_a_deleted_run_is_gone_and_what_it_shared_with_another_stays(runs_dir: Path) -> None:
    run_dir, other = find_run("tiny-0001", runs_dir), find_run("demo-0004", runs_dir)
    shared = run_dir / "checkpoints" / "shared"
    os.link(next((other / "checkpoints").glob("*/model.safetensors")), shared)
    before = freed_bytes(run_dir)
    shared.unlink()
    assert freed_bytes(run_dir) == before, "a shared file is not counted as freed"
    delete_run(run_dir, runs_dir)
    assert not run_dir.exists()
    assert len(list_runs(runs_dir)) == 11
    assert not [path for path in runs_dir.iterdir() if path.name.startswith(".")]


def test_only_a_dead_run_of_the_folder_itself_can_be_deleted(runs_dir: Path, tmp_path: Path) -> None:
    outside = write_fake_run(tmp_path / "elsewhere" / "20261121-090000-demo-3f2a", FakeRun(steps=20))
    linked = runs_dir / "20261121-100000-linked-0000"
    linked.symlink_to(outside)
    (runs_dir / "notes").mkdir()
    live = find_run("tiny-0001", runs_dir)
    with RunLock(live):
        for path, why in (
            (outside, "does not lie in"),
            (linked, "symbolic link"),
            (runs_dir / "notes", "not a run folder"),
            (runs_dir / "..", "does not lie in"),
            (live, "is live"),
        ):
            with pytest.raises(SlotdeckError, match=why):
                delete_run(path, runs_dir)
    assert outside.exists()
    assert live.exists()


def test_what_is_over_is_remembered_until_its_log_changes(runs_dir: Path) -> None:
    first = RememberedRuns(runs_dir)
    rows = [first.look(path) for path in first.paths()]
    sizes = [first.size(path) for path in first.paths()]
    first.save()
    again = RememberedRuns(runs_dir)
    assert [again.remembered(path) is not None for path in again.paths()] == [True] * 12
    listed = list_runs(runs_dir)
    assert [again.look(path) for path in again.paths()] == [
        type(row)(**{name: getattr(row, name) for name in row.__slots__} | {"size_bytes": size})
        for row, size in zip(rows, sizes, strict=True)
    ]
    assert [(row.step, row.outcome, row.best_val_loss, row.size_bytes) for row in listed] == [
        (row.step, row.outcome, row.best_val_loss, size) for row, size in zip(rows, sizes, strict=True)
    ]
    assert all(len(row.curve) > 5 for row in rows)
    changed = again.paths()[0]
    segment = next((changed / "log").glob("*.slog"))
    segment.write_bytes(segment.read_bytes() + b"?")
    assert again.remembered(changed) is None


def test_a_live_run_is_never_remembered_as_over(runs_dir: Path) -> None:
    catalog = RememberedRuns(runs_dir)
    path = catalog.paths()[0]
    before = catalog.look(path).outcome
    assert not catalog.look(path).live
    with RunLock(path):
        assert catalog.look(path).live
        assert catalog.look(path).outcome == ""
    assert catalog.look(path).outcome == before != ""


@pytest.mark.parametrize("content", [b"", b"torn", b"\x82\xa6format\x01\xa4runs\x81\xa1x\x90"])
def test_a_damaged_catalog_counts_as_none_and_is_written_anew(runs_dir: Path, content: bytes) -> None:
    (runs_dir / CATALOG).write_bytes(content)
    catalog = RememberedRuns(runs_dir)
    rows = [catalog.look(path) for path in catalog.paths()]
    assert {row.outcome for row in rows} == {"finished", "stopped", "failed", "killed"}
    catalog.save()
    assert RememberedRuns(runs_dir).remembered(rows[0].path) is not None


def test_two_homes_may_write_the_catalog_and_one_forgets_what_the_other_deleted(runs_dir: Path) -> None:
    one, two = RememberedRuns(runs_dir), RememberedRuns(runs_dir)
    for catalog in (one, two):
        for path in catalog.paths():
            catalog.look(path)
        catalog.save()
    delete_run(one.paths()[0], runs_dir)
    assert len(two.paths()) == 11
    two.save()
    assert len(RememberedRuns(runs_dir)._kept) == 11


def test_the_best_validation_loss_is_the_lowest_one(tmp_path: Path) -> None:
    run_dir = write_fake_run(tmp_path / "20261121-090000-demo-3f2a")
    (row,) = list_runs(tmp_path)
    assert row.path == run_dir
    assert row.best_val_loss is not None
    assert row.best_step == 3000
    assert row.best_val_loss <= (row.val_loss or 0.0)
