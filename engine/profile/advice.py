"""Settings that work and do less, or something else, than they seem to: told at the start of a run, never refused.

Called by `engine.train` when a run begins. Like a check, each function looks at one thing; to add one, write the
function and put it in the list.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.profile.schema import Profile


def advice(profile: Profile) -> list[str]:
    """Lines for the log, each naming its keys and what to do."""
    return [line for look in LOOKS if (line := look(profile))]


def cooldown_has_every_slot(profile: Profile) -> str:
    """The rate falls while the whole model trains: what is learnt in the cooldown stays."""
    optim, slots = profile.optim, profile.slots
    if slots.policy != "anneal" or optim.schedule != "wsd":
        return ""
    starts, full = 1 - optim.cooldown, slots.full_from
    if starts >= full - 1e-9:
        return ""
    return (
        f"the cooldown begins at {starts:.0%} of the run, before every slot is on (slots.full_from = {full:g}): "
        f"set optim.cooldown={1 - full:.2g} or less"
    )


def steps_can_do_quarters(profile: Profile) -> str:
    """Duties are counted in whole sequences of a step."""
    slots, sequences = profile.slots, profile.train.batch_size * profile.train.accumulate
    if slots.policy == "all" or slots.grain != "sequence" or sequences % 4 == 0:
        return ""
    able = "0, 1/2 and 1" if sequences % 2 == 0 else "0 and 1"
    return (
        f"a step of {sequences} sequence{'s'[: sequences != 1]} can only do the duties {able}: "
        "for quarters make train.batch_size x train.accumulate a multiple of 4"
    )


def enough_slots_are_free(profile: Profile) -> str:
    """The first and the last block stay on, so a shallow model cannot leave out much."""
    slots, depth = profile.slots, profile.model.n_layer
    stay = min(depth, slots.keep_first + slots.keep_last)
    if slots.policy == "all" or slots.mean_duty >= stay / depth:
        return ""
    return (
        f"slots.mean_duty = {slots.mean_duty:g} is beyond reach: {stay} of {depth} blocks stay on, so it is "
        f"{stay / depth:.2g} at least; see slots.keep_first and slots.keep_last"
    )


def scale_has_shares(profile: Profile) -> str:
    """A slot that takes all sequences or none has no share to scale by."""
    slots = profile.slots
    if slots.scale == "none" or slots.policy == "all" or slots.grain == "sequence":
        return ""
    return "slots.scale = inverse counts for pins alone with slots.grain = slot: set slots.grain=sequence"


def equal_work_is_randoms(profile: Profile) -> str:
    """The other policies have no control to be."""
    slots = profile.slots
    if not slots.equal_work or slots.policy == "random":
        return ""
    return f"slots.equal_work counts with slots.policy = random alone, not with {slots.policy}"


LOOKS: list[Callable[[Profile], str]] = [
    cooldown_has_every_slot,
    steps_can_do_quarters,
    enough_slots_are_free,
    scale_has_shares,
    equal_work_is_randoms,
]
