"""The panes below the compared curves as rows of text: figures at one place, profiles that differ, what was done."""

from __future__ import annotations

from textual.content import Content

from engine.text import one_line
from engine.units import format_count
from tui.state.compared import Axis, ComparedRun, differing_keys
from tui.state.curves.smoothing import smoothed_at
from tui.state.formatting import countdown, fit, fit_start, fixed, padded
from tui.widgets.chart.curves import LETTERS

AXIS_HEADS: dict[Axis, str] = {"steps": "steps", "tokens": "tokens", "time": "at work"}
_NEW, _SAME = "$foreground", "$quiet"


def place(axis: Axis, x: int | None) -> str:
    """A place on an axis in words: `step 1,200`, `4.92 M tokens`, `12:30 at work`."""
    if x is None:
        return "nowhere yet"
    match axis:
        case "steps":
            return f"step {x:,}"
        case "tokens":
            return f"{format_count(x)} tokens"
        case "time":
            return f"{countdown(x / 1000).strip()} at work"


def figure_rows(
    runs: list[ComparedRun],
    base: int,
    quantity: str,
    axis: Axis,
    x: int | None,
    smoothing: float,
    width: int,
) -> list[Content]:
    """Titles and a row a run: its value at `x`, and how far that is from the base's."""
    wide, roomy = width >= 100, width >= 70
    value_width = 17 if wide else 13
    names = [one_line(run.name) for run in runs]
    beside = value_width + (53 if wide else 44 if roomy else 26)
    name_width = max(12, min(max(map(len, names), default=12), width - beside))
    heads = (
        f"{AXIS_HEADS[axis]:>11}{fit(quantity, value_width - 2):>{value_width}}  {'to ' + LETTERS[base]:>8}"
    )
    heads += f"  {'':>7}  {'at its end':>10}" if wide else ""
    rows = [Content.assemble((f"  {'':<{name_width}}  {'':<{9 * roomy}} {heads}", _SAME))]
    values = [_value(run, quantity, axis, x, smoothing) for run in runs]
    of = values[base] if base < len(values) else None
    for number, (run, value) in enumerate(zip(runs, values, strict=True)):
        head = (
            (f"{LETTERS[number]} ", f"$run-{number} bold"),
            (f"{fit_start(names[number], name_width):<{name_width}}", _NEW),
        )
        if run.fault:
            rows.append(
                Content.assemble(*head, (f"  {fit(one_line(run.fault), width - name_width - 4)}", "$warning"))
            )
            continue
        reached = _short(axis, run.last_x(axis)) if not run.loading else ""
        apart = value - of if value is not None and of is not None and number != base else None
        share = apart / of if apart is not None and of else None
        end = run.last_x(axis)
        last = _value(run, quantity, axis, end, smoothing) if end is not None else None
        rows.append(
            Content.assemble(
                *head, (f"  {run.state if roomy else '':<{9 * roomy}} {fit(reached, 11):>11}", _SAME),
                (f"{fixed(value, 6):>{value_width}}", _NEW),
                (f"  {'base' if number == base else _signed(apart):>8}", "bold" if apart else _SAME),
                (f"  {'' if share is None else f'{share:+.1%}':>7}" if roomy else "", _SAME),
                (f"  {fixed(last, 6):>10}" if wide else "", _SAME),
            )
        )  # fmt: skip
    return rows


def profile_rows(runs: list[ComparedRun], base: int, width: int) -> list[Content]:
    """The keys that differ, a column a run; what is as in the base is quiet."""
    readable = [run for run in runs if not run.fault and not run.loading]
    differing = differing_keys(readable)
    if len(readable) < 2 or not differing:
        said = (
            "their profiles are the same" if len(readable) > 1 else "one run alone has nothing to differ from"
        )
        return [Content.assemble((said, _SAME))]
    key_width = min(max(len(key) for key, _ in differing), max(12, width // 3))
    column = max(8, (width - key_width) // len(readable) - 2)
    letters = [LETTERS[runs.index(run)] for run in readable]
    heads = "".join(f"  {letter + ' ' + fit_start(one_line(run.name), column - 2):<{column}}"
                    for letter, run in zip(letters, readable, strict=True))  # fmt: skip
    rows = [Content.assemble((f"{'profile':<{key_width}}{heads}", _SAME))]
    first = readable.index(runs[base]) if base < len(runs) and runs[base] in readable else 0
    for key, values in differing:
        cells = [
            (f"  {padded(one_line(value) or '–', column)}", _SAME if value == values[first] else _NEW)
            for value in values
        ]
        rows.append(Content.assemble((padded(key, key_width), _NEW), *cells))
    return rows


def command_rows(runs: list[ComparedRun], axis: Axis, width: int) -> list[Content]:
    """What the operators did, by place, a column a run."""
    readable = [run for run in runs if not run.fault and not run.loading]
    done: dict[int, list[list[str]]] = {}
    for number, run in enumerate(readable):
        for tick in run.store.ticks:
            at = run.place_of(axis, tick.branch, tick.step)
            done.setdefault(at, [[] for _ in readable])[number].append(tick.text)
    if not done:
        return [Content.assemble(("nobody laid hands on these runs", _SAME))]
    column = max(10, (width - 14) // len(readable) - 2)
    heads = "".join(
        f"  {LETTERS[runs.index(run)] + ' ' + fit_start(one_line(run.name), column - 2):<{column}}"
        for run in readable
    )
    rows = [Content.assemble((f"{axis:>12}{heads}", _SAME))]
    for at in sorted(done):
        cells = "".join(f"  {padded(one_line('; '.join(texts)), column)}" for texts in done[at])
        rows.append(Content.assemble((f"{place(axis, at).removeprefix('step '):>12}", _SAME), (cells, _NEW)))
    return rows


def _short(axis: Axis, x: int | None) -> str:
    """`1,200`, `4.92 M`, `12:30`: under a heading that says of what."""
    if x is None:
        return ""
    return countdown(x / 1000).strip() if axis == "time" else f"{x:,}" if axis == "steps" else format_count(x)


def _value(run: ComparedRun, quantity: str, axis: Axis, x: int | None, smoothing: float) -> float | None:
    if x is None or run.fault or run.loading:
        return None
    plain = run.value_at(quantity, axis, x)
    return smoothed_at(run.series(quantity, axis), x, smoothing) if smoothing and plain is not None else plain


def _signed(value: float | None) -> str:
    return (
        ""
        if value is None
        else f"{'+' if value > 0 else '-' if value < 0 else ''}{fixed(abs(value), 6).strip()}"
    )
