"""The tables of docs/memory.md are computed: bytes a value, and a GPT-2 124M whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from optim_models import RULES, WEIGHTS, needs

from engine.models.decoder import Decoder
from engine.models.layers import narrow_matrices
from engine.optim.groups import STEM
from engine.optim.slotted import SlottedOptimizer
from engine.profile.schema import Optim

PAGE = Path(__file__).parents[3] / "docs" / "memory.md"
MIB = 1 << 20


def gpt2(weights: str) -> Decoder:
    """124M parameters, none of them allocated."""
    with torch.device("meta"):
        model = Decoder(
            n_layer=12, n_head=12, n_embd=768, seq_len=1024, vocab_size=50257, padded_vocab_size=50304
        )
        for slot in model.slots() if weights == "bf16" else []:
            narrow_matrices(slot)
    return model


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("rule", RULES)
def test_the_page_has_the_bytes_of_every_rule(rule: str, weights: str):
    needs(rule)
    model = gpt2(weights)
    optimizer = SlottedOptimizer(model, Optim(name=rule))
    matrix = model.blocks[0].mlp_in.weight
    state = optimizer.state_bytes("blocks.0.mlp_in.weight") / matrix.numel()
    each = matrix.element_size()
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert f"| `{rule}` | `{weights}` | {each} | {each} | {state:.3g} | {2 * each + state:.4g} |" in lines

    held = [sum(p.numel() * p.element_size() for p in slot.parameters()) for slot in model.slots()]
    stem = sum(p.numel() * p.element_size() for p in model.stem_parameters())
    states = sum(optimizer.bytes_when_trained(i) for i in (STEM, *range(12)))
    weight_mib, state_mib = (sum(held) + stem) / MIB, states / MIB
    lean_mib = (stem + 2 * held[0]) / MIB
    row = f"| `{rule}` | `{weights}` | {weight_mib:.0f} | {state_mib:.0f} | {weight_mib:.0f} | {lean_mib:.0f} | "
    row += f"{2 * weight_mib + state_mib:.0f} | {weight_mib + state_mib + lean_mib:.0f} |"
    assert row in lines, row
