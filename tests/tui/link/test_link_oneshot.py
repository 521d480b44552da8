"""`slotdeck send`'s way to the engine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import PATIENCE_S
from raw_peer import RawPeer
from tiny_engine import TinyEngine

from engine.errors import SlotdeckError
from engine.protocol import commands as c
from engine.protocol import events as e
from engine.protocol import messages as m
from engine.runlog.reader import LogReader
from tui.link.oneshot import send


@pytest.fixture
def engine(run_dir: Path) -> Iterator[TinyEngine]:
    """An engine whose loop runs in a thread, answering commands."""
    over = threading.Event()
    with TinyEngine(run_dir) as running:

        def loop() -> None:
            while not over.is_set():
                running.mailbox.wait(0.05)
                running.drain()

        looping = threading.Thread(target=loop)
        looping.start()
        yield running
        over.set()
        looping.join()


def test_life_of_a_command_ends_with_its_answer(engine: TinyEngine) -> None:
    told = list(send(engine.run_dir, c.Note(text="hello"), who="ada@box7"))
    assert [type(event) for event in told] == [e.CommandAccepted, e.CommandApplied]
    assert told[0].who == "ada@box7"  # type: ignore[union-attr]


def test_holder_is_named_unless_the_controls_are_taken(engine: TinyEngine) -> None:
    with RawPeer(engine.run_dir) as cockpit:
        cockpit.attach("bob")
        cockpit.send(m.Lease(action="take"))
        cockpit.expect(e.LeaseChanged, holder="bob")
        (refused,) = send(engine.run_dir, c.Pause(), who="ada@box7")
        assert isinstance(refused, e.CommandRefused)
        assert (refused.code, "bob@box7" in refused.reason) == ("no-lease", True)
        told = list(send(engine.run_dir, c.Pause(), take=True, who="ada@box7"))
        assert isinstance(told[-1], e.CommandApplied)
        assert cockpit.expect(e.LeaseChanged, who="ada@box7").reason == "taken over from bob@box7"
        freed = cockpit.expect(e.LeaseChanged, holder="").reason
        # A shell that hangs up at once may be seen to have gone before its last word is read.
        assert freed in ("released by ada@box7", "ada@box7 disconnected")


def test_shells_in_a_row_leave_the_controls_free_whatever_the_answer(engine: TinyEngine) -> None:
    for slot in ("block.1", "nowhere", "block.2"):
        (*_, answer) = send(engine.run_dir, c.Pin(slot=slot), who="ada@box7")
        assert isinstance(answer, e.CommandRefused) == (slot == "nowhere")
    kinds = {entry.kind for entry in LogReader(engine.run_dir).entries()}
    assert e.LeaseChanged.KIND not in kinds, "one command takes nothing from anybody"


def test_engine_that_never_answers_is_not_waited_for_forever(run_dir: Path) -> None:
    told: list[e.Event] = []
    with TinyEngine(run_dir):
        for timeout_s in (1.0, 10.0, 100.0):  # on a busy machine not even the first word comes in time
            with pytest.raises(SlotdeckError, match="no answer within"):
                told.extend(send(run_dir, c.Pause(), who="ada@box7", timeout_s=timeout_s))
            if told:
                break
    assert [type(event) for event in told] == [e.CommandAccepted]


def test_engine_that_ends_first_is_said(run_dir: Path) -> None:
    with TinyEngine(run_dir) as engine:
        life = send(run_dir, c.Pause(), who="ada@box7")
        assert isinstance(next(life), e.CommandAccepted)
        assert engine.mailbox.wait(PATIENCE_S)
    with pytest.raises(SlotdeckError, match="went away"):
        next(life)


def test_bad_values_never_reach_the_engine(run_dir: Path) -> None:
    with pytest.raises(SlotdeckError, match="duty"):
        next(send(run_dir, c.Pin(slot="block.0", duty=0.3), who="ada@box7"))


def test_a_save_is_waited_for_though_another_one_is_left_out_meanwhile(engine: TinyEngine) -> None:
    told = list(send(engine.run_dir, c.Checkpoint(), who="ada@box7", await_result=True))
    assert isinstance(told[-1], e.CheckpointSaved)
    engine.disk_full = True
    with pytest.raises(SlotdeckError, match="no room"):
        list(send(engine.run_dir, c.Checkpoint(), who="ada@box7", await_result=True))
