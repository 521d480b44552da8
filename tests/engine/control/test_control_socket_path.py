"""Where the socket is bound and found: long paths, disks without sockets, leftovers, strangers' folders."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from patience import PATIENCE_S
from raw_peer import RawPeer
from tiny_engine import TinyEngine

from engine.control.socket_path import bind
from engine.errors import SlotdeckError
from engine.protocol import messages as m
from engine.protocol.codec import decode
from engine.protocol.frames import Frame, FrameScanner
from engine.runlog.endpoint import MAX_ADDRESS_BYTES, candidates, connect, user_folder

NO_SOCKETS = Path("/sys/kernel")
"""A file system that refuses sockets, wherever there is Linux."""


@pytest.mark.skipif(sys.platform != "linux", reason="a path is reached through its folder on Linux only")
def test_path_too_long_for_the_kernel_is_served_and_found(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100) / "20261121-090000-tiny-3f2a"
    deep.mkdir(parents=True, mode=0o700)
    assert len(os.fsencode(deep / "sock")) > MAX_ADDRESS_BYTES
    with TinyEngine(deep) as engine, RawPeer(deep) as peer:
        assert stat.S_ISSOCK((deep / "sock").lstat().st_mode)
        assert peer.attach().run_id == engine.run_dir.name
    assert not (deep / "sock").exists()


@pytest.mark.skipif(not NO_SOCKETS.is_dir(), reason="no such file system here")
def test_disk_without_sockets_falls_back_to_a_private_temp_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    bound = bind(NO_SOCKETS)
    try:
        assert bound.path.parent == user_folder(tmp_path)
        assert stat.S_IMODE(bound.path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(bound.path.lstat().st_mode) == 0o600
        found = connect(NO_SOCKETS)
        assert found is not None
        found.close()
    finally:
        bound.close()
    assert list(bound.path.parent.iterdir()) == []


def test_temp_folder_that_others_could_have_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = user_folder(tmp_path)
    folder.mkdir(mode=0o755)
    with pytest.raises(SlotdeckError, match="not a private folder"):
        list(candidates(tmp_path / "run"))
    folder.rmdir()
    target = tmp_path / "elsewhere"
    target.mkdir(mode=0o700)
    folder.symlink_to(target)
    with pytest.raises(SlotdeckError, match="not a private folder"):
        list(candidates(tmp_path / "run"))


def test_leftover_of_a_killed_engine_is_replaced(run_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(run_dir / "sock"))
    assert connect(run_dir) is None
    with TinyEngine(run_dir), RawPeer(run_dir) as peer:
        peer.attach()


def test_second_server_on_the_same_run_is_refused(engine: TinyEngine) -> None:
    with pytest.raises(SlotdeckError, match="an engine answers"):
        bind(engine.run_dir)
    with RawPeer(engine.run_dir) as peer:
        peer.attach()


def test_file_in_the_way_is_named_and_left_alone(run_dir: Path) -> None:
    (run_dir / "sock").write_text("mine")
    with pytest.raises(SlotdeckError, match="in the way"):
        bind(run_dir)
    assert (run_dir / "sock").read_text() == "mine"


def test_removed_socket_file_comes_back(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.control.server.REBIND_EVERY_S", 0.0)
    with TinyEngine(run_dir), RawPeer(run_dir) as attached:
        attached.attach("ada")
        (run_dir / "sock").unlink()
        until_s = time.monotonic() + PATIENCE_S
        while (found := connect(run_dir)) is None:
            assert time.monotonic() < until_s
            attached.send(m.Ping(t_ns=1))
            attached.expect(m.Pong)
        found.close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_is_turned_away_even_where_the_permissions_let_it_in() -> None:
    code = (
        "import os, socket, sys; os.setuid(65534); peer = socket.socket(socket.AF_UNIX); peer.settimeout(20);"
        "peer.connect(sys.argv[1]); sys.stdout.buffer.write(peer.recv(65536))"
    )
    with tempfile.TemporaryDirectory() as place:
        run_dir = Path(place) / "20261121-090000-tiny-3f2a"
        run_dir.mkdir()
        with TinyEngine(run_dir):
            for path in (Path(place), run_dir, run_dir / "sock"):
                path.chmod(0o777)
            told = subprocess.run(
                [sys.executable, "-c", code, str(run_dir / "sock")], capture_output=True, check=True
            ).stdout
    (frame,) = FrameScanner().feed(told)
    assert isinstance(frame, Frame)
    refused = decode(frame.kind, frame.payload)
    assert isinstance(refused, m.Refused)
    assert refused.code == "not-yours"
