"""The cockpit: one run, live. Paints what the store holds a few times a second and sends what keys ask.

It shows nothing that the engine has not confirmed: a key press becomes a row in the list of commands, and
the rest of the screen changes when the engine's answer arrives.
"""

from __future__ import annotations

from typing import ClassVar, cast

from textual.binding import Binding
from textual.events import Key
from textual.screen import Screen

from engine.errors import SlotdeckError
from engine.protocol import commands as c
from engine.protocol.verbs import as_text, parse_command
from tui.keys import KEYS, Place, bindings
from tui.messages import RunLeft, RunOpened, StepPicked
from tui.screens.command.line import CommandLine
from tui.screens.command.questions import question
from tui.screens.deck.deck import Deck
from tui.screens.deck.source import LiveLink
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.pages.page import answer_steering
from tui.state.moments.first_moment import first_moment
from tui.state.moments.goto import ToStep, When, looked_for

_CONTROL = {key.action.split("(")[0] for key in KEYS if key.needs == "control"}
READ_ONLY = "this cockpit is read-only: leave it and attach without --read-only to steer"


class CockpitScreen(Deck):
    """What keys and typed lines do to a live run."""

    BINDINGS: ClassVar[list[Binding]] = bindings("live")  # type: ignore[assignment]
    place: Place = "live"

    @property
    def link(self) -> LiveLink:
        """Where commands go."""
        return cast("LiveLink", self.source)

    @property
    def may_control(self) -> bool:
        """Commands can be sent: the link is up, the run goes on, and this cockpit does not only watch."""
        return self.store.link.status == "live" and self.store.ended is None and not self.read_only

    @property
    def labels_now(self) -> dict[str, str]:
        """For the key bar."""
        elsewhere = self.store.lease.holder not in ("", self._client_id)
        return {
            "toggle_pause": "resume" if self.store.state == "paused" else "pause",
            "take_lease": "take controls" if elsewhere else "",
        }

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keys that steer are there only while steering is possible."""
        if action in ("pin", "ban", "release") and self.choices.slot.at is None:
            return False
        return self.may_control if action in _CONTROL else True

    def on_key(self, event: Key) -> None:
        """A key that would steer is answered where it cannot."""
        answer_steering(self, event.key)

    def send(self, command: c.AnyCommand) -> None:
        """Ask for it, after a question when it destroys; what cannot be sent is said."""
        asked = question(command, self.store)
        if asked is None:
            self._send(command)
            return

        def answered(name: str | None) -> None:
            wanted = asked.answers[name].command if name is not None else None
            if wanted is not None:
                self._send(wanted)

        rows = {name: answer.text for name, answer in asked.answers.items()}
        self.app.push_screen(ConfirmScreen(asked.title, asked.detail, rows), answered)

    def enter(self, text: str, asking: Screen[None] | None = None) -> None:
        """A whole command as typed, or a step or a value to look for: the crosshair goes there.

        Raises nothing: what is wrong with it is shown where it was typed.
        """
        try:
            if (wanted := looked_for(text)) is not None:
                self._look_for(wanted)
            elif not self.may_control:
                raise SlotdeckError("this cockpit cannot steer now", self._why_not())
            else:
                self.send(parse_command(text.split()))
        except SlotdeckError as error:
            self.complain(str(error), asking)
        else:
            (asking or self).query_one(CommandLine).action_close()

    def _look_for(self, wanted: When | ToStep) -> None:
        """Put the crosshair there, and say what was found.

        Raises:
            SlotdeckError: no value ever was.
        """
        if isinstance(wanted, ToStep):
            self.point_at(wanted.step + (self.store.step if wanted.relative else 0))
            return
        found = first_moment(self.store.series[wanted.field], wanted)
        self.point_at(found.step)
        self.app.clear_notifications()
        self.notify(found.told)

    def on_step_picked(self, message: StepPicked) -> None:
        """The mouse on a chart."""
        self.point_at(message.step)

    def action_toggle_pause(self) -> None:
        self.send(c.Resume() if self.store.state == "paused" else c.Pause())

    def action_step(self) -> None:
        self.send(c.Step())

    def action_checkpoint(self) -> None:
        self.send(c.Checkpoint())

    def action_evaluate(self) -> None:
        self.send(c.Evaluate())

    def action_probe(self) -> None:
        self.send(c.Probe())

    def action_sample(self) -> None:
        self.send(c.Sample())

    def action_pin(self) -> None:
        self.send(c.Pin(self.slot_name))

    def action_ban(self) -> None:
        self.send(c.Ban(self.slot_name))

    def action_release(self) -> None:
        self.send(c.Release(self.slot_name))

    def action_stop(self) -> None:
        """Ask whether to save."""
        self.send(c.Stop())

    def action_replay(self) -> None:
        """The run from its start, over this cockpit."""
        self.post_message(RunOpened(self.source.run_dir, replay=True))

    def action_take_lease(self) -> None:
        """Have the controls."""
        try:
            self.link.take_lease()
        except SlotdeckError as error:
            self.complain(str(error))

    def action_leave(self) -> None:
        """Detach; the engine does not notice."""
        run = self.run_name
        status = self.store.link.status
        going_on = status == "restarting" or (self.store.ended is None and status != "ended")
        waits = "the run stays paused" if self.store.state == "paused" else "training goes on"
        how = f"{waits}; come back with: slotdeck attach {run}"
        self.post_message(RunLeft(how if going_on else f"see it again with: slotdeck replay {run}"))

    def _send(self, command: c.AnyCommand) -> None:
        try:
            self.link.send(command)
        except SlotdeckError as error:
            self.complain(f"{as_text(command)}: {error}")

    def why_no_steering(self) -> str:
        """What to do about it."""
        if self.read_only:
            return READ_ONLY
        if not self.may_control:
            return f"nothing can be steered now: {self._why_not()}"
        return "no slot is selected: ← and → select one, or its number"

    def _why_not(self) -> str:
        if self.read_only:
            return "it is read-only: attach without --read-only"
        if self.store.ended is not None:
            return f"the run has ended; resume it with: slotdeck resume {self.run_name}"
        return "wait for the link to come back"
