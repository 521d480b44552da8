"""What the charts can show of a run, in the order in which one goes through them.

The large chart shows one; where there is room, small charts beside it show the others.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from tui.state.cycle import cycled
from tui.state.formatting import fixed, scientific, shortest, thousands


class Line(Struct, frozen=True):
    """A curve: a series of the store, how it is called and drawn."""

    series: str
    label: str
    kind: str = "line"
    """As `tui.widgets.chart.Plotted.kind`."""
    colour: int | None = None
    text: Callable[[float], str] = fixed
    """Writes a value of it, as the rows of figures do."""


class Quantity(Struct, frozen=True):
    """One chart."""

    name: str
    lines: tuple[Line, ...]
    key_line: int = 0
    """The line that stands for it in a row of figures and in a small chart."""


QUANTITIES = (
    Quantity("loss", (Line("loss", "train"), Line("loss_ema", "ema", "strong"), Line("val_loss", "val", "points"))),
    Quantity("tokens/s", (Line("tokens_per_s", "tokens/s", text=thousands),)),
    Quantity("grad norm", (Line("grad_norm", "grad norm"),)),
    Quantity("lr", (Line("lr", "lr", "strong", text=scientific),)),
    Quantity("step ms", (
        Line("step_ms", "step"), Line("forward_ms", "forward", colour=0), Line("backward_ms", "backward", colour=1),
        Line("optimizer_ms", "optimizer", colour=2), Line("data_ms", "data", colour=3),
    )),
    Quantity("active slots", (Line("active_slots", "active slots", text=shortest),)),
)  # fmt: skip


def quantity(name: str) -> Quantity:
    """The one of this name."""
    return next(each for each in QUANTITIES if each.name == name)


def after(name: str, by: int = 1) -> str:
    """The name of the next, round the end."""
    return cycled((each.name for each in QUANTITIES), name, by)


def others(name: str) -> tuple[Quantity, ...]:
    """All but this one, in order."""
    return tuple(each for each in QUANTITIES if each.name != name)
