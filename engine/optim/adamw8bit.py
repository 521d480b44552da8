"""AdamW whose two running means are kept in 8 bits: torchao's quantised state, unpacked for an update only.

Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization": a byte a value, an fp32 scale for 256 of
them, and a table of what the 256 codes mean (torchao's `OptimState8bit`, an optional extra). A state that
cannot be cut into blocks, or is too small to matter, stays fp32, as there.

    n values        exp_avg + exp_avg_sq     2 n codes + 2 n / 256 scales of 4 bytes: 2.03 bytes a value, not 8

torchao's own optimizer compiles its step, and on a CPU that needs a C++ compiler. Here the step is eager: a
stretch of values is widened, moved by the same fused AdamW kernel as everything else, and packed again, so
that at no time more than a stretch is wide. The weight moves by the new means before they are rounded. Codes are
found by `torch.bucketize`; torchao's eager search took 3 times as long (497 and 169 ms for a million values, one
CPU thread) for the same codes.

Only for the matrices of blocks: in the states of embeddings 8 bits are unstable in pre-training.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from engine.errors import SlotdeckError
from engine.optim.adamw import AdamW, fused_adamw
from engine.optim.rules import Layout, Part, Rule, State, Update, keep_if
from engine.profile.schema import Optim
from engine.text import one_line

BLOCK = 256
"""Values that share a scale."""
SMALLEST = 4096
"""Values of the smallest state worth packing."""
STRETCH = 1 << 22
"""Values that are wide at a time; some 20 bytes for each."""
_SIGNED = {"exp_avg": True, "exp_avg_sq": False}


class AdamW8bit(Rule):
    """2.03 bytes of state for each parameter value."""

    def __init__(self, profile: Optim) -> None:
        """For the profile's `optim` table.

        Raises:
            SlotdeckError: torchao is not installed, or does not work with this torch.
        """
        self._profile = profile
        self._packed = _torchao_state()
        self._tables = {
            mean: self._packed.zeros((BLOCK,), signed, BLOCK).qmap for mean, signed in _SIGNED.items()
        }
        self._wide = AdamW(profile)

    def layout(self, weight: Tensor) -> Layout:
        """Codes, scales and the table of codes for both means, and the updates so far."""
        n = weight.numel()
        if n < SMALLEST or n % BLOCK:
            return self._wide.layout(weight)
        means = {
            f"{mean}.{part}": kind
            for mean in _SIGNED
            for part, kind in {
                "codes": Part(tuple(weight.shape), torch.uint8),
                "scale": Part((n // BLOCK,), torch.float32),
                "qmap": Part((256,), torch.float32),
            }.items()
        }
        return {**means, "step": Part((), torch.float32)}

    def fresh(self, weight: Tensor) -> State:
        """Zeros, and the tables that say what codes mean: a checkpoint can be read without torchao."""
        state = super().fresh(weight)
        for mean, table in self._tables.items():
            if f"{mean}.qmap" in state:
                state[f"{mean}.qmap"].copy_(table, non_blocking=True)
        return state

    def update(self, work: Sequence[Update], lr: float, found_inf: Tensor | None) -> None:
        """One weight after the other, a stretch at a time."""
        self._wide.update([u for u in work if "exp_avg" in u.state], lr, found_inf)
        for u in work:
            if "exp_avg" not in u.state:
                self._move(u, lr, found_inf)

    def _move(self, u: Update, lr: float, found_inf: Tensor | None) -> None:
        weight, grad, step = u.weight.view(-1), u.grad.reshape(-1), u.state["step"]
        for start in range(0, weight.numel(), STRETCH):
            means = [self._stretch(u.state, mean, start) for mean in _SIGNED]
            wide = [mean.dequantize() for mean in means]
            step = u.state["step"].clone()
            fused_adamw(
                self._profile,
                [weight[start : start + STRETCH]],
                [grad[start : start + STRETCH]],
                [wide[0]],
                [wide[1]],
                [step],
                lr=lr,
                weight_decay=u.weight_decay,
                found_inf=found_inf,
            )
            for mean, values in zip(means, wide, strict=True):
                _pack(mean, values, found_inf)
        u.state["step"].copy_(step)

    def _stretch(self, state: State, mean: str, start: int) -> Any:
        """torchao's tensor over a stretch of a state, sharing its memory."""
        codes = state[f"{mean}.codes"].view(-1)[start : start + STRETCH]
        scale = state[f"{mean}.scale"][start // BLOCK : (start + STRETCH) // BLOCK]
        return self._packed(codes, scale, state[f"{mean}.qmap"], _SIGNED[mean], dtype=torch.float32)


def _pack(packed: Any, values: Tensor, found_inf: Tensor | None) -> None:
    """Put values into torchao's tensor, or leave it: what was unpacked and packed again may differ by a code."""
    blocks = values.view(-1, BLOCK)
    scale = blocks.abs().amax(1).clamp_(min=1e-12)
    between = packed.qmap[:-1].lerp(packed.qmap[1:], 0.5)
    codes = torch.bucketize(blocks / scale[:, None], between, out_int32=True, right=True)
    packed.codes.copy_(keep_if(found_inf, packed.codes, codes.view(-1)))
    packed.scale.copy_(keep_if(found_inf, packed.scale, scale))


def _torchao_state() -> Any:
    """torchao's `OptimState8bit`, tried out once."""
    if find_spec("torchao") is None:
        raise SlotdeckError(
            "optim.name = adamw8bit needs torchao, which is not installed",
            "pip install 'slotdeck[lean]', or set optim.name=adamw",
        )
    try:
        with _silence():
            from torchao.optim.subclass_8bit import OptimState8bit
        packed = OptimState8bit.zeros((BLOCK,), True, BLOCK)
        packed.copy_(torch.ones(BLOCK))
        works = bool((packed.dequantize() == 1).all())
    except (ImportError, AttributeError, TypeError, RuntimeError, OSError) as error:
        raise _broken(str(error)) from error
    if not works:
        raise _broken("what it packs does not unpack")
    return OptimState8bit


def _broken(why: str) -> SlotdeckError:
    return SlotdeckError(
        f"optim.name = adamw8bit: torchao does not work with torch {torch.__version__}: {one_line(why)}",
        "install the torchao of this torch, or set optim.name=adamw",
    )


@contextmanager
def _silence() -> Iterator[None]:
    """Importing torchao warns of kernels that were built for other machines; none of them is used here."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
