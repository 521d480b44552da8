"""What the engine knows of its commands after a restart, from the log alone."""

from __future__ import annotations

import threading
from pathlib import Path

from tiny_engine import TinyEngine

from engine.control.journal import Journal
from engine.control.leases import GRACE_S, Leases
from engine.control.mailbox import Accepted, Mailbox
from engine.protocol import commands as c
from engine.protocol import events as e
from engine.protocol.codec import decode
from engine.protocol.frames import HEADER
from engine.protocol.verbs import as_args, as_text


def accept(engine: TinyEngine, client_id: str, command_id: str, command: c.AnyCommand) -> Accepted:
    verb = c.verb_of(command)
    event = e.CommandAccepted(
        command_id=command_id, client_id=client_id, who="ada@box7", verb=verb, args=as_args(command),
        text=as_text(command),
    )  # fmt: skip
    return Accepted(command_id, client_id, "ada@box7", command, engine.log.commit(event))


def test_run_without_a_log_has_an_empty_journal(tmp_path: Path) -> None:
    journal = Journal.read(tmp_path)
    assert (journal.rev, journal.fence, journal.unanswered, journal.last_seq) == (0, 0, [], 0)


def test_accepted_and_never_answered_is_found_with_its_arguments(run_dir: Path) -> None:
    with TinyEngine(run_dir) as engine:
        engine.apply(accept(engine, "ada", "k1", c.Note(text="done")))
        waiting = accept(engine, "ada", "k2", c.Policy(name="random", options={"mean_duty": 0.5}))
        engine.apply(accept(engine, "ada", "k3", c.Pin(slot="nosuch")))
    journal = Journal.read(run_dir)
    assert journal.unanswered == [waiting]
    assert journal.rev == 1
    answer = journal.outcome("ada", "k3").answer  # type: ignore[union-attr]
    refused = decode(e.CommandRefused.KIND, answer[HEADER.size :])
    assert isinstance(refused, e.CommandRefused)
    assert refused.code == "unknown-slot"
    assert journal.outcome("bob", "k3") is None


def test_what_came_after_a_checkpoint_is_given_once_and_in_order(run_dir: Path) -> None:
    with TinyEngine(run_dir) as engine:
        for number, step in enumerate((10, 20, 20, 30)):
            engine.step = step
            engine.apply(accept(engine, "ada", f"k{number}", c.Note(text=str(number))))
        again = Accepted("k3", "ada", "ada@box7", c.Note(text="3"), 0)
        engine.branch, engine.step = 1, 30
        engine.apply(again)  # applied again after going back: the same command, a later entry
    journal = Journal.read(run_dir)
    assert [a.event.command_id for a in journal.applied_after(20)] == ["k3"]
    # The state at step 20 held only the first of its two commands: its revision tells.
    assert [a.event.command_id for a in journal.applied_after(20, rev=2)] == ["k2", "k3"]
    assert [(a.event.rev, a.event.branch) for a in journal.applied_after(20, rev=2)] == [(3, 0), (5, 1)]
    assert journal.applied_after(30, rev=5) == []
    # A checkpoint saved before the run was back at a command's step says that it is still to come.
    later = journal.applied_after(25, rev=5, pending=[("ada", "k3")])
    assert [a.event.command_id for a in later] == ["k3"]


def test_command_of_a_later_version_is_named_and_not_guessed_at(run_dir: Path) -> None:
    with TinyEngine(run_dir) as engine:
        engine.log.commit(
            e.CommandAccepted(
                command_id="k1", client_id="ada", who="", verb="teleport", args={}, text="teleport"
            )
        )
    journal = Journal.read(run_dir)
    assert journal.unanswered == []
    assert "teleport" in journal.unreadable[0]


def test_lease_runs_out_only_for_a_holder_that_stays_away() -> None:
    leases = Leases()
    assert leases.take("ada", "ada@box7", "free").fence == 1  # type: ignore[union-attr]
    leases.went("ada", now_s=100.0)
    assert leases.expire(100.0 + GRACE_S - 1) is None
    leases.came("ada")
    assert leases.expire(1000.0) is None
    leases.went("ada", now_s=1000.0)
    leases.went("bob", now_s=1000.0)
    freed = leases.expire(1000.0 + GRACE_S)
    assert freed is not None
    assert (freed.holder, freed.fence, freed.reason) == ("", 2, "ada@box7 disconnected")
    assert leases.release("ada", "late") is None


def test_mailbox_wakes_a_paused_loop_and_loses_nothing() -> None:
    mailbox = Mailbox()
    assert not mailbox.wait(0.0)
    total, seen = 2000, []

    def put(first: int) -> None:
        for number in range(first, total, 4):
            mailbox.put(Accepted(str(number), "c", "w", c.Pause(), number))

    putting = [threading.Thread(target=put, args=(first,)) for first in range(4)]
    for thread in putting:
        thread.start()
    while len(seen) < total and mailbox.wait(20.0):
        seen += mailbox.drain()
    for thread in putting:
        thread.join()
    assert sorted(a.seq for a in seen) == list(range(total))
