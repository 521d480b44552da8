"""The replay: the cockpit's panels over a recorded run, with a scrubber and no way to steer."""

from __future__ import annotations

from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen

from engine.errors import SlotdeckError
from tui.keys import Place, bindings
from tui.messages import MomentPicked, RunLeft, StepPicked
from tui.screens.command_line import CommandLine
from tui.screens.deck import Deck
from tui.screens.source import Player
from tui.screens.views import scrubber_view
from tui.state.store import RunStore
from tui.widgets.scrubber import Scrubber

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
"""Times the run's own speed."""


class ReplayScreen(Deck):
    """What keys do to the moment shown."""

    BINDINGS: ClassVar[list[Binding]] = bindings("replay")  # type: ignore[assignment]
    place: Place = "replay"

    _wanted_s: float | None = None
    """The moment that the mouse asks for."""

    @property
    def player(self) -> Player:
        """The recorded run."""
        return cast("Player", self.source)

    def compose_more(self) -> ComposeResult:
        """The scrubber."""
        yield Scrubber(id="scrubber")

    def paint(self) -> None:
        """The panels, and the moment."""
        super().paint()
        if self.store.head_seq:
            self.query_one(Scrubber).show(scrubber_view(self.store, self.player))

    @property
    def labels_now(self) -> dict[str, str]:
        """For the key bar."""
        return {"toggle_play": "hold"} if self.player.playing else {}

    def now_s(self) -> float:
        """The moment shown: ages and countdowns are those of the time."""
        return self.store.wall_s

    @property
    def whole(self) -> RunStore | None:
        """What the chart shows dim beyond the moment."""
        return self.player.whole

    def on_moment_picked(self, message: MomentPicked) -> None:
        """The mouse on the scrubber; a drag shows only where it got to."""
        if self._wanted_s is None:
            self.call_later(self._go_where_wanted)
        self._wanted_s = self.player.span[0] + message.at_s

    def on_step_picked(self, message: StepPicked) -> None:
        """The mouse on the chart."""
        self.player.seek_step(message.step)

    def _go_where_wanted(self) -> None:
        if self._wanted_s is not None:
            self.player.seek_wall(self._wanted_s)
        self._wanted_s = None

    def action_toggle_play(self) -> None:
        if self.player.playing:
            self.player.pause()
        else:
            self.player.play()

    def action_speed(self, factor: float) -> None:
        """The next speed up or down."""
        wanted = self.player.speed * factor
        self.player.set_speed(min(SPEEDS, key=lambda speed: abs(speed - wanted)))

    def action_seek(self, by: int) -> None:
        """Reports on or back, as far apart as they are here."""
        apart = self.store.report.steps if self.store.report is not None else 1
        self.player.seek_step(max(0, self.store.step + by * apart))

    def action_leap(self, by: int) -> None:
        """A twentieth of the recording on or back."""
        first, last = self.player.span
        self.player.seek_wall(min(max(self.store.wall_s + by * (last - first) / 20, first), last))

    def action_to_start(self) -> None:
        self.player.seek_wall(self.player.span[0])

    def action_to_end(self) -> None:
        self.player.seek_seq(self.player.head_seq)

    def action_next_action(self) -> None:
        self.player.next_action()

    def action_previous_action(self) -> None:
        self.player.previous_action()

    def enter(self, text: str, asking: Screen[None] | None = None) -> None:
        """`500` or `goto 500`: show the run as it was at that step."""
        number = text.removeprefix("goto").strip().replace(",", "")
        try:
            if not number.isdigit():
                raise SlotdeckError(f"{text!r} is not a step", "type one, such as 500; a replay cannot steer")
            self.player.seek_step(int(number))
        except SlotdeckError as error:
            self.complain(str(error), asking)
        else:
            (asking or self).query_one(CommandLine).action_close()

    def action_leave(self) -> None:
        """Back to where one came from."""
        self.post_message(RunLeft(""))
