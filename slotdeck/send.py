"""`slotdeck send RUN VERB ...`: one command to a live run, its life printed as it happens."""

from __future__ import annotations

import getpass
import socket
from pathlib import Path

from engine.errors import SlotdeckError
from engine.protocol import events as e
from engine.protocol.commands import AnyCommand
from engine.protocol.verbs import as_text
from engine.text import one_line, sanitise
from engine.units import format_bytes, format_count, format_duration
from slotdeck.say import Say
from tui.link import oneshot


def send(run_dir: Path, command: AnyCommand, *, take: bool, timeout_s: float, say: Say) -> None:
    """Send a command and tell its life; returns only when it was applied and its result, if any, is there.

    Raises:
        SlotdeckError: no engine is there, or no answer came in time; it was refused (exit code 1).
    """
    who = one_line(f"{getpass.getuser()}@{socket.gethostname()}")

    def asked() -> None:
        say(f"requested  {one_line(as_text(command))}")

    life = oneshot.send(
        run_dir, command, take=take, who=who, timeout_s=timeout_s, await_result=True, asked=asked
    )
    for event in life:
        match event:
            case e.CommandAccepted():
                say("accepted   in the log; it waits for the next step boundary")
            case e.CommandApplied():
                change = f"{event.before} -> {event.after}" if event.before else event.after
                cost = f" ({event.cost})" if event.cost else ""
                say(one_line(f"applied    at step {event.step}: {change}{cost}"))
            case e.CommandRefused():
                raise SlotdeckError(
                    one_line(f"refused at step {event.step}: {event.reason} ({event.code})"),
                    one_line(event.remedy),
                    exit_code=1,
                )
            case e.Evaluated():
                measured = f"perplexity {event.perplexity:,.4g}, {event.tokens:,} tokens"
                say(
                    f"evaluated  validation loss {event.loss:.4f} ({measured}, {format_duration(event.seconds)})"
                )
            case e.Probed():
                for line in _probed(event):
                    say(line)
            case e.Sampled():
                say(f"sampled    in {format_duration(event.seconds)}:")
                for line in sanitise(event.prompt + event.text).split("\n"):
                    say(f"    | {line}")
            case e.JobReported(state="done"):
                say(f"done       {one_line(event.text, 1000)}")
            case e.JobReported():
                raise SlotdeckError(one_line(f"{event.task} {event.state}: {event.text}", 1000), exit_code=1)
            case e.Pruned():
                params = (
                    f"{format_count(event.params_before)} -> {format_count(event.params_after)} parameters"
                )
                say(one_line(f"pruned     {', '.join(event.slots)}: {params}, {event.reason}", 1000))
            case e.CheckpointSaved():
                size = f"{format_bytes(event.bytes)} in {format_duration(event.seconds)}"
                say(one_line(f"saved      {event.name}: {size}"))


def _probed(event: e.Probed) -> list[str]:
    """What each slot is missed by, the least missed first."""
    whole = f"{event.tokens:,} tokens, {format_duration(event.seconds)}"
    lines = [f"probed     validation loss {event.loss:.4f} with every slot ({whole}); without"]
    found = sorted(
        zip(event.slots, event.losses, strict=False), key=lambda row: (row[1] is None, row[1] or 0.0)
    )
    column = max((len(slot) for slot, _ in found), default=0)
    for slot, loss in found:
        figure = "not finite" if loss is None else f"{loss:.4f} ({loss - event.loss:+.4f})"
        lines.append(one_line(f"    | {slot:<{column}}  {figure}"))
    return lines
