"""A whole screen live at ten step reports a second: bytes, the way of a report to the screen, processor, memory."""

from __future__ import annotations

import re
import time

from benchmarks.terminal.child import Child
from benchmarks.terminal.figure import Row, Work, median_row, percentile, row
from benchmarks.terminal.session import Session

REPORTS_PER_S = 10
SECONDS = 30
SETTLING_S = 4
STEP = re.compile(r"\bstep\s+([\d,]+)\s*/")


def measure(work: Work) -> list[Row]:
    """First as it is, then for a thin line."""
    return [*_session(work, thin=False), *_session(work, thin=True)]


def _session(work: Work, thin: bool) -> list[Row]:
    with Session(work.folder / ("thin" if thin else "normal"), REPORTS_PER_S) as session:
        child = Child.slotdeck(
            "attach", session.run_dir, compiled=work.compiled, **({"SLOTDECK_THIN": "1"} if thin else {})
        )
        try:
            child.until(STEP.pattern)
            child.read(SETTLING_S)
            rate, delays, share, memory = _watch(child, session)
        finally:
            child.leave()
    how = " with --thin" if thin else ""
    note = f"{REPORTS_PER_S} reports a second for {SECONDS} s, 120x32, 24-bit colours"
    shown = median_row(
        f"step report written to shown{how}", delays, "s", 1.0 if thin else 0.3,
        p95=round(percentile(delays, 95), 3), note="the aim is for the median; the largest is beside it",
    )  # fmt: skip
    rows = [
        row(
            f"bytes to the terminal, whole screen live{how}",
            rate / 1000,
            "KB/s",
            2.0 if thin else 8.0,
            note=note,
        )
    ]
    rows += [shown, row(f"processor share of the cockpit meanwhile{how}", 100 * share, "% of a core", 6.0)]
    if not thin:
        rows.append(row("resident memory, one run attached", memory, "MB", 80.0))
    return rows


def _watch(child: Child, session: Session) -> tuple[float, list[float], float, float]:
    """Bytes a second, seconds from written to shown of each report, share of a core, megabytes."""
    begin_s, bytes_before, used_s = time.perf_counter(), len(child.seen), child.processor_s()
    delays: list[float] = []
    newest = shown_step(child.text)
    while (now_s := time.perf_counter()) - begin_s < SECONDS:
        if not child.read(0.5, until_any=True):
            continue
        now_s, step = time.perf_counter(), shown_step(child.text)
        arrived = [s for s in list(session.written_s) if newest < s <= step]
        delays += [now_s - session.written_s[s] for s in arrived]
        newest = max(newest, step)
    seconds = now_s - begin_s
    rate = (len(child.seen) - bytes_before) / seconds
    return rate, delays, (child.processor_s() - used_s) / seconds, child.memory_mb()


def shown_step(text: str) -> int:
    """The step that a screen says the run is at; 0 where it says none."""
    found = STEP.search(text)
    return int(found[1].replace(",", "")) if found else 0
