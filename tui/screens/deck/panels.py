"""The panels of the live cockpit and of the replay: what they are, and painting them from the store."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.geometry import Size

from tui.screens.command.rows import command_rows
from tui.screens.deck.charts import Charts
from tui.screens.deck.crosshair import crosshair_rows
from tui.screens.deck.readout import readout
from tui.screens.deck.views import (
    feed_view,
    hardware_view,
    lower_rows,
    memory_view,
    sample_rows,
    waterfall_view,
    waterfall_width,
)
from tui.screens.parts.text_rows import TextRows
from tui.state.choices import Choices
from tui.state.store import RunStore
from tui.widgets.event_feed import EventFeed
from tui.widgets.gauge import Gauges
from tui.widgets.stacked_bar import StackedBar
from tui.widgets.waterfall import Waterfall

_CUT_TO_SIZE = ("slots", "feed", "sample", "hardware", "small-charts")


class Panels(Vertical):
    """One run on screen. Nothing paints per event: `paint` runs a few times a second."""

    def __init__(self, store: RunStore, choices: Choices) -> None:
        super().__init__()
        self._store = store
        self._choices = choices
        self._sizes: list[Size] = []
        """Of the panels, when they were painted last."""

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield TextRows(id="heading")
        yield TextRows(id="notice")
        yield TextRows(id="readout")
        with Horizontal(id="upper"):
            yield Charts()
            yield Waterfall(id="slots")
        with Horizontal(id="lower"):
            yield StackedBar(id="memory")
            yield Gauges(id="hardware")
        with Horizontal(id="news"):
            yield from _titled("feed-box", "what happened", EventFeed(id="feed"))
            yield from _titled("sample-box", "latest sample", TextRows(id="sample"))
            yield from _titled("commands-box", "commands", TextRows(id="commands"))

    def paint(
        self, topics: set[str], heading: Content, notice: Content, now_s: float, whole: RunStore | None
    ) -> None:
        """The rows at the top, and the panels of `topics`. `whole`: see `chart_view`."""
        width = self.size.width - 2
        self._rows("#heading").show([heading])
        self._rows("#notice").show([notice])
        self._rows("#readout").show(
            readout(self._store, width, now_s)
            if self._choices.crosshair is None
            else crosshair_rows(self._store, self._choices, whole, width)
        )
        self._paint_commands(now_s)
        painters: dict[str, Callable[[], None]] = {
            "loss": lambda: self.query_one(Charts).show(self._store, self._choices, whole),
            "slots": self._paint_slots,
            "memory": lambda: self.query_one(StackedBar).show(memory_view(self._store)),
            "hardware": self._paint_hardware,
            "feed": self._paint_feed,
            "samples": self._paint_sample,
        }
        sizes = [self.query_one(f"#{name}").size for name in _CUT_TO_SIZE]
        if sizes != self._sizes:  # a box came or went beside them: what they show is cut to their size
            topics, self._sizes = topics | painters.keys(), sizes
        for topic in topics & painters.keys():
            painters[topic]()

    def _rows(self, selector: str) -> TextRows:
        return self.query_one(selector, TextRows)

    def _paint_slots(self) -> None:
        slots = self.query_one(Waterfall)
        slots.styles.width = waterfall_width(len(self._store.slot_names), self.size.width)
        chosen = self._choices.slot.at if self._choices.hovered is None else self._choices.hovered
        slots.show(waterfall_view(self._store, chosen, slots.size.height))

    def _paint_hardware(self) -> None:
        view = hardware_view(self._store)
        rows = lower_rows(view, self.size.height)
        self.query_one("#lower").styles.height = 1 + rows
        self.set_class(rows > 6, "many-gpus")
        self.query_one(Gauges).show(view)

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
