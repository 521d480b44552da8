"""Names of runs, profiles and checkpoints cannot leave their folder, wherever a name becomes a path."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.checkpoint.find import find
from engine.errors import SlotdeckError
from engine.profile.load import load_profile
from engine.profile.schema import Profile
from engine.profile.shelf import find_profile
from engine.profile.write import to_toml
from engine.runlog.branches import Branches
from engine.runlog.catalog import create_run, find_run

HOSTILE = (
    "..", ".", "../decoy", "../../decoy", "/decoy", "./decoy", "~/decoy", "~nobody-at-all/decoy", "decoy/..",
    "a/../../decoy", "decoy\0", "\0", "..\0", "-rf", "--help", "-", "\u2024\u2024/decoy", "\uff0e\uff0e\uff0fdecoy",
    "..\u2215decoy", "..\\decoy", "de\u0441oy", "\u202eyoced", "decoy\n", "\x1b[2Jdecoy", "*", "[a-z]*", "?ecoy",
    "$HOME", "`id`", "a" * 300, "CON", " decoy", "decoy ", "\udcff", "",
)  # fmt: skip
shown = [ascii(name) for name in HOSTILE]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`home/` is where we stand; a run, a profile and a checkpoint called decoy lie outside of all folders of ours."""
    home = tmp_path / "home"
    (home / "runs" / "20261121-090000-demo-3f2a" / "log").mkdir(parents=True)
    (home / "profiles").mkdir()
    (tmp_path / "decoy" / "log").mkdir(parents=True)
    (tmp_path / "decoy.toml").write_text('about = "found"\n')
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(tmp_path))
    return home


def tried(find_it: Callable[[], Path]) -> tuple[Path | None, str]:
    """What was found, or what was said; an error without a remedy, or of another kind, fails the test."""
    try:
        return find_it(), ""
    except SlotdeckError as error:
        return None, str(error) if error.remedy else "\x1b"


@pytest.mark.parametrize("name", HOSTILE, ids=shown)
def test_a_new_run_lies_in_the_runs_folder_whatever_its_profile_is_called(world: Path, name: str) -> None:
    made = create_run(world / "runs", name, "", time.time(), "aaaa")
    assert made.resolve().parent == (world / "runs").resolve()
    assert made.name.isascii()
    assert made.name.isprintable()
    assert "/" not in made.name
    assert find_run(made.name, world / "runs") == made


@pytest.mark.parametrize("name", HOSTILE, ids=shown)
def test_a_run_is_found_by_name_in_its_folder_or_by_an_explicit_path(world: Path, name: str) -> None:
    """With a slash it is a path of the user's; without, it never leaves the folder of runs."""
    found, said = tried(lambda: find_run(name, world / "runs"))
    assert "\x1b" not in said
    if found is not None:
        inside = found.resolve().parent == (world / "runs").resolve()
        assert inside or "/" in name, "a name without a slash led out"
        assert inside or found.resolve() == Path(name).expanduser().resolve()


@pytest.mark.parametrize("name", HOSTILE, ids=shown)
def test_a_profile_is_found_by_name_on_the_shelf_or_by_an_explicit_path(world: Path, name: str) -> None:
    found, said = tried(lambda: find_profile(name))
    assert "\x1b" not in said
    if found is not None:
        assert "/" in name, "a name without a slash led somewhere"
        assert found.resolve() == Path(name).expanduser().resolve()


@pytest.mark.parametrize("name", [name for name in HOSTILE if "/" not in name and "\udcff" not in name])
def test_a_base_without_a_slash_stays_beside_its_profile_and_on_the_shelf(world: Path, name: str) -> None:
    quoted = "".join(c if c.isalnum() else f"\\U{ord(c):08x}" for c in name)
    (world / "profiles" / "mine.toml").write_text(f'base = "{quoted}"\n')
    with pytest.raises(SlotdeckError) as told:
        load_profile("mine")
    assert "\x1b" not in str(told.value)


@pytest.mark.parametrize("name", HOSTILE, ids=shown)
def test_a_profiles_own_name_is_only_a_name(world: Path, name: str) -> None:
    try:
        text = to_toml(Profile(name=name))
        (world / "profiles" / "mine.toml").write_text(text, encoding="utf-8")
        profile = load_profile("mine")
    except (SlotdeckError, UnicodeEncodeError):
        return
    made = create_run(world / "runs", profile.name, text, time.time(), "bbbb")
    assert made.resolve().parent == (world / "runs").resolve()


@pytest.mark.parametrize("name", HOSTILE, ids=shown)
def test_a_checkpoint_is_one_of_the_runs_own(world: Path, name: str) -> None:
    root = world / "runs" / "20261121-090000-demo-3f2a" / "checkpoints"
    (root / "step-00000001").mkdir(parents=True)
    (root / "decoy").symlink_to(world.parent / "decoy")
    for folder in (root, root / "nowhere"):
        with pytest.raises(SlotdeckError) as told:
            find(folder, name, Branches())
        assert "\x1b" not in str(told.value)
