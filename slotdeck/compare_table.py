"""`slotdeck compare` without a terminal: the runs' last losses and what differs in their profiles, as plain text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from engine.text import one_line
from slotdeck.text_table import lined_up
from tui.link.compare import fill
from tui.state.compared import ComparedRun, common_x, differing_keys


def compare_table(paths: list[Path]) -> Iterator[str]:
    """A table of the runs, one of their profiles, and a line for each that cannot be read."""
    runs = [ComparedRun(path) for path in paths]
    for run in runs:
        fill(run)
    readable = [run for run in runs if not run.fault]
    common = common_x(readable, "tokens")
    same = f"LOSS AT {common:,} TOKENS" if common is not None and len(readable) > 1 else "MEAN LOSS"
    rows: list[tuple[str, ...]] = [("RUN", "STATE", "STEP", "TOKENS", "LOSS", "VAL", same)]
    for run in readable:
        report = run.store.report
        evaluated = run.store.evaluations[-1].loss if run.store.evaluations else None
        at = common if len(readable) > 1 else run.last_x("tokens")
        rows.append(
            (
                one_line(run.name, 80), run.state, f"{report.step:,}" if report else "-",
                f"{report.tokens:,}" if report else "-", _loss(report.loss if report else None), _loss(evaluated),
                _loss(run.value_at("mean loss", "tokens", at) if at is not None else None),
            )
        )  # fmt: skip
    yield from lined_up(rows)
    for run in runs:
        if run.fault:
            yield f"{one_line(run.name, 80)}: {run.fault}"
    differing = differing_keys(readable) if len(readable) > 1 else []
    if differing:
        yield ""
        heads = ("PROFILE", *(one_line(run.name, 40) for run in readable))
        yield from lined_up(
            [heads, *((key, *(one_line(v, 40) or "-" for v in values)) for key, values in differing)]
        )


def _loss(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
