"""A step whole and in parts, with recomputation, lean, and in too little memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from patience import PATIENCE_S
from torch import Tensor

from engine.data.loader import Loader
from engine.data.shards import Shards
from engine.models.build import build_model
from engine.models.slotted import BlockPlan
from engine.optim.slotted import SlottedOptimizer
from engine.precision.scaling import LossScaling
from engine.profile.schema import Model, Optim
from engine.telemetry.torch_memory import SavedTensors
from engine.train.fitting.recompute import one_kept, recomputed, with_recompute
from engine.train.guards.spikes import SpikeGuard
from engine.train.meters.memory import MemoryWatch
from engine.train.meters.metrics import Meter
from engine.train.micro_batches import MicroBatches, smallest_cut
from engine.train.step import Recipe, take_step

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[3]
SMALL = Model(n_layer=4, n_head=2, n_embd=32, seq_len=16)


@dataclass
class Bench:
    """A small model and everything a step of it needs."""

    shards: Shards
    wish: Model = SMALL

    def __post_init__(self) -> None:
        torch.manual_seed(7)
        self.model = build_model(self.wish, self.shards.vocab_size)
        self.model.init_weights(torch.Generator().manual_seed(1))
        self.optimizer = SlottedOptimizer(self.model, Optim())
        self.meter = Meter(CPU, 20.0)
        self.memory = MemoryWatch(self.model, self.optimizer, CPU)

    def batches(self, size: int, rows: Sequence[Sequence[BlockPlan]]) -> MicroBatches:
        return MicroBatches(Loader(self.shards, 16, size, 1), rows)

    def step(self, batches: MicroBatches, recipe: Recipe, guard: SpikeGuard | None = None) -> int:
        self.memory.begin_step()
        return take_step(
            self.model,
            self.optimizer,
            batches,
            LossScaling(CPU),
            self.meter,
            self.memory,
            recipe,
            guard=guard,
        )

    def gradients(self, rows: list[BlockPlan]) -> dict[str, Tensor]:
        torch.manual_seed(3)
        x_BT, y_BT = Loader(self.shards, 16, 8, 1).next()
        torch.autograd.backward(self.model.forward_loss(x_BT, y_BT, rows))
        found = {n: p.grad.clone() for n, p in self.model.named_parameters() if p.grad is not None}
        self.optimizer.zero_grad()
        return found

    def weights(self) -> dict[str, Tensor]:
        return {n: p.detach().clone() for n, p in self.model.named_parameters()}


RECIPE = Recipe(step=0, dtype=torch.float32, device=CPU, lr=1e-2, grad_clip=1.0)
ROWS = [
    BlockPlan(),
    BlockPlan(0.5, subset=torch.tensor([0, 2, 3, 7]), scale=2.0),
    BlockPlan(trained=False),
    BlockPlan(0.0),
]


@pytest.fixture
def shards(token_dir: Path) -> Shards:
    return Shards.open(token_dir, "train")


def same(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)


# -- recomputation -------------------------------------------------------------------------------------------


def test_recomputed_blocks_are_spread_evenly_over_the_depth() -> None:
    assert recomputed(0, 4) == [False] * 4
    assert recomputed(2, 4) == [False, True, False, True]
    assert recomputed(9, 4) == [True] * 4
    assert [sum(recomputed(n, 12)) for n in range(13)] == list(range(13))


def test_recomputation_gives_the_same_bits_with_dropout_subsets_and_frozen_slots(shards: Shards) -> None:
    bench = Bench(shards, Model(n_layer=4, n_head=2, n_embd=32, seq_len=16, dropout=0.2))
    kept = bench.gradients(ROWS)
    assert same(kept, bench.gradients(with_recompute(ROWS, 4)))
    assert same(kept, bench.gradients(with_recompute(ROWS, 2)))
    assert not any(n.startswith(("blocks.2.", "blocks.3.")) for n in kept), "frozen and skipped"


def test_recomputation_keeps_fewer_activations(shards: Shards) -> None:
    bench = Bench(shards)
    x_BT, y_BT = Loader(shards, 16, 8, 1).next()
    saved = []
    for rows in ([BlockPlan()] * 4, *(with_recompute([BlockPlan()] * 4, n) for n in (2, 4))):
        counter = SavedTensors(bench.model.parameters())
        with counter:
            bench.model.forward_loss(x_BT, y_BT, rows)
        saved.append(counter.peak_bytes)
    none, half, all_four = saved
    stream = 4 * 8 * 16 * 32
    assert none - half == half - all_four, "each block frees the same"
    assert (none - half) / 2 > 10 * stream, (
        "a block keeps 64 values a channel and token, recomputed only its input"
    )
    counter = SavedTensors(bench.model.parameters())
    with counter:
        bench.model.forward_loss(x_BT, y_BT, one_kept(with_recompute([BlockPlan()] * 4, 4)))
    assert counter.peak_bytes == all_four + (none - half) / 2, "what is told is the peak: one block at a time"


# -- in parts ------------------------------------------------------------------------------------------------


def test_a_micro_batch_is_cut_by_its_smallest_factor() -> None:
    assert [smallest_cut(n) for n in (1, 2, 3, 4, 9, 15)] == [1, 2, 3, 2, 3, 3]


def test_a_cut_step_runs_the_same_sequences_through_the_same_slots(shards: Shards) -> None:
    found = []
    for cuts in ((), (2,), (2, 2), (2, 2, 2)):
        bench = Bench(shards)
        batches = bench.batches(8, [ROWS, ROWS[::-1]])
        iterator = iter(batches)
        next(iterator)  # the first micro-batch is read when memory runs out
        for parts in cuts:
            batches.cut(parts)
        assert bench.step(batches, RECIPE) == 2 * 8 * 16
        reading = bench.meter.read()
        found.append((reading.loss, reading.grad_norm, reading.active_slots))
    whole, *cut = found
    for loss, norm, active in cut:
        assert loss == pytest.approx(whole[0], rel=1e-5)
        assert norm == pytest.approx(whole[1], rel=1e-4)
        assert active == whole[2]


def test_after_a_cut_the_loader_stands_where_it_would_have_stood(shards: Shards) -> None:
    whole, cut = Loader(shards, 16, 8, 1), Loader(shards, 16, 8, 1)
    for loader, parts in ((whole, 1), (cut, 4)):
        batches = MicroBatches(loader, [[BlockPlan()]] * 2)
        next(iter(batches))
        batches.cut(parts)
        list(batches)
    assert cut.state() == whole.state()
    assert cut.batch_size == 2


# -- the loss that is reported -------------------------------------------------------------------------------


def test_the_gates_l1_moves_gates_and_is_no_part_of_the_reported_loss(shards: Shards) -> None:
    losses, gates = [], []
    for weight in (0.0, 0.5):
        bench = Bench(shards, Model(n_layer=4, n_head=2, n_embd=32, seq_len=16, gates=True))
        bench.step(bench.batches(8, [ROWS]), replace(RECIPE, gate_l1=weight, grad_clip=0.0))
        losses.append(bench.meter.read().loss)
        gates.append([round(gate.item(), 4) for gate in bench.model.gates()])
    assert losses[0] == losses[1]
    assert gates[1][0] == 0.99, "one AdamW step of 0.01 towards 0"
    assert gates[1][2:] == [1.0, 1.0], "a frozen slot and a skipped one are left alone"


# -- lean ----------------------------------------------------------------------------------------------------


def test_lean_trains_and_without_clipping_gives_the_same_weights(shards: Shards) -> None:
    weights = []
    for lean in (False, True):
        bench = Bench(shards)
        for step in range(3):
            recipe = replace(RECIPE, step=step, grad_clip=0.0, lean=lean)
            bench.step(bench.batches(8, [with_recompute(ROWS, 2)]), recipe)
        weights.append(bench.weights())
        assert bench.meter.read().skipped_steps == 0
    assert same(*weights)


@pytest.mark.parametrize("lean", [False, True])
@pytest.mark.parametrize("judged_by", ["loss", "norm"])
def test_a_spike_leaves_everything_where_it_is_and_is_counted(
    shards: Shards, judged_by: str, lean: bool
) -> None:
    bench, guard = Bench(shards), SpikeGuard(16, 6.0, CPU)
    usual = {"values": [[1.0, 0.0]] * 16, "page": []}
    recipe = replace(RECIPE, lean=lean)
    bench.step(bench.batches(8, [[BlockPlan()] * 4]), recipe, guard)
    before, states = bench.weights(), copied(bench.optimizer.state_tensors())
    limits = [1.0, float("inf")] if judged_by == "loss" else [float("inf"), -5.0]
    guard.load_state({**usual, "limits": limits})
    bench.step(bench.batches(8, [[BlockPlan()] * 4]), recipe, guard)
    if lean and judged_by == "norm":
        assert not same(before, bench.weights()), "in lean mode the norm is known when everything has moved"
        assert guard.read().spikes == 0
        return
    assert same(before, bench.weights())
    assert same(states, bench.optimizer.state_tensors())
    assert guard.read().spikes == 1
    reading = bench.meter.read()
    assert reading.skipped_steps == 1
    assert reading.loss > 1, "what it was is shown"
    guard.load_state({**usual, "limits": [float("inf")] * 2})
    bench.step(bench.batches(8, [[BlockPlan()] * 4]), recipe, guard)
    assert not same(before, bench.weights()), "one bad step never delays the next good one"


def copied(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in tensors.items()}


def test_lean_leaves_everything_where_it_is_when_the_loss_is_bad(shards: Shards) -> None:
    bench = Bench(shards)
    with torch.no_grad():
        bench.model.head_weight()[:] = float("nan")
    before = bench.weights()
    bench.step(bench.batches(8, [ROWS]), replace(RECIPE, lean=True))
    assert bench.meter.read().skipped_steps == 1
    slots = {n for n in before if n.startswith("blocks.")}
    assert same({n: before[n] for n in slots}, {n: t for n, t in bench.weights().items() if n in slots})


# -- too little memory ---------------------------------------------------------------------------------------

TOO_LITTLE = """
import resource, sys
from pathlib import Path
import torch
sys.path[:0] = ["tests/engine/train", "tests/support"]
from test_train_step import Bench, RECIPE, CPU
from engine.data.shards import Shards
from engine.models.slotted import BlockPlan
from engine.precision.scaling import LossScaling
from engine.profile.schema import Model
from engine.train.step import take_step

torch.set_num_threads(1)
wish = Model(n_layer=4, n_head=2, n_embd=64, seq_len=16, dropout=0.1)
rows = [[BlockPlan()] * 4]
SIZE = 512  # activations: 4 blocks x 512 x 16 tokens x 64 x 64 bytes, 128 MiB

def stepped(limit, parts):
    bench = Bench(Shards.open(Path(sys.argv[1]), "train"), wish)
    bench.step(bench.batches(8, rows), RECIPE)  # states, buffers and threads are there
    before, cuts = torch.get_rng_state(), []
    batches = bench.batches(SIZE, rows)
    batches.cut(parts)
    def smaller(reason):
        cuts.append(reason)
        batches.cut(2)
    if limit:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (90 << 20), -1))
    take_step(bench.model, bench.optimizer, batches, LossScaling(CPU), bench.meter, bench.memory, RECIPE, smaller)
    return bench.weights(), cuts, len(batches)

short, cuts, micro = stepped(True, 1)
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
plain, none, micro_plain = stepped(False, micro)
assert cuts and not none, (cuts, none)
assert micro == micro_plain == 2 ** len(cuts)
assert all(torch.equal(short[n], plain[n]) for n in plain), "as if it had been cut from the start"
print(micro, cuts[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's here")
def test_a_step_that_runs_out_of_memory_is_done_in_smaller_micro_batches(token_dir: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TOO_LITTLE, str(token_dir)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    micro, reason = done.stdout.split(" ", 1)
    assert int(micro) > 1
    assert "memory" in reason
