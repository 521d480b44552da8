"""A shared box: nothing listens on the network, no file of the current folder is run, one client has the controls."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from engine_run import EngineRun
from patience import PATIENCE_S
from raw_peer import RawPeer
from screen import Screen
from tiny_engine import TinyEngine

from engine.protocol import commands as c
from engine.protocol import events as e
from engine.protocol import messages as m
from engine.protocol.codec import decode
from engine.runlog.catalog import create_run
from engine.runlog.lock import is_live
from engine.runlog.reader import LogReader
from engine.runlog.restarts import kept_going
from tui.link.spawn import spawn

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "20261121-090000-tiny-3f2a"
    folder.mkdir(mode=0o700)
    return folder


# -- the network -----------------------------------------------------------------------------------------


def network_sockets(process: psutil.Process) -> list[str]:
    """Lines of the kernel's tables of TCP, UDP and raw sockets that belong to a process."""
    own = set()
    for fd in Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            if match := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(fd)):
                own.add(match[1])
        except FileNotFoundError:
            continue
    found = []
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        lines = Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:]
        found += [f"{table}: {line}" for line in lines if line.split()[9] in own]
    return found


@linux
def test_nothing_listens_on_the_network_and_the_cockpit_finds_a_restarted_engine(
    tmp_path: Path, token_dir: Path
) -> None:
    """A real engine kept going by its parent, with its children, and a cockpit in a real terminal."""
    sets = ("train.steps=1000000", "evaluate.every=0", "checkpoint.every=50")
    run = EngineRun(tmp_path / "runs", token_dir, *sets)
    kept = spawn(run.dir, restarts=2)
    try:
        kept.wait(PATIENCE_S)
        with Screen("attach", run.dir, cwd=tmp_path) as cockpit:
            cockpit.wait_for("running")
            parent, terminal = psutil.Process(kept.pid), psutil.Process(cockpit.pid)
            processes = [
                parent,
                *parent.children(recursive=True),
                terminal,
                *terminal.children(recursive=True),
            ]
            names, listening = [], []
            for process in processes:
                with suppress(psutil.NoSuchProcess):  # it has just ended
                    names.append(" ".join(process.cmdline()))
                    listening += network_sockets(process)
            assert any(" -m engine /" in name for name in names), names
            assert listening == []

            first = is_live(run.dir)
            assert first is not None
            psutil.Process(first.pid).kill()
            cockpit.wait_for("◌ down", "restarting (1 of 2)")
            until_s = time.monotonic() + PATIENCE_S
            while (second := is_live(run.dir)) is None or second.pid in (first.pid, kept.pid):
                cockpit.wait_for("loss")
                assert time.monotonic() < until_s
            cockpit.wait_for("● running", "live")
            word = kept_going(run.dir)
            assert word is not None
            assert (word.pid, word.done) == (kept.pid, 1)
            cockpit.press("q")
            assert cockpit.wait_for_end() == 0
        kept.process.terminate()
        assert kept.process.wait(PATIENCE_S) == 0
        (ended,) = run.of(e.RunEnded)
        assert ended.outcome == "stopped"
    finally:
        for process in (kept.process, is_live(run.dir)):
            if process is not None:
                os.kill(process.pid, 9) if psutil.pid_exists(process.pid) else None
        kept.process.wait()


def test_files_in_the_current_folder_are_not_run(
    tmp_path: Path, token_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = tmp_path / "shared"
    trap.mkdir()
    for name in ("engine", "torch", "json", "msgspec", "sitecustomize"):
        (trap / f"{name}.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w').write({name!r})\n")
    run_dir = create_run(tmp_path / "runs", "tiny", "nonsense = 1\n", time.time(), "3f2a")
    monkeypatch.chdir(trap)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    refused = spawn(run_dir, restarts=1)  # the parent, and the engine that it starts
    assert refused.process.wait(PATIENCE_S) == 2
    assert "unknown key 'nonsense'" in (run_dir / "engine.out").read_text()
    assert not (tmp_path / "owned").exists()


# -- the controls ----------------------------------------------------------------------------------------


@pytest.fixture
def engine(run_dir: Path) -> Iterator[TinyEngine]:
    with TinyEngine(run_dir) as running:
        yield running


def test_takeovers_racing_with_commands_never_let_a_lost_hold_act(engine: TinyEngine) -> None:
    """Four clients take the controls from each other as fast as they can, and command with the fence they got."""
    rounds, failures = 30, []

    def fight(name: str) -> None:
        try:
            with RawPeer(engine.run_dir) as peer:
                peer.attach(name)
                for turn in range(rounds):
                    peer.send(m.Lease(action="take"))
                    fence = peer.expect(e.LeaseChanged, holder=name).fence
                    last = f"{name}-{turn}-{fence}"
                    peer.request(last, c.Note(text=f"{fence}"), fence=fence)
                while not any(getattr(said, "command_id", "") == last for _, said in peer.heard):
                    peer.next()  # it stays until its last word is answered
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=fight, args=(name,)) for name in ("ada", "bob", "eve", "joe")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures

    def logged() -> list[object]:
        return [decode(entry.kind, entry.payload) for entry in LogReader(engine.run_dir).entries()]

    def answers() -> int:
        return sum(isinstance(x, e.CommandAccepted | e.CommandRefused) for x in logged())

    until_s = time.monotonic() + PATIENCE_S
    while answers() < 4 * rounds:
        assert time.monotonic() < until_s
        time.sleep(0.02)
    holder, fences, accepted = "", [], 0
    for event in logged():
        match event:
            case e.LeaseChanged():
                holder = event.holder
                fences.append(event.fence)
            case e.CommandAccepted():
                accepted += 1
                assert event.client_id == holder, "accepted from a client that had lost the controls"
                assert event.text == f"note {fences[-1]}", "accepted under an older hold"
            case e.CommandRefused():
                assert event.code in ("no-lease", "stale-lease")
            case _:
                pass
    assert fences == sorted(set(fences)), "each change of hands raises the number"
    assert accepted + sum(isinstance(x, e.CommandRefused) for x in logged()) == 4 * rounds


def test_a_fence_is_never_given_twice_not_even_by_a_killed_engine(run_dir: Path) -> None:
    seen: list[int] = []
    for _ in range(3):
        with TinyEngine(run_dir) as engine, RawPeer(engine.run_dir) as peer:
            name = f"c{len(seen)}"
            peer.attach(name)
            peer.send(m.Lease(action="take"))
            seen.append(peer.expect(e.LeaseChanged, holder=name).fence)
    assert seen == sorted(set(seen))


def test_a_watcher_is_refused_whatever_it_says(engine: TinyEngine) -> None:
    with RawPeer(engine.run_dir) as ada, RawPeer(engine.run_dir) as eve:
        ada.attach("ada")
        ada.send(m.Lease(action="take"))
        fence = ada.expect(e.LeaseChanged, holder="ada").fence
        eve.attach("eve", role="observe")
        for number, command in enumerate(
            (c.Stop(save=False), c.Note(text="x"), c.Rollback(), c.Prune(amount=1))
        ):
            eve.request(f"e{number}", command, fence=fence)
            assert eve.expect(e.CommandRefused, command_id=f"e{number}").code == "observer"
        for action in ("take", "request"):
            eve.send(m.Lease(action=action))
            assert eve.expect(e.LeaseChanged, holder="ada").reason == "an observer cannot hold the controls"
        eve.send(m.Lease(action="release"))
        assert "do not hold" in eve.expect(e.LeaseChanged, holder="ada").reason
    assert engine.mailbox.drain() == []
