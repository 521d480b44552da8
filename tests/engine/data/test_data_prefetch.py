"""Reading one batch ahead changes nothing that a run could notice: same batches, exact resume, any micro-batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.data.loader import Loader
from engine.data.prefetch import PrefetchingLoader
from engine.data.shards import Shards
from engine.errors import SlotdeckError

CPU = torch.device("cpu")


@pytest.fixture
def shards(tmp_path: Path, write_shard: Callable[..., Path]) -> Shards:
    write_shard(tmp_path / "train_0.bin", list(range(100)))
    write_shard(tmp_path / "train_1.bin", list(range(500, 553)))
    return Shards.open(tmp_path, "train")


def both(shards: Shards, device: torch.device = CPU) -> tuple[Loader, Loader]:
    return Loader(shards, 8, 4, seed=1), PrefetchingLoader(shards, 8, 4, seed=1, device=device)


def same(plain: Loader, ahead: Loader, batches: int) -> None:
    for _ in range(batches):
        for expected, got in zip(plain.next(), ahead.next(), strict=True):
            assert torch.equal(expected, got.cpu())
        assert ahead.state() == plain.state()
        assert ahead.epoch == plain.epoch


def test_the_same_batches_and_states_over_epochs(shards: Shards) -> None:
    same(*both(shards), 12)


def test_a_resume_goes_on_with_the_batch_that_was_read_ahead(shards: Shards) -> None:
    plain, ahead = both(shards)
    same(plain, ahead, 4)
    later = PrefetchingLoader(shards, 8, 4, seed=9, device=CPU)
    later.next()
    later.load_state(ahead.state())
    same(plain, later, 8)


def test_a_checkpoint_of_either_is_read_by_the_other(shards: Shards) -> None:
    plain, ahead = both(shards)
    same(plain, ahead, 3)
    other = Loader(shards, 8, 4, seed=9)
    other.load_state(ahead.state())
    same(other, ahead, 6)


def test_another_micro_batch_begins_with_the_same_sequence(shards: Shards) -> None:
    plain, ahead = both(shards)
    for size in (4, 2, 2, 5, 1, 4, 4, 4, 4, 3):
        plain.batch_size = ahead.batch_size = size
        same(plain, ahead, 1)


def test_what_is_wrong_with_a_batch_is_said_when_it_is_asked_for(shards: Shards) -> None:
    plain = Loader(shards, 8, 1, seed=1)
    good = 0
    while int(plain.next()[1].max()) < 500:
        good += 1
    assert good, "the first batch is of the first shard"
    ahead = PrefetchingLoader(shards, 8, 1, seed=1, vocab_size=500, device=CPU)
    for _ in range(good):
        ahead.next()
    state = ahead.state()
    for _ in range(2):
        with pytest.raises(SlotdeckError, match="there are 500 ids"):
            ahead.next()
    assert state["cursor"] == good


def test_a_batch_for_which_there_was_no_memory_is_the_next_one_all_the_same(
    shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, ahead = both(shards)
    same(plain, ahead, 2)
    full = True

    def no_room(loader: PrefetchingLoader, before: dict[str, int]) -> object:
        read = copied(loader, before)
        if full:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return read

    copied = PrefetchingLoader._copied
    monkeypatch.setattr(PrefetchingLoader, "_copied", no_room)
    same(plain, ahead, 1)  # was read ahead while there was room
    for _ in range(2):
        with pytest.raises(torch.OutOfMemoryError):
            ahead.next()
        assert ahead.state() == plain.state()
    full = False
    same(plain, ahead, 8)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
def test_on_a_gpu_too_with_the_batches_there(shards: Shards) -> None:
    plain, ahead = both(shards, torch.device("cuda"))
    assert ahead.next()[0].device.type == "cuda"
    plain.next()
    same(plain, ahead, 12)
