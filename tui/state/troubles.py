"""What is wrong just now, each with a name: the link, the engine's end, the controls, and the engine's alarms.

`RunStore` keeps the alarms by code, each until something shows that it is over; `troubles` puts them together
with what the link says. The cockpit draws the newest in the row under the heading, all of them in the full feed.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from engine.protocol import events as e
from engine.text import one_line

if TYPE_CHECKING:
    from tui.state.store import RunStore

When = Literal["at", "since", "last told at"]

INFO, WARNING, ERROR = "info", "warning", "error"

ALARM_NAMES = {
    "disk-full": "disk full: saving paused",
    "log-failed": "log not written",
    "checkpoint-failed": "checkpoint not saved",
    "checkpoint-quarantined": "checkpoint quarantined",
    "no-checkpoint": "no checkpoint yet",
    "out-of-memory": "out of memory",
    "loss-not-finite": "loss not finite",
    "loss-spikes": "loss spikes: paused",
    "loss-spike": "loss spike",
    "lean-step-spoilt": "step spoilt",
    "gpu-lost": "GPU lost",
    "gpu-unread": "GPU readings lost",
    "gpu-throttled": "GPU held back",
    "data-stalled": "data late",
    "step-hangs": "step hangs",
    "engine-restart": "engine restarted",
    "engine-given-up": "engine not started again",
    "prune-undone": "prune undone",
    "prune-not-undone": "prune not undone",
    "not-pruned": "not pruned",
    "not-back": "did not go back",
}
"""What an alarm is called, by its code; one that is not here is called what it says."""

LINK_NAMES = {
    "lost": "link lost",
    "gone": "run folder gone",
    "version": "another engine version",
    "unreadable": "run cannot be read",
}
"""What a link that does not hold is called, by its status."""

OFFERS_ROLLBACK = {"loss-spikes", "loss-not-finite", "lean-step-spoilt"}
"""Alarms whose remedy is to go back."""

LASTING = {"disk-full", "gpu-unread", "gpu-throttled", "data-stalled", "step-hangs"}
"""Alarms that are states."""

OVER: dict[str, Callable[[Any], bool]] = {
    "disk-full": lambda event: isinstance(event, e.CheckpointSaved),
    "checkpoint-failed": lambda event: isinstance(event, e.CheckpointSaved),
    "no-checkpoint": lambda event: isinstance(event, e.CheckpointSaved),
    "loss-spikes": lambda event: _goes_on(event),
    "loss-not-finite": lambda event: isinstance(event, e.WentBack),
    "lean-step-spoilt": lambda event: isinstance(event, e.WentBack),
    "gpu-unread": lambda event: isinstance(event, e.Hardware) and bool(event.gpus),
    "gpu-lost": lambda event: isinstance(event, e.Hardware) and bool(event.gpus),
    "gpu-throttled": lambda event: isinstance(event, e.Hardware) and not _held_down(event),
    "step-hangs": lambda event: isinstance(event, e.StepReport),
    "engine-restart": lambda event: isinstance(event, e.StepReport),
    "engine-given-up": lambda event: isinstance(event, e.StepReport),
}
"""The event that shows an alarm to be over. One without is there until it is put away."""


def _goes_on(event: object) -> bool:
    return isinstance(event, e.WentBack) or (isinstance(event, e.StateChanged) and event.state == "running")


def _held_down(event: e.Hardware) -> bool:
    """By heat or a failing supply; a power cap is a choice."""
    reasons = [reason for gpu in event.gpus for reason in gpu.throttle.split(", ") if reason]
    return any("cap" not in reason for reason in reasons)


class Trouble(Struct, frozen=True):
    """One of them. All text is one line, safe to draw."""

    name: str
    """In a few words: `disk full: saving paused`."""
    level: str
    """`info`, `warning` or `error`."""
    since_s: float
    said: str = ""
    """What there is to know beyond the name."""
    remedy: str = ""
    code: str = ""
    """Of an alarm."""
    seq: int = 0
    """Of the newest event about it; 0: it lasts until it is over and cannot be put away."""
    times: int = 1
    when: When = "at"
    """`since`: a state, not something that happened. `last told at`: nobody knows when it happened."""


class Alarms(dict[str, Trouble]):
    """The engine's alarms that nothing has shown to be over, by code."""

    def raised(self, seq: int, wall_s: float, alarm: e.Alarm) -> None:
        """One more; the same again counts up and keeps the time of the first."""
        before = self.pop(alarm.code, None)
        message = one_line(alarm.message, 400).replace(" -> ", " → ")
        name = ALARM_NAMES.get(alarm.code, "")
        when: When = "since" if alarm.code in LASTING else "at"
        now = Trouble(
            name or message, alarm.level if alarm.level in (WARNING, ERROR) else INFO, wall_s,
            message if name else "", one_line(alarm.remedy, 400), alarm.code, seq, when=when,
        )  # fmt: skip
        self[alarm.code] = (
            now if before is None else replace(now, since_s=before.since_s, times=before.times + 1)
        )

    def heard(self, event: object) -> bool:
        """Drop what this event shows to be over. Whether there was any."""
        over = [code for code in self if code in OVER and OVER[code](event)]
        for code in over:
            del self[code]
        return bool(over)


def troubles(store: RunStore, client_id: str = "", read_to: int = 0) -> list[Trouble]:
    """Those there are now, newest first; alarms up to sequence number `read_to` have been put away."""
    found = [*_line(store), *_controls(store, client_id)]
    found += [alarm for alarm in store.open_alarms.values() if alarm.seq > read_to]
    if store.gap_seq > read_to:
        said = f"{store.gaps:,} event{'s' if store.gaps != 1 else ''} never reached the log"
        found.append(Trouble("log has a gap", WARNING, store.gap_wall_s, said, seq=store.gap_seq))
    if store.damaged and not read_to:
        places = "one place" if store.damaged == 1 else f"{store.damaged:,} places"
        said = f"in {places}; what can be read is shown"
        found.append(Trouble("log damaged", WARNING, store.damaged_wall_s, said, seq=1))
    status = store.hardware.gpu_status if store.hardware is not None else ""
    if status.startswith("sampler lost") and not {"gpu-unread", "gpu-lost"} & store.open_alarms.keys():
        found.append(
            Trouble("GPU readings lost", WARNING, store.gpu_lost_wall_s, one_line(status), when="since")
        )
    return sorted(found, key=lambda trouble: (trouble.since_s, trouble.seq or inf), reverse=True)


def _line(store: RunStore) -> list[Trouble]:
    """What the link says, and the end of the run when it was not as wished."""
    link, ended = store.link, store.ended
    detail, remedy = one_line(link.detail, 400), one_line(link.remedy, 400)
    if link.status == "restarting":
        return [Trouble("link lost", WARNING, link.since_wall_s, "", detail, when="since")]
    if link.status in LINK_NAMES:
        remedy = remedy or ("trying again" if link.status == "lost" else "")
        return [Trouble(LINK_NAMES[link.status], ERROR, link.since_wall_s, detail, remedy, when="since")]
    if ended is not None and ended.outcome == "failed":
        said, remedy = one_line(ended.reason, 400), one_line(ended.remedy, 400)
        return [Trouble(f"failed at step {ended.step:,}", ERROR, store.ended_wall_s, said, remedy)]
    if ended is None and link.status == "ended":
        name = detail or "engine ended"
        if not store.wall_s:
            return [Trouble(name, ERROR, link.since_wall_s, "", remedy)]
        return [Trouble(name, ERROR, store.wall_s, "", remedy, when="last told at")]
    return []


def _controls(store: RunStore, client_id: str) -> list[Trouble]:
    """The controls, when another took them from this cockpit."""
    mine_before = bool(client_id) and store.lease_before.holder == client_id
    if not mine_before or store.lease.holder in ("", client_id) or store.link.status != "live":
        return []
    who = one_line(store.lease.who or store.lease.holder, 40)
    return [Trouble(f"{who} took the controls", WARNING, store.lease_wall_s, "", "t takes them back")]
