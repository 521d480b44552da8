"""Stochastic rounding: how a weight that is stored in bf16 still learns from steps smaller than its last bit.

bf16 keeps 8 bits of a number. A weight of 1 has neighbours 1/128 above and 1/256 below; a step of 1e-4 rounded to
the nearest leaves it where it was, every time. Rounded up with the probability of the part that is cut off, the
weight moves in the mean by what the step said: the result is unbiased, at the price of noise below its last bit.

The bits come from a generator of their own, named by the seed, the number of the update and the slot. So the
rounding of a slot is the same in whatever order slots are updated, whichever others work, and after a resume; and
it disturbs neither dropout nor the data.
"""

from __future__ import annotations

from hashlib import blake2b

import torch
from torch import Tensor

_CUT = 16
"""Bits of an fp32 number that bf16 does not keep."""


class Rounding:
    """Random bits for one optimizer."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def bits_of(self, update: int, slot: int, device: torch.device) -> torch.Generator:
        """The generator of a slot in an update, at its start; good until the next call."""
        if device not in self._generators:
            self._generators[device] = torch.Generator(device)
        name = blake2b(f"rounding:{self._seed}:{update}:{slot}".encode(), digest_size=4).digest()
        return self._generators[device].manual_seed(int.from_bytes(name, "little"))


def round_(target: Tensor, values: Tensor, generator: torch.Generator) -> None:
    """Store fp32 `values` in the bf16 `target`, up or down at random: in the mean it is what it was.

    A value that bf16 can hold is stored as it is; infinite and nan stay so. On the device, no host sync.
    """
    noise = torch.randint(
        0, 1 << _CUT, values.shape, dtype=torch.int32, device=values.device, generator=generator
    )
    # Adding to the bits that are cut off carries into the last kept one with just the wanted probability.
    noise.add_(values.view(torch.int32)).bitwise_and_(-1 << _CUT)
    target.copy_(torch.where(values.isfinite(), noise.view(torch.float32), values))
