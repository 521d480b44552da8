"""`slotdeck send` prints a command's life as it happens and exits 0 only when it was applied."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from slotdeck_command import Slotdeck
from tiny_engine import TinyEngine

from engine.protocol.verbs import VERBS


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Path]:
    """A live run, its commands applied by a thread."""
    over = threading.Event()
    with TinyEngine(tmp_path / "runs" / "some-run") as tiny:

        def loop() -> None:
            while not over.wait(0.02):
                tiny.drain()

        thread = threading.Thread(target=loop)
        thread.start()
        yield tiny.run_dir
        over.set()
        thread.join()


def test_an_applied_command_shows_its_life_and_gives_the_controls_back(
    slotdeck: Slotdeck, engine: Path
) -> None:
    for _ in range(2):
        done = slotdeck("send", "some", "pin", "block.3", "until=+200")
        assert done.returncode == 0, done.stderr
        assert [line.split()[0] for line in done.stdout.splitlines()] == ["requested", "accepted", "applied"]
        assert "pin block.3 until=+200" in done.stdout


def test_a_refused_command_says_why_and_exits_1(slotdeck: Slotdeck, engine: Path) -> None:
    done = slotdeck("send", engine, "pin", "head.3")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("accepted")
    assert "no slot head.3 (unknown-slot); see the table" in done.stderr


def test_its_help_names_every_verb(slotdeck: Slotdeck) -> None:
    words = slotdeck("send", "--help").stdout.split()
    assert not set(VERBS) - set(words)
