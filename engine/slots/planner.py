"""The planner: the policy proposes, holds beat it, and no plan leaves the model without a slot.

`engine.train` asks it for a plan before each step and carries the operator's pins, bans and policies to it.
The plan of step N follows from the settings, the seed and N alone: nothing that a checkpoint could miss.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, replace
from typing import Any

from engine.errors import SlotdeckError, nearest
from engine.profile.schema import Slots
from engine.slots.duty import DUTIES, WHOLE, possible_duties
from engine.slots.holds import Hold, banned, pinned
from engine.slots.plan import Plan, SlotPlan
from engine.slots.policies import Policy, dither


class UnknownSlot(SlotdeckError):
    """The model has no slot of that name or number."""

    code = "unknown-slot"


class Planner:
    """Settings of one run's slots, and the plans that follow from them."""

    def __init__(self, profile: Slots, num_slots: int, slot_names: list[str], total_steps: int) -> None:
        assert num_slots == len(slot_names), f"{num_slots} slots and {len(slot_names)} names"
        assert num_slots > 0, "a model without slots has nothing to plan"
        self.slot_names = list(slot_names)
        self.policy = Policy.from_profile(profile)
        self._profile = profile
        self._total_steps = total_steps
        self._window = len(DUTIES) - 1  # the smallest that can do every duty
        self._holds: dict[int, Hold] = {}
        self._precision: dict[int, str] = {}
        self._gone: frozenset[int] = frozenset()

    # -- plans -------------------------------------------------------------------------------------------

    def plan(self, step: int) -> Plan:
        """What every slot does in the step that follows `step` steps done."""
        self._holds = {i: hold for i, hold in self._holds.items() if hold.in_force(step)}
        there, stays = self.remaining, self._stays()
        keep = dict(zip(there, self.policy.keep(step, self._total_steps, stays), strict=True))
        # Pruned slots draw too, so that what the others do stays as it was.
        drawn = self.policy.draw(step, self._profile.seed, len(self.slot_names))
        rows = [SlotPlan(duty=0.0, trained=False, pruned=True, reason="pruned")] * len(self.slot_names)
        for i, on in zip(there, stays, strict=True):
            rows[i] = self._row(i, keep[i], drawn[i], on)
        if not any(row.duty for row in rows):
            self._rescue(rows, keep, drawn)
        return Plan(
            rows=tuple(rows),
            policy=self.policy.name,
            reason=self._summary(step, list(keep.values())),
            draw=f"sequences:{self._profile.seed}:{step}",
            inverse=self._profile.scale == "inverse",
        )

    def set_window(self, sequences: int) -> None:
        """A step has this many sequences: which duties there are follows from it.

        Raises:
            SlotdeckError: a slot is pinned at a duty that such a step cannot do; nothing is changed then.
        """
        for slot, hold in self._holds.items():
            self._check_duty(slot, hold, sequences)
        self._window = sequences

    # -- pruning -----------------------------------------------------------------------------------------

    @property
    def remaining(self) -> list[int]:
        """Slots that are there, ascending."""
        return [i for i in range(len(self.slot_names)) if i not in self._gone]

    def check_prune(self, slots: Collection[int]) -> None:
        """Whether the model can do without these as well.

        Raises:
            SlotdeckError: no slot would be left, or none that works.
        """
        left = [i for i in self.remaining if i not in slots]
        if not left:
            raise SlotdeckError("no slot would be left", "name fewer: the last one stays")
        if all(i in self._holds and not self._holds[i].duty for i in left):
            raise SlotdeckError(
                "no slot would be left on: the others are banned", "release one of them first"
            )

    def prune_to(self, gone: Collection[int]) -> None:
        """These slots are not there, all others are. What was said about those that are gone is forgotten."""
        assert set(gone) < set(range(len(self.slot_names))), "one slot must remain"
        self._gone = frozenset(gone)
        self._holds = {i: hold for i, hold in self._holds.items() if i not in self._gone}
        self._precision = {i: name for i, name in self._precision.items() if i not in self._gone}

    # -- the operator's word -----------------------------------------------------------------------------

    def pin(self, slot: int, duty: float = 1.0, trained: bool = True, until: int | None = None) -> None:
        """Keep a slot at `duty`, whatever the policy says.

        Raises:
            SlotdeckError: no such duty, a step has too few sequences for it, or no slot would be left on.
        """
        self._hold(slot, pinned(duty, trained, until))

    def ban(self, slot: int, until: int | None = None) -> None:
        """Keep a slot off, whatever the policy says.

        Raises:
            SlotdeckError: no slot would be left on.
        """
        self._hold(slot, banned(until))

    def release(self, slot: int) -> None:
        """Give a slot back to the policy.

        Raises:
            SlotdeckError: nobody holds it.
        """
        if slot not in self._holds:
            raise SlotdeckError(
                f"{self.slot_names[slot]} is not held", "pin or ban a slot before releasing it"
            )
        del self._holds[slot]

    def set_policy(self, name: str, options: dict[str, float]) -> None:
        """Another policy, from the next plan on. Options not given are the profile's.

        Raises:
            SlotdeckError: no such policy or option (the nearest is named), a value out of range, or no slot would
                be left on.
        """
        policy = Policy.from_profile(self._profile).changed(name, options)
        if policy.name != "all" and not policy.mean_duty and not any(self._stays()):
            raise SlotdeckError(f"policy {name}: mean_duty=0 leaves no slot on", "give a share above 0")
        self.policy = policy

    def set_precision(self, slot: int, name: str) -> None:
        """The compute type of one slot's matmuls; empty: the run's."""
        if name:
            self._precision[slot] = name
        else:
            self._precision.pop(slot, None)

    def resolve_slot(self, text: str) -> int:
        """`"3"` or `"block.3"` -> 3.

        Raises:
            UnknownSlot: no such slot, the nearest is named.
            SlotdeckError: it is pruned.
        """
        word, found = text.strip(), None
        if word in self.slot_names:
            found = self.slot_names.index(word)
        elif word.isascii() and word.isdigit() and len(word) <= 9 and int(word) < len(self.slot_names):
            found = int(word)
        if found in self._gone:
            raise SlotdeckError(
                f"{self.slot_names[found]} is pruned", "roll back to a checkpoint that has it"
            )
        if found is not None:
            return found
        last = len(self.slot_names) - 1
        raise UnknownSlot(
            f"no slot {text!r}{nearest(word, self.slot_names)}",
            f"give a number from 0 to {last} or a name from {self.slot_names[0]} to {self.slot_names[last]}",
        )

    # -- as people read it -------------------------------------------------------------------------------

    def describe(self) -> str:
        """The policy as one would type it."""
        return self.policy.describe()

    def describe_hold(self, slot: int, step: int | None = None) -> str:
        """`pin until 500`, or `free` when nobody holds the slot (at `step`, when given)."""
        hold = self._holds.get(slot)
        return hold.describe() if hold and (step is None or hold.in_force(step)) else "free"

    def precision_of(self, slot: int) -> str:
        """The slot's own compute type, or empty."""
        return self._precision.get(slot, "")

    # -- copies and checkpoints --------------------------------------------------------------------------

    def copy(self) -> Planner:
        """An independent one with the same settings, to try a change on."""
        other = Planner(self._profile, len(self.slot_names), self.slot_names, self._total_steps)
        other.set_window(self._window)
        other.prune_to(self._gone)
        other.load_state(self.state())
        return other

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint: policy, holds and precisions by slot name."""
        names = self.slot_names
        return {
            "policy": asdict(self.policy),
            "holds": {
                names[i]: {"kind": h.kind, "duty": h.duty, "trained": h.trained, "until": h.until}
                for i, h in self._holds.items()
            },
            "precision": {names[i]: name for i, name in self._precision.items()},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on with saved settings.

        Raises:
            SlotdeckError: a slot is held that this model does not have, or at a duty that a step cannot do;
                nothing is changed then.
        """
        holds = {self.resolve_slot(name): Hold(**hold) for name, hold in state["holds"].items()}
        for slot, hold in holds.items():
            self._check_duty(slot, hold, self._window)
        precision = {self.resolve_slot(name): value for name, value in state["precision"].items()}
        # A setting that the checkpoint is too old to know is the profile's.
        self.policy = replace(Policy.from_profile(self._profile), **state["policy"])
        self._holds, self._precision = holds, precision

    # -- inside ------------------------------------------------------------------------------------------

    def _stays(self) -> list[bool]:
        """Of the slots that are there, those the policy never drops."""
        there = self.remaining
        first_stays, last_stays = self._profile.keep_first, self._profile.keep_last
        return [(i == there[0] and first_stays) or (i == there[-1] and last_stays) for i in there]

    def _row(self, slot: int, keep: float, drawn: float, stays: bool) -> SlotPlan:
        precision = self._precision.get(slot, "")
        if hold := self._holds.get(slot):
            return SlotPlan(
                duty=hold.duty,
                trained=hold.trained,
                held=hold.kind,
                until=hold.until,
                precision=precision,
                reason=f"held: {hold.describe()}",
            )
        duty, reason = self._proposal(slot, keep, drawn, stays)
        return SlotPlan(duty=duty, precision=precision, reason=reason)

    def _proposal(self, slot: int, keep: float, drawn: float, stays: bool) -> tuple[float, str]:
        if self.policy.name == "all":
            return 1.0, "every slot works"
        if stays:
            return 1.0, "first block stays on" if slot == self.remaining[0] else "last block stays on"
        duties = possible_duties(self._window) if self.policy.grain == "sequence" else WHOLE
        duty, chance = dither(keep, drawn, duties)
        if chance == 1.0:
            return duty, f"keep {keep:.2f}"
        sign = "<" if drawn < chance else ">="
        if duties == WHOLE:
            return duty, f"drew {drawn:.2f} {sign} keep {keep:.2f}"
        return duty, f"keep {keep:.2f}: drew {drawn:.2f} {sign} {chance:.2f}"

    def _rescue(self, rows: list[SlotPlan], keep: dict[int, float], drawn: list[float]) -> None:
        """The draw left no slot on: the free one that came nearest works."""
        free = [i for i in keep if not rows[i].held]
        assert free, "holds that leave no slot on are refused when they are made"
        nearest_slot = max(free, key=lambda i: keep[i] - drawn[i])
        rows[nearest_slot] = SlotPlan(
            duty=1.0, precision=rows[nearest_slot].precision, reason="one slot must work, and it came nearest"
        )

    def _check_duty(self, slot: int, hold: Hold, sequences: int) -> None:
        possible = possible_duties(sequences)
        if hold.duty not in possible:
            raise SlotdeckError(
                f"pin {self.slot_names[slot]}: duty {hold.duty:g} is no whole number of the {sequences} "
                f"sequence{'s'[: sequences != 1]} in a step",
                f"give {_listed(possible)}, or make train.batch_size x train.accumulate a multiple of 4",
            )

    def _hold(self, slot: int, hold: Hold) -> None:
        self._check_duty(slot, hold, self._window)
        holds = {**self._holds, slot: hold}
        if len(holds) == len(self.remaining) and not any(h.duty for h in holds.values()):
            raise SlotdeckError(
                f"{hold.kind} {self.slot_names[slot]}: no slot would be left on", "release another slot first"
            )
        self._holds = holds

    def _summary(self, step: int, keep: list[float]) -> str:
        policy, held = self.policy, len(self._holds)
        mean = sum(keep) / len(keep)
        full = policy.full_step(self._total_steps)
        if policy.name == "all":
            text = "all slots on"
        elif policy.name == "random":
            text = f"random: mean keep {mean:.2f}"
            if policy.equal_work:
                text += f", the work of an anneal from {policy.mean_duty:g}"
        elif step >= full:
            text = f"anneal: all on from step {full}"
        else:
            text = f"anneal: mean keep {mean:.2f}, all on from step {full}"
        return f"{text}, {held} held" if held else text


def _listed(duties: tuple[float, ...]) -> str:
    """`0, 0.5 or 1`."""
    *most, last = [f"{duty:g}" for duty in duties]
    return f"{', '.join(most)} or {last}"
