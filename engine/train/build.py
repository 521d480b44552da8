"""From a run folder to a `Run`: every part built and checked before the log is touched.

What can be wrong with a profile, the data, the device or the checkpoints is found here, while refusing still
costs nothing: a run that cannot start leaves no trace in its log.
"""

from __future__ import annotations

import os
import platform
import random
import socket
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import psutil
import torch

from engine.checkpoint.manifest import checkpoint_folders
from engine.data.loader import Loader, ValidationSet
from engine.data.prefetch import PrefetchingLoader
from engine.data.shards import Shards
from engine.errors import SlotdeckError
from engine.models import toolchain
from engine.models.build import build_model
from engine.models.layers import narrow_matrices
from engine.models.slotted import SlottedModel
from engine.optim.slotted import SlottedOptimizer
from engine.precision.device import choose_device
from engine.precision.fp8 import Trial, try_matmuls
from engine.precision.policy import resolve
from engine.precision.scaling import LossScaling
from engine.profile.checks import check
from engine.profile.derive import padded_vocab, train_seq_len
from engine.profile.forecast import forecast
from engine.profile.load import load_profile
from engine.profile.schema import Profile
from engine.protocol.events import Machine, ModelInfo, SlotInfo
from engine.runlog.run_folder import CHECKPOINTS, PROFILE
from engine.slots.planner import Planner
from engine.tokenizer import bpe
from engine.tokenizer.bpe import Tokenizer
from engine.train.fitting import compiling
from engine.train.origin import begin_with
from engine.units import format_bytes


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run is made of, before it has a log or a past."""

    profile: Profile
    device: torch.device
    precision: str
    precision_reason: str
    model: SlottedModel
    optimizer: SlottedOptimizer
    scaling: LossScaling
    loader: Loader
    validation: ValidationSet
    planner: Planner
    tokenizer: Tokenizer | None
    shards: Shards
    """The training split: what the model's ids mean."""
    origin: str
    """What the weights were begun with, as a line for the log; empty: drawn, or a checkpoint's."""


def profile_path(run_dir: Path) -> Path:
    """The profile of a run.

    Raises:
        SlotdeckError: there is none, so this is no run folder.
    """
    path = run_dir / PROFILE
    if not path.is_file():
        raise SlotdeckError(
            f"{run_dir} is not a run folder: it has no {PROFILE}", "give one from `slotdeck runs`"
        )
    return path


def build_parts(run_dir: Path) -> Parts:
    """Build what the profile in the run folder asks for, freshly initialised.

    Raises:
        SlotdeckError: the profile, the data or the machine does not allow it.
    """
    profile = load_profile(profile_path(run_dir))
    check(profile, begun=bool(checkpoint_folders(run_dir / CHECKPOINTS)))
    device = choose_device(profile.train.device)
    if profile.train.deterministic:
        _be_deterministic()
    precision, reason = resolve(profile.precision.compute, device, lambda: _fp8_trial(profile, device))
    if precision == "fp16" and profile.train.lean:
        raise SlotdeckError(
            f"train.lean needs bf16 or fp32, and this run computes in fp16: {reason}", "set train.lean=false"
        )
    train, val = Shards.open(profile.data.dir, "train"), Shards.open(profile.data.dir, "val")
    if val.vocab_hash != train.vocab_hash:
        raise SlotdeckError(
            f"{profile.data.dir}: train and val shards have different vocabularies", "prepare again"
        )
    vocab_size = max(train.vocab_size, val.vocab_size)
    model_vocab = profile.model.vocab_size or padded_vocab(vocab_size)
    for shards in (train, val):
        shards.check_vocab(model_vocab)
    _check_fits(profile, vocab_size, device)
    seq_len, batch_size = train_seq_len(profile), profile.train.batch_size
    seed = profile.train.seed
    if device.type == "cuda":
        loader: Loader = PrefetchingLoader(
            train, seq_len, batch_size, seed, vocab_size=model_vocab, device=device
        )
    else:
        loader = Loader(train, seq_len, batch_size, seed, vocab_size=model_vocab)
    wish = profile.evaluate
    validation = ValidationSet(
        val, seq_len, wish.tokens, wish.batch_size or batch_size, vocab_size=model_vocab
    )
    seed_everything(profile.train.seed)
    model = build_model(profile.model, vocab_size, profile.train.head_chunk)
    model.init_weights(torch.Generator().manual_seed(profile.train.seed))
    origin = begin_with(model, profile.model.init_from, run_dir, train)
    if profile.precision.weights == "bf16":
        for slot in model.slots():
            narrow_matrices(slot)
    model.to(device)
    names = model.slot_names
    planner = Planner(profile.slots, len(names), names, profile.train.steps)
    planner.set_window(batch_size * profile.train.accumulate)
    return Parts(
        profile=profile,
        device=device,
        precision=precision,
        precision_reason=reason,
        model=model,
        optimizer=SlottedOptimizer(model, profile.optim, profile.train.seed),
        scaling=LossScaling(device),
        loader=loader,
        validation=validation,
        planner=planner,
        tokenizer=_tokenizer(Path(profile.data.dir), train),
        shards=train,
        origin=origin,
    )


def seed_everything(seed: int) -> None:
    """The global generators, which dropout draws from; the data, the plans and the samples have their own."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


def _be_deterministic() -> None:
    """Before the first matmul: cuBLAS reads its setting when torch first calls it."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)


def describe_model(model: SlottedModel) -> tuple[ModelInfo, list[SlotInfo]]:
    """The model and its slot table, as `RunStarted` tells them."""
    slots = [
        SlotInfo(name=name, params=sum(p.numel() for p in slot.parameters()))
        for name, slot in zip(model.slot_names, model.slots(), strict=True)
    ]
    stem = sum(p.numel() for p in model.stem_parameters())
    info = ModelInfo(
        family=model.family,
        params=stem + sum(slot.params for slot in slots),
        stem_params=stem,
        seq_len=model.seq_len,
        vocab_size=model.vocab_size,
    )
    return info, slots


def describe_machine(device: torch.device) -> Machine:
    """Where it runs, as `RunStarted` tells it."""
    return Machine(
        host=socket.gethostname(),
        device=device.type,
        device_name=torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
        num_threads=torch.get_num_threads(),
        torch=str(torch.__version__),
        python=platform.python_version(),
        slotdeck=program_version(),
        platform=f"{platform.system()} {platform.release()}",
    )


def program_version() -> str:
    """Of slotdeck as it is installed."""
    try:
        return version("slotdeck")
    except PackageNotFoundError:
        return "from source"


def _check_fits(profile: Profile, vocab_size: int, device: torch.device) -> None:
    """Refuse a model that cannot be in the device's memory at all, before the attempt takes the machine down."""
    need, have = forecast(profile, vocab_size).least, _memory_bytes(device)
    if need > have:
        what = "weights, gradients and optimizer states alone, before any activation"
        raise SlotdeckError(
            f"this model needs {format_bytes(need)} for {what}; {device.type} has {format_bytes(have)} here",
            "lower model.n_layer or model.n_embd, set train.lean=true or optim.name=adamw8bit, or take more memory",
        )


def _fp8_trial(profile: Profile, device: torch.device) -> Trial:
    """fp8 against bf16 at the run's width, as its blocks will be run."""
    tokens = profile.train.batch_size * train_seq_len(profile)
    compiled = compiling.wanted(profile.train.compile, device.type) and not toolchain.missing(device.type)
    return try_matmuls(profile.model.n_embd, tokens, device, compiled)


def _memory_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory())
    return int(psutil.virtual_memory().total + psutil.swap_memory().total)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _tokenizer(data_dir: Path, shards: Shards) -> Tokenizer | None:
    """The one the data was prepared with; headerless shards may lie without one."""
    path = data_dir / "tokenizer.json"
    if not path.is_file():
        return None
    tokenizer = bpe.load(path)
    if shards.vocab_hash and tokenizer.vocab_hash != shards.vocab_hash:
        raise SlotdeckError(
            f"{path} is not the tokenizer that the shards beside it were made with",
            "copy the right tokenizer.json there, or prepare the data again",
        )
    return tokenizer
