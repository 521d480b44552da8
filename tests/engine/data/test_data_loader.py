"""Batches: every window once an epoch, exact resume, a validation set that never changes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import msgpack
import numpy as np
import pytest
import torch
from torch import Tensor

from engine.data.loader import Loader, ValidationSet
from engine.data.shards import Shards
from engine.errors import SlotdeckError

Write = Callable[..., Path]


@pytest.fixture
def shards(tmp_path: Path, write_shard: Write) -> Shards:
    """Two shards whose ids count up, so that a window shows where it was taken: 100 and 53 tokens."""
    write_shard(tmp_path / "train_0.bin", list(range(100)))
    write_shard(tmp_path / "train_1.bin", list(range(500, 553)))
    return Shards.open(tmp_path, "train")


def take(loader: Loader, batches: int) -> Tensor:
    return torch.cat([loader.next()[0] for _ in range(batches)])


def test_targets_are_inputs_moved_by_one(shards: Shards) -> None:
    x_BT, y_BT = Loader(shards, 8, 3, seed=1).next()
    assert x_BT.shape == y_BT.shape == (3, 8)
    assert x_BT.dtype == y_BT.dtype == torch.int64
    assert torch.equal(y_BT, x_BT + 1)
    assert x_BT.is_contiguous()
    assert y_BT.is_contiguous()


def test_an_epoch_reads_every_window_once_and_the_next_in_another_order(shards: Shards) -> None:
    loader = Loader(shards, 8, 3, seed=1)
    assert loader.num_windows == 99 // 8 + 52 // 8 == 18
    first, second = take(loader, 6), take(loader, 6)
    assert loader.epoch == 1
    for epoch in (first, second):
        starts = sorted(epoch[:, 0].tolist())
        assert len(set(epoch.flatten().tolist())) == 18 * 8, "no token twice"
        assert all(b - a == 8 for a, b in pairwise(starts[:12]))
    assert not torch.equal(first, second)


def test_batches_that_span_epochs_lose_nothing(shards: Shards) -> None:
    loader = Loader(shards, 8, 5, seed=1)
    windows = take(loader, 18)
    assert len(windows) == 90 == 5 * loader.num_windows
    for epoch in windows.split(18):
        assert len({int(row[0]) // 500 * 1000 + int(row[0]) for row in epoch}) == 18


def test_the_seed_decides_the_order(shards: Shards) -> None:
    assert torch.equal(take(Loader(shards, 8, 3, seed=7), 12), take(Loader(shards, 8, 3, seed=7), 12))
    assert not torch.equal(take(Loader(shards, 8, 3, seed=7), 12), take(Loader(shards, 8, 3, seed=8), 12))


@pytest.mark.parametrize("done", [0, 1, 5, 6, 7, 20])
def test_a_resumed_loader_goes_on_bitwise(shards: Shards, done: int) -> None:
    loader = Loader(shards, 8, 3, seed=3)
    take(loader, done) if done else None
    state = msgpack.unpackb(msgpack.packb(loader.state()))
    expected = take(loader, 15)
    resumed = Loader(shards, 8, 3, seed=99)
    take(resumed, 2)
    resumed.load_state(state)
    assert torch.equal(take(resumed, 15), expected)
    assert resumed.state() == loader.state()


def test_another_batch_size_reads_the_same_windows(shards: Shards) -> None:
    loader = Loader(shards, 8, 6, seed=3)
    expected = take(loader, 6)
    other = Loader(shards, 8, 2, seed=3)
    first = take(other, 3)
    other.batch_size = 5
    assert torch.equal(torch.cat([first, take(other, 6)]), expected)


def test_the_order_is_fixed_for_ever(shards: Shards) -> None:
    """Checkpoints of earlier versions resume by it."""
    assert Loader(shards, 8, 6, seed=1).next()[0][:, 0].tolist() == [11, 27, 3, 59, 43, 67]


def test_nothing_global_is_drawn(shards: Shards) -> None:
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    take(Loader(shards, 8, 3, seed=1), 20)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)


def test_a_state_of_other_data_is_refused(shards: Shards, tmp_path: Path, write_shard: Write) -> None:
    loader = Loader(shards, 8, 3, seed=1)
    with pytest.raises(SlotdeckError, match=r"seq_len 8, but .* gives 4"):
        Loader(shards, 4, 3, seed=1).load_state(loader.state())
    write_shard(tmp_path / "other" / "train.bin", list(range(50)))
    other = Loader(Shards.open(tmp_path / "other", "train"), 8, 3, seed=1)
    with pytest.raises(SlotdeckError, match=r"num_tokens 153, but .* gives 50"):
        other.load_state(loader.state())


def test_too_few_tokens_for_a_batch_is_refused(shards: Shards) -> None:
    Loader(shards, 8, 18, seed=1)
    with pytest.raises(
        SlotdeckError, match=r"153 train tokens, 18 sequences of 8, but one batch takes 19; prepare"
    ):
        Loader(shards, 8, 19, seed=1)
    with pytest.raises(SlotdeckError, match=r"0 sequences of 1000"):
        Loader(shards, 1000, 1, seed=1)


def test_an_id_beyond_the_model_never_reaches_it(tmp_path: Path, write_shard: Write) -> None:
    path = write_shard(tmp_path / "train.bin", list(range(40)))
    data = bytearray(path.read_bytes())
    data[-4:-2] = (60_000).to_bytes(2, "little")
    path.write_bytes(data)
    loader = Loader(Shards.open(tmp_path, "train"), 4, 9, seed=1)
    with pytest.raises(SlotdeckError, match=r"gave token id 60000 in train"):
        take(loader, 2)


def test_validation_is_the_same_every_time_and_from_the_start(shards: Shards) -> None:
    validation = ValidationSet(shards, 8, tokens=40, batch_size=2)
    first, second = list(validation), list(validation)
    assert len(first) == len(validation) == 3
    assert all(
        torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(first, second, strict=True)
    )
    assert torch.cat([x for x, _ in first])[:, 0].tolist() == [0, 8, 16, 24, 32]
    assert validation.num_tokens == 40
    assert all(torch.equal(y, x + 1) for x, y in first)


def test_validation_takes_what_there_is(shards: Shards) -> None:
    assert ValidationSet(shards, 8, tokens=10**9, batch_size=4).num_tokens == 18 * 8
    assert ValidationSet(shards, 8, tokens=1, batch_size=4).num_tokens == 8
    with pytest.raises(SlotdeckError, match=r"fewer than one sequence of 100"):
        ValidationSet(shards, 100, tokens=100, batch_size=1)
