"""`slotdeck bench elastic`: find the checkpoints, measure their curves, print and keep them.

All that can be refused is refused before the first batch: names, folders, data, vocabulary, numbers.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import torch

from engine.analysis.elastic import Curve, check_keep, cost, default_keep, elastic_curve
from engine.analysis.judging import judging_sets
from engine.checkpoint.manifest import MODEL, NAME, parse_name
from engine.data.loader import ValidationSet
from engine.errors import SlotdeckError
from engine.precision.device import choose_device
from engine.profile.derive import train_seq_len
from engine.runlog.catalog import find_run, is_run_dir
from engine.runlog.run_folder import ARTIFACTS
from engine.shrink.choose import NEWEST, Chosen, choose
from engine.small_file import write_whole
from engine.text import one_line
from engine.train.build import describe_machine
from engine.units import format_count
from slotdeck.bench.elastic_lines import curve_lines
from slotdeck.bench.elastic_plot import draw
from slotdeck.bench.progress import shown_progress
from slotdeck.say import say
from slotdeck.terminal import shown_path

SEED = 1
"""Of the random control."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A checkpoint of a run, its model on the device."""

    run_dir: Path
    checkpoint: Chosen

    @property
    def name(self) -> str:
        """As people see it."""
        return one_line(f"{self.run_dir.name} {self.checkpoint.manifest.name}")

    @property
    def seq_len(self) -> int:
        """Tokens of a sequence in its training, and so in judging it."""
        return train_seq_len(self.checkpoint.profile)


@dataclass(frozen=True, slots=True)
class Judged:
    """A checkpoint, what it is called in table and plot, and its curve."""

    label: str
    trained: Trained
    curve: Curve


def bench_elastic(
    checkpoint: str,
    beside: str,
    *,
    runs_dir: Path,
    data: Path | None,
    tokens: int,
    keep: str,
    out: Path | None,
    device_name: str,
) -> None:
    """The whole command.

    Raises:
        SlotdeckError: a checkpoint, the data or an option is not one that can be judged.
    """
    numbers = _numbers(keep)
    device = choose_device(device_name)
    found = [_load(text, runs_dir, device) for text in (checkpoint, beside) if text]
    kept = [_kept(trained, numbers) for trained in found]
    folder = _writable(out or found[0].run_dir / ARTIFACTS)
    data_dir = _data_dir(found[0], data)
    if len({trained.seq_len for trained in found}) > 1:
        raise SlotdeckError(
            "the two were trained on sequences of unlike length, so their losses do not compare",
            "give one with the same data.seq_len beside it",
        )
    sets = [_sets(trained, data_dir, tokens) for trained in found]
    started = time.perf_counter()
    curves = [_measure(*row, device) for row in zip(found, sets, kept, strict=True)]
    seconds = time.perf_counter() - started
    judged = [Judged(*row) for row in zip(_labels(found), found, curves, strict=True)]
    _tell(judged, data_dir)
    title = f"elastic-{found[0].checkpoint.manifest.name}"
    svg = draw([(one.label, one.curve) for one in judged], found[0].name)
    made = _made(judged, data_dir, device, seconds)
    write_whole(folder / f"{title}.svg", svg.encode(), mode=0o666)
    write_whole(folder / f"{title}.json", msgspec.json.format(msgspec.json.encode(made)) + b"\n", mode=0o666)
    say(f"\nplot  {shown_path(folder / f'{title}.svg')}\nhow   {shown_path(folder / f'{title}.json')}")


# -- what is asked for -----------------------------------------------------------------------------------


def _load(text: str, runs_dir: Path, device: torch.device) -> Trained:
    """The checkpoint whose folder `text` is, or the newest one of the run that it names."""
    folder = Path(os.path.expanduser(text)).absolute()
    if (folder / NAME).is_file() or parse_name(folder.name):
        run_dir, name = folder.parent.parent, folder.name
        if not is_run_dir(run_dir):
            what = "lies outside a run folder" if folder.is_dir() else "does not exist"
            raise SlotdeckError(
                f"checkpoint {one_line(text)} {what}", "give runs/<id>/checkpoints/step-... or the run's name"
            )
    else:
        run_dir, name = find_run(text, runs_dir), NEWEST
    try:
        chosen = choose(run_dir, name)
    except SlotdeckError as error:
        raise SlotdeckError(
            error.message, error.remedy.replace("name another with --checkpoint", "give another's folder")
        ) from None
    chosen.model.to(device)
    return Trained(run_dir, chosen)


def _numbers(keep: str) -> list[int]:
    words = [word.strip() for word in keep.split(",")] if keep else []
    for word in words:
        if not (word.isascii() and word.isdigit()) or len(word) > 6:
            raise SlotdeckError(
                f"--keep {one_line(keep)}: {one_line(word)!r} is not a number of blocks",
                "write it like --keep 10,8,6",
            )
    return [int(word) for word in words]


def _kept(trained: Trained, numbers: list[int]) -> tuple[int, ...]:
    depth = len(trained.checkpoint.model.remaining)
    kept = check_keep(numbers, depth) if numbers else default_keep(depth)
    if not kept:
        raise SlotdeckError(f"{trained.name} has {depth} block, and none to take out", "train a deeper model")
    return kept


def _data_dir(trained: Trained, data: Path | None) -> Path:
    folder = data or Path(trained.checkpoint.profile.data.dir)
    if not folder.is_dir():
        whose = "" if data else f" that {trained.name} was trained on"
        raise SlotdeckError(
            f"the data folder {folder}{whose} is not there", "give the folder of its tokens with --data DIR"
        )
    return folder


def _sets(trained: Trained, data_dir: Path, tokens: int) -> tuple[ValidationSet, ValidationSet]:
    profile = trained.checkpoint.profile
    return judging_sets(
        data_dir,
        seq_len=trained.seq_len,
        tokens=tokens,
        batch_size=profile.evaluate.batch_size or profile.train.batch_size,
        model_vocab=trained.checkpoint.model.head_weight().shape[0],
        vocab_hash=trained.checkpoint.vocab_hash,
    )


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SlotdeckError(
            f"{folder} cannot be made: {error.strerror}", "give another folder with --out"
        ) from None
    if not os.access(folder, os.W_OK):
        raise SlotdeckError(f"{folder} cannot be written to", "give another folder with --out")
    return folder


# -- what comes of it ------------------------------------------------------------------------------------


def _measure(
    trained: Trained,
    sets: tuple[ValidationSet, ValidationSet],
    keep: tuple[int, ...],
    device: torch.device,
) -> Curve:
    validation, probe = sets
    tokens = cost(len(trained.checkpoint.model.remaining), keep, probe.num_tokens, validation.num_tokens)
    with shown_progress(f"judging {trained.name}: {format_count(tokens)} tokens forward") as told:
        return elastic_curve(
            trained.checkpoint.model, probe, validation, keep, device=device, seed=SEED, told=told
        )


def _labels(found: list[Trained]) -> list[str]:
    """What tells them apart in a table: how they were trained, or else which run or checkpoint they are."""
    labels = []
    for trained in found:
        policy = trained.checkpoint.profile.slots.policy
        gated = " + gates" if trained.checkpoint.model.gates() else ""
        labels.append(("dense" if policy == "all" else policy) + gated)
    runs, names = [one.run_dir.name[-4:] for one in found], [one.checkpoint.manifest.name for one in found]
    for parts in (runs, names):
        if len(set(labels)) < len(labels):
            labels = [f"{label} {part}" for label, part in zip(labels, parts, strict=True)]
    return labels


def _tell(judged: list[Judged], data_dir: Path) -> None:
    first = judged[0].curve
    say(
        f"Judged in fp32 on {first.tokens:,} validation tokens of {one_line(str(shown_path(data_dir)))}; "
        f"which blocks go was chosen on {first.probe_tokens:,} others."
    )
    gates = [(one.label, [gate.item() for gate in one.trained.checkpoint.model.gates()]) for one in judged]
    curves = [(one.label, one.trained.name, one.curve) for one in judged]
    for line in curve_lines(curves, [(label, values) for label, values in gates if values]):
        say(line)


def _made(judged: list[Judged], data_dir: Path, device: torch.device, seconds: float) -> dict[str, Any]:
    """What was measured, and all that one needs to measure it again."""
    return {
        "what": "elastic curve: validation loss with fewer blocks",
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "machine": msgspec.structs.asdict(describe_machine(device)),
        "precision": "fp32",
        "data": str(data_dir.resolve()),
        "models": [
            {
                "label": one.label,
                "run": one.trained.run_dir.name,
                "checkpoint": one.trained.checkpoint.manifest.name,
                "sha256": one.trained.checkpoint.manifest.files[MODEL].sha256,
                "step": one.trained.checkpoint.manifest.step,
                "vocab_hash": one.trained.checkpoint.vocab_hash,
                "gates": [gate.item() for gate in one.trained.checkpoint.model.gates()],
                "curve": asdict(one.curve),
            }
            for one in judged
        ],
    }
