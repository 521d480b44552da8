"""The parts of a report that are words and tables: figures at the top, commands, alarms, settings, the machine."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from engine.units import counted, format_bytes, format_count, format_duration
from slotdeck.export_run.facts import Setting, profile_on_the_shelf, settings
from slotdeck.report.charts import curve
from slotdeck.report.markup import lines, section, table, tag, words
from slotdeck.report.plot import Point
from slotdeck.report.story import Asked, Story

MOST = 500
"""Rows of a table: a page is read by people."""


def moment(wall_s: float) -> str:
    """A time, in UTC."""
    return f"{datetime.fromtimestamp(wall_s, UTC):%Y-%m-%d %H:%M:%S}"


def figures(story: Story) -> str:
    """The run in eight numbers."""
    facts, started = story.facts, story.started
    val = [ev.loss for ev in story.evaluations if facts.leads(ev.branch, ev.step) and math.isfinite(ev.loss)]
    mean, tokens, speed = (curve(story, name)[-1:] for name in ("loss_ema", "tokens", "tokens_per_s"))
    shown = [
        ("validation loss", f"{val[-1]:.4f}" if val else "n/a", f"best {min(val):.4f}" if val else "never measured"),
        ("training loss", f"{mean[0].last:.4f}" if mean else "n/a", "mean of the last steps"),
        ("steps", f"{mean[0].step:,}" if mean else "0", f"of {started.total_steps:,}" if started else ""),
        ("tokens", format_count(tokens[0].last) if tokens else "0",
         f"{format_count(speed[0].last)}/s at the end" if speed else ""),
        ("time", format_duration(facts.ended_wall_s - facts.began_wall_s), f"from {moment(facts.began_wall_s)} UTC"),
        ("parameters", format_count(started.model.params) if started else "n/a",
         f"in {len(facts.slot_names)} slots and a stem"),
        ("commands", f"{sum(c.status == 'applied' for c in story.commands)}", "applied by hand"),
        ("alarms", f"{len(story.alarms)}", f"{counted(len(story.checkpoints), 'checkpoint')} saved"),
    ]  # fmt: skip
    return tag(
        "dl",
        "".join(
            tag(
                "div",
                tag("dt", words(name)) + tag("dd", words(value)) + tag("dd", words(note), class_="note"),
            )
            for name, value, note in shown
        ),
        class_="figures",
    )


def commands(story: Story) -> str:
    """What was asked, in the order of asking, with the mean loss around it."""
    mean = [p for p in curve(story, "loss_ema") if math.isfinite(p.last)]
    rows = []
    for number, asked in enumerate(story.commands[:MOST], 1):
        link = tag("a", str(number), href=f"#t{number}") if asked.status == "applied" else str(number)
        change = f"{words(asked.before)} → {words(asked.after)}" if asked.before else words(asked.after)
        leads = story.facts.leads(asked.branch, asked.step)
        then, later = _effect(story, mean, asked) if asked.status == "applied" and leads else ("", "")
        status = asked.status if leads or asked.status != "applied" else "left behind"
        cells = [
            link, words(f"{asked.step:,}") if asked.step else "", tag("code", words(asked.text, 400)),
            tag("b", words(status), class_=f"s {words(status)}"), words(asked.why) or change, then, later,
            words(asked.who), words(moment(asked.wall_s)[11:]),
        ]  # fmt: skip
        side = ("n", "n", None, None, None, "n", "n", None, "n")
        tds = "".join(tag("td", cell, class_=look) for cell, look in zip(cells, side, strict=True))
        rows.append(tag("tr", tds, id=f"c{number}"))
    if not rows:
        return section(
            "What the operator did", tag("p", "Nothing: the run was left to its profile.", class_="note")
        )
    heads = ("#", "step", "command", "", "change", "loss then", "5 % later", "who", "UTC")
    note = "Mean training loss when it was applied and a twentieth of the run later, whatever else happened meanwhile."
    return section("What the operator did", table(heads, rows, (0, 1, 5, 6, 8)) + _more(story.commands), note)


def _effect(story: Story, mean: list[Point], asked: Asked) -> tuple[str, str]:
    def at(step: float) -> float | None:
        place = bisect_right(mean, step, key=lambda p: p.step) - 1
        return mean[place].last if place >= 0 else None

    then, later_step = at(asked.step), asked.step + story.end_step / 20
    later = at(later_step) if mean and mean[-1].step >= later_step else None
    if then is None:
        return "", ""
    change = "" if later is None else f"{later:.4f} " + tag("small", words(f"{later - then:+.4f}"))
    return f"{then:.4f}", change


def alarms(story: Story) -> str:
    """What the engine warned of."""
    rows = [
        (f"{alarm.step:,}", tag("b", words(alarm.level), class_=f"s {words(alarm.level, 12)}"), words(alarm.message),
         words(alarm.remedy), words(moment(wall_s)[11:]))
        for wall_s, alarm in story.alarms[:MOST]
    ]  # fmt: skip
    inner = table(("step", "", "what", "remedy", "UTC"), rows, (0, 4)) + _more(story.alarms) if rows else ""
    return section("Alarms", inner)


def prunes(story: Story) -> str:
    """Slots taken out for good, and runs that went back."""
    rows = [
        (f"{p.step:,}", words(("put back " if p.undone else "pruned ") + ", ".join(p.slots)),
         words(f"{format_count(p.params_before)} → {format_count(p.params_after)}"),
         _loss(p.loss_before), _loss(p.loss_after), words(p.reason))
        for p in story.prunes[:MOST]
    ]  # fmt: skip
    inner = (
        table(("step", "what", "parameters", "val before", "val after", "why"), rows, (0, 2, 3, 4))
        if rows
        else ""
    )
    return section("Prunes", inner)


def branches(story: Story) -> str:
    """Where the run went back, and its lives."""
    rows = [
        (f"{back.from_step:,}", f"{back.step:,}", words(back.checkpoint), words(back.reason))
        for back in story.returns[:MOST]
    ]
    return section(
        "Went back", table(("from step", "to step", "checkpoint", "why"), rows, (0, 1)) if rows else ""
    )


def slots(story: Story) -> str:
    """What each slot is, costs and would be missed by."""
    started = story.started
    if started is None or not (story.measured or story.probes):
        return ""
    measured, probe = story.measured, story.probes[-1] if story.probes else None
    without = dict(zip(probe.slots, probe.losses, strict=False)) if probe else {}
    rows = []
    for number, slot in enumerate(started.slots):
        missed = without.get(slot.name)
        lists = (
            (
                measured.grad_norms,
                measured.update_norms,
                measured.weight_norms,
                measured.forward_ms,
                measured.backward_ms,
            )
            if measured
            else ()
        )
        cells = [_number(row[number] if number < len(row) else None) for row in lists] or [""] * 5
        effect = f"{missed - probe.loss:+.4f}" if probe and missed is not None else ""
        rows.append((words(slot.name), words(format_count(slot.params)), *cells, words(effect)))
    heads = (
        "slot",
        "parameters",
        "gradient",
        "update",
        "weights",
        "forward ms",
        "backward ms",
        "loss without it",
    )
    when = f"Norms and times as measured at step {measured.step:,}." if measured else ""
    tried = f" Losses without a slot as probed at step {probe.step:,}." if probe else ""
    return section("Slots, one by one", table(heads, rows, range(1, 8)), when + tried)


def samples(story: Story) -> str:
    """The first text and the last few."""
    chosen = story.samples[:1] + story.samples[1:][-3:]
    inner = "".join(
        tag("figure", tag("figcaption", words(f"step {s.step:,}"))
            + tag("pre", tag("b", lines(s.prompt, 2000)) + lines(s.text, 6000)))
        for s in chosen
    )  # fmt: skip
    return section("Samples", inner)


def profile(story: Story) -> str:
    """The settings; those that differ from the defaults stand out, and what was set for this run alone."""
    if story.started is None:
        return ""
    name = story.started.profile_name
    base = profile_on_the_shelf(name)
    rows = settings(story.started.profile_toml, base)
    if not rows:
        return ""
    changed, own = sum(row.changed for row in rows), sum(row.set_for_the_run for row in rows)
    cells = [
        tag("tr", "".join(_cells(row, bool(own))), class_="changed" if row.changed else None) for row in rows
    ]
    note = f"{changed} of {len(rows)} settings differ from the defaults; they are marked."
    if base is not None:
        which = ", whose value stands at the right" if own else ""
        note += f" {own} differ from the profile {name} as it is now{which}."
    half = -(-len(cells) // 2)
    heads = ("key", "value", "default", *((name,) if own else ()))
    both = table(heads, cells[:half]) + (table(heads, cells[half:]) if cells[half:] else "")
    return section("Profile", tag("div", both, class_="pair"), note)


def _cells(row: Setting, with_base: bool) -> Iterator[str]:
    yield tag("td", tag("code", words(row.key)))
    yield tag("td", words(row.value))
    yield tag("td", words(row.default))
    if with_base:
        yield tag("td", words(row.base) if row.set_for_the_run else "")


def machine(story: Story) -> str:
    """Where it ran, life by life."""
    rows = []
    for life in story.facts.lives[:MOST]:
        m = life.machine
        rows.append(
            (words(moment(life.wall_s)), f"{life.step:,}", words(life.resumed_from or life.parent or ""), words(m.host),
             words(m.device_name or m.device), f"{m.num_threads}", words(m.torch), words(m.python),
             words(m.slotdeck))
        )  # fmt: skip
    heads = ("started, UTC", "at step", "from", "host", "device", "threads", "torch", "python", "slotdeck")
    inner = table(heads, rows, (1, 5)) if rows else ""
    hardware = story.hardware
    if inner and hardware is not None:
        gpus = "; ".join(
            f"GPU {gpu.index} {gpu.name}, {format_bytes(gpu.memory_total_bytes)}" for gpu in hardware.gpus
        )
        told = (
            f"{format_bytes(hardware.ram_total_bytes)} of memory; {gpus or hardware.gpu_status or 'no GPU'}."
        )
        inner += tag("p", words(told), class_="note")
    return section("Machine", inner)


def _more(rows: list[object] | Iterable[object]) -> str:
    left = len(list(rows)) - MOST
    return (
        tag("p", f"… and {left:,} more; all of them: slotdeck export-run --csv", class_="note")
        if left > 0
        else ""
    )


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
