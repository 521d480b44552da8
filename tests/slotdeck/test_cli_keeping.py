"""Order among runs from a shell: tags, notes, the archive, deleting; and prepare, which tells how far it is."""

from pathlib import Path

import pytest
from fake_run import FakeRun, write_fake_run
from slotdeck_command import run_slotdeck

from engine.runlog.jobs import list_jobs
from engine.runlog.lock import RunLock


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for name in ("20261121-090000-demo-3f2a", "20261121-100000-tiny-aaaa"):
        write_fake_run(tmp_path / "runs" / name, FakeRun(name, steps=60))
    return tmp_path


def test_runs_are_found_by_their_tags_and_left_out_when_archived(here: Path) -> None:
    assert "#baseline #cpu" in run_slotdeck("tag", "3f2a", "baseline", "#cpu", cwd=here).stdout
    assert "the one to beat" in run_slotdeck("note", "3f2a", "the", "one to beat", cwd=here).stdout
    tagged = run_slotdeck("runs", "--tag", "baseline", cwd=here).stdout
    assert "3f2a" in tagged
    assert "#baseline #cpu" in tagged
    assert "the one to beat" in tagged
    assert "aaaa" not in tagged
    assert "#baseline" not in run_slotdeck("tag", "3f2a", "baseline", "--remove", cwd=here).stdout
    assert "--undo" in run_slotdeck("archive", "3f2a", cwd=here).stdout
    listed = run_slotdeck("runs", cwd=here).stdout
    assert "3f2a" not in listed
    assert "1 archived run not shown" in listed
    assert "3f2a" in run_slotdeck("runs", "--all", cwd=here).stdout
    run_slotdeck("archive", "3f2a", "--undo", cwd=here)
    assert "3f2a" in run_slotdeck("runs", cwd=here).stdout


def test_a_run_is_deleted_only_when_that_is_confirmed_and_it_is_not_live(here: Path) -> None:
    run_dir = here / "runs" / "20261121-090000-demo-3f2a"
    asked = run_slotdeck("delete", "3f2a", cwd=here)
    assert asked.returncode == 2
    assert "cannot be undone; add --yes" in asked.stderr
    with RunLock(run_dir):
        live = run_slotdeck("delete", "3f2a", "--yes", cwd=here)
        assert live.returncode == 2
        assert "is live" in live.stderr
    assert run_dir.exists()
    done = run_slotdeck("delete", "3f2a", "--yes", cwd=here)
    assert done.returncode == 0
    assert "freed" in done.stdout
    assert not run_dir.exists()


def test_prepare_tells_in_the_runs_folder_how_it_went(here: Path) -> None:
    (here / "text.txt").write_text("a text to learn from, of a few words. " * 400)
    said = run_slotdeck("prepare", "text.txt", "--out", "data", "--vocab-size", "280", cwd=here)
    assert said.returncode == 0, said.stderr
    ((_, job),) = list_jobs(here / "runs")
    assert (job.task, job.what, job.state) == ("prepare", "data", "done")
    assert job.command == ("slotdeck", "prepare", "text.txt", "--out", "data", "--vocab-size", "280")
