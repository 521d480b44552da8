"""From the player to what the scrubber draws."""

from __future__ import annotations

from tui.screens.deck.source import Player
from tui.state.moments.stop import Stop, StopKind
from tui.state.store import RunStore
from tui.widgets.scrubber import SIGNS, ScrubberView


def scrubber_view(store: RunStore, player: Player, width: int) -> ScrubberView:
    """Where the replay is, in the whole run, and what happened last."""
    work_s = player.timeline.work_s
    said, kind = _last_word(store, player)
    run = player.whole or store
    return ScrubberView(
        at_s=work_s(store.wall_s),
        length_s=player.timeline.length_s,
        step=store.step,
        last_step=max(run.series["loss"].last_step, store.step),
        playing=player.playing,
        speed=player.speed,
        live=player.at_now,
        marks_s=tuple((kind, player.moments_s(kind)) for kind in SIGNS),
        shape=player.shape(2 * width),
        said=said,
        said_kind=kind,
        note=_note(player),
    )


def _note(player: Player) -> str:
    """What playing will do; nothing where an alarm just held it, whose words need the room."""
    if player.held_at is not None:
        return ""
    return "holds at alarms" if player.holds_at_alarms else "plays through alarms"


def _last_word(store: RunStore, player: Player) -> tuple[str, StopKind]:
    """Why it holds; else the last thing that the operator did, or the alarm after it."""
    if player.held_at is not None:
        return f"held at an alarm: {player.held_at.text}", "alarm"
    before: list[Stop] = []
    for kind in ("action", "alarm"):
        stop = player.stop_before(kind, store.head_seq + 1)
        before += [stop] if stop is not None else []
    newest = max(before, key=lambda stop: stop.seq, default=None)
    return (f"{newest.text} (step {newest.step:,})", newest.kind) if newest is not None else ("", "action")
