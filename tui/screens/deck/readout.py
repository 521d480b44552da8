"""The two rows of numbers under the heading: progress and speed, then what drives the loss."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from textual.content import Content

from engine.protocol.events import StepReport
from engine.text import one_line
from engine.units import format_count
from tui.state.formatting import countdown, fixed, rate, scientific
from tui.state.store import RunStore

_Cell = tuple[str, str]


def readout(store: RunStore, width: int, now_s: float) -> list[Content]:
    """Two rows; cells that do not fit are left out from the right."""
    return [cells_row(_progress(store, now_s), width), cells_row(_training(store), width)]


def _progress(store: RunStore, now_s: float) -> list[_Cell]:
    total, report = store.total_steps, store.report
    digits = len(f"{total or 0:,}")
    share = f"{100 * store.step / total:3.0f}%" if total else " n/a"
    return [
        ("step", f"{store.step:>{digits},}/{total or 0:,} {share}"),
        ("eta", f"{countdown(store.eta_s(now_s)).strip():<8}"),
        ("", rate(report.tokens_per_s if report else None)),
        ("", f"{fixed(report.step_ms if report else None)} ms/step"),
        ("", _split(report)),
    ]


def _training(store: RunStore) -> list[_Cell]:
    report, saved = store.report, store.newest_checkpoint
    return [
        ("lr", (f"{scientific(report.lr):>6}" if report else "   n/a") + _next(store, "lr")),
        ("precision", f"{report.precision if report else 'n/a':<4}" + _next(store, "precision")),
        ("grad norm", fixed(report.grad_norm if report else None)),
        ("tokens", f"{format_count(report.tokens if report else None):>6}"),
        ("checkpoint", f"at {saved.step:,}" if saved is not None else "none yet"),
    ]


def _next(store: RunStore, setting: str) -> str:
    """What the operator has set it to, until a step has used it."""
    value, how, why = store.set_since.get(setting, "").partition(" ")
    with suppress(ValueError):
        value = scientific(float(value))  # as the one in force
    return f" → {one_line(value + how + why)}" if value else ""


def _split(report: StepReport | None) -> str:
    if report is None or report.step_ms <= 0:
        return ""
    parts = zip(
        ("data", "forward", "backward", "optimizer"),
        (report.data_ms, report.forward_ms, report.backward_ms, report.optimizer_ms),
        strict=True,
    )
    return "  ".join(f"{name} {100 * ms / report.step_ms:2.0f}%" for name, ms in parts)


def cells_row(cells: Sequence[tuple[str, str]], width: int) -> Content:
    """Names and values side by side; those that do not fit are left out from the right."""
    row, used = Content(""), 0
    for label, value in cells:
        size = len(label) + bool(label) + len(value) + (3 if used else 0)
        if used + size > width or not value:
            break
        row = Content.assemble(row, "   " if used else "", (f"{label} " if label else "", "$quiet"), value)
        used += size
    return row
