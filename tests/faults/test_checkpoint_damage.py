"""What kills, full disks and rotten bits do to checkpoints: the last good one is there, and is used."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.checkpoint import save as save_module
from engine.checkpoint.load import load_newest
from engine.checkpoint.writer import CheckpointWriter, Failed, Saved
from engine.errors import SlotdeckError
from engine.optim.rules import Part

TENSORS = 4096
"""Values in the only tensor."""
FILES = ["model.safetensors", "optimizer.safetensors", "state.msgpack", "MANIFEST"]


def save(run_dir: Path, *steps: int, keep: int = 3) -> list[Saved | Failed]:
    told: list[Saved | Failed] = []
    writer = CheckpointWriter(run_dir, keep, told.append, told.append)
    for step in steps:
        writer.save(
            step,
            branch=0,
            model={"w": torch.full((TENSORS,), float(step))},
            optimizer={"w.exp_avg": torch.full((TENSORS,), float(step))},
            state={"step": step},
            reason="due",
        )
        writer.drain()
    return told


def newest(run_dir: Path):
    shapes = {"w.exp_avg": Part((TENSORS,), torch.float32)}
    return load_newest(run_dir / "checkpoints", {"w": torch.zeros(TENSORS)}, shapes)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[random.Random(path.name).randrange(len(content))] ^= 1 << 3
    path.write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


DAMAGES: list[Callable[[Path], None]] = [flip_a_bit, cut, zero, Path.unlink]


@pytest.mark.parametrize("damage", DAMAGES, ids=["bit flipped", "cut short", "zeroed", "deleted"])
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_used(
    tmp_path: Path, file: str, damage: Callable[[Path], None]
):
    save(tmp_path, 100, 200)
    damage(tmp_path / "checkpoints" / "step-00000200" / file)
    loaded = newest(tmp_path)
    assert loaded.name == "step-00000100"
    assert torch.equal(loaded.model["w"], torch.full((TENSORS,), 100.0))
    ((name, reason),) = loaded.quarantined
    assert name == "step-00000200"
    assert file in reason
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == [
        "bad-step-00000200",
        "step-00000100",
    ]


@pytest.mark.parametrize("file", FILES)
def test_a_file_of_another_step_is_noticed(tmp_path: Path, file: str):
    save(tmp_path, 100, 200)
    folder = tmp_path / "checkpoints"
    (folder / "step-00000200" / file).write_bytes((folder / "step-00000100" / file).read_bytes())
    assert newest(tmp_path).name == "step-00000100"


def test_when_none_is_sound_the_run_is_refused_each_time_never_begun_afresh(tmp_path: Path):
    save(tmp_path, 100, 200)
    for step in (100, 200):
        flip_a_bit(tmp_path / "checkpoints" / f"step-{step:08d}" / "model.safetensors")
    with pytest.raises(
        SlotdeckError, match=r"no checkpoint is sound: step-00000200 \(model.safetensors is not"
    ):
        newest(tmp_path)
    with pytest.raises(SlotdeckError, match="bad-step-00000100"):
        newest(tmp_path)


def test_a_disk_that_fills_up_harms_nothing_and_the_next_save_succeeds(tmp_path: Path, monkeypatch):
    save(tmp_path, 100)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # An unprivileged stand-in for a full disk: noticed before a byte is written, or by the write itself.
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        (failed,) = save(tmp_path, 200)
        monkeypatch.setattr(save_module, "check_room", lambda *_: None)
        (late,) = save(tmp_path, 200)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(failed, Failed)
    assert isinstance(late, Failed)
    assert failed.files_bytes
    assert "step-00000200 needs 32 KiB: File too large" in failed.message
    assert "model.safetensors could not be written" in late.message
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-00000100"]
    assert newest(tmp_path).name == "step-00000100"
    (saved,) = save(tmp_path, 300)
    assert isinstance(saved, Saved)
    assert newest(tmp_path).name == "step-00000300"


def test_too_little_room_is_said_in_numbers_before_a_byte_is_written(tmp_path: Path, monkeypatch):
    save(tmp_path, 100)
    real = os.statvfs(tmp_path)
    full = os.statvfs_result((*real[:4], 1, *real[5:]))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    (failed,) = save(tmp_path, 200)
    assert isinstance(failed, Failed)
    assert "step-00000200 needs 8.03 MiB" in failed.message
    assert "and 4 KiB are free" in failed.message
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-00000100"]


SAVING_CHILD = """
import os, sys
from pathlib import Path
import torch
from engine.checkpoint.writer import CheckpointWriter

run_dir, big = Path(sys.argv[1]), 1 << 20

def live(first):
    told = lambda saved: os.write(1, b"%d\\n" % saved.step)
    writer = CheckpointWriter(run_dir, 2, told, lambda failed: os._exit(9))
    step = first
    while True:
        step += 1
        w = torch.full((big,), float(step))
        states, state = {"w.exp_avg": w}, {"step": step}
        writer.save(step, branch=0, model={"w": w}, optimizer=states, state=state, reason="due")
        writer.drain()

torch.set_num_threads(1)
for line in sys.stdin:  # torch is imported once; each life is a fork
    pid = os.fork()
    if pid == 0:
        live(int(line))
    os.write(1, b"pid %d\\n" % pid)
    os.waitpid(pid, 0)
    os.write(1, b"dead\\n")
"""


def test_whenever_a_saving_process_is_killed_its_last_acknowledged_step_loads(tmp_path: Path):
    draw = random.Random(7)
    parent = subprocess.Popen(
        [sys.executable, "-c", SAVING_CHILD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    acknowledged = 0
    with parent:
        for _ in range(15):
            print(acknowledged, file=parent.stdin, flush=True)
            pid = 0
            lives_for = draw.randint(0, 3)
            while line := parent.stdout.readline().strip():
                if line.startswith("pid"):
                    pid = int(line.split()[1])
                elif line == "dead":
                    break
                else:
                    acknowledged = int(line)
                    lives_for -= 1
                if pid and lives_for <= 0:
                    # Anywhere in the next save: copying, writing, sealing, renaming, deleting an older one.
                    time.sleep(draw.uniform(0, 0.05))
                    os.kill(pid, signal.SIGKILL)
                    pid = 0
            if acknowledged:
                shapes = {"w.exp_avg": Part((1 << 20,), torch.float32)}
                loaded = load_newest(tmp_path / "checkpoints", {"w": torch.zeros(1 << 20)}, shapes)
                assert loaded.manifest.step >= acknowledged
                assert loaded.quarantined == []
                assert loaded.model["w"][0] == loaded.optimizer["w.exp_avg"][-1] == loaded.state["step"]
                acknowledged = loaded.manifest.step
        parent.stdin.close()
    assert acknowledged > 0


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_disk_that_fails_at_any_call_harms_nothing(tmp_path: Path, monkeypatch, call: str):
    real = getattr(os, call)
    save(tmp_path, 100)
    for fails_at in range(1, 20):
        calls = 0

        def failing(*args, limit=fails_at):
            nonlocal calls
            calls += 1
            if calls == limit:
                raise OSError(errno.EIO, "Input/output error")
            return real(*args)

        monkeypatch.setattr(os, call, failing)
        (told,) = save(tmp_path, 200)
        monkeypatch.setattr(os, call, real)
        loaded = newest(tmp_path)
        assert loaded.quarantined == []
        assert not list((tmp_path / "checkpoints").glob(".tmp-*"))
        if isinstance(told, Saved):
            assert loaded.manifest.step == 200
            assert fails_at > 1
            return
        assert "Input/output error" in told.message
    raise AssertionError("a save makes fewer calls than that")


def test_nothing_is_renamed_before_all_of_it_is_on_disk(tmp_path: Path, monkeypatch):
    done: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(fd: int) -> None:
        done.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name)
        real_fsync(fd)

    def rename(source, target) -> None:
        done.append("rename")
        real_rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    save(tmp_path, 100)
    assert done == [*FILES, f".tmp-step-00000100-{os.getpid()}", "rename", "checkpoints"]
