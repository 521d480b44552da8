"""SlotOptimizer on loops and models that know nothing of slots: what is skipped, shared, frozen, and left alone."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from engine.errors import SlotdeckError
from slotdeck import SlotOptimizer

ROOT = Path(__file__).resolve().parents[3]
VOCAB, WIDTH, DEPTH = 16, 12, 4


class Block(nn.Module):
    """Adds to its input; returns a tuple, as many do; counts the sequences it is called on."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(width), nn.Linear(width, width)
        self.seen: list[int] = []

    def forward(self, x: Tensor, scale: Tensor | None = None) -> tuple[Tensor, Tensor]:
        self.seen.append(len(x))
        added = torch.tanh(self.linear(self.norm(x)))
        return x + (added if scale is None else added * scale[:, None, None]), added


class Net(nn.Module):
    def __init__(self, block: Callable[[], nn.Module] = Block) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(VOCAB, WIDTH), nn.Linear(WIDTH, VOCAB)
        self.blocks = nn.ModuleList(block() for _ in range(DEPTH))

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        x = self.embed(x)
        for block in self.blocks:
            x = block(x, scale=scale)[0]
        return self.head(x)


def made(seed: int = 1) -> Net:
    torch.manual_seed(seed)
    return Net()


def bound(model: nn.Module, config: dict[str, Any] | None = None, **kwargs: Any) -> SlotOptimizer:
    slots = SlotOptimizer(kwargs.pop("num_slots", DEPTH), "cpu", config)
    slots.bind(model, kwargs.pop("optimizer", None) or torch.optim.AdamW(model.parameters(), lr=1e-2))
    return slots


def tokens(batch_size: int = 8, seq_len: int = 6) -> Tensor:
    return torch.randint(VOCAB, (batch_size, seq_len), generator=torch.Generator().manual_seed(3))


def loss_of(model: nn.Module, x: Tensor) -> Tensor:
    return cross_entropy(model(x).flatten(0, 1), x.flatten())


def grads(model: nn.Module) -> list[Tensor | None]:
    return [p.grad for p in model.parameters()]


def same(a: list[Tensor | None], b: list[Tensor | None]) -> bool:
    return all(
        (p is None) == (q is None) and (p is None or torch.equal(p, q)) for p, q in zip(a, b, strict=True)
    )


# -- bound and unbound ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("gates", [False, True])
def test_with_every_slot_on_nothing_changes_bit_for_bit(gates: bool) -> None:
    model, x = made(), tokens()
    plain = copy.deepcopy(model)
    slots = bound(model, {"gates": gates})
    slots.get_training_config(0, 0)
    ours, theirs = loss_of(model, x), loss_of(plain, x)
    ours.backward()
    theirs.backward()
    assert torch.equal(ours, theirs)
    assert same(grads(model), grads(plain))
    assert list(model.state_dict()) == list(plain.state_dict())


def test_unbind_leaves_no_trace() -> None:
    model = made()
    model.blocks[1].norm.requires_grad_(False)
    flags, weights = [p.requires_grad for p in model.parameters()], copy.deepcopy(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    slots = bound(model, {"policy": "random", "gates": True, "gate_l1": 0.1}, optimizer=optimizer)
    slots.pin(2, trained=False)
    slots.get_training_config(0, 0)
    assert len(optimizer.param_groups) == 2
    slots.unbind()
    assert [type(block) for block in model.blocks] == [Block] * DEPTH
    assert [p.requires_grad for p in model.parameters()] == flags
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert len(optimizer.param_groups) == 1
    assert not optimizer._optimizer_step_pre_hooks
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in model.modules())
    slots.bind(model, optimizer)


def test_a_copy_and_a_pickle_of_a_bound_model_are_plain() -> None:
    model, x = made(), tokens()
    slots = bound(model)
    slots.pin(1, duty=0.25)
    slots.get_training_config(0, 0)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert type(other.blocks[1]) is Block
        other(x)
        assert other.blocks[1].seen == [8]
    model(x)
    assert isinstance(model.blocks[1], Block)
    assert model.blocks[1].seen == [2]


def test_plans_without_a_model_switch_whole_slots() -> None:
    slots = SlotOptimizer(8, "cpu", {"policy": "anneal", "total_steps": 100})
    plans = [slots.get_training_config(0, step) for step in range(100)]
    assert set(plans[0]) >= {"active_slots", "duty", "trained", "precision_context", "reason"}
    for plan in plans:
        assert plan["active_slots"] == [i for i in range(8) if plan["duty"][i] == 1]
        assert set(plan["duty"].values()) <= {0.0, 1.0}
        with plan["precision_context"]:
            pass
    assert all(len(plan["active_slots"]) == 8 for plan in plans[75:])
    assert slots.block_work == pytest.approx(0.85, abs=0.05)
    assert slots.get_regularization_loss().item() == 0
    assert not slots.get_regularization_loss().requires_grad


# -- skipped and shared --------------------------------------------------------------------------------------


def test_a_skipped_slot_is_not_called_and_does_not_move() -> None:
    model, x = made(), tokens()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    slots = bound(model, optimizer=optimizer)
    for step in range(4):
        if step == 2:
            slots.ban(1)
            before, called = model.blocks[1].linear.weight.clone(), len(model.blocks[1].seen)
        assert (1 in slots.get_training_config(0, step)["active_slots"]) == (step < 2)
        optimizer.zero_grad(set_to_none=False)  # zeros, which would let momentum and decay go on
        loss_of(model, x).backward()
        optimizer.step()
    assert torch.equal(model.blocks[1].linear.weight, before)
    assert len(model.blocks[1].seen) == called
    assert slots.block_work == 1 - 2 / 16


@pytest.mark.parametrize("scale", ["none", "inverse"])
def test_a_shared_slot_equals_the_slow_reference(scale: str) -> None:
    model, x, by_sequence = made(), tokens(), torch.rand(8)
    slow = copy.deepcopy(model)
    slots = bound(model, {"scale": scale})
    slots.pin(2, duty=0.25)
    slots.get_training_config(0, 0)
    out = model(x, scale=by_sequence)
    assert model.blocks[2].seen == [2]

    stream = slow.embed(x)
    passing = None
    for i, block in enumerate(slow.blocks):
        after = block(stream, scale=by_sequence)[0]
        if i == 2:
            table = next(iter(slots._binding._tables.values()))
            passing = torch.zeros(8).index_fill(0, table[0][2].subset, 1.0)[:, None, None]
            after = stream + (4 if scale == "inverse" else 1) * passing * (after - stream)
        stream = after
    reference = slow.head(stream)
    torch.testing.assert_close(out, reference)
    out.square().sum().backward()
    reference.square().sum().backward()
    for ours, theirs in zip(model.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_a_step_of_single_sequences_spreads_a_share_over_its_forward_passes() -> None:
    model = made()
    slots = bound(model, {"accumulate": 4})
    slots.pin(1, duty=0.25)
    for step in range(3):
        slots.get_training_config(0, step)
        for _ in range(4):
            loss_of(model, tokens(1)).backward()
    assert model.blocks[1].seen.count(1) == 3 + 1  # and the look at what a skipped block returns
    assert len(model.blocks[0].seen) == 12


def test_a_batch_that_cannot_be_split_takes_the_next_larger_share() -> None:
    model = made()
    slots = bound(model)
    slots.pin(1, duty=0.25)
    slots.get_training_config(0, 0)
    for batch_size in (8, 6, 5):
        loss_of(model, tokens(batch_size)).backward()
    assert model.blocks[1].seen == [2, 3, 5]


def test_every_slot_is_on_in_eval() -> None:
    model, x = made(), tokens()
    plain = copy.deepcopy(model).eval()
    slots = bound(model)
    slots.ban(1)
    slots.pin(2, duty=0.5)
    slots.get_training_config(0, 0)
    model.eval()
    assert torch.equal(model(x), plain(x))


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradient_checkpointing_recomputes_what_the_plan_did(reentrant: bool) -> None:
    class Checkpointed(Net):
        def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
            x = self.embed(x)
            for block in self.blocks:
                x = checkpoint(block, x, use_reentrant=reentrant)[0]
            return self.head(x)

    results = []
    for kind in (Net, Checkpointed):
        torch.manual_seed(1)
        model = kind()
        slots = bound(model, {"policy": "random", "mean_duty": 0.6, "accumulate": 2})
        slots.pin(2, trained=False)
        for step in range(3):
            slots.get_training_config(0, step)
            for _ in range(2):
                loss_of(model, tokens()).backward()
        results.append((grads(model), slots.block_work))
    assert same(results[0][0], results[1][0])
    assert results[0][1] == results[1][1] < 1


@pytest.mark.filterwarnings("ignore")  # torch's own, while it traces
@pytest.mark.parametrize("how", ["module", "in place"])
def test_compiled_blocks_share_their_code_and_follow_the_plan(how: str) -> None:
    from torch._dynamo.testing import CompileCounter

    class Plain(Block):
        def forward(self, x: Tensor, scale: Tensor | None = None) -> tuple[Tensor, Tensor]:
            return x + torch.tanh(self.linear(self.norm(x))), x

    torch._dynamo.reset()
    counter, model = CompileCounter(), Net(Plain)
    plain = copy.deepcopy(model)
    if how == "module":
        model.blocks = nn.ModuleList(torch.compile(block, backend=counter) for block in model.blocks)
    else:
        for block in model.blocks:
            block.compile(backend=counter)
    runs = [bound(net, {"policy": "random", "mean_duty": 0.6}) for net in (model, plain)]
    for step in range(8):
        for slots in runs:
            slots.get_training_config(0, step)
        ours, theirs = loss_of(model, tokens()), loss_of(plain, tokens())
        ours.backward()
        torch.testing.assert_close(ours, theirs)
        if step == 4:
            compiled = counter.frame_count
    assert counter.frame_count == compiled <= 4
    runs[0].unbind()


# -- frozen and parked ---------------------------------------------------------------------------------------


def test_an_untrained_slot_is_frozen_and_its_states_are_a_function_of_the_plan() -> None:
    model, x = made(), tokens()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    slots = bound(model, optimizer=optimizer)
    one = sum(8 * p.numel() + 4 for p in model.blocks[1].parameters())

    def steps(first: int, count: int) -> None:
        for step in range(first, first + count):
            slots.get_training_config(0, step)
            loss_of(model, x).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)

    slots.pin(3, trained=False)
    steps(0, 2)
    assert slots.state_bytes() == {"attached": [one, one, one, 0], "parked": [0, 0, 0, 0]}
    slots.pin(1, trained=False)
    before = [p.clone() for p in model.blocks[1].parameters()]
    steps(2, 2)
    assert slots.state_bytes() == {"attached": [one, 0, one, 0], "parked": [0, one, 0, 0]}
    assert all(torch.equal(p, q) for p, q in zip(model.blocks[1].parameters(), before, strict=True))
    assert not any(p.requires_grad for p in model.blocks[1].parameters())
    slots.release(1)
    slots.release(3)
    steps(4, 1)
    assert slots.state_bytes() == {"attached": [one] * 4, "parked": [0] * 4}
    assert optimizer.state[model.blocks[1].linear.weight]["step"] == 3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_parked_states_leave_the_gpu_and_come_back_exact() -> None:
    model = made().cuda()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=True)
    slots = SlotOptimizer(DEPTH, "cuda")
    slots.bind(model, optimizer)
    x = tokens().cuda()
    slots.get_training_config(0, 0)
    loss_of(model, x).backward()
    optimizer.step()
    state = optimizer.state[model.blocks[1].linear.weight]
    before = state["exp_avg"].clone()
    slots.pin(1, trained=False)
    slots.get_training_config(0, 1)
    assert state["exp_avg"].is_pinned()
    slots.release(1)
    slots.get_training_config(0, 2)
    assert state["exp_avg"].is_cuda
    assert torch.equal(state["exp_avg"], before)


# -- gates ---------------------------------------------------------------------------------------------------


def test_the_l1_term_closes_gates_and_a_slot_that_rests_keeps_its_gate() -> None:
    model, x = made(), tokens()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.5)
    slots = bound(model, {"gates": True, "gate_l1": 10.0}, optimizer=optimizer)
    slots.ban(2)
    assert optimizer.param_groups[1]["weight_decay"] == 0
    for step in range(20):
        slots.get_training_config(0, step)
        term = slots.get_regularization_loss()
        (loss_of(model, x) + term).backward()
        optimizer.step()
        optimizer.zero_grad()
    values = [gate.item() for gate in slots.gates]
    assert values[2] == 1
    assert all(value < 0.85 for i, value in enumerate(values) if i != 2)
    assert term.item() == pytest.approx(10 * (sum(values) - 1), rel=0.05)


# -- schedules, holds, checkpoints ---------------------------------------------------------------------------


def test_beyond_total_steps_every_slot_is_on() -> None:
    slots = SlotOptimizer(6, "cpu", {"policy": "random", "mean_duty": 0.3, "total_steps": 10})
    assert any(len(slots.get_training_config(0, step)["active_slots"]) < 6 for step in range(10))
    plan = slots.get_training_config(0, 500)
    assert plan["active_slots"] == list(range(6))
    assert plan["reason"].startswith("past the 10 steps")
    slots.ban(4)
    assert slots.get_training_config(0, 501)["active_slots"] == [0, 1, 2, 3, 5]


def test_epochs_count_on_where_their_length_is_given() -> None:
    slots = SlotOptimizer(6, "cpu", {"policy": "anneal", "total_steps": 30, "steps_per_epoch": 10})
    assert slots.get_training_config(2, 5)["step"] == 25
    with pytest.raises(SlotdeckError, match="steps_per_epoch is 10"):
        slots.get_training_config(1, 10)


def test_a_saved_state_resumes_the_same_plans_holds_and_gates() -> None:
    config = {"policy": "random", "mean_duty": 0.5, "gates": True, "seed": 7}
    slots = bound(made(), config)
    slots.pin(2, duty=0.5, until=40)
    with torch.no_grad():
        slots.gates[1].fill_(0.25)
    for step in range(10):
        slots.get_training_config(0, step)
    saved = slots.state_dict()
    other = bound(made(), {"gates": True})
    other.load_state_dict(saved)
    for step in range(10, 50):
        assert slots.get_training_config(0, step)["duty"] == other.get_training_config(0, step)["duty"]
    assert [gate.item() for gate in other.gates] == [1, 0.25, 1, 1]
    with pytest.raises(SlotdeckError, match="4 slots, and num_slots is 3"):
        SlotOptimizer(3, "cpu", {"gates": True}).load_state_dict(saved)
    with pytest.raises(SlotdeckError, match="4 gates, and here are 0"):
        SlotOptimizer(4, "cpu").load_state_dict(saved)
    with pytest.raises(SlotdeckError, match="no state of a SlotOptimizer"):
        SlotOptimizer(4, "cpu").load_state_dict({"weights": 1})


def test_metrics_are_kept_and_nan_is_no_trouble() -> None:
    slots = SlotOptimizer(4, "cpu")
    loss = torch.ones((), requires_grad=True) * float("nan")
    slots.update_metrics({"loss": loss, "active_slots": [0, 1]})
    assert not slots.metrics["loss"].requires_grad
    slots.get_training_config(0, 1, {"loss": 2.0})
    assert slots.metrics == {"loss": 2.0, "active_slots": [0, 1]}


def test_bf16_is_an_autocast_that_can_be_entered_again() -> None:
    plan = SlotOptimizer(4, "cpu", {"precision": "bf16"}).get_training_config(0, 0)
    for _ in range(2):
        with plan["precision_context"]:
            assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.bfloat16


# -- foreign models ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_transformer_encoder_with_masks(batch_first: bool) -> None:
    """Sequences do not see each other, so a shared slot must leave the rows of the others as they came."""
    torch.manual_seed(1)
    layer = nn.TransformerEncoderLayer(WIDTH, 2, 16, 0.0, batch_first=batch_first)
    encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
    slots = bound(encoder, num_slots=3)
    slots.pin(1, duty=0.5)
    slots.ban(2)
    slots.get_training_config(0, 0)
    x = torch.randn(8, 8, WIDTH)  # as many sequences as positions
    padding = torch.zeros(8, 8, dtype=torch.bool)
    padding[3:, 5:] = True
    causal = torch.full((8, 8), float("-inf")).triu(1)
    bias = torch.zeros(8, 8).masked_fill(padding, float("-inf"))
    out = encoder(x if batch_first else x.transpose(0, 1), mask=causal, src_key_padding_mask=bias)
    out = out if batch_first else out.transpose(0, 1)
    slots.unbind()
    first = copy.deepcopy(layer)
    first.load_state_dict(encoder.layers[0].state_dict())
    second = copy.deepcopy(layer)
    second.load_state_dict(encoder.layers[1].state_dict())
    once = x if batch_first else x.transpose(0, 1)
    once = first(once, src_mask=causal, src_key_padding_mask=bias)
    twice = second(once, src_mask=causal, src_key_padding_mask=bias)
    once, twice = (t if batch_first else t.transpose(0, 1) for t in (once, twice))
    went_by = [torch.allclose(out[i], once[i], atol=1e-6) for i in range(8)]
    passed = [torch.allclose(out[i], twice[i], atol=1e-6) for i in range(8)]
    assert sum(went_by) == sum(passed) == 4
    assert [not w for w in went_by] == passed


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_an_encoder_keeps_its_fast_path_in_eval() -> None:
    layer = nn.TransformerEncoderLayer(WIDTH, 2, 16, 0.0, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 3)
    slots = bound(encoder, num_slots=3)
    slots.ban(1)
    slots.get_training_config(0, 0)
    padding = torch.zeros(4, 6, dtype=torch.bool)
    padding[1:, 4:] = True
    encoder.eval()
    with torch.no_grad():
        ours = encoder(torch.ones(4, 6, WIDTH), src_key_padding_mask=padding)
        slots.unbind()
        assert torch.equal(ours, encoder(torch.ones(4, 6, WIDTH), src_key_padding_mask=padding))


def test_gpt2_of_transformers_trains_shares_and_recomputes() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        n_layer=4, n_embd=16, n_head=2, vocab_size=50, n_positions=16, bos_token_id=0, eos_token_id=0,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, loss_type="ForCausalLM",
    )  # fmt: skip
    torch.manual_seed(1)
    model = transformers.GPT2LMHeadModel(config).train()
    start = copy.deepcopy(model)
    x = torch.randint(50, (8, 12), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(x)
    mask[2:, 9:] = 0

    def loss_of_gpt2(net: nn.Module) -> Tensor:
        return net(input_ids=x, attention_mask=mask, labels=x).loss

    plain = loss_of_gpt2(start)
    plain.backward()
    losses: dict[bool, list[float]] = {}
    for recompute in (False, True):
        net = copy.deepcopy(model)
        if recompute:
            enable = (
                getattr(net, "activation_checkpointing_enable", None) or net.gradient_checkpointing_enable
            )
            enable({"use_reentrant": False})
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
        slots = SlotOptimizer(num_slots=config.n_layer, device="cpu", config={"policy": "random"})
        slots.bind(net, optimizer)
        assert torch.equal(loss_of_gpt2(net), plain)  # no plan yet: every slot is on
        slots.pin(2, trained=False)
        losses[recompute] = []
        for step in range(8):
            slots.get_training_config(0, step)
            loss = loss_of_gpt2(net)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses[recompute].append(loss.item())
        assert slots.block_work < 1
        assert torch.equal(net.transformer.h[2].mlp.c_fc.weight, start.transformer.h[2].mlp.c_fc.weight)
        slots.unbind()
    assert losses[False][-1] < losses[False][0]
    assert losses[True] == pytest.approx(losses[False], rel=1e-4)


def test_wrappers_are_looked_through() -> None:
    class Wrapped(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module = module

        def forward(self, x: Tensor) -> Tensor:
            return self.module(x)

    model = made()
    wrapped = Wrapped(model)
    slots = bound(wrapped)
    slots.ban(1)
    slots.get_training_config(0, 0)
    wrapped(tokens())
    assert model.blocks[1].seen == [1]  # one look at one sequence, then skipped


def test_the_example_runs_and_does_what_it_plans() -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    script = ROOT / "examples" / "foreign_loop.py"
    child = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    *steps, work = child.stdout.splitlines()
    losses = [float(line.split()[3]) for line in steps]
    assert losses[-1] < losses[0] / 4
    assert float(work.split()[-1]) == pytest.approx(0.85, abs=0.03)
    assert steps[-1].split()[-6:] == ["1.0"] * 6
    assert len(script.read_text().splitlines()) <= 40


# -- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"polcy": "all"}, "no key 'polcy' (did you mean 'policy'?)"),
        ({"policy": "aneal"}, "policy = 'aneal' (did you mean 'anneal'?); use one of: all, random, anneal"),
        ({"mean_duty": 1.5}, "mean_duty"),
        ({"mean_duty": float("nan")}, "mean_duty = nan"),
        ({"every": "2"}, "every: expected `int`, got `str`"),
        ({"policy": "anneal"}, "policy anneal needs total_steps"),
        ({"precision": "fp8"}, "precision = 'fp8'"),
        ({"precision": "fp16"}, "fp16 needs a CUDA GPU"),
        ({"gate_l1": 0.1}, "gate_l1 without gates"),
        ({"grain": "block"}, "use one of: sequence, slot"),
    ],
)
def test_a_config_that_cannot_be_is_one_line(config: dict[str, Any], said: str) -> None:
    with pytest.raises(SlotdeckError) as refused:
        SlotOptimizer(4, "cpu", config)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


class Narrows(Block):
    def forward(self, x: Tensor, scale: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x[..., :4], x


def twin() -> nn.Module:
    model = made()
    model.decoder = nn.ModuleList(Block() for _ in range(DEPTH))
    return model


def tied() -> nn.Module:
    model = made()
    model.blocks[2].linear.weight = model.blocks[0].linear.weight
    return model


@pytest.mark.parametrize(
    ("model", "num_slots", "said"),
    [
        (made, 12, "Net has no list of 12 blocks; it has blocks (4)"),
        (lambda: nn.Linear(2, 2), 4, "Linear has no ModuleList or Sequential of blocks"),
        (twin, 4, "more than one list of 4 blocks: blocks, decoder; name one in config, as blocks='blocks'"),
        (tied, 4, "block.2 (blocks.2) and block.0 (blocks.0) share a parameter"),
        (lambda: torch.compile(made(), backend="eager"), 4, "compiled as a whole"),
        (lambda: nn.DataParallel(made()), 4, "DataParallel copies the model"),
    ],
)
def test_a_model_whose_slots_cannot_be_told_is_one_line(
    model: Callable[[], nn.Module], num_slots: int, said: str
) -> None:
    net = model()
    with pytest.raises(SlotdeckError) as refused:
        bound(net, num_slots=num_slots)
    assert said in str(refused.value)


def test_a_path_names_the_blocks_and_a_wrong_one_is_refused() -> None:
    model = twin()
    slots = bound(model, {"blocks": "decoder"})
    assert type(model.blocks[0]) is Block
    slots.unbind()
    with pytest.raises(SlotdeckError, match="did you mean 'decoder'"):
        bound(model, {"blocks": "decoders"})
    with pytest.raises(SlotdeckError, match="blocks has 4 blocks, and num_slots is 2"):
        bound(model, {"blocks": "blocks"}, num_slots=2)


def test_an_optimizer_that_lacks_a_slot_is_refused_and_nothing_is_bound() -> None:
    model = made()
    rest = [p for name, p in model.named_parameters() if not name.startswith("blocks.2")]
    with pytest.raises(SlotdeckError, match=r"lacks block.2 \(blocks.2\) norm.weight and 3 more"):
        bound(model, optimizer=torch.optim.AdamW(rest))
    with pytest.raises(SlotdeckError, match="the optimizer is a str"):
        bound(model, optimizer="adamw")
    assert type(model.blocks[0]) is Block


def test_gates_join_an_optimizer_that_takes_them() -> None:
    model = made()
    muon = torch.optim.Muon([p for p in model.parameters() if p.ndim == 2])
    adamw = torch.optim.AdamW([p for p in model.parameters() if p.ndim != 2])
    slots = SlotOptimizer(DEPTH, "cpu", {"gates": True})
    slots.bind(model, [muon, adamw])
    assert [len(muon.param_groups), len(adamw.param_groups)] == [1, 2]
    matrices = nn.Sequential(*(nn.Linear(4, 4, bias=False) for _ in range(DEPTH)))
    with pytest.raises(SlotdeckError, match="Muon trains matrices alone"):
        SlotOptimizer(DEPTH, "cpu", {"gates": True}).bind(matrices, torch.optim.Muon(matrices.parameters()))


def test_a_run_taken_up_again_ends_in_the_same_bits(tmp_path: Path) -> None:
    def start() -> tuple[Net, torch.optim.Optimizer, SlotOptimizer]:
        model = made()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        config = {"policy": "random", "mean_duty": 0.5, "gates": True, "gate_l1": 0.01}
        return model, optimizer, bound(model, config, optimizer=optimizer)

    def train(run: tuple[Net, torch.optim.Optimizer, SlotOptimizer], steps: range) -> None:
        model, optimizer, slots = run
        for step in steps:
            slots.get_training_config(0, step)
            (loss_of(model, tokens()) + slots.get_regularization_loss()).backward()
            optimizer.step()
            optimizer.zero_grad()

    whole, resumed = start(), start()
    whole[2].pin(1, trained=False)
    train(whole, range(4))
    torch.save([part.state_dict() for part in whole], tmp_path / "run.pt")
    for part, state in zip(resumed, torch.load(tmp_path / "run.pt", weights_only=True), strict=True):
        part.load_state_dict(state)
    train(whole, range(4, 8))
    train(resumed, range(4, 8))
    assert same(list(whole[0].parameters()), list(resumed[0].parameters()))
    assert whole[2].gates == resumed[2].gates


def test_gates_after_the_scheduler_are_refused() -> None:
    model = made()
    optimizer = torch.optim.AdamW(model.parameters())
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
    with pytest.raises(SlotdeckError, match="bind first, then make the scheduler"):
        bound(model, {"gates": True}, optimizer=optimizer)


def test_a_block_that_changes_the_shape_is_named_whether_it_runs_or_is_skipped() -> None:
    for hold in ("ban", "pin"):
        torch.manual_seed(1)
        model = Net()
        model.blocks[2] = Narrows()
        slots = bound(model, {"blocks": "blocks"})
        getattr(slots, hold)(2)
        slots.get_training_config(0, 0)
        with pytest.raises(SlotdeckError, match=r"block.2 \(blocks.2\) makes \(\d, 6, 4\) of \(\d, 6, 12\)"):
            model(tokens())


def test_an_argument_that_may_be_either_is_asked_about() -> None:
    model = made()

    class Rope(Block):
        def forward(self, x: Tensor, scale: Tensor | None = None) -> tuple[Tensor, Tensor]:
            return super().forward(x + scale) if scale is not None else super().forward(x)

    model.blocks[1] = Rope()
    x, table = torch.randint(VOCAB, (8, 8)), torch.randn(8, WIDTH)

    def run(config: dict[str, Any]) -> None:
        slots = bound(model, {"blocks": "blocks", **config})
        try:
            slots.pin(1, duty=0.5)
            slots.get_training_config(0, 0)
            model.blocks[1](model.embed(x), scale=table)
        finally:
            slots.unbind()

    with pytest.raises(
        SlotdeckError, match=r"argument 'scale' of shape \(8, 12\) may be by sequence or by position"
    ):
        run({})
    run({"args": {"scale": "shared"}})
    assert model.blocks[1].seen == [4]


def test_slots_are_numbers_of_this_model() -> None:
    slots = SlotOptimizer(4, "cpu")
    for slot in (4, -1, "block.1"):
        with pytest.raises(SlotdeckError, match="give a number from 0 to 3"):
            slots.pin(slot)  # type: ignore[arg-type]
    with pytest.raises(SlotdeckError, match=r"block\.1 is not held"):
        slots.release(1)
    with pytest.raises(SlotdeckError, match="nothing is bound"):
        slots.unbind()
    with pytest.raises(SlotdeckError, match="num_slots = 0"):
        SlotOptimizer(0, "cpu")
    with pytest.raises(SlotdeckError, match="not one of torch's"):
        SlotOptimizer(4, "gpu:0")
    if not torch.cuda.is_available():
        with pytest.raises(SlotdeckError, match="'cuda' is not to be had here; give 'cpu'"):
            SlotOptimizer(4, "cuda")
    with pytest.raises(SlotdeckError, match="pin: duty 'half'"):
        slots.pin(1, duty="half")  # type: ignore[arg-type]
    with pytest.raises(SlotdeckError, match="until 'soon' is not a step"):
        slots.ban(1, until="soon")  # type: ignore[arg-type]
    for step in (1.5, "3", -1):
        with pytest.raises(SlotdeckError, match="epoch 0, step"):
            slots.get_training_config(0, step)  # type: ignore[arg-type]
    model = made()
    slots.bind(model, torch.optim.SGD(model.parameters()))
    with pytest.raises(SlotdeckError, match="a model is bound already"):
        slots.bind(model, torch.optim.SGD(model.parameters()))
