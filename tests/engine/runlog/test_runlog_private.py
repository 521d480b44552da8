"""Run folders that somebody else could have made or changed are refused at every start, in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import SlotdeckError
from engine.runlog.catalog import create_run
from engine.runlog.private import check_run_folder
from tui.link.spawn import start

NOBODY = 65534
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    made = create_run(tmp_path / "runs", "demo", 'name = "demo"\n', 0.0, "3f2a")
    for name in ("lock", "engine.out", "restarts", "label.json", "log/000000.slog"):
        (made / name).touch(0o600)
    (made / "checkpoints" / "step-00000001").mkdir(0o700)
    (made / "checkpoints" / "step-00000001" / "MANIFEST").touch(0o600)
    return made


def test_what_we_make_is_ours_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = create_run(tmp_path / "runs", "demo", 'name = "demo"\n', 0.0, "3f2a")
        quiet = start([sys.executable, "-c", "pass"], made)
        quiet.process.wait()
    finally:
        os.umask(before)
    check_run_folder(made)
    for path in [made.parent, made, *made.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


EVERY = ("", "profile.toml", "lock", "engine.out", "restarts", "label.json", "log", "log/000000.slog", "checkpoints",
         "checkpoints/step-00000001", "checkpoints/step-00000001/MANIFEST", "artifacts")  # fmt: skip


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_what_others_may_write_is_refused(run_dir: Path, name: str, mode: int) -> None:
    path = run_dir / name
    path.chmod(path.stat().st_mode | mode)
    with pytest.raises(SlotdeckError, match="may be written by others") as told:
        check_run_folder(run_dir)
    assert str(path.resolve()) in told.value.message
    assert "chmod -R go-w" in told.value.remedy


@pytest.mark.parametrize("name", EVERY[1:])
def test_a_link_is_refused_where_a_file_of_ours_belongs(run_dir: Path, tmp_path: Path, name: str) -> None:
    path = run_dir / name
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SlotdeckError, match="is a symbolic link"):
        check_run_folder(run_dir)
    with pytest.raises(SlotdeckError, match="is a symbolic link"):
        start([sys.executable, "-c", "pass"], run_dir)


@needs_root
@pytest.mark.parametrize("name", EVERY)
def test_what_belongs_to_another_user_is_refused(run_dir: Path, name: str) -> None:
    os.chown(run_dir / name, NOBODY, NOBODY)
    with pytest.raises(SlotdeckError, match=f"belongs to user {NOBODY}"):
        check_run_folder(run_dir)


def as_a_file(path: Path) -> None:
    path.touch()


def as_a_pipe(path: Path) -> None:
    os.mkfifo(path)


def as_a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("sock", as_a_file),
        ("sock", as_a_folder),
        ("lock", as_a_pipe),
        ("engine.out", as_a_folder),
        ("log", as_a_file),
    ],
)
def test_something_else_in_its_place_is_refused(
    run_dir: Path, name: str, make: Callable[[Path], None]
) -> None:
    subprocess.run(["rm", "-r", "-f", str(run_dir / name)], check=True)
    make(run_dir / name)
    with pytest.raises(SlotdeckError, match="not what a run has there") as told:
        check_run_folder(run_dir)
    assert name in told.value.message


def test_the_engine_itself_refuses_in_one_line_and_writes_nothing(run_dir: Path) -> None:
    (run_dir / "log").chmod(0o777)
    before = sorted(path.name for path in run_dir.iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "engine.control.restarter", str(run_dir), "--restarts", "1"],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "may be written by others (mode 0777)" in done.stderr
    assert sorted(path.name for path in run_dir.iterdir()) == before


def test_a_path_of_links_that_are_the_users_own_is_followed(run_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "scratch").symlink_to(run_dir.parent)
    check_run_folder(tmp_path / "scratch" / run_dir.name)
