"""The figures that decide what ships (gates) and what is aimed for, judged from a table's figures."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.training.figures import Figures
from benchmarks.training.rows import ROWS

OFF = ("engine-off", "engine-wsd")
ON = "anneal-33"
"""Leaves out a quarter of the block work."""
ALL = "claim"
"""One row for memory, speed and loss: whoever uses the engine has all three at once."""
COMPILED = [row.name for row in ROWS if row.kind == "engine"]


@dataclass(frozen=True, slots=True)
class Gate:
    """One figure, and whether it is good enough."""

    what: str
    row: str
    value: str
    """Empty: not measured yet."""
    gate: str
    aim: str = ""
    met: bool | None = None
    aimed: bool | None = None
    """Whether the aim is reached too."""


BITS = Gate(
    "engine with slots off and chunking off, fp32, CPU, against the plain reference loop",
    "engine-off",
    "bit-identical, by tests/benchmarks/test_bench_reference_loop.py",
    "bit-identical",
    met=True,
)


def gates(f: Figures, gpu: bool) -> list[Gate]:
    """In the order of the page. The first four are for a GPU only."""
    return [*(_against_plain(f) if gpu else []), *_slots(f), _recompiles(f, gpu), *([] if gpu else [BITS])]


def _against_plain(f: Figures) -> list[Gate]:
    found = [
        _most("peak memory against plain", ALL, f.leaner(ALL, "plain"), -0.65, -0.79),
        _least("tokens/s against plain", ALL, f.faster(ALL, "plain"), 6.0, 10.0),
        _most("validation loss at equal tokens against plain", ALL, f.worse(ALL, "plain"), 0.03, 0.0),
    ]  # fmt: skip
    memory, speed = f.leaner(ALL, "nanogpt"), f.faster(ALL, "nanogpt")
    what, gate, aim = "peak memory against nanoGPT-style, and its tokens/s", "-50 % at 0.90x", "-65 %"
    if memory is None or speed is None:
        return [*found, Gate(what, ALL, "", gate, aim)]
    value = f"{memory:+.1%} at {speed:.2f}x"
    met, aimed = memory <= -0.5 and speed >= 0.9, memory <= -0.65 and speed >= 0.9
    return [*found, Gate(what, ALL, value, gate, aim, met, aimed)]


def _slots(f: Figures) -> list[Gate]:
    """What is owed to slots, and what a policy is worth against the control."""
    return [
        _on_against_off(f),
        *(
            _most("8 of 12 blocks kept, loss against all 12", row, f.elastic(row, "8"), 0.06, 0.03)
            for row in ("anneal-60", "anneal-33")
        ),
        _dense(f.elastic("engine-off", "8")),
        *(
            _most(f"loss against random at equal work ({row.replace('anneal', 'random')})", row,
                  f.worse(row, row.replace("anneal", "random")), 0.0, None)
            for row in ("anneal-60", "anneal-33")
        ),
    ]  # fmt: skip


def _on_against_off(f: Figures) -> Gate:
    """Against the better of the two schedules with every slot on: the same lr schedule is not enough."""
    speed = f.faster(ON, "engine-wsd")
    against = [change for off in OFF if (change := f.worse(ON, off)) is not None]
    what = "tokens/s with a quarter of the block work left out, on against off, and the loss"
    gate, aim = "1.10x at +1 %", "1.18x at +0.5 %"
    if speed is None or not against:
        return Gate(what, ON, "" if speed is None else f"{speed:.2f}x, loss not yet measured", gate, aim)
    loss = max(against)
    met, aimed = speed >= 1.10 and loss <= 0.01, speed >= 1.18 and loss <= 0.005
    return Gate(what, ON, f"{speed:.2f}x at {loss:+.2%}", gate, aim, met, aimed)


def _dense(change: float | None) -> Gate:
    what, gate = "the same of the model trained dense, to compare", "more than double"
    if change is None:
        return Gate(what, "engine-off", "", gate)
    return Gate(what, "engine-off", f"{change:+.1%}", gate, "", change > 1.0)


def _recompiles(f: Figures, gpu: bool) -> Gate:
    found = [n for row in COMPILED if (n := f.figure(row, "recompiles")) is not None]
    what = "recompiles after warm-up, all engine rows together"
    if not found:
        tested = "0, by tests/engine/models/test_models_compiled.py"
        return Gate(what, "", "", "0") if gpu else Gate(what, "", tested, "0", met=True)
    return Gate(what, "", f"{sum(found):.0f}", "0", "", sum(found) == 0)


def _most(what: str, row: str, value: float | None, gate: float, aim: float | None) -> Gate:
    """A change that may be this large at most."""
    told = f"at most {gate:+.0%}", "" if aim is None else f"at most {aim:+.0%}"
    if value is None:
        return Gate(what, row, "", *told)
    return Gate(what, row, f"{value:+.1%}", *told, value <= gate, None if aim is None else value <= aim)


def _least(what: str, row: str, value: float | None, gate: float, aim: float) -> Gate:
    """A multiple that must be this large at least."""
    told = f"{gate:g}x", f"{aim:g}x"
    if value is None:
        return Gate(what, row, "", *told)
    return Gate(what, row, f"{value:.2f}x", *told, value >= gate, value >= aim)
