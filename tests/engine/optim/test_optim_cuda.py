"""On a GPU: an optimizer step never makes the host wait, not even to leave itself out."""

from __future__ import annotations

import pytest
import torch

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
