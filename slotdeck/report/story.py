"""What a report tells of a run, gathered in one pass over its log.

Curves come from the log's pyramid. Of plans, memory and hardware, which a long run has by the hundred thousand, a
sample spread evenly over the log is decoded, so a run of a million reports takes seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.protocol import events as e
from engine.protocol.codec import decode
from engine.runlog.index import History
from engine.runlog.pyramid import Track
from engine.runlog.reader import LogReader
from slotdeck.export_run.facts import RunFacts, asked_as, read_facts

SAMPLED = frozenset(kind.KIND for kind in (e.SlotPlanned, e.MemorySplit, e.Hardware, e.SlotsMeasured))
_SAMPLES = 2000
"""Of each of these kinds, about."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A command and what came of it."""

    text: str
    who: str
    wall_s: float
    status: str = "accepted"
    step: int = 0
    branch: int = 0
    before: str = ""
    after: str = ""
    why: str = ""


@dataclass(slots=True)
class Story:
    """A run, as a reader wants it told."""

    facts: RunFacts
    track: Track
    commands: list[Asked] = field(default_factory=list)
    alarms: list[tuple[float, e.Alarm]] = field(default_factory=list)
    evaluations: list[e.Evaluated] = field(default_factory=list)
    checkpoints: list[e.CheckpointSaved] = field(default_factory=list)
    samples: list[e.Sampled] = field(default_factory=list)
    prunes: list[e.Pruned] = field(default_factory=list)
    probes: list[e.Probed] = field(default_factory=list)
    returns: list[e.WentBack] = field(default_factory=list)
    plans: list[e.SlotPlanned] = field(default_factory=list)
    memory: list[e.MemorySplit] = field(default_factory=list)
    measured: e.SlotsMeasured | None = None
    hardware: e.Hardware | None = None

    @property
    def started(self) -> e.RunStarted | None:
        """The newest life."""
        return self.facts.lives[-1] if self.facts.lives else None

    @property
    def end_step(self) -> int:
        """The highest step of any branch, at least 1."""
        return max(self.track.step, default=1) or 1


def read_story(run_dir: Path) -> Story:
    """The run as its log tells it now.

    Raises:
        SlotdeckError: it has not begun, or its log cannot be read.
    """
    facts = read_facts(run_dir)
    story = Story(facts, History(run_dir).tracks)
    asked: dict[tuple[str, str], int] = {}
    sampled_at = dict.fromkeys(SAMPLED, -1)
    spacing = facts.head_seq / _SAMPLES
    for seq, kind, _, wall_s, payload in LogReader(run_dir).entries():
        if seq > facts.head_seq:
            break
        if kind == e.StepReport.KIND:
            continue
        if kind in SAMPLED:
            place = int(seq / spacing)
            if place == sampled_at[kind]:
                continue
            sampled_at[kind] = place
        _take(story, asked, wall_s, decode(kind, payload))
    return story


def _take(story: Story, asked: dict[tuple[str, str], int], wall_s: float, event: object) -> None:
    match event:
        case e.CommandAccepted():
            asked[event.client_id, event.command_id] = len(story.commands)
            story.commands.append(Asked(event.text, event.who, wall_s))
        case e.CommandApplied() | e.CommandRefused():
            _answer(story, asked, wall_s, event)
        case e.Alarm():
            story.alarms.append((wall_s, event))
        case e.Evaluated():
            story.evaluations.append(event)
        case e.CheckpointSaved():
            story.checkpoints.append(event)
        case e.Sampled():
            story.samples.append(event)
        case e.Pruned():
            story.prunes.append(event)
        case e.Probed():
            story.probes.append(event)
        case e.WentBack():
            story.returns.append(event)
        case e.SlotPlanned():
            story.plans.append(event)
        case e.MemorySplit():
            story.memory.append(event)
        case e.SlotsMeasured():
            story.measured = event
        case e.Hardware():
            story.hardware = event
        case _:
            pass


def _answer(
    story: Story,
    asked: dict[tuple[str, str], int],
    wall_s: float,
    event: e.CommandApplied | e.CommandRefused,
) -> None:
    """Put the answer to its command; one applied again after a resume is told once."""
    key = asked_as(event, asked)
    place = asked.get(key)
    if place is None:
        asked[key] = place = len(story.commands)
        story.commands.append(Asked(event.text, "", wall_s))
    if story.commands[place].status == "applied":
        return
    told = story.commands[place]
    match event:
        case e.CommandApplied():
            told = replace(
                told, status="applied", branch=event.branch, before=event.before, after=event.after
            )
        case e.CommandRefused():
            remedy = f"; {event.remedy}" if event.remedy else ""
            told = replace(told, status="refused", why=event.reason + remedy)
    story.commands[place] = replace(told, step=event.step)
