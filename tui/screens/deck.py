"""What the live cockpit and the replay share: the panels, and painting them from the store on a timer."""

from __future__ import annotations

import time
from collections.abc import Callable
from inspect import isawaitable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen

from engine.errors import SlotdeckError
from tui.keys import Place
from tui.messages import LineEntered
from tui.screens.command_line import CommandLine
from tui.screens.command_rows import command_rows
from tui.screens.heading import heading
from tui.screens.help import HelpScreen
from tui.screens.key_bar import KeyBar
from tui.screens.readout import readout
from tui.screens.source import Source
from tui.screens.text_rows import TextRows
from tui.screens.too_small import TooSmall
from tui.screens.views import (
    chart_view,
    feed_view,
    hardware_view,
    memory_view,
    slot_reason,
    waterfall_view,
    waterfall_width,
)
from tui.settings import Settings
from tui.state.store import TOPICS, RunStore
from tui.widgets.chart import Chart
from tui.widgets.event_feed import EventFeed
from tui.widgets.gauge import Gauges
from tui.widgets.stacked_bar import StackedBar
from tui.widgets.waterfall import Waterfall


class Deck(Screen[None]):
    """One run on screen. Nothing paints per event: `paint` runs a few times a second."""

    AUTO_FOCUS = ""  # keys belong to the screen until the command line is opened
    place: Place

    def __init__(
        self,
        store: RunStore,
        source: Source,
        settings: Settings,
        run_name: str,
        client_id: str = "",
        read_only: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.store = store
        self.source = source
        self.run_name = run_name
        self.read_only = read_only
        self.slot: int | None = None
        """The selected one, counted from 0."""
        self._client_id = client_id
        self._period_s = 1 / settings.refresh_hz
        self._clock = clock
        self._typed = ""
        self._log_scale = False
        self._reason = ""

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield TextRows(id="heading")
        yield TextRows(id="readout")
        with Horizontal(id="upper"):
            yield Chart(id="chart")
            yield Waterfall(id="slots")
        with Horizontal(id="lower"):
            yield StackedBar(id="memory")
            yield Gauges(id="hardware")
        with Horizontal(id="news"):
            with Vertical(id="feed-box", classes="titled") as feed:
                feed.border_title = "what happened"
                yield EventFeed(id="feed")
            with Vertical(id="commands-box", classes="titled") as commands:
                commands.border_title = "commands"
                yield TextRows(id="commands")
        yield from self.compose_more()
        yield KeyBar(self.place)
        yield CommandLine(replay=self.place == "replay")
        yield TooSmall()

    def compose_more(self) -> ComposeResult:
        """What a kind of deck adds above the keys."""
        yield from ()

    def on_mount(self) -> None:
        """Open the source beside the screen, and start painting; the run's name is in the first frame."""
        self.query_one("#heading", TextRows).show([self._heading(self.app.size.width - 2)])
        self.run_worker(self._fill_store(), group="source")
        self.set_interval(self._period_s, self.paint)
        self.call_after_refresh(self.paint)

    async def on_unmount(self) -> None:
        """The source ends with the screen."""
        ended = self.source.close()
        if isawaitable(ended):
            await ended

    def on_resize(self) -> None:
        """Everything is laid out anew."""
        self.call_after_refresh(self.paint_all)

    def paint_all(self) -> None:
        """Every panel, changed or not."""
        self._paint(set(TOPICS))

    def paint(self) -> None:
        """The panels whose topics changed since the last time."""
        self._paint(self.store.take_dirty())

    @property
    def slot_names(self) -> list[str]:
        """The run's slots, in order."""
        return self.store.slot_names

    @property
    def slot_name(self) -> str:
        """The selected slot's name; empty when none is."""
        return self.slot_names[self.slot] if self.slot is not None else ""

    def complain(self, text: str) -> None:
        """Say what is wrong: in the command line when it is open, else in a corner."""
        line = self.query_one(CommandLine)
        if line.has_class("open"):
            line.refuse(text)
        else:
            self.notify(text, severity="error", markup=False, timeout=8)

    def action_slot(self, by: int) -> None:
        """Move the selection; the first move selects the first or the last."""
        count = len(self.slot_names)
        if count:
            at = -1 if self.slot is None and by > 0 else count if self.slot is None else self.slot
            self._select((at + by) % count)

    def action_digit(self, digit: int) -> None:
        """Select by number; `1` then `2` is slot 12 where there is one."""
        for typed in (f"{self._typed}{digit}", str(digit)):
            if int(typed) < len(self.slot_names):
                self._select(int(typed))
                self._typed = typed
                return

    def action_deselect(self) -> None:
        """No slot selected."""
        self._select(None)

    def action_log_scale(self) -> None:
        """Logarithmic or linear loss axis."""
        self._log_scale = not self._log_scale
        self._paint({"loss"})

    def action_zoom(self) -> None:
        """The chart alone, or everything."""
        self.toggle_class("zoomed")
        self.call_after_refresh(self.paint_all)

    def action_command_line(self) -> None:
        """Type anything."""
        self.query_one(CommandLine).open("", self.slot_names)

    def action_help(self) -> None:
        """The keys."""
        self.app.push_screen(HelpScreen(self.place))

    def _select(self, slot: int | None) -> None:
        self.slot, self._typed = slot, ""
        self._paint({"slots"})

    async def _fill_store(self) -> None:
        try:
            await self.source.start()
            await self.source.run()
        except (SlotdeckError, OSError) as error:
            self.store.set_link("lost", str(error))
            self.complain(str(error))

    def enter(self, text: str) -> None:
        """What a typed line means."""
        raise NotImplementedError

    def on_line_entered(self, message: LineEntered) -> None:
        """From the command line."""
        self.enter(message.text)

    def on_line_closed(self) -> None:
        """Keys go to the screen again."""
        self.set_focus(None)

    def now_s(self) -> float:
        """The time that ages count from."""
        return self._clock()

    def _paint(self, topics: set[str]) -> None:
        if self.has_class("too-small") or not self.is_mounted:
            return
        width, now_s = self.size.width - 2, self.now_s()
        self.query_one("#heading", TextRows).show([self._heading(width)])
        self.query_one("#readout", TextRows).show(readout(self.store, width, now_s))
        for topic, paint in self._painters.items():
            if topic in topics:
                paint()
        self._paint_commands(now_s)
        self.query_one(KeyBar).redraw()

    def _heading(self, width: int) -> Content:
        return heading(self.store, self.run_name, width, self._client_id, self.read_only)

    @property
    def _painters(self) -> dict[str, Callable[[], None]]:
        return {
            "loss": self._paint_loss,
            "slots": self._paint_slots,
            "memory": lambda: self.query_one(StackedBar).show(memory_view(self.store)),
            "hardware": lambda: self.query_one(Gauges).show(hardware_view(self.store)),
            "feed": self._paint_feed,
        }

    def _paint_loss(self) -> None:
        self.query_one(Chart).show(chart_view(self.store, self._log_scale))

    def _paint_slots(self) -> None:
        slots = self.query_one(Waterfall)
        slots.styles.width = waterfall_width(len(self.slot_names), self.size.width)
        slots.show(waterfall_view(self.store, self.slot, slots.size.height))
        reason = slot_reason(self.store, self.slot)
        if reason != self._reason:  # a new title repaints the whole box
            self._reason = reason
            self.query_one("#lower").border_title = reason.replace("[", r"\[")

    def _paint_feed(self) -> None:
        feed = self.query_one(EventFeed)
        feed.show(feed_view(self.store, feed.size.height))

    def _paint_commands(self, now_s: float) -> None:
        commands = self.query_one("#commands", TextRows)
        commands.show(command_rows(self.store.commands, commands.size.width, commands.size.height, now_s))
