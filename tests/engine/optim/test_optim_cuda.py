"""On a GPU: an optimizer step never makes the host wait, not even to leave itself out, nor inside backward."""

from __future__ import annotations

import pytest
import torch
from optim_models import RULES, WEIGHTS, bits, needs, same, small_model

from engine.models.decoder import Decoder
from engine.optim.slotted import SlottedOptimizer
from engine.profile.schema import Optim

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]


def test_clip_and_step_do_not_wait_for_the_device():
    model = Decoder(n_layer=3, n_head=2, n_embd=32, seq_len=8, vocab_size=32, padded_vocab_size=64).cuda()
    optimizer = SlottedOptimizer(model, Optim(lr=1e-2))
    x_BT = torch.randint(0, 32, (4, 8), device="cuda")
    for spoilt in (False, True, False):
        model.forward_loss(x_BT, x_BT).backward()
        if spoilt:
            model.wte.weight.grad[0, 0] = float("nan")
        before = {name: t.clone() for name, t in model.state_dict().items()}
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            norm = optimizer.clip(1.0)
            optimizer.step(found_inf=(~torch.isfinite(norm)).float())
            optimizer.zero_grad()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        unchanged = all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
        assert unchanged == spoilt


@pytest.mark.parametrize("lean", [False, True])
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("rule", RULES)
def test_no_rule_waits_for_the_device_and_a_parked_slot_goes_on(rule: str, weights: str, lean: bool):
    needs(rule)
    ends = []
    for parks in (False, True):
        model = small_model(weights).cuda()
        optimizer = SlottedOptimizer(model, Optim(name=rule, lr=1e-2), seed=7)
        x_BT = torch.randint(0, 32, (4, 8), generator=torch.Generator().manual_seed(0)).cuda()
        for _ in range(3):
            loss = model.forward_loss(x_BT, x_BT)
            bad = (~loss.detach().isfinite()).float()
            if parks:
                optimizer.park(1)
            torch.cuda.synchronize()
            torch.cuda.set_sync_debug_mode("default" if parks else "error")
            try:
                if lean:
                    with optimizer.in_backward(lr=1e-2, max_norm=1.0, found_inf=bad):
                        loss.backward()
                else:
                    loss.backward()
                    optimizer.clip(1.0)
                    optimizer.step(found_inf=bad)
                    optimizer.zero_grad()
            finally:
                torch.cuda.set_sync_debug_mode("default")
        ends.append(bits(model, optimizer))
    assert same(*ends)


def test_parked_states_leave_the_gpu_and_come_back_exact():
    model = Decoder(n_layer=2, n_head=2, n_embd=32, seq_len=8, vocab_size=32, padded_vocab_size=64).cuda()
    optimizer = SlottedOptimizer(model, Optim())
    x_BT = torch.randint(0, 32, (4, 8), device="cuda")
    model.forward_loss(x_BT, x_BT).backward()
    optimizer.step()
    before = {name: t.clone() for name, t in optimizer.state_tensors().items()}
    optimizer.park(1)
    assert all(
        t.device.type == "cpu" for n, t in optimizer.state_tensors().items() if n.startswith("blocks.1.")
    )
    optimizer.attach(1)
    assert all(torch.equal(t, before[name]) for name, t in optimizer.state_tensors().items())
