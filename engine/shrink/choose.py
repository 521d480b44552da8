"""Which checkpoint of a run is meant, and its model in host memory.

Called by what works on a finished or a live run from outside. Nothing is renamed or changed: a live engine may be
at work in the same folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from engine.checkpoint.find import BEST, find
from engine.checkpoint.manifest import MODEL, STATE, Damaged, Manifest, checkpoint_folders, read, verify
from engine.control.journal import Journal
from engine.errors import SlotdeckError
from engine.models.build import build_model
from engine.models.decoder import Decoder
from engine.profile.load import load_profile
from engine.profile.schema import Profile
from engine.protocol.codec import decode
from engine.protocol.events import RunStarted
from engine.runlog.index import History
from engine.runlog.run_folder import CHECKPOINTS, PROFILE
from engine.text import one_line

NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A checkpoint's model, checked."""

    manifest: Manifest
    profile: Profile
    model: Decoder
    """On the CPU, every parameter fp32; without the blocks that the checkpoint's run had pruned."""
    vocab_hash: str
    """Of the data it was trained on; empty where the data does not name it."""


def choose(run_dir: Path, checkpoint: str = NEWEST) -> Chosen:
    """Load the model of a checkpoint.

    Args:
        run_dir: the run.
        checkpoint: a folder's name, a step, `newest` on the way that the run is on, or `best` by validation loss.

    Raises:
        SlotdeckError: there is no such checkpoint, it is damaged, or it does not fit the run's profile.
    """
    folder = _folder(run_dir, checkpoint)
    try:
        manifest = verify(folder)
        tensors = load_file(folder / MODEL)
        state: dict[str, Any] = msgspec.msgpack.decode((folder / STATE).read_bytes())
    except (Damaged, SafetensorError, msgspec.DecodeError, OSError) as error:
        raise SlotdeckError(
            f"{folder} cannot be used: {one_line(str(error), 300)}", "name another with --checkpoint"
        ) from None
    profile = load_profile(run_dir / PROFILE)
    gone: list[str] = state.get("pruned", [])
    return Chosen(manifest, profile, _model(run_dir, profile, tensors, gone, folder), state["vocab_hash"])


def _folder(run_dir: Path, checkpoint: str) -> Path:
    root = run_dir / CHECKPOINTS
    folders = checkpoint_folders(root)
    if not folders:
        raise SlotdeckError(
            f"{root} holds no checkpoint yet",
            "save one with `slotdeck send RUN checkpoint`, or let it train on",
        )
    if checkpoint in (NEWEST, BEST):
        for folder in folders:
            _check_seal(folder)
    try:
        wanted = "" if checkpoint == NEWEST else checkpoint
        return root / find(root, wanted, Journal.read(run_dir).branches)
    except SlotdeckError as error:
        raise SlotdeckError(f"{root}: {error.message}", error.remedy) from None


def _check_seal(folder: Path) -> None:
    """Whoever names none must not be given another one in a damaged one's place without a word."""
    try:
        read(folder)
    except Damaged as error:
        raise SlotdeckError(f"{folder} cannot be used: {error}", "name another with --checkpoint") from None


def _model(
    run_dir: Path, profile: Profile, tensors: dict[str, Tensor], gone: list[str], folder: Path
) -> Decoder:
    """The profile's model over the vocabulary that the log tells, with the checkpoint's tensors."""
    model = build_model(profile.model, _vocab_size(run_dir))
    assert isinstance(model, Decoder), "the profile knows no other family"
    model.prune_to([i for i, name in enumerate(model.slot_names) if name in gone])
    wanted = {name: tuple(p.shape) for name, p in model.state_dict().items()}
    there = {name: tuple(t.shape) for name, t in tensors.items()}
    if odd := sorted(name for name in wanted | there if wanted.get(name) != there.get(name)):
        raise SlotdeckError(
            f"{folder} is not the model of {run_dir / 'profile.toml'}: {', '.join(odd[:3])} differ",
            "restore the run's profile.toml; the log holds it too",
        )
    model.load_state_dict(tensors, assign=True)
    return model.to(torch.float32).eval()


def _vocab_size(run_dir: Path) -> int:
    """Ids that mean something: what lies above them in the table is padding."""
    entry = History(run_dir, raw_reports=0).latest.get(RunStarted.KIND)
    started = decode(entry.kind, entry.payload) if entry else None
    if not isinstance(started, RunStarted):
        raise SlotdeckError(f"{run_dir}: the log does not tell of a start", "name another run")
    return started.model.vocab_size
