"""The decoder against GPT-2 as the textbook writes it, and plans against their slow meaning."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.models import BlockPlan, SlottedModel, build_model
from engine.profile.schema import Model

B, T, V, LAYERS = 8, 12, 90, 3
ON = BlockPlan()
OFF = BlockPlan(duty=0.0)


def small_model(seed: int = 0, **settings: object) -> SlottedModel:
    config = {"n_layer": LAYERS, "n_head": 2, "n_embd": 16, "seq_len": 16, **settings}
    model = build_model(Model(**config), V)  # type: ignore[arg-type]
    model.init_weights(torch.Generator().manual_seed(seed))
    with torch.no_grad():  # a fresh model hardly depends on its blocks; a test should
        for parameter in model.parameters():
            parameter.add_(
                torch.empty_like(parameter).normal_(0, 0.1, generator=torch.Generator().manual_seed(7))
            )
    return model


def batch(seed: int = 3) -> tuple[Tensor, Tensor]:
    ids = torch.randint(0, V, (B, T + 1), generator=torch.Generator().manual_seed(seed))
    return ids[:, :-1], ids[:, 1:]


def gradients(model: SlottedModel, loss: Tensor) -> dict[str, Tensor | None]:
    model.zero_grad()
    loss.backward()
    return {name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()}


# -- GPT-2, plain ----------------------------------------------------------------------------------------


def textbook_hidden(w: dict[str, Tensor], x: Tensor, n_head: int) -> Tensor:
    """GPT-2 with nothing of ours in it: what reaches the head."""
    batch_size, length = x.shape
    width = w["wte.weight"].shape[1]

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (width,), w[f"{name}.weight"], w[f"{name}.bias"], 1e-5)

    def linear(x: Tensor, name: str) -> Tensor:
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    x = F.embedding(x, w["wte.weight"]) + w["wpe.weight"][:length]
    for i in range(LAYERS):
        b = f"blocks.{i}"
        q, k, v = linear(norm(x, f"{b}.norm_attention"), f"{b}.qkv").split(width, dim=2)
        q, k, v = (y.view(batch_size, length, n_head, width // n_head).transpose(1, 2) for y in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + linear(y.transpose(1, 2).reshape(batch_size, length, width), f"{b}.attention_out")
        hidden = F.gelu(linear(norm(x, f"{b}.norm_mlp"), f"{b}.mlp_in"), approximate="tanh")
        x = x + linear(hidden, f"{b}.mlp_out")
    return norm(x, "norm_final")


def textbook_loss(model: SlottedModel, x: Tensor, y: Tensor) -> Tensor:
    weights = dict(model.named_parameters())
    logits = F.linear(textbook_hidden(weights, x, 2), weights["wte.weight"])
    return -F.log_softmax(logits.flatten(0, 1), dim=1).gather(1, y.flatten()[:, None]).mean()


def test_with_slots_off_it_is_gpt2_to_the_last_bit() -> None:
    model, (x, y) = small_model(), batch()
    hidden = model.close(model.run_slots(model.embed(x), None, torch.float32), torch.float32)
    assert torch.equal(hidden, textbook_hidden(dict(model.named_parameters()), x, 2))
    assert torch.equal(model.forward_loss(x, y), textbook_loss(model, x, y))


def test_gradients_are_those_of_gpt2() -> None:
    model, (x, y) = small_model(), batch()
    ours = gradients(model, model.forward_loss(x, y))
    textbook = gradients(model, textbook_loss(model, x, y))
    assert ours.keys() == textbook.keys()
    for name in ours:
        torch.testing.assert_close(ours[name], textbook[name], rtol=1e-4, atol=1e-6, msg=name)


def test_attention_is_the_softmax_of_causal_products() -> None:
    """The kernel is trusted nowhere else: one position never hears of a later one."""
    model, (x, _) = small_model(), batch()
    changed = x.clone()
    changed[:, 6:] = (changed[:, 6:] + 1) % V
    streams = [model.run_slots(model.embed(ids), None, torch.float32) for ids in (x, changed)]
    assert torch.equal(streams[0][:, :6], streams[1][:, :6])
    assert not torch.equal(streams[0][:, 6:], streams[1][:, 6:])


# -- plans -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "row", [ON, BlockPlan(subset=torch.arange(B))], ids=["duty 1", "duty 1 with a subset"]
)
def test_a_duty_of_one_is_no_plan_at_all(row: BlockPlan, dtype: torch.dtype) -> None:
    model, (x, y) = small_model(), batch()
    free = model.forward_loss(x, y, None, dtype)
    free_gradients = gradients(model, free)
    planned = model.forward_loss(x, y, [row] * LAYERS, dtype)
    planned_gradients = gradients(model, planned)
    assert torch.equal(free, planned)
    assert all(torch.equal(free_gradients[n], planned_gradients[n]) for n in free_gradients)


def test_a_skipped_slot_is_a_model_without_that_block() -> None:
    model, (x, y) = small_model(), batch()
    skipped = model.forward_loss(x, y, [ON, OFF, ON])
    own = gradients(model, skipped)
    del model.blocks[1]  # type: ignore[operator]
    assert torch.equal(skipped, model.forward_loss(x, y))
    assert all((g is None) == name.startswith("blocks.1.") for name, g in own.items())


def slow_fraction(model: SlottedModel, x: Tensor, y: Tensor, subsets: list[Tensor]) -> Tensor:
    """What a share means: x + mask * f(x), every sequence computed."""
    stream = model.embed(x)
    for slot, subset in zip(model.slots(), subsets, strict=True):
        mask = torch.zeros(B, 1, 1).index_fill(0, subset, 1.0)
        added = slot(stream, torch.float32) - stream
        stream = stream + mask * added
    hidden = model.close(stream, torch.float32).flatten(0, 1)
    return F.cross_entropy(F.linear(hidden, model.head_weight()), y.flatten())


def test_a_share_runs_the_named_sequences_and_only_those() -> None:
    model, (x, y) = small_model(), batch()
    subsets = [torch.tensor(s) for s in ([6, 1], [0, 5, 3, 2], [7, 6, 4, 2, 1, 0])]
    plan = [BlockPlan(duty=len(s) / B, subset=s) for s in subsets]
    fast, slow = model.forward_loss(x, y, plan), slow_fraction(model, x, y, subsets)
    torch.testing.assert_close(fast, slow)
    fast_gradients, slow_gradients = gradients(model, fast), gradients(model, slow)
    for name in fast_gradients:
        torch.testing.assert_close(fast_gradients[name], slow_gradients[name], rtol=1e-4, atol=1e-6, msg=name)


def test_sequences_that_go_by_are_untouched() -> None:
    model, (x, _) = small_model(), batch()
    stream = model.embed(x)
    plan = [BlockPlan(duty=0.25, subset=torch.tensor([2, 5])), OFF, OFF]
    after = model.run_slots(stream, plan, torch.float32)
    by = [0, 1, 3, 4, 6, 7]
    assert torch.equal(after[by], stream[by])
    assert torch.equal(after[[2, 5]], model.slots()[0](stream[[2, 5]], torch.float32))


def test_a_share_saves_activations_in_proportion() -> None:
    """Half the sequences: about half of what the blocks keep for backward."""
    from engine.telemetry.torch_memory import SavedTensors

    model, (x, _) = small_model(), batch()
    kept = []
    for plan in (None, [BlockPlan(duty=0.5, subset=torch.arange(B // 2))] * LAYERS, [OFF] * LAYERS):
        with SavedTensors(model.parameters()) as saved:
            stream = model.run_slots(model.embed(x), plan, torch.float32)
        kept.append(saved.peak_bytes)
        del stream
    full, half, none = kept
    assert 0.45 * (full - none) < half - none < 0.65 * (full - none)


def test_an_untrained_slot_gets_no_gradient_and_passes_it_on() -> None:
    model, (x, y) = small_model(), batch()
    everything = gradients(model, model.forward_loss(x, y))
    plan = [ON, BlockPlan(trained=False), ON]
    loss = model.forward_loss(x, y, plan)
    assert all(p.requires_grad for p in model.parameters()), "flags are back before backward"
    partial = gradients(model, loss)
    for name, gradient in partial.items():
        if name.startswith("blocks.1."):
            assert gradient is None, name
        else:
            torch.testing.assert_close(gradient, everything[name], rtol=1e-5, atol=1e-7, msg=name)


def test_an_untrained_share_gets_no_gradient_either() -> None:
    model, (x, y) = small_model(), batch()
    row = BlockPlan(duty=0.5, trained=False, subset=torch.arange(4))
    found = gradients(model, model.forward_loss(x, y, [row, ON, ON]))
    assert all((g is None) == name.startswith("blocks.0.") for name, g in found.items())


def test_a_plan_that_cannot_be_carried_out_is_caught() -> None:
    with pytest.raises(AssertionError, match="subset"):
        BlockPlan(duty=0.5)
    with pytest.raises(AssertionError, match="share"):
        BlockPlan(duty=1.5)
    model, (x, y) = small_model(), batch()
    with pytest.raises(AssertionError, match="2 rows for 3 slots"):
        model.forward_loss(x, y, [ON, ON])


# -- precision -------------------------------------------------------------------------------------------


def test_precision_changes_between_two_steps_without_touching_a_weight() -> None:
    model, (x, y) = small_model(), batch()
    before = {name: p.clone() for name, p in model.named_parameters()}
    first = model.forward_loss(x, y)
    low = model.forward_loss(x, y, dtype=torch.bfloat16)
    found = gradients(model, low)
    assert low.dtype == torch.float32
    assert not torch.equal(first, low)
    torch.testing.assert_close(first, low, rtol=0.01, atol=0.01)
    assert all(g is not None and g.dtype == torch.float32 for g in found.values())
    assert torch.equal(first, model.forward_loss(x, y))
    assert all(torch.equal(before[name], p) for name, p in model.named_parameters())


def test_one_slot_may_compute_in_another_precision() -> None:
    model, (x, _) = small_model(), batch()
    stream = model.embed(x)
    plain = model.run_slots(stream, None, torch.float32)
    mixed = model.run_slots(stream, [ON, BlockPlan(dtype=torch.bfloat16), ON], torch.float32)
    by_hand = model.slots()[0](stream, torch.float32)
    by_hand = model.slots()[2](model.slots()[1](by_hand, torch.bfloat16), torch.float32)
    assert mixed.dtype == torch.float32
    assert torch.equal(mixed, by_hand)
    assert not torch.equal(mixed, plain)


# -- the table of slots, the start -----------------------------------------------------------------------


def test_slots_and_stem_partition_the_parameters() -> None:
    model = small_model()
    assert model.slot_names == ["block.0", "block.1", "block.2"]
    counted = sum(p.numel() for s in model.slots() for p in s.parameters())
    assert counted + sum(p.numel() for p in model.stem_parameters()) == sum(
        p.numel() for p in model.parameters()
    )
    model.forgotten = torch.nn.Linear(2, 2)
    with pytest.raises(AssertionError, match="belongs to no slot"):
        model.check_partition()


def test_gpt2_124m_has_its_published_size() -> None:
    with torch.device("meta"):
        model = build_model(Model(), 50_257)
    assert sum(p.numel() for p in model.slots()[0].parameters()) == 7_087_872
    assert sum(p.numel() for p in model.parameters()) == 124_439_808 + (50_304 - 50_257) * 768


def test_the_same_seed_draws_the_same_model_whatever_else_was_drawn() -> None:
    models = []
    for _ in range(2):
        model = build_model(Model(n_layer=2, n_head=2, n_embd=64, seq_len=16), V)
        torch.rand(5)
        model.init_weights(torch.Generator().manual_seed(11))
        models.append(model)
    first, second = (m.state_dict() for m in models)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert first["blocks.0.qkv.weight"].std().item() == pytest.approx(0.02, rel=0.05)
    assert first["blocks.0.mlp_out.weight"].std().item() == pytest.approx(0.02 / math.sqrt(4), rel=0.05)
    assert first["blocks.1.qkv.bias"].abs().max() == 0
    assert torch.equal(first["norm_final.weight"], torch.ones(64))


def test_building_and_drawing_leave_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    small_model()
    assert torch.equal(before, torch.get_rng_state())


def test_a_fresh_model_knows_nothing() -> None:
    model = build_model(Model(n_layer=2, n_head=2, n_embd=64, seq_len=16), V)
    model.init_weights(torch.Generator().manual_seed(1))
    assert model.forward_loss(*batch()).item() == pytest.approx(math.log(128), abs=0.1)


def test_without_biases_there_are_none() -> None:
    model, (x, y) = small_model(bias=False), batch()
    assert not [name for name, _ in model.named_parameters() if "bias" in name]
    assert model.forward_loss(x, y, dtype=torch.bfloat16).isfinite()


def test_dropout_drops_in_training_only() -> None:
    model, (x, y) = small_model(dropout=0.5), batch()
    torch.manual_seed(0)
    assert not torch.equal(model.forward_loss(x, y), model.forward_loss(x, y))
    model.eval()
    assert torch.equal(model.forward_loss(x, y), model.forward_loss(x, y))
    torch.testing.assert_close(model.forward_loss(x, y), textbook_loss(model, x, y))


def test_padded_ids_are_never_scored() -> None:
    model, (x, _) = small_model(), batch()
    assert model.head_weight().shape[0] == 128
    assert model.next_logits(x).shape == (B, V)
    full = model.close(model.run_slots(model.embed(x), None, torch.float32), torch.float32)[:, -1]
    torch.testing.assert_close(model.next_logits(x), (full @ model.head_weight().T)[:, :V])
