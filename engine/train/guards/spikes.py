"""Loss spikes: judged on the device in the same step, against what was usual just before.

    usual      the median of the last `guard.spike_window` steps that were applied
    deviation  1.4826 x the median distance from it: the standard deviation of a normal sample, and one outlier
               more or less does not move it
    a spike    above the usual by more than `guard.spike_sigma` deviations; lower than usual is never one

The loss and the global gradient norm are judged, the norm by its logarithm: its noise is a factor, with a long tail
that clipping takes care of. A step that is left out never enters the window: otherwise one bad loss would widen the
bar for the next. Half a window must be there before anything is judged. An operator who changes what a step computes
begins a new one, since the loss may then be another for good: see `restart`. Plans that a policy draws do not: what
they differ by is part of the noise.

A step costs a comparison and a row on a page; limits are computed when a page is full. Owned by the run, used by
`engine.train.step`, saved with the checkpoint: a resumed run leaves out the very same steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

NORMAL = 1.4826
"""From a median distance to the standard deviation of a normal sample."""
LEAST = (0.02, 0.4)
"""The smallest deviation: of the loss as a share of its median, of the norm in its logarithm. So a loss less than
12 % above the usual is never a spike at 6 deviations, nor a norm below 11 times it: small batches of healthy runs
reach 5 times."""
PAGE = 16
"""Steps between two computations of the limits, at most."""
RECENT = 20
"""Steps among which left-out ones are counted towards a pause."""
BEGINS_ANEW = frozenset({"precision", "policy", "pin", "ban", "release", "prune"})
"""Commands after which another loss may be the usual one. A learning rate is none: a spike that it brings is one."""


@dataclass(frozen=True, slots=True)
class Spikes:
    """What happened since the last reading."""

    spikes: int
    """Steps left out as spikes."""
    most_recent: int
    """The most steps left out, for whatever reason, within `RECENT` in a row."""
    loss: float
    """Of the last spike, as are the others."""
    norm: float
    loss_limit: float
    norm_limit: float

    def describe(self) -> str:
        """`loss 84.2, and up to 3.41 was usual`."""
        if self.loss > self.loss_limit:
            return f"loss {self.loss:.4g}, and up to {self.loss_limit:.4g} was usual"
        return f"gradient norm {self.norm:.4g}, and up to {self.norm_limit:.4g} was usual"


class SpikeGuard:
    """The window and its limits: all that counts stays on the device."""

    def __init__(self, window: int, sigma: float, device: torch.device) -> None:
        """With `sigma` 0 nothing is a spike, and left-out steps are still counted."""
        self.window = window
        self.sigma = sigma
        self._device = device
        self._least = torch.tensor(LEAST, device=device)
        self._page = torch.zeros((min(PAGE, window), 5), device=device)
        """Steps not yet in the window, a row each: loss, log norm, left out, spike, counts."""
        self._written = self._counted = 0
        self.restart()
        self.forgive()

    def restart(self) -> None:
        """Begin a new window: another loss may be the usual one from here on."""
        self._count()
        self._written = self._counted = 0
        self._values = torch.full((self.window, 2), float("inf"), device=self._device)
        """Loss and log norm of applied steps, oldest first; infinite where there was none yet."""
        self._limits = torch.full((2,), float("inf"), device=self._device)

    def forgive(self) -> None:
        """Count left-out steps from zero again: somebody looks at them now."""
        self._counted = self._written
        self._recent = torch.zeros(RECENT - 1, device=self._device)
        self._told = torch.zeros(6, device=self._device)
        """Spikes, the most left out within `RECENT`, and of the last spike both values and both limits."""

    # -- a step ------------------------------------------------------------------------------------------

    def judge(self, loss: Tensor, norm: Tensor | None = None) -> Tensor:
        """Whether this is a spike: 0-d bool on the device. Without a norm the loss alone is judged."""
        spike = loss > self._limits[0]
        return spike if norm is None else spike | (norm.log() > self._limits[1])

    @torch.no_grad()
    def note(self, loss: Tensor, norm: Tensor, left_out: Tensor, spike: Tensor, counts: Tensor) -> None:
        """What became of the step; all 0-d and on the device.

        Args:
            loss: of the whole step.
            norm: of all gradients, before clipping.
            left_out: it was not applied, so it is no part of what is usual.
            spike: left out as one.
            counts: left out in a way that counts towards a pause.
        """
        self._page[self._written] = torch.stack((loss, norm.log(), left_out, spike, counts))
        self._written += 1
        if self._written == len(self._page):
            self._turn()

    def _turn(self) -> None:
        """The page is full: its applied steps enter the window, and the limits are computed anew."""
        self._count()
        self._written = self._counted = 0
        if not self.sigma:
            return
        rows = torch.cat((self._values, self._page[:, :2]))
        there = torch.cat((self._values[:, 0] < float("inf"), self._page[:, 2] == 0))
        in_order = there.int().sort(stable=True).indices[-self.window :]
        there = there[in_order]
        self._values = torch.where(there[:, None], rows[in_order], float("inf"))
        middle = ((there.sum() - 1) // 2).clamp(min=0).expand(1, 2)
        median = self._values.sort(dim=0).values.gather(0, middle)
        distance = (self._values - median).abs().sort(dim=0).values.gather(0, middle)
        least = self._least * torch.stack((median[0, 0].abs(), torch.ones_like(median[0, 0])))
        limits = median[0] + self.sigma * torch.maximum(NORMAL * distance[0], least)
        self._limits = torch.where(2 * there.sum() >= self.window, limits, float("inf"))

    def _count(self) -> None:
        """Take up what was written since the last time. Limits are the same for a whole page."""
        rows, self._counted = self._page[self._counted : self._written], self._written
        if not len(rows):
            return
        recent = torch.cat((self._recent, rows[:, 4]))
        self._recent = recent[1 - RECENT :].clone()
        most = recent.unfold(0, RECENT, 1).sum(1).max()
        order = torch.arange(1, len(rows) + 1, device=self._device)
        # `rows[argmax]` would read the index on the host, and wait for the device.
        last = rows.index_select(0, (rows[:, 3] * order).argmax(0, keepdim=True))[0, :2]
        told = torch.cat((last, self._limits))
        spikes = rows[:, 3].sum()
        self._told = torch.cat(
            (
                (self._told[0] + spikes)[None],
                torch.maximum(self._told[1], most)[None],
                torch.where(spikes > 0, told, self._told[2:]),
            )
        )

    # -- a report, a checkpoint --------------------------------------------------------------------------

    def read(self) -> Spikes:
        """What was counted since the last time: called where the host reads the device anyway."""
        self._count()
        spikes, most, loss, norm, loss_limit, norm_limit = self._told.tolist()
        self._told = torch.cat((torch.zeros_like(self._told[:2]), self._told[2:]))
        return Spikes(round(spikes), round(most), loss, _exp(norm), loss_limit, _exp(norm_limit))

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {
            "values": self._values.tolist(),
            "limits": self._limits.tolist(),
            "page": self._page[: self._written].tolist(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on with a saved window; one of another length is begun anew."""
        self._written = 0
        self.restart()
        self.forgive()
        if len(state["values"]) != self.window:
            return
        self._values = torch.tensor(state["values"], device=self._device)
        self._limits = torch.tensor(state["limits"], device=self._device)
        if state["page"]:
            self._counted = self._written = len(state["page"])
            self._page[: self._written] = torch.tensor(state["page"], device=self._device)


def _exp(logarithm: float) -> float:
    return math.exp(min(logarithm, 700.0))
