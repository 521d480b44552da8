"""The short way from the script to the cockpit answers as the whole command line does, and leaves the rest to it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer
from deck_app import until
from fake_run import FakeRun, write_fake_run
from nursery import ForkedProcess
from patience import PATIENCE_S
from screen import Screen
from slotdeck_command import ENVIRONMENT

from engine.errors import SlotdeckError
from slotdeck import attach
from slotdeck.commands import watching
from slotdeck.front import main, short_way
from tui.app import SlotdeckApp
from tui.messages import ProfileChosen


@pytest.mark.parametrize(
    "words",
    [
        ["attach", "x"], ["attach"], ["attach", "x", "y"], ["attach", "--read-onyl", "x"], ["attach", "x", "--runs"],
        ["replay", "./nowhere"], ["replay", "x", "--read-only"], ["atach", "x"], ["--runs"], ["--verzion"],
        ["--version"], ["replay", "--help"], ["runs"], ["attach", ""],
    ],
)  # fmt: skip
def test_both_ways_answer_the_same(words: list[str], tmp_path: Path) -> None:
    ways = [
        ForkedProcess(program, words, tmp_path, ENVIRONMENT)
        for program in ("slotdeck", "slotdeck, the whole command line")
    ]
    said = [(way.communicate(PATIENCE_S), way.returncode) for way in ways]
    assert said[0] == said[1]


@pytest.mark.parametrize(
    "words",
    [[], ["attach", "x"], ["replay", "x", "--runs", "d"], ["--read-only"], ["--runs", "d", "--thin"],
     ["attach", "--thin", "x", "--read-only"]],
)  # fmt: skip
def test_the_cockpit_is_a_short_way_off(words: list[str], tmp_path: Path) -> None:
    assert short_way(words, {"HOME": str(tmp_path)}) is not None


@pytest.mark.parametrize(
    "words",
    [["attach"], ["attach", "x", "--plain"], ["replay", "x", "-h"], ["--help"], ["train", "tiny"], ["--runs=d"],
     ["--runs", "d", "attach", "x"], ["attach", "--", "x"]],
)  # fmt: skip
def test_everything_else_is_for_the_command_line(words: list[str], tmp_path: Path) -> None:
    assert short_way(words, {"HOME": str(tmp_path)}) is None


def test_settings_of_the_users_own_are_read_by_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "slotdeck").mkdir()
    (tmp_path / "slotdeck" / "config.toml").write_text("thin = true\n")
    assert short_way(["attach", "x"], {"XDG_CONFIG_HOME": str(tmp_path)}) is None


def test_what_cannot_be_opened_is_one_line_in_a_terminal_too(tmp_path: Path) -> None:
    with Screen("attach", "nowhere", cwd=tmp_path) as screen:
        assert screen.wait_for_end() == 2
        assert "slotdeck: no runs in runs" in screen.text


def test_a_replay_opens_without_the_command_line(tmp_path: Path) -> None:
    run_dir = write_fake_run(tmp_path / "runs" / "20261121-090000-demo-3f2a")
    with Screen("replay", run_dir, cwd=tmp_path) as screen:
        screen.wait_for(run_dir.name, "replay")
        screen.press("q")
        assert screen.wait_for_end() == 0


def test_ctrl_c_while_the_command_line_is_being_loaded_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Impatient:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "slotdeck.cli":
                raise KeyboardInterrupt

    import slotdeck

    monkeypatch.delattr(slotdeck, "cli", raising=False)
    monkeypatch.delitem(sys.modules, "slotdeck.cli", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Impatient(), *sys.meta_path])
    monkeypatch.setattr(sys, "argv", ["slotdeck", "runs"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "slotdeck: interrupted\n"


@pytest.mark.parametrize("verb", ["attach", "replay"])
async def test_the_form_of_a_cockpit_and_of_a_replay_starts_runs_too(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = write_fake_run(tmp_path / "20261121-090000-demo-3f2a", FakeRun("demo", steps=20))
    opened: list[SlotdeckApp] = []
    asked: list[tuple[str, tuple[str, ...], Path]] = []

    def start(name: str, sets: tuple[str, ...], runs_dir: Path) -> Path:
        asked.append((name, sets, runs_dir))
        raise SlotdeckError("that is enough")

    monkeypatch.setattr(SlotdeckApp, "run", lambda app: opened.append(app))
    monkeypatch.setattr("slotdeck.attach.has_terminal", lambda: True)
    monkeypatch.setattr("slotdeck.terminal.has_terminal", lambda: True)
    monkeypatch.setattr("slotdeck.journey.start_quietly", start)
    if verb == "attach":
        attach.attach(str(run_dir), tmp_path, read_only=False, plain=False)
    else:
        with pytest.raises(typer.Exit):
            watching.replay(str(run_dir), tmp_path)
    async with opened[0].run_test(size=(80, 24)) as pilot:
        pilot.app.screen.post_message(ProfileChosen("tiny", ("optim.lr=3e-3",)))
        await until(pilot, lambda: any("enough" in note.message for note in pilot.app._notifications))
    assert asked == [("tiny", ("optim.lr=3e-3",), tmp_path)]
