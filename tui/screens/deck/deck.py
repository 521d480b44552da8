"""What the live cockpit and the replay share: filling the store, painting on a timer, and the keys that only look."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable
from inspect import isawaitable
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen

from engine.errors import SlotdeckError
from tui.keys import Place
from tui.messages import CompareAsked, CsvAsked, HomeAsked, LaunchAsked, LineEntered, SlotHovered, SlotPicked
from tui.screens.command.line import CommandLine
from tui.screens.deck.chart_keys import ChartKeys
from tui.screens.deck.heading import heading as heading_of
from tui.screens.deck.notice import notice as notice_of
from tui.screens.deck.notice import trouble_rows
from tui.screens.deck.panels import Panels
from tui.screens.deck.slow_line import slow_line
from tui.screens.deck.source import Source
from tui.screens.dialogs.help import HelpScreen
from tui.screens.pages.page import complain
from tui.screens.parts.hint import hint
from tui.screens.parts.key_bar import KeyBar
from tui.screens.parts.text_rows import TextRows
from tui.screens.parts.too_small import TooSmall
from tui.screens.parts.whole import is_whole
from tui.settings import Settings
from tui.state.changes import TOPICS
from tui.state.choices import Choices
from tui.state.known import Known
from tui.state.store import RunStore

if TYPE_CHECKING:
    from tui.state.measured_log import MeasuredLog

SLOW_PERIOD_S = 1.0
"""Between two turns of the timer while the line does not keep up."""
ANSWER_S = 0.02
"""From the engine's answer to its paint, which does not wait for the next turn: what follows from it comes by then."""


class Deck(ChartKeys):
    """One run on screen."""

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
        self.choices = Choices()
        self.measured: MeasuredLog | None = None
        """What the pages of slots and memory have read of the log; `None` before one was opened."""
        self._client_id = client_id
        self.settings = settings
        self._clock = clock
        self._painted_s = 0.0

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield Panels(self.store, self.choices)
        yield from self.compose_more()
        yield KeyBar(self.place)
        yield CommandLine(replay=self.place == "replay")
        yield TooSmall()

    def compose_more(self) -> ComposeResult:
        """What a kind of deck adds above the keys."""
        yield from ()

    # -- filling and painting ----------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Open the source beside the screen, and start painting; the run's name is in the first frame."""
        for row in self.query("#heading").results(TextRows):  # where the panels are there already
            row.show([self.heading(self.app.size.width - 2)])
        self.call_after_refresh(self._open_source)  # the first picture does not wait for the log
        self.set_interval(self.settings.period_s, self._paint_in_turn)
        self.store.when_answered = self._paint_soon
        self.call_after_refresh(self.paint)

    def _open_source(self) -> None:
        self.run_worker(self._fill_store(), group="source")

    async def on_unmount(self) -> None:
        """The source ends with the screen."""
        ended = self.source.close()
        if isawaitable(ended):
            await ended

    async def _fill_store(self) -> None:
        try:
            await self.source.start()
            self.paint()  # at once, not at the timer's next turn
            await self.source.run()
        except SlotdeckError as error:
            self.store.set_link("unreadable", error.message, error.remedy)
        except OSError as error:
            self.store.set_link("unreadable", str(error), "attach again when it is mended")

    def on_resize(self) -> None:
        """Everything is laid out anew."""
        self.call_after_refresh(self.paint_all)

    def paint_all(self) -> None:
        """Every panel, changed or not."""
        self._paint(set(TOPICS))

    def _paint_soon(self) -> None:
        self.set_timer(ANSWER_S, self.paint)

    def paint(self) -> None:
        """The panels whose topics changed since the last time, unless a page hides them."""
        if self.is_active:
            self._paint(self.store.take_dirty(self))

    def _paint_in_turn(self) -> None:
        now_s = time.monotonic()
        if not slow_line(self.app) or now_s - self._painted_s >= SLOW_PERIOD_S:
            self._painted_s = now_s
            self.paint()

    def _paint(self, topics: set[str]) -> None:
        if self.has_class("too-small") or not is_whole(self):
            return
        width = self.size.width - 2
        self.query_one(Panels).paint(
            topics, self.heading(width), self.notice(width), self.now_s(), self.whole
        )
        self.paint_more()
        self.query_one(KeyBar).redraw()

    def paint_more(self) -> None:
        """What a kind of deck shows beside the panels; whenever they are painted, so that it is never behind them."""

    def heading(self, width: int) -> Content:
        """The first row."""
        return heading_of(
            self.store,
            self.run_name,
            width,
            self._client_id,
            self.read_only,
            self.now_s(),
            self.settings.thin or slow_line(self.app),
        )

    def notice(self, width: int) -> Content:
        """The row for trouble."""
        said = notice_of(
            self.store, width, self.now_s(),
            client_id=self._client_id, read_to=self.choices.read_to, may_control=self.may_control,
        )  # fmt: skip
        return said if said.plain else hint(self.app, self.place)

    @property
    def may_control(self) -> bool:
        """Whether commands can be sent."""
        return False

    def why_no_steering(self) -> str:
        """What to say to a key that would steer and cannot now."""
        return "a replay cannot steer"

    def now_s(self) -> float:
        """The time that ages count from."""
        return self._clock()

    # -- slots -------------------------------------------------------------------------------------------

    @property
    def slot_names(self) -> list[str]:
        """The run's slots, in order."""
        return self.store.slot_names

    @property
    def known(self) -> Known:
        """What can be completed: slots that are still there, checkpoints that lead to where the run is."""
        store = self.store
        leading = [saved.name for saved in store.checkpoints if store.leads(saved.branch, saved.step)]
        slots = tuple(name for name in store.slot_names if name not in store.pruned)
        return Known(slots, tuple(reversed(leading)))

    @property
    def slot_name(self) -> str:
        """The selected slot's name; empty when none is."""
        at = self.choices.slot.at
        return self.slot_names[at] if at is not None else ""

    def action_slot(self, by: int) -> None:
        """Select a neighbour."""
        self.choices.slot.move(by, len(self.slot_names))
        self._paint({"slots"})

    def action_digit(self, digit: int) -> None:
        """Select by number."""
        self.choices.slot.digit(digit, len(self.slot_names))
        self._paint({"slots"})

    def on_slot_picked(self, message: SlotPicked) -> None:
        """Select by mouse."""
        self.choices.slot.pick(message.slot)
        self._paint({"slots"})

    def on_slot_hovered(self, message: SlotHovered) -> None:
        """Tell of the slot under the mouse."""
        self.choices.hovered = message.slot
        self._paint({"slots"})

    def action_put_away(self) -> None:
        """The crosshair, else the selected slot, else the alarm that is shown."""
        if self.choices.crosshair is not None:
            self.point_at(None)
            return
        if self.choices.slot.at is None:
            self.choices.read_to = max(1, self.store.head_seq)
        self.choices.slot.pick(None)
        self._paint({"slots"})

    # -- the charts --------------------------------------------------------------------------------------

    def paint_charts(self) -> None:
        """All that shows a step."""
        if self.is_active:
            self._paint({"loss"})

    def action_zoom(self) -> None:
        """The charts alone, or everything."""
        self.toggle_class("zoomed")
        self.call_after_refresh(self.paint_all)

    # -- other pages, and words --------------------------------------------------------------------------

    def action_page(self, name: str) -> None:
        """A page over this deck: `slots`, `memory` or `log`."""
        from tui.screens.pages.by_name import page

        self.app.push_screen(page(name, self))

    def action_compare(self) -> None:
        """This run beside others."""
        self.post_message(CompareAsked((self.source.run_dir,)))

    def action_again(self) -> None:
        """This run's profile as a form: to train it again with changes."""
        self.post_message(LaunchAsked(str(self.source.run_dir.absolute() / "profile.toml")))

    def action_write_csv(self) -> None:
        """What was logged as CSV, in the folder that one works in."""
        self.post_message(CsvAsked(self.source.run_dir))

    def action_home(self) -> None:
        """All runs and profiles, over this one."""
        self.post_message(HomeAsked(self.source.run_dir.parent))

    def troubles(self, width: int) -> list[Content]:
        """What is wrong just now, as rows of so many cells."""
        return trouble_rows(self.store, width, self._client_id, self.choices.read_to)

    def action_help(self) -> None:
        """The keys."""
        self.app.push_screen(HelpScreen(self.place))

    def action_command_line(self) -> None:
        """Type anything."""
        self.action_fill("")

    def action_fill(self, text: str) -> None:
        """Open the line with so much typed already."""
        self.query_one(CommandLine).open(text, self.known)

    @abstractmethod
    def enter(self, text: str, asking: Screen[None] | None = None) -> None:
        """What a typed line means; `asking`: the page it was typed on, if not here."""

    def on_line_entered(self, message: LineEntered) -> None:
        """From the command line."""
        self.enter(message.text)

    def on_line_closed(self) -> None:
        """Keys go to the screen again."""
        self.set_focus(None)

    def complain(self, text: str, asking: Screen[None] | None = None) -> None:
        """Say what is wrong: in the command line when it is open, else in a corner."""
        complain(asking or self, text)
