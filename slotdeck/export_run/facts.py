"""What must be known of a run before its log is walked: its lives, its slots, the line that leads to its end.

Read from the log's life-cycle events, which the footers of its segments name: milliseconds, however long the run.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.errors import SlotdeckError
from engine.profile.dotted import dotted
from engine.profile.load import load_profile
from engine.profile.schema import Profile
from engine.profile.shelf import list_profiles
from engine.profile.write import to_toml
from engine.protocol import events as e
from engine.protocol.codec import decode
from engine.runlog.index import History
from engine.runlog.lock import is_live
from tui.state.curves.forks import Forks


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run, as far as its log went when it was opened."""

    run_id: str
    """The folder's name."""
    lives: list[e.RunStarted]
    line: dict[int, int]
    """Branch -> its last step on the way to where the run stands; a branch that is not in it was left behind."""
    began_wall_s: float
    ended_wall_s: float
    """Time of the last event."""
    head_seq: int
    reports: int
    """About how many step reports there are: never fewer."""
    live: bool
    ended: e.RunEnded | None
    evaluations: list[tuple[int, e.Evaluated]]
    """Each with its number in the log."""

    @property
    def slot_names(self) -> list[str]:
        return [slot.name for slot in self.lives[-1].slots] if self.lives else []

    def leads(self, branch: int, step: int) -> bool:
        """Whether a step is on the way to where the run stands."""
        return step <= self.line.get(branch, -1)


def read_facts(run_dir: Path) -> RunFacts:
    """As far as the log goes now.

    Raises:
        SlotdeckError: the run has no event yet, or its log cannot be read.
    """
    live = is_live(run_dir) is not None
    history = History(run_dir, raw_reports=0)
    if not history.head_seq:
        raise SlotdeckError(f"{run_dir.name} has not begun: its log is empty", "start it, or wait a moment")
    lives: list[e.RunStarted] = []
    ended: e.RunEnded | None = None
    evaluations: list[tuple[int, e.Evaluated]] = []
    forks, branch = Forks(), 0
    for mark in history.marks:
        match decode(mark.kind, mark.payload):
            case e.RunStarted() as started:
                if started.branch > branch:
                    forks.begin(started.branch, started.step)
                    branch = started.branch
                lives.append(started)
                ended = None
            case e.WentBack() as back:
                forks.begin(back.branch, back.step, back.of_branch)
                branch = back.branch
            case e.RunEnded() as ended:
                pass
            case e.Evaluated() as evaluated:
                evaluations.append((mark.seq, evaluated))
            case _:
                pass
    began_wall_s, ended_wall_s = history.span
    return RunFacts(
        run_id=run_dir.resolve().name,
        lives=lives,
        line=forks.line(),
        began_wall_s=began_wall_s,
        ended_wall_s=ended_wall_s,
        head_seq=history.head_seq,
        reports=64 * len(history.tracks),
        live=live,
        ended=ended,
        evaluations=evaluations,
    )


def asked_as(
    answer: e.CommandApplied | e.CommandRefused, waiting: Collection[tuple[str, str]]
) -> tuple[str, str]:
    """Client and command id under which an answer was asked for.

    One that names no client, as after a resume, belongs to whoever waits for that command.
    """
    if answer.client_id:
        return answer.client_id, answer.command_id
    found = (known for known in waiting if known[1] == answer.command_id)
    return next(found, ("", answer.command_id))


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a profile."""

    key: str
    value: str
    default: str
    base: str = ""
    """In the profile that it was made from; empty: not known."""

    @property
    def set_for_the_run(self) -> bool:
        """Other than in the profile it was made from."""
        return bool(self.base) and self.value != self.base

    @property
    def changed(self) -> bool:
        return self.value != self.default


def settings(profile_toml: str, base: Profile | None = None) -> list[Setting]:
    """The settings in a resolved profile, in its order, beside those of `base`; none if it is no TOML."""
    try:
        given = dotted(tomllib.loads(profile_toml))
    except tomllib.TOMLDecodeError:
        return []
    defaults = dotted(msgspec.to_builtins(Profile()))
    before = dotted(tomllib.loads(to_toml(base))) if base is not None else {}
    return [
        Setting(key, _told(value), _told(defaults.get(key, "")), _told(before.get(key, "")))
        for key, value in given.items()
    ]


def profile_on_the_shelf(name: str) -> Profile | None:
    """The profile of this name as it is now; `None` where there is none, or it cannot be read."""
    path = next((profile.path for profile in list_profiles() if profile.name == name), None)
    try:
        return load_profile(path) if path is not None else None
    except (SlotdeckError, OSError):
        return None


def _told(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
