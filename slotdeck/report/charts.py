"""The charts of a report: the loss with everything that was done on it, the small ones, memory, the slots."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from engine.protocol import events as e
from slotdeck.report.markup import tag, words
from slotdeck.report.plot import Plot, Point, steps_axis
from slotdeck.report.story import Story
from tui.state.memory_history import OWN, own_bytes

GIB = 1 << 30
WATERFALL_COLUMNS = 240
_DOTS = 120
"""More evaluations are a line only."""
WIDTH_A_COLUMN = 4.0
Cell = tuple[int, str]
"""Of the waterfall: duty in quarters, and the operator's hold."""


def curve(story: Story, name: str, *, left: int | None = None) -> list[Point]:
    """A scalar on the line that leads to the end, or on what was left behind of a branch."""
    track, facts = story.track, story.facts
    column = track.columns.get(name)
    if column is None:
        return []
    return [
        Point(step, column.min[i], column.max[i], column.last[i])
        for i, (branch, step) in enumerate(zip(track.branch, track.step, strict=True))
        if (
            branch == left and not facts.leads(branch, step)
            if left is not None
            else facts.leads(branch, step)
        )
    ]


def loss_chart(story: Story) -> str:
    """Training, mean and validation loss, and a tick for each thing that happened."""
    raw, mean = curve(story, "loss"), curve(story, "loss_ema")
    branches = sorted(set(story.track.branch))
    lost = [curve(story, "loss_ema", left=branch) for branch in branches]
    val = [ev for ev in story.evaluations if story.facts.leads(ev.branch, ev.step)]
    values = sorted(p.last for p in (*mean, *raw) if math.isfinite(p.last)) + [
        ev.loss for ev in val if math.isfinite(ev.loss)
    ]
    if not values:
        return tag("p", "No step has been reported yet.", class_="note")
    low, high = min(values), max(values)
    margin = (high - low) * 0.05 or 0.1
    plot = Plot(story.end_step, low - margin, high + margin)
    for left in lost:
        plot.line(left, "left")
    plot.uprights([(c.step, f"{c.name}, {c.reason}") for c in story.checkpoints], "checkpoint", top=93)
    plot.uprights(
        [(w.step, f"back from step {w.from_step} to {w.checkpoint}: {w.reason}") for w in story.returns],
        "fork",
    )
    plot.uprights([(a.step, f"{a.level} at step {a.step}: {a.message}") for _, a in story.alarms], "alarm")
    applied = [asked for asked in story.commands if asked.status == "applied"]
    plot.uprights([(asked.step, f"{asked.text} at step {asked.step}") for asked in applied], "action")
    plot.band(raw, "raw")
    plot.line(raw, "raw")
    plot.line(mean, "mean")
    plot.line([Point(ev.step, ev.loss, ev.loss, ev.loss) for ev in val], "val")
    if len(val) <= _DOTS:
        plot.dots([(ev.step, ev.loss, f"validation {ev.loss:.4f} at step {ev.step}") for ev in val], "val")
    shown = [
        ("raw", "training", True), ("mean", "mean", True), ("val", "validation", bool(val)),
        ("left", "left behind", any(lost)), ("action", "your commands, numbered below", bool(story.commands)),
        ("alarm", "alarms", bool(story.alarms)), ("checkpoint", "checkpoints", bool(story.checkpoints)),
        ("fork", "went back to", bool(story.returns)),
    ]  # fmt: skip
    return plot.html("Loss", "nats per token", look="tall", under=_flags(story), ticks=6) + legend(shown)


def _flags(story: Story) -> str:
    """Numbers under the chart, each a link to its row; those that would lie on each other share a row."""
    flags, ends = [], [-9.0, -9.0, -9.0]
    for number, asked in enumerate(story.commands, 1):
        if asked.status != "applied":
            continue
        left = 100 * asked.step / story.end_step
        row = next((row for row, end in enumerate(ends) if left - end > 2.2), None)
        if row is None:
            continue  # the tick is there, and the table has all of them
        ends[row] = left
        flags.append(
            tag("a", str(number), href=f"#c{number}", id=f"t{number}", title=asked.text,
                style=f"left:{left:.2f}%;top:{row * 1.35:.2f}em")
        )  # fmt: skip
    deep = sum(end > 0 for end in ends) or 1
    return tag("div", "".join(flags), class_="flags", style=f"height:{deep * 1.35:.2f}em") if flags else ""


def small_charts(story: Story) -> str:
    """The learning rate, the speed, the slots at work, the gradient."""
    wanted = (
        ("lr", "Learning rate", ""),
        ("tokens_per_s", "Speed", "tokens per second"),
        ("active_slots", "Slots at work", f"of {len(story.facts.slot_names)}"),
        ("grad_norm", "Gradient norm", "before clipping"),
    )
    return tag("div", "".join(_small(story, *row) for row in wanted), class_="small")


def _small(story: Story, name: str, title: str, unit: str) -> str:
    points = curve(story, name)
    values = sorted(p.last for p in points if math.isfinite(p.last))
    if not values:
        return ""
    high = values[min(int(len(values) * 0.995), len(values) - 1)]
    plot = Plot(story.end_step, 0.0, (high if high > 0 else 1.0) * 1.08)
    plot.band(points, "raw")
    plot.line(points, "mean")
    return plot.html(title, unit, ticks=3, step_ticks=3)


def memory_chart(story: Story) -> str:
    """What holds the device's memory, one part on the other."""
    splits = [m for m in story.memory if m.step <= story.end_step]
    splits = [m for i, m in enumerate(splits) if all(m.step < later.step for later in splits[i + 1 : i + 2])]
    if not splits:
        return ""
    if len(splits) == 1:
        splits = [splits[0], _at(splits[0], story.end_step)]
    top = max(map(own_bytes, splits)) / GIB
    plot = Plot(story.end_step, 0.0, top * 1.08 or 1.0)
    below = [0.0] * len(splits)
    for number, part in enumerate(OWN):
        above = [floor + getattr(m, part) / GIB for floor, m in zip(below, splits, strict=True)]
        points = [Point(m.step, lo, hi, hi) for m, lo, hi in zip(splits, below, above, strict=True)]
        plot.band(points, f"part p{number}")
        below = above
    shown = [(f"part p{number}", part, True) for number, part in enumerate(OWN)]
    return plot.html("Memory of the training device", "GiB", ticks=3) + legend(shown)


def _at(split: e.MemorySplit, step: int) -> e.MemorySplit:
    return replace(split, step=step)


def waterfall(story: Story) -> str:
    """Slots from top to bottom, steps from left to right: the darker, the more a slot worked."""
    names = story.facts.slot_names
    plans = [p for p in story.plans if story.facts.leads(p.branch, p.step) and len(p.rows) == len(names)]
    if not names or not plans:
        return ""
    columns = _columns(story, plans)
    height = len(names)
    drawn = []
    for slot in range(height):
        for start, end, (level, held) in _stretches([column[slot] for column in columns]):
            x, width = start * WIDTH_A_COLUMN, (end - start) * WIDTH_A_COLUMN
            look = f"d{level}"
            drawn.append(
                tag("rect", x=f"{x:g}", y=f"{slot + 0.06:g}", width=f"{width:g}", height="0.88", class_=look)
            )
            if held:
                top = 0.74 if held == "pin" else 0.44
                drawn.append(
                    tag(
                        "rect",
                        x=f"{x:g}",
                        y=f"{slot + top:g}",
                        width=f"{width:g}",
                        height="0.2",
                        class_=held,
                    )
                )
    drawing = tag(
        "svg", "".join(drawn), viewBox=f"0 0 {WATERFALL_COLUMNS * WIDTH_A_COLUMN:g} {height}",
        preserveAspectRatio="none", role="img", aria_label="duty of each slot over the steps",
        style=f"height:{max(height * 1.25, 3):.2f}em",
    )  # fmt: skip
    labels = "".join(
        tag("span", words(name, 24), style=f"top:{100 * (i + 0.5) / height:.2f}%")
        for i, name in enumerate(names)
    )
    body = tag("div", labels, class_="ys") + tag("div", drawing, class_="box")
    shown = [
        (f"d{level}", label, True)
        for level, label in enumerate(("off", "1/4", "1/2", "3/4", "all sequences"))
    ]
    holds = {row.held for plan in plans for row in plan.rows}
    shown += [("pin", "pinned by hand", "pin" in holds), ("ban", "banned by hand", "ban" in holds)]
    caption = tag("figcaption", "Slots" + tag("small", "share of the work, by step"))
    return tag(
        "figure", caption + tag("div", body, class_="plot") + steps_axis(story.end_step), class_="water"
    ) + legend(shown)


def _columns(story: Story, plans: Sequence[e.SlotPlanned]) -> list[list[Cell]]:
    """For each place on the axis the mean of its plans, or the plan that still held there."""
    end_step = story.end_step
    ordered = sorted(plans, key=lambda plan: plan.step)
    steps = [plan.step for plan in ordered]
    columns = []
    stands = max((p.step for p in curve(story, "loss")), default=steps[-1])
    for column in range(min(WATERFALL_COLUMNS, -(-stands * WATERFALL_COLUMNS // end_step))):
        first = bisect_right(steps, column * end_step / WATERFALL_COLUMNS)
        last = bisect_right(steps, (column + 1) * end_step / WATERFALL_COLUMNS)
        here = ordered[first:last] or ordered[max(first - 1, 0) : max(first, 1)]
        columns.append(
            [
                (_quarters([plan.rows[slot].duty for plan in here]), here[-1].rows[slot].held)
                for slot in range(len(here[0].rows))
            ]
        )
    return columns


def _quarters(duties: Sequence[float]) -> int:
    """Their mean; what is no duty, in a damaged log, counts as the nearest that is."""
    return round(4 * sum(min(max(0.0, duty), 1.0) for duty in duties) / len(duties))


def _stretches(cells: Sequence[Cell]) -> Iterable[tuple[int, int, Cell]]:
    """Neighbours that are the same, together."""
    start = 0
    for at in range(1, len(cells) + 1):
        if at == len(cells) or cells[at] != cells[start]:
            yield start, at, cells[start]
            start = at


def legend(rows: Iterable[tuple[str, str, bool]]) -> str:
    """What each mark means; those that are not there are left out."""
    shown = (tag("li", tag("i", class_=f"k {look}") + words(label)) for look, label, there in rows if there)
    return tag("ul", "".join(shown), class_="legend")
