"""Starting engines that outlive us, and hearing why one did not start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

from engine.errors import SlotdeckError
from engine.protocol import commands as c
from engine.protocol.events import CommandAccepted, CommandApplied, CommandRefused
from tui.link.oneshot import send
from tui.link.spawn import start


def test_engine_starts_in_a_session_of_its_own_and_takes_commands(
    run_dir: Path, engine_command: list[str]
) -> None:
    engine = start(engine_command, run_dir)
    try:
        started = engine.wait()
        assert started.pid == engine.pid
        assert os.getsid(engine.pid) == engine.pid != os.getsid(0)
        told = list(send(run_dir, c.Note(text="from a shell"), who="ada@box7"))
        assert [type(event) for event in told] == [CommandAccepted, CommandApplied]
        told = list(send(run_dir, c.Pin(slot="nosuch"), who="ada@box7"))
        assert [type(event) for event in told] == [CommandAccepted, CommandRefused]
        told = list(send(run_dir, c.Stop(), who="ada@box7"))
        assert isinstance(told[-1], CommandApplied)
        assert engine.process.wait(PATIENCE_S) == 0
    finally:
        engine.process.kill()
        engine.process.wait()
    with pytest.raises(SlotdeckError, match="is not running"):
        list(send(run_dir, c.Pause(), who="ada@box7"))


def test_engine_that_cannot_start_says_its_line_and_code(run_dir: Path, engine_command: list[str]) -> None:
    (run_dir / "engine.out").write_text("of an earlier life\n")
    first = start(engine_command, run_dir)
    try:
        first.wait()
        second = start(engine_command, run_dir)
        with pytest.raises(SlotdeckError, match="in use by another engine") as told:
            second.wait()
        assert told.value.exit_code == 2
    finally:
        first.process.kill()
        first.process.wait()


def test_engine_that_dies_silently_is_named_by_its_end(run_dir: Path) -> None:
    quiet = start([sys.executable, "-c", "import os; os._exit(7)"], run_dir)
    with pytest.raises(SlotdeckError, match="ended with code 7"):
        quiet.wait()
    killed = start([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"], run_dir)
    with pytest.raises(SlotdeckError, match="signal 9"):
        killed.wait()


def test_control_characters_in_the_engines_words_are_made_visible(run_dir: Path) -> None:
    code = r"import sys; print('bad \x1b[2J end'); sys.exit(2)"
    with pytest.raises(SlotdeckError) as told:
        start([sys.executable, "-c", code], run_dir).wait()
    assert told.value.message == r"bad \x1b[2J end"


def test_words_of_an_engine_that_has_ended_before_anyone_looks_are_heard(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(subprocess.Popen[bytes]):
        """A busy machine: the child is through when this returns."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.wait()

    monkeypatch.setattr(subprocess, "Popen", Slow)
    with pytest.raises(SlotdeckError, match="no room left"):
        start([sys.executable, "-c", "print('no room left'); raise SystemExit(2)"], run_dir).wait()
