"""The prune trial: which slots the model can do without, and what it loses and gains by that.

Judged on a checkpoint, in a process of its own. The choice is made on one part of the validation tokens and the loss is
told of another: a choice judged on what it was made on would flatter itself. Speed is the time of a forward and a
backward pass with the slots, over the time without them, measured in turns on the run's micro-batch.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import torch

from engine.analysis.elastic import least_useful
from engine.data.loader import ValidationSet
from engine.data.shards import Shards
from engine.evaluate import validate
from engine.jobs.order import PruneTrial
from engine.jobs.progress import Told
from engine.models.slotted import BlockPlan, SlottedModel
from engine.precision.policy import dtype_of
from engine.profile.derive import train_seq_len
from engine.protocol.events import Scalar
from engine.shrink.choose import Chosen, choose

TURNS = 5
"""Pairs of timed passes."""
TURNS_S = 20.0
"""No further pair is begun after this long."""
TIMED_TOKENS = 8192
"""A larger micro-batch is timed on fewer of its sequences."""


def judge(order: PruneTrial, told: Told) -> dict[str, Scalar]:
    """The slots, in the order in which they go, the losses with and without them, and the gain in speed.

    Raises:
        SlotdeckError: the checkpoint or the data cannot be used.
    """
    device = _device(order.device)
    dtype = dtype_of(order.precision if device.type == order.device else "fp32")
    chosen = choose(Path(order.run_dir), order.checkpoint)
    model = chosen.model.to(device)
    judged, probe = _sets(chosen, order)
    names = model.slot_names
    if order.slots:
        gone = [names.index(name) for name in order.slots]
    else:

        def chosen_so_far(done: int, total: int) -> None:
            told(done, total, "batches", "choosing the slots")

        gone = least_useful(model, probe, order.amount, device=device, dtype=dtype, told=chosen_so_far)
    without = [BlockPlan(duty=0.0 if i in gone else 1.0) for i in range(len(names))]
    all_batches = 2 * len(judged)
    loss_before, tokens = validate(
        model, judged, dtype, device, lambda done, _: told(done, all_batches, "batches", "judging")
    )
    loss_after, _ = validate(
        model,
        judged,
        dtype,
        device,
        lambda done, half: told(half + done, all_batches, "batches", "judging"),
        blocks=without,
    )
    told(0, TURNS, "turns", "timing a step")
    return {
        "slots": ",".join(names[i] for i in gone),
        "loss_before": loss_before,
        "loss_after": loss_after,
        "tokens": tokens,
        "probe_tokens": 0 if order.slots else probe.num_tokens,
        "time_share": _time_share(model, without, min(order.batch_size, _sequences(model)), dtype, device),
    }


def _device(wanted: str) -> torch.device:
    """The run's, unless that is a GPU without room for the model a second time."""
    if wanted == "cuda":
        free, total = torch.cuda.mem_get_info()
        if free < total // 4:
            wanted = "cpu"
    torch.set_num_threads(1)
    return torch.device(wanted)


def _sets(chosen: Chosen, order: PruneTrial) -> tuple[ValidationSet, ValidationSet]:
    """The first validation tokens to judge on, and others to choose on; both are less where there is less."""
    profile, rows = chosen.profile, chosen.model.head_weight().shape[0]
    shards = Shards.open(profile.data.dir, "val")
    shards.check_vocab(rows, chosen.vocab_hash)
    seq_len = train_seq_len(profile)
    there = sum((len(part) - 1) // seq_len for part in shards.tokens)
    count = max(min(order.probe_tokens // seq_len, there // 2), 1)
    size = profile.evaluate.batch_size or order.batch_size

    def some(skip: int) -> ValidationSet:
        return ValidationSet(shards, seq_len, count * seq_len, size, vocab_size=rows, skip=skip)

    return some(0), some(count if there > count else 0)


def _sequences(model: SlottedModel) -> int:
    return max(TIMED_TOKENS // model.seq_len, 1)


def _time_share(
    model: SlottedModel, without: list[BlockPlan], sequences: int, dtype: torch.dtype, device: torch.device
) -> float:
    """The time of a pass without the slots as a share of that with them: median over turns."""
    generator = torch.Generator().manual_seed(0)
    ids_BT = torch.randint(model.vocab_size, (sequences, model.seq_len), generator=generator).to(device)
    model.train()

    def seconds(blocks: list[BlockPlan] | None) -> float:
        begun = time.perf_counter()
        loss = model.forward_loss(ids_BT, ids_BT, blocks, dtype)
        loss.backward()  # type: ignore[no-untyped-call]
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        for p in model.parameters():
            p.grad = None
        return time.perf_counter() - begun

    seconds(None), seconds(without)  # the first passes pay for what is set up once
    shares: list[float] = []
    began = time.perf_counter()
    while len(shares) < TURNS and (not shares or time.perf_counter() - began < TURNS_S):
        whole = seconds(None)
        shares.append(seconds(without) / whole)
    return statistics.median(shares)
