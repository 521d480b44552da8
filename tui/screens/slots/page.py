"""The slots of a run as a table: what each does and why, costs and learns; one of them in full below.

Holds and precisions are asked for here with what they are expected to cost; nothing is sent before a yes.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content

from tui.keys import Place, bindings
from tui.messages import SlotPicked, SortPicked
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.pages.measured import MeasuredPage
from tui.screens.parts.text_rows import TextRows
from tui.screens.slots.questions import slot_question
from tui.screens.slots.view import detail_view, summary, table_view
from tui.state.cycle import cycled
from tui.state.formatting import fit
from tui.state.selection import SlotSelection
from tui.state.slots.facts import SlotFacts, slot_facts
from tui.widgets.slot_columns import NAMES
from tui.widgets.slot_detail import SlotDetail
from tui.widgets.slot_table import SlotTable

ABOUT = {"slots", "memory", "run", "commands", "link"}
"""Topics of the store that change something here."""
AROUND = 5
"""Rows that are neither the table's nor the detail's."""
DETAIL_SHARE = 0.45
LEAST_DETAIL = 9
"""Rows of it, where that is not more than `MOST_DETAIL` of what there is for both."""
MOST_DETAIL = 0.55


class SlotsScreen(MeasuredPage):
    """Filled from the store."""

    DEFAULT_CSS = """
    #slots-summary { height: 1; margin: 0 1; color: $quiet; }
    #slot-table { margin: 0 1; height: 1fr; }
    #slot-detail { height: 1fr; padding: 0 1; border-top: solid $panel; }
    """
    BINDINGS: ClassVar[list[Binding]] = bindings("slots")  # type: ignore[assignment]
    place: Place = "slots"

    def compose_page(self) -> ComposeResult:
        """The table, and the selected slot below it."""
        yield TextRows(id="slots-summary")
        yield SlotTable(id="slot-table")
        yield SlotDetail(id="slot-detail")

    def on_mount(self) -> None:
        """The slot that the deck has selected, or the first."""
        self.selection = SlotSelection()
        self.selection.pick(self.choices.slot.at)

    # -- painting ----------------------------------------------------------------------------------------

    def paint_page(self, topics: set[str]) -> None:
        """The table and the detail, when anything of them changed."""
        if topics & ABOUT:
            self.redraw()

    def redraw(self) -> None:
        """All of it; rows that stay as they are cost nothing."""
        if self.selection.at is None and self.store.slot_names:
            self.selection.pick(0)
        view = table_view(self.store, self.choices.sorted_by, self.choices.turned, self.selection.at)
        room = self.size.height - AROUND
        detail = max(min(LEAST_DETAIL, int(room * MOST_DETAIL)), int(room * DETAIL_SHARE))
        table = self.query_one(SlotTable)
        rows = min(len(view.rows) + 1, room - detail)
        if view.rows and table.styles.height is not None and table.styles.height.value != rows:
            table.styles.height = rows
            self.call_after_refresh(self.redraw)
        self.query_one("#slots-summary", TextRows).show([self._summary()])
        table.show(view)
        self.query_one(SlotDetail).show(
            detail_view(self.store, self.slot, self.deck.measured, self.may_control)
        )

    @property
    def slot(self) -> SlotFacts | None:
        """What is known of the selected slot."""
        facts = slot_facts(self.store)
        at = self.selection.at
        return facts[at] if at is not None and at < len(facts) else None

    def _summary(self) -> Content:
        """What works, and how the rows are sorted."""
        table = self.query_one(SlotTable)
        count = len(self.store.slot_names)
        last = min(table.first + table.page, count)
        order = f"by {self.choices.sorted_by}" + (", turned" if self.choices.turned else "")
        place = f"{table.first + 1}-{last} of {count}   " if last - table.first < count else ""
        left, right = summary(self.store), f"{place}sorted {order}"
        room = self.size.width - 2 - len(left) - len(right)
        return Content.assemble(
            (f"{left}{' ' * room}{right}" if room > 1 else fit(left, self.size.width - 2), "$quiet")
        )

    # -- choosing ----------------------------------------------------------------------------------------

    def _select(self, at: int) -> None:
        """By its place in the table of slots; the deck has the same one selected afterwards."""
        self.selection.pick(at)
        self.choices.slot.pick(at)
        self.redraw()

    def _step_rows(self, by: int) -> None:
        """So many rows on, as they are sorted."""
        rows = self.query_one(SlotTable).view
        order = [slot.at for slot in rows.rows] if rows is not None else []
        if order:
            now = order.index(self.selection.at) if self.selection.at in order else 0
            self._select(order[min(max(now + by, 0), len(order) - 1)])

    def action_slot(self, by: int) -> None:
        """The row above or below."""
        self._step_rows(by)

    def action_page_of_slots(self, by: int) -> None:
        """A page up or down."""
        self._step_rows(by * self.query_one(SlotTable).page)

    def action_end_of_slots(self, by: int) -> None:
        """The first or the last row."""
        self._step_rows(by * len(self.store.slot_names))

    def action_digit(self, digit: int) -> None:
        """By number; `1` then `2` is slot 12 where there is one."""
        self.selection.digit(digit, len(self.store.slot_names))
        self.choices.slot.pick(self.selection.at)
        self.redraw()

    def on_slot_picked(self, message: SlotPicked) -> None:
        """By mouse."""
        self._select(message.slot)

    # -- sorting -----------------------------------------------------------------------------------------

    def _sort(self, by: str, turned: bool = False) -> None:
        self.choices.sorted_by, self.choices.turned = by, turned
        self.redraw()

    def action_sort(self, by: int) -> None:
        """By the next column, or the one before."""
        self._sort(cycled(NAMES, self.choices.sorted_by, by))

    def action_turn(self) -> None:
        """The other way round."""
        self._sort(self.choices.sorted_by, not self.choices.turned)

    def action_least_work(self) -> None:
        """The slot that works least of late, selected, so that its reason stands below."""
        self._sort("mean")
        self.action_end_of_slots(-1)

    def on_sort_picked(self, message: SortPicked) -> None:
        """A click on a title; on that of the same column again turns it."""
        self._sort(message.column, message.column == self.choices.sorted_by and not self.choices.turned)

    # -- steering ----------------------------------------------------------------------------------------

    def _ask(self, verb: str) -> None:
        """The forecast, and the ways to say yes; nothing is sent before."""
        slot = self.slot
        if slot is None:
            return
        if slot.pruned:
            self.complain(f"{slot.name} is pruned: it is gone from the model")
            return
        asked = slot_question(verb, slot, self.store)

        def answered(way: str | None) -> None:
            if way is None:
                return
            chosen = asked.ways[int(way)]
            if chosen.finished:
                self.enter(chosen.line)
            else:
                self.action_fill(chosen.line)

        rows = {str(at): way.text for at, way in enumerate(asked.ways)}
        self.app.push_screen(ConfirmScreen(asked.title, "\n".join(asked.forecast), rows), answered)

    def action_pin(self) -> None:
        """Keep it on."""
        self._ask("pin")

    def action_ban(self) -> None:
        """Keep it off."""
        self._ask("ban")

    def action_release(self) -> None:
        """Back to the policy."""
        self._ask("release")

    def action_precision(self) -> None:
        """Another compute type for it."""
        self._ask("precision")

    def action_prune(self) -> None:
        """Out for good: the deck asks, with the forecast of a trial or the offer of one."""
        if self.slot is not None:
            self.enter(f"prune {self.slot.name}")

    def action_probe(self) -> None:
        """Measure what each slot is worth."""
        self.enter("probe")

    def action_other_page(self, name: str) -> None:
        """Another page over the same deck, in place of this one."""
        self.dismiss()
        self.deck.action_page(name)
