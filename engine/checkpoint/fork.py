"""Fork: a new run folder that begins at a checkpoint of another run, with some settings changed.

    profile.toml                     the parent's, changed
    parent.json                      where it comes from
    checkpoints/step-00000500/       the parent's files, by hard link where the disk allows it; held

Everything is judged first: a refusal has written nothing. The parent is not changed, live or ended, and may delete
its checkpoint afterwards. Called by the engine for the verb and by `slotdeck fork`; free of torch.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.checkpoint.manifest import HELD, NAME, STATE, Damaged, verify
from engine.data.shards import Shards
from engine.errors import SlotdeckError
from engine.profile.checks import check
from engine.profile.load import load_profile
from engine.profile.schema import Profile
from engine.profile.write import to_toml
from engine.runlog.catalog import create_run
from engine.runlog.parent import FORK, Parent, read_parent, write_parent
from engine.runlog.run_folder import CHECKPOINTS, LOG, PROFILE
from engine.small_file import put_on_disk
from engine.text import one_line

FOR_FORK = b"where the run begins"
"""What its hold says: so it is no job's, though the checkpoint may have been made for one."""
_FREE_OF_MODEL = {"dropout", "init_from"}
"""Settings of [model] that no tensor depends on."""


def make_fork(
    run_dir: Path, name: str, sets: Sequence[str], now_s: float, token: str, asked_by: str = ""
) -> Path:
    """Make the folder beside `run_dir` and return it.

    Args:
        run_dir: the parent.
        name: of one of its checkpoints.
        sets: `key=value` words, as in `--set`.
        now_s: Unix time, for the name.
        token: four hex digits, for the name.
        asked_by: of the command, see `Parent`.

    Raises:
        SlotdeckError: a setting is wrong or cannot change with this checkpoint, it is damaged, or the disk does
            not allow it. Nothing is left behind.
    """
    profile = forked_profile(run_dir, name, sets)
    parent = Parent(kind=FORK, run=run_dir.resolve().name, checkpoint=name, asked_by=asked_by)
    return begin_at(run_dir, name, profile, parent, now_s, token)


def begin_at(run_dir: Path, name: str, profile: Profile, parent: Parent, now_s: float, token: str) -> Path:
    """The new run's folder, its first checkpoint shared with `run_dir`'s. Arguments and errors as for `make_fork`."""
    made = create_run(run_dir.resolve().parent, profile.name, to_toml(profile), now_s, token)
    try:
        write_parent(made, parent)
        share_checkpoint(run_dir / CHECKPOINTS / name, made / CHECKPOINTS)
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True)
        raise SlotdeckError(
            f"{made} cannot be made: {error.strerror}",
            "free some space, or ask again: the checkpoint may be gone",
        ) from None
    return made


def is_whole(made: Path) -> bool:
    """Whether a fork can begin, or has begun. False: an engine was killed while it made it."""
    parent = read_parent(made)
    assert parent is not None, f"{made} is a fork"
    return (made / CHECKPOINTS / parent.checkpoint / NAME).exists() or any((made / LOG).iterdir())


def forked_profile(run_dir: Path, name: str, sets: Sequence[str]) -> Profile:
    """The changed profile, found able to go on from the checkpoint, whose every byte is checked.

    Raises:
        SlotdeckError: one line, naming the key or the file.
    """
    folder, profile = run_dir / CHECKPOINTS / name, changed_profile(run_dir, name, sets)
    try:
        manifest = verify(folder)
        state = msgspec.msgpack.decode((folder / STATE).read_bytes())
    except (Damaged, msgspec.DecodeError, OSError) as error:
        raise SlotdeckError(
            f"{name} is damaged: {one_line(str(error), 300)}", "name another checkpoint"
        ) from None
    if manifest.step >= profile.train.steps:
        raise SlotdeckError(
            f"{name} has {manifest.step} steps done, and train.steps is {profile.train.steps}",
            f"set train.steps above {manifest.step}",
        )
    if profile.data.dir != load_profile(run_dir / PROFILE).data.dir:
        _refuse_other_data(profile, name, state)
    return profile


def changed_profile(run_dir: Path, name: str, sets: Sequence[str]) -> Profile:
    """The run's profile with settings changed, as far as it can be judged without the checkpoint `name`.

    Raises:
        SlotdeckError: one line, naming the key.
    """
    path = run_dir / PROFILE
    before, profile = load_profile(path), load_profile(path, sets)
    check(profile, begun=True)
    _refuse_other_shapes(before, profile, name)
    return profile


def share_checkpoint(source: Path, checkpoints: Path) -> None:
    """The same checkpoint under another run, whole or not at all, and held. Raises OSError."""
    temporary = checkpoints / f".tmp-{source.name}-{os.getpid()}"
    temporary.mkdir(mode=0o700)
    for name in sorted(p.name for p in source.iterdir() if p.name != HELD):
        _share(source / name, temporary / name)
    assert (temporary / NAME).exists(), f"{source} was verified, and has a {NAME}"
    mark = temporary / HELD
    mark.touch(0o600)
    mark.write_bytes(FOR_FORK)
    put_on_disk(temporary)
    os.rename(temporary, checkpoints / source.name)
    put_on_disk(checkpoints)


def _share(source: Path, target: Path) -> None:
    """A hard link, or a copy where the disk has none."""
    try:
        os.link(source, target)
        return
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)
    target.chmod(0o600)
    put_on_disk(target)


def _refuse_other_shapes(before: Profile, profile: Profile, name: str) -> None:
    """What the tensors of a checkpoint hang on cannot change with it."""
    reasons = {
        **{
            f"model.{key}": "its weights are of that model"
            for key in before.model.__struct_fields__
            if key not in _FREE_OF_MODEL
        },
        "optim.name": "its states are of that rule",
        "precision.weights": "its weights are of that type",
        "data.seq_len": "its place in the data counts such sequences",
    }
    for dotted, reason in reasons.items():
        old, new = _value(before, dotted), _value(profile, dotted)
        if old != new:
            raise SlotdeckError(
                f"{dotted} is {old} in {name} and cannot be {new}: {reason}",
                f"leave {dotted} as it is, or begin anew: slotdeck train PROFILE --set {dotted}={new}",
            )


def _refuse_other_data(profile: Profile, name: str, state: dict[str, Any]) -> None:
    shards = Shards.open(profile.data.dir, "train")
    if shards.num_tokens != state["loader"]["num_tokens"] or shards.vocab_hash != state["vocab_hash"]:
        raise SlotdeckError(
            f"data.dir {one_line(profile.data.dir, 200)} is not the data that {name} was trained on, and its place"
            " in the data means nothing there",
            "leave data.dir as it is, or begin anew with model.init_from",
        )


def _value(profile: Profile, dotted: str) -> Any:
    table, _, key = dotted.partition(".")
    return getattr(getattr(profile, table), key)
