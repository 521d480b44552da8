"""Settings that cannot go together, one small function each.

`check` is called by `slotdeck train` before a run folder exists and by the engine before it builds anything.
A check says what is wrong and returns it; it never changes a profile. To add one, write the function and put
it in the list.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.errors import SlotdeckError
from engine.profile.derive import train_seq_len
from engine.profile.schema import Profile, Section
from engine.text import one_line

Problem = SlotdeckError | None
_SEEDS = {"seed"}
_LARGEST_SIZE = 2**31 - 1


def check(profile: Profile, *, data: bool = True, begun: bool = False) -> None:
    """Refuse a profile that cannot train.

    Args:
        profile: loaded, so its keys and types are right.
        data: also look whether the data folder is there and prepared. What is in its files is judged by
            `engine.data` when it opens them.
        begun: the run has a past of its own, so what it began with need not be there any more.

    Raises:
        SlotdeckError: the first problem, with how many more there are.
    """
    found = problems(profile, data=data, begun=begun)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise SlotdeckError(f"profile {one_line(profile.name)}: {found[0].message}{more}", found[0].remedy)


def problems(profile: Profile, *, data: bool = True, begun: bool = False) -> list[SlotdeckError]:
    """Everything wrong, in the order of the lists below."""
    checks = [*SETTINGS, *(DATA if data else []), *(BEGINNING if data and not begun else [])]
    return [problem for judge in checks if (problem := judge(profile)) is not None]


def name_is_plain(profile: Profile) -> Problem:
    """The name becomes part of a folder's."""
    if re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,46}[a-z0-9])?", profile.name):
        return None
    return SlotdeckError(
        f"name = {one_line(profile.name)!r} cannot name a run folder",
        "use up to 48 lower-case letters, digits, dots and dashes, a letter or digit at both ends",
    )


def about_is_one_line(profile: Profile) -> Problem:
    """It stands in a list."""
    if len(profile.about) <= 200 and "\n" not in profile.about:
        return None
    return SlotdeckError("about is longer than a line", "keep it below 200 characters")


def sizes_are_sane(profile: Profile) -> Problem:
    """No count above 2**31 - 1: it would overflow an index long before it trains."""
    for table in profile.__struct_fields__:
        section = getattr(profile, table)
        if not isinstance(section, Section):
            continue
        for key, value in msgspec.structs.asdict(section).items():
            if isinstance(value, int) and value > _LARGEST_SIZE and key not in _SEEDS:
                return SlotdeckError(
                    f"{table}.{key} = {value} is too large", f"stay below {_LARGEST_SIZE + 1:,}"
                )
    return None


def heads_divide_width(profile: Profile) -> Problem:
    """Every head gets the same share of the width."""
    model = profile.model
    if model.n_embd % model.n_head == 0:
        return None
    fits = [heads for heads in range(1, model.n_embd + 1) if model.n_embd % heads == 0]
    near = min(fits, key=lambda heads: (abs(heads - model.n_head), heads))
    return SlotdeckError(
        f"model.n_head = {model.n_head} does not divide model.n_embd = {model.n_embd}",
        f"set model.n_head={near}, or an n_embd that is a multiple of {model.n_head}",
    )


def sequence_fits_model(profile: Profile) -> Problem:
    """There is a learned position for every token."""
    if profile.data.seq_len <= profile.model.seq_len:
        return None
    return SlotdeckError(
        f"data.seq_len = {profile.data.seq_len} is beyond model.seq_len = {profile.model.seq_len}",
        f"set data.seq_len={profile.model.seq_len} or less, or raise model.seq_len",
    )


def fp16_has_a_gpu(profile: Profile) -> Problem:
    """fp16 matmuls on a CPU are slower than fp32 and overflow."""
    if profile.precision.compute != "fp16" or profile.train.device != "cpu":
        return None
    return SlotdeckError(
        "precision.compute = fp16 with train.device = cpu", "set precision.compute=fp32 or bf16, or use a GPU"
    )


def lean_takes_a_step_whole(profile: Profile) -> Problem:
    """Gradients are used and freed inside backward: there is nothing to gather several micro-batches in."""
    train = profile.train
    if not train.lean:
        return None
    if train.accumulate > 1:
        return SlotdeckError(
            f"train.lean with train.accumulate = {train.accumulate}: lean mode cannot gather gradients",
            f"set train.accumulate=1 and train.batch_size={train.batch_size * train.accumulate} (or less), or"
            " train.lean=false",
        )
    if train.batch == "auto":
        return SlotdeckError(
            "train.lean with train.batch = auto: a lean step is one micro-batch, so there is nothing to choose",
            "set train.batch=given, or train.lean=false",
        )
    return None


def lean_needs_no_loss_scaling(profile: Profile) -> Problem:
    """fp16 gradients are unscaled after backward, and in lean mode they are gone by then."""
    if not profile.train.lean or profile.precision.compute != "fp16":
        return None
    return SlotdeckError(
        "train.lean with precision.compute = fp16: the gradients are used before they could be unscaled",
        "set precision.compute=bf16 or fp32, or train.lean=false",
    )


def gate_l1_has_gates(profile: Profile) -> Problem:
    """There is something for the term to pull at."""
    if not profile.optim.gate_l1 or profile.model.gates:
        return None
    return SlotdeckError(
        f"optim.gate_l1 = {profile.optim.gate_l1:g}, and the model has no gates",
        "set model.gates=true, or optim.gate_l1=0",
    )


def cooldown_follows_the_warmup(profile: Profile) -> Problem:
    """Warm-up and cooldown are two stretches of the run."""
    optim, steps = profile.optim, profile.train.steps
    if optim.schedule != "wsd" or optim.warmup_steps + optim.cooldown * steps <= steps:
        return None
    return SlotdeckError(
        f"optim.warmup_steps = {optim.warmup_steps} and optim.cooldown = {optim.cooldown:g} overlap in"
        f" {steps} steps",
        f"set optim.cooldown={1 - optim.warmup_steps / steps:.2g} or less, or a shorter warm-up",
    )


def warmup_ends_in_time(profile: Profile) -> Problem:
    """The peak learning rate is reached."""
    warmup, steps = profile.optim.warmup_steps, profile.train.steps
    if warmup <= steps:
        return None
    return SlotdeckError(
        f"optim.warmup_steps = {warmup} is beyond train.steps = {steps}",
        f"set optim.warmup_steps={max(1, steps // 10)}, or train.steps above {warmup}",
    )


def learning_rate_falls(profile: Profile) -> Problem:
    """A cosine goes down, and so does a cooldown."""
    optim = profile.optim
    if optim.schedule == "constant" or optim.min_lr <= optim.lr:
        return None
    return SlotdeckError(
        f"optim.min_lr = {optim.min_lr:g} is above optim.lr = {optim.lr:g}",
        f"set optim.min_lr={optim.lr / 10:g}",
    )


def spikes_have_something_to_be_held_against(profile: Profile) -> Problem:
    """A median of a few is no measure, and one of many thousands is sorted again and again."""
    window = profile.guard.spike_window
    if 8 <= window <= 8192:
        return None
    return SlotdeckError(
        f"guard.spike_window = {window} steps", "give 8 to 8192, or guard.spike_sigma=0 to judge no spikes"
    )


def data_may_take_its_time(profile: Profile) -> Problem:
    """Reading a batch always takes something."""
    if profile.guard.stalled_data_share > 0:
        return None
    return SlotdeckError(
        "guard.stalled_data_share = 0 would be an alarm for ever", "set it above 0; 1 is never an alarm"
    )


def pausing_looks_at_twenty_steps(profile: Profile) -> Problem:
    """More of them than there are never happen."""
    if profile.guard.pause_after <= 20:
        return None
    return SlotdeckError(
        f"guard.pause_after = {profile.guard.pause_after} of the last 20 steps",
        "give 1 to 20, or 0 for never",
    )


def a_slot_is_left_on(profile: Profile) -> Problem:
    """There is a block to train."""
    slots = profile.slots
    if slots.policy == "all" or slots.mean_duty > 0 or slots.keep_first or slots.keep_last:
        return None
    return SlotdeckError(
        "slots.mean_duty = 0 leaves no slot on",
        "raise it, or set slots.keep_first=true or slots.keep_last=true",
    )


def validation_has_a_sequence(profile: Profile) -> Problem:
    """At least one whole sequence is evaluated."""
    length = train_seq_len(profile)
    if profile.evaluate.tokens >= length:
        return None
    return SlotdeckError(
        f"evaluate.tokens = {profile.evaluate.tokens} is less than one sequence of {length}",
        f"set evaluate.tokens={length} or more",
    )


def data_folder_is_named(profile: Profile) -> Problem:
    """There is something to train on."""
    if profile.data.dir:
        return None
    return SlotdeckError(
        "data.dir is not set",
        "prepare a folder with `slotdeck prepare INPUT --out DIR` and add --set data.dir=DIR",
    )


def data_folder_is_prepared(profile: Profile) -> Problem:
    """The folder has shards of both splits."""
    if not profile.data.dir:
        return None
    folder = Path(profile.data.dir)
    shown = one_line(profile.data.dir)
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        return SlotdeckError(f"data.dir {shown} {what}", "make it with `slotdeck prepare INPUT --out DIR`")
    for split in ("train", "val"):
        if not any(folder.glob(f"{split}*.bin")):
            return SlotdeckError(
                f"data.dir {shown} has no {split}*.bin", "prepare it with `slotdeck prepare INPUT --out DIR`"
            )
    return None


def weights_folder_is_there(profile: Profile) -> Problem:
    """What the model begins with can be read; whether it fits is judged by `engine.models.hf`."""
    if not profile.model.init_from:
        return None
    folder, shown = Path(profile.model.init_from), one_line(profile.model.init_from)
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        return SlotdeckError(f"model.init_from {shown} {what}", "name a folder that holds model.safetensors")
    return None


SETTINGS: list[Callable[[Profile], Problem]] = [
    name_is_plain,
    about_is_one_line,
    sizes_are_sane,
    heads_divide_width,
    sequence_fits_model,
    fp16_has_a_gpu,
    lean_takes_a_step_whole,
    lean_needs_no_loss_scaling,
    gate_l1_has_gates,
    warmup_ends_in_time,
    cooldown_follows_the_warmup,
    learning_rate_falls,
    a_slot_is_left_on,
    spikes_have_something_to_be_held_against,
    pausing_looks_at_twenty_steps,
    data_may_take_its_time,
    validation_has_a_sequence,
]
DATA: list[Callable[[Profile], Problem]] = [
    data_folder_is_named,
    data_folder_is_prepared,
]
BEGINNING: list[Callable[[Profile], Problem]] = [weights_folder_is_there]
