"""What happened in a run, a line an event: told by `attach` without a terminal and by `watch`.

Step reports are not told here: each of the two shows them in its own way.
"""

from __future__ import annotations

from engine.protocol import events as e
from engine.text import one_line, sanitise
from engine.units import format_bytes, format_count, format_duration
from tui.state.log.feed import missed


def told(event: object) -> str:
    """A line for what happened; empty where there is nothing to tell."""
    match event:
        case e.Evaluated():
            return f"validation loss {event.loss:.4f} at step {event.step} ({format_duration(event.seconds)})"
        case e.Probed():
            return one_line(f"probe at step {event.step}: {missed(event)}")
        case e.Sampled():
            text = sanitise(event.prompt + event.text, 600).replace("\n", "\n    | ")
            return f"sample at step {event.step}:\n    | {text}"
        case e.CheckpointSaved():
            return one_line(
                f"checkpoint {event.name} saved: {format_bytes(event.bytes)} in {format_duration(event.seconds)}"
                f" ({event.reason})"
            )
        case e.StateChanged(state="running", reason="") | e.StateChanged(state="starting" | "ended"):
            return ""
        case e.StateChanged():
            return one_line(
                f"{event.state} at step {event.step}" + (f": {event.reason}" if event.reason else "")
            )
        case e.Alarm():
            remedy = f"; {event.remedy}" if event.remedy else ""
            return one_line(f"{event.level}: {event.message}{remedy}", 1000)
        case e.CommandApplied():
            change = f"{event.before} -> {event.after}" if event.before else event.after
            return one_line(f"applied {event.text} at step {event.step}: {change}")
        case e.CommandRefused():
            return one_line(f"refused {event.text}: {event.reason}")
        case e.JobReported():
            return one_line(f"{event.task} {event.state}: {event.text}", 1000)
        case e.Pruned(undone=False):
            params = f"{format_count(event.params_before)} -> {format_count(event.params_after)} parameters"
            return one_line(f"pruned {', '.join(event.slots)} at step {event.step}: {params}", 1000)
        case e.LogLine():
            return one_line(event.text, 1000)
        case e.LogGap():
            return one_line(f"warning: {event.dropped} events are missing from the log: {event.reason}")
        case e.RunEnded():
            remedy = f"; {event.remedy}" if event.remedy else ""
            return one_line(f"{event.outcome} at step {event.step}: {event.reason}{remedy}", 1000)
    return ""
