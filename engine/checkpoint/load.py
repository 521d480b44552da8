"""Find the newest checkpoint that can be believed, and read it.

Newest first, by branch and step; every byte is held against the MANIFEST and every name, shape and dtype
against the model before anything is handed out. A damaged one is renamed to `bad-...` and reported, and the
one before it is tried. A sound one of another model is not damage: it is refused and left where it is.
When none is left the run is refused too: it never starts afresh because its past is unreadable.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from engine.checkpoint.find import age, place_of
from engine.checkpoint.manifest import (
    MODEL,
    OPTIMIZER,
    STATE,
    Damaged,
    Manifest,
    checkpoint_folders,
    read,
    verify,
)
from engine.errors import SlotdeckError
from engine.optim.rules import Part
from engine.runlog.branches import Branches, Place

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checkpoint in host memory, checked."""

    name: str
    manifest: Manifest
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    state: dict[str, Any]
    quarantined: list[tuple[str, str]]
    """Damaged ones met on the way: (name of the checkpoint, what is wrong with it)."""


def load_newest(
    root: Path,
    model: Mapping[str, Tensor],
    optimizer_shapes: Mapping[str, Part],
    slot_prefixes: Mapping[str, str] | None = None,
    branches: Branches | None = None,
) -> Loaded | None:
    """The newest sound checkpoint under `root` (the run's `checkpoints/`), or None if there never was one.

    Args:
        root: need not exist.
        model: `model.state_dict()`; only names, shapes and dtypes are looked at.
        optimizer_shapes: of `SlottedOptimizer.state_shapes()`; a checkpoint may hold fewer.
        slot_prefixes: by each slot's name, what the names of its tensors begin with: a checkpoint lacks those of
            the slots that it says are pruned.
        branches: of the run: a checkpoint that a rollback left behind is not looked at. None: any will do.

    Raises:
        SlotdeckError: there are checkpoints and none is sound, or the newest is of another model, optimizer or
            type of weights.
    """
    quarantined: list[tuple[str, str]] = []
    left: list[str] = []
    for folder, place in _newest_first(root, quarantined):
        if branches is not None and not branches.hold(place):
            left.append(folder.name)
            continue
        try:
            return load_one(folder, model, optimizer_shapes, slot_prefixes, quarantined)
        except Damaged as error:
            quarantined.append((folder.name, str(error)))
            quarantine(folder)
    if left:
        why = "".join(f"; {name}: {what}" for name, what in quarantined)
        raise SlotdeckError(
            f"{root}: no checkpoint is left on the way that the run is on{why}",
            f"begin a run at one that a rollback left behind: slotdeck fork {root.parent.name} --at {left[0]}",
        )
    if reasons := quarantined or _earlier_quarantine(root):
        raise SlotdeckError(
            f"{root}: no checkpoint is sound: " + ", ".join(f"{name} ({why})" for name, why in reasons),
            "restore one from a backup, or start a new run",
        )
    return None


def load_one(
    folder: Path,
    model: Mapping[str, Tensor],
    optimizer_shapes: Mapping[str, Part],
    slot_prefixes: Mapping[str, str] | None = None,
    quarantined: list[tuple[str, str]] | None = None,
) -> Loaded:
    """One checkpoint, every byte and name held against what it should be; arguments as for `load_newest`.

    Nothing is renamed.

    Raises:
        Damaged: it cannot be believed.
        SlotdeckError: it is sound, and of another model, optimizer or type of weights.
    """
    manifest = verify(folder)
    try:
        state = msgspec.msgpack.decode((folder / STATE).read_bytes())
        gone = [(slot_prefixes or {}).get(name, "") for name in state.get("pruned", [])]
        _check_model(folder, _without(model, gone))
        _check_optimizer(folder, _without(optimizer_shapes, gone))
        return Loaded(
            name=folder.name,
            manifest=manifest,
            model=load_file(folder / MODEL),
            optimizer=load_file(folder / OPTIMIZER),
            state=state,
            quarantined=quarantined or [],
        )
    except (SafetensorError, msgspec.DecodeError) as error:
        raise Damaged(str(error)) from None


def quarantine(folder: Path) -> Path:
    """Rename a damaged checkpoint to `bad-...`, so that it is seen, kept, and never loaded again."""
    copy, target = 1, folder.with_name(f"bad-{folder.name}")
    while target.exists():
        copy += 1
        target = folder.with_name(f"bad-{folder.name}.{copy}")
    os.rename(folder, target)
    return target


def _newest_first(root: Path, quarantined: list[tuple[str, str]]) -> list[tuple[Path, Place]]:
    """By branch, then step, then copy: after a rollback the higher step is not the newer one."""
    order: list[tuple[tuple[int, tuple[int, int]], Path, Place]] = []
    for folder in checkpoint_folders(root):
        try:
            manifest = read(folder)
            order.append((age(manifest), folder, place_of(manifest)))
        except Damaged as error:
            quarantined.append((folder.name, str(error)))
            quarantine(folder)
    return [(folder, place) for _, folder, place in sorted(order, reverse=True)]


def _earlier_quarantine(root: Path) -> list[tuple[str, str]]:
    bad = sorted(p.name for p in root.glob("bad-*")) if root.is_dir() else []
    return [(name, "found damaged before") for name in bad]


def _without(named: Mapping[str, T], prefixes: list[str]) -> dict[str, T]:
    """What is left when everything of these slots is gone."""
    gone = tuple(filter(None, prefixes))
    return {name: value for name, value in named.items() if not name.startswith(gone)}


def _check_model(folder: Path, model: Mapping[str, Tensor]) -> None:
    saved = _shapes(folder / MODEL)
    for name, tensor in model.items():
        if name not in saved:
            raise _other_model(folder, f"{name} is not in it")
        here = Part(tuple(tensor.shape), tensor.dtype)
        if saved[name].shape != here.shape:
            raise _other_model(folder, f"{name} is {saved[name]} there and {here} here")
        if saved[name] != here:
            raise SlotdeckError(
                f"{folder} was saved with another precision.weights: "
                f"{name} is {saved[name]} there and {here} here",
                "resume with the precision.weights the run began with, or start a new run",
            )
    if surplus := sorted(saved.keys() - model.keys()):
        raise _other_model(folder, f"{surplus[0]} is not in the model")


def _check_optimizer(folder: Path, shapes: Mapping[str, Part]) -> None:
    for name, there in _shapes(folder / OPTIMIZER).items():
        if name not in shapes:
            raise SlotdeckError(
                f"{folder} was saved with another optim.name: this run's optimizer keeps no {name}",
                "resume with the optim.name the run began with, or start a new run",
            )
        if there != shapes[name]:
            raise _other_model(folder, f"optimizer state {name} is {there} there and {shapes[name]} here")


def _shapes(path: Path) -> dict[str, Part]:
    """Names, shapes and dtypes from the header; no tensor is read in full."""
    with safe_open(path, framework="pt") as file:
        return {name: _shape(file.get_slice(name)) for name in file.keys()}  # noqa: SIM118


def _shape(part: Any) -> Part:
    return Part(tuple(part.get_shape()), _DTYPES[part.get_dtype()])


_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""safetensors' names of what we save."""


def _other_model(folder: Path, what: str) -> SlotdeckError:
    return SlotdeckError(
        f"{folder} was saved by another model: {what}",
        "resume with the profile the run began with, or start a new run",
    )
