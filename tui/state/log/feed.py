"""What happened, said for people: one line for each event that is news.

`RunStore` keeps the lines; the feed and the log screen show them. Reports, plans and hardware are no news.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from engine.protocol import events as e
from engine.text import one_line, sanitise
from engine.units import counted, format_bytes, format_count, format_duration
from tui.state.figures import figures, summary

INFO, GOOD, WARNING, ERROR = "info", "good", "warning", "error"
ENDED = {"finished": "✓", "stopped": "■", "failed": "✗"}
"""The mark of a run that is over, here and wherever runs are told."""


class FeedItem(Struct, frozen=True):
    """One line of the feed."""

    seq: int
    wall_s: float
    step: int | None
    """The step it happened at, when the event says so."""
    kind: str
    """`run`, `state`, `command`, `evaluation`, `sample`, `checkpoint`, `prune`, `job`, `log`, `alarm`, `gap` or
    `lease`."""
    glyph: str
    """One column wide; says the kind without colour."""
    text: str
    """One line, safe to draw."""
    level: str = INFO
    """`info`, `good`, `warning` or `error`."""
    about: str = ""
    """The command or the job it is about: what is said of it next takes the place of this."""
    body: str = ""
    """The whole of it in lines, safe to draw, for where there is room: a sample as the model wrote it, a forecast."""


def describe(seq: int, wall_s: float, event: object, who: str = "") -> FeedItem | None:
    """The line for an event, or `None` when it is no news. `who` asked for it, if that is known."""
    phrase = _PHRASES.get(type(event)) if isinstance(event, e.Event) else None
    if phrase is None:
        return None
    kind, glyph, text, level = phrase(event)
    if kind in ("run", "prune", "job", "alarm"):
        text = text.replace(" -> ", " → ")
    if who and kind == "command" and not isinstance(event, e.CommandAccepted):
        text += f" ({who})"
    about = getattr(event, "command_id", "") if kind == "command" else ""
    if isinstance(event, e.JobReported):
        about = f"job {event.job}"
    step = getattr(event, "step", None)
    return FeedItem(seq, wall_s, step, kind, glyph, one_line(text, 400), level, about, _body(event))


def _body(event: object) -> str:
    match event:
        case e.Sampled(prompt=prompt, text=text):
            return "sample:\n" + sanitise(prompt + text)
        case e.Probed():
            return _losses_without(event)
        case e.JobReported(result=result) if result:
            told = figures(result)
            column = max(len(name) for name, _ in told)
            lines = [f"  {name:<{column}}  {value}" for name, value in told]
            return "\n".join([one_line(_job(event)[2], 400).replace(" -> ", " → "), *lines])
        case _:
            return ""


_Phrase = tuple[str, str, str, str]


def _run_started(event: e.RunStarted) -> _Phrase:
    slots = counted(len(event.slots), "slot")
    model = f"{event.model.family} of {format_count(event.model.params)} parameters in {slots}"
    where = f"on {event.machine.device_name or event.machine.device}"
    if event.resumed_from:
        text = f"resumed from {event.resumed_from} at step {event.step}, {where}"
    else:
        text = f"started {event.profile_name}: {model}, {where}"
    if event.parent:
        text += f", from {event.parent}" + (
            f" at {event.parent_checkpoint}" if event.parent_checkpoint else ""
        )
    return "run", "▶", text, GOOD


def _went_back(event: e.WentBack) -> _Phrase:
    text = f"went back from step {event.from_step:,} to {event.checkpoint}" + _because(event.reason)
    return "run", "↶", text, WARNING


def _pruned(event: e.Pruned) -> _Phrase:
    names = ", ".join(event.slots)
    params = f"parameters {format_count(event.params_before)} → {format_count(event.params_after)}"
    loss = ""
    if event.loss_before is not None and event.loss_after is not None:
        loss = f", validation loss {event.loss_before:.3f} → {event.loss_after:.3f}"
    if event.undone:
        return "prune", "×", f"{event.reason or f'prune of {names} undone'}; {params}", WARNING
    return "prune", "×", f"pruned {names}: {params}{loss}" + _because(event.reason), GOOD


def _job(event: e.JobReported) -> _Phrase:
    task = event.task.replace("-", " ")
    glyph, level = {"started": ("▷", INFO), "done": ("✓", GOOD), "failed": ("✗", ERROR)}.get(
        event.state, ("■", INFO)
    )
    told = summary(event.result) if " -> " not in event.text else ""
    found = "; ".join(filter(None, (event.text, told)))
    return "job", glyph, f"{task} {event.state}" + _because(found), level


def _state(event: e.StateChanged) -> _Phrase:
    glyph = {"paused": "‖", "running": "▶", "stopping": "■", "ended": "■"}.get(event.state, "·")
    return "state", glyph, f"{event.state} at step {event.step:,}" + _because(event.reason), INFO


def _run_ended(event: e.RunEnded) -> _Phrase:
    text = f"run {event.outcome} at step {event.step:,}" + _because(event.reason) + _remedy(event.remedy)
    return "run", ENDED.get(event.outcome, "■"), text, ERROR if event.outcome == "failed" else GOOD


def _evaluated(event: e.Evaluated) -> _Phrase:
    return "evaluation", "●", f"validation {event.loss:.3f} (perplexity {event.perplexity:.1f})", INFO


def missed(event: e.Probed) -> str:
    """The slots that a probe found to matter most and least, in a line."""
    found = zip(event.slots, event.losses, strict=False)
    change = {slot: loss - event.loss for slot, loss in found if loss is not None}
    if not change:
        return "no loss without a slot was finite"
    most, least = max(change, key=change.__getitem__), min(change, key=change.__getitem__)
    return f"without {most} {change[most]:+.3f}, least missed {least} {change[least]:+.3f}"


def _probed(event: e.Probed) -> _Phrase:
    return "evaluation", "◌", f"probe: {missed(event)}", INFO


def _losses_without(event: e.Probed) -> str:
    column = max(map(len, event.slots), default=0)
    rows = [
        f"  {slot:<{column}}  " + ("not finite" if loss is None else f"{loss:.4f}  {loss - event.loss:+.4f}")
        for slot, loss in zip(event.slots, event.losses, strict=False)
    ]
    return "\n".join([f"validation loss {event.loss:.4f} with every slot, and without", *map(sanitise, rows)])


def _sampled(event: e.Sampled) -> _Phrase:
    return "sample", "»", f"sample: {event.prompt}{event.text}", INFO


def _checkpoint(event: e.CheckpointSaved) -> _Phrase:
    took = f"{format_bytes(event.bytes)} in {format_duration(event.seconds)}"
    return "checkpoint", "◆", f"checkpoint {event.name} saved, {took}", INFO


def _log_line(event: e.LogLine) -> _Phrase:
    warns = event.level == "warning"
    return "log", "!" if warns else "·", event.text, WARNING if warns else INFO


def _alarm(event: e.Alarm) -> _Phrase:
    return "alarm", "!", event.message + _remedy(event.remedy), ERROR if event.level == "error" else WARNING


def _gap(event: e.LogGap) -> _Phrase:
    return "gap", "≈", f"{event.dropped} frames never reached the log" + _because(event.reason), WARNING


def _accepted(event: e.CommandAccepted) -> _Phrase:
    return "command", "○", f"{event.text} accepted from {event.who}", INFO


def _applied(event: e.CommandApplied) -> _Phrase:
    change = f"{event.before} → {event.after}" if event.before else event.after
    return "command", "✓", f"{event.text} applied" + ("" if event.verb == "note" else _because(change)), GOOD


def _refused(event: e.CommandRefused) -> _Phrase:
    return "command", "✗", f"{event.text} refused" + _because(event.reason) + _remedy(event.remedy), ERROR


def _lease(event: e.LeaseChanged) -> _Phrase:
    text = f"{event.who} has the controls" if event.holder else "nobody has the controls"
    return "lease", "§", text + _because(event.reason), INFO


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _remedy(remedy: str) -> str:
    return f"; {remedy}" if remedy else ""


_PHRASES: dict[type[e.Event], Callable[[Any], _Phrase]] = {
    e.RunStarted: _run_started,
    e.WentBack: _went_back,
    e.Pruned: _pruned,
    e.JobReported: _job,
    e.StateChanged: _state,
    e.RunEnded: _run_ended,
    e.Evaluated: _evaluated,
    e.Probed: _probed,
    e.Sampled: _sampled,
    e.CheckpointSaved: _checkpoint,
    e.LogLine: _log_line,
    e.Alarm: _alarm,
    e.LogGap: _gap,
    e.CommandAccepted: _accepted,
    e.CommandApplied: _applied,
    e.CommandRefused: _refused,
    e.LeaseChanged: _lease,
}

NEWS = frozenset(kind.KIND for kind in _PHRASES)
"""Kinds of the events that have a line."""
