"""The panels of the live cockpit and of the replay: what they are, and painting them from the store."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from tui.screens.command_rows import command_rows
from tui.screens.notice import notice
from tui.screens.readout import readout
from tui.screens.text_rows import TextRows
from tui.screens.views import (
    chart_view,
    feed_view,
    hardware_view,
    memory_view,
    sample_rows,
    waterfall_view,
    waterfall_width,
)
from tui.state.choices import Choices
from tui.state.store import RunStore
from tui.widgets.chart import Chart
from tui.widgets.event_feed import EventFeed
from tui.widgets.gauge import Gauges
from tui.widgets.stacked_bar import StackedBar
from tui.widgets.waterfall import Waterfall


class Panels(Vertical):
    """One run on screen. Nothing paints per event: `paint` runs a few times a second."""

    def __init__(self, store: RunStore, choices: Choices) -> None:
        super().__init__()
        self._store = store
        self._choices = choices

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield TextRows(id="heading")
        yield TextRows(id="notice")
        yield TextRows(id="readout")
        with Horizontal(id="upper"):
            yield Chart(id="chart")
            yield Waterfall(id="slots")
        with Horizontal(id="lower"):
            yield StackedBar(id="memory")
            yield Gauges(id="hardware")
        with Horizontal(id="news"):
            yield from _titled("feed-box", "what happened", EventFeed(id="feed"))
            yield from _titled("sample-box", "latest sample", TextRows(id="sample"))
            yield from _titled("commands-box", "commands", TextRows(id="commands"))

    def paint(self, topics: set[str], heading: Content, now_s: float, whole: RunStore | None) -> None:
        """The heading and the numbers, and the panels of `topics`. `whole`: see `chart_view`."""
        width = self.size.width - 2
        self._rows("#heading").show([heading])
        self._rows("#readout").show(readout(self._store, width, now_s))
        self._paint_notice(width)
        self._paint_commands(now_s)
        painters: dict[str, Callable[[], None]] = {
            "loss": lambda: self.query_one(Chart).show(chart_view(self._store, self._choices, whole)),
            "slots": self._paint_slots,
            "memory": lambda: self.query_one(StackedBar).show(memory_view(self._store)),
            "hardware": lambda: self.query_one(Gauges).show(hardware_view(self._store)),
            "feed": self._paint_feed,
            "samples": self._paint_sample,
        }
        for topic in topics & painters.keys():
            painters[topic]()

    def _rows(self, selector: str) -> TextRows:
        return self.query_one(selector, TextRows)

    def _paint_notice(self, width: int) -> None:
        rows, box = notice(self._store, self._choices.read_to, width), self._rows("#notice")
        if box.styles.height is None or box.styles.height.value != len(rows):
            box.styles.height = len(rows)
        box.show(rows)

    def _paint_slots(self) -> None:
        slots = self.query_one(Waterfall)
        slots.styles.width = waterfall_width(len(self._store.slot_names), self.size.width)
        slots.show(waterfall_view(self._store, self._choices.slot.at, slots.size.height))

    def _paint_feed(self) -> None:
        feed = self.query_one(EventFeed)
        feed.show(feed_view(self._store, feed.size.height))

    def _paint_sample(self) -> None:
        sample = self._rows("#sample")
        self.set_class(bool(self._store.samples), "sampled")
        sample.show(sample_rows(self._store, sample.size.width, sample.size.height))

    def _paint_commands(self, now_s: float) -> None:
        commands, lives = self._rows("#commands"), self._store.commands
        self.set_class(len(lives) > 0, "commanded")
        commands.show(command_rows(lives, commands.size.width, commands.size.height, now_s))


def _titled(box_id: str, title: str, inside: EventFeed | TextRows) -> ComposeResult:
    with Vertical(id=box_id, classes="titled") as box:
        box.border_title = title
        yield inside
