"""The store: what the cockpit knows after the engine said this or that."""

from __future__ import annotations

from typing import Any

from engine.protocol import events as e
from engine.protocol.codec import Unknown
from tui.state.pending_commands import CAPACITY, PendingCommands
from tui.state.store import RunStore


def started(branch: int = 0, step: int = 0, **more: Any) -> e.RunStarted:
    machine = e.Machine(
        host="box7", device="cpu", device_name="", num_threads=1, torch="2.13.0", python="3.11", slotdeck="0.1",
        platform="linux",
    )  # fmt: skip
    model = e.ModelInfo(
        family="decoder", params=3_200_000, stem_params=1_000_000, seq_len=128, vocab_size=4096
    )
    return e.RunStarted(
        run_id="r", profile_name="demo", profile_toml="", model=model,
        slots=[e.SlotInfo(name=f"block.{i}", params=1) for i in range(2)], machine=machine, branch=branch, step=step,
        total_steps=1000, tokens_per_step=64, wall_s=0.0, pid=1, **more,
    )  # fmt: skip


def report(step: int, branch: int = 0, loss: float = 4.0, **more: Any) -> e.StepReport:
    fields: dict[str, Any] = {
        "step": step, "branch": branch, "steps": 1, "tokens": step * 64, "loss": loss, "loss_ema": loss, "lr": 1e-3,
        "grad_norm": 1.0, "tokens_per_s": 100.0, "step_ms": 10.0, "data_ms": 1.0, "forward_ms": 3.0,
        "backward_ms": 4.0, "optimizer_ms": 2.0, "active_slots": 2.0, "precision": "fp32",
    }  # fmt: skip
    return e.StepReport(**(fields | more))


def plan(step: int, *duty: float) -> e.SlotPlanned:
    return e.SlotPlanned(step=step, branch=0, policy="random", rows=[e.SlotRow(duty=d) for d in duty])


def store_of(*events: object) -> RunStore:
    store = RunStore(clock=lambda: 0.0)
    for seq, event in enumerate(events, 1):
        store.apply(seq, float(seq), event)
    return store


def test_an_event_seen_twice_counts_once() -> None:
    store = store_of(started(), e.LogGap(dropped=5, reason="disk full"))
    store.apply(2, 9.0, e.LogGap(dropped=5, reason="disk full"))
    assert store.gaps == 5
    assert store.head_seq == 2
    assert len(store.feed) == 2


def test_an_answer_that_is_in_no_log_is_heard() -> None:
    store = store_of(started())
    store.request("c", "pause")
    refused = e.CommandRefused(
        command_id="c",
        verb="pause",
        text="pause",
        step=0,
        code="no-lease",
        reason="anna@box7 has the controls",
    )
    store.apply(0, 2.0, refused)
    assert not store.commands.waiting
    assert store.head_seq == 1


def test_a_frame_from_the_future_is_counted_and_the_rest_goes_on() -> None:
    store = store_of(started(), Unknown(99, "kind not known to this version"), report(1))
    assert store.unknown == 1
    assert store.step == 1


def test_only_what_changed_is_painted() -> None:
    store = store_of(started())
    store.take_dirty()
    assert store.take_dirty() == set()
    store.apply(2, 2.0, report(1))
    assert store.take_dirty() == {"run", "loss"}
    store.apply(3, 3.0, e.Progress(task="evaluate", done=1, total=2))
    assert store.take_dirty() == {"progress"}
    store.set_link("live")
    store.set_link("live")
    assert store.take_dirty() == {"link"}


def test_the_eta_counts_down_while_it_runs_and_stands_while_paused() -> None:
    store = store_of(started(), e.StateChanged(state="running", step=0), report(1, eta_s=100.0))
    assert store.eta_s(now_s=13.0) == 90.0
    assert 89.0 < (store.eta_s(now_s=999.0) or 0.0) < 90.0, "a silent engine does no steps"
    store.apply(4, 20.0, e.StateChanged(state="paused", step=1))
    assert store.eta_s(now_s=50.0) == 100.0


def test_the_time_left_knows_neither_a_pause_nor_an_evaluation_nor_another_life() -> None:
    running = e.StateChanged(state="running", step=1)
    store = store_of(started(), running, report(1, eta_s=100.0))
    store.apply(4, 5.0, e.StateChanged(state="paused", step=1))
    store.apply(5, 605.0, running)
    assert store.eta_s(now_s=607.0) == 98.0, "ten minutes of pause are not ten minutes of work"
    store.apply(6, 610.0, report(2, eta_s=99.0))
    store.apply(7, 612.0, e.Progress(task="evaluate", done=1, total=8))
    assert store.eta_s(now_s=640.0) == 97.0
    store.apply(8, 9000.0, started(step=2))
    store.apply(9, 9000.0, running)
    assert store.eta_s(now_s=9001.0) is None, "no step of this life has been measured"
    store.apply(10, 9010.0, report(3, eta_s=50.0))
    assert store.eta_s(now_s=9012.0) == 48.0


def test_a_resume_from_an_earlier_checkpoint_forks_every_curve() -> None:
    store = store_of(
        started(), *(report(s) for s in range(1, 8)), started(branch=1, step=5), report(6, 1, 2.0)
    )
    loss = store.series["loss"]
    assert [x for x, _, _ in loss.abandoned(0, 10, 10).filled()] == [6, 7]
    assert loss.last == 2.0


def test_an_unannounced_branch_forks_where_its_first_report_begins() -> None:
    store = store_of(report(9), report(8, branch=1, steps=3))
    assert store.series["loss"].forks[1] == 5


def test_a_command_is_solid_only_when_the_engine_said_so() -> None:
    store = store_of(started())
    store.request("c1", "pin block.1")
    assert store.commands.waiting[0].status == "requested"
    accepted = e.CommandAccepted(
        command_id="c1", client_id="x", who="a@b", verb="pin", args={}, text="pin block.1"
    )
    store.apply(2, 2.0, accepted)
    assert store.commands.waiting[0].status == "accepted"
    applied = e.CommandApplied(
        command_id="c1", verb="pin", text="pin block.1", step=7, branch=0, rev=3, before="policy", after="pin"
    )
    store.apply(3, 3.0, applied)
    life = store.commands.get("c1")
    assert life is not None
    assert (life.status, life.step, life.before, life.after) == ("applied", 7, "policy", "pin")
    assert (life.requested_s, life.accepted_s, life.settled_s) == (0.0, 2.0, 3.0)
    assert [t.step for t in store.ticks] == [7]
    assert store.rev == 3


def test_a_refusal_carries_its_reason_and_remedy() -> None:
    refused = e.CommandRefused(
        command_id="c",
        verb="pin",
        text="pin x",
        step=1,
        code="unknown-slot",
        reason="no slot x",
        remedy="see slots",
    )
    store = store_of(started(), refused)
    life = store.commands.get("c")
    assert life is not None
    assert (life.status, life.reason, life.remedy) == ("refused", "no slot x", "see slots")
    assert store.ticks == []


def test_commands_remembered_are_bounded_and_waiting_ones_stay() -> None:
    commands = PendingCommands()
    commands.request("waits", "pause", 0.0)
    for i in range(3 * CAPACITY):
        refused = e.CommandRefused(command_id=str(i), verb="lr", text="lr", step=0, code="c", reason="r")
        commands.refused(refused, 0.0)
    assert len(commands) == CAPACITY
    assert [c.command_id for c in commands.waiting] == ["waits"]


def test_a_tick_of_the_waterfall_is_the_mean_duty_since_the_last() -> None:
    store = RunStore(clock=lambda: 0.0)
    store.apply(1, 10.0, plan(0, 1.0, 0.0))
    store.apply(2, 10.1, plan(1, 1.0, 1.0))
    store.apply(3, 10.2, report(4))
    assert not store.slots.ticks
    store.apply(4, 11.1, plan(4, 0.0, 0.0))
    assert [(t.step, t.duty) for t in store.slots.ticks] == [(4, (1.0, 0.75))]
    store.apply(5, 12.2, report(8))
    assert store.slots.ticks[-1].duty == (0.0, 0.0)


def test_a_replay_that_jumps_keeps_its_curves_and_forgets_the_rest() -> None:
    store = store_of(started(), report(1), e.LogLine(level="info", text="x"))
    store.reset(keep_series=True)
    assert (store.head_seq, len(store.feed), store.report) == (0, 0, None)
    assert store.series["loss"].last == 4.0
    store.apply(2, 2.0, report(1, loss=99.0))
    assert store.series["loss"].last == 4.0


def test_the_end_of_the_run_says_how() -> None:
    store = store_of(
        started(), e.RunEnded(step=9, outcome="failed", reason="out of memory", remedy="lower batch")
    )
    assert store.state == "ended"
    assert store.feed[-1].text == "run failed at step 9: out of memory; lower batch"
    assert store.feed[-1].level == "error"


def applied(verb: str, text: str, **more: Any) -> e.CommandApplied:
    return e.CommandApplied(
        command_id="c1", verb=verb, text=text, step=7, branch=0, rev=1, before="policy", after=verb, **more
    )


def test_a_hold_is_shown_when_the_engine_tells_its_plan_also_while_paused() -> None:
    paused = e.StateChanged(state="paused", step=7)
    store = store_of(started(), plan(5, 1.0, 0.0), paused, applied("pin", "pin block.1 until=+200"))
    store.take_dirty()
    told = [e.SlotRow(duty=1.0), e.SlotRow(duty=1.0, held="pin", until=207, reason="held: pin until 207")]
    store.apply(9, 9.0, e.SlotPlanned(step=7, branch=0, policy="random", rows=told))
    assert store.plan is not None
    assert [(row.held, row.until) for row in store.plan.rows] == [("", None), ("pin", 207)]
    assert "slots" in store.take_dirty()
    store.apply(10, 10.0, plan(7, 1.0, 0.0))
    assert [row.held for row in store.plan.rows] == ["", ""], "released"


def test_the_answer_to_a_command_takes_the_place_of_its_acceptance_and_names_who_asked() -> None:
    accepted = e.CommandAccepted(
        command_id="c1", client_id="x", who="ada@box7", verb="note", args={}, text="note warm"
    )
    store = store_of(started(), accepted)
    assert store.feed[-1].text == "note warm accepted from ada@box7"
    store.apply(
        3,
        3.0,
        e.CommandApplied(
            command_id="c1", verb="note", text="note warm", step=7, branch=0, rev=1, before="", after="warm"
        ),
    )
    assert [item.text for item in store.feed][1:] == ["note warm applied (ada@box7)"]


def test_a_sample_keeps_its_lines_for_the_full_feed() -> None:
    store = store_of(
        started(), e.Sampled(step=1, branch=0, prompt="def ", text="f(x):\n    \x1b[31m", seconds=0.1)
    )
    assert store.feed[-1].body == "sample:\ndef f(x):\n    \\x1b[31m"
    assert "\n" not in store.feed[-1].text
