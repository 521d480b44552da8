"""What holds the training device's memory, over the steps, by purpose and by slot; and what each lever would save."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal

from engine.profile.levers import Lever, levers
from tui.keys import Place, bindings
from tui.messages import LeverPicked, LeverPulled
from tui.screens.deck.views import memory_view
from tui.screens.pages.measured import MeasuredPage
from tui.state.launch.start_command import start_command
from tui.state.memory_history import own_bytes
from tui.state.situation import situation
from tui.widgets.lever_table import LeverTable, LeverTableView
from tui.widgets.memory_area import MemoryArea, MemoryAreaView
from tui.widgets.slot_bytes import SlotBytes, SlotBytesView
from tui.widgets.stacked_bar import StackedBar

if TYPE_CHECKING:
    from tui.screens.deck.deck import Deck

ABOUT = {"memory", "slots", "run", "link"}
"""Topics of the store that change something here."""
TOGETHER_FROM = 100
"""Columns from which the curves by purpose and by slot stand beside each other."""


class MemoryScreen(MeasuredPage):
    """Filled from the store."""

    DEFAULT_CSS = """
    #memory-split { margin: 0 1; height: 4; }
    #memory-over { height: 5; margin: 0 1; }
    #memory-area { width: 2fr; height: 100%; }
    #memory-slots { width: 1fr; height: 100%; margin-left: 2; }
    #memory-levers { height: 1fr; min-height: 8; padding: 0 1; border-top: solid $panel; }
    MemoryScreen.-low #memory-over { display: none; }
    MemoryScreen.-tall #memory-over { height: 2fr; }
    MemoryScreen.-tall #memory-levers { height: 3fr; }
    MemoryScreen.-high #memory-over { height: 1fr; }
    MemoryScreen.-high #memory-levers { height: 18; }
    MemoryScreen.alone #memory-slots { display: none; }
    MemoryScreen.alone.turned #memory-slots { display: block; margin-left: 0; }
    MemoryScreen.alone.turned #memory-area { display: none; }
    """
    BINDINGS: ClassVar[list[Binding]] = bindings("memory")  # type: ignore[assignment]
    place: Place = "memory"

    def __init__(self, deck: Deck) -> None:
        super().__init__(deck)
        self.selected = 0
        self._order: list[str] = []
        """Names of the levers as they stand in the rows."""

    def compose_page(self) -> ComposeResult:
        """The present split, what it was over the steps and by slot, the levers."""
        yield StackedBar(id="memory-split")
        with Horizontal(id="memory-over"):
            yield MemoryArea(id="memory-area")
            yield SlotBytes(id="memory-slots")
        yield LeverTable(id="memory-levers")

    @property
    def labels_now(self) -> dict[str, str]:
        """For the key bar."""
        turn = "by purpose" if self.has_class("turned") else "by slot"
        return {"turn": turn if self.has_class("alone") and not self.has_class("-low") else ""}

    # -- painting ----------------------------------------------------------------------------------------

    def paint_page(self, topics: set[str]) -> None:
        """All of it, when anything of it changed."""
        self.set_class(self.size.width < TOGETHER_FROM, "alone")
        if topics & ABOUT:
            self.redraw()

    def redraw(self) -> None:
        """What stays as it is costs nothing."""
        store, split = self.store, self.store.memory
        self.query_one(StackedBar).show(memory_view(store))
        self.query_one(MemoryArea).show(self._over_the_steps())
        self.query_one(SlotBytes).show(SlotBytesView(split, tuple(store.slot_names)))
        found = tuple(self.found)
        self.selected = min(self.selected, max(0, len(found) - 1))
        how = self._how(found[self.selected]) if found else ""
        held = own_bytes(split) if split is not None else 0
        self.query_one(LeverTable).show(LeverTableView(found, self.selected, held, how, self._why_none()))

    def _over_the_steps(self) -> MemoryAreaView:
        """What the store saw, and before it what the log has."""
        seen, measured = self.store.memory_history, self.deck.measured
        splits = tuple(seen if measured is None else measured.splits(self.store))
        peaks = (*splits, *((seen.peak,) if seen.peak is not None else ()))
        return MemoryAreaView(splits, max(reversed(peaks), key=own_bytes, default=None))

    @property
    def found(self) -> list[Lever]:
        """The levers as things are now, in the order of the first time: what is saved moves with every step."""
        now = situation(self.store, self.choices.slot.at)
        found = levers(now) if now is not None else []
        places = {name: at for at, name in enumerate(self._order)}
        found.sort(key=lambda lever: places.get(lever.name, len(places)))
        self._order = [lever.name for lever in found]
        return found

    def _why_none(self) -> str:
        if self.store.run is None:
            return (
                "reading the log" if self.store.link.status == "connecting" else "the run has not begun yet"
            )
        if self.store.memory is None:
            return "memory is not measured yet: the first steps do it"
        return "this run's profile is of another version of slotdeck, so its levers are not known here"

    def _how(self, lever: Lever) -> str:
        """What enter does, in words."""
        if lever.blocked:
            return f"does nothing: {lever.blocked}"
        if lever.verb:
            return f"types: {lever.verb}" if self.may_control else f"is for a live run: {lever.verb}"
        if lever.new_run:
            return f"copies, for a new run: {self._next_start(lever)}"
        if self.may_control:
            return f"types: fork {lever.setting}"
        return f"copies, for the next start: {self._next_start(lever)}"

    def _next_start(self, lever: Lever) -> str:
        name = self.store.run.profile_name if self.store.run is not None else "PROFILE"
        return start_command(name, lever.setting.split())

    # -- choosing and pulling ----------------------------------------------------------------------------

    def action_lever(self, by: int) -> None:
        """The row above or below."""
        self.selected = min(max(self.selected + by, 0), max(0, len(self.found) - 1))
        self.redraw()

    def on_lever_picked(self, message: LeverPicked) -> None:
        """By mouse."""
        self.selected = message.at
        self.redraw()

    def on_lever_pulled(self, message: LeverPulled) -> None:
        """A second click."""
        message.stop()
        self.action_pull()

    def action_pull(self) -> None:
        """Open the command line with the verb, or copy the setting of a next start; nothing is sent before enter."""
        found = self.found
        if not found:
            return
        lever = found[min(self.selected, len(found) - 1)]
        if lever.blocked:
            self.notify(f"{lever.name}: {lever.blocked}")
        elif lever.verb and self.may_control:
            self.action_fill(lever.verb)
        elif not lever.verb and not lever.new_run and self.may_control:
            self.action_fill(f"fork {lever.setting}")
        else:
            told = self._next_start(lever) if lever.setting else lever.verb
            self.app.copy_to_clipboard(told)
            self.notify(f"copied: {told}")

    def action_turn(self) -> None:
        """By purpose, or by slot."""
        self.toggle_class("turned")
        self.call_after_refresh(self.redraw)

    def action_other_page(self, name: str) -> None:
        """Another page over the same deck, in place of this one."""
        self.dismiss()
        self.deck.action_page(name)
