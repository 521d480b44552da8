"""`slotdeck export`: a checkpoint as a folder of GPT-2 weights in the Hugging Face layout.

    config.json  model.safetensors  slotdeck.json       always; the last says how the folder was made
    tokenizer.json  tokenizer_config.json  generation_config.json    when the data has a tokenizer

Written beside its place, put on the disk and renamed, so it is there whole or not at all. It reads a run and
never changes one; a live engine may train on meanwhile.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from engine.checkpoint.manifest import MODEL, seal
from engine.data import meta
from engine.data.staging import staged, write_file
from engine.errors import SlotdeckError, nearest
from engine.models import hf_config
from engine.models.hf import hf_tensors
from engine.models.hf_folder import SINGLE
from engine.shrink.choose import NEWEST, Chosen, choose
from engine.small_file import put_on_disk
from engine.text import one_line
from engine.tokenizer import bpe
from engine.tokenizer.bpe import Tokenizer

SIDECAR = "slotdeck.json"
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    folder: Path
    checkpoint: str
    step: int
    n_layer: int
    num_params: int
    """Tied ones once, padding left out."""
    total_bytes: int
    notes: list[str]


def export(
    run_dir: Path,
    target: Path,
    *,
    checkpoint: str = NEWEST,
    dtype: str = "fp32",
    overwrite: bool = False,
    version: str,
    now_s: float,
    told: Callable[[int, int, str], None] = lambda *_: None,
) -> Exported:
    """Write the folder.

    Args:
        run_dir: the run, ended or live.
        target: the folder to make.
        checkpoint: as for `engine.shrink.choose.choose`.
        dtype: a key of `DTYPES`; fp32 is exact.
        overwrite: an earlier export in `target` may be replaced; nothing else ever is.
        version: of this program, for the sidecar.
        now_s: Unix time, for the sidecar.
        told: called with the parts done and in all, and the one that begins.

    Raises:
        SlotdeckError: the checkpoint, the place or the disk does not allow it; nothing is left behind.
    """
    if dtype not in DTYPES:
        names = list(DTYPES)
        raise SlotdeckError(
            f"--dtype {dtype!r} is no choice{nearest(dtype, names)}", f"use {' or '.join(names)}"
        )
    check_free(target, overwrite)
    told(0, 3, "reading the checkpoint")
    chosen = choose(run_dir, checkpoint)
    tokenizer, notes = _tokenizer(chosen)
    tensors = hf_tensors(chosen.model, DTYPES[dtype])
    try:
        with staged(target, option="--to") as folder:
            told(1, 3, "writing the weights")
            save_tensors(folder / SINGLE, tensors)
            told(2, 3, "checking what was written")
            for name, content in _texts(chosen, tokenizer, DTYPES[dtype]).items():
                write_file(folder / name, content)
            seals = {path.name: seal(path) for path in sorted(folder.iterdir())}
            story = {
                "made_by": f"slotdeck {version}",
                "made_wall_s": now_s,
                "run": run_dir.resolve().name,
                "profile": chosen.profile.name,
                "checkpoint": chosen.manifest.name,
                "step": chosen.manifest.step,
                "branch": chosen.manifest.branch,
                "val_loss": chosen.manifest.val_loss,
                "source_sha256": chosen.manifest.files[MODEL].sha256,
                "dtype": dtype,
                "gates_folded": chosen.profile.model.gates,
                "pruned": [chosen.model.slot_names[i] for i in chosen.model.pruned],
                "vocab_hash": chosen.vocab_hash,
                "files": seals,
            }
            write_file(folder / SIDECAR, pretty(story))
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or one_line(str(error), 200)
        full = getattr(error, "errno", None) == errno.ENOSPC
        remedy = "free some space" if full else "choose another --to, or free some space"
        raise SlotdeckError(f"{target} cannot be written: {why}", f"{remedy}; nothing was kept") from None
    return Exported(
        folder=target,
        checkpoint=chosen.manifest.name,
        step=chosen.manifest.step,
        n_layer=len(chosen.model.remaining),
        num_params=sum(tensor.numel() for tensor in tensors.values()),
        total_bytes=sum(sealed.bytes for sealed in seals.values()),
        notes=notes,
    )


def check_free(target: Path, overwrite: bool) -> None:
    """Refuse a target that is neither absent, nor empty, nor an earlier export that may be replaced."""
    if not target.exists():
        return
    if not target.is_dir():
        raise SlotdeckError(f"{target} is a file", "name a folder with --to")
    if not any(target.iterdir()):
        return
    if not (target / SIDECAR).is_file():
        raise SlotdeckError(f"{target} holds something else than an export", "choose another --to")
    if not overwrite:
        raise SlotdeckError(
            f"{target} holds an export", "choose another --to, or replace it with --overwrite"
        )


def _tokenizer(chosen: Chosen) -> tuple[Tokenizer | None, list[str]]:
    """The data's, if it is still what the model was trained with, and what is to be said about it."""
    path = Path(chosen.profile.data.dir) / meta.TOKENIZER_NAME
    if not path.is_file():
        return None, [f"no tokenizer is written: there is no {path}"]
    tokenizer = bpe.load(path)
    if chosen.vocab_hash not in ("", tokenizer.vocab_hash):
        return None, [f"no tokenizer is written: {path} is not the one that the model was trained with"]
    return tokenizer, []


def _texts(chosen: Chosen, tokenizer: Tokenizer | None, dtype: torch.dtype) -> dict[str, bytes]:
    """Every file but the tensors and the sidecar, by name."""
    model = chosen.model
    eot_id = tokenizer.eot_id if tokenizer else None
    files = {
        hf_config.NAME: hf_config.to_json(
            n_layer=len(model.remaining),
            n_head=chosen.profile.model.n_head,
            n_embd=chosen.profile.model.n_embd,
            n_positions=model.seq_len,
            vocab_size=model.vocab_size,
            eot_id=eot_id,
            dtype=str(dtype).removeprefix("torch."),
        )
    }
    if tokenizer:
        token = tokenizer.eot_token
        files[meta.TOKENIZER_NAME] = tokenizer.to_json().encode()
        files["tokenizer_config.json"] = pretty(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "model_max_length": model.seq_len,
                "bos_token": token,
                "eos_token": token,
                "unk_token": token,
            }
        )
        files["generation_config.json"] = pretty({"bos_token_id": eot_id, "eos_token_id": eot_id})
    return files


def save_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Into a new safetensors file, put on the disk."""
    save_file(tensors, path, metadata={"format": "pt"})
    put_on_disk(path)


def pretty(content: dict[str, Any]) -> bytes:
    """JSON for people."""
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
