"""From the store to what each widget draws: frozen views, so that what did not change is not painted."""

from __future__ import annotations

from textual.content import Content

from engine.text import one_line, sanitise
from tui.screens.marks import marks_of
from tui.screens.source import Player
from tui.state.choices import Choices
from tui.state.facts import AWAY
from tui.state.formatting import duty
from tui.state.store import RunStore
from tui.widgets.chart import ChartView, Plotted
from tui.widgets.event_feed import FeedView
from tui.widgets.gauge import HardwareView
from tui.widgets.scrubber import ScrubberView
from tui.widgets.stacked_bar import MemoryView
from tui.widgets.waterfall import WaterfallView

_WAITING = {"connecting": "reading the log", **dict.fromkeys(AWAY, "no step was reported")}
_CURVES = (("loss", "train", "line"), ("loss_ema", "ema", "strong"), ("val_loss", "val", "points"))


def chart_view(store: RunStore, choices: Choices, whole: RunStore | None = None) -> ChartView:
    """The loss: training, its mean, validation; operator's actions and checkpoints on the axis.

    `whole` knows the run to its end while `store` stands at a moment of it: what came later is drawn dim.
    """
    run = whole or store
    at = store.branch if whole is not None else None
    return ChartView(
        title="loss",
        curves=tuple(
            Plotted(label, run.series[name], run.series[name].version, kind, store.series[name].last)
            for name, label, kind in _CURVES
        ),
        marks=marks_of(run, at),
        branch=at,
        total_steps=run.total_steps,
        window=choices.window.span(run.step),
        log=choices.log_scale,
        cursor=store.step if whole is not None else None,
        empty=_WAITING.get(store.link.status, "waiting for the first report"),
    )


def waterfall_view(store: RunStore, selected: int | None, rows: int) -> WaterfallView:
    """The slots: the plan now, and what they did of late."""
    ticks = tuple(store.slots.ticks)[-max(rows, 1) :]
    return WaterfallView(
        names=tuple(store.slot_names),
        rows=tuple(store.plan.rows) if store.plan is not None else (),
        ticks=ticks,
        left=tuple(not store.leads(tick.branch, tick.step) for tick in ticks),
        pruned=tuple(name in store.pruned for name in store.slot_names),
        policy=store.plan.policy if store.plan is not None else "",
        selected=selected,
        reason=slot_reason(store, selected),
    )


def slot_reason(store: RunStore, selected: int | None) -> str:
    """Why the selected slot does what it does, in full; empty when none is selected."""
    if selected is None or store.plan is None or selected >= len(store.plan.rows):
        return ""
    row, name = store.plan.rows[selected], one_line(store.slot_names[selected])
    if store.slot_names[selected] in store.pruned:
        return f"{name} pruned" + (f"; {one_line(row.reason)}" if row.reason else "")
    works = duty(row.duty) if row.duty in (0, 1) else f"duty {duty(row.duty)}"
    held = f", {row.held}" + (f" until {row.until:,}" if row.until is not None else "") if row.held else ""
    trained = "" if row.trained else ", forward only"
    reason = f"; {one_line(row.reason)}" if row.reason else ""
    return f"{name} {works}{held}{trained}{reason}"


def waterfall_width(num_slots: int, width: int) -> int:
    """Columns for the slots: up to three each on two fifths of the screen, up to six each on three tenths."""
    wanted = max(
        (
            7 + cell * num_slots
            for cell in range(1, 7)
            if 7 + cell * num_slots <= width * (0.4 if cell <= 3 else 0.3)
        ),
        default=width * 2 // 5,
    )
    return max(24 if width < 100 else 32, wanted)


def memory_view(store: RunStore) -> MemoryView:
    """What holds the training device's memory."""
    machine = store.run.machine if store.run is not None else None
    return MemoryView(store.memory, (machine.device_name or machine.device) if machine is not None else "")


def hardware_view(store: RunStore) -> HardwareView:
    """The machine; dim when the link is lost."""
    return HardwareView(store.hardware, stale=store.link.status in AWAY)


def feed_view(store: RunStore, rows: int) -> FeedView:
    """The newest lines of news."""
    return FeedView(tuple(store.feed)[-max(rows, 1) :])


def sample_rows(store: RunStore, width: int, height: int) -> list[Content]:
    """The newest sample, its prompt apart from what the model wrote; its end is cut when it is too long."""
    if not store.samples or width < 1:
        return []
    sample = store.samples[-1]
    prompt = sanitise(sample.prompt)
    text = Content.assemble((prompt, "$quiet"), sanitise(sample.text))
    head = Content.assemble((f"at step {sample.step:,}", "$quiet"))
    return [head, *text.wrap(width)][:height]


def scrubber_view(store: RunStore, player: Player) -> ScrubberView:
    """Where the replay is, and what the operator did last."""
    first, last = player.span
    done = [action for action in player.ticks if action.seq <= store.head_seq]
    return ScrubberView(
        at_s=store.wall_s - first,
        length_s=last - first,
        step=store.step,
        last_step=store.total_steps or store.step,
        playing=player.playing,
        speed=player.speed,
        ticks_s=tuple(action.wall_s - first for action in player.ticks),
        action=one_line(done[-1].text) if done else "",
    )
