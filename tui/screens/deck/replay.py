"""The replay: the cockpit's panels over a recorded run, with a scrubber and no way to steer."""

from __future__ import annotations

import time
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen

from engine.errors import SlotdeckError
from tui.keys import Place, bindings
from tui.messages import MomentPicked, RunLeft, RunOpened, StepPicked
from tui.screens.command.line import CommandLine
from tui.screens.deck.deck import Deck
from tui.screens.deck.scrubber_view import scrubber_view
from tui.screens.deck.source import Player
from tui.state.formatting import countdown
from tui.state.moments.goto import AtSpeed, Goto, ToEnd, ToStep, ToStop, ToTime, parse_goto
from tui.state.moments.stop import StopKind
from tui.state.store import RunStore
from tui.widgets.scrubber import Scrubber

SPEEDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
"""Times the run's own speed."""
_STOPS: dict[StopKind, str] = {
    "action": "the operator did nothing",
    "alarm": "no alarm",
    "evaluation": "no evaluation",
}


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

    def paint_more(self) -> None:
        """The moment."""
        scrubber = self.query_one(Scrubber)
        if self.store.head_seq and scrubber.size.width:
            scrubber.show(scrubber_view(self.store, self.player, scrubber.size.width))

    @property
    def labels_now(self) -> dict[str, str]:
        """For the key bar."""
        return {
            "toggle_play": "hold" if self.player.playing else "play",
            "toggle_hold": "pass alarms" if self.player.holds_at_alarms else "hold at alarms",
            "attach": "attach" if self.player.live else "",
        }

    def now_s(self) -> float:
        """The moment shown: ages and countdowns are those of the time."""
        return self.store.wall_s

    @property
    def whole(self) -> RunStore | None:
        """What the chart shows dim beyond the moment."""
        return self.player.whole

    # -- going there -------------------------------------------------------------------------------------

    def on_moment_picked(self, message: MomentPicked) -> None:
        """The mouse on the scrubber; a drag shows only where it got to."""
        if self._wanted_s is None:
            self.call_later(self._go_where_wanted)
        self._wanted_s = message.at_s

    def on_step_picked(self, message: StepPicked) -> None:
        """The mouse on the chart."""
        if self.store.head_seq:
            self.player.seek_step(message.step)
            self.paint()

    def _go_where_wanted(self) -> None:
        if self._wanted_s is not None:
            self._go_to_time(self._wanted_s)
            self.paint()
        self._wanted_s = None

    def _go_to_time(self, work_s: float) -> None:
        timeline = self.player.timeline
        self.player.seek_wall(timeline.wall_s(min(max(work_s, 0.0), timeline.length_s)))

    def action_seek(self, by: int) -> None:
        """Reports on or back, as far apart as they are here."""
        apart = self.store.report.steps if self.store.report is not None else 1
        self.player.seek_step(max(0, self.store.step + by * apart))
        self.paint()  # as often as the key comes, not at the timer's pace

    def action_leap(self, by: int) -> None:
        """A twentieth of the recording on or back."""
        timeline = self.player.timeline
        self._go_to_time(timeline.work_s(self.store.wall_s) + by * timeline.length_s / 20)
        self.paint()

    def action_to_start(self) -> None:
        """The first moment."""
        self._go_to_time(0.0)

    def action_to_end(self) -> None:
        """The last one; of a run that goes on, what happens now."""
        self.player.seek_seq(self.player.head_seq)
        if self.player.live:
            self.player.play()

    def action_next_action(self) -> None:
        """What the operator did after this."""
        self._stop_at("action", 1)

    def action_previous_action(self) -> None:
        """What the operator did before this."""
        self._stop_at("action", -1)

    def action_next_alarm(self) -> None:
        """The alarm after this."""
        self._stop_at("alarm", 1)

    def action_previous_alarm(self) -> None:
        """The alarm before this."""
        self._stop_at("alarm", -1)

    def action_next_evaluation(self) -> None:
        """The evaluation after this."""
        self._stop_at("evaluation", 1)

    def action_previous_evaluation(self) -> None:
        """The evaluation before this."""
        self._stop_at("evaluation", -1)

    def _stop_at(self, kind: StopKind, by: int) -> None:
        """The next or previous place of a kind; a word when there is none."""
        if self.player.go(kind, by) is None:
            self.app.clear_notifications()
            self.notify(f"{_STOPS[kind]} {'after' if by > 0 else 'before'} this moment")
        self.paint()

    # -- playing -----------------------------------------------------------------------------------------

    def action_toggle_play(self) -> None:
        """Play or hold."""
        if self.player.playing:
            self.player.pause()
        else:
            self.player.play()

    def action_speed(self, by: int) -> None:
        """The next speed up or down."""
        at = min(range(len(SPEEDS)), key=lambda i: abs(SPEEDS[i] - self.player.speed))
        self.player.set_speed(SPEEDS[min(max(at + by, 0), len(SPEEDS) - 1)])

    def action_toggle_hold(self) -> None:
        """Whether playing stops at alarms."""
        self.player.holds_at_alarms = not self.player.holds_at_alarms
        self.paint()

    # -- words -------------------------------------------------------------------------------------------

    def action_goto(self) -> None:
        """Type where to go."""
        self.action_command_line()

    def enter(self, text: str, asking: Screen[None] | None = None) -> None:
        """`500`, `12:30`, `loss<4.5` ...: show the run as it was then."""
        try:
            self._go(parse_goto(text))
        except SlotdeckError as error:
            self.complain(str(error), asking)
        else:
            (asking or self).query_one(CommandLine).action_close()
            self.paint()

    def _go(self, goto: Goto) -> None:
        match goto:
            case ToStep(step=step, relative=relative):
                self.player.seek_step(max(0, step + (self.store.step if relative else 0)))
            case ToTime():
                self._go_to(goto)
            case ToStop(kind=kind, by=by):
                self._stop_at(cast("StopKind", kind), by)
            case AtSpeed(speed=speed):
                self.player.set_speed(speed)
                self.player.play()
            case ToEnd(end=end):
                self.action_to_start() if end == "start" else self.action_to_end()
            case _:
                self.player.seek_when(goto)

    def _go_to(self, goto: ToTime) -> None:
        """A time of the run, or of the day."""
        timeline = self.player.timeline
        if goto.relative:
            self._go_to_time(timeline.work_s(self.store.wall_s) + goto.seconds)
        elif goto.clock or (goto.clock is None and goto.seconds > timeline.length_s):
            self.player.seek_wall(self._time_of_day(goto.seconds))
        elif goto.seconds > timeline.length_s:
            raise SlotdeckError(
                f"the run is {countdown(timeline.length_s).strip()} long", "give a time within it"
            )
        else:
            self._go_to_time(goto.seconds)

    def _time_of_day(self, seconds: float) -> float:
        """The first time after the run began at which the clock said so."""
        timeline = self.player.timeline
        first_s, last_s = timeline.wall_s(0.0), timeline.last_wall_s
        day = time.localtime(first_s)
        hours, rest = divmod(seconds, 3600)
        wall_s = time.mktime(
            (day.tm_year, day.tm_mon, day.tm_mday, int(hours), int(rest // 60), int(rest % 60), 0, 0, -1)
        )
        if wall_s < first_s - 1:
            wall_s += 86_400
        if wall_s > last_s:
            began, ended = (time.strftime("%H:%M:%S", time.localtime(at)) for at in (first_s, last_s))
            raise SlotdeckError(
                f"the run is {countdown(timeline.length_s).strip()} long, from {began} to {ended}",
                "give a time within it",
            )
        return wall_s

    # -- leaving -----------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is something to attach to only while an engine works on the run."""
        if action == "attach":
            return self.player.live
        return super().check_action(action, parameters)

    def action_attach(self) -> None:
        """The live cockpit of this run, over the replay."""
        self.post_message(RunOpened(self.source.run_dir, replay=False))

    def action_leave(self) -> None:
        """Back to where one came from."""
        self.post_message(RunLeft(""))
