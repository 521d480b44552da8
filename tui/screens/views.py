"""From the store to what each widget draws: frozen views, so that what did not change is not painted."""

from __future__ import annotations

from engine.text import one_line
from tui.screens.source import Player
from tui.state.formatting import duty
from tui.state.store import RunStore
from tui.widgets.chart import ChartView, Plotted
from tui.widgets.event_feed import FeedView
from tui.widgets.gauge import HardwareView
from tui.widgets.scrubber import ScrubberView
from tui.widgets.stacked_bar import MemoryView
from tui.widgets.waterfall import WaterfallView

_CURVES = (("loss", "train", "line"), ("loss_ema", "ema", "strong"), ("val_loss", "val", "points"))


def chart_view(store: RunStore, log: bool) -> ChartView:
    """The loss: training, its mean, validation; operator's actions and checkpoints on the axis."""
    return ChartView(
        title="loss",
        curves=tuple(
            Plotted(label, store.series[name], store.series[name].version, kind)
            for name, label, kind in _CURVES
        ),
        ticks=tuple(tick.step for tick in store.ticks),
        checkpoints=tuple(saved.step for saved in store.checkpoints),
        total_steps=store.total_steps,
        log=log,
        empty="waiting for the first report",
    )


def waterfall_view(store: RunStore, selected: int | None, rows: int) -> WaterfallView:
    """The slots: the plan now, and what they did of late."""
    return WaterfallView(
        names=tuple(store.slot_names),
        rows=tuple(store.plan.rows) if store.plan is not None else (),
        ticks=tuple(store.slots.ticks)[-max(rows, 1) :],
        policy=store.plan.policy if store.plan is not None else "",
        selected=selected,
    )


def slot_reason(store: RunStore, selected: int | None) -> str:
    """Why the selected slot does what it does, in full; empty when none is selected."""
    if selected is None or store.plan is None or selected >= len(store.plan.rows):
        return ""
    row = store.plan.rows[selected]
    held = f", {row.held}" + (f" until {row.until:,}" if row.until is not None else "") if row.held else ""
    trained = "" if row.trained else ", forward only"
    reason = f": {one_line(row.reason)}" if row.reason else ""
    return f"{one_line(store.slot_names[selected])}  duty {duty(row.duty)}{held}{trained}{reason}"


def waterfall_width(num_slots: int, width: int) -> int:
    """Columns for the slots: three each where there is room, never more than two fifths of the screen."""
    wanted = max(
        (7 + cell * num_slots for cell in (1, 2, 3) if 7 + cell * num_slots <= width * 2 // 5), default=0
    )
    return max(24 if width < 100 else 32, wanted or width * 2 // 5)


def memory_view(store: RunStore) -> MemoryView:
    """What holds the training device's memory."""
    machine = store.run.machine if store.run is not None else None
    return MemoryView(store.memory, (machine.device_name or machine.device) if machine is not None else "")


def hardware_view(store: RunStore) -> HardwareView:
    """The machine; dim when the link is lost."""
    return HardwareView(store.hardware, stale=store.link.status in ("lost", "ended"))


def feed_view(store: RunStore, rows: int) -> FeedView:
    """The newest lines of news."""
    return FeedView(tuple(store.feed)[-max(rows, 1) :])


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
