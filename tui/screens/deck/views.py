"""From the store to what each widget draws: frozen views, so that what did not change is not painted."""

from __future__ import annotations

from textual.content import Content

from engine.text import one_line, sanitise
from tui.state.facts import AWAY
from tui.state.slots.words import doing, holding
from tui.state.store import RunStore
from tui.widgets.event_feed import FeedView
from tui.widgets.gauge import HardwareView
from tui.widgets.stacked_bar import MemoryView
from tui.widgets.waterfall import WaterfallView


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
    told = row.held and row.reason.startswith("held:")  # the same again
    reason = f"; {one_line(row.reason)}" if row.reason and not told else ""
    return f"{name} {', '.join([doing(row.duty), *holding(row.held, row.until, row.trained)])}{reason}"


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


def lower_rows(view: HardwareView, height: int) -> int:
    """Rows for the machine on a screen of so many: one a GPU, where three tenths of the screen hold them."""
    return min(max(4, view.rows), height * 3 // 10 if height >= 28 else 4)


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
