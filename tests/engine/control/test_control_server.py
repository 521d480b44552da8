"""Attaching, following, commands and refusals over the real socket."""

from __future__ import annotations

import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from patience import PATIENCE_S
from raw_peer import RawPeer
from tiny_engine import TinyEngine

from engine.control import lanes
from engine.control.server import MAX_CLIENTS
from engine.protocol import commands as c
from engine.protocol import events as e
from engine.protocol import messages as m
from engine.protocol.frames import HEADER, MAGIC, MAX_COMMAND


def settle(engine: TinyEngine, command_id: str) -> None:
    """Step until the engine has taken this command out of its mailbox."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        engine.mailbox.wait(0.5)
        waiting = engine.mailbox.drain()
        for accepted in waiting:
            engine.apply(accepted)
        if any(a.command_id == command_id for a in waiting):
            return
    raise AssertionError(f"{command_id} never reached the mailbox")


def test_welcome_says_where_the_run_stands(engine: TinyEngine) -> None:
    with RawPeer(engine.run_dir) as peer:
        welcome = peer.attach(have_seq=0)
        assert (welcome.run_id, welcome.state, welcome.rev) == (engine.run_dir.name, "running", 0)
        assert welcome.from_seq == 1
        assert welcome.holder == ""
        assert welcome.schema["3 RunEnded"][0] == ["step", ""]
        assert abs(welcome.wall_s - time.time()) < 3600
        assert welcome.mono_ns > 0


def test_attached_client_gets_what_it_lacks_then_everything_new(engine: TinyEngine) -> None:
    engine.advance(50)
    engine.log.commit(e.LogLine(level="info", text="here"))
    with RawPeer(engine.run_dir) as peer:
        welcome = peer.attach(have_seq=10)
        assert welcome.from_seq == 11
        peer.expect(e.LogLine, text="here")
        engine.advance(5)
        engine.log.commit(e.LogLine(level="info", text="there"))
        peer.expect(e.LogLine, text="there")
        seqs = [seq for seq, _ in peer.heard if seq]
        assert seqs == list(range(11, engine.log.head_seq + 1))


def test_only_from_now_on(engine: TinyEngine) -> None:
    engine.advance(50)
    head = engine.log.commit(e.LogLine(level="info", text="old"))
    with RawPeer(engine.run_dir) as peer:
        assert peer.attach(have_seq=-1).from_seq == head + 1
        engine.log.commit(e.LogLine(level="info", text="new"))
        peer.expect(e.LogLine)
        assert [seq for seq, _ in peer.heard if seq] == [head + 1]


def test_what_the_ring_no_longer_holds_is_left_to_the_log(engine: TinyEngine) -> None:
    for number in range(40):
        engine.log.commit(e.LogLine(level="info", text=f"{number} " + "x" * 40_000))
    with RawPeer(engine.run_dir) as peer:
        welcome = peer.attach(have_seq=1)
        assert 2 < welcome.from_seq <= engine.log.head_seq
        peer.expect(e.LogLine, text="39 " + "x" * 40_000)
        assert [seq for seq, _ in peer.heard if seq] == list(range(welcome.from_seq, engine.log.head_seq + 1))


def test_life_of_a_command(engine: TinyEngine) -> None:
    with RawPeer(engine.run_dir) as peer:
        peer.attach("ada")
        peer.request("k1", c.Pin(slot="block.3", until="+200"))
        taken = peer.expect(e.LeaseChanged)
        assert (taken.holder, taken.who, taken.fence) == ("ada", "ada@box7", 1)
        accepted = peer.expect(e.CommandAccepted)
        assert (accepted.command_id, accepted.client_id, accepted.text) == (
            "k1",
            "ada",
            "pin block.3 until=+200",
        )
        settle(engine, "k1")
        assert peer.expect(e.CommandApplied).rev == 1


def test_refused_by_the_loop_changes_nothing(engine: TinyEngine) -> None:
    with RawPeer(engine.run_dir) as peer:
        peer.attach()
        peer.request("k1", c.Pin(slot="nosuch"))
        settle(engine, "k1")
        assert peer.expect(e.CommandRefused).code == "unknown-slot"
        assert engine.rev == 0


def test_repeated_command_is_applied_once_and_answered_again(engine: TinyEngine) -> None:
    with RawPeer(engine.run_dir) as peer:
        peer.attach("ada")
        peer.request("k1", c.Note(text="once"))
        peer.request("k1", c.Note(text="once"))
        settle(engine, "k1")
        peer.expect(e.CommandApplied)
        logged = [
            (seq, value)
            for seq, value in peer.heard
            if isinstance(value, e.CommandAccepted | e.CommandApplied)
        ]
        peer.heard.clear()
        peer.request("k1", c.Note(text="once"))
        peer.expect(e.CommandApplied)
        again = [
            (seq, value)
            for seq, value in peer.heard
            if isinstance(value, e.CommandAccepted | e.CommandApplied)
        ]
        assert again == logged
        assert engine.rev == 1
        assert engine.mailbox.drain() == []


def test_two_clients_may_use_the_same_command_id(engine: TinyEngine) -> None:
    with RawPeer(engine.run_dir) as ada, RawPeer(engine.run_dir) as bob:
        ada.attach("ada")
        bob.attach("bob")
        ada.request("1", c.Note(text="mine"))
        settle(engine, "1")
        ada.expect(e.CommandApplied)
        bob.send(m.Lease(action="take"))
        bob.request("1", c.Note(text="other"))
        settle(engine, "1")
        assert bob.expect(e.CommandApplied, client_id="bob").text == "note other"
        assert engine.rev == 2


def test_control_is_taken_over_and_the_old_holder_refused(engine: TinyEngine) -> None:
    with RawPeer(engine.run_dir) as ada, RawPeer(engine.run_dir) as bob:
        ada.attach("ada")
        ada.send(m.Lease(action="request"))
        fence = ada.expect(e.LeaseChanged, holder="ada").fence
        bob.attach("bob")
        bob.request("b1", c.Pause())
        refused = bob.expect(e.CommandRefused)
        assert refused.code == "no-lease"
        assert "ada@box7" in refused.reason
        bob.send(m.Lease(action="request"))
        assert bob.expect(e.LeaseChanged, reason="held by ada@box7").holder == "ada"
        bob.send(m.Lease(action="take"))
        assert ada.expect(e.LeaseChanged, holder="bob").fence == fence + 1
        ada.request("a1", c.Pause(), fence=fence)
        assert ada.expect(e.CommandRefused, command_id="a1").code == "no-lease"
        bob.send(m.Lease(action="release"))
        bob.expect(e.LeaseChanged, holder="")
        ada.request("a2", c.Pause(), fence=fence)
        assert ada.expect(e.CommandRefused, command_id="a2").code == "stale-lease"
        ada.request("a3", c.Pause())
        settle(engine, "a3")
        ada.expect(e.CommandApplied, command_id="a3")


def test_refusals_name_code_reason_and_remedy(engine: TinyEngine) -> None:
    with RawPeer(engine.run_dir) as peer, RawPeer(engine.run_dir) as watcher:
        peer.attach("ada")
        peer.request("k1", c.Note(text="n"), expect_rev=7)
        assert peer.expect(e.CommandRefused).code == "stale-revision"
        peer.request("k2", c.Lr(value="-1"))
        assert peer.expect(e.CommandRefused).code == "bad-value"
        watcher.attach("eve", role="observe")
        watcher.request("w1", c.Pause())
        refused = watcher.expect(e.CommandRefused, command_id="w1")
        assert (refused.code, bool(refused.remedy)) == ("observer", True)
        watcher.send(m.Lease(action="take"))
        assert "observer" in watcher.expect(e.LeaseChanged).reason
        engine.state = "stopping"
        peer.request("k3", c.Pause())
        assert peer.expect(e.CommandRefused, command_id="k3").code == "wrong-state"
    assert engine.mailbox.drain() == []


def test_newer_clients_command_is_refused_by_its_id_and_the_connection_stays(engine: TinyEngine) -> None:
    with RawPeer(engine.run_dir) as peer:
        peer.attach()
        peer.send_payload(m.Request.KIND, ["k1", ["teleport", 3], None, None])
        assert peer.expect(e.CommandRefused, command_id="k1").code == "bad-request"
        peer.send_payload(m.Request.KIND, ["k2", ["pause", "surplus"], None, None])
        assert peer.expect(e.CommandRefused, command_id="k2").code == "bad-request"
        peer.send_payload(239, ["a message of a later version"])
        peer.send(m.Ping(t_ns=5))
        assert peer.expect(m.Pong).t_ns == 5


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ([1, 0, "", "who", "control", 0], "bad-hello"),
        ([1, 0, "x" * 65, "who", "control", 0], "bad-hello"),
        ([1, 0, "id\x1b[2J", "who", "control", 0], "bad-hello"),
        ([1, 0, "id", "who", "king", 0], "bad-hello"),
        ([99, 0, "id", "who", "control", 0], "version"),
        (["one", 0, "id", "who", "control", 0], "bad-message"),
        ({"major": 1}, "bad-message"),
        ([1], "bad-message"),
    ],
)
def test_bad_hello_is_refused_with_a_code(engine: TinyEngine, payload: object, code: str) -> None:
    with RawPeer(engine.run_dir) as peer:
        peer.send_payload(m.Hello.KIND, payload)
        (refused,) = peer.until_closed()
        assert isinstance(refused, m.Refused)
        assert refused.code == code


def test_request_before_hello_is_refused(engine: TinyEngine) -> None:
    with RawPeer(engine.run_dir) as peer:
        peer.request("k1", c.Pause())
        assert [type(said) for said in peer.until_closed()] == [m.Refused]


def test_silence_is_refused(engine: TinyEngine) -> None:
    with RawPeer(engine.run_dir) as peer:
        (refused,) = peer.until_closed()
        assert isinstance(refused, m.Refused)
        assert refused.code == "no-hello"


def test_hostile_bytes_cost_only_the_hostile(engine: TinyEngine) -> None:
    attacks = [
        os.urandom(200_000),
        MAGIC + bytes(26),
        HEADER.pack(MAGIC, 0, m.Hello.KIND, MAX_COMMAND + 1, 0, 0, 0) + bytes(100),
        HEADER.pack(MAGIC, 0, m.Hello.KIND, 50, 0, 0, 12345) + bytes(50),
        b"GET / HTTP/1.1\r\n\r\n" * 10,
    ]
    with RawPeer(engine.run_dir) as bystander:
        bystander.attach("ada")
        for attack in attacks:
            with RawPeer(engine.run_dir) as peer:
                try:
                    peer.peer.sendall(attack)
                    peer.until_closed()
                except OSError:
                    pass  # refused before it could say it all
        for greeted in (os.urandom(5000), MAGIC * 5000):
            with RawPeer(engine.run_dir) as peer:
                peer.attach("mallory")
                peer.peer.sendall(greeted)
                assert isinstance(peer.until_closed()[-1], m.Refused)
        bystander.send(m.Ping(t_ns=1))
        bystander.expect(m.Pong)


@settings(max_examples=20)
@given(
    kind=st.integers(192, 240),
    payload=st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**31), 2**31)
        | st.text(max_size=8)
        | st.binary(max_size=8),
        lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=12,
    ),
)
def test_no_well_framed_nonsense_stops_the_server(engine: TinyEngine, kind: int, payload: object) -> None:
    with RawPeer(engine.run_dir) as peer:
        peer.attach("mallory")
        peer.send_payload(kind, payload)
        try:
            peer.send(m.Ping(t_ns=1))
        except OSError:
            return  # refused already
        while (item := peer.next()) is not None and not isinstance(item[1], m.Pong):
            pass


def test_seventeenth_client_is_turned_away_and_a_place_becomes_free(engine: TinyEngine) -> None:
    peers = [RawPeer(engine.run_dir) for _ in range(MAX_CLIENTS)]
    for number, peer in enumerate(peers):
        peer.attach(f"c{number}")
    with RawPeer(engine.run_dir) as late:
        (refused,) = late.until_closed()
        assert isinstance(refused, m.Refused)
        assert refused.code == "too-many-clients"
    peers.pop().peer.close()
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with RawPeer(engine.run_dir) as late:
            with suppress(BrokenPipeError):  # turned away before it could say a word
                late.hello("late")
            if isinstance(late.next()[1], m.Welcome):  # type: ignore[index]
                break
    else:
        raise AssertionError("the place never became free")
    for peer in peers:
        peer.peer.close()


def test_client_that_does_not_read_delays_nobody(engine: TinyEngine) -> None:
    with RawPeer(engine.run_dir) as slow, RawPeer(engine.run_dir) as quick:
        slow.attach("slow", have_seq=0)
        quick.attach("quick", have_seq=0)
        for number in range(60):
            engine.log.emit(e.LogLine(level="info", text=f"{number} " + "x" * 30_000))
            if number % 10 == 0:
                engine.log.commit(e.StateChanged(state="running", step=number, reason="tick"))
                quick.expect(e.StateChanged, step=number)
        engine.log.commit(e.StateChanged(state="running", step=99, reason="last"))
        quick.expect(e.StateChanged, step=99)
        assert not any(isinstance(value, m.Gap) for _, value in quick.heard)
        # The slow one now reads: every life-cycle event is there, what is missing is named, and seqs rise.
        slow.expect(e.StateChanged, step=99)
        states = [v.step for _, v in slow.heard if isinstance(v, e.StateChanged) and v.reason]
        assert states == [0, 10, 20, 30, 40, 50, 99]
        have, missing = set(), set()
        last = 0
        for seq, value in slow.heard:
            if isinstance(value, m.Gap):
                assert value.from_seq > last, "a gap is told before what follows it"
                missing |= set(range(value.from_seq, value.to_seq + 1))
            if seq:
                assert seq > last
                last = seq
                have.add(seq)
        assert missing, "1.8 MB cannot have been kept for a client that does not read"
        assert have | missing >= set(range(1, engine.log.head_seq + 1))


def test_client_too_slow_for_the_life_cycle_is_let_go_and_resumes(engine: TinyEngine) -> None:
    with RawPeer(engine.run_dir) as slow:
        slow.attach("slow", have_seq=0)
        for number in range(40):
            engine.log.commit(e.Sampled(step=number, branch=0, prompt="", text="x" * 20_000, seconds=0.1))
        slow.until_closed()
        last = max(seq for seq, _ in slow.heard)
        assert last < engine.log.head_seq
    with RawPeer(engine.run_dir) as again:
        again.attach("slow", have_seq=last)
        again.expect(e.Sampled, step=39)
        assert [seq for seq, _ in again.heard if seq] == list(range(last + 1, engine.log.head_seq + 1))


def test_same_client_attaching_again_replaces_its_dead_connection(engine: TinyEngine) -> None:
    with RawPeer(engine.run_dir) as old, RawPeer(engine.run_dir) as new:
        old.attach("ada")
        old.send(m.Lease(action="take"))
        old.expect(e.LeaseChanged, holder="ada")
        welcome = new.attach("ada")
        assert welcome.holder == "ada"
        assert old.until_closed()[-1].code == "replaced"  # type: ignore[attr-defined]
        new.request("k1", c.Note(text="still mine"), fence=welcome.fence)
        settle(engine, "k1")
        new.expect(e.CommandApplied)


def test_killed_client_leaves_the_server_whole(engine: TinyEngine) -> None:
    code = (
        "import sys, time, pathlib; sys.path.insert(0, sys.argv[1]);"
        "from raw_peer import RawPeer; p = RawPeer(pathlib.Path(sys.argv[2])); p.attach('doomed', have_seq=0);"
        "print('in', flush=True); time.sleep(60)"
    )
    support = str(Path(__file__).parents[2] / "support")
    doomed = subprocess.Popen(
        [sys.executable, "-c", code, support, str(engine.run_dir)], stdout=subprocess.PIPE, text=True
    )
    assert doomed.stdout is not None
    with doomed:
        assert doomed.stdout.readline() == "in\n"
        doomed.send_signal(signal.SIGKILL)
    with RawPeer(engine.run_dir) as peer:
        peer.attach()
        engine.log.commit(e.LogLine(level="info", text="alive"))
        peer.expect(e.LogLine, text="alive")


def test_last_words_reach_the_client(run_dir: Path) -> None:
    with TinyEngine(run_dir) as engine:
        peer = RawPeer(run_dir)
        peer.attach()
        engine.log.commit(e.RunEnded(step=3, outcome="finished", reason="all steps done"))
    with peer:
        said = peer.until_closed()
    assert isinstance(said[-2], e.RunEnded)
    assert said[-1].code == "closing"  # type: ignore[attr-defined]


def test_restart_answers_from_the_log_and_keeps_counting(run_dir: Path) -> None:
    with TinyEngine(run_dir) as engine, RawPeer(run_dir) as peer:
        peer.attach("ada")
        peer.request("k1", c.Note(text="before"))
        settle(engine, "k1")
        fence = peer.expect(e.LeaseChanged).fence
        peer.expect(e.CommandApplied)
    with TinyEngine(run_dir) as engine, RawPeer(run_dir) as peer:
        welcome = peer.attach("ada")
        assert (welcome.rev, welcome.holder, welcome.fence) == (1, "ada", fence)
        peer.request("k1", c.Note(text="before"))
        assert peer.expect(e.CommandApplied).rev == 1
        peer.request("k2", c.Note(text="after"), fence=fence)
        settle(engine, "k2")
        assert peer.expect(e.CommandApplied, command_id="k2").rev == 2


def test_command_that_the_full_disk_cannot_keep_is_refused_to_its_sender(engine: TinyEngine) -> None:
    for _ in range(8):  # the log is now the largest file that this process writes
        engine.log.commit(e.LogLine(level="info", text="x" * 200_000))
    size = max(path.stat().st_size for path in (engine.run_dir / "log").iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with RawPeer(engine.run_dir) as peer:
        peer.attach("ada")
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            peer.request("k1", c.Pause())
            refused = peer.expect(e.CommandRefused, command_id="k1")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert refused.code == "log-failing"
        assert peer.heard[-1][0] == 0
        assert engine.mailbox.drain() == []
        peer.request("k1", c.Pause())  # there is space again: the same id was never used up
        settle(engine, "k1")
        peer.expect(e.CommandApplied, command_id="k1")


def test_socket_is_private_and_removed(run_dir: Path) -> None:
    with TinyEngine(run_dir):
        mode = (run_dir / "sock").lstat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not (run_dir / "sock").exists()


def test_lane_thins_before_it_drops() -> None:
    lane = lanes.Lane()
    size = 100_000
    for seq in range(1, 40):
        kind = (e.StepReport, e.Hardware, e.LogLine)[seq % 3].KIND
        lane.add(seq, kind, bytes(size))
        assert lane.pending_bytes <= lanes.TELEMETRY_CAP_BYTES
    sent = lane.take(1 << 30)
    gap = msgspec.msgpack.decode(sent[HEADER.size : HEADER.size + HEADER.unpack_from(sent)[3]])
    assert gap[0] == 1
    assert gap[2] + (len(sent) // size) == 39
    assert not lane.overflowed


def test_one_large_life_cycle_frame_is_no_reason_to_let_a_client_go() -> None:
    lane = lanes.Lane()
    lane.add(1, e.Sampled.KIND, bytes(500_000))
    assert not lane.overflowed
    lane.add(2, e.Sampled.KIND, bytes(10))
    assert lane.overflowed


def test_trainer_is_not_held_up_by_a_stopped_server_thread(engine: TinyEngine) -> None:
    """`publish` only hands over: it returns although nobody serves."""
    assert engine.server is not None
    unserved = type(engine.server)
    with socket.socket(socket.AF_UNIX) as _:
        idle = unserved(
            engine.run_dir, "x", engine.log, engine.mailbox, engine.journal, state=lambda: "", rev=lambda: 0
        )
        for seq in range(20_000):
            idle.publish([(seq, e.LogLine.KIND, b"x")])
        idle.close()
